//! The floor: what one signer must ask of libsecp256k1 for one session, without any protocol.
//!
//! It makes its nonces, parses the others' and aggregates them all, prepares the round, signs,
//! verifies its own partial signature, parses the others' and aggregates them all, and verifies the
//! signature. The aggregate key is known from the start. What the other signers do is not counted.

use crate::cpu::Meter;
use crate::{generator, random, secret};
use rand_chacha::ChaCha20Rng;
use secp256k1::musig::{
    AggregatedNonce, KeyAggCache, PartialSignature, PublicNonce, SecretNonce, Session,
    SessionSecretRand, new_nonce_pair,
};
use secp256k1::{Keypair, XOnlyPublicKey, schnorr};
use std::time::Duration;

/// Some signers. The first one's work is counted.
pub struct Floor {
    own: Keypair,
    others: Vec<Keypair>,
    keys: KeyAggCache,
    aggregate: XOnlyPublicKey,
    rng: ChaCha20Rng,
}

impl Floor {
    /// Makes the signers.
    ///
    /// # Panics
    /// If there are fewer than two.
    pub fn new(signers: usize) -> Self {
        assert!(signers >= 2, "one signer needs no others");
        let pair = |seat| Keypair::from_secret_bytes(secret(seat)).expect("a valid key");
        let (own, others) = (pair(0), (1..signers).map(pair).collect::<Vec<_>>());
        let public: Vec<_> = [own].iter().chain(&others).map(Keypair::public_key).collect();
        let keys = KeyAggCache::new(&public.iter().collect::<Vec<_>>());
        Self { own, others, keys, aggregate: keys.agg_pk(), rng: generator() }
    }

    /// Signs this many messages, and returns the first signer's processor time.
    pub fn session(&mut self, messages: usize) -> Duration {
        let mut meter = Meter::default();
        for _message in 0..messages {
            let message = random(&mut self.rng);
            self.sign(&mut meter, &message);
        }
        meter.spent()
    }

    fn sign(&mut self, meter: &mut Meter, message: &[u8; 32]) {
        let randomness = random(&mut self.rng);
        let (secret, nonce) = meter.count(|| self.nonce(&self.own, randomness, message));
        let mut secrets = Vec::new();
        let mut nonces = Vec::new();
        for at in 0..self.others.len() {
            let randomness = random(&mut self.rng);
            let (secret, nonce) = self.nonce(&self.others[at], randomness, message);
            secrets.push(secret);
            nonces.push(nonce.serialize());
        }
        let (session, partial) =
            meter.count(|| self.partial_signature(secret, nonce, &nonces, message));
        let partials: Vec<_> = self
            .others
            .iter()
            .zip(secrets)
            .map(|(pair, secret)| session.partial_sign(secret, pair, &self.keys).serialize())
            .collect();
        meter.count(|| self.signature(&session, partial, &partials, message));
    }

    fn nonce(
        &self,
        pair: &Keypair,
        randomness: [u8; 32],
        message: &[u8; 32],
    ) -> (SecretNonce, PublicNonce) {
        new_nonce_pair(
            SessionSecretRand::assume_uniformly_random(randomness),
            Some(&self.keys),
            Some(pair.secret_key()),
            pair.public_key(),
            Some(message),
            None,
        )
    }

    fn partial_signature(
        &self,
        secret: SecretNonce,
        nonce: PublicNonce,
        others: &[[u8; 66]],
        message: &[u8; 32],
    ) -> (Session, PartialSignature) {
        let parsed = others.iter().map(|nonce| PublicNonce::from_byte_array(nonce).expect("valid"));
        let nonces: Vec<_> = [nonce].into_iter().chain(parsed).collect();
        let aggregate = AggregatedNonce::new(&nonces.iter().collect::<Vec<_>>());
        let session = Session::new(&self.keys, aggregate, message);
        let partial = session.partial_sign(secret, &self.own, &self.keys);
        assert!(session.partial_verify(&self.keys, &partial, &nonce, self.own.public_key()));
        (session, partial)
    }

    fn signature(
        &self,
        session: &Session,
        partial: PartialSignature,
        others: &[[u8; 32]],
        message: &[u8; 32],
    ) -> schnorr::Signature {
        let parsed =
            others.iter().map(|other| PartialSignature::from_byte_array(other).expect("valid"));
        let partials: Vec<_> = [partial].into_iter().chain(parsed).collect();
        let signature = session.partial_sig_agg(&partials.iter().collect::<Vec<_>>());
        signature.verify(&self.aggregate, message).expect("honest signers sign")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_signs_every_message() {
        // It panics if a signature does not verify.
        assert!(Floor::new(3).session(2) > Duration::ZERO);
    }
}
