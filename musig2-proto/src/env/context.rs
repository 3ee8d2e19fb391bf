//! What every step can use: the call that it runs in, and what the node knows besides its sessions.

use crate::api::event::Event;
use crate::api::offence::Offence;
use crate::api::output::Output;
use crate::base::bytes::PublicKey;
use crate::base::codec::{encode_message, encoded_size};
use crate::base::ids::{Contact, SessionId, Source};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::crypto::Crypto;
use crate::env::buckets::{Buckets, Limit, Taken};
use crate::env::contacts::ContactBook;
use crate::env::sources::{Sources, Work};
use crate::rules::agreement::join_deadline;
use crate::wire::announcement::{Announcement, Publication};
use crate::wire::hello::Hello;
use core::time::Duration;
use rand_core::CryptoRng;

/// Sending this many bytes is charged like one signature check.
pub(crate) const BYTES_PER_CHECK: usize = 16 << 10;

/// How often the announcement of a known session may be passed on: twice a second, and eight times
/// at once. Signers repeat it once a second at most.
const REPEATS: Limit = Limit { rate: 2, burst: 8 };

/// How often each key may say hello for sessions whose end this node has not heard of: once a
/// second.
const HELLOS: Limit = Limit { rate: 1, burst: 1 };

/// One call to a node: the caller's time and randomness, and the outputs produced in it.
pub(crate) struct Call<'a, R> {
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a mut R,
    pub(crate) out: Vec<Output>,
}

/// What a node knows besides its keys and sessions.
#[derive(Clone, Hash)]
pub(crate) struct Environment {
    pub(crate) config: Config,
    /// Where this node can be reached.
    pub(crate) contact: Contact,
    /// Since when this node remembers: the time of its first call.
    pub(crate) since: Option<Timestamp>,
    pub(crate) contacts: ContactBook,
    /// The signature checks that each source may still ask for.
    pub(crate) sources: Sources,
    /// How many more sessions of each author this node may tell its application about.
    pub(crate) authors: Buckets<PublicKey>,
    /// What each signer's hellos may still cost this node, in signature checks. The signer is
    /// charged, not the source, because a hello can come from anywhere.
    pub(crate) greeted: Buckets<PublicKey>,
    /// The hellos that this node's keys may still say for sessions whose end they have not heard
    /// of.
    pub(crate) hellos: Buckets<PublicKey>,
    /// How often the announcement of each open session may be passed on again. Anyone can repeat an
    /// announcement.
    pub(crate) repeats: Buckets<SessionId>,
    /// The same for sessions that have ended. They have their own buckets because strangers can
    /// make many such sessions.
    pub(crate) echoes: Buckets<SessionId>,
}

/// A call, with what the step of one session may use besides that session.
pub(crate) struct Context<'a, R> {
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a mut R,
    pub(crate) out: &'a mut Vec<Output>,
    pub(crate) env: &'a mut Environment,
}

impl Environment {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            sources: Sources::new(Limit::of_source(&config)),
            authors: Buckets::new(Limit {
                rate: config.discoveries_per_author,
                burst: config.discoveries_per_author.saturating_mul(10),
            }),
            greeted: Buckets::new(Limit::of_source(&config)),
            hellos: Buckets::new(HELLOS),
            repeats: Buckets::new(REPEATS),
            echoes: Buckets::new(REPEATS),
            config,
            contact: Contact::default(),
            since: None,
            contacts: ContactBook::default(),
        }
    }

    /// Adjusts to a caller's clock that was set back.
    pub(crate) fn set_back(&mut self, by: Duration) {
        let Self { contacts, sources, authors, greeted, hellos, repeats, echoes, .. } = self;
        contacts.set_back(by);
        sources.set_back(by);
        authors.set_back(by);
        greeted.set_back(by);
        hellos.set_back(by);
        repeats.set_back(by);
        echoes.set_back(by);
    }
}

impl<'a, R: CryptoRng> Call<'a, R> {
    pub(crate) fn new(now: Timestamp, rng: &'a mut R) -> Self {
        Self { now, rng, out: Vec::new() }
    }

    /// Charges a source for a publication. A refusal is never the source's offence, because it is
    /// only the last hop: hence [`Offence::Busy`].
    pub(crate) fn charge_publication(
        &self,
        env: &mut Environment,
        source: &Source,
        work: Work,
        checks: usize,
    ) -> Result<(), Offence> {
        match env.sources.take(self.now, source, work, checks) {
            Taken::Yes => Ok(()),
            Taken::TooMany | Taken::Crowded => Err(Offence::Busy),
        }
    }

    /// Returns the call as the step of one session sees it.
    pub(crate) fn within<'b>(&'b mut self, env: &'b mut Environment) -> Context<'b, R> {
        Context { now: self.now, rng: self.rng, out: &mut self.out, env }
    }
}

impl<R> Context<'_, R> {
    /// Returns since when this node remembers.
    pub(crate) fn since(&self) -> Timestamp {
        self.env.since.unwrap_or(self.now)
    }

    /// Charges a source for one signature check.
    pub(crate) fn charge(&mut self, source: &Source) -> Result<(), Offence> {
        self.charge_for(source, 1)
    }

    /// Charges a source for work that takes as long as this many signature checks. If others have
    /// drained a bucket that the source shares with them, that is not the source's fault.
    pub(crate) fn charge_for(&mut self, source: &Source, checks: usize) -> Result<(), Offence> {
        match self.env.sources.take(self.now, source, Work::Frames, checks) {
            Taken::Yes => Ok(()),
            Taken::TooMany => Err(Offence::TooMany),
            Taken::Crowded => Err(Offence::Busy),
        }
    }

    /// Charges a signer for what its hello makes this node do. Returns `false` if the signer has
    /// used up its share for now. It will say hello again.
    pub(crate) fn charge_greeting(&mut self, signer: &PublicKey, checks: usize) -> bool {
        self.env.greeted.allows(self.now, signer, checks)
    }
}

impl<R: CryptoRng> Context<'_, R> {
    pub(crate) fn emit(&mut self, event: Event) {
        self.out.push(Output::Event(event));
    }

    /// Publishes an announcement, unless it is private. Returns whether it did.
    pub(crate) fn publish(&mut self, announcement: &Announcement) -> bool {
        if announcement.content.private {
            return false;
        }
        let (fresh, announcement) = (self.random(), announcement.clone());
        self.out.push(Output::Publish(encode_message(&Publication::Announcement {
            fresh,
            announcement,
        })));
        true
    }

    /// Publishes an announcement for a signer that said hello without a contact, and so can only
    /// listen. The signer is charged for it. The node does not publish it more often than others
    /// would pass it on, nor after the time in which they accept it.
    pub(crate) fn publish_to(&mut self, signer: &PublicKey, announcement: &Announcement) {
        let manifest = &announcement.content.manifest;
        let in_time = self.now < join_deadline(manifest, &self.env.config);
        let price = 1 + encoded_size(announcement) / BYTES_PER_CHECK;
        if in_time
            && self.charge_greeting(signer, price)
            && self.env.repeats.allows(self.now, &manifest.id(), 1)
        {
            self.publish(announcement);
        }
    }

    /// Says hello because this node has not heard how a session created at this time ended. The
    /// hello's `since` is no earlier than that time, so the session is among those that this node
    /// may have forgotten.
    ///
    /// Says nothing within a second of the last such hello for another session: those who hear one
    /// hello tell of all sessions anyway.
    pub(crate) fn say_hello<C: Crypto>(&mut self, keypair: &C::Keypair, created_at: Timestamp) {
        if !self.env.hellos.allows(self.now, &C::public_key(keypair), 1) {
            return;
        }
        let (since, auxiliary) = (self.since().max(created_at), self.random());
        if let Some(hello) =
            Hello::sign::<C>(self.env.contact.clone(), self.now, since, keypair, &auxiliary)
        {
            let fresh = self.random();
            self.out.push(Output::Publish(encode_message(&Publication::Hello { fresh, hello })));
        }
    }

    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        random(self.rng)
    }
}

/// Returns a random pause of up to a quarter of `pause`, so that nodes that started together do not
/// keep sending at the same moments.
pub(crate) fn jitter<R: CryptoRng>(cx: &mut Context<'_, R>, pause: Duration) -> Duration {
    let quarter = u64::try_from(pause.as_millis() / 4).unwrap_or(u64::MAX);
    Duration::from_millis(cx.rng.next_u64() % quarter.saturating_add(1))
}

/// Draws bytes from the caller's generator.
pub(crate) fn random<const N: usize>(rng: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}
