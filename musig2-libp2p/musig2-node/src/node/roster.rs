//! Keeps track of each co-signer: how it is connected, what its clock says, and what last happened
//! with it.

use crate::model::co_signer::{CoSigner, LastError, LastSession};
use crate::model::ending::Ending;
use crate::model::labels::Labels;
use crate::model::state::state_name;
use crate::text::Text;
use crate::text::names::short;
use crate::text::time::{date, now_ms};
use musig2_libp2p::libp2p::{Multiaddr, PeerId};
use musig2_libp2p::musig2_proto::{
    AbortCause, Command, Contact, Event, ManifestError, PublicKey, SessionView,
};
use musig2_libp2p::{Consequence, Handle, HandleError, NodeEvent, PeerContact, SignerState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The most co-signers that are remembered although only sessions brought them up, and the operator
/// did not name them. Beyond that, the one unheard of for the longest time is forgotten.
const MAX_MET: usize = 64;

/// What happened with co-signers. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    /// The signers that the operator named, in the policy and by labels.
    expected: BTreeSet<PublicKey>,
    /// Notes on those, and on signers met in sessions.
    signers: BTreeMap<PublicKey, Note>,
}

/// What last happened with a co-signer.
#[derive(Debug, Clone, Default)]
struct Note {
    noted_ms: u64,
    lost_ms: Option<u64>,
    session: Option<LastSession>,
    error: Option<LastError>,
}

impl Roster {
    /// Expects these signers: the node learns from anything that they say which peers they are.
    /// Signers that labels and policies named earlier stay known to the node.
    pub(crate) async fn expect(
        &self,
        handle: &Handle,
        signers: impl IntoIterator<Item = PublicKey>,
    ) -> Result<(), HandleError> {
        let own = handle.public_keys();
        let signers: BTreeSet<_> =
            signers.into_iter().filter(|signer| !own.contains(signer)).collect();
        for signer in &signers {
            let contact = Contact::default();
            handle.execute(Command::AddContact { signer: *signer, contact }).await?;
        }
        let mut notes = self.notes();
        notes.expected = signers;
        notes.forget_some();
        Ok(())
    }

    /// Returns whether this signer is known: the operator named it, or it took part in a session
    /// that this node joined.
    pub(crate) fn knows(&self, signer: &PublicKey) -> bool {
        let notes = self.notes();
        let has_met = || notes.signers.get(signer).is_some_and(|note| note.session.is_some());
        notes.expected.contains(signer) || has_met()
    }

    /// Notes what happened on the network.
    pub(crate) fn follow(&self, event: &NodeEvent) {
        match event {
            NodeEvent::PeerDisconnected { signers, .. } => {
                let now = now_ms();
                self.note(signers, |note| note.lost_ms = Some(now));
            }
            NodeEvent::DialFailed { signers, error, .. } => {
                self.failed(signers, format!("cannot be dialled: {error}"));
            }
            NodeEvent::Offence { consequence: Consequence::None, .. } => {}
            NodeEvent::Offence { signers, offence, consequence, .. } => {
                self.failed(signers, format!("misbehaved: {offence} ({consequence})"));
            }
            // Anybody can propose to this node's key, and does not become a co-signer by it.
            NodeEvent::Session { event: Event::SessionRefused { proposer, error, .. }, .. }
                if self.has(proposer) =>
            {
                match &**error {
                    // Anyone can repeat an old announcement.
                    ManifestError::Over(_) => {}
                    ManifestError::InFuture(ahead) => {
                        let error = format!(
                            "its clock is {} s ahead of this node's: check both clocks",
                            ahead.as_secs()
                        );
                        self.failed(&[*proposer], error);
                    }
                    error => {
                        self.failed(
                            &[*proposer],
                            format!("proposed a session that exceeds this node's limits: {error}"),
                        );
                    }
                }
            }
            _ => {}
        }
    }

    /// Notes what happened in a session that this node takes part in, or took part in.
    pub(crate) fn follow_session(&self, event: &Event, view: &SessionView) {
        if !view.joined.contains(&view.me) {
            return;
        }
        let keys = |places: &[_]| {
            places
                .iter()
                .filter_map(|place| view.manifest.signer(*place).copied())
                .collect::<Vec<_>>()
        };
        let others: Vec<_> =
            keys(&view.manifest.indices().filter(|place| *place != view.me).collect::<Vec<_>>());
        let session = LastSession {
            session: view.id.to_string(),
            phase: state_name(view).into(),
            at: date(now_ms()),
        };
        self.note(&others, |note| note.session = Some(session.clone()));
        let id = short(&view.id);
        match event {
            Event::SessionAborted {
                cause: AbortCause::TimedOut { awaiting, .. } | AbortCause::Expired { awaiting },
                ..
            } => self.failed(&keys(awaiting), format!("session {id} timed out waiting for it")),
            Event::SessionAborted {
                cause: AbortCause::Convicted { signer, fault, .. }, ..
            } => {
                let fault = fault.as_str();
                self.failed(
                    &keys(&[*signer]),
                    format!("broke the protocol in session {id}: {fault}"),
                );
            }
            Event::Stalled { awaiting, .. } => {
                self.failed(
                    &keys(awaiting),
                    format!("session {id} is waiting for it: half of the time has passed"),
                );
            }
            Event::SignerDeclined { signer, reason, .. } => {
                self.failed(&keys(&[*signer]), format!("declined session {id}: {reason}"));
            }
            Event::AttemptRestarted { signers, .. } => {
                self.failed(&keys(signers), format!("restarted, or runs twice, in session {id}"));
            }
            _ => {}
        }
    }

    /// Returns the state of each co-signer, whether the operator expected it or it was met in a
    /// session.
    pub(crate) async fn tell(
        &self,
        handle: &Handle,
        labels: &Labels,
    ) -> Result<Vec<CoSigner>, HandleError> {
        let (signers, notes) = {
            let notes = self.notes();
            let met = notes.signers.keys().filter(|signer| !notes.expected.contains(signer));
            let signers: Vec<_> = notes.expected.iter().chain(met).copied().collect();
            (signers, notes.signers.clone())
        };
        let states = handle.signers(signers).await?;
        let mut told: Vec<_> = (states.into_iter())
            .map(|state| {
                let note = notes.get(&state.signer).cloned().unwrap_or_default();
                CoSigner::new(state, note, labels)
            })
            .collect();
        // Those with a label come first, by label.
        told.sort_by_key(|signer| {
            (signer.label.is_none(), signer.label.as_ref().map(|Text(label)| label.clone()))
        });
        Ok(told)
    }

    /// Notes that this node's user would no longer wait for the awaited signers.
    pub(crate) fn gave_up(&self, ending: &Ending) {
        let session = short(&ending.session);
        let awaited: Vec<_> = ending.awaited().collect();
        self.failed(&awaited, format!("session {session} timed out waiting for it"));
    }

    /// Returns why a session waits for these signers, as far as this node knows: one sentence each
    /// for a few that are not connected.
    pub(crate) async fn why_missing(
        &self,
        handle: &Handle,
        labels: &Labels,
        signers: impl IntoIterator<Item = PublicKey>,
    ) -> Option<String> {
        const MOST: usize = 4;
        // An error means that the node has stopped, which is reported elsewhere.
        let states = handle.signers(signers).await.unwrap_or_default();
        let why = states.into_iter().filter_map(|state| {
            let note = self.notes().signers.get(&state.signer).cloned().unwrap_or_default();
            CoSigner::new(state, note, labels).why_missing()
        });
        let why: Vec<_> = why.take(MOST).collect();
        (!why.is_empty()).then(|| why.join("; "))
    }

    fn has(&self, signer: &PublicKey) -> bool {
        let notes = self.notes();
        notes.expected.contains(signer) || notes.signers.contains_key(signer)
    }

    fn failed(&self, signers: &[PublicKey], error: String) {
        let error = LastError { error, at: date(now_ms()) };
        self.note(signers, |note| note.error = Some(error.clone()));
    }

    fn note(&self, signers: &[PublicKey], change: impl Fn(&mut Note)) {
        let mut notes = self.notes();
        for signer in signers {
            let note = notes.signers.entry(*signer).or_default();
            note.noted_ms = now_ms();
            change(note);
        }
        notes.forget_some();
    }

    /// Locks the notes, even after a panic: every change is complete before the lock is released.
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    fn forget_some(&mut self) {
        while self.signers.len() > self.expected.len() + MAX_MET {
            let met = self.signers.iter().filter(|(signer, _)| !self.expected.contains(signer));
            let Some(oldest) = met.min_by_key(|(_, note)| note.noted_ms).map(|(signer, _)| *signer)
            else {
                return;
            };
            self.signers.remove(&oldest);
        }
    }
}

impl CoSigner {
    fn new(state: SignerState, note: Note, labels: &Labels) -> Self {
        let SignerState { signer, contact, connection, clock, .. } = state;
        let connected = contact.as_ref().map(|_| connection.is_some());
        let since = connection.as_ref().map(|connection| since_epoch_ms(connection.since));
        let since = since.or(note.lost_ms.filter(|_| connected == Some(false)));
        let peer = contact.as_ref().map(PeerContact::peer);
        let addresses = match &connection {
            Some(connection) => vec![connection.address.clone()],
            None => {
                contact.as_ref().map(|contact| contact.addresses().to_vec()).unwrap_or_default()
            }
        };
        let signed = |ahead: u128, behind: u128| match i64::try_from(ahead.max(behind)) {
            Ok(millis) if ahead >= behind => millis,
            Ok(millis) => -millis,
            Err(_) => 0,
        };
        Self {
            public_key: signer,
            label: labels.of(&signer).map(Text),
            connected,
            since: since.map(date),
            peer_id: peer.as_ref().map(PeerId::to_string),
            addresses: addresses.iter().map(Multiaddr::to_string).collect(),
            relayed: connection.as_ref().map(|connection| connection.relayed),
            round_trip_ms: (connection.as_ref())
                .and_then(|connection| u64::try_from(connection.round_trip?.as_millis()).ok()),
            clock_ahead_ms: clock
                .map(|clock| signed(clock.ahead().as_millis(), clock.behind().as_millis())),
            last_session: note.session,
            last_error: note.error,
        }
    }
}

fn since_epoch_ms(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis())
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::keyfile;
    use musig2_libp2p::musig2_proto::SessionId;
    use std::time::Duration;

    fn signer() -> PublicKey {
        keyfile::generate().unwrap().1
    }

    #[test]
    fn the_roster_excludes_strangers_and_keeps_the_last_signers_met() {
        let roster = Roster::default();
        let session = SessionId::new([1; 32]);
        let in_future = |proposer| {
            let error = ManifestError::InFuture(Duration::from_secs(60)).into();
            let event = Event::SessionRefused { session, proposer, error };
            roster.follow(&NodeEvent::Session { event, view: None });
        };
        in_future(signer());
        assert!(roster.notes().signers.is_empty());
        let expected = signer();
        roster.notes().expected.insert(expected);
        in_future(expected);
        let met: Vec<_> = (0..100).map(|_| signer()).collect();
        for (number, signer) in met.iter().enumerate() {
            roster.note(&[*signer], |note| note.noted_ms = number as u64);
        }
        let notes = roster.notes();
        assert_eq!(notes.signers.len(), 1 + MAX_MET);
        assert!(
            notes.signers[&expected]
                .error
                .as_ref()
                .is_some_and(|last| last.error.contains("60 s ahead"))
        );
        assert!(met[100 - MAX_MET..].iter().all(|signer| notes.signers.contains_key(signer)));
    }
}
