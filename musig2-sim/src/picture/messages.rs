//! The messages, and what became of each.

use super::data::{Message, Turn, Way};
use super::decode::{self, Decoded};
use super::lanes::Sessions;
use super::shown::Shown;
use super::turns::turn_of;
use crate::ids::NodeId;
use crate::network::Fate;
use crate::time::Micros;
use crate::trace::{Action, MessageId, Step, publication_words, words};
use musig2_proto::SessionId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A message is late if it takes more than this many times the usual trip.
const LATE: u64 = 4;

pub(super) struct Messages {
    pub(super) messages: Vec<Message>,
    pub(super) contents: Vec<Shown>,
    /// The median trip, in microseconds.
    pub(super) trip: u64,
}

/// What is the same for all receivers of a publication.
struct Carried {
    size: usize,
    words: String,
    kinds: Vec<&'static str>,
    session: Option<SessionId>,
    content: usize,
}

impl Carried {
    fn new(bytes: &[u8], words: String, decoded: Decoded, contents: &mut Vec<Shown>) -> Self {
        let Decoded { shown, session, kinds } = decoded;
        contents.push(shown);
        Self { size: bytes.len(), words, kinds, session, content: contents.len() - 1 }
    }
}

/// Returns the messages, in order, and tells the turns which message each of them is about.
pub(super) fn of(steps: &[Step], turns: &mut [Turn], sessions: &Sessions) -> Messages {
    let trip = median_trip(steps);
    let mut arrivals = arrivals(steps);
    let mut messages = Vec::new();
    let mut contents = Vec::new();
    let mut published = BTreeMap::new();
    for (number, step) in steps.iter().enumerate() {
        let (message, to, carried, fate) = match &step.action {
            Action::Sent { message, to, bytes, fate } => (
                message,
                *to,
                Arc::new(Carried::new(bytes, words(bytes), decode::frame(bytes), &mut contents)),
                fate,
            ),
            Action::Published { message, bytes } => {
                let (words, decoded) =
                    (publication_words(bytes).into(), decode::publication(bytes));
                published
                    .insert(message, Arc::new(Carried::new(bytes, words, decoded, &mut contents)));
                continue;
            }
            Action::Spread { message, to, fate } => {
                let Some(carried) = published.get(message) else { continue };
                (message, Some(*to), Arc::clone(carried), fate)
            }
            _ => continue,
        };
        let mut came =
            to.and_then(|to| arrivals.remove(&(*message, to))).unwrap_or_default().into_iter();
        let ways = ways(step.at, *fate, trip, &mut came);
        for turn in ways.iter().filter_map(|way| way.turn) {
            if let Ok(place) = turns.binary_search_by_key(&turn, |turn| turn.step) {
                turns[place].message = Some(number);
            }
        }
        messages.push(Message {
            step: number,
            number: message.0,
            gossip: matches!(step.action, Action::Spread { .. }),
            at: step.at.get(),
            from: step.node.get(),
            to: to.map(NodeId::get),
            turn: turn_of(turns, step.node.get(), number),
            size: carried.size,
            words: carried.words.clone(),
            kinds: carried.kinds.clone(),
            session: carried.session.and_then(|session| sessions.number(&session)),
            content: carried.content,
            ways,
        });
    }
    Messages { messages, contents, trip }
}

/// The steps at which a message reached a node, and whether it was missed.
type Arrivals = BTreeMap<(MessageId, NodeId), Vec<(usize, bool)>>;

fn arrivals(steps: &[Step]) -> Arrivals {
    let mut arrivals = Arrivals::new();
    for (number, step) in steps.iter().enumerate() {
        let (message, missed) = match step.action {
            Action::Received { message, .. } => (message, false),
            Action::Missed { message, .. } => (message, true),
            _ => continue,
        };
        arrivals.entry((message, step.node)).or_default().push((number, missed));
    }
    arrivals
}

fn ways(
    sent: Micros,
    fate: Fate,
    trip: u64,
    came: &mut impl Iterator<Item = (usize, bool)>,
) -> Vec<Way> {
    let ends = |fate| vec![Way { fate, at: None, turn: None, again: false }];
    match fate {
        Fate::Lost => ends("lost"),
        Fate::Cut => ends("cut"),
        Fate::Crowded => ends("crowded"),
        Fate::Nowhere => ends("nowhere"),
        Fate::Arrives { at, again, reversed: _, altered } => {
            let mut way = |at: Micros, again: bool| {
                let (turn, missed) = came.next().unzip();
                let late = at.saturating_sub(sent).get() > LATE.saturating_mul(trip);
                let fate = match missed {
                    None => "flying",
                    Some(true) => "missed",
                    Some(false) if altered.is_some() => "corrupt",
                    Some(false) if again => "duplicate",
                    Some(false) if late => "late",
                    Some(false) => "delivered",
                };
                Way { fate, at: Some(at.get()), turn, again }
            };
            let first = way(at, false);
            core::iter::once(first).chain(again.map(|again| way(again, true))).collect()
        }
    }
}

fn median_trip(steps: &[Step]) -> u64 {
    let mut trips: Vec<u64> = steps
        .iter()
        .filter_map(|step| match step.action {
            Action::Sent { fate: Fate::Arrives { at, .. }, .. }
            | Action::Spread { fate: Fate::Arrives { at, .. }, .. } => {
                Some(at.saturating_sub(step.at).get())
            }
            _ => None,
        })
        .collect();
    trips.sort_unstable();
    trips.get(trips.len() / 2).copied().unwrap_or(1).max(1)
}
