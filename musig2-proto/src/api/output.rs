//! What a node gives its adapter.

use crate::api::event::Event;
use crate::api::offence::Report;
use crate::base::ids::{Contact, Source};

/// Something for the adapter to do, or the application to know, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Publish this to everybody on the announcement topic.
    Publish(Vec<u8>),
    /// Send this frame. Losing it costs time and nothing else.
    Send {
        /// To whom.
        to: Destination,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// For the application.
    Event(Event),
    /// A peer sent something it should not have.
    Report(Report),
}

/// Where a frame goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// To a signer, by the contact it or the application gave.
    Contact(Contact),
    /// Back to where something came from.
    Source(Source),
}
