//! One honest node, two dishonest signers, and everything that was said between them.

mod messages;

use super::deceiver::Deceiver;
use super::moves::Move;
use super::pen::{gather, list};
use super::seat::{BEGINNING, Seat, secret};
use crate::engine::{Engine, Recording};
use core::time::Duration;
use musig2_proto::wire::announcement::Announcement;
use musig2_proto::wire::decode_message;
use musig2_proto::wire::proof::{Evidence, Proof, Signed};
use musig2_proto::wire::statement::{Body, Note, Partials, Statement};
use musig2_proto::{
    AbortCause, Audience, Command, Config, DeclineReason, Event, Input, Item, Message, Proposal,
    SessionId, SessionView, Signature, Timestamp, Tweak,
};
use std::collections::{BTreeMap, BTreeSet};

/// The most statements that are remembered, and the most inputs.
const MAX_HEARD: usize = 200;

/// The most lives of the honest signer: few enough to stay under the protocol's limit.
const MAX_LIVES: u8 = 8;

/// How long sessions last. This is short, because every run waits for their end.
const SESSION: Duration = Duration::from_secs(150);

/// Shorter than a session, so that one that is not joined ends before it expires.
const TIME_TO_JOIN: Duration = Duration::from_secs(60);

/// Longer than any session.
const LONG: Duration = Duration::from_secs(300);

pub(super) struct Crowd<C: Engine> {
    honest: Seat<Recording<C>>,
    deceivers: [Deceiver<C>; 2],
    now: Timestamp,
    /// The session that everything is about, and its announcement. It is the last one that was
    /// proposed.
    session: Option<(SessionView, Announcement)>,
    /// Statements that were made or heard.
    pool: Vec<Statement>,
    /// What was sent to anyone, so that it can be sent again.
    sent: Vec<Input>,
    signatures: Vec<Signature>,
    /// The announcements that the honest application stored.
    kept: BTreeMap<SessionId, Vec<u8>>,
    /// The sessions that wait for its answer.
    asked: BTreeSet<SessionId>,
    /// How the honest node's sessions ended.
    ends: Vec<Event>,
}

impl<C: Engine> Crowd<C> {
    pub(super) fn new() -> Self {
        Recording::<C>::begin();
        Self {
            honest: Seat::new(0, Config::default().with_announcement_ttl(TIME_TO_JOIN)),
            deceivers: [1, 2].map(Deceiver::new),
            now: BEGINNING,
            session: None,
            pool: Vec::new(),
            sent: Vec::new(),
            signatures: Vec::new(),
            kept: BTreeMap::new(),
            asked: BTreeSet::new(),
            ends: Vec::new(),
        }
    }

    pub(super) fn make(&mut self, next: &Move) {
        match next {
            Move::Propose { items } => {
                let proposal = self.proposal(*items);
                self.order(Command::CreateSession(proposal));
            }
            Move::Announce { who, items, in_frame } => self.announce(*who, *items, *in_frame),
            Move::Answer { joins } => {
                for session in core::mem::take(&mut self.asked) {
                    let join = Command::JoinSession { session };
                    self.order(if *joins {
                        join
                    } else {
                        Command::DeclineSession { session, reason: Some(DeclineReason::Policy) }
                    });
                }
            }
            Move::State { who, what } => {
                let Some((view, _)) = &self.session else { return };
                let deceiver = &mut self.deceivers[*who];
                let statement = deceiver.state(view, &self.pool, what);
                self.hear(statement);
            }
            Move::Send { who, which, around } => {
                let one = |place: &u8| {
                    self.pool.get(usize::from(*place) % self.pool.len().max(1)).cloned()
                };
                let statements = which.iter().filter_map(one).collect();
                self.send(*who, statements, None, around);
            }
            Move::SendNewest { who, count, around } => {
                let count = usize::from(count % 8 + 1).min(self.pool.len());
                let statements = self.pool[self.pool.len() - count..].to_vec();
                self.send(*who, statements, None, around);
            }
            Move::Claim { who, claim, around } => self.send(*who, Vec::new(), Some(claim), around),
            Move::Again { which, place, change } => self.again(*which, *place, *change),
            Move::Hello { who, late } => {
                let deceiver = &mut self.deceivers[*who];
                // A late hello carries the time of the beginning, which soon is too long ago to be
                // taken.
                let bytes = deceiver.hello(if *late { BEGINNING } else { self.now });
                let from = deceiver.source();
                self.give(Input::Announcement { from, bytes });
            }
            Move::Wait(millis) => self.pass(Duration::from_millis((*millis).into())),
            Move::Deadline => {
                if let Some(deadline) = self.honest.node.next_deadline() {
                    self.now = self.now.max(deadline);
                    self.give(Input::Tick);
                }
            }
            Move::Restart => self.restart(),
            Move::Abort => {
                if let Some((view, _)) = &self.session {
                    self.order(Command::AbortSession {
                        session: view.id,
                        reason: Note::new("enough"),
                    });
                }
            }
            Move::Reach { who, lost } => {
                let peer = self.deceivers[*who].source();
                self.give(if *lost { Input::PeerLost(peer) } else { Input::PeerConnected(peer) });
            }
        }
    }

    /// Lets all time run out, checks what remains, and returns how the sessions ended.
    pub(super) fn conclude(mut self) -> Vec<Event> {
        self.pass(LONG);
        let open = self.honest.node.sessions().find(|view| view.deadline.is_some());
        assert!(open.is_none(), "it never ends: {open:?}");
        let session = self.session.take();
        session.iter().for_each(|(view, _)| self.check_partials(view));
        self.ends
    }

    /// Checks that the honest node's partial signatures are no proof against it, whatever nonces it
    /// made them on.
    fn check_partials(&self, view: &SessionView) {
        let Some(me) = view.manifest.index_of(&self.honest.key) else { return };
        let own = |one: &&Statement| one.author == me;
        for partials in self.pool.iter().filter(own).filter_map(Signed::<Partials>::of) {
            let (boot, attempt) = (partials.content.boot, partials.content.attempt);
            let nonces = self.pool.iter().filter(own).find(|one| {
                let same =
                    |body: &Body| matches!(body, Body::Nonces(nonces) if nonces.attempt == attempt);
                one.boot() == Some(boot) && same(&one.body)
            });
            let gathered = gather::<C>(view, attempt, (me, boot), &self.pool);
            let (Some(nonces), Some(gathered)) = (nonces.and_then(Signed::of), gathered) else {
                continue;
            };
            for item in 0..view.manifest.items().len() {
                let proof = Proof::InvalidPartialSignature {
                    nonces: nonces.clone(),
                    partials: partials.clone(),
                    nonce_root: gathered.nonce_root,
                    aggregates: list(gathered.aggregates.clone()),
                    item: u16::try_from(item).unwrap_or(u16::MAX),
                };
                let evidence = Evidence { manifest: view.manifest.as_ref().clone(), proof };
                let verdict = evidence.verify::<C>();
                assert!(
                    verdict.is_err(),
                    "the honest signer is convicted: {verdict:?} by {evidence:?}"
                );
            }
        }
    }

    fn proposal(&self, items: u8) -> Proposal {
        let keys = [0, 1, 2].map(secret).map(|secret| {
            C::keypair(&secret)
                .map(|keypair| C::public_key(&keypair))
                .unwrap_or_else(|error| panic!("{error}"))
        });
        let item = |number: u8| {
            let item = Item::new(Message::new([number; 32]));
            if number == 0 {
                item
            } else {
                item.clone().with_tweaks(vec![Tweak::BIP86]).unwrap_or(item)
            }
        };
        let proposal = Proposal::new(keys).with_duration(SESSION);
        (0..1 + items % 2).map(item).fold(proposal, Proposal::with_item)
    }

    fn restart(&mut self) {
        if self.honest.lives() == MAX_LIVES {
            return;
        }
        self.honest.restart(self.now);
        self.asked.clear();
        self.order(Command::SayHello);
        for announcement in self.kept.values().cloned().collect::<Vec<_>>() {
            self.order(Command::ResumeSession { announcement });
        }
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now.saturating_add(duration);
        while let Some(next) = self.honest.node.next_deadline().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.give(Input::Tick);
        }
        self.now = end;
        self.give(Input::Tick);
    }

    fn told(&mut self, event: &Event) {
        let session = event.session();
        if event.is_terminal() {
            self.ends.push(event.clone());
        }
        match event {
            Event::SessionCreated { .. } => {
                self.order(Command::AnnounceSession { session, audience: Audience::Everyone });
                let announcement = self.honest.node.announcement(&session);
                let announcement =
                    announcement.and_then(|bytes| decode_message(&bytes, bytes.len()).ok());
                self.session = self.honest.node.session(&session).zip(announcement);
            }
            Event::SessionDiscovered { .. } => {
                self.asked.insert(session);
            }
            Event::SessionAborted {
                cause: AbortCause::Convicted { signer, fault, evidence },
                ..
            } => {
                let evidence = Evidence::from_bytes(&evidence.to_bytes());
                let evidence =
                    evidence.unwrap_or_else(|error| panic!("evidence that is none: {error}"));
                let conviction = evidence.verify::<C>();
                let proven = conviction
                    .as_ref()
                    .is_ok_and(|one| (one.signer, one.fault) == (*signer, *fault));
                assert!(
                    proven && evidence.manifest.id() == session,
                    "{conviction:?} by {evidence:?}"
                );
                let key = evidence.manifest.signer(*signer);
                assert!(key != Some(&self.honest.key), "it convicts itself of {fault:?}");
            }
            Event::SessionAborted { cause: AbortCause::RivalInstance, .. } => {
                panic!("it takes itself for its own rival");
            }
            _ => {}
        }
    }
}
