//! The nodes in the room: honest ones with either engine, and those that an attacker makes
//! announcements with.

use musig2_proto::wire::announcement::{Announcement, Publication};
use musig2_proto::{
    Audience, Command, CommandError, Config, Contact, Crypto, Input, K256, Libsecp256k1, Manifest,
    Node, Output, Proposal, PublicKey, SecretKey, SessionId, SessionView, Source, Timestamp,
};
use musig2_sim::protocol;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// A node with either engine.
pub trait Engine {
    fn execute(
        &mut self,
        now: Timestamp,
        rng: &mut ChaCha20Rng,
        command: Command,
    ) -> Result<Vec<Output>, CommandError>;
    fn handle(&mut self, now: Timestamp, rng: &mut ChaCha20Rng, input: Input) -> Vec<Output>;
    fn next_deadline(&self) -> Option<Timestamp>;
    fn session(&self, id: &SessionId) -> Option<SessionView>;
    fn announcement(&self, id: &SessionId) -> Option<Vec<u8>>;
}

impl<C: Crypto> Engine for Node<C> {
    fn execute(
        &mut self,
        now: Timestamp,
        rng: &mut ChaCha20Rng,
        command: Command,
    ) -> Result<Vec<Output>, CommandError> {
        self.execute(now, rng, command)
    }

    fn handle(&mut self, now: Timestamp, rng: &mut ChaCha20Rng, input: Input) -> Vec<Output> {
        self.handle(now, rng, input)
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.next_deadline()
    }

    fn session(&self, id: &SessionId) -> Option<SessionView> {
        self.session(id)
    }

    fn announcement(&self, id: &SessionId) -> Option<Vec<u8>> {
        self.announcement(id)
    }
}

/// Makes an honest node: even seats compute with libsecp256k1, odd ones with the `musig2` crate.
pub fn engine(seat: usize, config: &Config) -> (Box<dyn Engine>, PublicKey) {
    if seat.is_multiple_of(2) {
        let mut node = Node::<Libsecp256k1>::with_engine(config.clone()).unwrap();
        let key = node.add_key(&secret(seat)).unwrap();
        (Box::new(node), key)
    } else {
        let mut node = Node::<K256>::with_engine(config.clone()).unwrap();
        let key = node.add_key(&secret(seat)).unwrap();
        (Box::new(node), key)
    }
}

/// A node whose outputs are not delivered.
pub struct Puppet {
    node: Box<dyn Engine>,
    rng: ChaCha20Rng,
}

impl Puppet {
    pub fn new(key: &SecretKey, config: &Config) -> Self {
        let mut node = Node::<Libsecp256k1>::with_engine(config.clone()).unwrap();
        node.add_key(key).unwrap();
        Self { node: Box::new(node), rng: ChaCha20Rng::from_seed([6; 32]) }
    }

    /// Tells it where a signer is.
    pub fn tell(&mut self, now: Timestamp, signer: PublicKey, contact: Contact) {
        self.node.execute(now, &mut self.rng, Command::AddContact { signer, contact }).unwrap();
    }

    /// Makes a session, and returns its announcement as it would be published.
    pub fn announce(
        &mut self,
        now: Timestamp,
        proposal: Proposal,
        audience: Audience,
    ) -> Announced {
        let outputs =
            self.node.execute(now, &mut self.rng, Command::CreateSession(proposal)).unwrap();
        let session = outputs.iter().find_map(|output| match output {
            Output::Event(event) => Some(event.session()),
            _ => None,
        });
        let session = session.expect("created");
        let announce = Command::AnnounceSession { session, audience };
        self.node.execute(now, &mut self.rng, announce).unwrap();
        let announcement: Announcement =
            protocol::decode(&self.node.announcement(&session).unwrap()).unwrap();
        let publication =
            Publication::Announcement { fresh: [1; 8], announcement: announcement.clone() };
        Announced { session, bytes: protocol::encode(&publication), announcement }
    }
}

pub struct Announced {
    pub session: SessionId,
    pub announcement: Announcement,
    /// The announcement as it would be published.
    pub bytes: Vec<u8>,
}

impl Announced {
    pub fn manifest(&self) -> Manifest {
        self.announcement.content.manifest.clone()
    }
}

pub fn public_key(secret: &SecretKey) -> PublicKey {
    Libsecp256k1::public_key(&Libsecp256k1::keypair(secret).unwrap())
}

pub fn secret(seat: usize) -> SecretKey {
    SecretKey::new([seat as u8 + 1; 32])
}

pub fn contact(seat: usize) -> Contact {
    Contact::new(vec![seat as u8]).unwrap()
}

pub fn source(seat: usize) -> Source {
    Source::new([seat as u8])
}
