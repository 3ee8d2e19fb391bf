//! What a forger of evidence may have: everything that honest signers stated, and true evidence
//! against a signer that is not honest.

use super::pen::{Pen, gather, list, restarted};
use super::room::Room;
use super::seat::{BEGINNING, Seat};
use super::seeds::SCRIPTS;
use super::three_nodes::run;
use crate::adversary::Round;
use crate::protocol::attempt;
use musig2_proto::wire::decode_message;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::proof::{Content, Evidence, Proof, Restarted, Signed};
use musig2_proto::wire::statement::{Body, Join, NonceSource, Nonces, Partials, Statement};
use musig2_proto::{
    AttemptId, Boot, Command, Config, Event, Libsecp256k1, MAX_JOINS, Manifest, Message, Output,
    PartialSignature, Proposal, PublicKey, PublicNonce, SessionView, SignerIndex,
};

/// The seat whose key breaks the protocol. Seats with lower numbers are honest.
const GUILTY: u8 = 3;

/// Everything that a forger may use. No list is empty.
pub(super) struct Loot {
    /// The keys that no evidence may convict.
    pub(super) honest: Vec<PublicKey>,
    pub(super) manifests: Vec<Manifest>,
    pub(super) joins: Vec<Signed<Join>>,
    pub(super) nonces: Vec<Signed<Nonces>>,
    pub(super) partials: Vec<Signed<Partials>>,
    pub(super) rounds: Vec<Round>,
    pub(super) restarted: Vec<Vec<(SignerIndex, Vec<Boot>)>>,
    /// True evidence, one of each kind.
    pub(super) evidence: Vec<Evidence>,
}

impl Loot {
    /// Collects loot from sessions with and without restarts.
    pub(super) fn new() -> Self {
        let mut loot = Self {
            honest: (0..GUILTY).map(|number| seat(number).key).collect(),
            manifests: Vec::new(),
            joins: Vec::new(),
            nonces: Vec::new(),
            partials: Vec::new(),
            rounds: Vec::new(),
            restarted: Vec::new(),
            evidence: true_evidence(),
        };
        for (_, configuration, script) in SCRIPTS {
            let room = run(Room::<Libsecp256k1>::new(configuration).recorded(), script);
            for view in room.views() {
                loot.take(view, &statements(view, room.frames()));
            }
        }
        loot
    }

    fn take(&mut self, view: &SessionView, stated: &[Statement]) {
        fn all<T: Content>(stated: &[Statement]) -> impl Iterator<Item = Signed<T>> {
            stated.iter().filter_map(Signed::of)
        }
        self.manifests.push(Manifest::clone(&view.manifest));
        self.joins.extend(all(stated));
        self.nonces.extend(all(stated));
        self.partials.extend(all(stated));
        for one in stated {
            if let Body::Partials(partials) = &one.body {
                let own = (one.author, partials.boot);
                self.rounds.extend(gather::<Libsecp256k1>(view, partials.attempt, own, stated));
            }
        }
        self.restarted.push(restarted(stated));
    }
}

/// Returns every statement about a session in these frames, once.
fn statements(view: &SessionView, frames: &[Vec<u8>]) -> Vec<Statement> {
    let mut stated = Vec::new();
    for frame in frames.iter().filter_map(|bytes| decode_message::<Frame>(bytes, usize::MAX).ok()) {
        for statement in frame.statements.iter().filter(|_| frame.session == view.id) {
            if !stated.contains(statement) {
                stated.push(statement.clone());
            }
        }
    }
    stated
}

fn seat(number: u8) -> Seat<Libsecp256k1> {
    Seat::new(number, Config::default())
}

/// Commits and proves every kind of fault.
fn true_evidence() -> Vec<Evidence> {
    let mut accuser = seat(0);
    let proposal =
        Proposal::new([accuser.key, seat(GUILTY).key]).with_message(Message::new([1; 32]));
    let outputs = accuser.order(BEGINNING, Command::CreateSession(proposal));
    let [Output::Event(Event::SessionCreated { session }), ..] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    let view = accuser.node.session(session).unwrap_or_else(|| panic!("made"));
    let manifest = Manifest::clone(&view.manifest);
    let guilty = manifest.index_of(&seat(GUILTY).key).unwrap_or_else(|| panic!("a signer"));
    let mut pen = Pen::<Libsecp256k1>::new(GUILTY);
    let mut state = |body: Body| pen.state(session, guilty, body);

    let boots = [1, 2].map(|boot| Boot::new([boot; 16]));
    // Any valid points will do as public nonces, so two public keys serve.
    let points = [seat(0).key, seat(1).key].map(PublicKey::to_bytes);
    let mut nonces = |boot: Boot, attempt: AttemptId, halves: [[u8; 33]; 2]| {
        let nonce = PublicNonce::new(halves.concat().try_into().unwrap_or([0; 66]));
        let source = NonceSource::Inline(list([nonce]));
        signed::<Nonces>(&state(Body::Nonces(Nonces { boot, attempt, source })))
    };
    let honest = nonces(boots[0], AttemptId::FIRST, points);
    let other = nonces(boots[0], AttemptId::FIRST, [points[1], points[0]]);
    let invalid = nonces(boots[0], AttemptId::FIRST, [[0; 33]; 2]);
    let attempt = attempt(session, &[(guilty, boots.to_vec())]);
    let instances = boots.map(|boot| nonces(boot, attempt, points));

    let aggregate =
        [points.concat().try_into().unwrap_or([0; 66])].map(musig2_proto::AggregateNonce::new);
    let round = Round::of(&view, AttemptId::FIRST, [7; 32], aggregate.to_vec());
    let mut partials = |byte: u8| {
        let partials = list([PartialSignature::new([byte; 32])]);
        let (boot, attempt, transcript) = (boots[0], AttemptId::FIRST, round.transcript);
        signed::<Partials>(&state(Body::Partials(Partials { boot, attempt, transcript, partials })))
    };
    let [bad, worse] = [1, 2].map(&mut partials);
    let mut join = |boot: u8| {
        let contact = super::seat::contact(GUILTY);
        signed::<Join>(&state(Body::Join(Join { boot: Boot::new([boot; 16]), contact })))
    };
    let joins = list((0..MAX_JOINS as u8).map(&mut join));
    let proofs = [
        Proof::EquivocatingNonces { first: honest.clone(), second: other },
        Proof::EquivocatingPartials { first: bad.clone(), second: worse },
        Proof::InvalidNonce { nonces: invalid },
        Proof::InvalidPartialSignature {
            nonces: honest,
            partials: bad,
            nonce_root: round.nonce_root,
            aggregates: list(round.aggregates),
            item: 0,
        },
        Proof::ConcurrentInstances {
            first: instances[0].clone(),
            second: instances[1].clone(),
            restarted: list([Restarted { signer: guilty, boots: list(boots) }]),
        },
        Proof::RestartLimit { joins },
    ];
    let evidence = proofs.map(|proof| Evidence { manifest: manifest.clone(), proof });
    for one in &evidence {
        let conviction = one.verify::<Libsecp256k1>();
        assert!(
            conviction.as_ref().is_ok_and(|conviction| conviction.signer == guilty),
            "{conviction:?} by {one:?}"
        );
    }
    evidence.to_vec()
}

fn signed<T: Content>(statement: &Statement) -> Signed<T> {
    Signed::of(statement).unwrap_or_else(|| panic!("of another kind: {statement:?}"))
}
