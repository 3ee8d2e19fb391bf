//! The messages that are poured over a node: each kind is as large as it can be once decoded, or as
//! expensive to check, or as hard to tell from honest messages.

use crate::attacker::Attacker;
use crate::node::{self, Puppet};
use crate::room::Room;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::hello::{Hello, HelloContent};
use musig2_proto::wire::proof::{Proof, Restarted, Signed};
use musig2_proto::wire::statement::{Abort, Body};
use musig2_proto::{
    AbortReason, AttemptId, Audience, Boot, Config, Contact, Crypto, Input, Item, Libsecp256k1,
    Message, Proposal, PublicKey, SecretKey, SessionId, Signature, SignerIndex, Source, Timestamp,
    Transcript, Tweak,
};
use musig2_sim::protocol;

/// How many transport handles the attackers have: more than there are buckets.
const SOURCES: usize = 3000;
/// How many strangers announce sessions, and below how many sessions each of them announces.
const AUTHORS: u8 = 120;
const SESSIONS: usize = 10;

pub struct Flood {
    signer: Attacker,
    stranger: Attacker,
    /// The session in which the attacker is a signer, and below the one that must complete in spite
    /// of everything.
    spoilt: SessionId,
    honest: SessionId,
    /// Sessions of strangers with the victim, small ones and ones as large as they may be, and
    /// sessions of strangers among themselves.
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    others: Vec<Vec<u8>>,
    oversize: Vec<u8>,
    dense: Proof,
}

/// Returns whether a handle or contact is one of the attackers'. Those of seats in the room have
/// one byte.
pub fn is_hostile(handle: &[u8]) -> bool {
    handle.len() != 1
}

impl Flood {
    pub fn new(room: &Room, spoilt: SessionId) -> Self {
        let victim = room.keys[0];
        let announce = |author: u8, count: usize, proposal: &dyn Fn(usize) -> Proposal| {
            let mut puppet = Puppet::new(&SecretKey::new([author; 32]), &Config::default());
            (0..count)
                .map(|number| puppet.announce(room.now, proposal(number), Audience::Everyone).bytes)
                .collect::<Vec<_>>()
        };
        let message = |number: usize| Message::new([number as u8; 32]);
        let pair = |author: u8, other: PublicKey| Proposal::new([public_key(author), other]);
        let authors = 10..10 + AUTHORS;
        let small = authors.clone().flat_map(|author| {
            announce(author, SESSIONS, &|number| pair(author, victim).with_message(message(number)))
        });
        let others = authors.clone().take(20).flat_map(|author| {
            announce(author, 2, &|number| {
                pair(author, public_key(200)).with_message(message(number))
            })
        });
        let large = authors
            .take(36)
            .flat_map(|author| announce(author, 1, &|_| largest(pair(author, victim))));
        let mut stranger = room.stranger(spoilt);
        Self {
            small: small.collect(),
            large: large.collect(),
            others: others.collect(),
            oversize: vec![1; (1 << 20) + 1],
            dense: dense(&mut stranger),
            signer: room.attacker(0, spoilt),
            stranger,
            spoilt,
            honest: spoilt,
        }
    }

    /// Sets the honest session that the flood is to stop.
    pub fn aim(&mut self, honest: SessionId) {
        self.honest = honest;
    }

    /// Returns the next message, and what kind it is.
    pub fn message(&mut self, number: usize, now: Timestamp) -> (&'static str, Input) {
        let round = number / 18;
        match number % 18 {
            0 => ("noise", frame_of(number, noise(number))),
            1 => ("a frame cut short", frame_of(number, self.cut(number))),
            2 if round.is_multiple_of(64) => ("too large", frame_of(number, self.oversize.clone())),
            2 => ("too large", frame_of(number, vec![1; 1 << 12])),
            3 => ("of an unknown session", self.frame(number, self.unknown(round))),
            4 => ("a false statement", self.forged(number)),
            5 => ("a true join elsewhere", self.join(number)),
            6 => ("true nonces of no attempt", self.nonces(number)),
            7 => ("true partial signatures of no attempt", self.partials(number)),
            8 => (
                "a stranger's session",
                announcement_of(number, &self.small[round % self.small.len()]),
            ),
            9 => (
                "a stranger's largest session",
                announcement_of(number, &self.large[round % self.large.len()]),
            ),
            10 => (
                "strangers' session",
                announcement_of(number, &self.others[round % self.others.len()]),
            ),
            11 => ("a stranger's hello", hello(number, 0x77, now)),
            12 => ("a signer's hello from everywhere", hello(number, self.signer_secret(), now)),
            13 => ("a false summary", self.frame(number, self.summary(number))),
            14 => ("a request", self.frame(number, self.request(number))),
            15 => ("false signatures", self.frame(number, self.signatures(number))),
            16 => ("a false abort with a large proof", self.abort(number)),
            _ => ("another version", frame_of(number, vec![2; 100])),
        }
    }

    fn target(&self, number: usize) -> SessionId {
        if number.is_multiple_of(4) { self.spoilt } else { self.honest }
    }

    fn frame(&self, number: usize, frame: Frame) -> Input {
        frame_of(number, protocol::encode(&frame))
    }

    fn cut(&self, number: usize) -> Vec<u8> {
        let mut bytes = protocol::encode(&protocol::frame(self.honest, []));
        bytes.truncate(number % bytes.len());
        bytes
    }

    /// Makes frames of unknown sessions, another one every eight rounds. Each frame takes many
    /// times its encoding in memory.
    fn unknown(&self, round: usize) -> Frame {
        let body = Body::Abort(Abort {
            boot: Boot::new([1; 16]),
            reason: AbortReason::Convicted,
            proof: Some(Box::new(self.dense.clone())),
        });
        let statement = musig2_proto::wire::statement::Statement {
            author: SignerIndex::new(0),
            body,
            signature: Signature::new([1; 64]),
        };
        protocol::frame(SessionId::new(bytes(round / 8)), vec![statement; 1 + round % 4])
    }

    fn forged(&mut self, number: usize) -> Input {
        let (boot, contact) = (Boot::new([number as u8; 16]), somewhere(number));
        let body = Body::Join(musig2_proto::wire::statement::Join { boot, contact });
        let author = SignerIndex::new((number % 3) as u16);
        let session = self.target(number);
        let forged = self.stranger.state_in(session, author, body);
        self.frame(number, protocol::frame(session, [forged]))
    }

    fn join(&mut self, number: usize) -> Input {
        let join = self.signer.join_at(somewhere(number));
        self.frame(number, protocol::frame(self.spoilt, [join]))
    }

    fn nonces(&mut self, number: usize) -> Input {
        let (boot, attempt) = (self.signer.boot, self.signer.attempt);
        self.signer.attempt = AttemptId::new(bytes(number));
        self.signer.boot = Boot::new([number as u8; 16]);
        let nonces = self.signer.nonces_with(vec![musig2_proto::PublicNonce::new([2; 66]); 2]);
        (self.signer.boot, self.signer.attempt) = (boot, attempt);
        self.frame(number, protocol::frame(self.spoilt, [nonces]))
    }

    fn partials(&mut self, number: usize) -> Input {
        let attempt = self.signer.attempt;
        self.signer.attempt = AttemptId::new(bytes(number));
        let partials =
            self.signer.partials_with(self.signer.garbage(), Transcript::new(bytes(number)));
        self.signer.attempt = attempt;
        self.frame(number, protocol::frame(self.spoilt, [partials]))
    }

    fn summary(&self, number: usize) -> Frame {
        let (session, signers) = match self.target(number) {
            spoilt if spoilt == self.spoilt => (spoilt, 4),
            honest => (honest, 3),
        };
        let signer = SignerIndex::new((number % signers) as u16);
        let boot = Boot::new([(number / 256) as u8; 16]);
        let have = Some(protocol::summary(signers, signer, boot, number.is_multiple_of(2)));
        Frame { have, ..protocol::frame(session, []) }
    }

    fn request(&self, number: usize) -> Frame {
        let request =
            if number.is_multiple_of(3) { Request::Announcement } else { Request::Statements };
        Frame { request, ..protocol::frame(self.target(number), []) }
    }

    fn signatures(&self, number: usize) -> Frame {
        let signatures = vec![Signature::new([number as u8; 64]); 1 + number % 2];
        Frame {
            signatures: Some(List::new(signatures).unwrap()),
            ..protocol::frame(self.honest, [])
        }
    }

    /// Makes an abort with an invalid signature, in the name of one of the session's own signers.
    fn abort(&mut self, number: usize) -> Input {
        let proof = Some(Box::new(self.dense.clone()));
        let body =
            Body::Abort(Abort { boot: Boot::new([9; 16]), reason: AbortReason::Convicted, proof });
        let session = self.target(number);
        let forged = self.stranger.state_in(session, SignerIndex::new((number % 3) as u16), body);
        self.frame(number, protocol::frame(session, [forged]))
    }

    /// Returns the number of the attacker's key. Its seat is behind the three honest ones.
    fn signer_secret(&self) -> u8 {
        4
    }
}

/// Makes the proof that grows most when it is decoded: two bytes for each signer without lives
/// become a list each.
fn dense(stranger: &mut Attacker) -> Proof {
    let nonces = Signed::of(&stranger.nonces()).unwrap();
    let none = |signer| Restarted { signer: SignerIndex::new(signer), boots: List::empty() };
    let restarted = List::new((0..4096).map(|signer| none(signer % 128)).collect()).unwrap();
    Proof::ConcurrentInstances { first: nonces.clone(), second: nonces, restarted }
}

/// Fills a proposal with as many items, and as many tweak steps, as a node takes by default.
fn largest(proposal: Proposal) -> Proposal {
    let tweaks = vec![Tweak::BIP86; 4];
    let item =
        |number: u8| Item::new(Message::new([number; 32])).with_tweaks(tweaks.clone()).unwrap();
    (0..=255)
        .fold(proposal, |proposal, number| proposal.with_item(item(number)))
        .with_memo(vec![1; 1024])
}

/// Makes a hello of the signer with this key. It differs each time, and has a contact of the
/// greatest length.
fn hello(number: usize, secret: u8, now: Timestamp) -> Input {
    let keypair = Libsecp256k1::keypair(&SecretKey::new([secret; 32])).unwrap();
    let time = Timestamp::from_millis(now.as_millis() + number as u64 % 20_000);
    let content = HelloContent {
        signer: Libsecp256k1::public_key(&keypair),
        contact: somewhere(number),
        time,
        since: now,
    };
    let message = protocol::signed_message(protocol::HELLO, &protocol::hello_hash(&content));
    let signature = Libsecp256k1::sign_statement(&keypair, &message, &bytes(number)).unwrap();
    let hello = Publication::Hello { fresh: [0; 8], hello: Hello { content, signature } };
    announcement_of(number, &protocol::encode(&hello))
}

fn public_key(secret: u8) -> PublicKey {
    node::public_key(&SecretKey::new([secret; 32]))
}

fn bytes(number: usize) -> [u8; 32] {
    protocol::tagged("flood", &[&number.to_le_bytes()])
}

fn noise(number: usize) -> Vec<u8> {
    let mut noise: Vec<_> = (0..=number % 16).flat_map(|part| bytes(number + part)).collect();
    noise[0] = 1;
    noise
}

fn somewhere(number: usize) -> Contact {
    Contact::new(bytes(number).repeat(16)).unwrap()
}

fn source(number: usize) -> Source {
    Source::new((number % SOURCES).to_le_bytes())
}

fn frame_of(number: usize, bytes: Vec<u8>) -> Input {
    Input::Frame { from: source(number), bytes }
}

fn announcement_of(number: usize, bytes: &[u8]) -> Input {
    Input::Announcement { from: source(number), bytes: bytes.to_vec() }
}
