//! How much memory one session takes if its other signers fill their boards and restart as often as
//! they may.

use crate::{ALLOCATED, alone};
use musig2_proto::wire::encode_message;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::statement::Statement;
use musig2_proto::{
    Audience, Boot, ChainCode, Command, Config, Contact, Crypto, DerivationPath, Event, Input,
    Item, K256, Libsecp256k1, MAX_RESTARTS, Message, Node, Output, Proposal, PublicNonce,
    SecretKey, SessionId, Source, Timestamp, Transcript, Tweak,
};
use musig2_sim::{RogueSigner, protocol};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

const SIGNERS: usize = 15;
const ITEMS: usize = 256;
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// The bound in SECURITY.md.
const BOUND: usize = 9 << 20;

/// In how many attempts everyone states nonces and partial signatures.
const ATTEMPTS: u8 = 4;

fn secret(number: usize) -> SecretKey {
    SecretKey::new([number as u8 + 1; 32])
}

/// One node, and everyone else under the test's control.
struct Scene<C: Crypto> {
    node: Node<C>,
    rng: ChaCha20Rng,
    session: SessionId,
    others: Vec<RogueSigner<Libsecp256k1>>,
}

impl<C: Crypto> Scene<C> {
    /// Makes a session with items under different keys, as many tweak steps from the signers' key
    /// as there may be.
    fn new() -> Self {
        let mut node = Node::<C>::with_engine(Config::default()).unwrap();
        let keys = (0..SIGNERS).map(|number| {
            Libsecp256k1::public_key(&Libsecp256k1::keypair(&secret(number)).unwrap())
        });
        node.add_key(&secret(0)).unwrap();
        let proposal = (0..ITEMS as u32).fold(Proposal::new(keys), |proposal, item| {
            let step = |step| Tweak::Bip32 {
                chain_code: ChainCode::BIP328,
                path: DerivationPath::new(vec![4 * item + step]).unwrap(),
            };
            let item = Item::new(Message::new([1; 32]));
            proposal.with_item(item.with_tweaks([0, 1, 2, 3].map(step).to_vec()).unwrap())
        });
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let created = node.execute(NOW, &mut rng, Command::CreateSession(proposal)).unwrap();
        let [Output::Event(Event::SessionCreated { session })] = created[..] else {
            panic!("{created:?}")
        };
        let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
        node.execute(NOW, &mut rng, announce).unwrap();
        let view = node.session(&session).unwrap();
        let others = (1..SIGNERS).map(|number| {
            let contact = Contact::new(vec![number as u8; Contact::MAX_SIZE]).unwrap();
            RogueSigner::new(&secret(number), contact, view.clone()).unwrap()
        });
        Self { others: others.collect(), node, rng, session }
    }

    /// Delivers statements of one of the others, which says that it reaches nobody.
    fn say(&mut self, other: usize, statements: Vec<Statement>) {
        let from = &self.others[other];
        let have = Some(protocol::summary(SIGNERS, from.index, from.boot, false));
        let frame = Frame { have, ..protocol::frame(self.session, statements) };
        let input =
            Input::Frame { from: Source::new([other as u8]), bytes: encode_message(&frame) };
        let outputs = self.node.handle(NOW, &mut self.rng, input);
        assert!(!outputs.iter().any(|output| matches!(output, Output::Report(_))), "{outputs:?}");
    }
}

fn lives(of: u8) -> Vec<Boot> {
    (1..=of).map(|life| Boot::new([life; 16])).collect()
}

/// Returns what a node with this engine holds in the end, in bytes.
fn held<C: Crypto>() -> usize {
    let mut scene = Scene::<C>::new();
    let most = 1 + MAX_RESTARTS as u8;
    for round in 0..ATTEMPTS {
        // Everyone has restarted as often as it may, except the last signer, which restarts once
        // more in each attempt.
        let of =
            |other: usize| if other + 2 < SIGNERS { most } else { most + 1 + round - ATTEMPTS };
        let all = scene.others.iter().enumerate();
        let mut restarted: Vec<_> =
            all.map(|(other, signer)| (signer.index, lives(of(other)))).collect();
        restarted.sort();
        for other in 0..scene.others.len() {
            let joins =
                (1..=of(other)).map(|life| scene.others[other].restart(life, &restarted)).collect();
            scene.say(other, joins);
        }
        for other in 0..scene.others.len() {
            let signer = &mut scene.others[other];
            let point = signer.key().to_bytes();
            let pair = PublicNonce::new([point, point].concat().try_into().unwrap());
            let nonces = signer.nonces_with(vec![pair; ITEMS]);
            // They are for another transcript, for which nobody can be blamed, so the node keeps
            // them.
            let partials = signer.partials_with(signer.garbage(), Transcript::new([7; 32]));
            scene.say(other, vec![nonces, partials]);
        }
        let view = scene.node.session(&scene.session).unwrap();
        assert_eq!(view.nonces.len(), SIGNERS, "a round");
    }
    let before = ALLOCATED.current_usage();
    drop(scene.node);
    before - ALLOCATED.current_usage()
}

#[test]
fn a_full_session_takes_no_more_memory_than_is_documented() {
    let _alone = alone();
    for (engine, held) in [("C", held::<Libsecp256k1> as fn() -> usize), ("Rust", held::<K256>)] {
        let held = held();
        println!("{engine}: {held} bytes");
        assert!(held < BOUND, "{engine}: {held} bytes");
    }
}
