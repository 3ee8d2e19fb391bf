//! Lies about what a node holds.

use super::letters::{edit_frames, edit_statements, send};
use super::{Adversary, Means};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::protocol;
use musig2_proto::wire::frame::{Frame, Have, Request};
use musig2_proto::{Boot, Output, SignerIndex};

/// The most extra frames that it sends. Without a limit its world would never come to rest.
const EXTRA: u32 = 300;

/// Follows the protocol, but lies in the `have` of every frame, and sends false summaries in
/// others' names to everyone it writes to.
#[derive(Default)]
pub(super) struct FalseSummaries {
    sent: u32,
}

impl<C: Engine> Adversary<C> for FalseSummaries {
    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let mut lies = Vec::new();
        let mut outputs = edit_frames(outputs, |to, frame| {
            let Some(view) = means.node.session(&frame.session) else { return true };
            let signers = view.manifest.signer_count();
            if let Some(have) = &mut frame.have {
                let everything = means.below(2) == 0;
                let lie = protocol::summary(signers, have.signer, have.boot, everything);
                *have = match means.below(4) {
                    0 => {
                        Have { ended: false, attempt: have.attempt, sequence: have.sequence, ..lie }
                    }
                    1 => Have { ended: !everything, reach: have.reach.clone(), ..lie },
                    2 => Have { digest: have.digest, ..lie },
                    _ => have.clone(),
                };
            }
            if let Some(to) = to.filter(|_| self.sent < EXTRA) {
                let signer = SignerIndex::new(means.below(signers) as u16);
                let everything = means.below(2) == 0;
                let have =
                    protocol::summary(signers, signer, Boot::new(means.random()), everything);
                let frame = protocol::frame(frame.session, []);
                lies.push(send(
                    to,
                    &Frame { have: Some(have), request: Request::Statements, ..frame },
                ));
                self.sent += 1;
            }
            true
        });
        outputs.extend(lies);
        outputs
    }
}

/// Takes everything, passes nothing on, and claims to have everything. If others rely on it as a
/// hub, they must bypass it.
pub(super) struct LyingHub;

impl<C: Engine> Adversary<C> for LyingHub {
    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let outputs = outputs.into_iter().filter(|output| match output {
            Output::Send { to, .. } => NodeId::of_destination(to).is_some(),
            _ => true,
        });
        edit_frames(outputs.collect(), |_, frame| {
            let Some(view) = means.node.session(&frame.session) else { return true };
            if let Some(have) = &mut frame.have {
                let lie =
                    protocol::summary(view.manifest.signer_count(), have.signer, have.boot, true);
                *have = Have { ended: false, attempt: have.attempt, digest: have.digest, ..lie };
            }
            edit_statements(frame, |statement| (statement.author == view.me).then_some(statement));
            frame.signatures = None;
            true
        })
    }
}
