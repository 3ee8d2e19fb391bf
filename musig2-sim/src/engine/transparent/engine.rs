//! BIP327 and BIP340, step by step as they are written.

use super::group::Element;
use super::hash::Hash;
use super::judge::TransparentJudge;
use crate::engine::{Engine, Recording};
use musig2_proto::{
    AggregateNonce, Crypto, InvalidSecretKey, InvalidTweak, KeyAggregationError, Message, Node,
    PartialSignature, PlainTweak, PublicKey, PublicNonce, SecretKey, Signature, TweakKind,
    XOnlyPublicKey,
};

/// MuSig2 without secrets: its group is the integers modulo 2^61 - 1, where **anyone who sees a
/// public key has the secret key**. It is fast, and its secret nonces can be cloned, and with them
/// a [`Node`](musig2_proto::Node). So a state can be explored in more than one direction.
///
/// Everything else is exact. All encodings have the sizes of secp256k1, points have an x and the
/// parity of a y, and the equations of BIP327 and BIP340 hold, including tweaks and an aggregate
/// nonce at infinity. What is honest verifies, a partial signature or signature with one bit
/// changed does not, and bytes that are not a point or not a scalar are refused. Secret keys and
/// tweaks are scalars of secp256k1. They are refused if they are not valid there, and then reduced.
///
/// An attacker's code could compute every secret, so forging takes no effort. Strategies that do
/// not try that are stopped as they are on the real curve.
///
/// ```
/// use musig2_sim::{Plan, Transparent, World};
///
/// let mut world: World<Transparent> = World::with_engine(Plan::one_session(3))?;
/// world.run_until_quiet()?;
/// world.check()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Hash)]
pub enum Transparent {}

/// A keypair.
#[derive(Debug, Clone)]
pub struct Keypair {
    secret: Element,
    public: PublicKey,
}

/// BIP327's KeyAgg Context.
#[derive(Debug, Clone)]
pub struct Keys {
    /// A hash state that has absorbed the list of all keys; a coefficient needs one key more.
    coefficients: Hash,
    /// The first key in the list that differs from the first.
    second: Option<PublicKey>,
    aggregate: Element,
    /// BIP327's `gacc`: one, or minus one.
    sign: Element,
    /// BIP327's `tacc`.
    tweak: Element,
}

/// A secret nonce, which can deliberately be cloned and hashed.
#[derive(Debug, Clone, Hash)]
pub struct SecretNonce {
    halves: [Element; 2],
    public_key: PublicKey,
}

/// BIP327's Session Context, with what GetSessionValues computes from it.
#[derive(Debug, Clone)]
pub struct Round {
    keys: Keys,
    message: Message,
    nonce_coefficient: Element,
    nonce: Element,
    challenge: Element,
}

impl Engine for Transparent {
    type Judge = TransparentJudge;
    type Other = Self;

    fn copy(node: &Node<Self>) -> Option<Node<Self>> {
        Some(node.clone())
    }

    fn copy_recording(node: &Node<Recording<Self>>) -> Option<Node<Recording<Self>>> {
        Some(node.clone())
    }
}

impl Crypto for Transparent {
    type Keypair = Keypair;
    type KeyAggregate = Keys;
    type SecretNonce = SecretNonce;
    type Round = Round;

    fn keypair(secret: &SecretKey) -> Result<Keypair, InvalidSecretKey> {
        let secret =
            Element::from_foreign(secret.expose_secret()).filter(|secret| *secret != Element::ZERO);
        let secret = secret.ok_or(InvalidSecretKey)?;
        Ok(Keypair { secret, public: PublicKey::new(secret.to_point()) })
    }

    fn public_key(keypair: &Keypair) -> PublicKey {
        keypair.public
    }

    fn aggregate_keys(keys: &[PublicKey]) -> Result<Keys, KeyAggregationError> {
        let list = keys.iter().fold(Hash::KEY_LIST, |hash, key| hash.add(key.as_bytes()));
        let second = keys.iter().find(|key| Some(*key) != keys.first()).copied();
        let coefficients = Hash::KEY_COEFFICIENT.add(&list.to_bytes());
        let mut aggregate = Keys {
            coefficients,
            second,
            aggregate: Element::ZERO,
            sign: Element::ONE,
            tweak: Element::ZERO,
        };
        for (place, key) in keys.iter().enumerate() {
            let point = Element::from_point(key.as_bytes())
                .ok_or(KeyAggregationError::InvalidKey(place))?;
            aggregate.aggregate = aggregate.aggregate + aggregate.coefficient(key) * point;
        }
        if aggregate.aggregate == Element::ZERO {
            return Err(KeyAggregationError::NoAggregate);
        }
        Ok(aggregate)
    }

    fn tweak(keys: &Keys, tweak: &PlainTweak) -> Result<Keys, InvalidTweak> {
        let scalar = Element::from_foreign(tweak.scalar.as_bytes()).ok_or(InvalidTweak)?;
        let sign = match tweak.kind {
            TweakKind::XOnly => parity(keys.aggregate),
            TweakKind::Plain => Element::ONE,
        };
        let aggregate = sign * keys.aggregate + scalar;
        if aggregate == Element::ZERO {
            return Err(InvalidTweak);
        }
        Ok(Keys {
            aggregate,
            sign: sign * keys.sign,
            tweak: sign * keys.tweak + scalar,
            ..keys.clone()
        })
    }

    fn aggregate_key(keys: &Keys) -> PublicKey {
        PublicKey::new(keys.aggregate.to_point())
    }

    fn generate_nonce(
        keypair: &Keypair,
        keys: &Keys,
        message: &Message,
        randomness: [u8; 32],
        extra: [u8; 32],
    ) -> Option<(SecretNonce, PublicNonce)> {
        if randomness == [0; 32] {
            return None;
        }
        let hash = [
            &randomness,
            &keypair.secret.to_scalar(),
            &keys.aggregate.x(),
            message.as_bytes(),
            &extra,
        ]
        .into_iter()
        .fold(Hash::NONCE, |hash, part| hash.add(part));
        let halves = [1, 2].map(|half| hash.add(&[half]).finish());
        if halves.contains(&Element::ZERO) {
            return None;
        }
        let public = join(halves.map(Element::to_point));
        Some((SecretNonce { halves, public_key: keypair.public }, PublicNonce::new(public)))
    }

    fn is_valid_nonce(nonce: &PublicNonce) -> bool {
        parse_nonce(nonce).is_some()
    }

    fn aggregate_nonces(nonces: &[PublicNonce]) -> Option<AggregateNonce> {
        let parsed = nonces.iter().map(parse_nonce).collect::<Option<Vec<_>>>()?;
        let sum = |half: fn(&[Element; 2]) -> Element| {
            parsed.iter().map(half).sum::<Element>().to_point()
        };
        (!parsed.is_empty())
            .then(|| AggregateNonce::new(join([sum(|nonce| nonce[0]), sum(|nonce| nonce[1])])))
    }

    fn round(keys: &Keys, nonce: &AggregateNonce, message: &Message) -> Option<Round> {
        let [first, second] = halves(nonce.as_bytes())?.map(Element::from_point_or_infinity);
        let (first, second) = (first?, second?);
        let key = keys.aggregate.x();
        let nonce_coefficient = Hash::NONCE_COEFFICIENT
            .add(nonce.as_bytes())
            .add(&key)
            .add(message.as_bytes())
            .finish();
        let sum = first + nonce_coefficient * second;
        let nonce = if sum == Element::ZERO { Element::ONE } else { sum };
        let challenge = challenge(&nonce.x(), &key, message.as_bytes());
        Some(Round { keys: keys.clone(), message: *message, nonce_coefficient, nonce, challenge })
    }

    fn sign(round: &Round, nonce: SecretNonce, keypair: &Keypair) -> Option<PartialSignature> {
        let signed = nonce.public_key == keypair.public;
        signed.then(|| {
            PartialSignature::new(
                round.response(nonce.halves, keypair.secret, &keypair.public).to_scalar(),
            )
        })
    }

    fn verify_partial(
        round: &Round,
        signer: &PublicKey,
        nonce: &PublicNonce,
        partial: &PartialSignature,
    ) -> bool {
        let (Some(key), Some(nonce), Some(partial)) = (
            Element::from_point(signer.as_bytes()),
            parse_nonce(nonce),
            Element::from_scalar(partial.as_bytes()),
        ) else {
            return false;
        };
        // Points are scalars here. So the equation that signs with the secrets also gives the
        // expected result from their public halves.
        partial == round.response(nonce, key, signer)
    }

    fn aggregate_signatures(round: &Round, partials: &[PartialSignature]) -> Option<Signature> {
        let parsed = partials.iter().map(|partial| Element::from_scalar(partial.as_bytes()));
        let parsed = parsed.collect::<Option<Vec<_>>>()?;
        let key = round.keys.aggregate;
        let sum =
            parsed.into_iter().sum::<Element>() + round.challenge * parity(key) * round.keys.tweak;
        let signature = Signature::new(join([round.nonce.x(), sum.to_scalar()]));
        Self::verify(&XOnlyPublicKey::new(key.x()), round.message.as_bytes(), &signature)
            .then_some(signature)
    }

    fn sign_statement(
        keypair: &Keypair,
        message: &[u8; 64],
        auxiliary: &[u8; 32],
    ) -> Option<Signature> {
        let secret = keypair.secret.with_even_y();
        let key = secret.x();
        let nonce = Hash::STATEMENT_NONCE
            .add(auxiliary)
            .add(&secret.to_scalar())
            .add(&key)
            .add(message)
            .finish();
        if nonce == Element::ZERO {
            return None;
        }
        let nonce = nonce.with_even_y();
        let response = nonce + challenge(&nonce.x(), &key, message) * secret;
        Some(Signature::new(join([nonce.x(), response.to_scalar()])))
    }

    fn verify(key: &XOnlyPublicKey, message: &[u8], signature: &Signature) -> bool {
        let Some([nonce, response]) = halves(signature.as_bytes()) else { return false };
        let (Some(point), Some(response)) =
            (Element::lift_x(key.as_bytes()), Element::from_scalar(response))
        else {
            return false;
        };
        let committed = response + -(challenge(nonce, key.as_bytes(), message) * point);
        committed != Element::ZERO && committed.has_even_y() && committed.x() == *nonce
    }
}

impl Keys {
    /// Computes BIP327's KeyAggCoeff.
    fn coefficient(&self, key: &PublicKey) -> Element {
        if self.second.as_ref() == Some(key) {
            Element::ONE
        } else {
            self.coefficients.add(key.as_bytes()).finish()
        }
    }
}

impl Round {
    /// Computes BIP327 Sign when given secrets, and the expected side of PartialSigVerify when
    /// given points.
    fn response(&self, [first, second]: [Element; 2], key: Element, public: &PublicKey) -> Element {
        let nonce = parity(self.nonce) * (first + self.nonce_coefficient * second);
        let sign = parity(self.keys.aggregate) * self.keys.sign;
        nonce + self.challenge * self.keys.coefficient(public) * sign * key
    }
}

/// Returns one if y is even, and minus one if it is odd.
fn parity(point: Element) -> Element {
    if point.has_even_y() { Element::ONE } else { -Element::ONE }
}

fn challenge(nonce: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Element {
    Hash::CHALLENGE.add(nonce).add(key).add(message).finish()
}

fn parse_nonce(nonce: &PublicNonce) -> Option<[Element; 2]> {
    let [first, second] = halves(nonce.as_bytes())?.map(Element::from_point);
    Some([first?, second?])
}

fn halves<const HALF: usize>(whole: &[u8]) -> Option<[&[u8; HALF]; 2]> {
    let [first, second] = whole.as_chunks().0 else { return None };
    Some([first, second])
}

fn join<const HALF: usize, const WHOLE: usize>(halves: [[u8; HALF]; 2]) -> [u8; WHOLE] {
    let mut whole = [0; WHOLE];
    whole.copy_from_slice(halves.as_flattened());
    whole
}
