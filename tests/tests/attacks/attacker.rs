//! A signer with a real key and a program of its own: it can follow the protocol, and leaves it where a test says.

use crate::protocol;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::statement::{
    Abort, AbortReason, Body, Join, NonceSource, Nonces, Note, Partials, Statement,
};
use musig2_proto::{
    AggregateNonce, AttemptId, Boot, Contact, Crypto, Libsecp256k1, PartialSignature, PlainTweak, PublicKey,
    PublicNonce, SecretKey, SessionId, SessionView, SignerIndex, Transcript,
};
use std::collections::BTreeMap;

type Engine = Libsecp256k1;
type SecretNonce = <Engine as Crypto>::SecretNonce;

/// A key, and one session to spoil with it.
pub struct Attacker {
    pub session: SessionId,
    pub view: SessionView,
    pub index: SignerIndex,
    pub boot: Boot,
    pub attempt: AttemptId,
    contact: Contact,
    keypair: <Engine as Crypto>::Keypair,
    /// Of every nonce statement it made, until it signs with them.
    secrets: BTreeMap<[u8; 32], Vec<SecretNonce>>,
    drawn: u64,
}

/// An attempt with all its nonces, as whoever has these statements sees it.
#[derive(Debug, Clone)]
pub struct Round {
    pub nonce_root: [u8; 32],
    pub aggregates: Vec<AggregateNonce>,
    pub transcript: Transcript,
}

impl Round {
    /// From one nonce statement of each signer.
    pub fn new(view: &SessionView, attempt: AttemptId, mut nonces: Vec<Statement>) -> Self {
        nonces.sort_by_key(|nonces| nonces.author);
        assert_eq!(nonces.len(), view.manifest.signer_count(), "one statement of each signer");
        let aggregates = (0..view.manifest.items().len())
            .map(|item| {
                let of_item: Vec<_> = nonces.iter().map(|nonces| nonces_of(nonces)[item]).collect();
                Engine::aggregate_nonces(&of_item).unwrap()
            })
            .collect::<Vec<_>>();
        Self::of(view, attempt, protocol::nonce_root(&view.id, &nonces), aggregates)
    }

    /// From what a signer puts its name to, true or not.
    pub fn of(
        view: &SessionView,
        attempt: AttemptId,
        nonce_root: [u8; 32],
        aggregates: Vec<AggregateNonce>,
    ) -> Self {
        let transcript = protocol::transcript(&view.id, &attempt, &nonce_root, &aggregates);
        Self { nonce_root, aggregates, transcript }
    }
}

pub fn nonces_of(statement: &Statement) -> &[PublicNonce] {
    match &statement.body {
        Body::Nonces(nonces) => nonces.source.nonces(),
        other => panic!("not nonces: {other:?}"),
    }
}

impl Attacker {
    pub fn new(secret: &SecretKey, contact: Contact, view: SessionView) -> Self {
        let keypair = Engine::keypair(secret).unwrap();
        let key = Engine::public_key(&keypair);
        // A stranger has no place: it may claim one.
        let index = view.manifest.index_of(&key).unwrap_or(SignerIndex::new(0));
        Self {
            session: view.id,
            index,
            boot: Boot::new([0xaa; 16]),
            attempt: AttemptId::FIRST,
            contact,
            keypair,
            secrets: BTreeMap::new(),
            drawn: 0,
            view,
        }
    }

    pub fn key(&self) -> PublicKey {
        Engine::public_key(&self.keypair)
    }

    /// Its own statement.
    pub fn state(&mut self, body: Body) -> Statement {
        self.state_as(self.index, body)
    }

    /// A statement in anyone's name, under its own key.
    pub fn state_as(&mut self, author: SignerIndex, body: Body) -> Statement {
        let session = self.session;
        self.state_in(session, author, body)
    }

    /// A statement in any session, in anyone's name, under its own key. Never twice the same signature.
    pub fn state_in(&mut self, session: SessionId, author: SignerIndex, body: Body) -> Statement {
        let hash = protocol::statement_hash(&session, author, &body);
        let message = protocol::signed_message(protocol::STATEMENT, &hash);
        let auxiliary = self.draw();
        let signature = Engine::sign_statement(&self.keypair, &message, &auxiliary).unwrap();
        Statement { author, body, signature }
    }

    pub fn join(&mut self) -> Statement {
        let (boot, contact) = (self.boot, self.contact.clone());
        self.state(Body::Join(Join { boot, contact }))
    }

    pub fn join_at(&mut self, contact: &[u8]) -> Statement {
        let contact = Contact::new(contact.to_vec()).unwrap();
        self.state(Body::Join(Join { boot: self.boot, contact }))
    }

    /// Honest nonces, other ones each time.
    pub fn nonces(&mut self) -> Statement {
        let keys = self.item_keys();
        let items = self.view.manifest.items().to_vec();
        let (secrets, public): (Vec<_>, Vec<_>) = keys
            .iter()
            .zip(&items)
            .map(|(key, item)| {
                let randomness = self.draw();
                Engine::generate_nonce(&self.keypair, key, item.message(), randomness, [0; 32]).unwrap()
            })
            .unzip();
        let statement = self.nonces_with(public);
        self.secrets.insert(self.hash(&statement), secrets);
        statement
    }

    /// These bytes for nonces, whatever they are.
    pub fn nonces_with(&mut self, nonces: Vec<PublicNonce>) -> Statement {
        let source = NonceSource::Inline(List::new(nonces).unwrap());
        self.state(Body::Nonces(Nonces { boot: self.boot, attempt: self.attempt, source }))
    }

    /// What follows from these nonces of its own and those of everyone else.
    pub fn round(&self, own: &Statement, others: &[Statement]) -> Round {
        let nonces = others.iter().filter(|other| other.author != self.index).chain([own]);
        Round::new(&self.view, self.attempt, nonces.cloned().collect())
    }

    /// Honest partial signatures, once for each nonce statement.
    pub fn partials(&mut self, own: &Statement, round: &Round) -> Statement {
        let partials = self.sign(own, round);
        self.partials_with(partials, round.transcript)
    }

    /// BIP327 Sign of every item.
    pub fn sign(&mut self, own: &Statement, round: &Round) -> Vec<PartialSignature> {
        let secrets = self.secrets.remove(&self.hash(own)).expect("nonces made here, and not used");
        let messages = self.view.manifest.items().iter().map(|item| *item.message()).collect::<Vec<_>>();
        let keys = self.item_keys();
        let signing = keys.iter().zip(&round.aggregates).zip(&messages).zip(secrets);
        signing
            .map(|(((key, aggregate), message), secret)| {
                let round = Engine::round(key, aggregate, message).unwrap();
                Engine::sign(&round, secret, &self.keypair).unwrap()
            })
            .collect()
    }

    /// These bytes for partial signatures, whatever they are.
    pub fn partials_with(&mut self, partials: Vec<PartialSignature>, transcript: Transcript) -> Statement {
        let partials = List::new(partials).unwrap();
        let (boot, attempt) = (self.boot, self.attempt);
        self.state(Body::Partials(Partials { boot, attempt, transcript, partials }))
    }

    /// One for each item, each a scalar and none a signature.
    pub fn garbage(&self) -> Vec<PartialSignature> {
        vec![PartialSignature::new([7; 32]); self.view.manifest.items().len()]
    }

    pub fn abort(&mut self) -> Statement {
        let reason = AbortReason::Requested(Note::new("no reason"));
        self.state(Body::Abort(Abort { boot: self.boot, reason, proof: None }))
    }

    /// Begins another life, and says in which attempt that puts everyone.
    pub fn restart(&mut self, life: u8, lives: &[(SignerIndex, Vec<Boot>)]) -> Statement {
        self.boot = Boot::new([life; 16]);
        self.attempt = protocol::attempt(&self.session, lives);
        self.join()
    }

    fn hash(&self, statement: &Statement) -> [u8; 32] {
        protocol::statement_hash(&self.session, statement.author, &statement.body)
    }

    fn item_keys(&self) -> Vec<<Engine as Crypto>::KeyAggregate> {
        let aggregate = Engine::aggregate_keys(self.view.manifest.signers()).unwrap();
        let tweaked = |tweaks: &[PlainTweak]| {
            tweaks.iter().fold(aggregate, |key, tweak| Engine::tweak(&key, tweak).unwrap())
        };
        self.view.output_keys.iter().map(|output| tweaked(&output.tweaks)).collect()
    }

    /// 32 bytes that were not drawn before.
    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        protocol::tagged("attacker", &[self.key().as_bytes(), &self.drawn.to_le_bytes()])
    }
}

/// The point at infinity of secp256k1 in both halves, as an aggregate nonce has it.
pub const INFINITY: [u8; 66] = [0; 66];
