//! Checks that two engines give the same answers.

use arbitrary::{Arbitrary, Result, Unstructured};
use musig2_proto::{
    AggregateNonce, Crypto, K256, Libsecp256k1, Message, PartialSignature, PlainTweak, PublicKey,
    PublicNonce, SecretKey, Signature, TweakScalar, XOnlyPublicKey,
};

/// Gives libsecp256k1 and the `musig2` crate the same keys, tweaks, nonces, partial signatures and
/// signatures (valid, invalid, and edge cases) through every function that a node calls. Both must
/// return the same bytes, or refuse for the same reason.
///
/// # Panics
/// If they differ.
pub fn engines(data: &[u8]) {
    let Ok(case) = Case::arbitrary(&mut Unstructured::new(data)) else { return };
    let (by_c, by_rust) = (case.run::<Libsecp256k1>(), case.run::<K256>());
    assert_eq!(by_c, by_rust, "libsecp256k1 left, the `musig2` crate right: {case:#?}");
}

/// 32 bytes: any, or a number near a bound that matters.
#[derive(Debug)]
struct Number([u8; 32]);

/// Zero, the order of the group, the prime of the field, and the largest number.
const BOUNDS: [[u8; 32]; 4] = [
    [0; 32],
    [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36,
        0x41, 0x41,
    ],
    [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff,
        0xfc, 0x2f,
    ],
    [0xff; 32],
];

impl<'a> Arbitrary<'a> for Number {
    fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
        let kind: u8 = from.arbitrary()?;
        let Some(bound) = BOUNDS.get(usize::from(kind % 8)) else {
            return from.arbitrary().map(Self);
        };
        let mut bytes = *bound;
        bytes[31] = bytes[31].wrapping_add_signed(from.int_in_range(-2..=2)?);
        Ok(Self(bytes))
    }
}

/// A compressed point: that of a secret key, its negative, or any bytes.
#[derive(Debug, Arbitrary)]
enum Point {
    Of(Number),
    Minus(Number),
    Bytes { first: u8, x: Number },
}

impl Point {
    fn to_bytes(&self) -> [u8; 33] {
        let of = |secret: &Number| {
            let keypair = K256::keypair(&SecretKey::new(secret.0));
            keypair.map_or([0; 33], |keypair| K256::public_key(&keypair).to_bytes())
        };
        match self {
            Self::Of(secret) => of(secret),
            Self::Minus(secret) => {
                let mut point = of(secret);
                point[0] ^= 1;
                point
            }
            Self::Bytes { first, x } => {
                let mut point = [*first; 33];
                point[1..].copy_from_slice(&x.0);
                point
            }
        }
    }
}

/// The two points of a nonce.
#[derive(Debug, Arbitrary)]
struct Halves(Point, Point);

impl Halves {
    fn to_bytes(&self) -> [u8; 66] {
        let mut bytes = [0; 66];
        bytes[..33].copy_from_slice(&self.0.to_bytes());
        bytes[33..].copy_from_slice(&self.1.to_bytes());
        bytes
    }
}

/// The inputs that both engines get.
#[derive(Debug, Arbitrary)]
struct Case {
    /// Two signers, in the order of their keys.
    signers: [Number; 2],
    /// Another key, which may be missing or invalid.
    third: Option<Point>,
    tweaks: Vec<(bool, Number)>,
    randomness: [Number; 2],
    extra: [u8; 32],
    message: [u8; 32],
    /// Replace the nonces that the two signers make.
    nonces: Vec<Halves>,
    aggregate: Option<Halves>,
    /// Replace the partial signatures that they make.
    partials: Vec<Number>,
    auxiliary: [u8; 32],
    statement: [[u8; 32]; 2],
    /// A key and a signature that belong to nobody in particular.
    verify: (Number, [Number; 2]),
}

impl Case {
    /// Returns a line for every answer: what was asked, and the bytes or the reason.
    fn run<C: Crypto>(&self) -> Vec<String> {
        let mut answers = Vec::new();
        let mut say = |what: &str, answer: String| answers.push(format!("{what}: {answer}"));
        let (key, [r, s]) = &self.verify;
        let signature = Signature::new([r.0, s.0].concat().try_into().unwrap_or([0; 64]));
        let verified = C::verify(&XOnlyPublicKey::new(key.0), &self.message, &signature);
        say("verify", verified.to_string());
        self.sign::<C>(&mut say);
        answers
    }

    fn sign<C: Crypto>(&self, say: &mut impl FnMut(&str, String)) {
        let signers = self.signers.each_ref().map(|secret| C::keypair(&SecretKey::new(secret.0)));
        let [Ok(first), Ok(second)] = &signers else {
            return say("keypairs", signers.map(|one| format!("{:?}", one.err())).concat());
        };
        for signer in [first, second] {
            say("public key", C::public_key(signer).to_string());
            let statement = self.statement.concat().try_into().unwrap_or([0; 64]);
            let signature = C::sign_statement(signer, &statement, &self.auxiliary);
            let own = C::public_key(signer).x_only();
            let verified = signature.map(|signature| C::verify(&own, &statement, &signature));
            say("statement", format!("{signature:?}, {verified:?}"));
        }
        let third = self.third.as_ref().map(|point| PublicKey::new(point.to_bytes()));
        let keys: Vec<_> = [first, second].into_iter().map(C::public_key).chain(third).collect();
        let mut aggregate = match C::aggregate_keys(&keys) {
            Ok(aggregate) => aggregate,
            Err(error) => return say("aggregate", error.to_string()),
        };
        for (x_only, scalar) in self.tweaks.iter().take(4) {
            let kind = if *x_only {
                musig2_proto::TweakKind::XOnly
            } else {
                musig2_proto::TweakKind::Plain
            };
            match C::tweak(&aggregate, &PlainTweak { kind, scalar: TweakScalar::new(scalar.0) }) {
                Ok(tweaked) => aggregate = tweaked,
                Err(error) => say("tweak", error.to_string()),
            }
            say("tweaked", C::aggregate_key(&aggregate).to_string());
        }
        self.sign_with::<C>([first, second], &keys, &aggregate, say);
    }

    fn sign_with<C: Crypto>(
        &self,
        signers: [&C::Keypair; 2],
        keys: &[PublicKey],
        aggregate: &C::KeyAggregate,
        say: &mut impl FnMut(&str, String),
    ) {
        let message = Message::new(self.message);
        let (mut secrets, mut nonces) = (Vec::new(), Vec::new());
        for (signer, randomness) in signers.into_iter().zip(&self.randomness) {
            let nonce = C::generate_nonce(signer, aggregate, &message, randomness.0, self.extra);
            say("nonce", format!("{:?}", nonce.as_ref().map(|(_, public)| *public)));
            let Some((secret, public)) = nonce else { return };
            secrets.push(secret);
            nonces.push(public);
        }
        for (place, halves) in self.nonces.iter().take(3).enumerate() {
            let nonce = PublicNonce::new(halves.to_bytes());
            say("is a nonce", C::is_valid_nonce(&nonce).to_string());
            match nonces.get_mut(place) {
                Some(own) => *own = nonce,
                None => nonces.push(nonce),
            }
        }
        let sum = C::aggregate_nonces(&nonces);
        say("aggregate nonce", format!("{sum:?}"));
        let given = self.aggregate.as_ref().map(|halves| AggregateNonce::new(halves.to_bytes()));
        let Some(nonce) = given.or(sum) else { return };
        let round = C::round(aggregate, &nonce, &message);
        say("round", round.is_some().to_string());
        let Some(round) = round else { return };
        let mut partials = Vec::new();
        for (signer, secret) in signers.into_iter().zip(secrets) {
            let partial = C::sign(&round, secret, signer);
            say("partial", format!("{partial:?}"));
            partials.extend(partial);
        }
        for (place, bytes) in self.partials.iter().take(3).enumerate() {
            let partial = PartialSignature::new(bytes.0);
            match partials.get_mut(place) {
                Some(own) => *own = partial,
                None => partials.push(partial),
            }
        }
        for ((key, nonce), partial) in keys.iter().zip(&nonces).zip(&partials) {
            say("partial is good", C::verify_partial(&round, key, nonce, partial).to_string());
        }
        let signature = C::aggregate_signatures(&round, &partials);
        say("signature", format!("{signature:?}"));
        if let Some(signature) = signature {
            let key = C::aggregate_key(aggregate).x_only();
            say("verified", C::verify(&key, &self.message, &signature).to_string());
        }
        say("no partials", format!("{:?}", C::aggregate_signatures(&round, &[])));
    }
}
