//! Which proposers are told that their sessions are declined here, and why. Others learn nothing: an answer would show whoever proposes with a key of
//! this node that this node has it, and where it is.

use crate::labels::Labels;
use crate::policy::Policy;
use musig2_libp2p::musig2_proto::{DeclineReason, PublicKey, SessionView};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

/// Whom a running node tells. Clones share it, also after it is replaced.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Whoever has a label is known to the operator.
    labels: Labels,
    partners: Arc<RwLock<Partners>>,
}

/// Those with whom a policy lets this node sign.
#[derive(Debug)]
pub(crate) struct Partners {
    /// Whether anybody is told.
    answers: bool,
    signers: BTreeSet<PublicKey>,
}

impl Default for Partners {
    /// Without a policy: nobody.
    fn default() -> Self {
        Self { answers: true, signers: BTreeSet::new() }
    }
}

impl Partners {
    /// The signers of its sets.
    pub(crate) fn of(policy: &Policy) -> Self {
        Self { answers: policy.answer_declines, signers: policy.signer_sets().flatten().collect() }
    }
}

impl Told {
    /// Those who have a label.
    pub(crate) fn new(labels: Labels) -> Self {
        Self { labels, partners: Arc::default() }
    }

    /// From now on these as well.
    pub(crate) fn replace(&self, partners: Partners) {
        *self.partners.write().unwrap_or_else(PoisonError::into_inner) = partners;
    }

    /// What the proposer of this key is told, if it is told.
    pub(crate) fn reason(
        &self,
        proposer: &PublicKey,
        reason: DeclineReason,
    ) -> Option<DeclineReason> {
        let partners = self.partners.read().unwrap_or_else(PoisonError::into_inner);
        let is_known = partners.signers.contains(proposer) || self.labels.of(proposer).is_some();
        (partners.answers && is_known).then_some(reason)
    }

    /// What the proposer of a session is told, if it is told.
    pub(crate) fn reason_in(
        &self,
        view: &SessionView,
        reason: DeclineReason,
    ) -> Option<DeclineReason> {
        let proposer = view.manifest.signer(view.manifest.coordinator())?;
        self.reason(proposer, reason)
    }
}
