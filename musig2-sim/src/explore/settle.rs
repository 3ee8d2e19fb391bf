//! What must follow from a quiet state once nothing more goes wrong.

use super::call::Call;
use super::signer::Signer;
use super::state::{Model, State};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::oracle::{Progress, Violation};
use crate::time::Micros;
use core::hash::Hash;
use musig2_proto::{Input, Node};

/// How long it may take: two of the longest pauses between polls, with hellos and announcements in
/// between.
const PATIENCE: Micros = Micros::from_secs(60);

/// Brings back every node that is down, delivers everything in order, and lets time pass when
/// nothing is in flight. Then everyone must end with the signatures, unless no node remembers the
/// session, in which case it is gone.
pub(super) fn settle<C: Engine>(model: &Model<C>, state: &State<C>) -> Result<(), Violation>
where
    Node<C>: Clone + Hash,
{
    let mut state = state.clone();
    for node in NodeId::first(model.explorer.signers) {
        if state.signer(node).node.is_none() {
            model.call(&mut state, node, Call::Restart, None)?;
        }
    }
    if !state.signers().any(|(_, signer)| remembers(model, signer)) {
        return Ok(());
    }
    let until = state.now + PATIENCE;
    while !state.is_complete() {
        if let Some(pending) = (!state.is_quiet()).then(|| state.pending.remove(0)) {
            model.call(&mut state, pending.node(), model.call_for(&pending), None)?;
            continue;
        }
        match model.next_deadline(&state).filter(|&at| at <= until) {
            Some(at) => tick(model, &mut state, at)?,
            None => return unfinished(model, &state),
        }
        if state.signers().any(|(_, signer)| signer.end.is_some() && !signer.is_complete()) {
            return unfinished(model, &state);
        }
    }
    Ok(())
}

fn tick<C: Engine>(model: &Model<C>, state: &mut State<C>, at: Micros) -> Result<(), Violation>
where
    Node<C>: Clone + Hash,
{
    let due = |node: &NodeId| model.deadline(state, *node) == Some(at);
    let due: Vec<_> = NodeId::first(model.explorer.signers).filter(due).collect();
    state.now = at;
    due.into_iter()
        .try_for_each(|node| model.call(state, node, Call::Take(Input::Tick), None).map(|_| ()))
}

fn remembers<C: Engine>(model: &Model<C>, signer: &Signer<C>) -> bool {
    signer.node.as_ref().is_some_and(|node| node.session(&model.session).is_some())
}

fn unfinished<C: Engine>(model: &Model<C>, state: &State<C>) -> Result<(), Violation> {
    let first = state.signers().find(|(_, signer)| !signer.is_complete());
    first.map_or(Ok(()), |(node, signer)| {
        let view = signer.node.as_ref().and_then(|node| node.session(&model.session));
        let state = match (&signer.end, view) {
            (Some(end), _) => Progress::Ended(end.clone()),
            (None, Some(view)) => Progress::Open { phase: view.phase, awaiting: view.awaiting },
            (None, None) => Progress::Unknown,
        };
        Err(Violation::NotComplete { session: 0, node, state })
    })
}
