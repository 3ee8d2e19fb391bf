//! A node on an engine whose secret nonces can be copied can be copied itself, to explore where a state may lead: the copy goes on as
//! the first would have, and its hash tells its state.

use core::hash::{Hash, Hasher};
use musig2_proto::{
    AggregateNonce, Audience, Command, Config, Crypto, DefaultCrypto, Event, Input, InvalidSecretKey,
    InvalidTweak, KeyAggregationError, Message, Node, Output, PartialSignature, PlainTweak, Proposal,
    PublicKey, PublicNonce, SecretKey, SessionId, Signature, Source, Stepping, Timestamp, XOnlyPublicKey,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::VecDeque;
use std::hash::DefaultHasher;

/// The default engine with the same nonces each time: for tests alone, where nothing is worth a key.
enum Copyable {}

type Of = DefaultCrypto;

#[derive(Clone)]
struct Nonce {
    keys: <Of as Crypto>::KeyAggregate,
    message: Message,
    extra: [u8; 32],
    /// What it would have been made of: no two draws are one state.
    drawn: [u8; 32],
}

impl Hash for Nonce {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.drawn.hash(state);
    }
}

impl Crypto for Copyable {
    type Keypair = <Of as Crypto>::Keypair;
    type KeyAggregate = <Of as Crypto>::KeyAggregate;
    type SecretNonce = Nonce;
    type Round = <Of as Crypto>::Round;

    fn keypair(secret: &SecretKey) -> Result<Self::Keypair, InvalidSecretKey> {
        Of::keypair(secret)
    }
    fn public_key(keypair: &Self::Keypair) -> PublicKey {
        Of::public_key(keypair)
    }
    fn aggregate_keys(keys: &[PublicKey]) -> Result<Self::KeyAggregate, KeyAggregationError> {
        Of::aggregate_keys(keys)
    }
    fn tweak(keys: &Self::KeyAggregate, tweak: &PlainTweak) -> Result<Self::KeyAggregate, InvalidTweak> {
        Of::tweak(keys, tweak)
    }
    fn aggregate_key(keys: &Self::KeyAggregate) -> PublicKey {
        Of::aggregate_key(keys)
    }
    fn generate_nonce(
        keypair: &Self::Keypair,
        keys: &Self::KeyAggregate,
        message: &Message,
        drawn: [u8; 32],
        extra: [u8; 32],
    ) -> Option<(Nonce, PublicNonce)> {
        let (_, public) = Of::generate_nonce(keypair, keys, message, [1; 32], extra)?;
        Some((Nonce { keys: *keys, message: *message, extra, drawn }, public))
    }
    fn is_valid_nonce(nonce: &PublicNonce) -> bool {
        Of::is_valid_nonce(nonce)
    }
    fn aggregate_nonces(nonces: &[PublicNonce]) -> Option<AggregateNonce> {
        Of::aggregate_nonces(nonces)
    }
    fn round(keys: &Self::KeyAggregate, nonce: &AggregateNonce, message: &Message) -> Option<Self::Round> {
        Of::round(keys, nonce, message)
    }
    fn sign(round: &Self::Round, nonce: Nonce, keypair: &Self::Keypair) -> Option<PartialSignature> {
        let Nonce { keys, message, extra, .. } = nonce;
        let (secret, _) = Of::generate_nonce(keypair, &keys, &message, [1; 32], extra)?;
        Of::sign(round, secret, keypair)
    }
    fn verify_partial(
        round: &Self::Round,
        signer: &PublicKey,
        nonce: &PublicNonce,
        partial: &PartialSignature,
    ) -> bool {
        Of::verify_partial(round, signer, nonce, partial)
    }
    fn aggregate_signatures(round: &Self::Round, partials: &[PartialSignature]) -> Option<Signature> {
        Of::aggregate_signatures(round, partials)
    }
    fn sign_statement(keypair: &Self::Keypair, message: &[u8; 64], _: &[u8; 32]) -> Option<Signature> {
        Of::sign_statement(keypair, message, &[0; 32])
    }
    fn verify(key: &XOnlyPublicKey, message: &[u8], signature: &Signature) -> bool {
        Of::verify(key, message, signature)
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// Two nodes, stepped by hand, whose session has been announced by the first.
fn pair() -> ([Node<Copyable>; 2], SessionId) {
    let config = Config::default().with_stepping(Stepping::Manual);
    let mut nodes = [1, 2].map(|_| Node::new(config.clone()).unwrap());
    let keys = [0, 1].map(|place| nodes[place].add_key(&SecretKey::new([place as u8 + 1; 32])).unwrap());
    let proposal = Proposal::new(keys).with_message(Message::new([9; 32]));
    let created = execute(&mut nodes[0], 1, Command::CreateSession(proposal));
    let [Output::Event(Event::SessionCreated { session })] = created[..] else { panic!("{created:?}") };
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    let announced = execute(&mut nodes[0], 1, announce);
    deliver(&mut nodes, 0, announced);
    (nodes, session)
}

fn execute(node: &mut Node<Copyable>, seed: u8, command: Command) -> Vec<Output> {
    node.execute(now(), &mut rng(seed), command).unwrap()
}

/// Brings what one of two nodes sends to the other, and what follows from it.
fn deliver(nodes: &mut [Node<Copyable>; 2], from: usize, outputs: Vec<Output>) {
    let mut mail: VecDeque<_> = outputs.into_iter().map(|output| (from, output)).collect();
    while let Some((from, output)) = mail.pop_front() {
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
fn a_copy_is_the_same_state_and_goes_on_as_the_first_would_have() {
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
fn what_a_session_holds_is_part_of_the_state() {
    let (mut nodes, session) = pair();
    let mut seen = vec![hash(&nodes[1])];
    for command in [Command::JoinSession { session }, Command::ShareNonces { session }] {
        execute(&mut nodes[1], 2, command);
        seen.push(hash(&nodes[1]));
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
}

#[test]
fn a_secret_nonce_is_part_of_the_state_though_nobody_has_seen_it() {
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
fn the_keys_are_part_of_the_state() {
    let [one, other] = [1, 2].map(|secret| {
        let mut node = Node::<Copyable>::new(Config::default()).unwrap();
        node.add_key(&SecretKey::new([secret; 32])).unwrap();
        node
    });
    assert_eq!(one.public_keys().count(), 1);
    assert_ne!(hash(&one), hash(&other));
}
