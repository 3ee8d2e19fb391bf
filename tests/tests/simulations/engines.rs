//! Two engines, one protocol: whichever engine computes, the bytes are the same.

use musig2_proto::{
    Audience, ChainCode, Command, Config, Crypto, DerivationPath, Destination, Event, Input, Item,
    K256, Libsecp256k1, MerkleRoot, Message, Node, Output, PlainTweak, Proposal, PublicKey,
    SecretKey, SessionView, Signature, Source, Timestamp, Tweak, TweakKind, TweakScalar,
};
use musig2_proto::{CommandError, Contact};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::VecDeque;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A node with either engine, and its own random generator.
enum Signer {
    C(Node<Libsecp256k1>, ChaCha20Rng),
    Rust(Node<K256>, ChaCha20Rng),
}

impl Signer {
    fn new(number: u8, in_rust: bool, config: &Config) -> (Self, PublicKey) {
        let rng = ChaCha20Rng::from_seed([number; 32]);
        let secret = SecretKey::new([number + 1; 32]);
        if in_rust {
            let mut node = Node::with_engine(config.clone()).unwrap();
            let key = node.add_key(&secret).unwrap();
            (Self::Rust(node, rng), key)
        } else {
            let mut node = Node::with_engine(config.clone()).unwrap();
            let key = node.add_key(&secret).unwrap();
            (Self::C(node, rng), key)
        }
    }

    fn execute(&mut self, command: Command) -> Result<Vec<Output>, CommandError> {
        match self {
            Self::C(node, rng) => node.execute(NOW, rng, command),
            Self::Rust(node, rng) => node.execute(NOW, rng, command),
        }
    }

    fn handle(&mut self, input: Input) -> Vec<Output> {
        match self {
            Self::C(node, rng) => node.handle(NOW, rng, input),
            Self::Rust(node, rng) => node.handle(NOW, rng, input),
        }
    }

    fn view(&self) -> SessionView {
        match self {
            Self::C(node, _) => node.sessions().next(),
            Self::Rust(node, _) => node.sessions().next(),
        }
        .unwrap()
    }
}

/// Everything that was sent, and the signatures that each signer ended with.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    sent: Vec<(usize, Vec<u8>)>,
    signatures: Vec<Vec<Signature>>,
    view: SessionView,
}

/// Runs one session, with every message delivered in order. `in_rust` says which signers compute in
/// Rust.
fn run(in_rust: &[bool], items: &[Item]) -> Run {
    let config = Config::default().with_allow_raw_tweaks(true);
    let (mut signers, keys): (Vec<_>, Vec<_>) = (0_u8..)
        .zip(in_rust)
        .map(|(number, &in_rust)| Signer::new(number, in_rust, &config))
        .unzip();
    let mut mail = VecDeque::new();
    let mut sent = Vec::new();
    let mut signatures = vec![Vec::new(); signers.len()];
    let proposal = items.iter().cloned().fold(Proposal::new(keys), Proposal::with_item);
    let mut work = VecDeque::new();
    for (number, signer) in (0..).zip(&mut signers) {
        signer.execute(Command::SetContact(Contact::new(vec![number]).unwrap())).unwrap();
    }
    work.extend(
        signers[0]
            .execute(Command::CreateSession(proposal))
            .unwrap()
            .into_iter()
            .map(|output| (0, output)),
    );
    loop {
        while let Some((from, output)) = work.pop_front() {
            let others = (0..signers.len()).filter(|&to| to != from);
            let source = Source::new([from as u8]);
            match output {
                Output::Publish(bytes) => {
                    sent.push((from, bytes.clone()));
                    for to in others {
                        mail.push_back((
                            to,
                            Input::Announcement { from: source.clone(), bytes: bytes.clone() },
                        ));
                    }
                }
                Output::Send { to, bytes } => {
                    let to = match &to {
                        Destination::Contact(contact) => contact.as_bytes()[0],
                        Destination::Source(source) => source.as_bytes()[0],
                    };
                    sent.push((from, bytes.clone()));
                    mail.push_back((usize::from(to), Input::Frame { from: source, bytes }));
                }
                Output::Event(Event::SessionCreated { session }) => {
                    let announce =
                        Command::AnnounceSession { session, audience: Audience::Everyone };
                    work.extend(
                        signers[from]
                            .execute(announce)
                            .unwrap()
                            .into_iter()
                            .map(|output| (from, output)),
                    );
                }
                Output::Event(Event::SessionDiscovered { session }) => {
                    let join = Command::JoinSession { session };
                    work.extend(
                        signers[from]
                            .execute(join)
                            .unwrap()
                            .into_iter()
                            .map(|output| (from, output)),
                    );
                }
                Output::Event(Event::SessionComplete { signatures: complete, .. }) => {
                    signatures[from] = complete;
                }
                Output::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
        let Some((to, input)) = mail.pop_front() else { break };
        work.extend(signers[to].handle(input).into_iter().map(|output| (to, output)));
    }
    Run { sent, signatures, view: signers[0].view() }
}

/// Verifies the signatures with the `musig2` crate and with libsecp256k1, under the key that the
/// view names.
fn verify(run: &Run) {
    for signatures in &run.signatures {
        assert_eq!(signatures, &run.signatures[0], "all hold the same");
    }
    let items = run.view.manifest.items();
    assert_eq!(run.signatures[0].len(), items.len());
    for ((item, output), signature) in
        items.iter().zip(run.view.output_keys.iter()).zip(&run.signatures[0])
    {
        let message = item.message().as_bytes();
        let key = musig2::secp::Point::lift_x(output.key.to_bytes()).unwrap();
        let parsed = musig2::CompactSignature::from_bytes(signature.as_bytes()).unwrap();
        musig2::verify_single(key, parsed, message).unwrap();
        assert!(Libsecp256k1::verify(&output.key, message, signature));
        assert!(K256::verify(&output.key, message, signature));
    }
}

fn tweak() -> impl Strategy<Value = Tweak> {
    let root = any::<Option<[u8; 32]>>();
    let path = prop::collection::vec(0..1_u32 << 31, 0..4);
    let kind = prop_oneof![Just(TweakKind::Plain), Just(TweakKind::XOnly)];
    prop_oneof![
        root.prop_map(|root| Tweak::Taproot { merkle_root: root.map(MerkleRoot::new) }),
        path.prop_map(|path| Tweak::Bip32 {
            chain_code: ChainCode::BIP328,
            path: DerivationPath::new(path).unwrap()
        }),
        // The first byte is zero, which keeps the scalar below the group order.
        (kind, any::<[u8; 31]>()).prop_map(|(kind, low)| {
            let mut scalar = [0; 32];
            scalar[1..].copy_from_slice(&low);
            Tweak::Raw(PlainTweak { kind, scalar: TweakScalar::new(scalar) })
        }),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    (any::<[u8; 32]>(), prop::collection::vec(tweak(), 0..4))
        .prop_map(|(message, tweaks)| Item::new(Message::new(message)).with_tweaks(tweaks).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn engines_mixed_in_one_session_send_and_sign_the_same_bytes(
        in_rust in prop::collection::vec(any::<bool>(), 2..=8),
        items in prop::collection::vec(item(), 1..4),
    ) {
        let all_c = run(&vec![false; in_rust.len()], &items);
        verify(&all_c);
        let all_rust = run(&vec![true; in_rust.len()], &items);
        prop_assert_eq!(&all_rust, &all_c);
        let mixed = run(&in_rust, &items);
        prop_assert_eq!(&mixed, &all_c);
    }
}
