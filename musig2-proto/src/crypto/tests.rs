//! What every engine must do, and what it must refuse. Each test runs on every engine that is
//! built.

use super::*;

/// The order of the group. Valid scalars are below it.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

const MESSAGE: Message = Message::new([9; 32]);

/// Runs each test body on every engine.
macro_rules! on_each_engine {
    ($($name:ident => $body:ident;)*) => {
        #[cfg(feature = "libsecp256k1")]
        mod libsecp256k1 {
            $(#[test] fn $name() { super::$body::<crate::Libsecp256k1>(); })*
        }
        #[cfg(feature = "k256")]
        mod k256 {
            $(#[test] fn $name() { super::$body::<crate::K256>(); })*
        }
    };
}

on_each_engine! {
    a_secret_key_is_a_scalar_other_than_zero => secret_keys;
    keys_are_aggregated_where_each_is_a_point => keys;
    a_tweak_is_applied_as_its_kind_says => tweaks;
    nonces_follow_from_every_argument => nonces;
    a_nonce_is_two_compressed_points => encodings;
    a_round_ends_with_a_signature_that_verifies => rounds;
    what_is_not_signed_as_it_should_be_is_found => faults;
    a_nonce_signs_for_its_own_key_alone => anothers_nonce;
    a_statement_verifies_as_it_was_signed => statements;
}

fn keypair<C: Crypto>(number: u8) -> C::Keypair {
    C::keypair(&SecretKey::new([number; 32])).unwrap()
}

fn public_keys<C: Crypto>() -> [PublicKey; 2] {
    [1, 2].map(|number| C::public_key(&keypair::<C>(number)))
}

fn aggregate<C: Crypto>() -> C::KeyAggregate {
    C::aggregate_keys(&public_keys::<C>()).unwrap()
}

fn nonce<C: Crypto>(number: u8, randomness: u8) -> (C::SecretNonce, PublicNonce) {
    let keypair = keypair::<C>(number);
    C::generate_nonce(&keypair, &aggregate::<C>(), &MESSAGE, [randomness; 32], [0; 32]).unwrap()
}

fn secret_keys<C: Crypto>() {
    let mut one = [0; 32];
    assert!(C::keypair(&SecretKey::new(one)).is_err());
    assert!(C::keypair(&SecretKey::new(ORDER)).is_err());
    one[31] = 1;
    let generator = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    assert_eq!(C::public_key(&C::keypair(&SecretKey::new(one)).unwrap()).to_string(), generator);
}

fn keys<C: Crypto>() {
    let [one, two] = public_keys::<C>();
    let of = |keys: &[PublicKey]| C::aggregate_keys(keys).map(|keys| C::aggregate_key(&keys));
    assert!(of(&[one, two]).is_ok());
    assert_ne!(of(&[one, two]), of(&[two, one]));
    let none = PublicKey::new([5; 33]);
    assert_eq!(of(&[one, none]), Err(KeyAggregationError::InvalidKey(1)));
    assert_eq!(of(&[]), Err(KeyAggregationError::NoAggregate));
    // SEC 1's compact form, which some decoders accept.
    let mut compact = one.to_bytes();
    compact[0] = 5;
    assert_eq!(of(&[PublicKey::new(compact)]), Err(KeyAggregationError::InvalidKey(0)));
}

fn tweaks<C: Crypto>() {
    let tweaked = |kind, scalar| {
        let tweak = PlainTweak { kind, scalar: TweakScalar::new(scalar) };
        C::tweak(&odd::<C>(), &tweak).map(|keys| C::aggregate_key(&keys))
    };
    assert_ne!(tweaked(TweakKind::Plain, [3; 32]), tweaked(TweakKind::XOnly, [3; 32]));
    assert_ne!(tweaked(TweakKind::Plain, [3; 32]), tweaked(TweakKind::Plain, [4; 32]));
    assert_eq!(tweaked(TweakKind::Plain, ORDER), Err(InvalidTweak));
    assert_eq!(
        tweaked(TweakKind::Plain, [0; 32]),
        Ok(C::aggregate_key(&odd::<C>())),
        "nothing is added"
    );
}

/// An aggregate key with odd y: an x-only tweak negates it before adding, so the two kinds of tweak
/// give different keys.
fn odd<C: Crypto>() -> C::KeyAggregate {
    let [one, _] = public_keys::<C>();
    let pairs = (3..)
        .map(|number| C::aggregate_keys(&[one, C::public_key(&keypair::<C>(number))]).unwrap());
    pairs.into_iter().find(|keys| C::aggregate_key(keys).as_bytes()[0] == 3).unwrap()
}

fn nonces<C: Crypto>() {
    let (key, other) = (keypair::<C>(1), keypair::<C>(2));
    let (keys, other_keys, message) = (aggregate::<C>(), odd::<C>(), Message::new([8; 32]));
    let make = |keypair, keys, message, randomness, extra| {
        C::generate_nonce(keypair, keys, message, [randomness; 32], [extra; 32])
            .map(|(_, public)| public)
    };
    let made = [
        make(&key, &keys, &MESSAGE, 1, 1),
        make(&other, &keys, &MESSAGE, 1, 1),
        make(&key, &other_keys, &MESSAGE, 1, 1),
        make(&key, &keys, &message, 1, 1),
        make(&key, &keys, &MESSAGE, 2, 1),
        make(&key, &keys, &MESSAGE, 1, 2),
    ];
    let different: std::collections::BTreeSet<_> = made.iter().flatten().copied().collect();
    assert_eq!(different.len(), 6);
    assert_eq!(make(&key, &keys, &MESSAGE, 1, 1), made[0], "and from nothing else");
    assert_eq!(make(&key, &keys, &MESSAGE, 0, 1), None, "a generator that gives zeros is broken");
}

fn encodings<C: Crypto>() {
    let (_, good) = nonce::<C>(1, 1);
    assert!(C::is_valid_nonce(&good));
    let mut wrong = vec![[5; 66], [0; 66]];
    for half in [0, 33] {
        // Infinity, a compact point, and the prefix of an uncompressed one.
        for first in [0, 4, 5] {
            let mut bytes = good.to_bytes();
            bytes[half] = first;
            wrong.push(bytes);
        }
        let mut infinite = good.to_bytes();
        infinite[half..half + 33].fill(0);
        wrong.push(infinite);
    }
    for bytes in wrong {
        let nonce = PublicNonce::new(bytes);
        assert!(!C::is_valid_nonce(&nonce), "{nonce}");
        assert_eq!(C::aggregate_nonces(&[good, nonce]), None);
    }
    assert_eq!(C::aggregate_nonces(&[]), None);

    let keys = aggregate::<C>();
    let round = |bytes| C::round(&keys, &AggregateNonce::new(bytes), &MESSAGE).is_some();
    let mut half_infinite = good.to_bytes();
    half_infinite[33..].fill(0);
    assert!(round(good.to_bytes()) && round(half_infinite) && round([0; 66]));
    let mut compact = good.to_bytes();
    compact[33] = 5;
    assert!(!round([5; 66]) && !round(compact));
}

/// A round of two signers: the round, their public nonces and their partial signatures.
fn round<C: Crypto>() -> (C::Round, [PublicNonce; 2], [PartialSignature; 2]) {
    let [(one, first), (two, second)] = [nonce::<C>(1, 1), nonce::<C>(2, 2)];
    let both = C::aggregate_nonces(&[first, second]).unwrap();
    let round = C::round(&aggregate::<C>(), &both, &MESSAGE).unwrap();
    let partials = [C::sign(&round, one, &keypair::<C>(1)), C::sign(&round, two, &keypair::<C>(2))];
    (round, [first, second], partials.map(Option::unwrap))
}

fn rounds<C: Crypto>() {
    let (round, nonces, partials) = round::<C>();
    for place in 0..2 {
        assert!(C::verify_partial(
            &round,
            &public_keys::<C>()[place],
            &nonces[place],
            &partials[place]
        ));
    }
    let signature = C::aggregate_signatures(&round, &partials).unwrap();
    let key = C::aggregate_key(&aggregate::<C>()).x_only();
    assert!(C::verify(&key, MESSAGE.as_bytes(), &signature));
}

fn faults<C: Crypto>() {
    let (round, [nonce, other_nonce], [partial, other]) = round::<C>();
    let [key, other_key] = public_keys::<C>();
    assert!(!C::verify_partial(&round, &key, &nonce, &other));
    assert!(!C::verify_partial(&round, &key, &other_nonce, &partial));
    assert!(!C::verify_partial(&round, &other_key, &nonce, &partial));
    assert!(!C::verify_partial(&round, &PublicKey::new([5; 33]), &nonce, &partial));
    assert!(!C::verify_partial(&round, &key, &PublicNonce::new([5; 66]), &partial));
    for scalar in [[0; 32], ORDER] {
        let partial = PartialSignature::new(scalar);
        assert!(!C::verify_partial(&round, &key, &nonce, &partial));
        assert_eq!(C::aggregate_signatures(&round, &[partial, other]), None);
    }
    assert_eq!(C::aggregate_signatures(&round, &[partial, partial]), None);
    assert_eq!(C::aggregate_signatures(&round, &[partial]), None);
    assert_eq!(C::aggregate_signatures(&round, &[]), None);
}

fn anothers_nonce<C: Crypto>() {
    let (round, ..) = round::<C>();
    let (secret, _) = nonce::<C>(1, 1);
    assert_eq!(C::sign(&round, secret, &keypair::<C>(2)), None);
}

fn statements<C: Crypto>() {
    let key = keypair::<C>(1);
    let [public, other] = public_keys::<C>();
    let signature = C::sign_statement(&key, &[7; 64], &[1; 32]).unwrap();
    let verify = |key: &PublicKey, message: &[u8], signature: &Signature| {
        C::verify(&key.x_only(), message, signature)
    };
    assert!(verify(&public, &[7; 64], &signature));
    assert!(!verify(&public, &[8; 64], &signature) && !verify(&other, &[7; 64], &signature));
    assert!(!verify(&public, &[7; 64], &Signature::new([0; 64])));
    assert!(!verify(&PublicKey::new([5; 33]), &[7; 64], &signature));
    assert_ne!(
        C::sign_statement(&key, &[7; 64], &[2; 32]),
        Some(signature),
        "auxiliary randomness goes in"
    );
}

#[cfg(all(feature = "libsecp256k1", feature = "k256"))]
#[test]
fn all_engines_give_the_same_bytes() {
    fn bytes<C: Crypto>()
    -> (PublicKey, PublicKey, [PublicNonce; 2], [PartialSignature; 2], Signature, Signature) {
        let (round, nonces, partials) = round::<C>();
        let signature = C::aggregate_signatures(&round, &partials).unwrap();
        let statement = C::sign_statement(&keypair::<C>(1), &[7; 64], &[1; 32]).unwrap();
        let tweak = PlainTweak { kind: TweakKind::XOnly, scalar: TweakScalar::new([3; 32]) };
        let tweaked = C::aggregate_key(&C::tweak(&odd::<C>(), &tweak).unwrap());
        (C::aggregate_key(&aggregate::<C>()), tweaked, nonces, partials, signature, statement)
    }
    assert_eq!(bytes::<crate::Libsecp256k1>(), bytes::<crate::K256>());
}
