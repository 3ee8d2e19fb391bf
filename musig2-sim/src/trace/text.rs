//! Steps as text, one line each.

use super::{Action, Step, Trace, publication_words, words};
use crate::network::Fate;
use crate::plan::Disk;
use core::fmt;
use musig2_proto::{Command, Event, SessionId};

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.recorded().iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>14}  {:<8}  {}", self.at.to_string(), self.node.to_string(), self.action)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("starts"),
            Self::Crashed { disk: Disk::Empty } => f.write_str("CRASHES and loses its disk"),
            Self::Crashed { disk: Disk::Kept } => f.write_str("CRASHES and keeps its disk"),
            Self::Crashed { disk: Disk::RolledBack(age) } => {
                write!(f, "CRASHES and has its disk rolled back by {age}")
            }
            Self::Restarted => f.write_str("starts again"),
            Self::Paused { deaf: false } => f.write_str("stands still"),
            Self::Paused { deaf: true } => f.write_str("stands still and hears nothing"),
            Self::Resumed => f.write_str("goes on"),
            Self::ClockSet { ahead } if *ahead < 0 => {
                write!(f, "has its clock set {} ms behind", ahead.unsigned_abs())
            }
            Self::ClockSet { ahead } => write!(f, "has its clock set {ahead} ms ahead"),
            Self::Ordered(command) => write_command(command, f),
            Self::Refused(error) => write!(f, "refuses: {error}"),
            Self::Ticked => f.write_str("ticks"),
            Self::Sent { message, to, bytes, fate } => {
                let (size, content) = (bytes.len(), words(bytes));
                write!(f, "sends {message}")?;
                to.map_or(Ok(()), |to| write!(f, " to {to}"))?;
                write!(f, " ({content}; {size} bytes): {fate}")
            }
            Self::Published { message, bytes } => {
                write!(
                    f,
                    "publishes {message} ({}; {} bytes)",
                    publication_words(bytes),
                    bytes.len()
                )
            }
            Self::Spread { message, to, fate } => write!(f, "spreads {message} to {to}: {fate}"),
            Self::Received { message, from } => write!(f, "receives {message} from {from}"),
            Self::Missed { message, from } => write!(f, "misses {message} from {from}"),
            Self::PeerLost(peer) => write!(f, "loses {peer}"),
            Self::PeerConnected(peer) => write!(f, "reaches {peer}"),
            Self::Event(event) => write_event(event, f),
            Self::Reported(report) => {
                write!(f, "reports {:?}: {}", report.source, report.offence)
            }
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("lost"),
            Self::Cut => f.write_str("lost in the partition"),
            Self::Nowhere => f.write_str("lost, no node has that address"),
            Self::Crowded => f.write_str("lost, the link is full"),
            Self::Arrives { at, again, altered, .. } => {
                write!(f, "arrives at {at}")?;
                again.map_or(Ok(()), |again| write!(f, " and again at {again}"))?;
                altered.map_or(Ok(()), |altered| write!(f, ", {altered}"))
            }
        }
    }
}

/// Writes an order in a few words.
fn write_command(command: &Command, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut about =
        |what: &str, session: &SessionId| write!(f, "{what} session {}", short(session));
    match command {
        Command::AnnounceSession { session, .. } => about("is to announce", session),
        Command::ResumeSession { .. } => f.write_str("is to resume a session"),
        Command::TellSignatures { .. } => f.write_str("is told the signatures of a session"),
        Command::JoinSession { session } => about("is to join", session),
        Command::DeclineSession { session, .. } => about("is to decline", session),
        Command::ShareNonces { session } => about("is to share its nonces in", session),
        Command::SharePartialSignatures { session } => {
            about("is to share its partial signatures in", session)
        }
        Command::FinalizeSession { session } => about("is to finalize", session),
        Command::AbortSession { session, .. } => about("is to abort", session),
        Command::CreateSession(proposal) => {
            write!(f, "is to create a session of {} items", proposal.items().len())
        }
        Command::AddContact { signer, contact } => {
            write!(f, "is told that {signer} is at {contact:?}")
        }
        Command::SetContact(contact) => write!(f, "is told that it is at {contact:?}"),
        Command::GiveUp { session } => about("is to give up", session),
        Command::SayHello => f.write_str("is to say hello"),
        Command::Cleanup => f.write_str("is to clean up"),
        // Names every Command.
        other => write!(f, "is ordered {other:?}"),
    }
}

/// Returns the first eight hex digits.
fn short(session: &SessionId) -> String {
    session.to_string().chars().take(8).collect()
}

/// Writes an event in a few words, with the first eight hex digits of the session and without
/// signatures.
fn write_event(event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let session = short(&event.session());
    match event {
        Event::SessionCreated { .. } => write!(f, "created session {session}"),
        Event::SessionDiscovered { .. } => write!(f, "discovered session {session}"),
        Event::SessionQueued { .. } => write!(f, "session {session} waits for its turn"),
        Event::SessionReady { .. } => write!(f, "session {session} ready"),
        Event::NonceReceived { signer, .. } => {
            write!(f, "nonces of signer {signer} in session {session}")
        }
        Event::NoncesComplete { .. } => write!(f, "all nonces in session {session}"),
        Event::PartialSigReceived { signer, .. } => {
            write!(f, "partial signatures of signer {signer} in session {session}")
        }
        Event::PartialSigsComplete { .. } => {
            write!(f, "all partial signatures in session {session}")
        }
        Event::SessionComplete { .. } => write!(f, "session {session} COMPLETE"),
        Event::SessionAborted { cause, released, .. } => {
            write!(f, "session {session} ABORTED: {cause:?}, released: {released}")
        }
        Event::SessionRefused { error, .. } => write!(f, "session {session} refused: {error}"),
        Event::SessionWithdrawn { cause, .. } => {
            write!(f, "session {session} withdrawn: {cause:?}")
        }
        Event::SessionError { error, .. } => write!(f, "session {session} error: {error}"),
        Event::SignerJoined { signer, .. } => write!(f, "signer {signer} joined session {session}"),
        Event::SignerDeclined { signer, reason, .. } => {
            write!(f, "signer {signer} declined session {session}: {reason}")
        }
        Event::Stalled { phase, awaiting, .. } => {
            write!(f, "session {session} stalled in {phase:?}, awaiting {awaiting:?}")
        }
        Event::AttemptRestarted { restarts, .. } => {
            write!(f, "session {session} restarted: {restarts} restarts so far")
        }
        Event::KeyInUseElsewhere { .. } => {
            write!(f, "session {session}: its key signs elsewhere, too")
        }
        Event::LateSignature { .. } => write!(f, "session {session}: late signatures"),
        // Names every Event.
        other => write!(f, "{other:?}"),
    }
}
