//! Composes the behaviour with an application's own gossipsub, Kademlia, ping, identify and
//! connection limits.
//!
//! `cargo run --example compose` starts three such swarms in one process, over TCP on loopback, and
//! they sign a message together.

use futures::StreamExt;
use futures::future::select_all;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::identity::Keypair;
use libp2p::kad::{self, store::MemoryStore};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, StreamProtocol, Swarm, SwarmBuilder, identify, noise, ping, yamux};
use musig2_libp2p::musig2_proto::{
    self, Audience, Command, Event as Signing, Message, Node, Proposal, PublicKey, SecretKey,
    Signature,
};
use musig2_libp2p::{Behaviour, BehaviourEvent, FrameLimits, PeerContact, libp2p};
use std::error::Error;
use std::time::Duration;

/// Everything the application speaks. A swarm asks the fields about each connection in this order
/// and stops at the first that denies it. The fields before that one believe in a connection that
/// never comes about. Hence this order:
///
/// 1. `limits`, whose purpose is to deny.
/// 2. `signing`, which denies banned peers. It relies on no connection before the swarm says that
///    it is established, so other behaviours that deny may stand above or below it.
/// 3. The others, in any order.
#[derive(NetworkBehaviour)]
struct Application {
    limits: connection_limits::Behaviour,
    signing: Behaviour,
    gossipsub: gossipsub::Behaviour,
    kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

struct Peer {
    swarm: Swarm<Application>,
    topic: IdentTopic,
    key: PublicKey,
    signatures: Option<Vec<Signature>>,
}

impl Peer {
    fn new(secret: SecretKey) -> Result<Self, Box<dyn Error>> {
        let mut core = Node::new(musig2_proto::Config::default())?;
        let key = core.add_key(&secret)?;
        let topic = IdentTopic::new(core.config().announcement_topic.clone());
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(Default::default(), noise::Config::new, yamux::Config::default)?
            .with_behaviour(|identity| Application::new(identity, core))?
            .build();
        swarm.behaviour_mut().gossipsub.subscribe(&topic)?;
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
        Ok(Self { swarm, topic, key, signatures: None })
    }

    fn on_event(&mut self, event: SwarmEvent<ApplicationEvent>) -> Result<(), Box<dyn Error>> {
        let peer = *self.swarm.local_peer_id();
        let Application { signing, gossipsub, kad, .. } = self.swarm.behaviour_mut();
        match event {
            // Signers tell one another where they listen. Behind a NAT, tell the addresses that
            // are known from outside.
            SwarmEvent::NewListenAddr { .. } => {
                let contact = PeerContact::new(peer, self.swarm.listeners().cloned()).encode();
                self.swarm.behaviour_mut().signing.execute(Command::SetContact(contact))?;
            }
            SwarmEvent::Behaviour(ApplicationEvent::Signing(event)) => {
                self.on_signing_event(event)?;
            }
            // Three lines carry announcements. What comes in is checked and only then passed on;
            SwarmEvent::Behaviour(ApplicationEvent::Gossipsub(gossipsub::Event::Message {
                propagation_source: from,
                message_id,
                message,
            })) => {
                let acceptance = signing.on_announcement(from, message.data);
                gossipsub.report_message_validation_result(&message_id, &from, acceptance.into());
            }
            // whoever subscribes late is told of open sessions at once;
            SwarmEvent::Behaviour(ApplicationEvent::Gossipsub(gossipsub::Event::Subscribed {
                ..
            })) => {
                signing.on_subscribed();
            }
            // Kademlia does not learn addresses on its own. It finds peers whose contacts name no
            // address.
            SwarmEvent::Behaviour(ApplicationEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => {
                for address in info.listen_addrs {
                    kad.add_address(&peer_id, address);
                }
            }
            SwarmEvent::Behaviour(ApplicationEvent::Kad(kad::Event::OutboundQueryProgressed {
                result: kad::QueryResult::GetClosestPeers(Ok(found)),
                ..
            })) => {
                for peer in found.peers {
                    signing.add_addresses(peer.peer_id, &peer.addrs);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn on_signing_event(&mut self, event: BehaviourEvent) -> Result<(), Box<dyn Error>> {
        let Application { signing, gossipsub, kad, .. } = self.swarm.behaviour_mut();
        match event {
            // and what goes out is published. If nobody listens yet it is lost, and is repeated
            // later.
            BehaviourEvent::Publish(bytes) => drop(gossipsub.publish(self.topic.clone(), bytes)),
            BehaviourEvent::Session(Signing::SessionDiscovered { session }) => {
                let view = signing.core().session(&session).ok_or("forgotten already")?;
                let messages: Vec<_> =
                    view.manifest.items().iter().map(|item| *item.message()).collect();
                println!("{} joins {session} to sign {messages:?}", self.key);
                // To join is to consent to all of it. An application asks a person or its policy.
                signing.execute(Command::JoinSession { session })?;
            }
            BehaviourEvent::Session(Signing::SessionComplete { signatures, .. }) => {
                println!("{} has {signatures:?}", self.key);
                self.signatures = Some(signatures);
            }
            BehaviourEvent::Session(Signing::SessionAborted { cause, .. }) => {
                return Err(format!("{cause:?}").into());
            }
            BehaviourEvent::DialFailed { peer, .. } => drop(kad.get_closest_peers(peer)),
            _ => {}
        }
        Ok(())
    }

    fn address(&self) -> Option<Multiaddr> {
        let address = self.swarm.listeners().next()?.clone();
        Some(address.with(Protocol::P2p(*self.swarm.local_peer_id())))
    }
}

impl Application {
    fn new(identity: &Keypair, core: Node) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let peer = identity.public().to_peer_id();
        // Two for each peer: if two peers dial each other at once, either connection may last.
        let limits = ConnectionLimits::default()
            .with_max_established(Some(256))
            .with_max_established_per_peer(Some(2))
            .with_max_pending_incoming(Some(64));
        let gossip = gossipsub::ConfigBuilder::default()
            // Announcements are signed inside, and are checked before they are passed on.
            .validation_mode(ValidationMode::Anonymous)
            .validate_messages()
            .message_id_fn(|message| gossipsub::MessageId::new(&message.data))
            .heartbeat_initial_delay(Duration::from_millis(100))
            .build()?;
        let kad = kad::Config::new(StreamProtocol::new("/compose/kad/1"));
        let mut kad = kad::Behaviour::with_config(peer, MemoryStore::new(peer), kad);
        // Otherwise it waits until it can be reached from outside, which on loopback never happens.
        kad.set_mode(Some(kad::Mode::Server));
        let ping = ping::Config::new().with_interval(Duration::from_secs(5));
        Ok(Self {
            limits: connection_limits::Behaviour::new(limits),
            signing: Behaviour::new(peer, core, FrameLimits::default()),
            gossipsub: gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, gossip)?,
            kad,
            identify: identify::Behaviour::new(identify::Config::new(
                "/compose/1".into(),
                identity.public(),
            )),
            ping: ping::Behaviour::new(ping),
        })
    }
}

/// Runs all swarms until the condition holds.
async fn run(peers: &mut [Peer], is_done: impl Fn(&[Peer]) -> bool) -> Result<(), Box<dyn Error>> {
    while !is_done(peers) {
        let next = select_all(peers.iter_mut().map(|peer| peer.swarm.select_next_some()));
        let (event, index, _) = next.await;
        peers[index].on_event(event)?;
    }
    Ok(())
}

async fn sign() -> Result<(), Box<dyn Error>> {
    // Fixed keys are only for examples.
    let secrets = [1, 2, 3].map(|number| SecretKey::new([number; 32]));
    let mut peers = secrets.into_iter().map(Peer::new).collect::<Result<Vec<_>, _>>()?;
    run(&mut peers, |peers| peers.iter().all(|peer| peer.address().is_some())).await?;

    // Each signer is told one address of one other signer, and nothing more.
    let meeting_point = peers[0].address().ok_or("no address")?;
    for peer in &mut peers[1..] {
        peer.swarm.dial(meeting_point.clone())?;
    }
    let keys: Vec<_> = peers.iter().map(|peer| peer.key).collect();
    let proposer = &mut peers[2].swarm.behaviour_mut().signing;
    let session =
        proposer.create_session(Proposal::new(keys).with_message(Message::new([7; 32])))?;
    proposer.execute(Command::AnnounceSession { session, audience: Audience::Everyone })?;

    run(&mut peers, |peers| peers.iter().all(|peer| peer.signatures.is_some())).await?;
    if peers.iter().any(|peer| peer.signatures != peers[0].signatures) {
        return Err("the signatures differ".into());
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tokio::time::timeout(Duration::from_secs(30), sign()).await?
}
