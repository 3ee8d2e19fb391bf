//! One signer: a node, its generator, and the application on top of it.

use crate::chance::{Chance, Decision, Domain};
use crate::ids::NodeId;
use core::convert::Infallible;
use musig2_proto::{Crypto, Event, Node};
use rand_chacha::rand_core::{TryCryptoRng, TryRng};
use std::sync::Arc;

pub(super) struct Signer<C: Crypto> {
    /// `None` while it is down.
    pub(super) node: Option<Node<C>>,
    pub(super) life: Life,
    /// How the session ended in this life.
    pub(super) end: Option<Event>,
    /// The announcement, if its application keeps it.
    pub(super) kept: Option<Arc<[u8]>>,
}

impl<C: Crypto> Clone for Signer<C>
where
    Node<C>: Clone,
{
    fn clone(&self) -> Self {
        let Self { node, life, end, kept } = self;
        Self { node: node.clone(), life: *life, end: end.clone(), kept: kept.clone() }
    }
}

impl<C: Crypto> Signer<C> {
    pub(super) fn new() -> Self {
        Self { node: None, life: Life::default(), end: None, kept: None }
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self.end, Some(Event::SessionComplete { .. }))
    }
}

/// The number of a node's life, and how many times it has drawn 8, 16 and 32 bytes in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Life {
    pub(super) number: u32,
    drawn: [u32; 3],
}

impl Life {
    pub(super) fn next(self) -> Self {
        Self { number: self.number + 1, drawn: [0; 3] }
    }
}

/// A generator whose bytes depend only on the node, its life, and the number of draws of that
/// length. So reordering other things does not change them, and equal states stay equal. Its
/// numbers are all zero, so that nothing has jitter.
pub(super) struct Dice<'a> {
    pub(super) chance: &'a Chance,
    pub(super) node: NodeId,
    pub(super) life: &'a mut Life,
}

impl TryRng for Dice<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let kind = match bytes.len() {
            8 => 0,
            16 => 1,
            32 => 2,
            other => unreachable!("a node draws 8, 16 or 32 bytes, and not {other}"),
        };
        let Life { number, drawn } = self.life;
        let counter = u64::from(*number) << 40 | (kind as u64) << 32 | u64::from(drawn[kind]);
        drawn[kind] += 1;
        let drawn = self.chance.bytes(Decision::of_node(Domain::NodeRng, self.node, counter));
        bytes.copy_from_slice(&drawn[..bytes.len()]);
        Ok(())
    }
}

impl TryCryptoRng for Dice<'_> {}
