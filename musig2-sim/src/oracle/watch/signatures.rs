//! Signatures verify under an independently computed key, for what everyone approved, and are the
//! same on all nodes that ended with the same attempt.

use super::{Session, Watch};
use crate::engine::{Engine, Judge};
use crate::ids::NodeId;
use crate::oracle::Violation;
use musig2_proto::Signature;

impl Watch {
    /// Checks the signatures that a node has.
    pub(super) fn check_signatures<C: Engine>(
        &mut self,
        node: NodeId,
        session: usize,
        signatures: &[Signature],
    ) -> Result<(), Violation> {
        let facts = &mut self.sessions[session];
        if facts.valid.iter().any(|valid| valid == signatures) {
            return Ok(());
        }
        facts.verify::<C>(node, signatures)?;
        facts.valid.push(signatures.to_vec());
        let id = facts.id;
        if facts.valid.len() == 1 {
            self.check_approved(session)
        } else if facts.valid.len() > self.filled(session) {
            Err(Violation::Disagreement { session: id, node })
        } else {
            Ok(())
        }
    }

    /// Checks that each honest signer approved, in some life, what is signed.
    fn check_approved(&self, session: usize) -> Result<(), Violation> {
        let facts = &self.sessions[session];
        for (node, host) in (0..).map(NodeId::new).zip(&self.hosts) {
            let approvals = host.parts.get(session).map_or(0, |part| part.approvals);
            if host.honest && approvals == 0 && facts.manifest.index_of(&host.key).is_some() {
                return Err(Violation::NotApproved { session: facts.id, node });
            }
        }
        Ok(())
    }

    /// Returns how many sets of signatures there can be: one for each aggregate nonce with which
    /// all honest signers signed an item. (If several items are the same, all count for the first.)
    /// If the engine keeps no record, any number is accepted once there were several attempts.
    fn filled(&self, session: usize) -> usize {
        let facts = &self.sessions[session];
        if facts.met.is_empty() {
            let rejoined = |part: &super::Part| part.approvals > 1;
            let several =
                self.hosts.iter().any(|host| host.parts.get(session).is_some_and(rejoined));
            return if several { usize::MAX } else { 1 };
        }
        let signers = || {
            let hosts = (0..).map(NodeId::new).zip(&self.hosts);
            hosts.filter(|(_, host)| host.honest && facts.manifest.index_of(&host.key).is_some())
        };
        let full = facts.met.iter().filter(|met| signers().all(|(node, _)| met.by.contains(&node)));
        let mut of_item = vec![0_usize; facts.manifest.items().len()];
        full.for_each(|met| of_item[met.item] += 1);
        of_item.into_iter().max().unwrap_or_default()
    }
}

impl Session {
    fn verify<C: Engine>(
        &mut self,
        node: NodeId,
        signatures: &[Signature],
    ) -> Result<(), Violation> {
        let (session, manifest) = (self.id, std::sync::Arc::clone(&self.manifest));
        let (got, items) = (signatures.len(), manifest.items().len());
        if got != items {
            return Err(Violation::WrongCount { session, node, got, items });
        }
        let keys = self.keys::<C>()?;
        let mut pairs = manifest.items().iter().zip(keys).zip(signatures);
        let invalid = pairs.position(|((item, key), signature)| {
            !C::Judge::is_valid(key, item.message(), signature)
        });
        invalid.map_or(Ok(()), |item| Err(Violation::InvalidSignature { session, node, item }))
    }
}
