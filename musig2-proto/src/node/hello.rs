//! A signer that lost its memory says hello; who remembers it answers with what it has forgotten.

use super::Node;
use crate::context::{Call, random};
use crate::crypto::Crypto;
use crate::event::{Offence, Output};
use crate::ids::Source;
use crate::manifest::Manifest;
use crate::time::Timestamp;
use crate::wire::announcement::Publication;
use crate::wire::encode_message;
use crate::wire::hello::Hello;
use core::time::Duration;
use rand_core::CryptoRng;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// When to say hello again, and until when: a session from before cannot be open longer than `max_session_duration`.
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
        let until = now.saturating_add(self.surroundings.config.max_session_duration);
        self.greeting = Some(Greeting { at: now, pause: FIRST_PAUSE, until });
    }

    pub(super) fn hello_if_due<R: CryptoRng>(&mut self, call: &mut Call<'_, R>) {
        let Some(greeting) = self.greeting.filter(|greeting| call.now >= greeting.at) else { return };
        for keypair in &self.keys {
            let contact = self.surroundings.contact.clone();
            let hello = Hello::sign::<C>(contact, call.now, keypair, &random(call.rng));
            if let Some(hello) = hello {
                let fresh = random(call.rng);
                call.out.push(Output::Publish(encode_message(&Publication::Hello { fresh, hello })));
            }
        }
        let at = call.now.saturating_add(greeting.pause);
        let pause = greeting.pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.greeting = (at < greeting.until).then_some(Greeting { at, pause, ..greeting });
    }

    /// Answers a signer of sessions that are known here: with board, or signatures, or how it ended.
    pub(super) fn take_hello<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        hello: &Hello,
    ) -> Result<(), Offence> {
        let skew = self.surroundings.config.clock_skew;
        let time = hello.content.time;
        let apart = time.saturating_since(call.now).max(call.now.saturating_since(time));
        if apart > skew {
            return Err(Offence::Stale(apart));
        }
        let signer = &hello.content.signer;
        let is_in = |manifest: &Manifest| manifest.index_of(signer).is_some();
        let open = self.sessions.iter().filter(|(_, session)| is_in(&session.agreement().manifest));
        let open: Vec<_> = open.map(|(id, _)| *id).collect();
        let is_known = !open.is_empty() || self.ended.of(signer).next().is_some();
        call.charge_publication(&mut self.surroundings, from, is_known, 1)?;
        if !hello.verify::<C>() {
            return Err(Offence::BadSignature);
        }
        if self.keys.iter().any(|own| C::public_key(own) == *signer) {
            return Ok(());
        }
        for id in open {
            self.with_session(call, &id, |session, cx| session.greet(cx, &hello.content));
        }
        for id in self.ended.of(signer).collect::<Vec<_>>() {
            if let Some(tombstone) = self.ended.get_mut(&id) {
                tombstone.greet(&mut call.within(&mut self.surroundings), &hello.content);
            }
        }
        Ok(())
    }
}
