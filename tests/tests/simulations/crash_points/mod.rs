//! Signers lose everything except their key, at every moment there is. [`World::check`] judges
//! every run: signatures verify under independently computed keys; no secret nonce is generated
//! twice or used in two challenges; nobody is convicted, and nobody is reported for what no honest
//! node does.
//!
//! | file | subject |
//! | --- | --- |
//! | `every_output.rs` | one crash, after each output of each signer |
//! | `several.rs` | several crashes in one run |
//! | `memory.rs` | what a signer does not know of its own past |
//! | `limit.rs` | how often a signer may restart |

mod every_output;
mod limit;
mod memory;
mod several;

use musig2_proto::{Config, Libsecp256k1, Topology};
use musig2_sim::{Latency, Micros, NodeId, Plan, Probability, Recording, World};

const ALICE: NodeId = NodeId::new(0);
const BOB: NodeId = NodeId::new(1);
const CAROL: NodeId = NodeId::new(2);

/// A world that records nonces, and judges them with everything else.
type Recorded = World<Recording<Libsecp256k1>>;

/// Three signers in each way in which they can be connected. Alice proposes.
fn networks() -> [Plan; 3] {
    let hub = Config::default().with_topology(Topology::Hub);
    [
        Plan::one_session(3),
        Plan::one_session(3).with_known_contacts(),
        Plan::one_session(3).with_config(hub),
    ]
}

/// Runs to the end. Every signer must then have every signature, in its present life.
fn signed(plan: Plan) -> Recorded {
    let mut world = World::with_engine(plan).unwrap();
    finish(&mut world);
    world
}

fn finish(world: &mut Recorded) {
    let plan = world.plan().clone();
    world.run_until_quiet().unwrap_or_else(|error| panic!("{error}: {plan:#?}"));
    world.check().unwrap_or_else(|violation| panic!("{violation}: {plan:#?}"));
}

fn crashes(world: &Recorded, node: NodeId) -> usize {
    world.lives(node).count() - 1
}

/// Loses and duplicates a tenth of everything, and lets messages overtake each other.
fn rough(plan: Plan) -> Plan {
    plan.with_loss(Probability::percent(10))
        .with_duplication(Probability::percent(10))
        .with_latency(Latency::Uniform {
            least: Micros::from_millis(5),
            most: Micros::from_millis(150),
        })
        .with_delays(Probability::percent(5), Latency::Constant(Micros::from_secs(2)))
}
