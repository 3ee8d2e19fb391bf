//! Which parts of the protocol a run reached. A sweep in which nothing goes wrong must also show
//! that there was something that could have gone wrong.

use crate::network::Fate;
use crate::plan::Disk;
use crate::trace::Action;
use core::fmt;
use musig2_proto::{AbortCause, Event, Fault, ManifestError, Offence, Phase, SessionError};

macro_rules! points {
    ($($(#[$meta:meta])* $point:ident = $name:literal,)*) => {
        /// Something that a run can reach. Prints as a few words, which are also its name in a
        /// sweep's report.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Point {
            $(
                #[doc = concat!("`", $name, "`")]
                $(#[$meta])*
                $point,
            )*
        }

        impl Point {
            /// All points. A sweep over all profiles should reach every one.
            pub const ALL: &[Self] = &[$(Self::$point,)*];
        }

        impl fmt::Display for Point {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$point => $name,)* })
            }
        }
    };
}

points! {
    Proposed = "phase: proposed",
    Joining = "phase: joining",
    Nonces = "phase: nonces",
    PartialSignatures = "phase: partial signatures",
    Finalizing = "phase: finalizing",
    Complete = "phase: complete",
    Aborted = "phase: aborted",
    SessionCreated = "event: session created",
    SessionDiscovered = "event: session discovered",
    SessionQueued = "event: session queued",
    SignerJoined = "event: signer joined",
    SignerDeclined = "event: signer declined",
    SessionReady = "event: session ready",
    NonceReceived = "event: nonce received",
    NoncesComplete = "event: nonces complete",
    PartialSigReceived = "event: partial signature received",
    PartialSigsComplete = "event: partial signatures complete",
    SessionComplete = "event: session complete",
    SessionAborted = "event: session aborted",
    RefusedInFuture = "event: session refused, from the future",
    RefusedOver = "event: session refused, over",
    RefusedLimits = "event: session refused, beyond limits",
    KeyInUseElsewhere = "event: key in use elsewhere",
    SessionWithdrawn = "event: session withdrawn",
    AttemptRestarted = "event: attempt restarted",
    LateSignature = "event: late signature",
    StalledJoining = "stalled: joining",
    StalledNonces = "stalled: nonces",
    StalledPartialSignatures = "stalled: partial signatures",
    StalledFinalizing = "stalled: finalizing",
    AbortedReleased = "aborted after release",
    AbortedBySigner = "abort: by a signer",
    AbortedDeclined = "abort: declined",
    AbortedSignerDeclined = "abort: a signer declined",
    AbortedExpired = "abort: expired",
    AbortedRivalInstance = "abort: rival instance",
    TimedOutProposed = "abort: timed out, proposed",
    TimedOutJoining = "abort: timed out, joining",
    TimedOutNonces = "abort: timed out, nonces",
    TimedOutPartialSignatures = "abort: timed out, partial signatures",
    ConvictedRestartLimit = "blame: restart limit",
    ConvictedConcurrentInstances = "blame: concurrent instances",
    ConvictedInvalidNonce = "blame: invalid nonce",
    ConvictedInvalidPartialSignature = "blame: invalid partial signature",
    ConvictedEquivocation = "blame: equivocation",
    TooLarge = "offence: too large",
    Version = "offence: version",
    Malformed = "offence: malformed",
    Misfit = "offence: misfit",
    BadSignature = "offence: bad signature",
    Manifest = "offence: manifest",
    FalseSignatures = "offence: false signatures",
    Stale = "offence: stale",
    Impersonation = "offence: impersonation",
    FalseProof = "offence: false proof",
    TooMany = "offence: too many",
    Busy = "offence: busy",
    NoRoom = "offence: no room",
    UnknownSession = "offence: unknown session",
    Arrived = "message: arrives",
    Duplicated = "message: arrives twice",
    Reversed = "message: arrives in reverse",
    Lost = "message: lost",
    Cut = "message: lost in a partition",
    Crowded = "message: lost before a full link",
    Altered = "message: altered",
    Nowhere = "message: to no node",
    Missed = "message: comes to nobody",
    CrashedEmpty = "node: crashes, its disk empty",
    CrashedKept = "node: crashes, its disk kept",
    CrashedRolledBack = "node: crashes, its disk rolled back",
    Restarted = "node: comes back",
    Paused = "node: stands still",
    PausedDeaf = "node: stands still and hears nothing",
    Resumed = "node: goes on",
    ClockSet = "node: its clock is set",
    PeerLost = "node: loses a peer",
    PeerConnected = "node: reaches a peer",
    Refused = "node: refuses an order",
}

/// The [`Point`]s that were reached, a bit for each. Merge the coverage of many runs, and ask what
/// is missing.
///
/// ```
/// use musig2_sim::{Coverage, Plan, Point, World};
///
/// let mut world = World::new(Plan::one_session(2))?;
/// world.run_until_quiet()?;
/// let mut coverage = Coverage::default();
/// coverage.merge(world.coverage());
/// assert!(coverage.contains(Point::SessionComplete));
/// assert!(coverage.unreached().any(|point| point == Point::ConvictedEquivocation));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage(u128);

impl Coverage {
    /// Records that a point was reached.
    pub fn reach(&mut self, point: Point) {
        self.0 |= 1 << point as u32;
    }

    /// Returns whether a point was reached.
    pub const fn contains(&self, point: Point) -> bool {
        self.0 >> point as u32 & 1 == 1
    }

    /// Adds what another run reached.
    pub fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Returns what was reached.
    pub fn reached(&self) -> impl Iterator<Item = Point> {
        Point::ALL.iter().copied().filter(|point| self.contains(*point))
    }

    /// Returns what was not reached.
    pub fn unreached(&self) -> impl Iterator<Item = Point> {
        Point::ALL.iter().copied().filter(|point| !self.contains(*point))
    }

    /// Records the points of one step of the trace.
    pub(crate) fn note(&mut self, action: &Action) {
        match action {
            Action::Started | Action::Ordered(_) | Action::Ticked => {}
            Action::Published { .. } | Action::Received { .. } => {}
            Action::Crashed { disk: Disk::Empty } => self.reach(Point::CrashedEmpty),
            Action::Crashed { disk: Disk::Kept } => self.reach(Point::CrashedKept),
            Action::Crashed { disk: Disk::RolledBack(_) } => self.reach(Point::CrashedRolledBack),
            Action::Paused { deaf: false } => self.reach(Point::Paused),
            Action::Paused { deaf: true } => self.reach(Point::PausedDeaf),
            Action::Resumed => self.reach(Point::Resumed),
            Action::Restarted => self.reach(Point::Restarted),
            Action::ClockSet { .. } => self.reach(Point::ClockSet),
            Action::Refused(_) => self.reach(Point::Refused),
            Action::Sent { fate, .. } | Action::Spread { fate, .. } => self.note_fate(*fate),
            Action::Missed { .. } => self.reach(Point::Missed),
            Action::PeerLost(_) => self.reach(Point::PeerLost),
            Action::PeerConnected(_) => self.reach(Point::PeerConnected),
            Action::Event(event) => self.note_event(event),
            Action::Reported(report) => self.reach(of_offence(&report.offence)),
        }
    }

    fn note_fate(&mut self, fate: Fate) {
        match fate {
            Fate::Lost => self.reach(Point::Lost),
            Fate::Cut => self.reach(Point::Cut),
            Fate::Nowhere => self.reach(Point::Nowhere),
            Fate::Crowded => self.reach(Point::Crowded),
            Fate::Arrives { again, reversed, altered, at: _ } => {
                self.reach(Point::Arrived);
                if altered.is_some() {
                    self.reach(Point::Altered);
                }
                if again.is_some() {
                    self.reach(Point::Duplicated);
                }
                if reversed {
                    self.reach(Point::Reversed);
                }
            }
        }
    }

    fn note_event(&mut self, event: &Event) {
        let (kind, phase) = match event {
            Event::SessionCreated { .. } => (Point::SessionCreated, Point::Proposed),
            Event::SessionDiscovered { .. } => (Point::SessionDiscovered, Point::Proposed),
            Event::SessionQueued { .. } => (Point::SessionQueued, Point::Proposed),
            Event::SignerJoined { .. } => (Point::SignerJoined, Point::Joining),
            Event::SignerDeclined { .. } => (Point::SignerDeclined, Point::Joining),
            Event::SessionReady { .. } => (Point::SessionReady, Point::Nonces),
            Event::NonceReceived { .. } => (Point::NonceReceived, Point::NonceReceived),
            Event::NoncesComplete { .. } => (Point::NoncesComplete, Point::PartialSignatures),
            Event::PartialSigReceived { .. } => {
                (Point::PartialSigReceived, Point::PartialSigReceived)
            }
            Event::PartialSigsComplete { .. } => (Point::PartialSigsComplete, Point::Finalizing),
            Event::SessionComplete { .. } => (Point::SessionComplete, Point::Complete),
            Event::SessionAborted { cause, released, .. } => {
                self.reach(of_cause(cause));
                if *released {
                    self.reach(Point::AbortedReleased);
                }
                (Point::SessionAborted, Point::Aborted)
            }
            Event::SessionRefused { error, .. } => return self.reach(of_refusal(error)),
            Event::KeyInUseElsewhere { .. } => return self.reach(Point::KeyInUseElsewhere),
            Event::SessionWithdrawn { .. } => (Point::SessionWithdrawn, Point::Proposed),
            Event::AttemptRestarted { .. } => (Point::AttemptRestarted, Point::Nonces),
            Event::LateSignature { .. } => (Point::LateSignature, Point::LateSignature),
            Event::Stalled { phase, .. } => {
                return of_stall(*phase).into_iter().for_each(|at| self.reach(at));
            }
            // Tests plant an engine that miscomputes; a sweep never runs on one.
            Event::SessionError {
                error: SessionError::ComputingFault | SessionError::AggregationFault,
                ..
            } => {
                return;
            }
            // Names every Event.
            other => unreachable!("the coverage does not know the event {other:?}"),
        };
        self.reach(kind);
        self.reach(phase);
    }
}

/// Returns `None` for a phase that waits for nobody.
fn of_stall(phase: Phase) -> Option<Point> {
    match phase {
        Phase::Joining => Some(Point::StalledJoining),
        Phase::Nonces => Some(Point::StalledNonces),
        Phase::PartialSignatures => Some(Point::StalledPartialSignatures),
        Phase::Finalizing => Some(Point::StalledFinalizing),
        Phase::Proposed | Phase::Complete | Phase::Aborted => None,
        // Names every Phase.
        other => unreachable!("the coverage does not know the phase {other:?}"),
    }
}

fn of_refusal(error: &ManifestError) -> Point {
    match error {
        ManifestError::InFuture(_) => Point::RefusedInFuture,
        ManifestError::Over(_) => Point::RefusedOver,
        _ => Point::RefusedLimits,
    }
}

fn of_cause(cause: &AbortCause) -> Point {
    match cause {
        AbortCause::BySigner { .. } => Point::AbortedBySigner,
        AbortCause::Declined => Point::AbortedDeclined,
        AbortCause::SignerDeclined { .. } => Point::AbortedSignerDeclined,
        AbortCause::Expired { .. } => Point::AbortedExpired,
        AbortCause::RivalInstance => Point::AbortedRivalInstance,
        AbortCause::TimedOut { phase, .. } => match phase {
            Phase::Proposed => Point::TimedOutProposed,
            Phase::Joining => Point::TimedOutJoining,
            Phase::Nonces => Point::TimedOutNonces,
            Phase::PartialSignatures => Point::TimedOutPartialSignatures,
            // These phases last as long as the session, so their timeout is its expiry.
            Phase::Finalizing | Phase::Complete | Phase::Aborted => Point::AbortedExpired,
            // Names every Phase.
            other => unreachable!("the coverage does not know the phase {other:?}"),
        },
        AbortCause::Convicted { fault, .. } => match fault {
            Fault::RestartLimit => Point::ConvictedRestartLimit,
            Fault::ConcurrentInstances => Point::ConvictedConcurrentInstances,
            Fault::InvalidNonce => Point::ConvictedInvalidNonce,
            Fault::InvalidPartialSignature => Point::ConvictedInvalidPartialSignature,
            Fault::Equivocation => Point::ConvictedEquivocation,
            other => unreachable!("the coverage does not know the fault {other:?}"),
        },
        other => unreachable!("the coverage does not know the cause {other:?}"),
    }
}

fn of_offence(offence: &Offence) -> Point {
    match offence {
        Offence::TooLarge { .. } => Point::TooLarge,
        Offence::Version(_) => Point::Version,
        Offence::Malformed => Point::Malformed,
        Offence::Misfit => Point::Misfit,
        Offence::BadSignature => Point::BadSignature,
        Offence::Manifest(_) => Point::Manifest,
        Offence::FalseSignatures => Point::FalseSignatures,
        Offence::Stale(_) => Point::Stale,
        Offence::Impersonation => Point::Impersonation,
        Offence::FalseProof => Point::FalseProof,
        Offence::TooMany => Point::TooMany,
        Offence::Busy => Point::Busy,
        Offence::NoRoom => Point::NoRoom,
        Offence::UnknownSession => Point::UnknownSession,
        other => unreachable!("the coverage does not know the offence {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_bit_and_a_name_of_its_own() {
        let mut all = Coverage::default();
        Point::ALL.iter().for_each(|point| all.reach(*point));
        assert_eq!(all.0.count_ones() as usize, Point::ALL.len());
        assert_eq!(all.unreached().count(), 0);
        let names: std::collections::BTreeSet<_> =
            Point::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), Point::ALL.len());
    }

    #[test]
    fn merged_coverage_is_what_either_reached() {
        let (mut one, mut other) = (Coverage::default(), Coverage::default());
        one.reach(Point::Lost);
        other.reach(Point::Cut);
        one.merge(other);
        assert_eq!(one.reached().collect::<Vec<_>>(), [Point::Lost, Point::Cut]);
    }
}
