//! A signer with a real key and its own program: it can follow the protocol, and depart from it
//! anywhere.

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

/// A key, and one session to spoil with it. It makes any statement, under a valid signature.
pub struct RogueSigner<C: Crypto> {
    /// The session.
    pub session: SessionId,
    /// What any signer knows of it.
    pub view: SessionView,
    /// Its signer index.
    pub index: SignerIndex,
    /// The life in whose name it makes statements.
    pub boot: Boot,
    /// The attempt for which it makes statements.
    pub attempt: AttemptId,
    contact: Contact,
    keypair: C::Keypair,
    /// The secret nonces of each nonce statement that it made, by statement hash, until it signs
    /// with them.
    secrets: BTreeMap<[u8; 32], Vec<C::SecretNonce>>,
    drawn: u64,
}

/// An attempt with all its nonces, as seen by anyone who has these statements.
#[derive(Debug, Clone)]
pub struct Round {
    /// The hash of all nonce statements (32 bytes).
    pub nonce_root: [u8; 32],
    /// The aggregate nonce of each item.
    pub aggregates: Vec<AggregateNonce>,
    /// The transcript that follows from them.
    pub transcript: Transcript,
}

impl Round {
    /// Computes it from one nonce statement of each signer, in any order. `None` if the statements
    /// are not that, or the nonces cannot be added up.
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

    /// Computes it from what a signer puts its name to, true or not.
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

/// Returns the nonces in a statement, or an empty slice if it is of another kind.
pub fn nonces_of(statement: &Statement) -> &[PublicNonce] {
    match &statement.body {
        Body::Nonces(nonces) => nonces.source.nonces(),
        _ => &[],
    }
}

impl<C: Crypto> RogueSigner<C> {
    /// Makes a rogue signer for a session. If its key is not a signer's, it claims the first
    /// signer's index.
    ///
    /// # Errors
    /// If the secret key is not valid.
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

    /// Returns its public key.
    pub fn key(&self) -> PublicKey {
        C::public_key(&self.keypair)
    }

    /// Makes a statement in its own name.
    pub fn state(&mut self, body: Body) -> Statement {
        self.state_as(self.index, body)
    }

    /// Makes a statement in anyone's name, signed with its own key.
    pub fn state_as(&mut self, author: SignerIndex, body: Body) -> Statement {
        let session = self.session;
        self.state_in(session, author, body)
    }

    /// Makes a statement in any session and in anyone's name, signed with its own key. It never
    /// makes the same signature twice.
    ///
    /// # Panics
    /// If the engine cannot sign.
    pub fn state_in(&mut self, session: SessionId, author: SignerIndex, body: Body) -> Statement {
        let hash = protocol::statement_hash(&session, author, &body);
        let message = protocol::signed_message(protocol::STATEMENT, &hash);
        let auxiliary = self.draw();
        let signature =
            C::sign_statement(&self.keypair, &message, &auxiliary).expect("an engine that signs");
        Statement { author, body, signature }
    }

    /// Makes its join.
    pub fn join(&mut self) -> Statement {
        let (boot, contact) = (self.boot, self.contact.clone());
        self.state(Body::Join(Join { boot, contact }))
    }

    /// Makes its join with another contact.
    pub fn join_at(&mut self, contact: Contact) -> Statement {
        self.state(Body::Join(Join { boot: self.boot, contact }))
    }

    /// States honest nonces, new ones each time.
    ///
    /// # Panics
    /// If the engine makes none.
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

    /// States these bytes as nonces, whatever they are. Takes the first
    /// [`MAX_ITEMS`](musig2_proto::MAX_ITEMS) of them.
    pub fn nonces_with(&mut self, nonces: Vec<PublicNonce>) -> Statement {
        let source = NonceSource::Inline(bounded(nonces));
        self.state(Body::Nonces(Nonces { boot: self.boot, attempt: self.attempt, source }))
    }

    /// Returns the round that follows from these nonces of its own and everyone else's. `None` if
    /// some are missing.
    pub fn round(&self, own: &Statement, others: &[Statement]) -> Option<Round> {
        let nonces = others.iter().filter(|other| other.author != self.index).chain([own]);
        Round::new::<C>(&self.view, self.attempt, nonces.cloned().collect())
    }

    /// States honest partial signatures, once for each nonce statement made here. `None` if its
    /// nonces are used up.
    pub fn partials(&mut self, own: &Statement, round: &Round) -> Option<Statement> {
        let partials = self.sign(own, round)?;
        Some(self.partials_with(partials, round.transcript))
    }

    /// Runs BIP327 Sign on every item. `None` if the nonces were not made here, or are used up.
    pub fn sign(&mut self, own: &Statement, round: &Round) -> Option<Vec<PartialSignature>> {
        let messages: Vec<_> =
            self.view.manifest.items().iter().map(|item| *item.message()).collect();
        self.sign_messages(own, round, &messages)
    }

    /// Runs BIP327 Sign on other messages than the session's, one for each item. `None` in the same
    /// cases as [`RogueSigner::sign`].
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

    /// States these bytes as partial signatures, whatever they are. Takes the first
    /// [`MAX_ITEMS`](musig2_proto::MAX_ITEMS) of them.
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

    /// Returns a scalar for each item, none of them a valid partial signature.
    pub fn garbage(&self) -> Vec<PartialSignature> {
        vec![PartialSignature::new([7; 32]); self.view.manifest.items().len()]
    }

    /// Makes an abort that gives no reason.
    pub fn abort(&mut self) -> Statement {
        let reason = AbortReason::Requested(Note::new("no reason"));
        self.state(Body::Abort(Abort { boot: self.boot, reason, proof: None }))
    }

    /// Begins another life, in the attempt that follows from `lives`, and makes its join.
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

    /// Returns 32 bytes that were not drawn before.
    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let (key, drawn) = (self.key(), self.drawn.to_le_bytes());
        protocol::tagged("musig2-sim/rogue", &[key.as_bytes(), self.session.as_bytes(), &drawn])
    }
}

/// Keeps as many elements as there is room for.
fn bounded<T, const MAX: usize>(mut elements: Vec<T>) -> List<T, MAX> {
    elements.truncate(MAX);
    List::new(elements).unwrap_or_else(|_| List::empty())
}
