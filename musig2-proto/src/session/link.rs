//! Where the other signers can be reached, and what each is known to hold.

use super::Session;
use super::haste::Haste;
use crate::api::output::Destination;
use crate::base::ids::{Contact, SignerIndex, Source};
use crate::base::time::Timestamp;
use crate::config::{Config, Topology};
use crate::crypto::Crypto;
use crate::env::contacts::ContactBook;
use crate::wire::frame::Have;
use crate::wire::statement::StatementHash;
use std::collections::BTreeSet;

/// What this node knows about another signer's node.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct Link {
    /// Where a new statement of its own last came from.
    located: Option<Source>,
    /// When to ask it because its connection came back.
    pub(super) back: Haste,
    /// What it last said that it holds.
    pub(super) have: Option<Have>,
    /// Which statements it was sent unasked, that is, not as answers.
    pub(super) sent: BTreeSet<StatementHash>,
    /// Whether it has been sent the announcement.
    pub(super) introduced: bool,
    /// Its last hello.
    pub(super) hello: Option<Heard>,
}

/// A hello: when it arrived, its own time, and its signer's contact.
#[derive(Debug, Clone, Hash)]
pub(super) struct Heard {
    pub(super) arrived: Timestamp,
    pub(super) said: Timestamp,
    pub(super) contact: Contact,
}

impl Link {
    pub(super) fn note(&mut self, have: &Have) {
        if self.have.as_ref().is_none_or(|known| have.is_newer_than(known)) {
            self.have = Some(have.clone());
        }
    }

    pub(super) fn locate(&mut self, from: &Source, now: Timestamp) {
        self.located = Some(from.clone());
        // Asking after a connection came back was worth it, so it may soon be done again.
        self.back.reward(now);
    }

    /// Whether a statement of its own came from this source. What a frame says of its sender is no
    /// evidence: anybody can write that.
    pub(super) fn is_at(&self, source: &Source) -> bool {
        self.located.as_ref() == Some(source)
    }
}

impl<C: Crypto> Session<C> {
    /// Returns where to send to a signer: its contact, or else back to where its statements came
    /// from.
    pub(super) fn route(&self, contacts: &ContactBook, signer: SignerIndex) -> Option<Destination> {
        let located = || self.links.get(signer.as_usize())?.located.clone();
        let contact = self.contact(contacts, signer).cloned();
        contact.map(Destination::Contact).or_else(|| located().map(Destination::Source))
    }

    /// Returns where the other signers' own statements came from.
    pub(crate) fn located(&self) -> impl Iterator<Item = &Source> {
        self.links.iter().filter_map(|link| link.located.as_ref())
    }

    /// Returns a signer's contact: from its latest join or hello, else from the contact book, else
    /// from the announcement. What the announcement says of the coordinator is the coordinator's
    /// own word for this session. So it goes before the contact book, which has the application's
    /// word and earlier sessions'. Empty contacts are skipped.
    fn contact<'a>(
        &'a self,
        contacts: &'a ContactBook,
        signer: SignerIndex,
    ) -> Option<&'a Contact> {
        // If a life takes part in the attempt, only its join counts, as the others are over. Of
        // what counts, the latest join or hello wins.
        let alive = self.board.nonces(signer, self.board.attempt()).map(|(nonces, _)| nonces.boot);
        let joined = self.board.joins(signer).map(|(join, filed)| (filed.arrived, join));
        let joined = joined.filter(|(_, join)| alive.is_none_or(|boot| join.boot == boot));
        let joined = joined.map(|(arrived, join)| (arrived, &join.contact));
        let heard = self.links.get(signer.as_usize()).and_then(|link| link.hello.as_ref());
        let heard = heard.map(|heard| (heard.arrived, &heard.contact));
        let joined =
            joined.chain(heard).max_by_key(|(arrived, _)| *arrived).map(|(_, contact)| contact);
        let known = || contacts.contact(self.agreement.manifest.signer(signer)?);
        let announced = || self.announcement.as_ref()?.contact(signer);
        let some = |contact: &&Contact| !contact.is_empty();
        let own_word = || announced().filter(|_| signer == self.agreement.manifest.coordinator());
        joined
            .filter(some)
            .or_else(|| own_word().filter(some))
            .or_else(known)
            .or_else(|| announced().filter(some))
    }

    /// Returns the contacts of the signers in reach.
    pub(crate) fn co_signers<'a>(
        &'a self,
        config: &Config,
        contacts: &'a ContactBook,
    ) -> impl Iterator<Item = &'a Contact> + use<'a, C> {
        self.in_reach(config, contacts)
            .into_iter()
            .filter_map(|signer| self.contact(contacts, signer))
    }

    pub(super) fn others(&self) -> impl Iterator<Item = SignerIndex> + use<C> {
        let me = self.me;
        self.agreement.manifest.indices().filter(move |&signer| signer != me)
    }

    pub(super) fn is_hub_signer(&self, config: &Config) -> bool {
        config.topology == Topology::Hub && !self.is_coordinator()
    }

    pub(super) fn with_contact(&self, contacts: &ContactBook) -> Vec<SignerIndex> {
        self.others().filter(|&signer| self.contact(contacts, signer).is_some()).collect()
    }

    /// Returns the signers to which this node sends unasked. In a hub, a signer sends only to the
    /// coordinator.
    pub(super) fn in_reach(&self, config: &Config, contacts: &ContactBook) -> Vec<SignerIndex> {
        let mut signers = self.with_contact(contacts);
        if self.is_hub_signer(config) {
            signers.retain(|&signer| signer == self.agreement.manifest.coordinator());
        }
        signers
    }
}
