//! Opens, changes and closes the messages between a node and the network.

use super::{Means, RogueSigner};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::protocol;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::statement::{Body, Statement};
use musig2_proto::{AttemptId, Boot, Destination, Input, Output, SessionId, SignerIndex};
use std::collections::BTreeMap;

/// The most statements that are remembered of one session.
const MAX_HEARD: usize = 512;

/// Makes the output that sends a frame to a node.
pub(super) fn send(to: NodeId, frame: &Frame) -> Output {
    Output::Send { to: Destination::Contact(to.contact()), bytes: protocol::encode(frame) }
}

/// Changes every frame that leaves. A frame for which `edit` returns `false` is not sent.
pub(super) fn edit_frames(
    outputs: Vec<Output>,
    mut edit: impl FnMut(Option<NodeId>, &mut Frame) -> bool,
) -> Vec<Output> {
    let edited = outputs.into_iter().filter_map(|output| {
        let Output::Send { to, bytes } = output else { return Some(output) };
        let Some(mut frame) = protocol::decode(&bytes) else {
            return Some(Output::Send { to, bytes });
        };
        edit(NodeId::of_destination(&to), &mut frame)
            .then(|| Output::Send { to, bytes: protocol::encode(&frame) })
    });
    edited.collect()
}

/// Changes the statements of a frame. Those for which `edit` returns `None` are dropped.
pub(super) fn edit_statements(frame: &mut Frame, edit: impl FnMut(Statement) -> Option<Statement>) {
    let statements = core::mem::replace(&mut frame.statements, List::empty());
    let edited = statements.into_vec().into_iter().filter_map(edit).collect();
    // There are no more than before, so this cannot fail.
    frame.statements = List::new(edited).unwrap_or_else(|_| List::empty());
}

/// Changes every statement of the node's own that leaves. One for which `edit` returns `None` is
/// not sent.
pub(super) fn edit_own<C: Engine>(
    means: &mut Means<'_, C>,
    outputs: Vec<Output>,
    mut edit: impl FnMut(&mut Means<'_, C>, Option<NodeId>, SessionId, Statement) -> Option<Statement>,
) -> Vec<Output> {
    edit_frames(outputs, |to, frame| {
        let (session, me) = (frame.session, means.index(frame));
        edit_statements(frame, |statement| match Some(statement.author) == me {
            true => edit(means, to, session, statement),
            false => Some(statement),
        });
        true
    })
}

/// Hides from the node what is said under its own key, or it would notice that somebody else uses
/// the key.
pub(super) fn hide_own<C: Engine>(means: &Means<'_, C>, input: Input) -> Input {
    let Input::Frame { from, bytes } = input else { return input };
    let Some(mut frame) = protocol::decode::<Frame>(&bytes) else {
        return Input::Frame { from, bytes };
    };
    let Some(me) = means.place(&frame.session) else { return Input::Frame { from, bytes } };
    if frame.statements.iter().all(|statement| statement.author != me) {
        return Input::Frame { from, bytes };
    }
    edit_statements(&mut frame, |statement| (statement.author != me).then_some(statement));
    Input::Frame { from, bytes: protocol::encode(&frame) }
}

impl<C: Engine> Means<'_, C> {
    /// Returns its signer index in a session that its node knows.
    pub(super) fn place(&self, session: &SessionId) -> Option<SignerIndex> {
        self.node.session(session).map(|view| view.me)
    }

    /// Returns its signer index in the session of a frame that its node made.
    fn index(&self, frame: &Frame) -> Option<SignerIndex> {
        frame.have.as_ref().map(|have| have.signer).or_else(|| self.place(&frame.session))
    }

    /// Splits the other nodes into two sides, alternating.
    pub(super) fn is_on_other_side(&self, node: NodeId) -> bool {
        (node.get() + u16::from(node < self.me)) % 2 == self.me.get() % 2
    }
}

/// What was heard in each session, true or not, each statement once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard(BTreeMap<SessionId, Vec<Statement>>);

impl Heard {
    /// Adds what a frame says. A session has room for 512 statements.
    pub fn hear(&mut self, input: &Input) {
        let Input::Frame { bytes, .. } = input else { return };
        let Some(frame) = protocol::decode::<Frame>(bytes) else { return };
        let heard = self.0.entry(frame.session).or_default();
        for statement in frame.statements.into_vec() {
            if heard.len() < MAX_HEARD && !heard.contains(&statement) {
                heard.push(statement);
            }
        }
    }

    /// Returns everything heard in a session, in order of arrival.
    pub fn of(&self, session: &SessionId) -> &[Statement] {
        self.0.get(session).map_or(&[], Vec::as_slice)
    }

    /// Returns all sessions in which something was heard.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.0.keys().copied()
    }

    /// Returns the nonces of an attempt, the first from each signer.
    pub fn nonces(&self, session: &SessionId, attempt: AttemptId) -> Vec<Statement> {
        let mut nonces = BTreeMap::new();
        for statement in self.of(session) {
            if matches!(&statement.body, Body::Nonces(nonces) if nonces.attempt == attempt) {
                nonces.entry(statement.author).or_insert_with(|| statement.clone());
            }
        }
        nonces.into_values().collect()
    }
}

/// A rogue signer for each session, and the statements that replace the node's own, the same each
/// time.
pub(super) struct Substitutes<C: Engine> {
    rogues: BTreeMap<SessionId, RogueSigner<C>>,
    /// By the session and hash of the node's own statement.
    said: BTreeMap<(SessionId, [u8; 32]), Statement>,
}

impl<C: Engine> Default for Substitutes<C> {
    fn default() -> Self {
        Self { rogues: BTreeMap::new(), said: BTreeMap::new() }
    }
}

impl<C: Engine> Substitutes<C> {
    /// Returns the rogue signer of a session that the node knows.
    pub(super) fn rogue(
        &mut self,
        means: &Means<'_, C>,
        session: &SessionId,
    ) -> Option<&mut RogueSigner<C>> {
        if !self.rogues.contains_key(session) {
            let rogue =
                RogueSigner::new(means.secret, means.me.contact(), means.node.session(session)?)
                    .ok()?;
            self.rogues.insert(*session, rogue);
        }
        self.rogues.get_mut(session)
    }

    /// Returns what replaces this statement. `make` makes it the first time, in the same life and
    /// attempt. `None` if `make` cannot.
    pub(super) fn instead_of(
        &mut self,
        means: &Means<'_, C>,
        session: &SessionId,
        statement: &Statement,
        make: impl FnOnce(&mut RogueSigner<C>) -> Option<Statement>,
    ) -> Option<Statement> {
        let hash = (*session, protocol::statement_hash(session, statement.author, &statement.body));
        if !self.said.contains_key(&hash) {
            let rogue = self.rogue(means, session)?;
            rogue.boot = statement.boot().unwrap_or(rogue.boot);
            if let Body::Nonces(musig2_proto::wire::statement::Nonces { attempt, .. })
            | Body::Partials(musig2_proto::wire::statement::Partials { attempt, .. }) =
                &statement.body
            {
                rogue.attempt = *attempt;
            }
            let made = make(rogue)?;
            self.said.insert(hash, made);
        }
        self.said.get(&hash).cloned()
    }

    /// Returns what replaced the nonces of one life in an attempt.
    pub(super) fn nonces(
        &self,
        session: &SessionId,
        attempt: AttemptId,
        boot: Boot,
    ) -> Option<Statement> {
        let mut of_session =
            self.said.iter().filter(|((of, _), _)| of == session).map(|(_, said)| said);
        let asked = |body: &Body| matches!(body, Body::Nonces(of) if (of.attempt, of.boot) == (attempt, boot));
        of_session.find(|said| asked(&said.body)).cloned()
    }
}
