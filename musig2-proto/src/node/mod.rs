//! The node: one value that owns the keys and runs all sessions.
//!
//! | file | what it does |
//! | --- | --- |
//! | `mod.rs` | the public interface |
//! | `execute.rs` | the application's commands |
//! | `admission.rs` | which approved sessions are joined now, and which wait |
//! | `decline.rs` | declining a session, and telling its coordinator |
//! | `refused.rs` | sessions that this node's clock or configuration rules out |
//! | `undecided.rs` | places for sessions that wait for the application |
//! | `handle.rs` | what comes from outside: frames, announcements, time |
//! | `hello.rs` | how a signer without memory is found |
//! | `visits.rs` | which signers are told what they may have forgotten, and how far that got |
//! | `sessions.rs`, `index.rs` | open sessions, by id, signer, source and deadline |
//! | `memory/` | what is kept of sessions that are not open |

mod admission;
mod decline;
mod execute;
mod handle;
mod hello;
mod index;
mod memory;
mod refused;
mod sessions;
mod undecided;
mod visits;

use crate::api::abort::AbortCause;
use crate::api::command::{Command, CommandError, KeyError, Proposal};
use crate::api::input::Input;
use crate::api::output::Output;
use crate::api::view::{SessionView, SignerView};
use crate::base::bytes::PublicKey;
use crate::base::codec::encode_message;
use crate::base::ids::{Contact, SessionId, SignerIndex};
use crate::base::secret::SecretKey;
use crate::base::time::Timestamp;
use crate::config::{Config, ConfigError};
use crate::crypto::{Crypto, DefaultCrypto};
use crate::env::context::{Call, Context, Environment};
use crate::node::memory::declined::Declined;
use crate::node::memory::ended::Ended;
use crate::node::memory::hellos::Hellos;
use crate::node::memory::joined::Joined;
use crate::node::memory::own_declines::OwnDeclines;
use crate::node::memory::stash::Stash;
use crate::node::memory::tombstone::Tombstone;
use crate::rules::agreement::ManifestError;
use crate::session::{Outcome, Session};
use crate::terms::manifest::Manifest;
use admission::{Admission, Claim};
use core::hash::{Hash, Hasher};
use core::time::Duration;
use hello::Greeting;
use rand_core::CryptoRng;
use refused::Refused;
use sessions::Sessions;
use std::sync::Arc;
use visits::Visits;

/// A signer's node. It owns the keys and all sessions; everything that happens to it is a call.
///
/// | call | what it is for | what it gives |
/// | --- | --- | --- |
/// | [`execute`](Node::execute) | a command of the application | outputs, or an error and no change |
/// | [`create_session`](Node::create_session) | a new session | its id, and outputs |
/// | [`handle`](Node::handle) | a frame, an announcement, a peer, time | outputs; a report for bad input |
/// | [`next_deadline`](Node::next_deadline) | when [`Input::Tick`] is due | a time |
/// | [`session`](Node::session), [`sessions`](Node::sessions) | the state of sessions | views |
/// | [`signer`](Node::signer), [`signers`](Node::signers) | what is known of signers | views |
///
/// Outputs are in order, and a call returns all of them: there is nothing to poll for. The caller
/// supplies time and randomness with every call. The randomness must come from the operating
/// system's generator (`getrandom` 0.4 with its feature `sys_rng`, as below), or from one seeded
/// from it. Two calls must never see the same random bytes, so neither a node nor the process or
/// machine that it runs in may be copied. That is why `Node` is not `Clone`. (The exception is an
/// engine whose secret nonces are `Clone`. Only the simulator has one, to explore where a state may
/// lead.)
///
/// ```
/// use musig2_proto::{Audience, Command, Config, Event, Message, Node, Output, Proposal, SecretKey, Timestamp};
///
/// // Panics if the system has no randomness: then there is no safe way to go on.
/// let mut rng = musig2_proto::rand_core::UnwrapErr(getrandom::SysRng);
/// let mut alice = Node::new(Config::default())?;
/// let key = alice.add_key(&SecretKey::new([7; 32]))?;
/// let bob = SecretKey::new([8; 32]).public_key()?; // Bob sends it to Alice
/// let now = Timestamp::from_millis(1_800_000_000_000);
/// let proposal = Proposal::new([key, bob]).with_message(Message::new([9; 32]));
/// let (session, outputs) = alice.create_session(now, &mut rng, proposal)?;
/// assert_eq!(outputs, [Output::Event(Event::SessionCreated { session })]);
/// let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
/// for output in alice.execute(now, &mut rng, announce)? {
///     match output {
///         Output::Publish(bytes) => { /* to everybody: their `Input::Announcement` */ }
///         Output::Send { to, bytes } => { /* to one: its `Input::Frame` */ }
///         Output::Event(event) => println!("{event:?}"),
///         Output::Report(report) => { /* score, slow down or disconnect `report.source` */ }
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Node<C: Crypto = DefaultCrypto> {
    keys: Vec<Arc<C::Keypair>>,
    env: Environment,
    sessions: Sessions<C>,
    admission: Admission,
    ended: Ended,
    joined: Joined,
    declined: Declined,
    own_declines: OwnDeclines,
    stash: Stash,
    hellos: Hellos,
    greeting: Option<Greeting>,
    visits: Visits,
    refused: Refused,
    /// When ended sessions were last cleaned up.
    cleaned_at: Option<Timestamp>,
    /// The time of the last call.
    now: Timestamp,
}

/// The longest pause that a caller may leave between two calls. A longer one means that the clock
/// was set ahead or the machine slept.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// This node's index in a manifest, and the key that signs there.
struct Place<C: Crypto> {
    me: SignerIndex,
    keypair: Arc<C::Keypair>,
}

/// Only for engines whose secret nonces can be cloned, which only the simulator's can.
impl<C: Crypto> Clone for Node<C>
where
    C::SecretNonce: Clone,
{
    fn clone(&self) -> Self {
        Self {
            keys: self.keys.clone(),
            env: self.env.clone(),
            sessions: self.sessions.clone(),
            admission: self.admission.clone(),
            ended: self.ended.clone(),
            joined: self.joined.clone(),
            declined: self.declined.clone(),
            own_declines: self.own_declines.clone(),
            stash: self.stash.clone(),
            hellos: self.hellos.clone(),
            greeting: self.greeting,
            visits: self.visits.clone(),
            refused: self.refused.clone(),
            cleaned_at: self.cleaned_at,
            now: self.now,
        }
    }
}

/// Hashes everything that distinguishes two states. Only for engines whose secret nonces can be
/// hashed, which only the simulator's can.
impl<C: Crypto> Hash for Node<C>
where
    C::SecretNonce: Hash,
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { keys, env, sessions, admission, ended, joined, declined, .. } = self;
        keys.iter().for_each(|keypair| C::public_key(keypair).hash(state));
        (env, sessions, admission, ended, joined, declined).hash(state);
        let Self {
            own_declines, refused, stash, hellos, greeting, visits, cleaned_at, now, ..
        } = self;
        (own_declines, refused, stash, hellos, greeting, visits, cleaned_at, now).hash(state);
    }
}

impl Node {
    /// Creates a node without keys, on the default engine.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::with_engine(config)
    }
}

impl<C: Crypto> Node<C> {
    /// Creates a node without keys, on an engine of the caller's choice:
    /// `Node::<K256>::with_engine(config)`.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn with_engine(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            keys: Vec::new(),
            env: Environment::new(config),
            sessions: Sessions::default(),
            admission: Admission::default(),
            ended: Ended::default(),
            joined: Joined::default(),
            declined: Declined::default(),
            own_declines: OwnDeclines::default(),
            stash: Stash::default(),
            hellos: Hellos::default(),
            greeting: None,
            visits: Visits::default(),
            refused: Refused::default(),
            cleaned_at: None,
            now: Timestamp::default(),
        })
    }

    /// Lets the node sign with this key. A node may have several keys, but signs any one session
    /// with only one of them.
    ///
    /// # Errors
    /// If the key is invalid, or the node has it already.
    pub fn add_key(&mut self, key: &SecretKey) -> Result<PublicKey, KeyError> {
        let keypair = C::keypair(key)?;
        let public = C::public_key(&keypair);
        if self.keys.iter().any(|known| C::public_key(known) == public) {
            return Err(KeyError::Duplicate);
        }
        self.keys.push(Arc::new(keypair));
        Ok(public)
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// A misuse is a typed error and changes nothing.
    pub fn execute(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        command: Command,
    ) -> Result<Vec<Output>, CommandError> {
        self.notice_time(now);
        let mut call = Call::new(now, rng);
        self.order(&mut call, command)?;
        self.tick(&mut call);
        Ok(call.out)
    }

    /// Creates a session, and returns its id with the outputs. [`Command::CreateSession`] does the
    /// same.
    ///
    /// # Errors
    /// A proposal that cannot be signed is a typed error and changes nothing.
    pub fn create_session(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        proposal: Proposal,
    ) -> Result<(SessionId, Vec<Output>), CommandError> {
        self.notice_time(now);
        let mut call = Call::new(now, rng);
        let session = self.create(&mut call, proposal)?;
        self.tick(&mut call);
        Ok((session, call.out))
    }

    /// Takes an input from outside. It never fails and never panics: a bad input becomes a report.
    pub fn handle(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        input: Input,
    ) -> Vec<Output> {
        self.notice_time(now);
        let mut call = Call::new(now, rng);
        self.take(&mut call, input);
        self.tick(&mut call);
        call.out
    }

    /// Returns when to call [`Node::handle`] with [`Input::Tick`] at the latest. Asking changes
    /// nothing.
    ///
    /// Never sleep for more than a few seconds before you call it again. If the clock is set back
    /// while you sleep, the deadline comes too late. The node can keep its pauses as long as they
    /// were, but only once a call tells it the time.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let hello = self.greeting.map(|greeting| greeting.at);
        let (sessions, visits) = (self.sessions.next_deadline(), self.visits.next_deadline());
        let (asking, cleanup) = (self.ended.next_to_ask(), self.next_cleanup());
        [sessions, visits, asking, cleanup, hello, self.stash.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns a session's current state.
    pub fn session(&self, id: &SessionId) -> Option<SessionView> {
        let live = self.sessions.get(id).map(|session| session.view(&self.env.config));
        live.or_else(|| self.ended.get(id).map(|tombstone| tombstone.view().clone()))
    }

    /// Returns all sessions known here, ended ones included until they are forgotten.
    pub fn sessions(&self) -> impl Iterator<Item = SessionView> {
        let live = self.sessions.values().map(|session| session.view(&self.env.config));
        live.chain(self.ended.iter().map(|tombstone| tombstone.view().clone()))
    }

    /// Returns the announcement of a session, for [`Command::ResumeSession`] after a restart.
    ///
    /// A proposer that wants to survive its own crash stores the announcement before it carries out
    /// the outputs of [`Command::AnnounceSession`]: until another signer has heard of the session,
    /// nobody else can remember it.
    pub fn announcement(&self, id: &SessionId) -> Option<Vec<u8>> {
        let live = self.sessions.get(id).and_then(Session::announcement);
        let announcement = live.cloned().or_else(|| self.ended.get(id)?.announcement())?;
        Some(encode_message(&announcement))
    }

    /// Returns the contacts of a session's other signers, for a transport to keep connections to.
    /// It has only those that are known and that this node sends to without being asked, and none
    /// once the session has ended.
    pub fn co_signers(&self, id: &SessionId) -> impl Iterator<Item = &Contact> {
        let Environment { config, contacts, .. } = &self.env;
        self.sessions.get(id).into_iter().flat_map(|session| session.co_signers(config, contacts))
    }

    /// Returns what this node knows of a signer; `None` for a stranger.
    pub fn signer(&self, signer: &PublicKey) -> Option<SignerView> {
        self.env.contacts.signer(signer)
    }

    /// Returns all signers that this node knows: those that the application named, and the last
    /// 1024 that it met in sessions.
    pub fn signers(&self) -> impl Iterator<Item = SignerView> {
        let contacts = &self.env.contacts;
        contacts.signers().filter_map(|signer| contacts.signer(signer))
    }

    /// Returns this node's configuration.
    pub fn config(&self) -> &Config {
        &self.env.config
    }

    /// Returns this node's public keys.
    pub fn public_keys(&self) -> impl Iterator<Item = PublicKey> {
        self.keys.iter().map(|keypair| C::public_key(keypair))
    }

    /// Compares the caller's time with that of the last call. If the clock was set back, moves all
    /// pauses back with it, so that they stay as long as they were. (Sessions still expire by the
    /// clock, whatever it says.)
    fn notice_time(&mut self, now: Timestamp) {
        let back = self.now.saturating_since(now);
        // No caller pauses that long: the clock was set ahead, or the machine slept. `since` moves
        // along. Too late a `since` is safe: others tell this node of more sessions than it forgot.
        // Too early a one claims to remember sessions that an earlier life may have joined.
        let ahead = now.saturating_since(self.now);
        let since = &mut self.env.since;
        *since = match *since {
            None => Some(now),
            Some(since) if ahead > LONGEST_SLEEP => Some(since.saturating_add(ahead)),
            Some(since) => Some(since.saturating_sub(back)),
        };
        self.now = now;
        if back.is_zero() {
            return;
        }
        self.sessions.set_back(back, &self.env.config);
        self.ended.set_back(back);
        self.visits.set_back(back);
        self.refused.set_back(back);
        self.own_declines.set_back(back);
        self.env.set_back(back);
        self.greeting = self.greeting.map(|greeting| greeting.set_back(back));
        self.cleaned_at = self.cleaned_at.map(|at| at.saturating_sub(back));
    }

    /// Finds which of this node's keys signs a manifest; `None` if none does.
    fn own_place(&self, manifest: &Manifest) -> Result<Option<Place<C>>, ManifestError> {
        let mut places = self.keys.iter().filter_map(|keypair| {
            let me = manifest.index_of(&C::public_key(keypair))?;
            Some(Place { me, keypair: keypair.clone() })
        });
        match (places.next(), places.next()) {
            (_, Some(_)) => Err(ManifestError::SeveralOwnKeys),
            (place, None) => Ok(place),
        }
    }

    /// Runs one step of a session, advances it, sends what follows, and buries it if it ended.
    fn with_session<R: CryptoRng, T>(
        &mut self,
        call: &mut Call<'_, R>,
        id: &SessionId,
        step: impl FnOnce(&mut Session<C>, &mut Context<'_, R>) -> T,
    ) -> Option<T> {
        self.with_session_then(call, id, step, |_, _, _| {})
    }

    /// The same, with `then` after the session was advanced and before anything else is sent.
    fn with_session_then<R: CryptoRng, T>(
        &mut self,
        call: &mut Call<'_, R>,
        id: &SessionId,
        step: impl FnOnce(&mut Session<C>, &mut Context<'_, R>) -> T,
        then: impl FnOnce(&mut Session<C>, &mut Context<'_, R>, &T),
    ) -> Option<T> {
        let session = self.sessions.get_mut(id)?;
        let mut cx = call.within(&mut self.env);
        let result = step(session, &mut cx);
        session.advance(&mut cx);
        then(session, &mut cx, &result);
        session.flush(&mut cx);
        self.conclude(call.now, id);
        Some(result)
    }

    /// Updates the indexes after a step of a session, and buries the session if it ended.
    fn conclude(&mut self, now: Timestamp, id: &SessionId) {
        let Some(session) = self.sessions.schedule(id, &self.env.config) else { return };
        let Some(outcome) = session.outcome() else { return };
        let Environment { config, contacts, .. } = &self.env;
        let expiry = session.agreement().manifest.expires_at();
        // Others tell this node what earlier lives of its keys joined, so these names need a bound.
        // For what this life joined, `check_room` has made sure of a place.
        let is_regained = matches!(outcome, Outcome::Complete(_))
            && session.was_joined()
            && self.joined.len() < config.max_joined_names;
        if session.is_joined() || is_regained {
            self.joined.add(*id, expiry.saturating_add(config.clock_skew.saturating_mul(2)));
        } else if !matches!(outcome, Outcome::Aborted(AbortCause::MadeRoom)) {
            // The application was told of the end and must not be told of the session again. A
            // session that made room leaves no name: it may be discovered again.
            self.declined.add(*id, expiry);
        }
        // The application may ask what became of a session that it approved, even if its turn never
        // came.
        if session.is_approved() || is_regained {
            self.ended.bury(*id, Tombstone::new(session, outcome, config, contacts, now));
        }
        if let Some(claim) = Claim::of(session) {
            self.admission.leave(&claim, config);
        }
        self.sessions.remove(id);
    }
}
