//! If an engine's secret nonces can be copied, a node with that engine can be copied too, to
//! explore where a state may lead. The copy goes on as the original would have, and its hash stands
//! for its state.

use crate::common::engine::Copyable;
use core::hash::{Hash, Hasher};
use musig2_proto::{
    Audience, Command, Config, Contact, Event, Input, Message, Node, Output, Proposal, SecretKey,
    SessionId, Source, Stepping, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::VecDeque;
use std::hash::DefaultHasher;

fn now() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// Makes two nodes that are stepped by hand. The first has announced their session.
fn pair() -> ([Node<Copyable>; 2], SessionId) {
    let config = Config::default().with_stepping(Stepping::Manual);
    let mut nodes = [1, 2].map(|_| Node::with_engine(config.clone()).unwrap());
    let keys =
        [0, 1].map(|place| nodes[place].add_key(&SecretKey::new([place as u8 + 1; 32])).unwrap());
    for (number, node) in (0..).zip(&mut nodes) {
        execute(node, 1, Command::SetContact(Contact::new(vec![number]).unwrap()));
    }
    let proposal = Proposal::new(keys).with_message(Message::new([9; 32]));
    let created = execute(&mut nodes[0], 1, Command::CreateSession(proposal));
    let [Output::Event(Event::SessionCreated { session })] = created[..] else {
        panic!("{created:?}")
    };
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    let announced = execute(&mut nodes[0], 1, announce);
    deliver(&mut nodes, 0, announced);
    (nodes, session)
}

fn execute(node: &mut Node<Copyable>, seed: u8, command: Command) -> Vec<Output> {
    node.execute(now(), &mut rng(seed), command).unwrap()
}

/// Delivers what one of two nodes sends to the other, and everything that follows from it.
fn deliver(nodes: &mut [Node<Copyable>; 2], from: usize, outputs: Vec<Output>) {
    let mut mail: VecDeque<_> = outputs.into_iter().map(|output| (from, output)).collect();
    let mut deliveries = 0;
    while let Some((from, output)) = mail.pop_front() {
        deliveries += 1;
        assert!(deliveries < 1000, "the nodes do not come to rest");
        let (to, from_source) = (1 - from, Source::new([from as u8]));
        let input = match output {
            Output::Publish(bytes) => Input::Announcement { from: from_source, bytes },
            Output::Send { bytes, .. } => Input::Frame { from: from_source, bytes },
            _ => continue,
        };
        let answers = nodes[to].handle(now(), &mut rng(7), input);
        mail.extend(answers.into_iter().map(|output| (to, output)));
    }
}

fn hash(node: &Node<Copyable>) -> u64 {
    let mut hasher = DefaultHasher::new();
    node.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn a_copy_has_the_same_state_and_goes_on_like_the_original() {
    let (mut nodes, session) = pair();
    execute(&mut nodes[1], 2, Command::JoinSession { session });
    let mut copy = nodes[1].clone();
    assert_eq!(hash(&copy), hash(&nodes[1]));
    for command in [Command::ShareNonces { session }, Command::Cleanup] {
        let by_first = execute(&mut nodes[1], 3, command.clone());
        assert_eq!(execute(&mut copy, 3, command), by_first);
        assert_eq!(hash(&copy), hash(&nodes[1]));
    }
}

#[test]
fn a_sessions_statements_are_part_of_the_state() {
    let (mut nodes, session) = pair();
    let mut seen = vec![hash(&nodes[1])];
    for command in [Command::JoinSession { session }, Command::ShareNonces { session }] {
        execute(&mut nodes[1], 2, command);
        seen.push(hash(&nodes[1]));
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
}

#[test]
fn a_secret_nonce_is_part_of_the_state_although_nobody_has_seen_it() {
    let (mut nodes, session) = pair();
    execute(&mut nodes[1], 2, Command::JoinSession { session });
    let [one, other] = [3, 4].map(|seed| {
        let mut copy = nodes[1].clone();
        let said = execute(&mut copy, seed, Command::ShareNonces { session });
        (hash(&copy), said)
    });
    assert_eq!(one.1, other.1, "what they say is the same");
    assert_ne!(one.0, other.0);
}

#[test]
fn a_past_attempt_leaves_no_secret_nonce_behind() {
    let (nodes, session) = pair();
    // Two copies of one node have different secret nonces, which nobody else can tell apart.
    let mut copies = [3, 4].map(|seed| {
        let mut copy = nodes[0].clone();
        execute(&mut copy, seed, Command::ShareNonces { session });
        copy
    });
    assert_ne!(hash(&copies[0]), hash(&copies[1]));
    // Their co-signer joins, and then joins again without memory.
    let mut joins = Vec::new();
    for seed in [5, 6] {
        let mut life = nodes[1].clone();
        joins.extend(execute(&mut life, seed, Command::JoinSession { session }));
    }
    for copy in &mut copies {
        for join in &joins {
            if let Output::Send { bytes, .. } = join {
                let (from, bytes) = (Source::new([1]), bytes.clone());
                copy.handle(now(), &mut rng(7), Input::Frame { from, bytes });
            }
        }
        assert_eq!(copy.session(&session).unwrap().restarts, 1);
    }
    assert_eq!(hash(&copies[0]), hash(&copies[1]));
}

#[test]
fn the_keys_are_part_of_the_state() {
    let [one, other] = [1, 2].map(|secret| {
        let mut node = Node::<Copyable>::with_engine(Config::default()).unwrap();
        node.add_key(&SecretKey::new([secret; 32])).unwrap();
        node
    });
    assert_eq!(one.public_keys().count(), 1);
    assert_ne!(hash(&one), hash(&other));
}
