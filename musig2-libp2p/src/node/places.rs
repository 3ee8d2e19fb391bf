//! Which incoming connections are admitted: no address can take all places, and some are kept for
//! peers that this node knows.

use super::addresses::is_relayed;
use super::config::NodeConfig;
use libp2p::core::transport::PortUse;
use libp2p::core::{self, Endpoint};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished, ListenFailure};
use libp2p::swarm::{
    AddressChange, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The most known peers. Beyond that, the one that was met longest ago is forgotten.
const MAX_KNOWN: usize = 1024;
/// How many hosts are remembered for each known peer, which may have moved.
const MAX_HOSTS: usize = 4;
/// The shortest time between two log lines about refusals.
const TELL: Duration = Duration::from_secs(60);

/// Limits the connections that others open.
///
/// A host may hold only as many places as it leaves free. So one host can hold half of them, two
/// hosts a third each, and the next one always finds some. Programs on this machine can hold seven
/// eighths. Of the places for connections that are being made, an eighth is kept for hosts of peers
/// that this node knows. Of those for open connections, a quarter is kept for peers that it knows:
/// its bootstrap peers, and signers of sessions that it was part of.
#[derive(Debug)]
pub(super) struct Places {
    max_pending: usize,
    max_open: usize,
    /// Incoming connections that are being made.
    pending: HashMap<ConnectionId, Host>,
    /// All open connections, including those that this node dialled.
    open: HashMap<ConnectionId, Connection>,
    known: HashMap<PeerId, Known>,
    meetings: u64,
    /// The hosts of the bootstrap peers, from the configuration.
    bootstrap: HashSet<Host>,
    told: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Connection {
    peer: PeerId,
    host: Host,
    is_inbound: bool,
}

#[derive(Debug, Default)]
struct Known {
    /// The value of `meetings` when the peer was last met.
    met: u64,
    hosts: Vec<Host>,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Host {
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address: whoever has one address in such a network has all of
    /// them.
    V6([u16; 4]),
    /// All peers that come through relays.
    Relayed,
    /// Transports without addresses.
    Other,
}

/// Why a connection is refused: its host may hold no more places, or there are none left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no place left for {what} from {host} ({held} of {of} are from there)")]
struct Full {
    host: Host,
    held: usize,
    of: usize,
    what: &'static str,
}

impl Places {
    pub(super) fn new(config: &NodeConfig) -> Self {
        // A quarter of all connections is left for this node's own dials, however many strangers
        // connect.
        let max_open = config.max_connections - config.max_connections / 4;
        Self {
            max_pending: config.max_pending() as usize,
            max_open: max_open as usize,
            pending: HashMap::new(),
            open: HashMap::new(),
            known: HashMap::new(),
            meetings: 0,
            bootstrap: config
                .bootstrap_peers
                .iter()
                .map(Host::of)
                .filter(|host| host.is_one())
                .collect(),
            told: None,
        }
    }

    /// Keeps places for this peer from now on.
    pub(super) fn know(&mut self, peer: PeerId) {
        self.meetings += 1;
        let known = self.known.entry(peer).or_default();
        known.met = self.meetings;
        let hosts =
            self.open.values().filter(|connection| connection.peer == peer).map(|open| open.host);
        hosts.for_each(|host| known.seen_at(host));
        if self.known.len() > MAX_KNOWN {
            let oldest =
                self.known.iter().min_by_key(|(_, known)| known.met).map(|(peer, _)| *peer);
            oldest.map(|peer| self.known.remove(&peer));
        }
    }

    fn admit_pending(&self, host: Host) -> Result<(), Full> {
        let is_known = self.bootstrap.contains(&host)
            || self.known.values().any(|known| known.hosts.contains(&host));
        let kept = if is_known { 0 } else { self.max_pending / 8 };
        let held = self.pending.values().filter(|other| **other == host).count();
        let free = self.max_pending.saturating_sub(kept + self.pending.len());
        host.admit(held, free, self.max_pending, "pending connections")
    }

    fn admit_open(&self, peer: &PeerId, host: Host) -> Result<(), Full> {
        let inbound = || self.open.values().filter(|connection| connection.is_inbound);
        let free = self.max_open.saturating_sub(inbound().count());
        if self.known.contains_key(peer) {
            // A known peer does not share its host's places with others there.
            return host.admit(0, free, self.max_open, OPEN);
        }
        let strangers = inbound().filter(|connection| !self.known.contains_key(&connection.peer));
        let held = strangers.clone().filter(|stranger| stranger.host == host).count();
        let for_strangers = self.max_open - self.max_open / 4;
        let free = free.min(for_strangers.saturating_sub(strangers.count()));
        host.admit(held, free, self.max_open, OPEN)
    }

    /// Logs a refusal, unless one was logged a moment ago.
    fn refused(&mut self, full: Full) -> ConnectionDenied {
        let now = Instant::now();
        if self.told.is_none_or(|told| now >= told + TELL) {
            self.told = Some(now);
            tracing::warn!(reason = %full, "refused a connection (logged at most once a minute)");
        }
        ConnectionDenied::new(full)
    }
}

const OPEN: &str = "inbound connections";

impl Known {
    fn seen_at(&mut self, host: Host) {
        if !host.is_one() || self.hosts.contains(&host) {
            return;
        }
        if self.hosts.len() == MAX_HOSTS {
            self.hosts.remove(0);
        }
        self.hosts.push(host);
    }
}

impl Host {
    fn of(address: &Multiaddr) -> Self {
        let ip = match address.iter().next() {
            _ if is_relayed(address) => return Self::Relayed,
            Some(Protocol::Ip4(ip)) => IpAddr::from(ip),
            Some(Protocol::Ip6(ip)) => IpAddr::from(ip).to_canonical(),
            _ => return Self::Other,
        };
        match ip {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
        }
    }

    /// Returns whether this is one host rather than many.
    fn is_one(self) -> bool {
        matches!(self, Self::V4(_) | Self::V6(_))
    }

    fn is_this(self) -> bool {
        match self {
            Self::V4(ip) => ip.is_loopback(),
            // Nobody connects from any other address in this prefix than `::1`.
            Self::V6(prefix) => prefix == [0; 4],
            Self::Relayed | Self::Other => false,
        }
    }

    /// Decides whether the host gets one more place, given how many it holds and how many are free
    /// for it.
    fn admit(self, held: usize, free: usize, of: usize, what: &'static str) -> Result<(), Full> {
        // A malicious program on this machine could do worse than connect, so such programs get
        // more places. Even they cannot take all of them.
        let times = if self.is_this() { 7 } else { 1 };
        let leaves_one = held == 0 || free > 1;
        if held < times * free && leaves_one {
            Ok(())
        } else {
            Err(Full { host: self, held, of, what })
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(ip) => ip.fmt(f),
            Self::V6([a, b, c, d]) => write!(f, "{a:x}:{b:x}:{c:x}:{d:x}::/64"),
            Self::Relayed => f.write_str("peers that come through relays"),
            Self::Other => f.write_str("peers without an address"),
        }
    }
}

impl NetworkBehaviour for Places {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let host = Host::of(remote);
        self.admit_pending(host).map_err(|full| self.refused(full))?;
        self.pending.insert(connection, host);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending.remove(&connection);
        self.admit_open(&peer, Host::of(remote)).map_err(|full| self.refused(full))?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id: peer,
                connection_id,
                endpoint,
                ..
            }) => {
                let host = Host::of(endpoint.get_remote_address());
                self.open.insert(
                    connection_id,
                    Connection { peer, host, is_inbound: endpoint.is_listener() },
                );
                if let Some(known) = self.known.get_mut(&peer) {
                    known.seen_at(host);
                }
            }
            FromSwarm::AddressChange(AddressChange { connection_id, new, .. }) => {
                if let Some(connection) = self.open.get_mut(&connection_id) {
                    connection.host = Host::of(new.get_remote_address());
                }
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. }) => {
                self.open.remove(&connection_id);
            }
            FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => {
                self.pending.remove(&connection_id);
            }
            // No other event opens or closes a connection. (The enum may grow.)
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        never: THandlerOutEvent<Self>,
    ) {
        core::util::unreachable(never)
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::core::ConnectedPoint;

    /// Peers that connect and leave.
    struct Crowd {
        places: Places,
        connections: usize,
    }

    impl Crowd {
        fn new() -> Self {
            let bootstrap = "/ip4/192.0.2.200/tcp/1".parse().unwrap();
            let config = NodeConfig::default().with_bootstrap_peers([bootstrap]);
            Self { places: Places::new(&config), connections: 0 }
        }

        /// Begins a connection, and returns whether it got a place.
        fn begin(&mut self, from: &str) -> bool {
            self.connections += 1;
            let (id, from) = (ConnectionId::new_unchecked(self.connections), address(from));
            self.places.handle_pending_inbound_connection(id, &Multiaddr::empty(), &from).is_ok()
        }

        /// Opens a connection of a peer, and returns whether it was admitted.
        fn open(&mut self, peer: PeerId, from: &str) -> bool {
            self.connections += 1;
            let (id, from) = (ConnectionId::new_unchecked(self.connections), address(from));
            let here = Multiaddr::empty();
            let admitted =
                self.places.handle_established_inbound_connection(id, peer, &here, &from).is_ok();
            if admitted {
                let endpoint = ConnectedPoint::Listener { local_addr: here, send_back_addr: from };
                self.places.on_swarm_event(FromSwarm::ConnectionEstablished(
                    ConnectionEstablished {
                        peer_id: peer,
                        connection_id: id,
                        endpoint: &endpoint,
                        failed_addresses: &[],
                        other_established: 0,
                    },
                ));
            }
            admitted
        }

        /// Begins connections until one is refused. Returns how many were admitted.
        fn flood(&mut self, from: &str) -> usize {
            (0..1000).take_while(|_| self.begin(from)).count()
        }

        fn flood_open(&mut self, from: &str) -> usize {
            (0..1000).take_while(|_| self.open(PeerId::random(), from)).count()
        }
    }

    fn address(host: &str) -> Multiaddr {
        format!("/{host}/tcp/4001").parse().unwrap()
    }

    #[test]
    fn no_address_takes_all_places_and_the_next_always_finds_some() {
        let mut crowd = Crowd::new();
        assert_eq!(crowd.flood("ip4/198.51.100.1"), 56, "half of those that are for strangers");
        assert_eq!(crowd.flood("ip6/2001:db8::1"), 28);
        assert!(!crowd.begin("ip6/2001:db8::ffff:2"), "the same network");
        assert!(!crowd.begin("ip6/::ffff:198.51.100.1"), "the same address");
        assert_eq!(crowd.flood("ip6/2001:db8:0:1::1"), 14);
        assert!(crowd.begin("ip4/198.51.100.2"));
        assert_eq!(Crowd::new().flood("ip4/127.0.0.1"), 98, "seven eighths");
    }

    #[test]
    fn a_thousand_addresses_leave_places_for_hosts_of_known_peers() {
        let mut crowd = Crowd::new();
        let (signer, home) = (PeerId::random(), "ip4/198.51.100.7");
        crowd.open(signer, home);
        crowd.places.know(signer);
        let begun = (0..1000)
            .filter(|number| crowd.begin(&format!("ip6/2001:db8:0:{number:x}::1")))
            .count();
        assert_eq!(begun, 112);
        assert!(!crowd.begin("ip4/198.51.100.8"));
        assert!(
            crowd.begin(home) && crowd.begin("ip4/192.0.2.200"),
            "a signer's, and a bootstrap peer's"
        );
        assert!(crowd.places.pending.len() < crowd.places.max_pending);
    }

    #[test]
    fn a_connection_that_is_given_up_frees_its_place() {
        let mut crowd = Crowd::new();
        crowd.flood("ip4/198.51.100.1");
        let id = *crowd.places.pending.keys().next().unwrap();
        let (address, peer_id) = (Multiaddr::empty(), None);
        crowd.places.on_swarm_event(FromSwarm::ListenFailure(ListenFailure {
            local_addr: &address,
            send_back_addr: &address,
            error: &libp2p::swarm::ListenError::Aborted,
            connection_id: id,
            peer_id,
        }));
        assert_eq!(crowd.flood("ip4/198.51.100.1"), 1);
    }

    #[test]
    fn known_peers_find_a_place_among_any_number_of_connections() {
        let mut crowd = Crowd::new();
        let signers: Vec<_> = (0..50).map(|_| PeerId::random()).collect();
        signers.iter().for_each(|signer| crowd.places.know(*signer));
        assert_eq!(crowd.flood_open("ip4/198.51.100.1"), 144);
        for number in 0..1000 {
            crowd.open(PeerId::random(), &format!("ip6/2001:db8:0:{number:x}::1"));
        }
        assert_eq!(crowd.places.open.len(), 288, "three quarters of 384");
        assert!(!crowd.open(PeerId::random(), "ip4/198.51.100.9"));
        assert!(signers.iter().all(|signer| crowd.open(*signer, "ip4/198.51.100.1")));
    }

    #[test]
    fn the_number_of_known_peers_is_bounded() {
        let mut crowd = Crowd::new();
        let first = PeerId::random();
        crowd.places.know(first);
        for _ in 0..MAX_KNOWN {
            crowd.places.know(PeerId::random());
        }
        assert_eq!(crowd.places.known.len(), MAX_KNOWN);
        assert!(!crowd.places.known.contains_key(&first));
    }
}
