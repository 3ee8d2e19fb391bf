//! The interface for your own network.

use super::Channel;
use crate::ids::NodeId;
use crate::time::Micros;
use rand_chacha::ChaCha8Rng;

/// Decides what becomes of each message by your own rules, instead of the plan's
/// [`Network`](super::Network). The plan's links, partitions, targets and heal time then have no
/// effect, except that partitions are still noticed
/// ([`Partition::noticed_after`](super::Partition::noticed_after)). Install it with
/// [`World::with_network`](crate::World::with_network).
///
/// Its decisions must depend only on what it is given ([`Passage`] has randomness), because the
/// same plan must give the same run.
///
/// ```
/// use musig2_sim::{Delivery, Micros, NetworkModel, Passage, Plan, World};
///
/// /// A ring: the further around, the longer it takes.
/// struct Ring(u16);
///
/// impl NetworkModel for Ring {
///     fn carry(&mut self, passage: &mut Passage<'_>) -> Delivery {
///         let hops = (passage.to.get() + self.0 - passage.from.get()) % self.0;
///         Delivery::After(Micros::from_millis(20) * u64::from(hops))
///     }
/// }
///
/// let mut world = World::new(Plan::one_session(4))?.with_network(Box::new(Ring(4)));
/// world.run_until_quiet()?;
/// world.check()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait NetworkModel {
    /// Decides what becomes of one message.
    fn carry(&mut self, passage: &mut Passage<'_>) -> Delivery;
}

/// One message on its way to one node.
#[derive(Debug)]
#[non_exhaustive]
pub struct Passage<'a> {
    /// When it was sent.
    pub now: Micros,
    /// Whether it is a frame or a publication.
    pub channel: Channel,
    /// Who sent it.
    pub from: NodeId,
    /// To whom. A publication passes once for each other node.
    pub to: NodeId,
    /// The message.
    pub bytes: &'a [u8],
    /// How many messages went from the one to the other on this channel before.
    pub number: u64,
    /// A generator for this message only: it follows from the plan's seed, the channel, both nodes
    /// and the number.
    pub rng: &'a mut ChaCha8Rng,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// It does not arrive.
    Lost,
    /// It arrives after this time.
    After(Micros),
    /// It arrives twice, after these times.
    Twice(Micros, Micros),
}
