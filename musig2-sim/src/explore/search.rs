//! Searches breadth first, so that the first path found to a state is a shortest one.

use super::counterexample::{Counterexample, Trail};
use super::moves::{Fault, Next};
use super::state::Model;
use super::{Explorer, settle};
use crate::engine::Engine;
use core::hash::Hash;
use musig2_proto::Node;
use std::collections::{BTreeSet, VecDeque};

/// What was explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exploration {
    /// How many different states there are, or were found.
    pub states: usize,
    /// How many steps lead from one state to another, or to itself.
    pub transitions: u64,
    /// How many states had nothing in flight; from each of these, everyone was seen to end with the
    /// signatures.
    pub settled: u64,
    /// How many moves it takes to get to the farthest state.
    pub depth: usize,
    /// Whether these are all states within the bounds. If not, all that are fewer than `depth`
    /// moves away were explored.
    pub exhausted: bool,
}

pub(super) fn search<C: Engine>(explorer: &Explorer) -> Result<Exploration, Box<Counterexample>>
where
    Node<C>: Clone + Hash,
{
    let model = Model::<C>::new(explorer);
    let first = model.first_state();
    let mut seen = BTreeSet::from([first.fingerprint()]);
    let mut frontier = VecDeque::from([(first, Trail::default())]);
    let mut explored =
        Exploration { states: 1, transitions: 0, settled: 0, depth: 0, exhausted: true };
    while let Some((state, trail)) = frontier.pop_front() {
        explored.depth = trail.len();
        if state.is_quiet() {
            settle::settle(&model, &state)
                .map_err(|violation| Box::new(trail.counterexample(violation, true)))?;
            explored.settled += 1;
        }
        let nexts = model.next_states(&state).map_err(|fault| {
            let Fault { step, violation } = *fault;
            Box::new(trail.then(step).counterexample(violation, false))
        })?;
        for Next { step, state: next } in nexts {
            explored.transitions += 1;
            if seen.len() < explorer.state_limit {
                if seen.insert(next.fingerprint()) {
                    frontier.push_back((next, trail.then(step)));
                }
            } else if !seen.contains(&next.fingerprint()) {
                explored.exhausted = false;
            }
        }
    }
    explored.states = seen.len();
    Ok(explored)
}
