//! What fuzzers run: a function for each target, which takes any bytes and panics if something does
//! not hold.
//!
//! The targets in `fuzz/` are a few lines around these functions, and `cargo test` replays its
//! corpus through them, so that they run on stable Rust without any tool. You can call them from
//! your own fuzzer, too.
//!
//! | function | what is fuzzed | what must hold |
//! | --- | --- | --- |
//! | [`decode`] | every decoder | no panic, memory bounded by the size of the input |
//! | [`round_trip`] | every encoding | one value, one encoding |
//! | [`engines`] | libsecp256k1 against the `musig2` crate | the same bytes, or the same refusal |
//! | [`one_node`] | any orders, inputs and clocks | refusals are no-ops, time advances, bounded outputs |
//! | [`three_nodes`] | three honest nodes and their messages | safety, and liveness once healed |
//! | [`byzantine`] | one honest node between two dishonest ones | safety, and every session ends |
//! | [`evidence`] | evidence made from what honest signers said | no honest signer is convicted |
//! | [`plan`] | a whole simulation | everything that [`trial::run`](crate::trial::run) checks |
//!
//! | file | subject |
//! | --- | --- |
//! | `seat.rs` | a node, every call of which is checked |
//! | `room/` | three of them, and the messages between them |
//! | `crowd/`, `deceiver.rs`, `moves.rs` | one of them, and two signers that hold real keys |
//! | `pen.rs` | a key that signs what the core would not |
//! | `loot.rs` | what a forger of evidence has |
//! | `seeds.rs` | the inputs that fuzzing begins with |

mod byzantine;
mod crowd;
mod deceiver;
mod decode;
mod engines;
mod evidence;
mod loot;
mod moves;
mod one_node;
mod pen;
mod plan;
mod room;
mod round_trip;
mod seat;
mod seeds;
mod three_nodes;

pub use byzantine::byzantine;
pub use decode::{decode, decoding_limit};
pub use engines::engines;
pub use evidence::evidence;
pub use one_node::one_node;
pub use plan::plan;
pub use round_trip::round_trip;
pub use seeds::seeds;
pub use three_nodes::three_nodes;

use crate::engine::Transparent;

/// A function to fuzz, by the name of its target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name in `cargo fuzz run NAME`, and of its folder in the corpus.
    pub name: &'static str,
    /// Takes any bytes. Panics if something does not hold.
    pub body: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    Target { name: "decode", body: decode },
    Target { name: "round_trip", body: round_trip },
    Target { name: "engines", body: engines },
    Target { name: "one_node", body: one_node::<Transparent> },
    Target { name: "three_nodes", body: three_nodes::<Transparent> },
    Target { name: "byzantine", body: byzantine::<Transparent> },
    Target { name: "evidence", body: evidence },
    Target { name: "plan", body: plan::<Transparent> },
];
