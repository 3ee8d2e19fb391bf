//! A signer that holds a real key and states what it is told to state.

use super::moves::{Attempt, Numbers, What};
use super::pen::{Pen, gather, list, restarted};
use super::seat::Seat;
use crate::engine::Engine;
use crate::protocol::{attempt, statement_hash};
use musig2_proto::wire::announcement::Announcement;
use musig2_proto::wire::decode_message;
use musig2_proto::wire::proof::{Proof, Signed};
use musig2_proto::wire::statement::{
    Abort, AbortReason, Body, Join, NonceSource, Nonces, Note, Partials, Statement,
};
use musig2_proto::{
    AttemptId, Audience, Boot, Command, Config, Contact, Event, Output, PartialSignature, Proposal,
    PublicNonce, SessionView, SignerIndex, Source, Timestamp, Transcript,
};
use std::collections::BTreeMap;

/// A key, a node to make announcements with, and the secret nonces that are still unused.
pub(super) struct Deceiver<C: Engine> {
    seat: Seat<C>,
    pen: Pen<C>,
    /// By the hash of the statement that has their public nonces.
    secrets: BTreeMap<[u8; 32], Vec<C::SecretNonce>>,
}

impl<C: Engine> Deceiver<C> {
    pub(super) fn new(number: u8) -> Self {
        let seat = Seat::new(number, Config::default());
        Self { seat, pen: Pen::new(number), secrets: BTreeMap::new() }
    }

    pub(super) fn source(&self) -> Source {
        self.seat.source()
    }

    /// Makes a session and its announcement.
    pub(super) fn propose(
        &mut self,
        now: Timestamp,
        proposal: Proposal,
    ) -> Option<(SessionView, Announcement)> {
        let outputs = self.seat.order(now, Command::CreateSession(proposal));
        let session = outputs.iter().find_map(|output| match output {
            Output::Event(Event::SessionCreated { session }) => Some(*session),
            _ => None,
        })?;
        self.seat.order(now, Command::AnnounceSession { session, audience: Audience::Everyone });
        let bytes = self.seat.node.announcement(&session)?;
        Some((self.seat.node.session(&session)?, decode_message(&bytes, bytes.len()).ok()?))
    }

    /// Makes a hello, ready to be published.
    pub(super) fn hello(&mut self, now: Timestamp) -> Vec<u8> {
        let outputs = self.seat.order(now, Command::SayHello).into_iter();
        let mut publications = outputs.filter_map(|output| match output {
            Output::Publish(bytes) => Some(bytes),
            _ => None,
        });
        publications.next().unwrap_or_default()
    }

    /// Signs a statement.
    pub(super) fn state(
        &mut self,
        view: &SessionView,
        pool: &[Statement],
        what: &What,
    ) -> Statement {
        let me = view.manifest.index_of(&self.seat.key).unwrap_or(SignerIndex::new(0));
        match what {
            What::Join { life, reachable } => {
                let contact = if *reachable { self.seat.contact() } else { Contact::default() };
                self.pen.state(&view.id, me, Body::Join(Join { boot: boot(*life, pool), contact }))
            }
            What::Nonces { life, attempt, kind } => {
                let (boot, attempt) = (boot(*life, pool), attempt_of(view, pool, *attempt));
                // Altered nonces keep the secrets of the valid ones. Partial signatures on them are
                // then invalid, which is one of the faults that the honest node must prove.
                let (secrets, nonces) = self.nonces(view, pool, kind);
                let source = NonceSource::Inline(list(nonces));
                let body = Body::Nonces(Nonces { boot, attempt, source });
                self.secrets.insert(statement_hash(&view.id, me, &body), secrets);
                self.pen.state(&view.id, me, body)
            }
            What::Partials { life, attempt, kind, rogue } => {
                let (boot, attempt) = (boot(*life, pool), attempt_of(view, pool, *attempt));
                let (own, partials) = self.partials(view, pool, kind, (me, boot, attempt));
                let transcript = own.filter(|_| !rogue).unwrap_or(Transcript::new([5; 32]));
                let partials = list(partials);
                self.pen.state(
                    &view.id,
                    me,
                    Body::Partials(Partials { boot, attempt, transcript, partials }),
                )
            }
            What::Abort { life, proof } => {
                let proof = proof.and_then(|[one, other]| accuse(pool, one, other)).map(Box::new);
                let reason = match &proof {
                    Some(_) => AbortReason::Convicted,
                    None => AbortReason::Requested(Note::new("no")),
                };
                let boot = boot(*life, pool);
                self.pen.state(&view.id, me, Body::Abort(Abort { boot, reason, proof }))
            }
        }
    }

    fn nonces(
        &mut self,
        view: &SessionView,
        pool: &[Statement],
        kind: &Numbers,
    ) -> (Vec<C::SecretNonce>, Vec<PublicNonce>) {
        let mut secrets = Vec::new();
        let mut nonces = Vec::new();
        for (item, key) in view.manifest.items().iter().zip(item_keys::<C>(view)) {
            let randomness = self.pen.draw();
            let nonce =
                C::generate_nonce(self.pen.keypair(), &key, item.message(), randomness, [0; 32]);
            let (secret, public) = nonce.unwrap_or_else(|| panic!("no nonce"));
            secrets.push(secret);
            nonces.push(public);
        }
        let copied = |place: u8| match &pool.get(usize::from(place) % pool.len().max(1))?.body {
            Body::Nonces(nonces) => Some(nonces.source.nonces().to_vec()),
            _ => None,
        };
        (secrets, alter(nonces, kind, PublicNonce::to_bytes, PublicNonce::new, copied))
    }

    /// Makes partial signatures on everyone's nonces of this life and attempt, if these are there
    /// and its own are still unused. Returns them with the transcript.
    fn partials(
        &mut self,
        view: &SessionView,
        pool: &[Statement],
        kind: &Numbers,
        (me, boot, attempt): (SignerIndex, Boot, AttemptId),
    ) -> (Option<Transcript>, Vec<PartialSignature>) {
        let gathered = gather::<C>(view, attempt, (me, boot), pool);
        let own = pool.iter().rev().find(|one| {
            let fits = one.author == me && one.boot() == Some(boot);
            fits && matches!(&one.body, Body::Nonces(nonces) if nonces.attempt == attempt)
        });
        let hash = own.map(|own| statement_hash(&view.id, me, &own.body));
        // A secret nonce cannot be cloned, so each is used at most once. Without one, the invalid
        // numbers below take the place of partial signatures.
        let secrets = hash.and_then(|hash| self.secrets.remove(&hash)).unwrap_or_default();
        let mut partials = Vec::new();
        if let Some(gathered) = &gathered {
            let items = view.manifest.items().iter().zip(item_keys::<C>(view));
            for (((item, key), aggregate), secret) in items.zip(&gathered.aggregates).zip(secrets) {
                let round = C::round(&key, aggregate, item.message());
                partials
                    .extend(round.and_then(|round| C::sign(&round, secret, self.pen.keypair())));
            }
        }
        partials.resize(view.manifest.items().len(), PartialSignature::new([7; 32]));
        let copied = |place: u8| match &pool.get(usize::from(place) % pool.len().max(1))?.body {
            Body::Partials(partials) => Some(partials.partials.to_vec()),
            _ => None,
        };
        let partials =
            alter(partials, kind, PartialSignature::to_bytes, PartialSignature::new, copied);
        (gathered.map(|gathered| gathered.transcript), partials)
    }
}

/// Returns valid numbers, changed as the fuzzer wants.
fn alter<T: Clone, const N: usize>(
    mut good: Vec<T>,
    kind: &Numbers,
    to_bytes: fn(T) -> [u8; N],
    new: fn([u8; N]) -> T,
    copied: impl FnOnce(u8) -> Option<Vec<T>>,
) -> Vec<T> {
    match kind {
        Numbers::Good => {}
        Numbers::Spoiled { place, change } => {
            for one in good.iter_mut().take(1) {
                let mut bytes = to_bytes(one.clone());
                bytes[usize::from(*place) % N] ^= change;
                *one = new(bytes);
            }
        }
        Numbers::Same(byte) => good.iter_mut().for_each(|one| *one = new([*byte; N])),
        Numbers::Copied(place) => return copied(*place).unwrap_or(good),
        Numbers::Miscounted { more: true } => good.extend(good.last().cloned()),
        Numbers::Miscounted { more: false } => drop(good.pop()),
    }
    good
}

/// Makes a proof from any two statements.
fn accuse(pool: &[Statement], one: u8, other: u8) -> Option<Proof> {
    let pick = |place: u8| pool.get(usize::from(place) % pool.len().max(1));
    let (one, other) = (pick(one)?, pick(other)?);
    Some(match (&one.body, &other.body) {
        (Body::Nonces(_), Body::Nonces(_)) if one == other => {
            Proof::InvalidNonce { nonces: Signed::of(one)? }
        }
        (Body::Nonces(_), Body::Nonces(_)) if one.boot() != other.boot() => {
            let lives = restarted(pool).into_iter().map(|(signer, boots)| {
                musig2_proto::wire::proof::Restarted { signer, boots: list(boots) }
            });
            Proof::ConcurrentInstances {
                first: Signed::of(one)?,
                second: Signed::of(other)?,
                restarted: list(lives),
            }
        }
        (Body::Nonces(_), Body::Nonces(_)) => {
            Proof::EquivocatingNonces { first: Signed::of(one)?, second: Signed::of(other)? }
        }
        (Body::Partials(_), Body::Partials(_)) => {
            Proof::EquivocatingPartials { first: Signed::of(one)?, second: Signed::of(other)? }
        }
        (Body::Join(_), _) => {
            let joins = pool.iter().filter(|join| join.author == one.author).filter_map(Signed::of);
            Proof::RestartLimit { joins: list(joins) }
        }
        _ => return None,
    })
}

/// Returns the key of each item, with its tweaks.
fn item_keys<C: Engine>(view: &SessionView) -> impl Iterator<Item = C::KeyAggregate> {
    let untweaked =
        C::aggregate_keys(view.manifest.signers()).unwrap_or_else(|error| panic!("{error}"));
    view.output_keys.iter().map(move |output| {
        output.tweaks.iter().fold(untweaked.clone(), |keys, tweak| {
            C::tweak(&keys, tweak).unwrap_or_else(|error| panic!("{error}"))
        })
    })
}

/// Returns a life of its own, or one from a statement of anyone.
pub(super) fn boot(life: u8, pool: &[Statement]) -> Boot {
    // Twelve own lives are more than the ten joins that a signer may make, so that runs reach that
    // limit.
    let heard = usize::from(life).checked_rem(pool.len()).filter(|_| life >= 200);
    heard.and_then(|place| pool[place].boot()).unwrap_or(Boot::new([life % 12 + 1; 16]))
}

pub(super) fn attempt_of(view: &SessionView, pool: &[Statement], source: Attempt) -> AttemptId {
    match source {
        Attempt::Derived => attempt(&view.id, &restarted(pool)),
        Attempt::First => AttemptId::FIRST,
        Attempt::Other => AttemptId::new([9; 32]),
    }
}
