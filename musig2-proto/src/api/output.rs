//! Outputs: what a node tells its adapter to do.

use crate::api::event::Event;
use crate::api::offence::Report;
use crate::base::ids::{Contact, Source};

/// Something that the adapter must do, or that the application should know. Outputs are in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Publish this to everybody on the announcement topic.
    Publish(Vec<u8>),
    /// Send this frame. If it is lost, that only costs time.
    Send {
        /// Where to send it.
        to: Destination,
        /// The bytes of the frame.
        bytes: Vec<u8>,
    },
    /// Pass this event to the application.
    Event(Event),
    /// A peer sent something it should not have.
    Report(Report),
}

/// Where a frame goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// To a signer, at the contact that the signer or the application gave.
    Contact(Contact),
    /// Back to the peer that something came from.
    Source(Source),
}
