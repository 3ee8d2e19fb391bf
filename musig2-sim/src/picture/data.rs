//! What the page is given, as JSON. Times are in microseconds, and a step is identified by its
//! place in the trace.

use super::shown::Shown;
use super::{lanes, messages, states, turns};
use crate::engine::Engine;
use crate::time::Micros;
use crate::world::World;
use serde::Serialize;

/// Everything on the page.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data {
    /// As decimal text, because a script's numbers have only 53 bits.
    pub(super) seed: String,
    pub(super) hash: String,
    pub(super) end: u64,
    /// How long a message usually takes.
    pub(super) trip: u64,
    pub(super) replay: Option<String>,
    pub(super) pin: Option<Pin>,
    pub(super) lanes: Vec<Lane>,
    pub(super) sessions: Vec<Session>,
    pub(super) partitions: Vec<Cut>,
    pub(super) heals_at: Option<u64>,
    pub(super) turns: Vec<Turn>,
    pub(super) messages: Vec<Message>,
    /// The contents of messages; [`Message::content`] is an index into this list.
    pub(super) contents: Vec<Shown>,
    /// For each node, the steps at which its sessions changed, and all of its sessions from then
    /// on.
    pub(super) states: Vec<Vec<(usize, Vec<State>)>>,
}

/// Something that did not hold, pinned to a turn.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Pin {
    /// The kind of rule that was broken.
    pub(super) kind: String,
    pub(super) text: String,
    pub(super) turn: Option<usize>,
}

/// A node.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Lane {
    pub(super) key: String,
    /// How it breaks the protocol, if it does.
    pub(super) strategy: Option<String>,
    /// When it is not running: from one step until another. `None` means from the beginning or to
    /// the end.
    pub(super) absent: Vec<(Option<usize>, Option<usize>)>,
    /// When it is paused: from one step until another. `None` means to the end.
    pub(super) paused: Vec<(usize, Option<usize>)>,
    /// Its clock's own offset and drift, if any.
    pub(super) clock: Option<String>,
}

/// A session. The plan's sessions come first, in the plan's order.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Session {
    pub(super) id: String,
    /// The node of each signer, by its index; `None` if no node has the key.
    pub(super) signers: Vec<Option<u16>>,
    pub(super) manifest: Option<Shown>,
}

/// A partition.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cut {
    pub(super) one: Vec<u16>,
    pub(super) other: Vec<u16>,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) one_way: bool,
}

/// One call of a node and what it gave out: an input, and the outputs up to the next input.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Turn {
    pub(super) step: usize,
    pub(super) at: u64,
    pub(super) node: u16,
    pub(super) kind: &'static str,
    pub(super) text: String,
    /// The message that arrived with it.
    pub(super) message: Option<usize>,
    /// The turn that led to it, if no message did.
    pub(super) cause: Option<usize>,
    /// The session that an order was about.
    pub(super) session: Option<usize>,
    pub(super) notes: Vec<Note>,
}

/// Something that a node said in a turn.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Note {
    pub(super) step: usize,
    pub(super) text: String,
    pub(super) session: Option<usize>,
    /// The mark that the page puts on the turn.
    pub(super) mark: Option<&'static str>,
    pub(super) evidence: Option<Shown>,
}

/// A frame, or a publication on its way to one node.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Message {
    pub(super) step: usize,
    /// Its number in the world.
    pub(super) number: u64,
    pub(super) gossip: bool,
    pub(super) at: u64,
    pub(super) from: u16,
    pub(super) to: Option<u16>,
    /// The turn in which it was sent.
    pub(super) turn: usize,
    pub(super) size: usize,
    pub(super) words: String,
    pub(super) kinds: Vec<&'static str>,
    pub(super) session: Option<usize>,
    pub(super) content: usize,
    /// What became of it: two entries if it was duplicated.
    pub(super) ways: Vec<Way>,
}

/// What became of a message.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Way {
    pub(super) fate: &'static str,
    /// When it arrives, or would have arrived.
    pub(super) at: Option<u64>,
    /// The turn in which it arrived.
    pub(super) turn: Option<usize>,
    /// Whether this is the second of two arrivals.
    pub(super) again: bool,
}

/// A session as a node sees it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct State {
    pub(super) session: usize,
    pub(super) phase: &'static str,
    pub(super) fields: Vec<(&'static str, Shown)>,
}

impl Data {
    pub(super) fn of<C: Engine>(world: &World<C>) -> Self {
        let steps = world.trace().recorded();
        let sessions = lanes::Sessions::of(world);
        let mut turns = turns::of(steps, &sessions);
        let messages::Messages { messages, contents, trip } =
            messages::of(steps, &mut turns, &sessions);
        let nodes = || world.plan().node_ids();
        Self {
            seed: world.plan().seed.to_string(),
            hash: world.trace().hash().to_string(),
            end: world.now().get(),
            trip,
            replay: None,
            pin: None,
            lanes: nodes().map(|node| lanes::lane(world, node)).collect(),
            partitions: lanes::partitions(world),
            heals_at: world
                .plan()
                .network
                .heals_at
                .map(Micros::get)
                .filter(|at| *at <= world.now().get()),
            states: nodes().map(|node| states::of(world, node, &sessions)).collect(),
            sessions: sessions.into_shown(),
            turns,
            messages,
            contents,
        }
    }
}
