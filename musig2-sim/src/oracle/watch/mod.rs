//! Safety, checked at every step: each call of an honest node is looked at, with what the engine did in it.
//!
//! What a call costs here does not grow with the run: nothing that happened before is looked at again.
//!
//! | file | what must hold |
//! | --- | --- |
//! | `consent.rs` | what is signed was approved, and its time is not over |
//! | `events.rs` | a session begins, goes on and ends once in each life of a node |
//! | `phases.rs` | nobody gives a phase up before its time |
//! | `signatures.rs` | they verify for what was approved, and are the same for all |
//! | `blame.rs` | it names no honest signer, and is proven by bytes alone |
//! | `bounds.rs` | a call does and gives out only so much |
//!
//! Where the world is [looked at closely](crate::World::closely), also what costs more than the run itself:
//!
//! | file | what must hold |
//! | --- | --- |
//! | `close.rs` | messages are canonical; views agree with what was proposed; no secret is in anything |
//! | `probe.rs` | what was heard already changes nothing |

mod blame;
mod bounds;
mod close;
mod consent;
mod events;
mod phases;
mod probe;
mod signatures;

use super::{Coverage, Engine, Violation, Work};
use crate::network::{Fate, NodeId};
use crate::trace::Action;
use close::Close;
use core::hash::{Hash, Hasher};
use musig2_proto::{
    AggregateNonce, Command, Input, Manifest, Node, Output, PublicKey, SessionId, Signature,
    Timestamp, XOnlyPublicKey,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What every node did, as far as anything must hold of it.
#[derive(Clone)]
pub(crate) struct Watch {
    hosts: Vec<Host>,
    /// The sessions that honest nodes know, in the order in which the first of them came to know it.
    sessions: Vec<Session>,
    names: BTreeMap<SessionId, usize>,
    coverage: Coverage,
    violation: Option<Violation>,
    /// What looking closely takes; `None` where it is not done.
    close: Option<Close>,
}

/// A node, and its part in each session.
#[derive(Clone, Hash)]
struct Host {
    key: PublicKey,
    honest: bool,
    /// Whether its node does as it likes. One with a twin is not honest, and does as the protocol says.
    corrupted: bool,
    /// Whose messages to it the network has altered.
    garbled: BTreeSet<NodeId>,
    /// By the session's number here; shorter than the list of sessions where it knows none of the last.
    parts: Vec<Part>,
    /// The latest that its clock showed in this life.
    latest: Timestamp,
    /// The latest in any life.
    latest_ever: Timestamp,
    /// Whether it was ever set back, in a life or between two.
    was_set_back: bool,
    /// What it showed last.
    clock: Timestamp,
    /// The largest message that it took, in bytes.
    largest: usize,
}

/// What a session is, as the first honest node saw it that came to know it. Its name binds everyone else to the same.
#[derive(Clone, Hash)]
struct Session {
    id: SessionId,
    manifest: Arc<Manifest>,
    /// Of each item, by the judge; computed when first asked for.
    keys: Option<Vec<XOnlyPublicKey>>,
    /// The signatures that honest nodes ended with. More than one only where there were several attempts.
    valid: Vec<Vec<Signature>>,
    /// Which honest nodes signed an item with which aggregate nonce.
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
    /// How often its application approved it, in all lives.
    approvals: usize,
    /// Whether it told the others, in any life, that it takes no further part.
    gave_up: bool,
    /// Whether its application declined it in any life, and had its proposer told so.
    declined: bool,
    /// When its phase began, by the node's clock.
    since: Timestamp,
}

/// How far a session is in this life of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
enum State {
    #[default]
    Unknown,
    Discovered,
    Approved,
    Ended {
        /// Joined before, or with signatures: it is remembered as a whole.
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
    /// The node after it.
    pub(crate) state: &'a Node<C>,
}

/// What a node was called with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause<'a> {
    /// An order, carried out.
    Ordered(&'a Command),
    /// Something from outside.
    Heard {
        /// Its size in bytes; none, where only time passed or a peer came or went.
        size: usize,
        /// What it was, where that is looked at closely.
        input: Option<&'a Input>,
    },
}

/// What later calls are judged by: not what was reached so far.
impl Hash for Watch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.hosts, &self.sessions).hash(state);
    }
}

impl Watch {
    /// Of nodes with these keys, each honest or not.
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

    /// Looks closely from now on, also for these secret keys; for what nodes draw where their `generators_differ`.
    pub(crate) fn look_closely(&mut self, secrets: Vec<[u8; 32]>, generators_differ: bool) {
        self.close = Some(Close::new(secrets, generators_differ));
    }

    pub(crate) fn is_close(&self) -> bool {
        self.close.is_some()
    }

    /// The first thing that did not hold.
    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub(crate) fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// Notes a step of the trace. What an adversary's node says shows nothing.
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

    /// A node is honest no more.
    pub(crate) fn corrupted(&mut self, node: NodeId) {
        if let Some(host) = self.hosts.get_mut(node.as_usize()) {
            (host.honest, host.corrupted) = (false, true);
        }
    }

    /// A node lost its memory.
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

    /// Looks at a call of a node.
    pub(crate) fn witness<C: Engine>(&mut self, call: &Call<'_, C>) {
        // Of a dishonest node as well: what it did is not to be laid at the next one's door.
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
        self.check_bounds(call, work.checks)?;
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
                other => unreachable!("the watch does not know the output {other:?}"),
            }
        }
        self.check_time(call.node, call.clock)?;
        if self.is_close() {
            self.check_closely(call)?;
            self.probe(call)?;
        }
        Ok(())
    }

    /// A node was told the time, in whatever call.
    pub(crate) fn told_time(&mut self, node: NodeId, clock: Timestamp) {
        if let Some(host) = self.hosts.get_mut(node.as_usize()) {
            host.latest = host.latest.max(clock);
            host.was_set_back |= clock < host.latest_ever;
            host.latest_ever = host.latest_ever.max(clock);
            host.notice_time(clock);
        }
    }

    /// How many sessions have become known.
    pub(crate) fn known_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Whether a node does what the protocol says.
    pub(crate) fn is_honest(&self, node: NodeId) -> bool {
        self.hosts.get(node.as_usize()).is_some_and(|host| host.honest)
    }

    /// The honest node with this key; `None` where a dishonest one has it as well.
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

    /// The number of a session here. `None` where no honest node knows it, the one just called included.
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
