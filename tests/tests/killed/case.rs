//! One session in which one process is killed.

use musig2_tests::signer::{Order, Settings, Signer, Told, Until, verify};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Far more than any step here takes that does not wait for a clock.
const SOON: Duration = Duration::from_secs(20);
/// How long a signer that is to finish waits in each phase. The protocol's own default is a minute.
const PATIENT: Duration = Duration::from_secs(60);
/// By when a session must be signed although a signer was killed: a connection over QUIC counts as
/// alive for ten seconds after its peer is gone.
const RECOVERED: Duration = Duration::from_secs(30);
/// How long a signer that is not to finish waits in each phase, and below by when it must have said
/// so.
const IMPATIENT: Duration = Duration::from_secs(6);
const NAMED: Duration = Duration::from_secs(12);

const MESSAGE: u8 = 7;

#[derive(Debug, Clone, Copy)]
pub enum Transport {
    Tcp,
    Quic,
}

#[derive(Debug, Clone, Copy)]
pub enum Victim {
    Coordinator,
    /// The signer that the others were told of.
    Bootstrap,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    Never,
    /// With only its key.
    WithoutMemory,
    /// With its key and the store of what it had approved.
    WithStore,
}

/// Which signer is killed, and when.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub signers: u8,
    pub transport: Transport,
    pub victim: Victim,
    /// It is killed after everyone went this far, except that only the victim has sent partial
    /// signatures.
    pub at: Until,
    pub comes_back: Return,
}

impl Case {
    pub fn run(self) {
        let folder = tempfile::tempdir().expect("a folder for the victim");
        let (mut signers, bootstrap) = self.start(folder.path());
        self.go_to_the_phase(&mut signers);
        let victim = self.victim();
        let killed = Instant::now();
        drop(signers.remove(victim));
        for signer in &mut signers {
            signer.order(&Order::GoOn(Until::Signed));
        }
        if self.comes_back != Return::Never {
            signers.insert(victim, self.restart(&bootstrap, folder.path()));
        }
        if self.is_to_end() {
            self.all_complete(&mut signers, killed);
        } else {
            self.all_name_the_victim(&mut signers, killed);
        }
        println!("{self:?}: over {:?} after the kill", killed.elapsed());
    }

    fn is_to_end(self) -> bool {
        self.comes_back != Return::Never || self.at == Until::PartialsOut
    }

    /// Returns the victim's place: the first signer is the bootstrap peer, and the last one
    /// coordinates.
    fn victim(self) -> usize {
        match self.victim {
            Victim::Bootstrap => 0,
            Victim::Other => 1,
            Victim::Coordinator => usize::from(self.signers) - 1,
        }
    }

    fn number(place: usize) -> u8 {
        u8::try_from(place + 1).expect("few signers")
    }

    fn settings(self, place: usize, bootstrap: &[String], until: Until, folder: &Path) -> Settings {
        let has_store = self.comes_back == Return::WithStore && place == self.victim();
        Settings {
            number: Self::number(place),
            signers: self.signers,
            listen: match self.transport {
                Transport::Tcp => "/ip4/127.0.0.1/tcp/0".into(),
                Transport::Quic => "/ip4/127.0.0.1/udp/0/quic-v1".into(),
            },
            bootstrap: bootstrap.to_vec(),
            until,
            patience: if self.is_to_end() { PATIENT } else { IMPATIENT },
            store: has_store.then(|| folder.into()),
            finds_neighbours: false,
            relays: false,
        }
    }

    /// Starts all signers. Returns them and the address of the first.
    fn start(self, folder: &Path) -> (Vec<Signer>, String) {
        let spawn = |place, bootstrap: &[String]| {
            // Nobody completes a round of partial signatures before the kill.
            let until =
                if place == self.victim() { self.at } else { self.at.min(Until::NoncesOut) };
            begin(&self.settings(place, bootstrap, until, folder))
        };
        let mut first = spawn(0, &[]);
        let bootstrap = first.address();
        let others = (1..usize::from(self.signers))
            .map(|place| spawn(place, std::slice::from_ref(&bootstrap)));
        (std::iter::once(first).chain(others.collect::<Vec<_>>()).collect(), bootstrap)
    }

    fn go_to_the_phase(self, signers: &mut [Signer]) {
        let victim = self.victim();
        let coordinator = signers.len() - 1;
        signers[coordinator].order(&Order::Propose(MESSAGE));
        let number = Self::number(victim);
        for (place, signer) in signers.iter_mut().enumerate() {
            let here = |told: &Told| match self.at {
                Until::Announced => match told {
                    Told::Created { .. } => place == coordinator,
                    Told::Discovered { .. } => true,
                    _ => false,
                },
                Until::Joined => matches!(told, Told::Ready { .. }),
                Until::NoncesOut => matches!(told, Told::NoncesComplete { .. }),
                Until::PartialsOut => {
                    matches!(told, Told::Partials { signer, .. } if *signer == number)
                }
                Until::Signed => unreachable!("nobody is killed after the end"),
            };
            signer.wait(SOON, &format!("{self:?}: the phase to kill in"), here);
        }
    }

    /// Restarts the victim. The bootstrap peer is where it was and knows nobody; others are
    /// somewhere else.
    fn restart(self, bootstrap: &str, folder: &Path) -> Signer {
        let place = self.victim();
        let mut settings = self.settings(place, &[bootstrap.into()], Until::Signed, folder);
        if place == 0 {
            settings.listen = bootstrap.split("/p2p/").next().expect("an address").into();
            settings.bootstrap = Vec::new();
        }
        begin(&settings)
    }

    fn all_complete(self, signers: &mut [Signer], killed: Instant) {
        let signatures: Vec<_> = signers
            .iter_mut()
            .map(|signer| {
                let left = RECOVERED.saturating_sub(killed.elapsed());
                let complete = |told: &Told| match told {
                    Told::Complete { signature, .. } => Some(signature.clone()),
                    _ => None,
                };
                signer.find(left, &format!("{self:?}: signature"), complete).1
            })
            .collect();
        verify(self.signers, MESSAGE, &signatures[0]);
        assert!(
            signatures.iter().all(|signature| *signature == signatures[0]),
            "{self:?}: one signature"
        );
    }

    fn all_name_the_victim(self, signers: &mut [Signer], killed: Instant) {
        for signer in signers {
            let left = NAMED.saturating_sub(killed.elapsed());
            let ended = |told: &Told| match told {
                Told::TimedOut { awaiting, .. } => Some(awaiting.clone()),
                _ => None,
            };
            let (_, awaiting) = signer.find(left, &format!("{self:?}: end"), ended);
            assert_eq!(awaiting, [Self::number(self.victim())], "{self:?}: {}", signer.story());
        }
    }
}

fn begin(settings: &Settings) -> Signer {
    let mut signer = Signer::spawn(&mut Command::new(env!("CARGO_BIN_EXE_test-signer")));
    signer.begin(settings);
    signer
}
