//! What reaches the honest node, and what it returns.

use super::{Crowd, MAX_HEARD};
use crate::engine::Engine;
use crate::fuzz::deceiver::{attempt_of, boot};
use crate::fuzz::moves::{Around, Attempt, Claim};
use crate::fuzz::pen::list;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::bitmap::Bitmap;
use musig2_proto::wire::frame::{BoardDigest, Frame, Have, Request};
use musig2_proto::wire::statement::Statement;
use musig2_proto::wire::{decode_message, encode_message};
use musig2_proto::{Command, Input, Output, SessionId, SessionView, Signature, SignerIndex};

impl<C: Engine> Crowd<C> {
    pub(super) fn announce(&mut self, who: usize, items: u8, in_frame: bool) {
        let proposal = self.proposal(items);
        let deceiver = &mut self.deceivers[who];
        let Some((view, announcement)) = deceiver.propose(self.now, proposal) else { return };
        let (from, id) = (deceiver.source(), view.id);
        // From here on, moves are about this session.
        self.session = Some((view, announcement.clone()));
        if in_frame {
            let frame = Frame { announcement: Some(announcement), ..empty(id) };
            self.give(Input::Frame { from, bytes: encode_message(&frame) });
        } else {
            let publication = Publication::Announcement { fresh: [0; 8], announcement };
            self.give(Input::Announcement { from, bytes: encode_message(&publication) });
        }
    }

    pub(super) fn send(
        &mut self,
        who: usize,
        statements: Vec<Statement>,
        claim: Option<&Claim>,
        around: &Around,
    ) {
        let Some((view, announcement)) = &self.session else { return };
        let signatures = match around.signatures % 4 {
            1 => Some(list(self.signatures.iter().copied())),
            2 => Some(list(view.manifest.items().iter().map(|_| Signature::new([9; 64])))),
            _ => None,
        };
        let request = match around.asks % 3 {
            0 => Request::Nothing,
            1 => Request::Statements,
            _ => Request::Announcement,
        };
        let frame = Frame {
            session: view.id,
            request,
            have: claim.map(|claim| self.have(view, claim)),
            announcement: around.announcement.then(|| announcement.clone()),
            statements: list(statements),
            signatures,
        };
        let from = self.deceivers[who].source();
        self.give(Input::Frame { from, bytes: encode_message(&frame) });
    }

    pub(super) fn have(&self, view: &SessionView, claim: &Claim) -> Have {
        let signers = view.manifest.signer_count();
        let map = |bits: u8| {
            Bitmap::new(signers, view.manifest.indices().filter(|one| bits >> one.get() & 1 == 1))
        };
        Have {
            signer: SignerIndex::new(claim.signer.into()),
            boot: boot(claim.life, &self.pool),
            sequence: claim.sequence.into(),
            attempt: attempt_of(view, &self.pool, Attempt::Derived),
            joins: map(claim.joins),
            nonces: map(claim.nonces),
            partials: map(claim.partials),
            reach: map(claim.joins),
            ended: claim.ended,
            // No board has this digest, so the node has to treat the claimed board as a different
            // one.
            digest: BoardDigest::new([0; 32]),
        }
    }

    pub(super) fn again(&mut self, which: u8, place: u16, change: u8) {
        let Some(which) = usize::from(which).checked_rem(self.sent.len()) else { return };
        let mut input = self.sent[which].clone();
        if let Input::Frame { bytes, .. } | Input::Announcement { bytes, .. } = &mut input {
            let place = usize::from(place).checked_rem(bytes.len());
            place.into_iter().for_each(|place| bytes[place] ^= change);
        }
        self.give(input);
    }

    pub(super) fn give(&mut self, input: Input) {
        // A tick has no content that could be sent again.
        if input != Input::Tick && self.sent.len() < MAX_HEARD {
            self.sent.push(input.clone());
        }
        let outputs = self.honest.handle(self.now, input);
        self.take(outputs);
    }

    pub(super) fn order(&mut self, command: Command) {
        let outputs = self.honest.order(self.now, command);
        self.take(outputs);
    }

    pub(super) fn take(&mut self, outputs: Vec<Output>) {
        // An application stores the announcement of a session that it joined before anything
        // leaves.
        for view in self.honest.node.sessions().filter(|view| view.joined.contains(&view.me)) {
            self.kept.extend(self.honest.node.announcement(&view.id).map(|bytes| (view.id, bytes)));
        }
        let from = self.honest.source();
        for output in outputs {
            match output {
                Output::Send { bytes, .. } => {
                    if let Ok(frame) = decode_message::<Frame>(&bytes, bytes.len()) {
                        frame.statements.iter().for_each(|statement| self.hear(statement.clone()));
                        self.signatures.extend(frame.signatures.iter().flat_map(|all| all.iter()));
                        // No session here has more than two items.
                        self.signatures.truncate(2);
                    }
                    if self.sent.len() < MAX_HEARD {
                        self.sent.push(Input::Frame { from: from.clone(), bytes });
                    }
                }
                Output::Publish(bytes) if self.sent.len() < MAX_HEARD => {
                    self.sent.push(Input::Announcement { from: from.clone(), bytes });
                }
                Output::Event(event) => self.told(&event),
                _ => {}
            }
        }
    }

    pub(super) fn hear(&mut self, statement: Statement) {
        if self.pool.len() < MAX_HEARD && !self.pool.contains(&statement) {
            self.pool.push(statement);
        }
    }
}

/// Makes an empty frame.
fn empty(session: SessionId) -> Frame {
    let (have, announcement, signatures) = (None, None, None);
    Frame {
        session,
        request: Request::Nothing,
        have,
        announcement,
        statements: list([]),
        signatures,
    }
}
