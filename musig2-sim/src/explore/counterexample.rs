//! The path to a state that must not exist.

use super::moves::Move;
use crate::oracle::Violation;
use core::fmt;
use std::sync::Arc;

/// What does not hold, and how to get there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counterexample {
    /// What does not hold.
    pub violation: Violation,
    /// The moves that lead there, in order. No shorter path exists.
    pub moves: Vec<Move>,
    /// Whether the violation shows only when the run continues after these moves without further
    /// faults. Otherwise the last move causes it.
    pub settling: bool,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.violation)?;
        for (number, step) in (1..).zip(&self.moves) {
            writeln!(f, "{number:>4}  {step}")?;
        }
        if self.settling { writeln!(f, "      and then nothing more goes wrong") } else { Ok(()) }
    }
}

impl core::error::Error for Counterexample {}

/// The moves that led to a state, last first. States with the same beginning share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail(Option<Arc<(Trail, Move, usize)>>);

impl Trail {
    pub(super) fn then(&self, step: Move) -> Self {
        Self(Some(Arc::new((self.clone(), step, self.len() + 1))))
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |last| last.2)
    }

    pub(super) fn counterexample(&self, violation: Violation, settling: bool) -> Counterexample {
        let mut moves = Vec::with_capacity(self.len());
        let mut trail = self;
        while let Some(last) = &trail.0 {
            moves.push(last.1.clone());
            trail = &last.0;
        }
        moves.reverse();
        Counterexample { violation, moves, settling }
    }
}
