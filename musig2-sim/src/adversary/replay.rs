//! Says again what was said before, where it does not belong.

use super::letters::send;
use super::{Adversary, Means};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::protocol;
use musig2_proto::wire::frame::Frame;
use musig2_proto::{Input, Output};

/// The most frames and publications that it remembers.
const MEMORY: usize = 64;
/// The most extra messages that it sends. Without a limit its world would never come to rest.
const EXTRA: u32 = 300;

/// Follows the protocol, and sends old frames along with the new ones: its own and others',
/// unchanged, or with their statements moved to another session.
#[derive(Default)]
pub(super) struct Replay {
    frames: Vec<Frame>,
    publications: Vec<Vec<u8>>,
    sent: u32,
}

impl Replay {
    fn remember(&mut self, bytes: &[u8]) {
        if let Some(frame) = protocol::decode(bytes)
            && self.frames.len() < MEMORY
        {
            self.frames.push(frame);
        }
    }

    fn remember_publication(&mut self, bytes: &[u8]) {
        if self.publications.len() < MEMORY {
            self.publications.push(bytes.to_vec());
        }
    }

    /// Returns one of the old frames, perhaps moved to the session of a new one.
    fn old<C: Engine>(&self, means: &mut Means<'_, C>, now: &Frame) -> Option<Frame> {
        let old = self.frames.get(means.below(self.frames.len()))?.clone();
        Some(match means.below(2) {
            0 => old,
            _ => protocol::frame(now.session, old.statements.into_vec()),
        })
    }
}

impl<C: Engine> Adversary<C> for Replay {
    fn before(&mut self, _: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        match &input {
            Input::Frame { bytes, .. } => self.remember(bytes),
            Input::Announcement { bytes, .. } => self.remember_publication(bytes),
            _ => {}
        }
        vec![input]
    }

    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let mut all = Vec::new();
        for output in outputs {
            let extra = match &output {
                _ if self.sent >= EXTRA => None,
                Output::Send { to, bytes } => {
                    self.remember(bytes);
                    let now: Option<Frame> = protocol::decode(bytes);
                    let old = now.and_then(|now| self.old(means, &now));
                    NodeId::of_destination(to).zip(old).map(|(to, frame)| send(to, &frame))
                }
                Output::Publish(bytes) => {
                    self.remember_publication(bytes);
                    let old = means.below(self.publications.len());
                    self.publications.get(old).cloned().map(Output::Publish)
                }
                _ => None,
            };
            all.push(output);
            self.sent += u32::from(extra.is_some());
            all.extend(extra);
        }
        all
    }
}
