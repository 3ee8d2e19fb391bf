//! Blame names no honest signer, and its proof convicts by its bytes alone.

use super::Watch;
use crate::network::NodeId;
use crate::oracle::{Engine, Violation};
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
            // Whoever is honest runs once.
            AbortCause::RivalInstance => true,
            AbortCause::BySigner { signer, .. } => {
                let key = self.sessions[session].manifest.signer(*signer);
                let owner = key.and_then(|key| self.honest_owner(key));
                owner.is_some_and(|host| !host.parts.get(session).is_some_and(|part| part.gave_up))
            }
            // That it did decline was looked at when that was told.
            AbortCause::SignerDeclined { .. } => false,
            AbortCause::Declined | AbortCause::TimedOut { .. } | AbortCause::Expired { .. } => {
                false
            }
            other => unreachable!("the watch does not know the cause {other:?}"),
        };
        if unjust { Err(Violation::HonestBlamed { node, event: event.clone() }) } else { Ok(()) }
    }

    /// Nobody declines in an honest signer's name what its application did not have it decline.
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

    /// An honest signer is guilty of nothing but of having restarted more often than is allowed.
    fn is_innocent(&self, session: usize, signer: SignerIndex, fault: Fault) -> bool {
        let key = self.sessions[session].manifest.signer(signer);
        let Some(host) = key.and_then(|key| self.honest_owner(key)) else { return false };
        let joins = host.parts.get(session).map_or(0, |part| part.approvals);
        fault != Fault::RestartLimit || joins < MAX_JOINS
    }

    /// No honest node sends what only a dishonest one does. What the network altered is not its own.
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

/// Whether evidence, from its bytes alone and by another engine, convicts this signer of this. Says why not.
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
