//! Everything that is signed was approved: by this node's application, for this session, and before
//! it expired.

use super::{Call, Host, Met, Session, State, Watch};
use crate::engine::{Challenge, Engine, Judge};
use crate::ids::NodeId;
use crate::oracle::Violation;
use crate::protocol;
use musig2_proto::wire::VERSION;
use musig2_proto::wire::announcement::Announcement;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::statement::{Body, Statement};
use musig2_proto::{Command, SessionId, Timestamp, XOnlyPublicKey};
use std::collections::BTreeSet;

/// The offset at which a frame says what its sender holds: behind version, session and request. The
/// byte there is zero if the sender has not joined.
const HAVE: usize = 1 + SessionId::SIZE + 1;

impl Watch {
    /// Records that a node carried out an order.
    pub(super) fn ordered<C: Engine>(&mut self, call: &Call<'_, C>, command: &Command) {
        let id = match command {
            Command::JoinSession { session }
            | Command::AnnounceSession { session, .. }
            | Command::DeclineSession { session, .. }
            | Command::AbortSession { session, .. } => *session,
            Command::ResumeSession { announcement } => {
                let Some(announcement) = protocol::decode::<Announcement>(announcement) else {
                    return;
                };
                announcement.content.manifest.id()
            }
            _ => return,
        };
        let Some(session) = self.session(call, &id) else { return };
        let part = self.part(call.node, session);
        match command {
            Command::AbortSession { .. } => part.gave_up = true,
            Command::DeclineSession { reason, .. } => part.declined |= reason.is_some(),
            // Making the session already counted as approval.
            Command::AnnounceSession { .. } => part.since = call.clock,
            _ => {
                part.state = State::Approved;
                part.approvals += 1;
                part.since = call.clock;
            }
        }
    }

    /// Checks a partial signature: it must be for an item of a session that the node's application
    /// approved and that has not expired.
    pub(super) fn check_signed<C: Engine>(
        &mut self,
        node: NodeId,
        clock: Timestamp,
        challenge: Challenge,
    ) -> Result<(), Violation> {
        let parts = &self.hosts[node.as_usize()].parts;
        let key = challenge.key.x_only();
        // Several sessions may have the same signers and messages, and the signature may belong to
        // any of them.
        let mut is_approved = false;
        for (session, part) in self.sessions.iter_mut().zip(parts) {
            if part.state != State::Approved || clock >= session.manifest.expires_at() {
                continue;
            }
            let Some(item) = session.item::<C>(&challenge, &key)? else { continue };
            let met =
                session.met.iter_mut().find(|met| met.item == item && met.nonce == challenge.nonce);
            match met {
                Some(met) => _ = met.by.insert(node),
                None => session.met.push(Met {
                    item,
                    nonce: challenge.nonce,
                    by: BTreeSet::from([node]),
                }),
            }
            is_approved = true;
        }
        if is_approved {
            Ok(())
        } else {
            Err(Violation::SignedUnapproved { node, challenge: Box::new(challenge) })
        }
    }

    /// Checks that a node that has not consented says nothing of its own about a session, except
    /// that it declines, if its application wanted that told.
    pub(super) fn check_frame(&self, node: NodeId, bytes: &[u8]) -> Result<(), Violation> {
        let id =
            bytes.get(1..=SessionId::SIZE).and_then(|id| id.try_into().ok()).map(SessionId::new);
        let Some(id) = id else { return Err(Violation::NotAMessage { node }) };
        let host = &self.hosts[node.as_usize()];
        let session = self.names.get(&id).copied();
        let part = session.and_then(|session| host.parts.get(session));
        if part.is_some_and(|part| part.approvals > 0) {
            return Ok(());
        }
        let may_decline = part.is_some_and(|part| part.declined);
        let spoke = bytes.get(HAVE) != Some(&0)
            || session.is_some_and(|session| {
                has_own_statement(host, &self.sessions[session], may_decline, bytes)
            });
        if spoke { Err(Violation::SpokeUnapproved { node, session: id }) } else { Ok(()) }
    }

    /// Checks that no session is open on a node after it has expired by the node's own clock.
    pub(super) fn check_time(&self, node: NodeId, clock: Timestamp) -> Result<(), Violation> {
        for (session, part) in self.sessions.iter().zip(&self.hosts[node.as_usize()].parts) {
            let open = matches!(part.state, State::Discovered | State::Approved);
            if open && clock >= session.manifest.expires_at() {
                return Err(Violation::Overdue { node, session: session.id });
            }
        }
        Ok(())
    }
}

/// Returns whether a frame has one of its sender's own statements. This decodes the frame, and so
/// is asked only about the few frames of nodes that have not joined.
fn has_own_statement(host: &Host, session: &Session, may_decline: bool, bytes: &[u8]) -> bool {
    let (Some((&VERSION, content)), Some(own)) =
        (bytes.split_first(), session.manifest.index_of(&host.key))
    else {
        return false;
    };
    let frame = postcard::from_bytes::<Frame>(content);
    let is_own = |statement: &Statement| {
        statement.author == own && !(may_decline && matches!(statement.body, Body::Decline(_)))
    };
    frame.is_ok_and(|frame| frame.statements.iter().any(is_own))
}

impl Session {
    /// Returns the item that a challenge is about.
    fn item<C: Engine>(
        &mut self,
        challenge: &Challenge,
        key: &XOnlyPublicKey,
    ) -> Result<Option<usize>, Violation> {
        let manifest = std::sync::Arc::clone(&self.manifest);
        let mut messages = manifest.items().iter().enumerate();
        let Some((first, _)) = messages.find(|(_, item)| *item.message() == challenge.message)
        else {
            return Ok(None);
        };
        let keys = self.keys::<C>()?;
        let items = manifest.items().iter().zip(keys).enumerate().skip(first);
        let mut same =
            items.filter(|(_, (item, own))| *item.message() == challenge.message && *own == key);
        Ok(same.next().map(|(place, _)| place))
    }

    /// Returns the key of each item, computed independently.
    pub(super) fn keys<C: Engine>(&mut self) -> Result<&[XOnlyPublicKey], Violation> {
        let keys =
            match self.keys.take() {
                Some(keys) => keys,
                None => {
                    let (signers, items) =
                        (self.manifest.signers(), self.manifest.items().iter().enumerate());
                    let keys =
                        items.map(|(item, content)| {
                            C::Judge::output_key(signers, content)
                                .map_err(|error| Violation::NoKey { session: self.id, item, error })
                        });
                    keys.collect::<Result<_, _>>()?
                }
            };
        Ok(self.keys.insert(keys))
    }
}
