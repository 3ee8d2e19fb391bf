//! Checks that cost more than the call itself: every message is decoded and encoded again, every
//! view is examined, and everything is searched for secrets.

use super::{Call, State, Watch};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::oracle::Violation;
use musig2_proto::wire::VERSION;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::frame::Frame;
use musig2_proto::{Input, MAX_JOINS, Output, Phase, SessionView, SignerIndex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::sync::Arc;

/// The most statements that a board holds of one signer other than the node itself: joins; nonces
/// and partial signatures of three lives that waited until their attempt came, and of three others;
/// and an abort.
const STATEMENTS: usize = MAX_JOINS + 6 + 6 + 1;

/// What close checks need to know.
#[derive(Clone)]
pub(super) struct Close {
    /// The honest nodes' secret keys.
    secrets: Vec<[u8; 32]>,
    /// Whether every node has its own generator. If two share one, what one draws as a secret the
    /// other may draw for something public.
    generators_differ: bool,
    /// The last messages that each node heard in this life.
    pub(super) heard: BTreeMap<NodeId, VecDeque<Input>>,
}

impl Close {
    pub(super) fn new(secrets: Vec<[u8; 32]>, generators_differ: bool) -> Self {
        Self { secrets, generators_differ, heard: BTreeMap::new() }
    }
}

impl Watch {
    pub(super) fn check_closely<C: Engine>(&mut self, call: &Call<'_, C>) -> Result<(), Violation> {
        let node = call.node;
        for output in call.outputs {
            let canonical = match output {
                Output::Send { bytes, .. } => is_canonical::<Frame>(bytes),
                Output::Publish(bytes) => is_canonical::<Publication>(bytes),
                _ => true,
            };
            if !canonical {
                return Err(Violation::NotAMessage { node });
            }
        }
        let views: Vec<_> = call.state.sessions().collect();
        for view in &views {
            self.check_view::<C>(node, view)?;
        }
        let config = call.state.config();
        let parts = &self.hosts[node.as_usize()].parts;
        let joined =
            parts.iter().filter(|part| part.approvals > 0 || part.state != State::Unknown).count();
        let most = config.max_discovered_sessions + joined;
        if views.len() > most {
            return Err(Violation::TooManySessions { node, sessions: views.len(), most });
        }
        self.check_secrets::<C>(node, call.outputs, &views)
    }

    fn check_view<C: Engine>(&mut self, node: NodeId, view: &SessionView) -> Result<(), Violation> {
        let Some(&number) = self.names.get(&view.id) else {
            return Err(Violation::Inconsistent {
                node,
                session: view.id,
                what: "what it never told of",
            });
        };
        let session = &mut self.sessions[number];
        let id = session.id;
        if *view.manifest != *session.manifest || view.manifest.id() != id {
            return Err(Violation::OtherManifest { session: id, node });
        }
        let manifest = Arc::clone(&session.manifest);
        let keys = session.keys::<C>()?;
        if let Some(item) =
            keys.iter().zip(view.output_keys.iter()).position(|(key, shown)| *key != shown.key)
        {
            return Err(Violation::WrongKey { session: id, node, item });
        }
        let items = keys.len();
        let signers = manifest.signer_count();
        let is_set = |of: &[SignerIndex]| {
            of.is_sorted_by(|one, next| one < next)
                && of.iter().all(|signer| signer.as_usize() < signers)
        };
        let own = manifest.index_of(&self.hosts[node.as_usize()].key);
        let ended = matches!(self.hosts[node.as_usize()].parts.get(number), Some(part) if matches!(part.state, State::Ended { .. }));
        let over = matches!(view.phase, Phase::Complete | Phase::Aborted);
        let what = if ![&view.joined, &view.nonces, &view.partials, &view.awaiting]
            .into_iter()
            .all(|of| is_set(of))
        {
            "signers that it does not have, or twice"
        } else if view.output_keys.len() != items {
            "not a key for each item"
        } else if Some(view.me) != own {
            "another's place as its own"
        } else if over != ended {
            "another end than it told of"
        } else if view.phase == Phase::Complete && view.signatures.is_none() {
            "that it is complete without signatures"
        } else if view.statements > STATEMENTS * signers + own_statements(signers) {
            "more statements than a board has room for"
        } else {
            return Ok(());
        };
        Err(Violation::Inconsistent { node, session: id, what })
    }

    fn check_secrets<C: Engine>(
        &self,
        node: NodeId,
        outputs: &[Output],
        views: &[SessionView],
    ) -> Result<(), Violation> {
        // Printing the views is the most expensive part. What a view shows now, it also shows at
        // the next output.
        if outputs.is_empty() {
            return Ok(());
        }
        let mut shown = String::new();
        for output in outputs {
            if let Output::Event(_) | Output::Report(_) = output {
                // Writing to a string does not fail.
                let _ = write!(shown, "{output:?}");
            }
        }
        let _ = write!(shown, "{views:?}");
        let mut secrets: BTreeSet<_> =
            self.close.iter().flat_map(|close| &close.secrets).copied().collect();
        if self.close.as_ref().is_some_and(|close| close.generators_differ) {
            C::each_secret(|secret| {
                secrets.insert(*secret);
            });
        }
        let is_sent = outputs.iter().any(|output| match output {
            Output::Send { bytes, .. } | Output::Publish(bytes) => holds_any(bytes, &secrets),
            _ => false,
        });
        let place = if is_sent {
            "a message"
        } else if printed(&shown).any(|bytes| holds_any(&bytes, &secrets)) {
            "what it shows"
        } else {
            return Ok(());
        };
        Err(Violation::SecretLeaked { node, place })
    }
}

/// Returns the most statements that a board holds of its node's own key: one of each round for each
/// of its lives and attempts. There are as many attempts as restarts of all signers.
fn own_statements(signers: usize) -> usize {
    2 * MAX_JOINS * MAX_JOINS * signers
}

/// Returns whether these bytes are a message, in its only encoding.
fn is_canonical<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> bool {
    let Some((&VERSION, content)) = bytes.split_first() else { return false };
    let message = postcard::from_bytes::<T>(content);
    message.is_ok_and(|message| postcard::to_allocvec(&message).is_ok_and(|again| again == content))
}

fn holds_any(bytes: &[u8], secrets: &BTreeSet<[u8; 32]>) -> bool {
    bytes.windows(32).any(|window| secrets.contains(window))
}

/// Returns the bytes that a text may show: as hexadecimal, starting from the first or the second
/// digit, or as the lists that `Debug` prints.
fn printed(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    let pair = move |pair: &[u8]| Some((digit(pair.first()?)? * 16 + digit(pair.get(1)?)?) as u8);
    let words = text.split(|sign: char| !sign.is_ascii_hexdigit()).filter(|word| word.len() >= 64);
    let hex = words.flat_map(|word| [word, word.get(1..).unwrap_or_default()]);
    let hex = hex.map(move |word| word.as_bytes().chunks_exact(2).filter_map(pair).collect());
    let lists = text.split(['[', ']']).filter(|list| list.len() >= 32);
    hex.chain(lists.map(|list| list.split(", ").filter_map(|number| number.parse().ok()).collect()))
}
