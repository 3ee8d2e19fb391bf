//! How much memory it takes to check evidence, which anyone can make of a session of any size.

use crate::{ALLOCATED, alone};
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::proof::{Proof, Signed};
use musig2_proto::{
    AggregateNonce, Command, Config, Crypto, Event, Evidence, Fault, Item, K256, Libsecp256k1,
    Manifest, Message, Node, Output, Proposal, PublicNonce, SecretKey, Timestamp, Tweak,
};
use musig2_sim::{RogueSigner, Round};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// Not powers of two, at which lists that grow by doubling have the least to spare.
const SIGNERS: usize = 1537;
const ITEMS: usize = 1003;

/// Twice what the evidence contains, and some 500 bytes for each signer a few times over, in bytes.
/// Something for each signer and each item would take 730 MB.
const BOUND: usize = 5 << 20;

fn secret(number: usize) -> SecretKey {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    SecretKey::new(bytes)
}

/// Makes evidence that a partial signature of the last item does not verify. Each item is under a
/// tweaked key.
fn evidence() -> Evidence {
    let config = Config::default().with_max_signers(SIGNERS).with_max_items(ITEMS);
    let mut node = Node::<Libsecp256k1>::with_engine(config).unwrap();
    node.add_key(&secret(0)).unwrap();
    let keys = (0..SIGNERS)
        .map(|number| Libsecp256k1::public_key(&Libsecp256k1::keypair(&secret(number)).unwrap()));
    let item = Item::new(Message::new([1; 32])).with_tweaks(vec![Tweak::BIP86]).unwrap();
    let proposal =
        (0..ITEMS).fold(Proposal::new(keys), |proposal, _| proposal.with_item(item.clone()));
    let (now, mut rng) =
        (Timestamp::from_millis(1_800_000_000_000), ChaCha20Rng::from_seed([1; 32]));
    let created = node.execute(now, &mut rng, Command::CreateSession(proposal)).unwrap();
    let [Output::Event(Event::SessionCreated { session })] = created[..] else {
        panic!("{created:?}")
    };
    let view = node.session(&session).unwrap();
    let manifest = Manifest::clone(&view.manifest);
    let mut guilty =
        RogueSigner::<Libsecp256k1>::new(&secret(1), Default::default(), view.clone()).unwrap();
    let point = guilty.key().to_bytes();
    let pair: [u8; 66] = [point, point].concat().try_into().unwrap();
    let nonces = guilty.nonces_with(vec![PublicNonce::new(pair); ITEMS]);
    let round = Round::of(&view, guilty.attempt, [7; 32], vec![AggregateNonce::new(pair); ITEMS]);
    let garbage = guilty.partials_with(guilty.garbage(), round.transcript);
    let proof = Proof::InvalidPartialSignature {
        nonces: Signed::of(&nonces).unwrap(),
        partials: Signed::of(&garbage).unwrap(),
        nonce_root: round.nonce_root,
        aggregates: List::new(round.aggregates).unwrap(),
        item: ITEMS as u16 - 1,
    };
    Evidence { manifest, proof }
}

fn verify<C: Crypto>(bytes: &[u8]) -> Fault {
    Evidence::from_bytes(bytes).unwrap().verify::<C>().unwrap().fault
}

#[test]
fn evidence_takes_memory_only_for_its_signers_and_the_item_it_names() {
    let _alone = alone();
    let bytes = evidence().to_bytes();
    for (engine, verify) in
        [("C", verify::<Libsecp256k1> as fn(&[u8]) -> Fault), ("Rust", verify::<K256>)]
    {
        let before = ALLOCATED.current_usage();
        ALLOCATED.reset_peak_usage();
        assert_eq!(verify(&bytes), Fault::InvalidPartialSignature);
        let used = ALLOCATED.peak_usage().saturating_sub(before);
        println!("{engine}: {used} bytes of memory for {} of evidence", bytes.len());
        assert!(used < BOUND, "{engine}: {used} bytes of memory for {} of evidence", bytes.len());
    }
}
