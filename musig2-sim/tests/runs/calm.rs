//! What a session costs on a network without faults, in frames and one-way trips.

use musig2_proto::{Config, Topology};
use musig2_sim::{Counters, Latency, Micros, Plan, World};

const TRIP: Micros = Micros::from_millis(100);

/// Runs one session to its end, and returns how many frames and trips it took.
fn cost(plan: Plan) -> (u64, u64) {
    let mut world = World::new(plan.with_latency(Latency::Constant(TRIP))).unwrap();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    let Counters { frames, lost, publications, .. } = world.counters();
    assert_eq!((lost, publications), (0, 1));
    let completed = world.completed_at(0).unwrap();
    assert_eq!(completed.get() % TRIP.get(), 0, "nothing in a calm session waits for a timer");
    (frames, completed.get() / TRIP.get())
}

fn mesh(signers: u16) -> Plan {
    Plan::one_session(signers)
}

fn hub(signers: u16) -> Plan {
    mesh(signers).with_config(Config::default().with_topology(Topology::Hub))
}

#[test]
fn a_mesh_of_known_contacts_takes_two_frames_each_way_in_three_trips() {
    assert_eq!(cost(mesh(3).with_known_contacts()), (12, 3));
    assert_eq!(cost(mesh(15).with_known_contacts()), (420, 3));
}

#[test]
fn a_mesh_of_strangers_takes_four_trips() {
    for signers in [3, 15] {
        let (_, trips) = cost(mesh(signers));
        assert_eq!(trips, 4, "{signers} signers");
    }
}

#[test]
fn a_hub_takes_four_frames_per_other_signer_and_five_trips() {
    assert_eq!(cost(hub(3)), (8, 5));
    assert_eq!(cost(hub(15)), (56, 5));
}

#[test]
fn a_world_that_is_done_sends_nothing_more() {
    for plan in [mesh(3), hub(3), mesh(3).with_known_contacts()] {
        let mut world = World::new(plan).unwrap();
        world.run_until_quiet().unwrap();
        let counters = world.counters();
        world.run_until(Micros::from_secs(3_600)).unwrap();
        assert_eq!(world.counters(), counters);
        world.check().unwrap();
    }
}
