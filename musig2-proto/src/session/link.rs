//! Where the other signers are, and what each is known to hold.

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

/// What this node knows of another signer's node.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct Link {
    /// Where a new statement of its own last came from.
    located: Option<Source>,
    /// When it is asked because it is there again.
    pub(super) back: Haste,
    /// What it last said it holds.
    pub(super) have: Option<Have>,
    /// What has been sent to it unasked.
    pub(super) sent: BTreeSet<StatementHash>,
    /// The announcement has been sent to it.
    pub(super) introduced: bool,
    /// Its last hello.
    pub(super) hello: Option<Heard>,
}

/// A hello: when it came, when it was said, where its signer is.
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
        self.back.reward(now);
    }

    /// Whether a statement of its own came from there. What a frame says of its sender shows nothing: anybody can say it.
    pub(super) fn is_at(&self, source: &Source) -> bool {
        self.located.as_ref() == Some(source)
    }
}

impl<C: Crypto> Session<C> {
    /// Where to send what a signer is to get: to its contact, else back to where it spoke from.
    pub(super) fn route(&self, contacts: &ContactBook, signer: SignerIndex) -> Option<Destination> {
        let located = || self.links.get(signer.as_usize())?.located.clone();
        let contact = self.contact(contacts, signer).cloned();
        contact.map(Destination::Contact).or_else(|| located().map(Destination::Source))
    }

    /// Where the other signers' own statements came from.
    pub(crate) fn located(&self) -> impl Iterator<Item = &Source> {
        self.links.iter().filter_map(|link| link.located.as_ref())
    }

    /// Where a signer can be reached: by its latest join or hello, by what is known of it from elsewhere, by the coordinator's word.
    /// The coordinator's word about itself is its own, of this session: it goes before what is known from earlier ones.
    fn contact<'a>(
        &'a self,
        contacts: &'a ContactBook,
        signer: SignerIndex,
    ) -> Option<&'a Contact> {
        // Of several lives, the one that takes part; of those, the one that was heard of last.
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

    /// The contacts of those to whom this node sends by itself.
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

    /// To whom this node sends by itself: in a hub, to the coordinator alone.
    pub(super) fn in_reach(&self, config: &Config, contacts: &ContactBook) -> Vec<SignerIndex> {
        let mut signers = self.with_contact(contacts);
        if self.is_hub_signer(config) {
            signers.retain(|&signer| signer == self.agreement.manifest.coordinator());
        }
        signers
    }
}
