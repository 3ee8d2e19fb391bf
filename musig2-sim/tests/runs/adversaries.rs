//! Byzantine nodes of every built-in kind, and how honest nodes deal with them.

use musig2_proto::{
    AbortCause, Config, DefaultCrypto, Destination, Event, Evidence, Fault, Input, Output,
    SignerIndex, Stepping, Topology,
};
use musig2_sim::{
    Action, Adversary, Latency, Means, Micros, NodeId, Plan, Point, Probability, SessionPlan,
    Strategy, World,
};

const MALLORY: NodeId = NodeId::new(1);

/// How a session ended on an honest node.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Complete,
    Convicted(NodeId, Fault),
    Other(AbortCause),
}

fn owner(world: &World, session: &Evidence, signer: SignerIndex) -> NodeId {
    let key = session.manifest.signer(signer).expect("a signer");
    world.plan().node_ids().find(|&node| world.public_key(node) == *key).expect("a node's key")
}

/// Runs a plan to its end. Returns how each session ended at each honest node that took part in it.
fn run(plan: Plan) -> (World, Vec<(NodeId, End)>) {
    let seed = plan.seed;
    let mut world = World::new(plan).unwrap();
    world.run_until_quiet().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    world.check().unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    let mut ends = Vec::new();
    for node in world.plan().node_ids().filter(|&node| world.is_honest(node)) {
        for (_, event) in &world.application(node).events {
            ends.push((
                node,
                match event {
                    Event::SessionComplete { .. } => End::Complete,
                    Event::SessionAborted {
                        cause: AbortCause::Convicted { signer, fault, evidence },
                        ..
                    } => {
                        let evidence = Evidence::from_bytes(&evidence.to_bytes()).unwrap();
                        let conviction = evidence.verify::<DefaultCrypto>().unwrap();
                        assert_eq!((conviction.signer, conviction.fault), (*signer, *fault));
                        End::Convicted(owner(&world, &evidence, *signer), *fault)
                    }
                    Event::SessionAborted { cause, .. } => End::Other(cause.clone()),
                    _ => continue,
                },
            ));
        }
    }
    (world, ends)
}

fn calm(strategy: Strategy, seed: u64) -> Plan {
    Plan::one_session(4).with_seed(seed).with_strategy(MALLORY, strategy)
}

#[test]
fn provable_faults_are_proven_by_every_honest_node() {
    for strategy in Strategy::ALL.into_iter().filter(|strategy| strategy.must_be_convicted()) {
        for seed in 0..4 {
            let (_, ends) = run(calm(strategy, seed));
            assert_eq!(ends.len(), 3, "{strategy}, seed {seed}: {ends:?}");
            for (_, end) in ends {
                let End::Convicted(MALLORY, fault) = end else {
                    panic!("{strategy}, seed {seed}: {end:?}")
                };
                assert!(strategy.provable().contains(&fault), "{strategy}: {fault:?}");
            }
        }
    }
}

#[test]
fn harmless_strategies_do_not_stop_a_session() {
    for strategy in Strategy::ALL.into_iter().filter(|strategy| strategy.is_harmless()) {
        for topology in [Topology::Mesh, Topology::Hub] {
            for seed in 0..4 {
                let session = SessionPlan::new(NodeId::first(4)).proposed_by(MALLORY);
                let plan = Plan::new(4).with_session(session).with_seed(seed);
                let plan = plan.with_config(Config::default().with_topology(topology));
                let (world, _) = run(plan.with_strategy(MALLORY, strategy));
                let session = world.session_id(0).unwrap();
                for node in [0, 2, 3].map(NodeId::new) {
                    let end = world.application(node).terminal(&session);
                    let complete = matches!(end, Some((_, Event::SessionComplete { .. })));
                    assert!(complete, "{strategy}, {topology:?}, seed {seed}, {node}: {end:?}");
                }
            }
        }
    }
}

#[test]
fn nobody_is_wrongly_convicted_on_a_bad_network() {
    for strategy in Strategy::ALL {
        for seed in 0..3 {
            let plan = calm(strategy, seed)
                .with_loss(Probability::percent(15))
                .with_duplication(Probability::percent(15))
                .with_heal_at(Micros::from_secs(20));
            for (node, end) in run(plan).1 {
                if let End::Convicted(who, fault) = end {
                    let provable = who == MALLORY && strategy.provable().contains(&fault);
                    assert!(
                        provable,
                        "{strategy}, seed {seed}: {node} convicts {who} of {fault:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn colluders_that_cancel_all_nonces_out_are_convicted() {
    let partners = [1, 2].map(NodeId::new);
    for seed in 0..4 {
        let plan = partners.iter().fold(Plan::one_session(5).with_seed(seed), |plan, &partner| {
            plan.with_strategy(partner, Strategy::Collude)
        });
        let (_, ends) = run(plan);
        assert_eq!(ends.len(), 3, "seed {seed}");
        for (_, end) in ends {
            let End::Convicted(who, Fault::InvalidPartialSignature) = end else {
                panic!("{end:?}")
            };
            assert!(partners.contains(&who));
        }
    }
}

#[test]
fn two_nodes_with_one_key_get_nobody_else_blamed() {
    for seed in 0..20 {
        let (_, ends) = run(Plan::one_session(4).with_seed(seed).with_twin(MALLORY));
        assert_eq!(ends.len(), 3, "seed {seed}");
        for (node, end) in ends {
            let named = End::Convicted(MALLORY, Fault::ConcurrentInstances);
            let awaited = matches!(&end, End::Other(AbortCause::TimedOut { .. }));
            assert!(
                end == End::Complete || end == named || awaited,
                "seed {seed}: {node}: {end:?}"
            );
        }
    }
}

#[test]
fn a_copied_node_is_convicted_or_stops_and_nobody_else_is_blamed() {
    let (mut convicted, mut noticed) = (0, 0);
    for seed in 0..20 {
        // Stepped by hand and slowly: by the time of their nonces the copies have polled a
        // different number of times, and so have drawn different randomness.
        let config = Config::default().with_stepping(Stepping::Manual);
        let latency =
            Latency::Uniform { least: Micros::from_millis(1), most: Micros::from_secs(3) };
        let plan = Plan::one_session(4).with_seed(seed).with_clone(MALLORY).with_config(config);
        let (world, ends) = run(plan.with_latency(latency));
        noticed += usize::from(world.coverage().contains(Point::AbortedRivalInstance));
        for (node, end) in ends {
            match end {
                End::Convicted(MALLORY, Fault::Equivocation | Fault::ConcurrentInstances) => {
                    convicted += 1;
                }
                End::Complete | End::Other(AbortCause::TimedOut { .. }) => {}
                end => panic!("seed {seed}: {node}: {end:?}"),
            }
        }
    }
    assert!(convicted > 0 && noticed > 0, "convicted {convicted} times, noticed {noticed} times");
}

#[test]
fn the_same_adversaries_give_the_same_run_on_both_engines() {
    for strategy in Strategy::ALL {
        let one = run(calm(strategy, 7)).0.trace().hash();
        assert_eq!(run(calm(strategy, 7)).0.trace().hash(), one, "{strategy}");
        let mut other = World::<musig2_proto::K256>::with_engine(calm(strategy, 7)).unwrap();
        other.run_until_quiet().unwrap();
        assert_eq!(other.trace().hash(), one, "{strategy}");
    }
}

#[test]
fn one_honest_node_among_byzantine_ones_ends_its_session() {
    for (seed, strategy) in (0..).zip(Strategy::ALL) {
        let others = [1, 2, 3].map(NodeId::new);
        let plan = Plan::one_session(4).with_seed(seed);
        let (_, ends) =
            run(others.iter().fold(plan, |plan, &other| plan.with_strategy(other, strategy)));
        assert!(ends.iter().all(|(node, _)| *node == NodeId::new(0)));
    }
}

/// Drops what goes to one node, and counts what comes from another.
#[derive(Default)]
struct Picky {
    heard: std::rc::Rc<std::cell::Cell<usize>>,
}

impl Adversary<DefaultCrypto> for Picky {
    fn before(&mut self, _: &mut Means<'_, DefaultCrypto>, input: Input) -> Vec<Input> {
        if let Input::Frame { from, .. } = &input
            && NodeId::of_source(from) == Some(NodeId::new(0))
        {
            self.heard.set(self.heard.get() + 1);
        }
        vec![input]
    }

    fn after(&mut self, _: &mut Means<'_, DefaultCrypto>, outputs: Vec<Output>) -> Vec<Output> {
        let carol = |to: &Destination| NodeId::of_destination(to) == Some(NodeId::new(2));
        outputs
            .into_iter()
            .filter(|output| !matches!(output, Output::Send { to, .. } if carol(to)))
            .collect()
    }
}

#[test]
fn an_adversary_can_tell_where_a_message_comes_from_and_goes() {
    let picky = Picky::default();
    let heard = std::rc::Rc::clone(&picky.heard);
    let mut world = World::new(Plan::one_session(3)).unwrap().recorded();
    world.corrupt(MALLORY, Box::new(picky));
    world.run_until_quiet().unwrap();
    let sent = |from: NodeId, to: NodeId| {
        let frames = world.trace().recorded().iter().filter(move |step| step.node == from);
        frames
            .filter(
                move |step| matches!(&step.action, Action::Sent { to: at, .. } if *at == Some(to)),
            )
            .count()
    };
    let [alice, carol] = [0, 2].map(NodeId::new);
    assert!(sent(alice, MALLORY) > 0 && sent(MALLORY, alice) > 0);
    assert_eq!((heard.get(), sent(MALLORY, carol)), (sent(alice, MALLORY), 0));
    assert_eq!(world.without_effect().count(), 0);
}

#[test]
fn a_strategy_without_any_effect_is_reported() {
    // This adversary changes nothing, so its node does what the honest code does.
    struct Waits;
    impl Adversary<DefaultCrypto> for Waits {}
    let mut world =
        World::new(Plan::one_session(3).with_strategy(NodeId::new(0), Strategy::EquivocateNonces))
            .unwrap();
    world.corrupt(MALLORY, Box::new(Waits));
    world.run_until_quiet().unwrap();
    assert_eq!(world.without_effect().collect::<Vec<_>>(), [MALLORY]);
}
