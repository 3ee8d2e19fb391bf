//! Sessions over connections that break, are denied, or lead to peers that misbehave.

use crate::group::{Group, Happened, contact, key, protocol};
use crate::rogue::framed;
use futures::StreamExt;
use libp2p_swarm_test::SwarmExt;
use musig2_libp2p::libp2p::core::Endpoint;
use musig2_libp2p::libp2p::core::transport::PortUse;
use musig2_libp2p::libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, ListenError, NetworkBehaviour, SwarmEvent, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use musig2_libp2p::libp2p::{Multiaddr, PeerId, Swarm};
use musig2_libp2p::musig2_proto::{
    self, Audience, Command, Message, Node, Proposal, SecretKey, Stepping,
};
use musig2_libp2p::musig2_proto::{Event as Signing, SessionId};
use musig2_libp2p::{Banned, Behaviour, BehaviourEvent, Consequence, FrameLimits};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Gives everyone an order, and breaks all connections before any frame that results can arrive.
fn order_and_disconnect(group: &mut Group, order: impl Fn() -> Command) {
    for signer in &mut group.signers {
        signer.behaviour_mut().execute(order()).unwrap();
        for peer in signer.connected_peers().copied().collect::<Vec<_>>() {
            signer.disconnect_peer_id(peer).unwrap();
        }
    }
}

/// Waits until it has happened at every signer.
async fn until_all(group: &mut Group, wanted: impl Fn(&Signing) -> bool) {
    let mut at = vec![false; group.signers.len()];
    group
        .until_event(|_, signer, event| {
            at[signer] |= matches!(&event, BehaviourEvent::Session(event) if wanted(event));
            at.iter().all(|at| *at).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_session_survives_the_loss_of_all_connections_in_each_phase() {
    let manual = protocol().with_stepping(Stepping::Manual);
    let mut group = Group::new(3, &manual, &FrameLimits::default()).await;
    let session = group.propose();
    let mut discovered = 0;
    group
        .until_event(|group, signer, event| {
            if let BehaviourEvent::Session(Signing::SessionDiscovered { session }) = event {
                group.signers[signer]
                    .behaviour_mut()
                    .execute(Command::JoinSession { session })
                    .unwrap();
                for peer in group.signers[signer].connected_peers().copied().collect::<Vec<_>>() {
                    group.signers[signer].disconnect_peer_id(peer).unwrap();
                }
                discovered += 1;
            }
            (discovered == 2).then_some(())
        })
        .await;
    until_all(&mut group, |event| matches!(event, Signing::SessionReady { .. })).await;
    order_and_disconnect(&mut group, || Command::ShareNonces { session });
    until_all(&mut group, |event| matches!(event, Signing::NoncesComplete { .. })).await;
    order_and_disconnect(&mut group, || Command::SharePartialSignatures { session });
    until_all(&mut group, |event| matches!(event, Signing::PartialSigsComplete { .. })).await;
    order_and_disconnect(&mut group, || Command::FinalizeSession { session });
    until_all(&mut group, |event| matches!(event, Signing::SessionComplete { .. })).await;
}

#[tokio::test]
async fn the_loss_of_a_co_signers_connection_is_reported() {
    let mut group = Group::new(2, &protocol(), &FrameLimits::default()).await;
    let (session, other) = (group.propose(), group.peer(1));
    group
        .until_event(|_, signer, event| {
            let discovered =
                matches!(event, BehaviourEvent::Session(Signing::SessionDiscovered { .. }));
            (signer == 1 && discovered).then_some(())
        })
        .await;
    group.signers[0].disconnect_peer_id(other).unwrap();
    group
        .until_event(|_, signer, event| match event {
            BehaviourEvent::ConnectionLost { peer } => (signer == 0 && peer == other).then_some(()),
            _ => None,
        })
        .await;
    group.signers[1].behaviour_mut().execute(Command::JoinSession { session }).unwrap();
    until_all(&mut group, |event| matches!(event, Signing::SessionComplete { .. })).await;
}

/// Denies the first few connections, after its siblings have agreed to them.
struct Denier {
    left: u32,
}

impl Denier {
    fn judge(&mut self) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        if self.left == 0 {
            return Ok(dummy::ConnectionHandler);
        }
        self.left -= 1;
        Err(ConnectionDenied::new(std::io::Error::other("not yet")))
    }
}

impl NetworkBehaviour for Denier {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = std::convert::Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.judge()
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.judge()
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[derive(NetworkBehaviour)]
#[behaviour(prelude = "musig2_libp2p::libp2p::swarm::derive_prelude")]
struct WithSibling {
    // In the wrong order, on purpose: the behaviour hears of connections that its sibling then
    // denies.
    signing: Behaviour,
    denier: Denier,
}

#[tokio::test]
async fn a_connection_that_a_sibling_denies_is_not_relied_on() {
    let mut core = Node::new(protocol()).unwrap();
    core.add_key(&SecretKey::new([9; 32])).unwrap();
    let mut proposer = Swarm::new_ephemeral_tokio(|identity| WithSibling {
        signing: Behaviour::new(identity.public().to_peer_id(), core, FrameLimits::default()),
        denier: Denier { left: 2 },
    });
    let mut group = Group::new(1, &protocol(), &FrameLimits::default()).await;
    let (signer, contact) = (key(&group.signers[0]), contact(&group.signers[0]).encode());
    let signing = &mut proposer.behaviour_mut().signing;
    let keys = [signing.core().public_keys().next().unwrap(), signer];
    signing.execute(Command::AddContact { signer, contact }).unwrap();
    let session =
        signing.create_session(Proposal::new(keys).with_message(Message::new([1; 32]))).unwrap();
    signing
        .execute(Command::AnnounceSession { session, audience: Audience::KnownContacts })
        .unwrap();

    let mut denied = 0;
    let signed = group.signatures(session);
    tokio::pin!(signed);
    loop {
        tokio::select! {
            _ = &mut signed => break,
            event = proposer.select_next_some() => match event {
                SwarmEvent::Behaviour(WithSiblingEvent::Signing(BehaviourEvent::DialFailed { error, .. })) => {
                    assert!(error.contains("not yet"), "{error}");
                    denied += 1;
                }
                SwarmEvent::Behaviour(WithSiblingEvent::Signing(BehaviourEvent::Undelivered { .. })) => {
                    panic!("what was sent waits for a connection")
                }
                _ => {}
            }
        }
    }
    assert!(denied >= 1, "nothing was denied");
}

#[tokio::test]
async fn a_ban_ends_after_its_time() {
    const BAN: Duration = Duration::from_millis(500);
    let config = FrameLimits::default()
        .with_max_offences(2)
        .with_offence_pause(Duration::from_millis(1))
        .with_ban_time(BAN);
    let mut group = Group::new(1, &musig2_proto::Config::default(), &config).await;
    let (victim, rogue) = (group.peer(0), *group.rogue.local_peer_id());

    for ending in [Consequence::Disconnected, Consequence::Banned(BAN)] {
        group.consequences.clear();
        group.connect_rogue(0).await;
        group.rogue.behaviour_mut().open(victim, framed(&[]).repeat(5));
        let mut closed = false;
        group
            .until(|group, happened| {
                closed |=
                    matches!(happened, Happened::Signer(_, SwarmEvent::ConnectionClosed { .. }));
                (closed && group.consequences.len() == 2).then_some(())
            })
            .await;
        assert_eq!(group.consequences, [Consequence::Paused(Duration::from_millis(1)), ending]);
    }
    assert_eq!(group.signers[0].behaviour().banned_peers().collect::<Vec<_>>(), [rogue]);

    // The rogue dials until it is let in.
    let (start, address) = (Instant::now(), group.address(0));
    group.rogue.dial(address.clone()).unwrap();
    let mut denied = 0;
    group
        .until(|group, happened| match happened {
            Happened::Signer(_, SwarmEvent::IncomingConnectionError { error, .. }) => {
                let ListenError::Denied { cause } = error else { panic!("{error}") };
                assert_eq!(cause.downcast::<Banned>().unwrap().peer, rogue);
                denied += 1;
                None
            }
            Happened::Rogue(
                SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. },
            ) => {
                group.rogue.dial(address.clone()).unwrap();
                None
            }
            Happened::Signer(_, SwarmEvent::ConnectionEstablished { .. }) => Some(()),
            _ => None,
        })
        .await;
    assert!(denied > 0 && start.elapsed() >= BAN / 2, "{denied} {:?}", start.elapsed());
    assert_eq!(group.signers[0].behaviour().banned_peers().count(), 0);
}

#[tokio::test]
async fn after_an_offence_a_peer_is_not_read_for_a_while() {
    const PAUSE: Duration = Duration::from_millis(400);
    let config = FrameLimits::default().with_offence_pause(PAUSE);
    let mut group = Group::new(1, &musig2_proto::Config::default(), &config).await;
    group.connect_rogue(0).await;
    let victim = group.peer(0);
    let start = Instant::now();
    for number in 1..=2 {
        // One at a time, because frames that were read before the pause begins cannot be unread.
        group.rogue.behaviour_mut().open(victim, framed(&[]));
        group.until(|group, _| (group.offences.len() == number).then_some(())).await;
    }
    assert!(start.elapsed() >= PAUSE, "{:?}", start.elapsed());
    assert_eq!(group.consequences, [Consequence::Paused(PAUSE); 2]);
}

#[tokio::test]
async fn a_peer_that_takes_no_frames_is_reported_and_delays_nobody() {
    let mut group = Group::new(2, &protocol(), &FrameLimits::default()).await;
    let mut stranger = Swarm::new_ephemeral_tokio(|_| dummy::Behaviour);
    stranger.listen().with_memory_addr_external().await;
    let name = *stranger.local_peer_id();
    let at = musig2_libp2p::PeerContact::new(name, stranger.external_addresses().cloned()).encode();
    let mut core = Node::new(protocol()).unwrap();
    let absent = core.add_key(&SecretKey::new([77; 32])).unwrap();
    let keys = [key(&group.signers[0]), key(&group.signers[1]), absent];
    let proposer = group.signers[0].behaviour_mut();
    proposer.execute(Command::AddContact { signer: absent, contact: at }).unwrap();
    let session =
        proposer.create_session(Proposal::new(keys).with_message(Message::new([1; 32]))).unwrap();
    proposer
        .execute(Command::AnnounceSession { session, audience: Audience::KnownContacts })
        .unwrap();

    tokio::spawn(stranger.loop_on_next());
    let (mut told, mut discovered) = (false, None::<SessionId>);
    group
        .until_event(|_, signer, event| {
            match event {
                BehaviourEvent::Undelivered { peer, reason, .. } if signer == 0 && peer == name => {
                    assert_eq!(reason, musig2_libp2p::Undelivered::Unsupported);
                    told = true;
                }
                BehaviourEvent::Session(Signing::SessionDiscovered { session }) => {
                    discovered = Some(session);
                }
                _ => {}
            }
            (told && discovered == Some(session)).then_some(())
        })
        .await;
}
