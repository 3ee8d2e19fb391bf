//! One session of a plan.

use crate::ids::NodeId;
use crate::time::Micros;
use core::time::Duration;
use musig2_proto::{Audience, Item, Message, Proposal, PublicKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A session: who signs what, and when it is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SessionPlan {
    /// When the coordinator's application proposes it.
    pub at: Micros,
    /// Who proposes it: one of the signers.
    pub coordinator: NodeId,
    /// Who signs. The keys are sorted, so that a node's number is not its signer index.
    pub signers: BTreeSet<NodeId>,
    /// What is signed.
    pub items: Vec<Item>,
    /// Whether only known contacts are told, and nothing is published.
    pub private: bool,
    /// How long the session may take; the nodes' `max_session_duration` if `None`.
    pub duration: Option<Micros>,
}

impl SessionPlan {
    /// Makes a session of one message, proposed at the beginning by the first of these signers.
    pub fn new(signers: impl IntoIterator<Item = NodeId>) -> Self {
        let signers: BTreeSet<_> = signers.into_iter().collect();
        Self {
            at: Micros::ZERO,
            coordinator: signers.first().copied().unwrap_or(NodeId::new(0)),
            signers,
            items: vec![Item::new(Message::new([7; 32]))],
            private: false,
            duration: None,
        }
    }

    /// Sets [`SessionPlan::at`].
    #[must_use]
    pub fn at(mut self, at: Micros) -> Self {
        self.at = at;
        self
    }

    /// Sets [`SessionPlan::coordinator`].
    #[must_use]
    pub fn proposed_by(mut self, coordinator: NodeId) -> Self {
        self.coordinator = coordinator;
        self
    }

    /// Sets [`SessionPlan::items`].
    #[must_use]
    pub fn with_items(mut self, items: impl IntoIterator<Item = Item>) -> Self {
        self.items = items.into_iter().collect();
        self
    }

    /// Sets [`SessionPlan::private`].
    #[must_use]
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Sets [`SessionPlan::duration`].
    #[must_use]
    pub fn with_duration(mut self, duration: Micros) -> Self {
        self.duration = Some(duration);
        self
    }

    pub(crate) fn audience(&self) -> Audience {
        if self.private { Audience::KnownContacts } else { Audience::Everyone }
    }

    pub(crate) fn proposal(&self, keys: impl IntoIterator<Item = PublicKey>) -> Proposal {
        let proposal = self.items.iter().cloned().fold(Proposal::new(keys), Proposal::with_item);
        match self.duration {
            Some(duration) => proposal.with_duration(Duration::from_micros(duration.get())),
            None => proposal,
        }
    }
}
