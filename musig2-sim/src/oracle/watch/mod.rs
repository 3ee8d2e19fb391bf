//! Safety, checked at every step: each call of an honest node is checked, together with what the
//! engine did in it.
//!
//! The cost of a check does not grow with the length of the run: earlier steps are never looked at
//! again.
//!
//! | file | what must hold |
//! | --- | --- |
//! | `consent.rs` | what is signed was approved, and has not expired |
//! | `events.rs` | a session begins, progresses and ends once in each life of a node |
//! | `phases.rs` | no node gives up on a phase too early |
//! | `signatures.rs` | signatures verify for what was approved, and all nodes agree on them |
//! | `blame.rs` | no honest signer is blamed, and the bytes of a proof convict |
//! | `bounds.rs` | outputs and checks of a call are bounded |
//!
//! If the world is [checked closely](crate::World::closely), these checks are added, which cost
//! more than the run itself:
//!
//! | file | what must hold |
//! | --- | --- |
//! | `close.rs` | messages are canonical; views agree with what was proposed; no secret shows |
//! | `probe.rs` | hearing a message again changes nothing |

mod blame;
mod bounds;
mod close;
mod consent;
mod events;
mod phases;
mod probe;
mod signatures;

use super::{Coverage, Violation};
use crate::engine::{Engine, Work};
use crate::ids::NodeId;
use crate::network::Fate;
use crate::trace::Action;
use close::Close;
use core::hash::{Hash, Hasher};
use musig2_proto::{
    AggregateNonce, Command, Input, Manifest, Node, Output, PublicKey, SessionId, Signature,
    Timestamp, XOnlyPublicKey,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What every node did, as far as a rule applies to it.
#[derive(Clone)]
pub(crate) struct Watch {
    hosts: Vec<Host>,
    /// The sessions that honest nodes know, in the order in which an honest node first knew each.
    sessions: Vec<Session>,
    names: BTreeMap<SessionId, usize>,
    coverage: Coverage,
    violation: Option<Violation>,
    /// What close checks need to know; `None` if they are off.
    close: Option<Close>,
}

/// A node, and its part in each session.
#[derive(Clone, Hash)]
struct Host {
    key: PublicKey,
    honest: bool,
    /// Whether an adversary controls the node. A node with a twin is not honest either, but follows
    /// the protocol.
    corrupted: bool,
    /// The nodes of which the network has altered a message to this one.
    garbled: BTreeSet<NodeId>,
    /// By the session's number in `sessions`. Shorter than that list if the node does not know the
    /// last ones.
    parts: Vec<Part>,
    /// The latest time that its clock showed in this life.
    latest: Timestamp,
    /// The latest time that its clock showed in any life.
    latest_ever: Timestamp,
    /// Whether its clock was ever set back, during a life or between two.
    was_set_back: bool,
    /// What its clock showed last.
    clock: Timestamp,
    /// The largest message that it received, in bytes.
    largest: usize,
}

/// A session, as the first honest node that knew it saw it. Its id commits everyone else to the
/// same manifest.
#[derive(Clone, Hash)]
struct Session {
    id: SessionId,
    manifest: Arc<Manifest>,
    /// The key of each item, from the judge; computed when first needed.
    keys: Option<Vec<XOnlyPublicKey>>,
    /// The signatures that honest nodes ended with. There are several sets only if there were
    /// several attempts.
    valid: Vec<Vec<Signature>>,
    /// Which honest nodes signed which item with which aggregate nonce.
    met: Vec<Met>,
}

#[derive(Clone, Hash)]
struct Met {
    item: usize,
    nonce: AggregateNonce,
    by: BTreeSet<NodeId>,
}

/// A node's part in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Part {
    state: State,
    /// How often its application approved the session, in all lives.
    approvals: usize,
    /// Whether it told the others, in any life, that it takes no further part.
    gave_up: bool,
    /// Whether its application declined the session in any life and had the proposer told.
    declined: bool,
    /// When its phase began, by the node's clock.
    since: Timestamp,
}

/// How far a session got in this life of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
enum State {
    #[default]
    Unknown,
    Discovered,
    Approved,
    Ended {
        /// Whether it joined before, or ended with signatures: then it remembers the whole session.
        joined: bool,
    },
}

/// A call of a node, after it returned.
pub(crate) struct Call<'a, C: Engine> {
    pub(crate) node: NodeId,
    /// The time that it was told.
    pub(crate) clock: Timestamp,
    pub(crate) cause: Cause<'a>,
    pub(crate) outputs: &'a [Output],
    /// The node after the call.
    pub(crate) state: &'a Node<C>,
}

/// What a node was called with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause<'a> {
    /// An order that it carried out.
    Ordered(&'a Command),
    /// Something from outside.
    Heard {
        /// Its size in bytes; zero if only time passed, or a peer came or went.
        size: usize,
        /// What it was, if the world is checked closely.
        input: Option<&'a Input>,
    },
}

/// Hashes what later calls are judged by. Coverage is not part of that.
impl Hash for Watch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.hosts, &self.sessions).hash(state);
    }
}

impl Watch {
    /// Makes a watch over nodes with these keys, each honest or not.
    pub(crate) fn new(keys: impl IntoIterator<Item = (PublicKey, bool)>) -> Self {
        let host = |(key, honest)| Host {
            key,
            honest,
            corrupted: false,
            garbled: BTreeSet::new(),
            parts: Vec::new(),
            latest: Timestamp::default(),
            latest_ever: Timestamp::default(),
            was_set_back: false,
            clock: Timestamp::default(),
            largest: 0,
        };
        Self {
            hosts: keys.into_iter().map(host).collect(),
            sessions: Vec::new(),
            names: BTreeMap::new(),
            coverage: Coverage::default(),
            violation: None,
            close: None,
        }
    }

    /// Turns on close checks, which also search for these secret keys and, if `generators_differ`,
    /// for the nonces' randomness.
    pub(crate) fn look_closely(&mut self, secrets: Vec<[u8; 32]>, generators_differ: bool) {
        self.close = Some(Close::new(secrets, generators_differ));
    }

    pub(crate) fn is_close(&self) -> bool {
        self.close.is_some()
    }

    /// Returns the first thing that did not hold.
    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub(crate) fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// Records a step of the trace. Events and reports of a node under adversary control do not
    /// count, because its adversary may have made them up.
    pub(crate) fn note(&mut self, node: NodeId, action: &Action) {
        if let Action::Sent { to: Some(to), fate, .. } | Action::Spread { to, fate, .. } = action
            && matches!(fate, Fate::Arrives { altered: Some(_), .. })
            && let Some(host) = self.hosts.get_mut(to.as_usize())
        {
            host.garbled.insert(node);
        }
        let says = matches!(action, Action::Event(_) | Action::Reported(_));
        if !says || self.hosts.get(node.as_usize()).is_some_and(|host| !host.corrupted) {
            self.coverage.note(action);
        }
    }

    /// Records that an adversary controls a node from now on.
    pub(crate) fn corrupted(&mut self, node: NodeId) {
        if let Some(host) = self.hosts.get_mut(node.as_usize()) {
            (host.honest, host.corrupted) = (false, true);
        }
    }

    /// Records that a node lost its memory.
    pub(crate) fn crashed(&mut self, node: NodeId) {
        let Some(host) = self.hosts.get_mut(node.as_usize()) else { return };
        (host.latest, host.clock) = Default::default();
        for part in &mut host.parts {
            part.state = State::Unknown;
        }
        if let Some(close) = &mut self.close {
            close.heard.remove(&node);
        }
    }

    /// Checks a call of a node.
    pub(crate) fn witness<C: Engine>(&mut self, call: &Call<'_, C>) {
        // Asked for dishonest nodes too: otherwise the next honest node would be charged with their
        // work.
        let work = C::work();
        if self.violation.is_none() && self.is_honest(call.node) {
            self.violation = self.look(call, work).err();
        }
    }

    fn look<C: Engine>(&mut self, call: &Call<'_, C>, work: Work) -> Result<(), Violation> {
        self.told_time(call.node, call.clock);
        let host = &mut self.hosts[call.node.as_usize()];
        if let Cause::Heard { size, .. } = call.cause {
            host.largest = host.largest.max(size);
        }
        // The bounds depend on the sessions known before the call, so they are checked before
        // anything below adds one.
        self.check_bounds(call, work.checks)?;
        // Approvals count before signatures: the call that joins a session may also sign in it.
        if let Cause::Ordered(command) = call.cause {
            self.ordered(call, command);
        }
        if let Some(fault) = work.fault {
            return Err(Violation::Nonce { node: call.node, fault });
        }
        for challenge in work.signed {
            self.check_signed::<C>(call.node, call.clock, challenge)?;
        }
        for output in call.outputs {
            match output {
                Output::Event(event) => self.take_event(call, event)?,
                Output::Report(report) => self.check_report(call.node, report)?,
                Output::Send { bytes, .. } => self.check_frame(call.node, bytes)?,
                Output::Publish(_) => {}
                // Names every Output.
                other => unreachable!("the watch does not know the output {other:?}"),
            }
        }
        // Checked after the events, because this very call may have ended an expired session.
        self.check_time(call.node, call.clock)?;
        if self.is_close() {
            self.check_closely(call)?;
            self.probe(call)?;
        }
        Ok(())
    }

    /// Records that a node was told the time, in whatever call.
    pub(crate) fn told_time(&mut self, node: NodeId, clock: Timestamp) {
        if let Some(host) = self.hosts.get_mut(node.as_usize()) {
            host.latest = host.latest.max(clock);
            host.was_set_back |= clock < host.latest_ever;
            host.latest_ever = host.latest_ever.max(clock);
            host.notice_time(clock);
        }
    }

    /// Returns how many sessions have become known.
    pub(crate) fn known_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Returns whether a node follows the protocol and no other node has its key.
    pub(crate) fn is_honest(&self, node: NodeId) -> bool {
        self.hosts.get(node.as_usize()).is_some_and(|host| host.honest)
    }

    /// Returns the honest node with this key; `None` if a dishonest node has it as well.
    fn honest_owner(&self, key: &PublicKey) -> Option<&Host> {
        let mut owners = self.hosts.iter().filter(|host| host.key == *key);
        let owner = owners.next().filter(|host| host.honest)?;
        owners.all(|host| host.honest).then_some(owner)
    }

    fn part(&mut self, node: NodeId, session: usize) -> &mut Part {
        let parts = &mut self.hosts[node.as_usize()].parts;
        if parts.len() <= session {
            parts.resize(session + 1, Part::default());
        }
        &mut parts[session]
    }

    /// Returns the number of a session, adding it if the node just called knows it. `None` if no
    /// honest node does.
    fn session<C: Engine>(&mut self, call: &Call<'_, C>, id: &SessionId) -> Option<usize> {
        if let Some(&session) = self.names.get(id) {
            return Some(session);
        }
        let manifest = call.state.session(id)?.manifest;
        let session = self.sessions.len();
        self.sessions.push(Session {
            id: *id,
            manifest,
            keys: None,
            valid: Vec::new(),
            met: Vec::new(),
        });
        self.names.insert(*id, session);
        Some(session)
    }
}
