//! No event blames an honest signer, and the bytes of a proof are enough to convict.

use super::Watch;
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::oracle::Violation;
use musig2_proto::{AbortCause, Event, Evidence, Fault, MAX_JOINS, Report, Severity, SignerIndex};

impl Watch {
    pub(super) fn check_blame<C: Engine>(
        &self,
        node: NodeId,
        session: usize,
        event: &Event,
        cause: &AbortCause,
    ) -> Result<(), Violation> {
        let unjust = match cause {
            AbortCause::Convicted { signer, fault, evidence } => {
                let proven = convicts::<C>(evidence, *signer, *fault);
                proven.map_err(|reason| Violation::BadEvidence {
                    node,
                    event: event.clone(),
                    reason,
                })?;
                self.is_innocent(session, *signer, *fault)
            }
            // An honest signer has one life at a time.
            AbortCause::RivalInstance => true,
            AbortCause::BySigner { signer, .. } => {
                let key = self.sessions[session].manifest.signer(*signer);
                let owner = key.and_then(|key| self.honest_owner(key));
                owner.is_some_and(|host| !host.parts.get(session).is_some_and(|part| part.gave_up))
            }
            // Whether it did decline was checked when its decline was reported.
            AbortCause::SignerDeclined { .. } => false,
            AbortCause::Declined
            | AbortCause::MadeRoom
            | AbortCause::TimedOut { .. }
            | AbortCause::Expired { .. } => false,
            // Names every AbortCause.
            other => unreachable!("the watch does not know the cause {other:?}"),
        };
        if unjust { Err(Violation::HonestBlamed { node, event: event.clone() }) } else { Ok(()) }
    }

    /// Checks that nobody declines in an honest signer's name without that signer's application
    /// having declined.
    pub(super) fn check_decline(
        &self,
        node: NodeId,
        session: usize,
        event: &Event,
        signer: SignerIndex,
    ) -> Result<(), Violation> {
        let key = self.sessions[session].manifest.signer(signer);
        let owner = key.and_then(|key| self.honest_owner(key));
        let forged =
            owner.is_some_and(|host| !host.parts.get(session).is_some_and(|part| part.declined));
        if forged { Err(Violation::HonestBlamed { node, event: event.clone() }) } else { Ok(()) }
    }

    /// Returns whether a signer is honest and did not commit this fault. The only fault that an
    /// honest signer can commit is restarting more often than allowed.
    fn is_innocent(&self, session: usize, signer: SignerIndex, fault: Fault) -> bool {
        let key = self.sessions[session].manifest.signer(signer);
        let Some(host) = key.and_then(|key| self.honest_owner(key)) else { return false };
        let joins = host.parts.get(session).map_or(0, |part| part.approvals);
        fault != Fault::RestartLimit || joins < MAX_JOINS
    }

    /// Checks that a node does not report an honest peer for something that only a dishonest node
    /// sends. Peers whose messages the network altered are exempt.
    pub(super) fn check_report(&self, node: NodeId, report: &Report) -> Result<(), Violation> {
        let source = NodeId::of_source(&report.source);
        let garbled = |source: NodeId| self.hosts[node.as_usize()].garbled.contains(&source);
        let innocent = source.is_some_and(|source| self.is_honest(source) && !garbled(source));
        if innocent && report.offence.severity() == Severity::Malicious {
            return Err(Violation::HonestReported { node, report: report.clone() });
        }
        Ok(())
    }
}

/// Checks that the bytes of the evidence are enough for another engine to convict this signer of
/// this fault. Says why not.
fn convicts<C: Engine>(
    evidence: &Evidence,
    signer: SignerIndex,
    fault: Fault,
) -> Result<(), String> {
    let read = Evidence::from_bytes(&evidence.to_bytes()).map_err(|error| error.to_string())?;
    let conviction = read.verify::<C::Other>().map_err(|error| error.to_string())?;
    if Some(&conviction.key) != evidence.manifest.signer(conviction.signer) {
        return Err("it names a key that is not the signer's".into());
    }
    if (conviction.signer, conviction.fault) != (signer, fault) {
        return Err(format!("it convicts signer {} of {:?}", conviction.signer, conviction.fault));
    }
    Ok(())
}
