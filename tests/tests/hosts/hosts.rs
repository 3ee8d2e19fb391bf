//! Hosts: each is a signer's process in a network namespace that lives as long as the process, at
//! one end of a cable (a TUN device) whose other end is in this process. Nothing is left behind,
//! however a test ends.

use crate::link::{Link, Path};
use crate::nat::{Mapping, Nat};
use musig2_tests::signer::{Order, Settings, Signer, Told, Until, verify};
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tun_rs::{DeviceBuilder, SyncDevice};

/// Far more than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Hosts share about two processors, so only one network runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

#[derive(Debug, Clone, Copy)]
pub enum Transport {
    Tcp,
    Quic,
}

/// Where the hosts are.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// On one network. The first is the bootstrap peer of the others.
    Together,
    /// On one network, where nobody is told of anybody: they have to find each other by multicast
    /// DNS.
    Neighbours,
    /// On the internet. The first is the bootstrap peer of the others, and tells them where they
    /// can be reached.
    Public,
    /// Each behind its own NAT, except the first, which is the bootstrap peer and relay of the
    /// others.
    BehindNats(Mapping),
}

/// Signers on separate hosts.
pub struct Hosts {
    pub signers: Vec<Signer>,
    pub link: Link,
    sessions: u8,
    _alone: MutexGuard<'static, ()>,
}

impl Hosts {
    /// Returns `None`, and says so on standard error, if network namespaces cannot be made.
    pub fn new(signers: u8, transport: Transport, path: Path, until: Until) -> Option<Self> {
        Self::prepared(signers, transport, path, until, |_| ())
    }

    /// Like [`Hosts::new`], but does something to the network before anybody uses it.
    pub fn prepared(
        signers: u8,
        transport: Transport,
        path: Path,
        until: Until,
        prepare: impl Fn(&Link),
    ) -> Option<Self> {
        Self::at(Place::Together, signers, transport, path, until, prepare)
    }

    /// Like [`Hosts::prepared`], with the hosts anywhere.
    pub fn at(
        place: Place,
        signers: u8,
        transport: Transport,
        path: Path,
        until: Until,
        prepare: impl Fn(&Link),
    ) -> Option<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(reason) = check() {
            // This goes past the test harness, which would swallow what is printed.
            let _ = writeln!(
                std::io::stderr(),
                "\nSKIPPED: no network of several hosts can be made here, nothing is tested: {reason}\n"
            );
            return None;
        }
        let (mut hosts, cables): (Vec<_>, Vec<_>) =
            (1..=signers).map(|number| host(place.address(number))).unzip();
        let nats = (1..=signers).map(|number| place.nat(number)).collect();
        let link = Link::new(cables, nats, path, |address| {
            usize::from(address.octets()[3]).checked_sub(1)
        });
        prepare(&link);
        let mut bootstrap = Vec::new();
        for (number, signer) in (1..).zip(&mut hosts) {
            let address = place.address(number);
            let listen = match transport {
                Transport::Tcp => format!("/ip4/{address}/tcp/4001"),
                Transport::Quic => format!("/ip4/{address}/udp/4001/quic-v1"),
            };
            signer.begin(&Settings {
                number,
                signers,
                listen,
                bootstrap: bootstrap.clone(),
                until,
                patience: PATIENCE,
                store: None,
                finds_neighbours: matches!(place, Place::Neighbours),
                relays: matches!(place, Place::Public | Place::BehindNats(_)) && number == 1,
            });
            if bootstrap.is_empty() && !matches!(place, Place::Neighbours) {
                bootstrap.push(signer.address());
            }
        }
        Some(Self { signers: hosts, link, sessions: 0, _alone: alone })
    }

    /// Has the last signer propose a session of all.
    pub fn propose(&mut self) {
        self.sessions += 1;
        let message = self.sessions;
        self.last().order(&Order::Propose(message));
    }

    /// Returns how long the session took, from before it was created until every signer had the
    /// same valid signature.
    pub fn signed(&mut self) -> Duration {
        let nth = usize::from(self.sessions) - 1;
        let proposed = self
            .last()
            .nth(PATIENCE, "proposal", nth, |told| (*told == Told::Proposing).then_some(()))
            .0;
        let complete = |told: &Told| match told {
            Told::Complete { session, signature } => Some((session.clone(), signature.clone())),
            _ => None,
        };
        let ends: Vec<_> = self
            .signers
            .iter_mut()
            .map(|signer| signer.nth(PATIENCE, "signature", nth, complete))
            .collect();
        let (_, (_, signature)) = &ends[0];
        verify(u8::try_from(self.signers.len()).expect("few"), self.sessions, signature);
        assert!(ends.iter().all(|(_, end)| *end == ends[0].1), "one signature");
        let end = ends.iter().map(|(at, _)| *at).max().expect("there are signers");
        Duration::from_micros(end - proposed)
    }

    /// Returns the median duration of this many sessions, one after another, when all know and are
    /// connected to all.
    pub fn median(&mut self, sessions: usize) -> Duration {
        let mut took: Vec<_> = (0..sessions)
            .map(|_| {
                self.propose();
                self.signed()
            })
            .collect();
        took.sort_unstable();
        println!("{took:?}");
        (took[(sessions - 1) / 2] + took[sessions / 2]) / 2
    }

    /// Tells each signer to go this far from now on.
    pub fn go_on(&mut self, until: Until) {
        for signer in &mut self.signers {
            signer.order(&Order::GoOn(until));
        }
    }

    /// Waits until everyone has reported this about the last session.
    pub fn wait(&mut self, what: &str, wanted: impl Fn(&Told) -> bool) {
        let nth = usize::from(self.sessions) - 1;
        for signer in &mut self.signers {
            signer.nth(PATIENCE, what, nth, |told| wanted(told).then_some(()));
        }
    }

    /// Connects each signer to each other one, and has them meet in sessions.
    pub fn warm_up(&mut self) {
        self.propose();
        self.signed();
        let all = u8::try_from(self.signers.len()).expect("few");
        for (number, signer) in (1..).zip(&mut self.signers) {
            for peer in (1..=all).filter(|peer| *peer != number) {
                signer.wait(PATIENCE, "connection", |told| *told == Told::Connected(peer));
            }
        }
        self.propose();
        self.signed();
    }

    fn last(&mut self) -> &mut Signer {
        self.signers.last_mut().expect("there are signers")
    }
}

impl Place {
    /// Returns a host's own address.
    fn address(self, number: u8) -> Ipv4Addr {
        match self {
            Self::Together | Self::Neighbours => Ipv4Addr::new(10, 77, 0, number),
            Self::BehindNats(_) if number == 1 => outside(number),
            Self::Public => outside(number),
            // As in most homes, this address is no help to a host that dials it from another home.
            Self::BehindNats(_) => Ipv4Addr::new(192, 168, 1, 10),
        }
    }

    fn nat(self, number: u8) -> Option<Nat> {
        match self {
            Self::BehindNats(mapping) if number > 1 => {
                Some(Nat::new(self.address(number), outside(number), mapping))
            }
            _ => None,
        }
    }
}

/// Returns where a host is seen from the internet.
fn outside(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, number)
}

/// Starts a waiting signer in its own namespace. Returns it and the near end of its cable, which is
/// its route to everywhere.
fn host(address: Ipv4Addr) -> (Signer, SyncDevice) {
    static CABLES: AtomicU32 = AtomicU32::new(0);
    let mut program = Command::new("unshare");
    let signer = Signer::spawn(program.args(["--net", env!("CARGO_BIN_EXE_test-signer")]));
    let name = format!("m{}c{}", id(), CABLES.fetch_add(1, Ordering::Relaxed));
    let cable = DeviceBuilder::new().name(&name).enable(false).build_sync().expect("a TUN device");
    let namespace = signer.id().to_string();
    run("ip", &["link", "set", &name, "netns", &namespace], "");
    let setup = format!(
        "link set lo up\naddr add {address}/24 dev {name}\nlink set {name} multicast on up\nroute add default dev {name}\n"
    );
    run("nsenter", &["--target", &namespace, "--net", "ip", "-batch", "-"], &setup);
    (signer, cable)
}

fn run(program: &str, arguments: &[&str], input: &str) {
    let mut command = Command::new(program);
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it was started").success(), "{program} {arguments:?} failed");
}

/// Checks that namespaces, and devices in them, can be made here.
fn check() -> Result<(), String> {
    for program in
        [["ip", "-Version"].as_slice(), &["unshare", "--net", "true"], &["nsenter", "--version"]]
    {
        let output = Command::new(program[0]).args(&program[1..]).output();
        let output = output
            .map_err(|error| format!("`{}`: {error} (see iproute2 and util-linux)", program[0]))?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`{}`: {} (are you root?)", program.join(" "), reason.trim()));
        }
    }
    let device = DeviceBuilder::new().name(format!("m{}c", id())).enable(false).build_sync();
    device.map(drop).map_err(|error| format!("a TUN device: {error}"))
}
