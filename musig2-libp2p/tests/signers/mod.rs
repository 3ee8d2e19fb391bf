//! Ready-made nodes on loopback, and what tests do with them.

#![allow(dead_code, reason = "each test file uses what it needs")]

use futures::future::join_all;
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::{
    self, Audience, Command, Event, Item, Message, Node as Core, Offence, Proposal, PublicKey,
    SecretKey, SessionId, SessionView, Severity, Signature, Tweak,
};
use musig2_libp2p::{Events, Handle, Node, NodeConfig, NodeEvent, PeerContact};
use std::time::{Duration, Instant};
use tokio::time::timeout;

pub const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Signer {
    pub handle: Handle,
    pub events: Events,
    pub offences: Vec<Offence>,
    /// Where it listens, once a test has asked.
    pub addresses: Vec<Multiaddr>,
}

impl Signer {
    pub fn start(number: u8, config: NodeConfig) -> Self {
        Self::start_with(SecretKey::new([number; 32]), config)
    }

    pub fn start_with(key: SecretKey, config: NodeConfig) -> Self {
        let (handle, events) = Node::start(config, [key]).expect("the node starts");
        Self { handle, events, offences: Vec::new(), addresses: Vec::new() }
    }

    /// Starts a node without a key, at which others meet.
    pub fn start_without_key(config: NodeConfig) -> Self {
        let (handle, events) = Node::start(config, []).expect("the node starts");
        Self { handle, events, offences: Vec::new(), addresses: Vec::new() }
    }

    pub async fn address(&mut self) -> Multiaddr {
        if self.addresses.is_empty() {
            let address = self.until(|event| match event {
                NodeEvent::Listening { address } => Some(address.clone()),
                _ => None,
            });
            let address = address.await;
            self.addresses.push(address);
        }
        self.addresses[0].clone()
    }

    pub async fn contact(&mut self) -> PeerContact {
        PeerContact::new(self.handle.peer_id(), [self.address().await])
    }

    pub async fn knows(&self, signer: &Self, contact: &PeerContact) {
        let signer = signer.handle.public_keys()[0];
        let told =
            self.handle.execute(Command::AddContact { signer, contact: contact.encode() }).await;
        told.expect("a contact can be added");
    }

    pub async fn until<T>(&mut self, mut wanted: impl FnMut(&NodeEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.next().await.expect("the node runs");
                if let NodeEvent::Offence { offence, .. } = &event {
                    self.offences.push(offence.clone());
                }
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.expect("what is waited for happens in time")
    }

    /// Joins the next session that comes, and sees it through.
    pub async fn cosign(&mut self) -> (SessionId, Vec<Signature>) {
        let session = self
            .until(|event| match event {
                NodeEvent::Session { event: Event::SessionDiscovered { session }, .. } => {
                    Some(*session)
                }
                _ => None,
            })
            .await;
        self.handle
            .execute(Command::JoinSession { session })
            .await
            .expect("the session can be joined");
        (session, self.signatures(session).await)
    }

    pub async fn propose(&mut self, proposal: Proposal) -> (SessionId, Vec<Signature>) {
        let session = self.handle.create_session(proposal).await.expect("the proposal is sound");
        let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
        self.handle.execute(announce).await.expect("the session can be announced");
        (session, self.signatures(session).await)
    }

    pub async fn signatures(&mut self, wanted: SessionId) -> Vec<Signature> {
        self.until(|event| match event {
            NodeEvent::Session {
                event: Event::SessionComplete { session, signatures }, ..
            } if *session == wanted => Some(signatures.clone()),
            NodeEvent::Session { event, .. } => {
                assert!(!matches!(event, Event::SessionAborted { .. }), "{event:?}");
                None
            }
            _ => None,
        })
        .await
    }

    pub async fn view(&self, session: SessionId) -> SessionView {
        self.handle.session(session).await.expect("the node runs").expect("the session is known")
    }
}

/// Returns the public key of the signer that is started with this number.
pub fn public_key(number: u8) -> PublicKey {
    let mut core: Core = Core::new(musig2_proto::Config::default()).expect("the default is sound");
    core.add_key(&SecretKey::new([number; 32])).expect("a key")
}

/// Starts nodes. The first is the bootstrap peer of the others, and the last is to propose.
pub async fn network(
    signers: u8,
    listen: &str,
    adjust: impl Fn(NodeConfig) -> NodeConfig,
) -> Vec<Signer> {
    let config =
        || adjust(NodeConfig::default().with_listen([listen.parse().expect("an address")]));
    let mut first = Signer::start(1, config());
    let bootstrap = first.address().await;
    let mut all = vec![first];
    for number in 2..=signers {
        all.push(Signer::start(number, config().with_bootstrap_peers([bootstrap.clone()])));
    }
    all
}

pub fn proposal(signers: &[Signer]) -> Proposal {
    Proposal::new(signers.iter().map(|signer| signer.handle.public_keys()[0]))
        .with_message(Message::new([1; 32]))
        .with_item(
            Item::new(Message::new([2; 32])).with_tweaks(vec![Tweak::BIP86]).expect("one tweak"),
        )
}

/// Checks that everyone gets the same signatures and that nobody sends anything wrong, and stops
/// all nodes.
pub async fn sign_together(mut signers: Vec<Signer>) {
    sign(&mut signers).await;
    for signer in &signers {
        // On a slow machine, honest peers repeat announcements faster than they are checked.
        let wrong = |offence: &&Offence| offence.severity() != Severity::Benign;
        let wrong: Vec<_> = signer.offences.iter().filter(wrong).collect();
        assert!(wrong.is_empty(), "nobody sends anything wrong: {wrong:?}");
    }
    let start = Instant::now();
    join_all(signers.iter().map(|signer| signer.handle.stop())).await;
    println!("stopped in {:?}", start.elapsed());
}

/// Has the last node propose. Checks that everyone gets the same signatures, and that they are
/// valid by the `musig2` crate, which computes the keys independently.
pub async fn sign(signers: &mut [Signer]) {
    let proposal = proposal(signers);
    let start = Instant::now();
    let (proposer, cosigners) = signers.split_last_mut().expect("there are signers");
    let cosigned = join_all(cosigners.iter_mut().map(Signer::cosign));
    let (proposed, cosigned) = tokio::join!(proposer.propose(proposal), cosigned);
    println!("{} signers took {:?}", cosigned.len() + 1, start.elapsed());
    assert!(cosigned.iter().all(|result| *result == proposed));

    let view = proposer.view(proposed.0).await;
    verify(&view, &proposed.1);
    for signer in signers {
        assert_eq!(signer.view(proposed.0).await.output_keys, view.output_keys);
    }
}

pub fn verify(view: &SessionView, signatures: &[Signature]) {
    let keys = view
        .manifest
        .signers()
        .iter()
        .map(|key| musig2::secp::Point::from_slice(key.as_bytes()).expect("a key"));
    let plain = musig2::KeyAggContext::new(keys).expect("keys");
    let taproot = plain.clone().with_unspendable_taproot_tweak().expect("a tweak");
    for ((context, message), signature) in
        [(plain, [1; 32]), (taproot, [2; 32])].iter().zip(signatures)
    {
        let key: musig2::secp::Point = context.aggregated_pubkey();
        let signature =
            musig2::CompactSignature::from_bytes(signature.as_bytes()).expect("a signature");
        musig2::verify_single(key, signature, message).expect("the signature is valid");
    }
    assert_eq!(signatures.len(), 2);
}
