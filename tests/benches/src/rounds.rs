//! The `musig2` crate's two rounds for one signer, without any network: what an application
//! computes that passes the values between its signers itself.
//!
//! The signer makes its nonce, receives the others', signs, receives the others' partial
//! signatures, and finishes with the signature. The crate verifies each partial signature, and the
//! result. The keys are aggregated beforehand, and nothing is encoded, decoded or authenticated.

use crate::cpu::Meter;
use crate::{generator, random, secret};
use musig2::secp::Scalar;
use musig2::{
    CompactSignature, FirstRound, KeyAggContext, PartialSignature, PubNonce, SecNonce,
    SecNonceSpices, SecondRound,
};
use rand_chacha::ChaCha20Rng;
use std::time::Duration;

/// Some signers. The first one's work is counted.
pub struct Rounds {
    own: Scalar,
    others: Vec<Scalar>,
    keys: KeyAggContext,
    rng: ChaCha20Rng,
}

impl Rounds {
    /// Makes the signers.
    ///
    /// # Panics
    /// If there are fewer than two.
    pub fn new(signers: usize) -> Self {
        assert!(signers >= 2, "one signer needs no others");
        let scalar = |seat| Scalar::from_slice(&secret(seat)).expect("a valid key");
        let (own, others) = (scalar(0), (1..signers).map(scalar).collect::<Vec<_>>());
        let public = [own].iter().chain(&others).map(Scalar::base_point_mul).collect::<Vec<_>>();
        let keys = KeyAggContext::new(public).expect("keys that have an aggregate");
        Self { own, others, keys, rng: generator() }
    }

    /// Signs this many messages, and returns the first signer's processor time.
    pub fn session(&mut self, messages: usize) -> Duration {
        let mut meter = Meter::default();
        for _message in 0..messages {
            let message = random(&mut self.rng);
            self.sign(&mut meter, message);
        }
        meter.spent()
    }

    fn sign(&mut self, meter: &mut Meter, message: [u8; 32]) {
        let randomness = random(&mut self.rng);
        let first = meter.count(|| self.first_round(randomness, &message));
        let mut secrets = Vec::new();
        for at in 0..self.others.len() {
            let seed = random(&mut self.rng);
            secrets.push(SecNonce::build_with_seckey(seed, self.others[at]).build());
        }
        let nonces: Vec<_> = secrets.iter().map(SecNonce::public_nonce).collect();
        let second = meter.count(|| self.second_round(first, nonces, message));
        let partials: Vec<PartialSignature> = self
            .others
            .iter()
            .zip(secrets)
            .map(|(&key, nonce)| {
                let nonces = second.aggregated_nonce();
                musig2::sign_partial(&self.keys, key, nonce, nonces, message).expect("a signature")
            })
            .collect();
        meter.count(|| finish(second, partials));
    }

    fn first_round(&self, randomness: [u8; 32], message: &[u8; 32]) -> (FirstRound, PubNonce) {
        let spices = SecNonceSpices::new().with_seckey(self.own).with_message(message);
        let round = FirstRound::new(self.keys.clone(), randomness, 0, spices).expect("its own key");
        let nonce = round.our_public_nonce();
        (round, nonce)
    }

    fn second_round(
        &self,
        (mut first, _sent): (FirstRound, PubNonce),
        others: Vec<PubNonce>,
        message: [u8; 32],
    ) -> SecondRound<[u8; 32]> {
        for (seat, nonce) in (1..).zip(others) {
            first.receive_nonce(seat, nonce).expect("a first nonce");
        }
        first.finalize(self.own, message).expect("everybody's nonce")
    }
}

fn finish(
    mut second: SecondRound<[u8; 32]>,
    others: Vec<PartialSignature>,
) -> (PartialSignature, CompactSignature) {
    let sent = second.our_signature();
    for (seat, partial) in (1..).zip(others) {
        second.receive_signature(seat, partial).expect("a valid partial signature");
    }
    (sent, second.finalize().expect("a valid signature"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rounds_sign_every_message() {
        // They panic if a signature does not verify.
        assert!(Rounds::new(3).session(2) > Duration::ZERO);
    }
}
