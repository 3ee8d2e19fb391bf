//! Drawn plans end as they must.

use musig2_sim::{Plan, Profile, World};

fn run(seed: u64, profile: Profile) {
    let mut world: World = World::new(Plan::drawn(seed, profile)).unwrap();
    world.run_until_quiet().unwrap_or_else(|error| panic!("{profile} {seed}: {error}"));
    world.check().unwrap_or_else(|violation| panic!("{profile} {seed}: {violation}"));
}

#[test]
fn swarms_pass_with_each_of_200_seeds() {
    (0..200).for_each(|seed| run(seed, Profile::Swarm));
}
