//! Each honest signer convicts a signer that breaks the protocol over real connections, with a
//! proof that anyone can check.

use crate::child::{Running, keygen, run};
use futures::StreamExt;
use musig2_libp2p::libp2p::multiaddr::Protocol;
use musig2_libp2p::libp2p::{Multiaddr, Swarm, SwarmBuilder, noise, tcp, yamux};
use musig2_libp2p::musig2_proto::{
    self, AggregateNonce, Audience, Command, Crypto, DefaultCrypto, InvalidSecretKey, InvalidTweak,
    KeyAggregationError, Message, Node, PartialSignature, PlainTweak, Proposal, PublicKey,
    PublicNonce, SecretKey, Signature, XOnlyPublicKey,
};
use musig2_libp2p::{Behaviour, FrameLimits, PeerContact};
use serde_json::Value;
use std::fs;
use tempfile::tempdir;

/// An engine that signs wrongly and takes every partial signature for valid. Otherwise it is the
/// default engine.
enum Wrong {}

impl Crypto for Wrong {
    type Keypair = <DefaultCrypto as Crypto>::Keypair;
    type KeyAggregate = <DefaultCrypto as Crypto>::KeyAggregate;
    type SecretNonce = <DefaultCrypto as Crypto>::SecretNonce;
    type Round = <DefaultCrypto as Crypto>::Round;

    fn keypair(secret: &SecretKey) -> Result<Self::Keypair, InvalidSecretKey> {
        DefaultCrypto::keypair(secret)
    }

    fn public_key(keypair: &Self::Keypair) -> PublicKey {
        DefaultCrypto::public_key(keypair)
    }

    fn aggregate_keys(keys: &[PublicKey]) -> Result<Self::KeyAggregate, KeyAggregationError> {
        DefaultCrypto::aggregate_keys(keys)
    }

    fn tweak(
        keys: &Self::KeyAggregate,
        tweak: &PlainTweak,
    ) -> Result<Self::KeyAggregate, InvalidTweak> {
        DefaultCrypto::tweak(keys, tweak)
    }

    fn aggregate_key(keys: &Self::KeyAggregate) -> PublicKey {
        DefaultCrypto::aggregate_key(keys)
    }

    fn generate_nonce(
        keypair: &Self::Keypair,
        keys: &Self::KeyAggregate,
        message: &Message,
        randomness: [u8; 32],
        extra: [u8; 32],
    ) -> Option<(Self::SecretNonce, PublicNonce)> {
        DefaultCrypto::generate_nonce(keypair, keys, message, randomness, extra)
    }

    fn is_valid_nonce(nonce: &PublicNonce) -> bool {
        DefaultCrypto::is_valid_nonce(nonce)
    }

    fn aggregate_nonces(nonces: &[PublicNonce]) -> Option<AggregateNonce> {
        DefaultCrypto::aggregate_nonces(nonces)
    }

    fn round(
        keys: &Self::KeyAggregate,
        nonce: &AggregateNonce,
        message: &Message,
    ) -> Option<Self::Round> {
        DefaultCrypto::round(keys, nonce, message)
    }

    fn sign(
        round: &Self::Round,
        nonce: Self::SecretNonce,
        keypair: &Self::Keypair,
    ) -> Option<PartialSignature> {
        let mut bytes = *DefaultCrypto::sign(round, nonce, keypair)?.as_bytes();
        bytes[31] ^= 1;
        Some(PartialSignature::new(bytes))
    }

    fn verify_partial(
        _: &Self::Round,
        _: &PublicKey,
        _: &PublicNonce,
        _: &PartialSignature,
    ) -> bool {
        true
    }

    fn aggregate_signatures(
        round: &Self::Round,
        partials: &[PartialSignature],
    ) -> Option<Signature> {
        DefaultCrypto::aggregate_signatures(round, partials)
    }

    fn sign_statement(
        keypair: &Self::Keypair,
        message: &[u8; 64],
        auxiliary: &[u8; 32],
    ) -> Option<Signature> {
        DefaultCrypto::sign_statement(keypair, message, auxiliary)
    }

    fn verify(key: &XOnlyPublicKey, message: &[u8], signature: &Signature) -> bool {
        DefaultCrypto::verify(key, message, signature)
    }
}

/// Makes a signer with that engine, which listens on loopback over TCP.
fn wrong_signer() -> Swarm<Behaviour<Wrong>> {
    let mut core =
        Node::<Wrong>::with_engine(musig2_proto::Config::default()).expect("the default is valid");
    core.add_key(&SecretKey::new([7; 32])).expect("a valid key");
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("noise")
        .with_behaviour(|identity| {
            Behaviour::new(identity.public().to_peer_id(), core, FrameLimits::default())
        });
    let mut swarm = swarm.expect("a behaviour").build();
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("an address")).expect("loopback");
    swarm
}

#[test]
fn each_process_convicts_a_signer_that_signs_wrongly() {
    let folder = tempdir().expect("a folder");
    let mut cosigners: Vec<_> = ["first", "second"]
        .map(|name| {
            let key = folder.path().join(name);
            let public: PublicKey = keygen(&key).parse().expect("a key");
            let key = key.to_str().expect("text");
            let mut cosigner = Running::start([
                "cosign",
                "--key",
                key,
                "--listen",
                "/ip4/127.0.0.1/tcp/0",
                "--approve",
                "all",
            ]);
            let address: Multiaddr = cosigner.address().parse().expect("an address");
            (cosigner, public, address)
        })
        .into();
    let contacts: Vec<_> =
        cosigners.iter().map(|(_, public, address)| (*public, contact(address))).collect();

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let culprit = runtime.block_on(async {
        let mut swarm = wrong_signer();
        let behaviour = swarm.behaviour_mut();
        let own = behaviour.core().public_keys().next().expect("its key");
        for (signer, contact) in &contacts {
            let command = Command::AddContact { signer: *signer, contact: contact.encode() };
            behaviour.execute(command).expect("a contact");
        }
        let signers = contacts.iter().map(|(signer, _)| *signer).chain([own]);
        let proposal = Proposal::new(signers).with_message(Message::new([1; 32]));
        let session = behaviour.create_session(proposal).expect("a sound proposal");
        let announce = Command::AnnounceSession { session, audience: Audience::KnownContacts };
        behaviour.execute(announce).expect("an announcement");
        tokio::spawn(async move { while swarm.next().await.is_some() {} });
        own
    });

    for (cosigner, _, _) in &mut cosigners {
        let aborted = cosigner.wait_for("session_aborted");
        assert_eq!(aborted["cause"], "invalid_partial_signature", "{aborted}");
        let blamed: Vec<_> = aborted["blamed"].as_array().expect("a list").iter().collect();
        assert_eq!(blamed.len(), 1);
        assert_eq!(blamed[0]["public_key"], Value::from(culprit.to_string()));
        let file = folder.path().join("evidence");
        fs::write(&file, aborted["evidence"].as_str().expect("hex")).expect("written");
        let verdict = run(["evidence", "verify", "--json", file.to_str().expect("text")]);
        assert_eq!(verdict.code, Some(0), "{verdict:?}");
        assert_eq!(verdict.last()["public_key"], Value::from(culprit.to_string()));
        assert_eq!(verdict.last()["fault"], "invalid_partial_signature");
    }
}

fn contact(address: &Multiaddr) -> PeerContact {
    let peer = address.iter().find_map(|part| match part {
        Protocol::P2p(peer) => Some(peer),
        _ => None,
    });
    let address = address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect();
    PeerContact::new(peer.expect("printed with its peer id"), [address])
}
