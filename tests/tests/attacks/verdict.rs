//! What must hold at the end of every attack, whatever it was.

use crate::forger::assert_nothing_convicts;
use crate::room::{Room, assert_signatures};
use core::time::Duration;
use musig2_proto::wire::statement::{Body, Statement};
use musig2_proto::{
    AbortCause, Event, Evidence, Fault, K256, Libsecp256k1, Phase, SessionId, SessionView,
    Severity, Signature, SignerIndex,
};
use std::collections::BTreeMap;

/// How a session ended on one honest node.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    Complete(Vec<Signature>),
    Convicted(SignerIndex, Fault),
    /// The phase, and the signers that were awaited.
    TimedOut(Phase, Vec<SignerIndex>),
    Aborted(AbortCause),
}

impl Room {
    /// Lets time run out, and then checks for every honest node and session: it ended once and in
    /// time; signatures verify under the tweaked keys; no convicted signer is honest, and each is
    /// convicted by evidence that both engines accept; nothing that honest signers ever stated
    /// convicts one of them; none of their nodes is reported. Returns how each node's sessions
    /// ended, in the order of the seats.
    pub fn conclude(&mut self) -> Vec<BTreeMap<SessionId, End>> {
        self.pass(Duration::from_secs(15 * 60));
        self.check_statements();
        self.check_reports();
        (0..self.honest()).map(|seat| self.ends(seat)).collect()
    }

    /// Like [`Room::conclude`], for a test with one session. Returns how it ended on each honest
    /// node.
    pub fn conclude_one(&mut self) -> Vec<End> {
        let session = self.session();
        let ends = self.conclude();
        ends.into_iter().map(|mut ends| ends.remove(&session).expect("it ended")).collect()
    }

    /// Like [`Room::conclude_one`], and checks that every honest node convicts the first attacker
    /// of this fault.
    pub fn conclude_with_conviction(&mut self, fault: Fault) {
        let attacker = self.index(self.attacker_seat(), self.session());
        for (seat, end) in self.conclude_one().into_iter().enumerate() {
            assert_eq!(
                end,
                End::Convicted(attacker, fault),
                "seat {seat}: {:#?}",
                self.events[seat]
            );
        }
    }

    /// Like [`Room::conclude_one`], and checks that every honest node has the signatures.
    pub fn conclude_with_signatures(&mut self) {
        for (seat, end) in self.conclude_one().into_iter().enumerate() {
            assert!(matches!(end, End::Complete(_)), "seat {seat}: {:#?}", self.events[seat]);
        }
    }

    /// Like [`Room::conclude_one`], and checks that nobody is convicted and only the first attacker
    /// was awaited.
    pub fn conclude_with_timeout(&mut self, phase: Phase) {
        let awaiting = vec![self.index(self.attacker_seat(), self.session())];
        for (seat, end) in self.conclude_one().into_iter().enumerate() {
            assert_eq!(
                end,
                End::TimedOut(phase, awaiting.clone()),
                "seat {seat}: {:#?}",
                self.events[seat]
            );
        }
    }

    fn ends(&self, seat: usize) -> BTreeMap<SessionId, End> {
        let mut ends = BTreeMap::new();
        for (at, event) in &self.events[seat] {
            assert!(!matches!(event, Event::SessionError { .. }), "seat {seat}: {event:?}");
            let Some(end) = self.end(seat, event) else { continue };
            let session = event.session();
            let view = &self.views[&(seat, session)];
            assert!(*at <= view.manifest.expires_at(), "seat {seat} ended late");
            assert!(ends.insert(session, end).is_none(), "seat {seat} ended twice");
        }
        for (_, event) in &self.events[seat] {
            assert!(ends.contains_key(&event.session()), "seat {seat} never ended: {event:?}");
        }
        ends
    }

    /// Returns what a terminal event says, and checks that all of it is true.
    fn end(&self, seat: usize, event: &Event) -> Option<End> {
        let view = || &self.views[&(seat, event.session())];
        match event {
            Event::SessionComplete { signatures, .. } | Event::LateSignature { signatures, .. } => {
                assert_signatures(view(), signatures);
                event.is_terminal().then(|| End::Complete(signatures.clone()))
            }
            Event::SessionAborted { cause, .. } => Some(self.cause(seat, view(), cause)),
            _ => None,
        }
    }

    fn cause(&self, seat: usize, view: &SessionView, cause: &AbortCause) -> End {
        match cause {
            AbortCause::Convicted { signer, fault, evidence } => {
                let key = *view.manifest.signer(*signer).unwrap();
                let guilty =
                    self.keys[self.honest()..].contains(&key) || self.doubled.contains(&key);
                assert!(guilty, "seat {seat} convicts an honest signer of {fault:?}");
                assert_convicts(&evidence.to_bytes(), *signer, *fault);
                assert_eq!(evidence.manifest, *view.manifest);
                End::Convicted(*signer, *fault)
            }
            AbortCause::BySigner { signer, .. } => {
                let key = view.manifest.signer(*signer).unwrap();
                assert!(
                    !self.keys[..self.honest()].contains(key),
                    "seat {seat}: an honest signer aborted"
                );
                End::Aborted(cause.clone())
            }
            AbortCause::RivalInstance => {
                assert!(
                    self.doubled.contains(&self.keys[seat]),
                    "seat {seat} is alone and gave up"
                );
                End::Aborted(cause.clone())
            }
            AbortCause::TimedOut { phase, awaiting } => End::TimedOut(*phase, awaiting.clone()),
            other => End::Aborted(other.clone()),
        }
    }

    /// Checks that an honest node's frames are never an offence, whatever others make it hold.
    fn check_reports(&self) {
        for (seat, report) in self
            .reports
            .iter()
            .enumerate()
            .flat_map(|(seat, all)| all.iter().map(move |r| (seat, r)))
        {
            let honest = usize::from(report.source.as_bytes()[0]) < self.honest();
            let harmless = report.offence.severity() == Severity::Benign;
            assert!(!honest || harmless, "seat {seat} reports an honest node: {report:?}");
        }
    }

    /// Checks that honest signers state only one thing in each slot, and that none of it can be
    /// turned against them.
    fn check_statements(&self) {
        let mut by_author = BTreeMap::<_, (SessionView, Vec<Statement>)>::new();
        for (_, _, frame) in &self.frames {
            let Some(view) = self.views.values().find(|view| view.id == frame.session) else {
                continue;
            };
            for statement in frame.statements.iter() {
                let key = view.manifest.signer(statement.author).unwrap();
                if self.keys[..self.honest()].contains(key) && !self.doubled.contains(key) {
                    let entry = by_author.entry((view.id, statement.author));
                    let (_, stated) = entry.or_insert_with(|| (view.clone(), Vec::new()));
                    if !stated.contains(statement) {
                        stated.push(statement.clone());
                    }
                }
            }
        }
        for (view, stated) in by_author.values() {
            let slots = |statement: &Statement| match &statement.body {
                Body::Nonces(nonces) => Some((0, nonces.attempt, nonces.boot)),
                Body::Partials(partials) => Some((1, partials.attempt, partials.boot)),
                _ => None,
            };
            let mut taken = BTreeMap::new();
            for (slot, statement) in stated.iter().filter_map(|one| Some((slots(one)?, one))) {
                let other = taken.insert(slot, statement);
                assert!(
                    other.is_none(),
                    "an honest signer contradicts itself: {other:?} {statement:?}"
                );
            }
            assert_nothing_convicts(view, stated, &self.statements(view.id));
        }
    }
}

/// Checks a conviction from nothing but its bytes, with both engines.
pub fn assert_convicts(bytes: &[u8], signer: SignerIndex, fault: Fault) {
    let evidence = Evidence::from_bytes(bytes).unwrap();
    let by_c = evidence.verify::<Libsecp256k1>().unwrap();
    let by_rust = evidence.verify::<K256>().unwrap();
    assert_eq!(by_c, by_rust);
    assert_eq!((by_c.signer, by_c.fault), (signer, fault));
    assert_eq!(evidence.manifest.signer(signer), Some(&by_c.key));
}
