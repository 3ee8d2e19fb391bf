//! An engine that records what becomes of every secret nonce, and counts what it checks.

use super::Engine;
use super::nonces::{Challenge, NonceRecord, Work};
use core::marker::PhantomData;
use musig2_proto::{
    AggregateNonce, Crypto, InvalidSecretKey, InvalidTweak, KeyAggregationError, Message, Node,
    PartialSignature, PlainTweak, PublicKey, PublicNonce, SecretKey, Signature, XOnlyPublicKey,
};

/// The engine `C`, and a record of which secret nonce signed what. Secret nonces are identified by
/// their public nonces: two with the same public nonce count as one.
///
/// Each thread has one record, and making a [`World`](crate::World) starts a new one. So let one
/// world end before you make the next.
///
/// ```
/// use musig2_proto::Libsecp256k1;
/// use musig2_sim::{Micros, NodeId, NonceRecord, Plan, Recording, World};
///
/// let [from, until] = [15, 2_000].map(Micros::from_millis);
/// let plan = Plan::one_session(3).with_crash(NodeId::new(1), from, until);
/// let mut world: World<Recording<Libsecp256k1>> = World::with_engine(plan)?;
/// world.run_until_quiet()?;
/// world.check()?; // Among other things: no secret nonce was used twice.
/// NonceRecord::with(|record| assert!(record.signed() >= 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Hash)]
pub struct Recording<C>(PhantomData<C>);

/// A secret nonce that knows its public half. It can be cloned only if that of `C` can.
#[derive(Clone, Hash)]
pub struct RecordedNonce<C: Crypto> {
    secret: C::SecretNonce,
    public: PublicNonce,
}

/// A signing round that knows its challenge.
pub struct RecordedRound<C: Crypto> {
    round: C::Round,
    challenge: Challenge,
}

impl<C: Engine> Engine for Recording<C> {
    type Judge = C::Judge;
    type Other = C::Other;

    fn begin() {
        NonceRecord::clear();
    }

    fn work() -> Work {
        NonceRecord::work()
    }

    fn each_secret(mut see: impl FnMut(&[u8; 32])) {
        NonceRecord::with(|record| record.secrets().for_each(&mut see));
    }

    fn unrecorded<T>(something: impl FnOnce() -> T) -> T {
        NonceRecord::unrecorded(something)
    }

    fn copy(node: &Node<Self>) -> Option<Node<Self>> {
        C::copy_recording(node)
    }
}

impl<C: Crypto> Crypto for Recording<C> {
    type Keypair = C::Keypair;
    type KeyAggregate = C::KeyAggregate;
    type SecretNonce = RecordedNonce<C>;
    type Round = RecordedRound<C>;

    fn keypair(secret: &SecretKey) -> Result<C::Keypair, InvalidSecretKey> {
        C::keypair(secret)
    }

    fn public_key(keypair: &C::Keypair) -> PublicKey {
        C::public_key(keypair)
    }

    fn aggregate_keys(keys: &[PublicKey]) -> Result<C::KeyAggregate, KeyAggregationError> {
        NonceRecord::checks();
        C::aggregate_keys(keys)
    }

    fn tweak(keys: &C::KeyAggregate, tweak: &PlainTweak) -> Result<C::KeyAggregate, InvalidTweak> {
        C::tweak(keys, tweak)
    }

    fn aggregate_key(keys: &C::KeyAggregate) -> PublicKey {
        C::aggregate_key(keys)
    }

    fn generate_nonce(
        keypair: &C::Keypair,
        keys: &C::KeyAggregate,
        message: &Message,
        randomness: [u8; 32],
        extra: [u8; 32],
    ) -> Option<(RecordedNonce<C>, PublicNonce)> {
        let (secret, public) = C::generate_nonce(keypair, keys, message, randomness, extra)?;
        NonceRecord::generates(public, randomness);
        Some((RecordedNonce { secret, public }, public))
    }

    fn is_valid_nonce(nonce: &PublicNonce) -> bool {
        C::is_valid_nonce(nonce)
    }

    fn aggregate_nonces(nonces: &[PublicNonce]) -> Option<AggregateNonce> {
        C::aggregate_nonces(nonces)
    }

    fn round(
        keys: &C::KeyAggregate,
        nonce: &AggregateNonce,
        message: &Message,
    ) -> Option<RecordedRound<C>> {
        let round = C::round(keys, nonce, message)?;
        let challenge = Challenge { nonce: *nonce, key: C::aggregate_key(keys), message: *message };
        Some(RecordedRound { round, challenge })
    }

    fn sign(
        round: &RecordedRound<C>,
        nonce: RecordedNonce<C>,
        keypair: &C::Keypair,
    ) -> Option<PartialSignature> {
        let RecordedNonce { secret, public } = nonce;
        let partial = C::sign(&round.round, secret, keypair)?;
        NonceRecord::signs(public, round.challenge.clone());
        Some(partial)
    }

    fn verify_partial(
        round: &RecordedRound<C>,
        signer: &PublicKey,
        nonce: &PublicNonce,
        partial: &PartialSignature,
    ) -> bool {
        NonceRecord::checks();
        C::verify_partial(&round.round, signer, nonce, partial)
    }

    fn aggregate_signatures(
        round: &RecordedRound<C>,
        partials: &[PartialSignature],
    ) -> Option<Signature> {
        C::aggregate_signatures(&round.round, partials)
    }

    fn sign_statement(
        keypair: &C::Keypair,
        message: &[u8; 64],
        auxiliary: &[u8; 32],
    ) -> Option<Signature> {
        C::sign_statement(keypair, message, auxiliary)
    }

    fn verify(key: &XOnlyPublicKey, message: &[u8], signature: &Signature) -> bool {
        NonceRecord::checks();
        C::verify(key, message, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::super::NonceFault;
    use super::*;
    use musig2_proto::Libsecp256k1;

    type C = Recording<Libsecp256k1>;

    /// Runs one signing round after another, each with a nonce of this randomness and on this
    /// message. Returns what the record finds.
    fn fault(rounds: &[(u8, u8)]) -> Option<NonceFault> {
        C::begin();
        let keypair = C::keypair(&SecretKey::new([1; 32])).unwrap();
        let keys = C::aggregate_keys(&[C::public_key(&keypair)]).unwrap();
        for &(randomness, message) in rounds {
            let nonce = C::generate_nonce(
                &keypair,
                &keys,
                &Message::new([0; 32]),
                [randomness; 32],
                [0; 32],
            );
            let (secret, public) = nonce.unwrap();
            let aggregate = C::aggregate_nonces(&[public]).unwrap();
            let round = C::round(&keys, &aggregate, &Message::new([message; 32])).unwrap();
            C::sign(&round, secret, &keypair).unwrap();
        }
        C::work().fault
    }

    #[test]
    fn a_fresh_nonce_for_each_signature_passes() {
        assert_eq!(fault(&[(1, 1), (2, 1), (3, 2)]), None);
        NonceRecord::with(|record| assert_eq!((record.generated(), record.signed()), (3, 3)));
    }

    #[test]
    fn a_nonce_in_two_challenges_is_found() {
        let fault = fault(&[(1, 1), (2, 1), (1, 2)]);
        assert!(matches!(fault, Some(NonceFault::TwoChallenges { .. })));
    }

    #[test]
    fn a_nonce_generated_again_is_found_even_if_it_signs_the_same() {
        let fault = fault(&[(1, 1), (1, 1)]);
        assert!(matches!(fault, Some(NonceFault::GeneratedAgain { times: 2, .. })));
    }

    #[test]
    fn another_world_has_another_record() {
        assert!(fault(&[(1, 1), (1, 1)]).is_some());
        assert_eq!(fault(&[(1, 1)]), None);
    }

    #[test]
    fn recorded_work_is_reported_once() {
        assert_eq!(fault(&[(1, 1), (2, 1)]), None);
        assert_eq!(C::work(), Work::default());
        let key = XOnlyPublicKey::new([1; 32]);
        C::verify(&key, &[], &Signature::new([0; 64]));
        C::verify(&key, &[], &Signature::new([0; 64]));
        assert_eq!(C::work().checks, 2);
    }
}
