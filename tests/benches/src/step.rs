//! The steps of a session on one node, told from one another by what the node answers.

use musig2_proto::{Event, Output};

/// A call of a node, by what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Its application creates a session.
    Create,
    /// Its application has the session announced, and the node states its join and nonces.
    Announce,
    /// A frame brings an announcement, which the node verifies.
    Discover,
    /// Its application joins, and the node states its join and nonces.
    Join,
    /// A frame brings another signer's join and nonces.
    Nonces,
    /// The same, and they are the last ones: the node states its partial signatures.
    LastNonces,
    /// A frame brings another signer's partial signatures.
    Partials,
    /// The same, and they are the last ones: the node has the signatures.
    LastPartials,
    /// A frame asks for something, and the node sends it.
    Answer,
    /// A frame brings nothing new.
    Repeat,
    /// Only time has passed.
    Tick,
}

impl Step {
    /// The steps that a frame causes.
    pub const OF_FRAMES: [Self; 7] = [
        Self::Discover,
        Self::Nonces,
        Self::LastNonces,
        Self::Partials,
        Self::LastPartials,
        Self::Answer,
        Self::Repeat,
    ];

    /// Returns its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Announce => "announce",
            Self::Discover => "discover",
            Self::Join => "join",
            Self::Nonces => "nonces",
            Self::LastNonces => "last-nonces",
            Self::Partials => "partials",
            Self::LastPartials => "last-partials",
            Self::Answer => "answer",
            Self::Repeat => "repeat",
            Self::Tick => "tick",
        }
    }

    /// Returns the step that a frame caused.
    pub(crate) fn of(outputs: &[Output]) -> Self {
        let has = |is: fn(&Event) -> bool| {
            outputs.iter().any(|output| matches!(output, Output::Event(event) if is(event)))
        };
        if has(|event| matches!(event, Event::SessionComplete { .. })) {
            Self::LastPartials
        } else if has(|event| matches!(event, Event::NoncesComplete { .. })) {
            // The node's own partial signatures are told of in the same call.
            Self::LastNonces
        } else if has(|event| matches!(event, Event::PartialSigReceived { .. })) {
            Self::Partials
        } else if has(|event| matches!(event, Event::NonceReceived { .. })) {
            Self::Nonces
        } else if has(|event| matches!(event, Event::SessionDiscovered { .. })) {
            Self::Discover
        } else if outputs.iter().any(|output| matches!(output, Output::Send { .. })) {
            Self::Answer
        } else {
            Self::Repeat
        }
    }
}
