//! Tests of fates on a link between two nodes.

use super::*;
use crate::chance::Probability;
use crate::network::{Capacity, Latency, Link, Partition};

const ALICE: NodeId = NodeId::new(0);
const BOB: NodeId = NodeId::new(1);

fn router(network: Network) -> Router {
    Router::new(network, 3, Chance::new(1))
}

/// Sends 100 bytes.
fn send(router: &mut Router, now: Micros, channel: Channel, from: NodeId, to: NodeId) -> Fate {
    router.route(now, channel, from, to, &vec![0; 100].into()).fate
}

fn faulty() -> Network {
    let latency = Latency::Uniform { least: Micros::from_millis(1), most: Micros::from_millis(50) };
    let frames = Link {
        latency,
        loss: Probability::percent(30),
        duplication: Probability::percent(30),
        corruption: Probability::percent(30),
        delayed: Probability::percent(30),
        delay: Latency::Constant(Micros::from_secs(1)),
        ..Link::default()
    };
    Network { frames, ..Network::default() }
}

fn fates(network: Network, count: usize) -> Vec<Fate> {
    let mut router = router(network);
    (0..count).map(|_| send(&mut router, Micros::ZERO, Channel::Frame, ALICE, BOB)).collect()
}

#[test]
fn a_calm_network_delivers_everything_once_after_its_latency() {
    let at = Micros::from_millis(10);
    assert_eq!(
        fates(Network::default(), 3),
        [Fate::Arrives { at, again: None, reversed: false, altered: None }; 3]
    );
}

#[test]
fn removing_one_fault_leaves_all_others_as_they_were() {
    let all = faulty();
    let with = fates(all.clone(), 500);
    let lost = with.iter().filter(|fate| **fate == Fate::Lost).count();
    assert!((100..200).contains(&lost), "{lost} of 500 lost at 30 %");
    let frames = || all.frames.clone();
    let slow = |fate: &Fate, than: &Fate| matches!((fate, than), (Fate::Arrives { at: slow, .. }, Fate::Arrives { at, .. }) if slow > at);
    // Each case turns one fault off. The closure says whether that fault struck a message, given
    // its fate with and without it.
    type Struck<'a> = Box<dyn Fn(&Fate, &Fate) -> bool + 'a>;
    let cases: [(Link, Struck<'_>); 4] = [
        (Link { loss: Probability::NEVER, ..frames() }, Box::new(|with, _| *with == Fate::Lost)),
        (
            Link { duplication: Probability::NEVER, ..frames() },
            Box::new(|with, _| matches!(with, Fate::Arrives { again: Some(_), .. })),
        ),
        (
            Link { corruption: Probability::NEVER, ..frames() },
            Box::new(|with, _| matches!(with, Fate::Arrives { altered: Some(_), .. })),
        ),
        (Link { delayed: Probability::NEVER, ..frames() }, Box::new(slow)),
    ];
    for (frames, struck) in cases {
        let without = fates(Network { frames, ..all.clone() }, 500);
        let pairs = || with.iter().zip(&without);
        assert!(pairs().all(|(with, without)| with == without || struck(with, without)));
        assert!(pairs().any(|(with, without)| with != without && struck(with, without)));
    }
}

#[test]
fn a_message_lost_behind_a_narrow_link_does_not_affect_the_next() {
    let capacity = Some(Capacity::bytes_per_second(10_000).with_queue(2_000));
    let narrow = Network { frames: Link { capacity, ..faulty().frames }, ..Network::default() };
    let lossless = Link { loss: Probability::NEVER, ..narrow.frames.clone() };
    let with = fates(narrow.clone(), 40);
    let without = fates(Network { frames: lossless, ..narrow }, 40);
    assert!(
        with.iter().zip(&without).all(|(with, without)| *with == Fate::Lost || with == without)
    );
    let crowded = without.iter().filter(|fate| **fate == Fate::Crowded).count();
    assert_eq!(crowded, 20, "of 40 messages of 100 bytes at one moment, 20 find room");
}

#[test]
fn a_healed_link_carries_everything_as_it_is() {
    let frames = Link {
        capacity: Some(Capacity::bytes_per_second(1).with_queue(0)),
        corruption: Probability::ALWAYS,
        delayed: Probability::ALWAYS,
        latency: Latency::default(),
        ..faulty().frames
    };
    let network = Network { frames, heals_at: Some(Micros::ZERO), ..Network::default() };
    let at = Micros::from_millis(10);
    assert_eq!(
        fates(network, 3),
        [Fate::Arrives { at, again: None, reversed: false, altered: None }; 3]
    );
}

#[test]
fn an_altered_message_arrives_as_another_message() {
    let frames = Link { corruption: Probability::ALWAYS, ..Link::default() };
    let mut router = router(Network { frames, ..Network::default() });
    let sent: Arc<[u8]> = vec![7; 50].into();
    for _ in 0..100 {
        let routed = router.route(Micros::ZERO, Channel::Frame, ALICE, BOB, &sent);
        assert!(matches!(routed.fate, Fate::Arrives { altered: Some(_), .. }));
        // Two flips can hit the same bit and cancel out. With this seed, no message ends up
        // unchanged.
        assert_ne!(routed.bytes, sent);
    }
}

#[test]
fn a_link_does_not_depend_on_traffic_over_others() {
    let mut router = router(faulty());
    let alone = fates(faulty(), 20);
    let among_others: Vec<_> = (0..20)
        .map(|_| {
            send(&mut router, Micros::ZERO, Channel::Frame, BOB, ALICE);
            send(&mut router, Micros::ZERO, Channel::Gossip, ALICE, BOB);
            send(&mut router, Micros::ZERO, Channel::Frame, ALICE, BOB)
        })
        .collect();
    assert_eq!(alone, among_others);
}

#[test]
fn a_partition_cuts_both_ways_while_it_lasts_and_healing_ends_it() {
    let [from, until] = [1, 3].map(Micros::from_secs);
    let network = Network {
        partitions: vec![Partition::new([ALICE], [BOB]).during(from, until)],
        ..Network::default()
    };
    let cut = |network: &Network, at, from, to| {
        send(&mut router(network.clone()), at, Channel::Frame, from, to) == Fate::Cut
    };
    assert!(!cut(&network, Micros::from_millis(999), ALICE, BOB));
    assert!(cut(&network, from, ALICE, BOB) && cut(&network, from, BOB, ALICE));
    assert!(!cut(&network, from, ALICE, NodeId::new(2)));
    assert!(!cut(&network, until, ALICE, BOB));
    let gossip =
        |network: &Network| send(&mut router(network.clone()), from, Channel::Gossip, ALICE, BOB);
    assert_ne!(gossip(&network), Fate::Cut, "the third node carries it");
    let all = Partition::new([ALICE], [BOB, NodeId::new(2)]);
    assert_eq!(gossip(&Network { partitions: vec![all], ..Network::default() }), Fate::Cut);
    let one_way = Network {
        partitions: vec![Partition::new([ALICE], [BOB]).one_way()],
        ..Network::default()
    };
    assert!(cut(&one_way, from, ALICE, BOB) && !cut(&one_way, from, BOB, ALICE));
    let healed = Network { heals_at: Some(Micros::from_secs(2)), ..network };
    assert!(cut(&healed, Micros::from_millis(1_999), ALICE, BOB));
    assert!(!cut(&healed, Micros::from_secs(2), ALICE, BOB));
}

#[test]
fn within_a_window_the_first_message_sent_arrives_last() {
    let frames = Link { reversal: Some(Micros::from_millis(100)), ..Link::default() };
    let mut router = router(Network { frames, ..Network::default() });
    let arrivals: Vec<_> = [0, 40, 99, 100]
        .map(|millis| send(&mut router, Micros::from_millis(millis), Channel::Frame, ALICE, BOB))
        .iter()
        .map(|fate| match fate {
            Fate::Arrives { at, reversed: true, .. } => at.get() / 1_000,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(arrivals, [210, 170, 111, 310]);
}
