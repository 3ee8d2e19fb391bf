//! A signer with a real key and a program of its own: it can follow the protocol, and leaves it where it likes.

use crate::protocol;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::statement::{
    Abort, AbortReason, Body, Join, NonceSource, Nonces, Note, Partials, Statement,
};
use musig2_proto::{
    AggregateNonce, AttemptId, Boot, Contact, Crypto, InvalidSecretKey, Message, PartialSignature,
    PlainTweak, PublicKey, PublicNonce, SecretKey, SessionId, SessionView, SignerIndex, Transcript,
};
use std::collections::BTreeMap;

/// A key, and one session to spoil with it: it makes any statement, under a good signature.
pub struct RogueSigner<C: Crypto> {
    /// The session.
    pub session: SessionId,
    /// What any signer knows of it.
    pub view: SessionView,
    /// Its place among the signers.
    pub index: SignerIndex,
    /// Which of its lives states things.
    pub boot: Boot,
    /// For which attempt.
    pub attempt: AttemptId,
    contact: Contact,
    keypair: C::Keypair,
    /// Of every nonce statement it made, until it signs with them.
    secrets: BTreeMap<[u8; 32], Vec<C::SecretNonce>>,
    drawn: u64,
}

/// An attempt with all its nonces, as whoever has these statements sees it.
#[derive(Debug, Clone)]
pub struct Round {
    /// The hash of all nonce statements (32 bytes).
    pub nonce_root: [u8; 32],
    /// Of each item.
    pub aggregates: Vec<AggregateNonce>,
    /// What follows from them.
    pub transcript: Transcript,
}

impl Round {
    /// From one nonce statement of each signer, in any order. `None` where they are not that, or cannot be added up.
    pub fn new<C: Crypto>(
        view: &SessionView,
        attempt: AttemptId,
        mut nonces: Vec<Statement>,
    ) -> Option<Self> {
        nonces.sort_by_key(|nonces| nonces.author);
        nonces.iter().map(|nonces| nonces.author).eq(view.manifest.indices()).then_some(())?;
        let aggregate = |item| {
            let of_item = nonces.iter().map(|nonces| nonces_of(nonces).get(item).copied());
            C::aggregate_nonces(&of_item.collect::<Option<Vec<_>>>()?)
        };
        let aggregates =
            (0..view.manifest.items().len()).map(aggregate).collect::<Option<Vec<_>>>()?;
        Some(Self::of(view, attempt, protocol::nonce_root(&view.id, &nonces), aggregates))
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

/// The nonces in a statement; none where it is of another kind.
pub fn nonces_of(statement: &Statement) -> &[PublicNonce] {
    match &statement.body {
        Body::Nonces(nonces) => nonces.source.nonces(),
        _ => &[],
    }
}

impl<C: Crypto> RogueSigner<C> {
    /// Whoever has no place among the signers claims the first.
    ///
    /// # Errors
    /// Where the secret key is none.
    pub fn new(
        secret: &SecretKey,
        contact: Contact,
        view: SessionView,
    ) -> Result<Self, InvalidSecretKey> {
        let keypair = C::keypair(secret)?;
        let key = C::public_key(&keypair);
        let index = view.manifest.index_of(&key).unwrap_or(SignerIndex::new(0));
        Ok(Self {
            session: view.id,
            index,
            boot: Boot::new([0xaa; 16]),
            attempt: AttemptId::FIRST,
            contact,
            keypair,
            secrets: BTreeMap::new(),
            drawn: 0,
            view,
        })
    }

    /// Its public key.
    pub fn key(&self) -> PublicKey {
        C::public_key(&self.keypair)
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
    ///
    /// # Panics
    /// Where the engine cannot sign.
    pub fn state_in(&mut self, session: SessionId, author: SignerIndex, body: Body) -> Statement {
        let hash = protocol::statement_hash(&session, author, &body);
        let message = protocol::signed_message(protocol::STATEMENT, &hash);
        let auxiliary = self.draw();
        let signature =
            C::sign_statement(&self.keypair, &message, &auxiliary).expect("an engine that signs");
        Statement { author, body, signature }
    }

    /// Its consent.
    pub fn join(&mut self) -> Statement {
        let (boot, contact) = (self.boot, self.contact.clone());
        self.state(Body::Join(Join { boot, contact }))
    }

    /// Its consent, with another contact.
    pub fn join_at(&mut self, contact: Contact) -> Statement {
        self.state(Body::Join(Join { boot: self.boot, contact }))
    }

    /// Honest nonces, other ones each time.
    ///
    /// # Panics
    /// Where the engine makes none.
    pub fn nonces(&mut self) -> Statement {
        let items = self.view.manifest.items().to_vec();
        let session = *self.session.as_bytes();
        let keys = self.item_keys().expect("the keys of a session that a node knows");
        let made = keys.iter().zip(&items).map(|(key, item)| {
            let randomness = self.draw();
            let made = C::generate_nonce(&self.keypair, key, item.message(), randomness, session);
            made.expect("an engine that makes nonces")
        });
        let (secrets, nonces) = made.collect::<(Vec<_>, Vec<_>)>();
        let statement = self.nonces_with(nonces);
        self.secrets.insert(self.hash(&statement), secrets);
        statement
    }

    /// These bytes for nonces, whatever they are; the first [`MAX_ITEMS`](musig2_proto::MAX_ITEMS) of them.
    pub fn nonces_with(&mut self, nonces: Vec<PublicNonce>) -> Statement {
        let source = NonceSource::Inline(bounded(nonces));
        self.state(Body::Nonces(Nonces { boot: self.boot, attempt: self.attempt, source }))
    }

    /// What follows from these nonces of its own and those of everyone else. `None` where some are missing.
    pub fn round(&self, own: &Statement, others: &[Statement]) -> Option<Round> {
        let nonces = others.iter().filter(|other| other.author != self.index).chain([own]);
        Round::new::<C>(&self.view, self.attempt, nonces.cloned().collect())
    }

    /// Honest partial signatures, once for each nonce statement made here. `None` where they are used up.
    pub fn partials(&mut self, own: &Statement, round: &Round) -> Option<Statement> {
        let partials = self.sign(own, round)?;
        Some(self.partials_with(partials, round.transcript))
    }

    /// BIP327 Sign of every item. `None` where the nonces were not made here, or are used up.
    pub fn sign(&mut self, own: &Statement, round: &Round) -> Option<Vec<PartialSignature>> {
        let messages: Vec<_> =
            self.view.manifest.items().iter().map(|item| *item.message()).collect();
        self.sign_messages(own, round, &messages)
    }

    /// BIP327 Sign of other messages than the session's, one for each item. `None` as in [`RogueSigner::sign`].
    pub fn sign_messages(
        &mut self,
        own: &Statement,
        round: &Round,
        messages: &[Message],
    ) -> Option<Vec<PartialSignature>> {
        let keys = self.item_keys()?;
        let secrets = self.secrets.remove(&self.hash(own))?;
        let signing = keys.iter().zip(&round.aggregates).zip(messages).zip(secrets);
        signing
            .map(|(((key, aggregate), message), secret)| {
                C::sign(&C::round(key, aggregate, message)?, secret, &self.keypair)
            })
            .collect()
    }

    /// These bytes for partial signatures, whatever they are; the first [`MAX_ITEMS`](musig2_proto::MAX_ITEMS) of them.
    pub fn partials_with(
        &mut self,
        partials: Vec<PartialSignature>,
        transcript: Transcript,
    ) -> Statement {
        let (boot, attempt) = (self.boot, self.attempt);
        self.state(Body::Partials(Partials {
            boot,
            attempt,
            transcript,
            partials: bounded(partials),
        }))
    }

    /// One for each item, each a scalar and none a signature.
    pub fn garbage(&self) -> Vec<PartialSignature> {
        vec![PartialSignature::new([7; 32]); self.view.manifest.items().len()]
    }

    /// The end of its part, for no reason.
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

    fn item_keys(&self) -> Option<Vec<C::KeyAggregate>> {
        let aggregate = C::aggregate_keys(self.view.manifest.signers()).ok()?;
        let tweaked = |tweaks: &[PlainTweak]| {
            tweaks.iter().try_fold(aggregate.clone(), |key, tweak| C::tweak(&key, tweak).ok())
        };
        self.view.output_keys.iter().map(|output| tweaked(&output.tweaks)).collect()
    }

    /// 32 bytes that were not drawn before.
    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let (key, drawn) = (self.key(), self.drawn.to_le_bytes());
        protocol::tagged("musig2-sim/rogue", &[key.as_bytes(), self.session.as_bytes(), &drawn])
    }
}

/// As many as there is room for.
fn bounded<T, const MAX: usize>(mut elements: Vec<T>) -> List<T, MAX> {
    elements.truncate(MAX);
    List::new(elements).unwrap_or_else(|_| List::empty())
}
