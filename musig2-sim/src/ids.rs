//! Nodes by their numbers.

use core::fmt;
use musig2_proto::{Contact, Destination, Source};
use serde::{Deserialize, Serialize};

/// A node's number, from 0. This is not a signer index, which is the position of its key in a
/// session's sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(transparent)]
pub struct NodeId(u16);

impl NodeId {
    /// From a number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns the first `count` nodes.
    pub fn first(count: u16) -> impl Iterator<Item = Self> + Clone {
        (0..count).map(Self)
    }

    pub(crate) const fn as_usize(self) -> usize {
        self.0 as usize
    }

    /// Returns the contact of this node, which its joins and hellos state.
    ///
    /// # Panics
    /// Never: a contact has room for a number.
    pub fn contact(self) -> Contact {
        Contact::new(self.address().to_vec())
            .unwrap_or_else(|_| unreachable!("two bytes fit a contact"))
    }

    /// Returns the source that other nodes see on messages from this node.
    pub fn source(self) -> Source {
        Source::new(self.address())
    }

    /// Returns the node with a contact; `None` if no node of a world can have it.
    pub fn of_contact(contact: &Contact) -> Option<Self> {
        Self::from_address(contact.as_bytes())
    }

    /// Returns the node behind a source; `None` if no node of a world can have it.
    pub fn of_source(source: &Source) -> Option<Self> {
        Self::from_address(source.as_bytes())
    }

    /// Returns the node that a frame is sent to; `None` if no node of a world can have that
    /// destination.
    pub fn of_destination(to: &Destination) -> Option<Self> {
        match to {
            Destination::Contact(contact) => Self::of_contact(contact),
            Destination::Source(source) => Self::of_source(source),
        }
    }

    /// Returns the bytes of this node's contact and source.
    pub(crate) const fn address(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    fn from_address(address: &[u8]) -> Option<Self> {
        address.try_into().ok().map(u16::from_be_bytes).map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}
