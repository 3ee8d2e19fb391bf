//! The behaviour on its own, composed by hand into swarms without gossip.

use futures::StreamExt;
use futures::future::select_all;
use musig2_libp2p::libp2p::core::transport::{MemoryTransport, Transport};
use musig2_libp2p::libp2p::core::upgrade::Version;
use musig2_libp2p::libp2p::identity::Keypair;
use musig2_libp2p::libp2p::swarm::SwarmEvent;
use musig2_libp2p::libp2p::{Multiaddr, Swarm, noise, yamux};
use musig2_libp2p::musig2_proto::{
    self, Audience, Command, Message, Node, Proposal, PublicKey, SecretKey, Signature,
};
use musig2_libp2p::{Behaviour, BehaviourEvent, FrameLimits, PeerContact};

struct Signer {
    key: PublicKey,
    swarm: Swarm<Behaviour>,
}

impl Signer {
    async fn new(number: u8) -> Self {
        let mut core = Node::new(musig2_proto::Config::default()).unwrap();
        let key = core.add_key(&SecretKey::new([number; 32])).unwrap();
        let identity = Keypair::generate_ed25519();
        let local = identity.public().to_peer_id();
        let transport = MemoryTransport::default()
            .upgrade(Version::V1)
            .authenticate(noise::Config::new(&identity).unwrap())
            .multiplex(yamux::Config::default())
            .boxed();
        let behaviour = Behaviour::new(local, core, FrameLimits::default());
        let settings = musig2_libp2p::libp2p::swarm::Config::with_tokio_executor();
        let mut swarm = Swarm::new(transport, behaviour, local, settings);
        swarm.listen_on("/memory/0".parse().unwrap()).unwrap();
        let address: Multiaddr = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        let contact = PeerContact::new(local, [address]).encode();
        swarm.behaviour_mut().execute(Command::SetContact(contact)).unwrap();
        Self { key, swarm }
    }

    fn contact(&self) -> musig2_proto::Contact {
        PeerContact::new(*self.swarm.local_peer_id(), self.swarm.listeners().cloned()).encode()
    }
}

#[tokio::test]
async fn signers_that_know_one_another_need_only_the_behaviour() {
    let mut signers = Vec::new();
    for number in 1..=4 {
        signers.push(Signer::new(number).await);
    }
    let contacts: Vec<_> =
        signers[1..].iter().map(|signer| (signer.key, signer.contact())).collect();
    let keys: Vec<_> = signers.iter().map(|signer| signer.key).collect();
    let proposer = signers[0].swarm.behaviour_mut();
    for (signer, contact) in contacts {
        proposer.execute(Command::AddContact { signer, contact }).unwrap();
    }
    let session =
        proposer.create_session(Proposal::new(keys).with_message(Message::new([1; 32]))).unwrap();
    proposer
        .execute(Command::AnnounceSession { session, audience: Audience::KnownContacts })
        .unwrap();

    let mut done: Vec<Option<Vec<Signature>>> = vec![None; signers.len()];
    while done.iter().any(Option::is_none) {
        let next = select_all(signers.iter_mut().map(|signer| signer.swarm.select_next_some()));
        let (event, index, _) =
            tokio::time::timeout(std::time::Duration::from_secs(20), next).await.unwrap();
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Session(
                musig2_proto::Event::SessionDiscovered { session },
            )) => {
                signers[index]
                    .swarm
                    .behaviour_mut()
                    .execute(Command::JoinSession { session })
                    .unwrap();
            }
            SwarmEvent::Behaviour(BehaviourEvent::Session(
                musig2_proto::Event::SessionComplete { signatures, .. },
            )) => {
                done[index] = Some(signatures);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Offence { offence, .. }) => panic!("{offence}"),
            _ => {}
        }
    }
    assert!(done.iter().all(|signatures| *signatures == done[0]));

    let view = signers[0].swarm.behaviour().core().session(&session).unwrap();
    let key = view.output_keys[0].key.to_bytes();
    let signature = done[0].as_ref().unwrap()[0];
    let key = musig2::secp::Point::lift_x(key).unwrap();
    let signature = musig2::CompactSignature::from_bytes(signature.as_bytes()).unwrap();
    musig2::verify_single(key, signature, [1; 32]).unwrap();
}
