//! What fuzzers run: a function for each target, which takes any bytes and panics where something does not hold.
//!
//! The targets in `fuzz/` are a few lines around them, and `cargo test` replays its corpus through them, so that they run on stable
//! without any tool. They are there for one's own fuzzer, too.
//!
//! | function | what is fuzzed | what must hold |
//! | --- | --- | --- |
//! | [`decode`] | every decoder | no panic, memory bounded by the size of the input |
//! | [`round_trip`] | every encoding | one value, one encoding |
//! | [`engines`] | libsecp256k1 against the `musig2` crate | the same bytes, or the same refusal |
//! | [`one_node`] | a node with any orders, inputs and clocks | refusals change nothing, time gets on, outputs are bounded |
//! | [`three_nodes`] | three honest nodes, and what becomes of each message | all of safety, and liveness once it heals |
//! | [`byzantine`] | one honest node between two signers without scruples | all of safety, every session ends |
//! | [`evidence`] | evidence put together from all that honest signers said | no honest signer is convicted |
//! | [`plan`] | a whole simulation | everything that [`trial::run`](crate::trial::run) checks |
//!
//! | file | subject |
//! | --- | --- |
//! | `seat.rs` | a node, every call of which is checked |
//! | `room/` | three of them, with what is between them |
//! | `crowd/`, `deceiver.rs`, `moves.rs` | one of them, and two signers that hold real keys |
//! | `pen.rs` | a key that signs what the core would not |
//! | `loot.rs` | what a forger of evidence has |
//! | `seeds.rs` | what fuzzing begins with |

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

use crate::transparent::Transparent;

/// A function to fuzz, by the name of its target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// As in `cargo fuzz run NAME`, and the name of its folder in the corpus.
    pub name: &'static str,
    /// Takes any bytes. Panics where something does not hold.
    pub body: fn(&[u8]),
}

/// All of them.
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
