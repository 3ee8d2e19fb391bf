//! Runs a plan to its end and judges it.

use crate::engine::{Engine, Recording};
use crate::oracle::{Coverage, Violation};
use crate::plan::{Plan, PlanError};
use crate::trace::TraceHash;
use crate::world::{RunError, World};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What became of a plan: whether everything held, and how much was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// What did not hold, if anything.
    pub verdict: Result<(), Failure>,
    /// The hash of the run, up to its end or its failure; `None` if the plan cannot be run.
    pub hash: Option<TraceHash>,
    /// How many steps it took.
    pub steps: u64,
    /// How many sessions the plan has.
    pub sessions: u64,
    /// Which parts of the protocol the run reached.
    pub coverage: Coverage,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The plan cannot be run.
    #[error("the plan cannot be run: {0}")]
    Plan(#[from] PlanError),
    /// Code panicked.
    #[error("panic: {0}")]
    Panic(String),
    /// Something happened that must never happen.
    #[error(transparent)]
    Safety(Violation),
    /// Something did not happen that must happen once the network has healed.
    #[error(transparent)]
    Liveness(Violation),
    /// The run did not come to rest.
    #[error(transparent)]
    Unrest(RunError),
}

impl Failure {
    /// Returns what kind of rule was broken.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Plan(_) => FailureKind::Plan,
            Self::Panic(_) => FailureKind::Panic,
            Self::Safety(_) => FailureKind::Safety,
            Self::Liveness(_) | Self::Unrest(_) => FailureKind::Liveness,
        }
    }

    /// Returns the name of the rule that was broken. While a plan is shrunk, two failures of the
    /// same name count as the same failure.
    pub fn name(&self) -> String {
        let text = match self {
            Self::Plan(_) => return "Plan".into(),
            Self::Panic(_) => return "Panic".into(),
            // The kind of nonce fault says more than the violation's own name.
            Self::Safety(Violation::Nonce { fault, .. }) => format!("{fault:?}"),
            Self::Safety(violation) | Self::Liveness(violation) => format!("{violation:?}"),
            Self::Unrest(error) => format!("{error:?}"),
        };
        // A derived `Debug` text begins with the variant's name.
        text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().into()
    }
}

/// The kinds of rules that a run can break, least serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// The plan is at fault, not the run.
    Plan,
    /// Something did not happen that must happen.
    Liveness,
    /// Code panicked.
    Panic,
    /// Something happened that must never happen.
    Safety,
}

/// Runs a plan until the world is quiet and then silent, and judges it with a record of every
/// secret nonce. A panic becomes a failure.
///
/// ```
/// use musig2_sim::{Plan, trial};
///
/// let outcome = trial::run::<musig2_proto::Libsecp256k1>(Plan::one_session(3).with_seed(1));
/// assert_eq!(outcome.verdict, Ok(()));
/// ```
pub fn run<C: Engine>(plan: Plan) -> Outcome {
    let sessions = plan.sessions.len() as u64;
    let nothing = |failure| Outcome {
        verdict: Err(failure),
        hash: None,
        steps: 0,
        sessions,
        coverage: Coverage::default(),
    };
    let mut world = match World::<Recording<C>>::with_engine(plan) {
        Ok(world) => world,
        Err(error) => return nothing(error.into()),
    };
    let verdict = finish(&mut world);
    let (trace, coverage) = (world.trace(), world.coverage());
    Outcome { verdict, hash: Some(trace.hash()), steps: trace.steps(), sessions, coverage }
}

/// Runs a world until it is quiet, judges it, and runs it until it is silent. A panic becomes a
/// failure; what was recorded before it stays readable.
///
/// # Errors
/// Says what did not hold.
pub fn finish<C: Engine>(world: &mut World<C>) -> Result<(), Failure> {
    // Asserting unwind safety is fine: a world that panicked is not run any further.
    let run = catch_unwind(AssertUnwindSafe(|| judge(world)));
    run.unwrap_or_else(|panic| Err(Failure::Panic(message(panic.as_ref()))))
}

fn judge<C: Engine>(world: &mut World<C>) -> Result<(), Failure> {
    let rest = world.run_until_quiet();
    // A safety violation is reported first, whatever kept the run from its end.
    world.check_safety().map_err(Failure::Safety)?;
    rest.map_err(Failure::Unrest)?;
    world.check_liveness().map_err(Failure::Liveness)?;
    let silence = world.run_until_silent();
    world.check_safety().map_err(Failure::Safety)?;
    silence.map_err(Failure::Unrest)
}

fn message(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;
    use musig2_proto::{Config, Libsecp256k1};

    #[test]
    fn a_good_plan_passes_and_reports_how_much_was_done() {
        let outcome = run::<Libsecp256k1>(Plan::one_session(2));
        assert_eq!((outcome.verdict, outcome.sessions), (Ok(()), 1));
        assert!(outcome.steps > 10 && outcome.hash.is_some());
    }

    #[test]
    fn impossible_plans_endless_runs_and_missing_sessions_are_distinguished() {
        let failure = |plan| run::<Libsecp256k1>(plan).verdict.unwrap_err();
        let bad = failure(
            Plan::one_session(3)
                .with_config(Config::default().with_min_signers(9).with_max_signers(3)),
        );
        assert_eq!((bad.kind(), bad.name().as_str()), (FailureKind::Plan, "Plan"));
        let unrest = failure(Plan::one_session(3).with_time_limit(Micros::from_millis(15)));
        assert_eq!((unrest.kind(), unrest.name().as_str()), (FailureKind::Liveness, "NotQuiet"));
        let refused =
            failure(Plan::one_session(3).with_config(Config::default().with_max_signers(2)));
        assert_eq!(
            (refused.kind(), refused.name().as_str()),
            (FailureKind::Liveness, "NotCreated")
        );
    }
}
