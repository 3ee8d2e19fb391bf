//! What the page is given, as JSON. Times are in microseconds; a step is named by its place in the trace.

use super::shown::Shown;
use super::{lanes, messages, states, turns};
use crate::oracle::Engine;
use crate::time::Micros;
use crate::world::World;
use serde::Serialize;

/// Everything on the page.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data {
    /// In decimal: a script's numbers have 53 bits.
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
    /// By [`Message::content`].
    pub(super) contents: Vec<Shown>,
    /// By node: the steps at which its sessions changed, and all of them from then on.
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
    /// How it breaks the protocol, where it does.
    pub(super) strategy: Option<String>,
    /// When it is not running: from and until a step, or from the beginning or to the end.
    pub(super) absent: Vec<(Option<usize>, Option<usize>)>,
    /// When it stands still: from and until a step, or to the end.
    pub(super) paused: Vec<(usize, Option<usize>)>,
    /// How its clock goes wrong by itself, where it does.
    pub(super) clock: Option<String>,
}

/// A session, the plan's in its order first.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Session {
    pub(super) id: String,
    /// The node of each signer, by its index; `None` where the key is no node's.
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

/// One call of a node, and what it gave out: an input, and the outputs up to the next.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Turn {
    pub(super) step: usize,
    pub(super) at: u64,
    pub(super) node: u16,
    pub(super) kind: &'static str,
    pub(super) text: String,
    /// The message that came with it.
    pub(super) message: Option<usize>,
    /// The turn that led to it, where no message did.
    pub(super) cause: Option<usize>,
    /// The session that was ordered something.
    pub(super) session: Option<usize>,
    pub(super) notes: Vec<Note>,
}

/// Something that a node said in a turn.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Note {
    pub(super) step: usize,
    pub(super) text: String,
    pub(super) session: Option<usize>,
    /// What the page marks the turn with.
    pub(super) mark: Option<&'static str>,
    pub(super) evidence: Option<Shown>,
}

/// A frame, or a publication on its way to one node.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Message {
    pub(super) step: usize,
    /// The world's number of it.
    pub(super) number: u64,
    pub(super) gossip: bool,
    pub(super) at: u64,
    pub(super) from: u16,
    pub(super) to: Option<u16>,
    /// The turn it was sent in.
    pub(super) turn: usize,
    pub(super) size: usize,
    pub(super) words: String,
    pub(super) kinds: Vec<&'static str>,
    pub(super) session: Option<usize>,
    pub(super) content: usize,
    /// What became of it; two where it was duplicated.
    pub(super) ways: Vec<Way>,
}

/// What became of a message.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Way {
    pub(super) fate: &'static str,
    /// When it arrives, or would.
    pub(super) at: Option<u64>,
    /// The turn it arrived in.
    pub(super) turn: Option<usize>,
    /// Whether this is the second of two.
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
