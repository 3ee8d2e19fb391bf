//! A node can be cloned only with the simulator's engine, not with one whose nonces are secret.

use musig2_proto::{Libsecp256k1, Node};
use musig2_sim::Transparent;

fn is_clone<T: Clone>() {}

fn main() {
    is_clone::<Node<Transparent>>();
    is_clone::<Node<Libsecp256k1>>();
}
