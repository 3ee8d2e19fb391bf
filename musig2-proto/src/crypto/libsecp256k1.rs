//! The engine on libsecp256k1 (constant time), through the `secp256k1` crate's `musig` module.
//!
//! The library aborts the process or panics on some misuse, so this code checks every argument
//! before the call.

use super::{Crypto, InvalidSecretKey, InvalidTweak, KeyAggregationError, PlainTweak, TweakKind};
use crate::base::bytes::{
    AggregateNonce, Message, PartialSignature, PublicKey, PublicNonce, Signature, XOnlyPublicKey,
};
use crate::base::secret::SecretKey;
use secp256k1::musig::{self, KeyAggCache, Session, SessionSecretRand};
use secp256k1::{Scalar, schnorr};
use zeroize::Zeroizing;

/// The default engine.
#[derive(Debug, Clone, Copy)]
pub enum Libsecp256k1 {}

/// A keypair, erased when dropped.
pub struct Keypair {
    pair: secp256k1::Keypair,
    public: PublicKey,
}

impl Drop for Keypair {
    fn drop(&mut self) {
        self.pair.non_secure_erase();
    }
}

/// Size of libsecp256k1's opaque secret nonce, in bytes.
const SECRET_NONCE_SIZE: usize = 132;

/// A secret nonce. The library's own type prints its bytes and leaves them behind in memory. This
/// type does neither: the bytes are in one place on the heap, are erased on drop, and are passed to
/// the library once, by value.
pub struct SecretNonce {
    bytes: Box<Zeroizing<[u8; SECRET_NONCE_SIZE]>>,
    public_key: PublicKey,
}

/// A signing round of one item, with the aggregate key that libsecp256k1 needs to sign and verify.
pub struct Round {
    session: Session,
    keys: KeyAggCache,
    message: Message,
}

impl Crypto for Libsecp256k1 {
    type Keypair = Keypair;
    type KeyAggregate = KeyAggCache;
    type SecretNonce = SecretNonce;
    type Round = Round;

    fn keypair(secret: &SecretKey) -> Result<Keypair, InvalidSecretKey> {
        let pair = secp256k1::Keypair::from_secret_bytes(*secret.expose_secret())
            .map_err(|_| InvalidSecretKey)?;
        Ok(Keypair { pair, public: PublicKey::new(pair.public_key().serialize()) })
    }

    fn public_key(keypair: &Keypair) -> PublicKey {
        keypair.public
    }

    fn aggregate_keys(keys: &[PublicKey]) -> Result<KeyAggCache, KeyAggregationError> {
        let points = keys
            .iter()
            .enumerate()
            .map(|(place, key)| parse_key(key).ok_or(KeyAggregationError::InvalidKey(place)))
            .collect::<Result<Vec<_>, _>>()?;
        if points.is_empty() {
            return Err(KeyAggregationError::NoAggregate);
        }
        Ok(KeyAggCache::new(&points.iter().collect::<Vec<_>>()))
    }

    fn tweak(keys: &KeyAggCache, tweak: &PlainTweak) -> Result<KeyAggCache, InvalidTweak> {
        let scalar = Scalar::from_be_bytes(tweak.scalar.to_bytes()).map_err(|_| InvalidTweak)?;
        let mut tweaked = *keys;
        match tweak.kind {
            TweakKind::Plain => tweaked.pubkey_ec_tweak_add(&scalar),
            TweakKind::XOnly => tweaked.pubkey_xonly_tweak_add(&scalar),
        }
        .map_err(|_| InvalidTweak)?;
        Ok(tweaked)
    }

    fn aggregate_key(keys: &KeyAggCache) -> PublicKey {
        PublicKey::new(keys.agg_pk_full().serialize())
    }

    fn generate_nonce(
        keypair: &Keypair,
        keys: &KeyAggCache,
        message: &Message,
        randomness: [u8; 32],
        extra: [u8; 32],
    ) -> Option<(SecretNonce, PublicNonce)> {
        // The library panics on zeros.
        if randomness == [0; 32] {
            return None;
        }
        let (secret, public) = musig::new_nonce_pair(
            SessionSecretRand::assume_uniformly_random(randomness),
            Some(keys),
            Some(keypair.pair.secret_key()),
            keypair.pair.public_key(),
            Some(message.as_bytes()),
            Some(extra),
        );
        let bytes = Box::new(Zeroizing::new(secret.dangerous_into_bytes()));
        Some((
            SecretNonce { bytes, public_key: keypair.public },
            PublicNonce::new(public.serialize()),
        ))
    }

    fn is_valid_nonce(nonce: &PublicNonce) -> bool {
        parse_nonce(nonce).is_some()
    }

    fn aggregate_nonces(nonces: &[PublicNonce]) -> Option<AggregateNonce> {
        let parsed = nonces.iter().map(parse_nonce).collect::<Option<Vec<_>>>()?;
        if parsed.is_empty() {
            return None;
        }
        let aggregate = musig::AggregatedNonce::new(&parsed.iter().collect::<Vec<_>>());
        Some(AggregateNonce::new(aggregate.serialize()))
    }

    fn round(keys: &KeyAggCache, nonce: &AggregateNonce, message: &Message) -> Option<Round> {
        let nonce = musig::AggregatedNonce::from_byte_array(nonce.as_bytes()).ok()?;
        Some(Round {
            session: Session::new(keys, nonce, message.as_bytes()),
            keys: *keys,
            message: *message,
        })
    }

    fn sign(round: &Round, nonce: SecretNonce, keypair: &Keypair) -> Option<PartialSignature> {
        // libsecp256k1 aborts the process if the nonce belongs to another key.
        if nonce.public_key != keypair.public {
            return None;
        }
        let secret = musig::SecretNonce::dangerous_from_bytes(**nonce.bytes);
        let partial = round.session.partial_sign(secret, &keypair.pair, &round.keys);
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
        round.session.partial_verify(&round.keys, &partial, &nonce, signer)
    }

    fn aggregate_signatures(round: &Round, partials: &[PartialSignature]) -> Option<Signature> {
        let parsed = partials.iter().map(parse_partial).collect::<Option<Vec<_>>>()?;
        if parsed.is_empty() {
            return None;
        }
        let signature = round.session.partial_sig_agg(&parsed.iter().collect::<Vec<_>>());
        let verified = signature.verify(&round.keys.agg_pk(), round.message.as_bytes()).ok()?;
        Some(Signature::new(verified.to_byte_array()))
    }

    fn sign_statement(
        keypair: &Keypair,
        message: &[u8; 64],
        auxiliary: &[u8; 32],
    ) -> Option<Signature> {
        Some(Signature::new(
            schnorr::sign_with_aux_rand(message, &keypair.pair, auxiliary).to_byte_array(),
        ))
    }

    fn verify(key: &XOnlyPublicKey, message: &[u8], signature: &Signature) -> bool {
        secp256k1::XOnlyPublicKey::from_byte_array(key.to_bytes()).is_ok_and(|key| {
            schnorr::verify(
                &schnorr::Signature::from_byte_array(signature.to_bytes()),
                message,
                &key,
            )
            .is_ok()
        })
    }
}

fn parse_key(key: &PublicKey) -> Option<secp256k1::PublicKey> {
    secp256k1::PublicKey::from_byte_array_compressed(key.to_bytes()).ok()
}

fn parse_nonce(nonce: &PublicNonce) -> Option<musig::PublicNonce> {
    musig::PublicNonce::from_byte_array(nonce.as_bytes()).ok()
}

fn parse_partial(partial: &PartialSignature) -> Option<musig::PartialSignature> {
    musig::PartialSignature::from_byte_array(partial.as_bytes()).ok()
}
