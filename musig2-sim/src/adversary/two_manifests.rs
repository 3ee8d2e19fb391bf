//! A coordinator that proposes two things at once.

use super::letters::{edit_frames, send};
use super::{Adversary, Means};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::protocol;
use musig2_proto::wire::announcement::{Announcement, Publication};
use musig2_proto::wire::frame::Frame;
use musig2_proto::{
    Audience, Command, Event, Input, Manifest, Message, Node, Output, Proposal, SessionId,
    Timestamp,
};
use std::collections::BTreeMap;

/// Proposes one session to some nodes and another to the rest, with the same signers. It takes part
/// in both, each with one side.
#[derive(Default)]
pub(super) struct TwoManifests {
    /// The session that the other side hears of, by the session that its node made.
    other: BTreeMap<SessionId, Announcement>,
    /// What its own node still has to hear, and since when.
    untold: Vec<Vec<u8>>,
    told_at: Option<Timestamp>,
}

impl TwoManifests {
    /// Returns whether nothing of this session may reach that node.
    fn hides<C: Engine>(&self, means: &Means<'_, C>, session: &SessionId, to: NodeId) -> bool {
        let is_other = self.other.values().any(|other| other.content.manifest.id() == *session);
        match self.other.contains_key(session) {
            true => means.is_on_other_side(to),
            false => is_other && !means.is_on_other_side(to),
        }
    }
}

impl<C: Engine> Adversary<C> for TwoManifests {
    fn before(&mut self, means: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        self.told_at = None;
        let from = means.me.source();
        let told = core::mem::take(&mut self.untold).into_iter();
        let told = told.map(|bytes| Input::Announcement { from: from.clone(), bytes });
        told.chain([input]).collect()
    }

    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let mut all = Vec::new();
        for output in outputs {
            let Some(one) = announced(&output).filter(|announced| is_own(means, announced)) else {
                all.push(output);
                continue;
            };
            let id = one.content.manifest.id();
            // The node publishes the second session, too. That would tell both sides, and the
            // frames below have already told the right one.
            if self.other.values().any(|other| other.content.manifest.id() == id) {
                continue;
            }
            if !self.other.contains_key(&id)
                && let Some((other, bytes)) = another(means, &one.content.manifest)
            {
                self.other.insert(id, other);
                self.untold.push(bytes);
                self.told_at = Some(means.now);
            }
            let Some(other) = self.other.get(&id) else { continue };
            // Frames instead of a publication, because everyone hears a publication.
            for to in means.others() {
                let announcement = if means.is_on_other_side(to) { other } else { &one };
                let frame = protocol::frame(announcement.content.manifest.id(), []);
                all.push(send(to, &Frame { announcement: Some(announcement.clone()), ..frame }));
            }
        }
        edit_frames(all, |to, frame| to.is_none_or(|to| !self.hides(means, &frame.session, to)))
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.told_at
    }
}

fn announced(output: &Output) -> Option<Announcement> {
    let Output::Publish(bytes) = output else { return None };
    match protocol::decode(bytes)? {
        Publication::Announcement { announcement, .. } => Some(announcement),
        Publication::Hello { .. } => None,
    }
}

fn is_own<C: Engine>(means: &Means<'_, C>, announcement: &Announcement) -> bool {
    let manifest = &announcement.content.manifest;
    manifest.signer(manifest.coordinator()) == Some(&means.key())
}

/// Makes a session of the same signers that signs something else, and its publication.
fn another<C: Engine>(
    means: &mut Means<'_, C>,
    manifest: &Manifest,
) -> Option<(Announcement, Vec<u8>)> {
    let messages: Vec<_> = manifest.items().iter().map(|_| Message::new(means.random())).collect();
    let proposal = Proposal::new(manifest.signers().iter().copied()).with_keep_order(true);
    announce(means, messages.into_iter().fold(proposal, Proposal::with_message))
}

/// Makes a session proposed with its key, of which its node knows nothing.
pub(super) fn announce<C: Engine>(
    means: &mut Means<'_, C>,
    proposal: Proposal,
) -> Option<(Announcement, Vec<u8>)> {
    let mut puppet = Node::<C>::with_engine(means.node.config().clone()).ok()?;
    puppet.add_key(means.secret).ok()?;
    let created = puppet.execute(means.now, means.rng, Command::CreateSession(proposal)).ok()?;
    let session = created.iter().find_map(|output| match output {
        Output::Event(Event::SessionCreated { session }) => Some(*session),
        _ => None,
    })?;
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    let outputs = puppet.execute(means.now, means.rng, announce).ok()?;
    outputs.into_iter().find_map(|output| {
        let announcement = announced(&output)?;
        let Output::Publish(bytes) = output else { return None };
        Some((announcement, bytes))
    })
}
