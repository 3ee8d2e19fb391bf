//! The engine on the `musig2` crate over `k256`: pure Rust, without a C compiler. It is slower than
//! the default engine, and an independent check of it.

use super::{Crypto, InvalidSecretKey, InvalidTweak, KeyAggregationError, PlainTweak, TweakKind};
use crate::base::bytes::{
    AggregateNonce, Message, PartialSignature, PublicKey, PublicNonce, Signature, XOnlyPublicKey,
};
use crate::base::secret::SecretKey;
use musig2::secp::{MaybeScalar, Point, Scalar};
use musig2::{
    AggNonce, BinaryEncoding, CompactSignature, KeyAggContext, LiftedSignature, PubNonce, SecNonce,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The pure-Rust engine.
#[derive(Debug, Clone, Copy)]
pub enum K256 {}

/// A keypair. The secret is kept as bytes that are erased when dropped.
pub struct Keypair {
    secret: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

/// A secret nonce: the 97 bytes of BIP327, in one place on the heap, erased when dropped. The
/// `musig2` crate's own type can be cloned and printed; this one cannot.
pub struct SecretNonce(Box<Zeroizing<[u8; 97]>>);

/// A signing round of one item.
pub struct Round {
    keys: Arc<KeyAggContext>,
    nonce: AggNonce,
    message: Message,
}

impl Keypair {
    fn scalar(&self) -> Option<Scalar> {
        Scalar::from_slice(self.secret.as_slice()).ok()
    }
}

impl Crypto for K256 {
    type Keypair = Keypair;
    /// A context takes about 500 bytes for each signer, so the items and rounds of one key share
    /// it.
    type KeyAggregate = Arc<KeyAggContext>;
    type SecretNonce = SecretNonce;
    type Round = Round;

    fn keypair(secret: &SecretKey) -> Result<Keypair, InvalidSecretKey> {
        let scalar = Scalar::from_slice(secret.expose_secret()).map_err(|_| InvalidSecretKey)?;
        let public = PublicKey::new(scalar.base_point_mul().serialize());
        Ok(Keypair { secret: Zeroizing::new(*secret.expose_secret()), public })
    }

    fn public_key(keypair: &Keypair) -> PublicKey {
        keypair.public
    }

    fn aggregate_keys(keys: &[PublicKey]) -> Result<Arc<KeyAggContext>, KeyAggregationError> {
        let points = keys
            .iter()
            .enumerate()
            .map(|(place, key)| parse_key(key).ok_or(KeyAggregationError::InvalidKey(place)))
            .collect::<Result<Vec<_>, _>>()?;
        if points.is_empty() {
            return Err(KeyAggregationError::NoAggregate);
        }
        KeyAggContext::new(points).map(Arc::new).map_err(|_| KeyAggregationError::NoAggregate)
    }

    fn tweak(
        keys: &Arc<KeyAggContext>,
        tweak: &PlainTweak,
    ) -> Result<Arc<KeyAggContext>, InvalidTweak> {
        let scalar = MaybeScalar::from_slice(tweak.scalar.as_bytes()).map_err(|_| InvalidTweak)?;
        let tweaked = keys.as_ref().clone().with_tweak(scalar, tweak.kind == TweakKind::XOnly);
        tweaked.map(Arc::new).map_err(|_| InvalidTweak)
    }

    fn aggregate_key(keys: &Arc<KeyAggContext>) -> PublicKey {
        PublicKey::new(keys.aggregated_pubkey::<Point>().serialize())
    }

    fn generate_nonce(
        keypair: &Keypair,
        keys: &Arc<KeyAggContext>,
        message: &Message,
        randomness: [u8; 32],
        extra: [u8; 32],
    ) -> Option<(SecretNonce, PublicNonce)> {
        if randomness == [0; 32] {
            return None;
        }
        let secret = SecNonce::build_with_seckey(randomness, keypair.scalar()?)
            .with_aggregated_pubkey(keys.aggregated_pubkey::<Point>())
            .with_message(message.as_bytes())
            .with_extra_input(&extra)
            .build();
        let public = PublicNonce::new(secret.public_nonce().to_bytes());
        Some((SecretNonce(Box::new(Zeroizing::new(secret.to_bytes()))), public))
    }

    fn is_valid_nonce(nonce: &PublicNonce) -> bool {
        parse_nonce(nonce).is_some()
    }

    fn aggregate_nonces(nonces: &[PublicNonce]) -> Option<AggregateNonce> {
        let parsed = nonces.iter().map(parse_nonce).collect::<Option<Vec<_>>>()?;
        (!parsed.is_empty()).then(|| AggregateNonce::new(AggNonce::sum(&parsed).to_bytes()))
    }

    fn round(
        keys: &Arc<KeyAggContext>,
        nonce: &AggregateNonce,
        message: &Message,
    ) -> Option<Round> {
        let nonce = parse_aggregate(nonce)?;
        Some(Round { keys: Arc::clone(keys), nonce, message: *message })
    }

    fn sign(round: &Round, nonce: SecretNonce, keypair: &Keypair) -> Option<PartialSignature> {
        let nonce = SecNonce::from_bytes(nonce.0.as_slice()).ok()?;
        let partial: musig2::PartialSignature = musig2::sign_partial(
            &round.keys,
            keypair.scalar()?,
            nonce,
            &round.nonce,
            round.message.as_bytes(),
        )
        .ok()?;
        Some(PartialSignature::new(partial.serialize()))
    }

    fn verify_partial(
        round: &Round,
        signer: &PublicKey,
        nonce: &PublicNonce,
        partial: &PartialSignature,
    ) -> bool {
        let (Some(signer), Some(nonce), Some(partial)) =
            (parse_key(signer), parse_nonce(nonce), parse_partial(partial))
        else {
            return false;
        };
        musig2::verify_partial(
            &round.keys,
            partial,
            &round.nonce,
            signer,
            &nonce,
            round.message.as_bytes(),
        )
        .is_ok()
    }

    fn aggregate_signatures(round: &Round, partials: &[PartialSignature]) -> Option<Signature> {
        let parsed = partials.iter().map(parse_partial).collect::<Option<Vec<_>>>()?;
        let signature: CompactSignature = musig2::aggregate_partial_signatures(
            &round.keys,
            &round.nonce,
            parsed,
            round.message.as_bytes(),
        )
        .ok()?;
        Some(Signature::new(signature.to_bytes()))
    }

    fn sign_statement(
        keypair: &Keypair,
        message: &[u8; 64],
        auxiliary: &[u8; 32],
    ) -> Option<Signature> {
        let signature: CompactSignature = musig2::sign_solo(keypair.scalar()?, message, *auxiliary);
        Some(Signature::new(signature.to_bytes()))
    }

    fn verify(key: &XOnlyPublicKey, message: &[u8], signature: &Signature) -> bool {
        let Ok(key) = Point::lift_x(key.to_bytes()) else { return false };
        let Ok(signature) = LiftedSignature::from_bytes(signature.as_bytes()) else { return false };
        musig2::verify_single(key, signature, message).is_ok()
    }
}

fn parse_key(key: &PublicKey) -> Option<Point> {
    Point::from_slice(key.as_bytes()).ok().filter(|_| is_compressed(key.as_bytes()))
}

fn parse_nonce(nonce: &PublicNonce) -> Option<PubNonce> {
    let compressed = halves(nonce.as_bytes()).all(is_compressed);
    PubNonce::from_bytes(nonce.as_bytes()).ok().filter(|_| compressed)
}

/// Parses an aggregate nonce. A half at infinity must be 33 zero bytes (BIP327 cpoint_ext).
fn parse_aggregate(nonce: &AggregateNonce) -> Option<AggNonce> {
    let encoded = halves(nonce.as_bytes())
        .all(|half| is_compressed(half) || half.iter().all(|&byte| byte == 0));
    AggNonce::from_bytes(nonce.as_bytes()).ok().filter(|_| encoded)
}

/// Returns whether the point has a compressed prefix (BIP327 cpoint). The `k256` crate also accepts
/// SEC 1's compact form (0x05), which libsecp256k1 refuses. The engines must agree on what is
/// valid, or honest nodes on different engines would disagree about a proof.
fn is_compressed(point: &[u8]) -> bool {
    matches!(point.first(), Some(2 | 3))
}

fn halves(nonce: &[u8; 66]) -> impl Iterator<Item = &[u8]> {
    nonce.chunks(33)
}

fn parse_partial(partial: &PartialSignature) -> Option<musig2::PartialSignature> {
    MaybeScalar::from_slice(partial.as_bytes()).ok()
}
