//! What happened, step by step, and its hash: two runs are the same if their hashes are.

mod content;
mod fold;
mod states;
mod text;

pub(crate) use content::{decode_frame, decode_publication, publication_words, words};

use crate::ids::NodeId;
use crate::network::Fate;
use crate::plan::Disk;
use crate::time::Micros;
use core::fmt;
use musig2_proto::{Command, CommandError, Event, Report, SessionView};
use states::States;
use std::sync::Arc;
use twox_hash::XxHash3_128;

/// The run so far: a running hash over every step and, if
/// [`World::recorded`](crate::World::recorded) asked for them, the steps themselves.
///
/// Prints as text, one line for each recorded step. The plan's `step_limit` bounds the steps.
#[derive(Clone, Default)]
pub struct Trace {
    hash: TraceHash,
    /// A reused buffer for the bytes of one step.
    bytes: Vec<u8>,
    count: u64,
    recorded: Option<Vec<Step>>,
    states: States,
}

/// Something that happened at a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// When it happened.
    pub at: Micros,
    /// Where it happened.
    pub node: NodeId,
    /// What happened.
    pub action: Action,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The node started.
    Started,
    /// It crashed: its memory is gone.
    Crashed {
        /// What is left on its disk.
        disk: Disk,
    },
    /// It came back.
    Restarted,
    /// It is paused.
    Paused {
        /// Whether messages that arrive meanwhile are lost; otherwise they wait.
        deaf: bool,
    },
    /// It continues after a pause.
    Resumed,
    /// Its clock was set.
    ClockSet {
        /// By how many milliseconds it is now ahead of the true one; negative if behind.
        ahead: i64,
    },
    /// Its application, or the test, ordered something.
    Ordered(Command),
    /// The node refused the order.
    Refused(CommandError),
    /// It was told that time has passed, and nothing else.
    Ticked,
    /// It sent a frame.
    Sent {
        /// Which of the world's messages.
        message: MessageId,
        /// To whom; `None` if no node has the address.
        to: Option<NodeId>,
        /// The frame.
        bytes: Arc<[u8]>,
        /// What becomes of it.
        fate: Fate,
    },
    /// It published something.
    Published {
        /// Which of the world's messages.
        message: MessageId,
        /// The publication.
        bytes: Arc<[u8]>,
    },
    /// What becomes of its publication on the way to one other node.
    Spread {
        /// Which of the world's messages.
        message: MessageId,
        /// To whom.
        to: NodeId,
        /// What becomes of it.
        fate: Fate,
    },
    /// A frame or publication reached it.
    Received {
        /// Which of the world's messages.
        message: MessageId,
        /// Who sent it.
        from: NodeId,
    },
    /// A frame or publication came while it was not running, was paused and deaf, or did not listen
    /// yet.
    Missed {
        /// Which of the world's messages.
        message: MessageId,
        /// Who sent it.
        from: NodeId,
    },
    /// Its transport said that it lost a peer.
    PeerLost(NodeId),
    /// Its transport said that it reached a peer.
    PeerConnected(NodeId),
    /// It told its application something.
    Event(Event),
    /// It complained of a peer.
    Reported(Report),
}

/// A message's number in its world: the position of this frame or publication in the order of
/// sending, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageId(pub u64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The hash of a run (16 bytes): equal for equal runs. It is XXH3 of the hash so far and the next
/// step. It need not be cryptographic, because nobody has a reason to forge a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct TraceHash([u8; 16]);

impl TraceHash {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Trace {
    /// Returns the hash of all steps so far.
    pub fn hash(&self) -> TraceHash {
        self.hash
    }

    /// Returns how many steps there have been.
    pub fn steps(&self) -> u64 {
        self.count
    }

    /// Returns the steps if they are recorded, and an empty slice otherwise.
    pub fn recorded(&self) -> &[Step] {
        self.recorded.as_deref().unwrap_or_default()
    }

    /// Returns how a node's sessions changed, if steps are recorded: for each change, the step's
    /// place in [`Trace::recorded`], and all its sessions from then on.
    pub fn changes(&self, node: NodeId) -> impl Iterator<Item = (usize, &[SessionView])> {
        self.states.of(node)
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// Remembers what a node knows of its sessions after the last recorded step.
    pub(crate) fn remember(&mut self, node: NodeId, sessions: Vec<SessionView>) {
        if let Some(step) = self.recorded().len().checked_sub(1) {
            self.states.remember(node, step, sessions);
        }
    }

    pub(crate) fn record(&mut self) {
        self.recorded.get_or_insert_default();
    }

    pub(crate) fn add(&mut self, step: Step) {
        self.count += 1;
        self.bytes.clear();
        self.bytes.extend_from_slice(self.hash.as_bytes());
        fold::step(&mut self.bytes, &step);
        self.hash = TraceHash(XxHash3_128::oneshot(&self.bytes).to_be_bytes());
        if let Some(recorded) = &mut self.recorded {
            recorded.push(step);
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({} steps, {})", self.count, self.hash())
    }
}
