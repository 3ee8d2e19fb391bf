//! A signer that lost its memory says hello; nodes that remember it answer with what it has
//! forgotten.

use super::Node;
use super::visits::VisitProgress;
use crate::api::offence::Offence;
use crate::api::output::Output;
use crate::api::view::ClockReading;
use crate::base::codec::encode_message;
use crate::base::ids::Source;
use crate::base::time::Timestamp;
use crate::crypto::Crypto;
use crate::env::context::{Call, random};
use crate::env::sources::Work;
use crate::wire::announcement::Publication;
use crate::wire::hello::{Hello, HelloContent};
use core::time::Duration;
use rand_core::CryptoRng;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How many sessions one signer is told of in one portion. The next portion follows a second later.
const PORTION: usize = 16;

/// How many ended sessions are looked at for one portion.
const LOOKED_AT: usize = 256;

/// When to say hello again, and until when: no session from before the restart can stay open for
/// longer than `max_session_duration`.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct Greeting {
    pub(super) at: Timestamp,
    pause: Duration,
    until: Timestamp,
}

impl Greeting {
    pub(super) fn set_back(self, by: Duration) -> Self {
        Self { at: self.at.saturating_sub(by), until: self.until.saturating_sub(by), ..self }
    }
}

impl<C: Crypto> Node<C> {
    /// Says hello now, and again with growing pauses.
    pub(super) fn start_hello(&mut self, now: Timestamp) {
        let until = now.saturating_add(self.env.config.max_session_duration);
        self.greeting = Some(Greeting { at: now, pause: FIRST_PAUSE, until });
    }

    pub(super) fn hello_if_due<R: CryptoRng>(&mut self, call: &mut Call<'_, R>) {
        let Some(greeting) = self.greeting.filter(|greeting| call.now >= greeting.at) else {
            return;
        };
        for keypair in &self.keys {
            let contact = self.env.contact.clone();
            let since = self.env.since.unwrap_or(call.now);
            let hello = Hello::sign::<C>(contact, call.now, since, keypair, &random(call.rng));
            if let Some(hello) = hello {
                let fresh = random(call.rng);
                call.out
                    .push(Output::Publish(encode_message(&Publication::Hello { fresh, hello })));
            }
        }
        let at = call.now.saturating_add(greeting.pause);
        let pause = greeting.pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.greeting = (at < greeting.until).then_some(Greeting { at, pause, ..greeting });
    }

    /// Takes a hello. If its signer has sessions here, tells it of them: their boards, their
    /// signatures, or how they ended.
    pub(super) fn take_hello<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        hello: &Hello,
    ) -> Result<(), Offence> {
        let skew = self.env.config.clock_skew;
        let time = hello.content.time;
        let apart = time.saturating_since(call.now).max(call.now.saturating_since(time));
        if apart > skew {
            return Err(Offence::Stale(apart));
        }
        let signer = &hello.content.signer;
        // Anyone can repeat a hello. So nobody is charged for a repeated one, and nobody relays it.
        if self.hellos.is_heard(signer, time) {
            return Err(Offence::Busy);
        }
        // Hellos for which this node has no session use a bucket of their own: strangers' hellos
        // must not use up what a co-signer's need.
        let known =
            self.sessions.of(signer, None).chain(self.ended.of(signer, None)).next().is_some();
        call.charge_publication(&mut self.env, from, Work::Hellos { known }, 1)?;
        if !hello.verify::<C>() {
            return Err(Offence::BadSignature);
        }
        self.hellos.hear(*signer, time, call.now.saturating_sub(skew));
        let clock = ClockReading { said: time, arrived: call.now };
        self.env.contacts.hear(signer, Some(&hello.content.contact), clock);
        if known && self.keys.iter().all(|own| C::public_key(own) != *signer) {
            self.visits.welcome(call.now, &hello.content);
            self.tell_signers(call);
        }
        Ok(())
    }

    /// Tells each signer that said hello the next portion of what it may have forgotten.
    pub(super) fn tell_signers<R: CryptoRng>(&mut self, call: &mut Call<'_, R>) {
        for (hello, progress) in self.visits.due(call.now) {
            let rest = self.tell(call, &hello, progress);
            self.visits.told(call.now, &hello.signer, rest);
        }
    }

    /// Tells one signer the next portion: open sessions first, then ended ones that it may have
    /// forgotten. Returns what is left. What exceeds the signer's allowance waits for the next
    /// portion.
    fn tell<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        hello: &HelloContent,
        progress: VisitProgress,
    ) -> VisitProgress {
        let mut portion = PORTION;
        let VisitProgress { open, mut ended } = progress;
        if let Some(mut after) = open {
            for id in self.sessions.of(&hello.signer, after).take(PORTION).collect::<Vec<_>>() {
                if self.with_session(call, &id, |session, cx| session.greet(cx, hello))
                    == Some(false)
                {
                    return VisitProgress { open: Some(after), ended };
                }
                after = Some(id);
                portion -= 1;
            }
            if portion == 0 {
                return VisitProgress { open: Some(after), ended };
            }
        }
        let skew = self.env.config.clock_skew;
        if let Some(mut after) = ended {
            let seen = self.ended.of(&hello.signer, after).take(LOOKED_AT).collect::<Vec<_>>();
            let all_seen = seen.len() < LOOKED_AT;
            for id in seen {
                let Some(tombstone) = self.ended.get_mut(&id) else { continue };
                // Even if the signer remembers this session, it may have signatures that this node
                // asks for.
                tombstone.relocate(hello);
                if hello.may_have_forgotten(tombstone.view().manifest.created_at(), skew) {
                    if portion == 0 || !tombstone.greet(&mut call.within(&mut self.env), hello) {
                        return VisitProgress { open: None, ended: Some(after) };
                    }
                    portion -= 1;
                }
                after = Some(id);
            }
            ended = (!all_seen).then_some(after);
        }
        VisitProgress { open: None, ended }
    }
}
