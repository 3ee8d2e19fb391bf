//! What is honest verifies, what is changed does not, and the judge agrees.

use super::{Transparent, TransparentJudge};
use crate::engine::Judge;
use musig2_proto::{
    AggregateNonce, ChainCode, Crypto, DerivationPath, InvalidTweak, Item, KeyAggregationError,
    MerkleRoot, Message, PartialSignature, PlainTweak, PublicKey, PublicNonce, SecretKey,
    Signature, Tweak, TweakKind, TweakScalar, XOnlyPublicKey,
};
use proptest::prelude::*;

type C = Transparent;
type Keypair = <C as Crypto>::Keypair;
type Round = <C as Crypto>::Round;

/// One item, signed by everyone.
struct Session {
    keys: Vec<PublicKey>,
    round: Round,
    nonces: Vec<PublicNonce>,
    partials: Vec<PartialSignature>,
    output: XOnlyPublicKey,
    signature: Signature,
}

fn keypair(secret: [u8; 32]) -> Keypair {
    C::keypair(&SecretKey::new(secret)).unwrap()
}

fn tweaked(keys: &[PublicKey], tweaks: &[PlainTweak]) -> <C as Crypto>::KeyAggregate {
    let untweaked = C::aggregate_keys(keys).unwrap();
    tweaks.iter().fold(untweaked, |keys, tweak| C::tweak(&keys, tweak).unwrap())
}

fn sign(secrets: &[[u8; 32]], tweaks: &[PlainTweak], message: &Message) -> Session {
    let pairs: Vec<_> = secrets.iter().copied().map(keypair).collect();
    let keys: Vec<_> = pairs.iter().map(C::public_key).collect();
    let aggregate = tweaked(&keys, tweaks);
    let nonce = |pair| C::generate_nonce(pair, &aggregate, message, [1; 32], [2; 32]).unwrap();
    let (secret_nonces, nonces): (Vec<_>, Vec<_>) = pairs.iter().map(nonce).unzip();
    let round = C::round(&aggregate, &C::aggregate_nonces(&nonces).unwrap(), message).unwrap();
    let signed = pairs.iter().zip(secret_nonces);
    let partials: Vec<_> =
        signed.map(|(pair, nonce)| C::sign(&round, nonce, pair).unwrap()).collect();
    let signature = C::aggregate_signatures(&round, &partials).unwrap();
    let output = C::aggregate_key(&aggregate).x_only();
    Session { keys, round, nonces, partials, output, signature }
}

/// Returns the bytes with one bit changed.
fn flipped<const N: usize>(mut bytes: [u8; N], bit: usize) -> [u8; N] {
    bytes[bit / 8 % N] ^= 1 << (bit % 8);
    bytes
}

/// Generates scalars below the order of secp256k1 and not zero.
fn scalar() -> impl Strategy<Value = [u8; 32]> {
    (0..0xff_u8, any::<[u8; 31]>()).prop_map(|(high, low)| {
        let mut scalar = [high; 32];
        scalar[1..].copy_from_slice(&low);
        scalar[31] |= 1;
        scalar
    })
}

fn secrets() -> impl Strategy<Value = Vec<[u8; 32]>> {
    prop::collection::vec(scalar(), 1..=8)
}

fn plain_tweak() -> impl Strategy<Value = PlainTweak> {
    let kind = prop_oneof![Just(TweakKind::Plain), Just(TweakKind::XOnly)];
    (kind, scalar())
        .prop_map(|(kind, scalar)| PlainTweak { kind, scalar: TweakScalar::new(scalar) })
}

fn message() -> impl Strategy<Value = Message> {
    any::<[u8; 32]>().prop_map(Message::new)
}

proptest! {
    #[test]
    fn partials_and_signatures_of_honest_signers_verify(
        secrets in secrets(),
        tweaks in prop::collection::vec(plain_tweak(), 0..4),
        message in message(),
    ) {
        let session = sign(&secrets, &tweaks, &message);
        for ((key, nonce), partial) in session.keys.iter().zip(&session.nonces).zip(&session.partials) {
            prop_assert!(C::verify_partial(&session.round, key, nonce, partial));
        }
        prop_assert!(C::verify(&session.output, message.as_bytes(), &session.signature));
        prop_assert!(TransparentJudge::is_valid(&session.output, &message, &session.signature));
    }

    #[test]
    fn the_judge_computes_the_same_key(
        secrets in secrets(),
        raw in prop::collection::vec(plain_tweak(), 0..3),
        root in any::<Option<[u8; 32]>>(),
        path in prop::collection::vec(0..1_u32 << 31, 0..4),
    ) {
        let keys: Vec<_> = secrets.iter().map(|secret| C::public_key(&keypair(*secret))).collect();
        let mut tweaks: Vec<_> = raw.iter().copied().map(Tweak::Raw).collect();
        let item = |tweaks: &[Tweak]| Item::new(Message::new([7; 32])).with_tweaks(tweaks.to_vec()).unwrap();
        let judged = TransparentJudge::output_key(&keys, &item(&tweaks)).unwrap();
        prop_assert_eq!(judged, C::aggregate_key(&tweaked(&keys, &raw)).x_only());
        // Tweaks that the core turns into scalars are compared in whole sessions. This only checks
        // that each of them changes the key.
        let path = DerivationPath::new(path).unwrap();
        let derives = !path.is_empty();
        tweaks.push(Tweak::Bip32 { chain_code: ChainCode::BIP328, path });
        let derived = TransparentJudge::output_key(&keys, &item(&tweaks)).unwrap();
        prop_assert_eq!(derived != judged, derives);
        tweaks.push(Tweak::Taproot { merkle_root: root.map(MerkleRoot::new) });
        prop_assert_ne!(TransparentJudge::output_key(&keys, &item(&tweaks)).unwrap(), derived);
    }

    #[test]
    fn a_changed_bit_in_anything_fails_to_verify(
        secrets in secrets(),
        tweaks in prop::collection::vec(plain_tweak(), 0..2),
        message in message(),
        bit in any::<prop::sample::Index>(),
    ) {
        let session = sign(&secrets, &tweaks, &message);
        let valid = |key, message: Message, signature| {
            let valid = C::verify(&key, message.as_bytes(), &signature);
            assert_eq!(valid, TransparentJudge::is_valid(&key, &message, &signature), "the judge agrees");
            valid
        };
        let (output, signature) = (session.output, session.signature);
        prop_assert!(!valid(XOnlyPublicKey::new(flipped(output.to_bytes(), bit.index(256))), message, signature));
        prop_assert!(!valid(output, Message::new(flipped(message.to_bytes(), bit.index(256))), signature));
        prop_assert!(!valid(output, message, Signature::new(flipped(signature.to_bytes(), bit.index(512)))));

        let (key, nonce, partial) = (session.keys[0], session.nonces[0], session.partials[0]);
        let verifies = |key, nonce, partial| C::verify_partial(&session.round, &key, &nonce, &partial);
        prop_assert!(!verifies(PublicKey::new(flipped(key.to_bytes(), bit.index(264))), nonce, partial));
        prop_assert!(!verifies(key, PublicNonce::new(flipped(nonce.to_bytes(), bit.index(528))), partial));
        let changed = PartialSignature::new(flipped(partial.to_bytes(), bit.index(256)));
        prop_assert!(!verifies(key, nonce, changed));
        let partials: Vec<_> = [changed].into_iter().chain(session.partials[1..].iter().copied()).collect();
        prop_assert_eq!(C::aggregate_signatures(&session.round, &partials), None);
    }

    #[test]
    fn a_statement_verifies_only_unchanged_and_under_its_key(
        secret in scalar(),
        statement in any::<([u8; 32], [u8; 32])>(),
        auxiliary in any::<[u8; 32]>(),
        bit in any::<prop::sample::Index>(),
    ) {
        let pair = keypair(secret);
        let key = C::public_key(&pair).x_only();
        let statement: [u8; 64] = [statement.0, statement.1].concat().try_into().unwrap();
        let signature = C::sign_statement(&pair, &statement, &auxiliary).unwrap();
        prop_assert!(C::verify(&key, &statement, &signature));
        prop_assert!(!C::verify(&key, &flipped(statement, bit.index(512)), &signature));
        prop_assert!(!C::verify(&key, &statement[..63], &signature));
        prop_assert!(!C::verify(&key, &statement, &Signature::new(flipped(signature.to_bytes(), bit.index(512)))));
    }
}

#[test]
fn nonces_that_cancel_out_go_on_as_bip327_says() {
    let message = Message::new([3; 32]);
    let pairs = [1, 2].map(|byte| keypair([byte; 32]));
    let keys = C::aggregate_keys(&pairs.clone().map(|pair| C::public_key(&pair))).unwrap();
    let (_, nonce) = C::generate_nonce(&pairs[0], &keys, &message, [1; 32], [0; 32]).unwrap();
    // Flipping the parity of each half negates it.
    let mut opposite = nonce.to_bytes();
    opposite[0] ^= 1;
    opposite[33] ^= 1;
    let aggregate = C::aggregate_nonces(&[nonce, PublicNonce::new(opposite)]).unwrap();
    assert_eq!(aggregate, AggregateNonce::new([0; 66]));
    let round = C::round(&keys, &aggregate, &message).unwrap();
    let partials = pairs.each_ref().map(|pair| {
        let (secret, public) = C::generate_nonce(pair, &keys, &message, [2; 32], [0; 32]).unwrap();
        let partial = C::sign(&round, secret, pair).unwrap();
        assert!(C::verify_partial(&round, &C::public_key(pair), &public, &partial));
        partial
    });
    // Each partial signature is valid, but for other nonces than those in the aggregate.
    assert_eq!(C::aggregate_signatures(&round, &partials), None);
}

#[test]
fn invalid_points_and_scalars_are_refused() {
    assert!(C::keypair(&SecretKey::new([0; 32])).is_err());
    assert!(C::keypair(&SecretKey::new([0xff; 32])).is_err());
    let pair = keypair([1; 32]);
    let key = C::public_key(&pair);
    let off_curve = PublicKey::new([2; 33]);
    assert_eq!(
        C::aggregate_keys(&[key, off_curve]).err(),
        Some(KeyAggregationError::InvalidKey(1))
    );
    assert_eq!(C::aggregate_keys(&[]).err(), Some(KeyAggregationError::NoAggregate));
    let keys = C::aggregate_keys(&[key]).unwrap();
    let too_large = PlainTweak { kind: TweakKind::Plain, scalar: TweakScalar::new([0xff; 32]) };
    assert_eq!(C::tweak(&keys, &too_large).err(), Some(InvalidTweak));
    assert!(!C::is_valid_nonce(&PublicNonce::new([0; 66])), "infinity is an aggregate's alone");
    assert!(!C::is_valid_nonce(&PublicNonce::new([3; 66])));
    assert_eq!(C::aggregate_nonces(&[PublicNonce::new([3; 66])]), None);
    assert_eq!(C::aggregate_nonces(&[]), None);
    assert!(C::round(&keys, &AggregateNonce::new([3; 66]), &Message::new([0; 32])).is_none());
}

#[test]
fn a_nonce_signs_for_its_own_key_and_needs_randomness() {
    let (pair, other) = (keypair([1; 32]), keypair([2; 32]));
    let message = Message::new([0; 32]);
    let keys = C::aggregate_keys(&[C::public_key(&pair)]).unwrap();
    assert!(C::generate_nonce(&pair, &keys, &message, [0; 32], [0; 32]).is_none());
    let (secret, public) = C::generate_nonce(&pair, &keys, &message, [1; 32], [0; 32]).unwrap();
    let round = C::round(&keys, &C::aggregate_nonces(&[public]).unwrap(), &message).unwrap();
    assert!(C::sign(&round, secret.clone(), &other).is_none());
    assert!(C::sign(&round, secret, &pair).is_some());
}
