//! Signers with only the behaviour, on a transport in memory, and a rogue beside them.

#![allow(dead_code, reason = "each test file uses what it needs")]

use crate::rogue::Rogue;
use futures::StreamExt;
use futures::future::select_all;
use libp2p_swarm_test::SwarmExt;
use musig2_libp2p::libp2p::swarm::SwarmEvent;
use musig2_libp2p::libp2p::{Multiaddr, PeerId, Swarm};
use musig2_libp2p::musig2_proto::{
    self, Audience, Command, Event as Signing, Message, Node, Offence, Proposal, PublicKey,
    SecretKey, SessionId, Signature,
};
use musig2_libp2p::{Behaviour, BehaviourEvent, Consequence, FrameLimits, PeerContact};
use std::convert::Infallible;
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Group {
    pub signers: Vec<Swarm<Behaviour>>,
    pub rogue: Swarm<Rogue>,
    /// The rogue's offences that signers reported, and below what was done about them.
    pub offences: Vec<Offence>,
    pub consequences: Vec<Consequence>,
    /// Whether a connection of the rogue's was closed.
    pub rogue_is_cut_off: bool,
}

/// What happened, and at which signer.
pub enum Happened {
    Signer(usize, SwarmEvent<BehaviourEvent>),
    Rogue(SwarmEvent<Infallible>),
}

/// Configures short polling intervals, so that lost frames are soon made up for.
pub fn protocol() -> musig2_proto::Config {
    musig2_proto::Config::default()
        .with_poll_interval(Duration::from_millis(100))
        .with_max_poll_interval(Duration::from_millis(400))
        .with_max_join_poll_interval(Duration::from_millis(400))
}

impl Group {
    /// Starts signers that know one another's contacts. The rogue is connected to none of them.
    pub async fn new(signers: u8, protocol: &musig2_proto::Config, config: &FrameLimits) -> Self {
        let mut all = Vec::new();
        for number in 1..=signers {
            let mut core = Node::new(protocol.clone()).unwrap();
            core.add_key(&SecretKey::new([number; 32])).unwrap();
            let mut swarm = Swarm::new_ephemeral_tokio(|identity| {
                Behaviour::new(identity.public().to_peer_id(), core, config.clone())
            });
            swarm.listen().with_memory_addr_external().await;
            let contact = contact(&swarm).encode();
            swarm.behaviour_mut().execute(Command::SetContact(contact)).unwrap();
            all.push(swarm);
        }
        let contacts: Vec<_> =
            all.iter().map(|swarm| (key(swarm), contact(swarm).encode())).collect();
        for swarm in &mut all {
            for (signer, contact) in contacts.clone() {
                swarm.behaviour_mut().execute(Command::AddContact { signer, contact }).unwrap();
            }
        }
        Self {
            signers: all,
            rogue: Swarm::new_ephemeral_tokio(|_| Rogue::default()),
            offences: Vec::new(),
            consequences: Vec::new(),
            rogue_is_cut_off: false,
        }
    }

    pub fn peer(&self, signer: usize) -> PeerId {
        *self.signers[signer].local_peer_id()
    }

    pub fn address(&self, signer: usize) -> Multiaddr {
        self.signers[signer].external_addresses().next().unwrap().clone()
    }

    /// Has the first signer propose to all.
    pub fn propose(&mut self) -> SessionId {
        let keys: Vec<_> = self.signers.iter().map(key).collect();
        let proposer = self.signers[0].behaviour_mut();
        let proposal = Proposal::new(keys).with_message(Message::new([1; 32]));
        let session = proposer.create_session(proposal).unwrap();
        proposer
            .execute(Command::AnnounceSession { session, audience: Audience::KnownContacts })
            .unwrap();
        session
    }

    /// Runs everything until this has happened.
    pub async fn until<T>(
        &mut self,
        mut wanted: impl FnMut(&mut Self, Happened) -> Option<T>,
    ) -> T {
        let found = async {
            loop {
                let next = select_all(self.signers.iter_mut().map(StreamExt::select_next_some));
                let happened = tokio::select! {
                    (event, signer, _) = next => Happened::Signer(signer, event),
                    event = self.rogue.select_next_some() => Happened::Rogue(event),
                };
                self.note(&happened);
                if let Some(found) = wanted(self, happened) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("what is waited for happens in time")
    }

    fn note(&mut self, happened: &Happened) {
        let rogue = *self.rogue.local_peer_id();
        match happened {
            Happened::Signer(
                _,
                SwarmEvent::Behaviour(BehaviourEvent::Offence { peer, offence, consequence }),
            ) => {
                assert_eq!(*peer, rogue, "an honest peer is reported: {offence}");
                self.offences.push(offence.clone());
                self.consequences.push(*consequence);
            }
            Happened::Signer(
                _,
                SwarmEvent::Behaviour(BehaviourEvent::Churn { peer, consequence }),
            ) => {
                assert_eq!(*peer, rogue, "an honest peer is reported");
                self.consequences.push(*consequence);
            }
            Happened::Rogue(SwarmEvent::ConnectionClosed { .. }) => self.rogue_is_cut_off = true,
            _ => {}
        }
    }

    /// Like `until`, but only for events of the signers' behaviours.
    pub async fn until_event<T>(
        &mut self,
        mut wanted: impl FnMut(&mut Self, usize, BehaviourEvent) -> Option<T>,
    ) -> T {
        self.until(|group, happened| match happened {
            Happened::Signer(signer, SwarmEvent::Behaviour(event)) => wanted(group, signer, event),
            _ => None,
        })
        .await
    }

    /// Has everyone join, and waits until all have signed.
    pub async fn signatures(&mut self, wanted: SessionId) -> Vec<Signature> {
        let mut done: Vec<Option<Vec<Signature>>> = vec![None; self.signers.len()];
        self.until_event(|group, signer, event| {
            match event {
                BehaviourEvent::Session(Signing::SessionDiscovered { session }) => {
                    let join = Command::JoinSession { session };
                    group.signers[signer].behaviour_mut().execute(join).unwrap();
                }
                BehaviourEvent::Session(Signing::SessionComplete { session, signatures })
                    if session == wanted =>
                {
                    done[signer] = Some(signatures);
                }
                BehaviourEvent::Session(event @ Signing::SessionAborted { .. }) => {
                    panic!("{event:?}")
                }
                _ => {}
            }
            done.iter().all(Option::is_some).then_some(())
        })
        .await;
        assert!(done.iter().all(|signatures| *signatures == done[0]));
        done.swap_remove(0).unwrap()
    }

    /// Connects the rogue to a signer.
    pub async fn connect_rogue(&mut self, signer: usize) {
        self.rogue.dial(self.address(signer)).unwrap();
        let peer = self.peer(signer);
        self.until(|_, happened| match happened {
            Happened::Rogue(SwarmEvent::ConnectionEstablished { peer_id, .. })
                if peer_id == peer =>
            {
                Some(())
            }
            _ => None,
        })
        .await;
    }
}

pub fn key(signer: &Swarm<Behaviour>) -> PublicKey {
    signer.behaviour().core().public_keys().next().unwrap()
}

pub fn contact(signer: &Swarm<Behaviour>) -> PeerContact {
    PeerContact::new(*signer.local_peer_id(), signer.external_addresses().cloned())
}
