//! Which proposers are told that this node declines their sessions, and why.
//!
//! Others learn nothing: anyone can propose a session with a key of this node, and an answer would
//! show that this node has the key, and where it is.

use crate::approval::policy::Policy;
use crate::model::labels::Labels;
use musig2_libp2p::musig2_proto::{DeclineReason, PublicKey, SessionView};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

/// The proposers that a running node answers. Clones share them, even after they are replaced.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The operator knows every signer that has a label.
    labels: Labels,
    partners: Arc<RwLock<Partners>>,
}

/// The signers with which a policy lets this node sign.
#[derive(Debug)]
pub(crate) struct Partners {
    /// Whether anybody is told at all.
    answers: bool,
    signers: BTreeSet<PublicKey>,
}

impl Default for Partners {
    /// Without a policy there are no partners.
    fn default() -> Self {
        Self { answers: true, signers: BTreeSet::new() }
    }
}

impl Partners {
    /// Returns the signers of the policy's sets.
    pub(crate) fn of(policy: &Policy) -> Self {
        Self { answers: policy.answer_declines, signers: policy.signer_sets().flatten().collect() }
    }
}

impl Told {
    /// Answers the signers that have a label.
    pub(crate) fn new(labels: Labels) -> Self {
        Self { labels, partners: Arc::default() }
    }

    /// Answers these signers as well, from now on.
    pub(crate) fn replace(&self, partners: Partners) {
        *self.partners.write().unwrap_or_else(PoisonError::into_inner) = partners;
    }

    /// Returns the reason to tell the proposer with this key, if it is told at all.
    pub(crate) fn reason(
        &self,
        proposer: &PublicKey,
        reason: DeclineReason,
    ) -> Option<DeclineReason> {
        let partners = self.partners.read().unwrap_or_else(PoisonError::into_inner);
        let is_known = partners.signers.contains(proposer) || self.labels.of(proposer).is_some();
        (partners.answers && is_known).then_some(reason)
    }

    /// Returns the reason to tell a session's proposer, if it is told at all.
    pub(crate) fn reason_in(
        &self,
        view: &SessionView,
        reason: DeclineReason,
    ) -> Option<DeclineReason> {
        let proposer = view.manifest.signer(view.manifest.coordinator())?;
        self.reason(proposer, reason)
    }
}
