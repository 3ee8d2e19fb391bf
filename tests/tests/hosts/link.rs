//! The network between hosts, in this process: it takes IP packets from each host's cable, and puts
//! them on another's when they are due.

use crate::nat::Nat;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use smoltcp::wire::Ipv4Packet;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tun_rs::SyncDevice;

/// How many packets may be on their way at once, on all paths. Further packets are lost.
const ROOM: usize = 20_000;
/// More than the largest packet.
const PACKET: usize = 4096;

/// What the path from one host to another does to packets.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    /// How long each packet takes.
    pub delay: Duration,
    /// How much longer a packet may take, at random. Packets stay in order.
    pub jitter: Duration,
    /// How many of 10,000 packets are lost, at random.
    pub loss: u32,
    /// Whether all packets are lost.
    pub cut: bool,
}

impl Path {
    pub const fn of(delay: Duration) -> Self {
        Self { delay, jitter: Duration::ZERO, loss: 0, cut: false }
    }

    pub const fn with_jitter(self, jitter: Duration) -> Self {
        Self { jitter, ..self }
    }

    pub const fn with_percent_lost(self, percent: u32) -> Self {
        Self { loss: 100 * percent, ..self }
    }
}

/// All paths. Its threads end when the other ends of the cables are gone.
pub struct Link {
    state: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    hosts: usize,
    /// Each host's NAT, if it is behind one.
    nats: Vec<Option<Nat>>,
    /// The paths from host to host, row by row.
    paths: Vec<Path>,
    /// When the last packet on each path arrives.
    last: Vec<Instant>,
    underway: BinaryHeap<Reverse<Packet>>,
    sent: u64,
    random: ChaCha20Rng,
    over: bool,
}

/// A packet on its way. Packets sort by their arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
    due: Instant,
    number: u64,
    to: usize,
    bytes: Vec<u8>,
}

impl Link {
    /// Joins the cables, each behind its NAT, if it has one. `host` says whose cable an IPv4
    /// destination is at.
    pub fn new(
        cables: Vec<SyncDevice>,
        nats: Vec<Option<Nat>>,
        path: Path,
        host: fn(Ipv4Addr) -> Option<usize>,
    ) -> Self {
        let hosts = cables.len();
        let state = State {
            hosts,
            nats,
            paths: vec![path; hosts * hosts],
            last: vec![Instant::now(); hosts * hosts],
            underway: BinaryHeap::new(),
            sent: 0,
            random: ChaCha20Rng::seed_from_u64(0),
            over: false,
        };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let cables: Vec<_> = cables.into_iter().map(Arc::new).collect();
        for (from, cable) in cables.iter().enumerate() {
            let (state, cable) = (Arc::clone(&state), Arc::clone(cable));
            thread::spawn(move || take(&state, from, &cable, host));
        }
        let sender = Arc::clone(&state);
        thread::spawn(move || deliver(&sender, &cables));
        Self { state }
    }

    /// Changes all paths.
    pub fn set_all(&self, path: Path) {
        lock(&self.state).paths.fill(path);
    }

    /// Cuts, or mends, every path from a host of one group to one of the other, and back.
    pub fn set_cut(&self, one: &[usize], other: &[usize], cut: bool) {
        self.set_cut_one_way(one, other, cut);
        self.set_cut_one_way(other, one, cut);
    }

    /// Cuts, or mends, every path from a host of one group to one of the other.
    pub fn set_cut_one_way(&self, from: &[usize], to: &[usize], cut: bool) {
        let mut state = lock(&self.state);
        for (&from, &to) in from.iter().flat_map(|from| to.iter().map(move |to| (from, to))) {
            let place = state.place(from, to);
            state.paths[place].cut = cut;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        lock(&self.state).over = true;
        self.state.1.notify_all();
    }
}

impl State {
    fn place(&self, from: usize, to: usize) -> usize {
        from * self.hosts + to
    }

    /// Sends a packet to its destination: one host, or all of them.
    fn leave(&mut self, from: usize, packet: &mut [u8], host: fn(Ipv4Addr) -> Option<usize>) {
        if !self.nats[from].as_mut().is_none_or(|nat| nat.leaves(packet)) {
            return;
        }
        match destination(packet) {
            Some(to) if to.is_multicast() => {
                (0..self.hosts).filter(|&to| to != from).for_each(|to| self.send(from, to, packet));
            }
            to => {
                let to = to.and_then(host).filter(|&to| to < self.hosts);
                to.into_iter().for_each(|to| self.send(from, to, packet));
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let place = self.place(from, to);
        let path = self.paths[place];
        if path.cut || self.underway.len() == ROOM || self.random.next_u32() % 10_000 < path.loss {
            return;
        }
        let jitter = path.jitter.mul_f64(f64::from(self.random.next_u32()) / f64::from(u32::MAX));
        let due = (Instant::now() + path.delay + jitter).max(self.last[place]);
        self.last[place] = due;
        self.sent += 1;
        self.underway.push(Reverse(Packet { due, number: self.sent, to, bytes: bytes.to_vec() }));
    }
}

/// Takes packets from a host until its cable is gone.
fn take(
    state: &(Mutex<State>, Condvar),
    from: usize,
    cable: &SyncDevice,
    host: fn(Ipv4Addr) -> Option<usize>,
) {
    let mut packet = [0; PACKET];
    loop {
        let length = match cable.recv(&mut packet) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let mut locked = lock(state);
        if locked.over {
            return;
        }
        locked.leave(from, &mut packet[..length], host);
        state.1.notify_one();
    }
}

fn deliver(state: &(Mutex<State>, Condvar), cables: &[Arc<SyncDevice>]) {
    let mut locked = lock(state);
    while !locked.over {
        let now = Instant::now();
        let wait = match locked.underway.peek() {
            Some(Reverse(packet)) if packet.due <= now => {
                if let Some(Reverse(mut packet)) = locked.underway.pop()
                    && locked.nats[packet.to]
                        .as_ref()
                        .is_none_or(|nat| nat.enters(&mut packet.bytes))
                {
                    drop(locked);
                    // An error means that the host is gone.
                    let _ = cables[packet.to].send(&packet.bytes);
                    locked = lock(state);
                }
                continue;
            }
            Some(Reverse(packet)) => packet.due - now,
            None => Duration::from_secs(1),
        };
        locked = state.1.wait_timeout(locked, wait).unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    Ipv4Packet::new_checked(packet).ok().map(|packet| packet.dst_addr())
}

fn lock(state: &(Mutex<State>, Condvar)) -> MutexGuard<'_, State> {
    state.0.lock().unwrap_or_else(PoisonError::into_inner)
}
