//! What a disk did not take: it is tried again for as long as the node remembers the session.

use super::Cosigner;
use crate::failure::Failure;
use crate::model::steps::{InSession, Step};
use crate::node::patience::has_ended;
use crate::system::private_file;
use musig2_libp2p::musig2_proto::{AbortCause, Evidence, SessionId};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// The names of problems for [`RunningNode::works`](crate::node::RunningNode::works).
pub(super) const STORE: &str = "store";
const EVIDENCE: &str = "evidence";

/// How long to wait before trying again after the disk has failed.
const DISK_PAUSE: Duration = Duration::from_secs(2);

/// Sessions for which something could not be written.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    /// Approved sessions that were not joined, because the approval could not be stored.
    pub(super) approvals: BTreeSet<SessionId>,
    /// Sessions in which a signer was convicted, and the proof could not be written.
    evidence: BTreeSet<SessionId>,
    next: Option<Instant>,
}

impl Unwritten {
    /// Waits until it is time to try again. Cancel-safe.
    pub(super) fn due(&self) -> impl Future<Output = ()> + use<> {
        let next = self.next;
        async move {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        }
    }
}

impl Cosigner<'_> {
    /// Tries again to write what the disk did not take.
    pub(super) async fn write_again(&mut self) -> Result<(), Failure> {
        for session in self.unwritten.approvals.clone() {
            let view = self.network.handle.session(session).await?;
            if view.is_some_and(|view| !has_ended(&view)) {
                self.try_join(session).await?;
            } else {
                self.unwritten.approvals.remove(&session);
                self.over(session).await?;
            }
        }
        for session in self.unwritten.evidence.clone() {
            let cause = self.network.handle.session(session).await?.and_then(|view| view.cause);
            if let Some(AbortCause::Convicted { evidence, .. }) = cause {
                self.keep(session, &evidence)?;
            } else {
                self.unwritten.evidence.remove(&session);
            }
        }
        self.unwritten.next = None;
        self.tell_problems();
        Ok(())
    }

    /// Reports whether the disk is at fault: it is for as long as something waits for it.
    pub(super) fn tell_problems(&mut self) {
        let Unwritten { approvals, evidence, next } = &mut self.unwritten;
        if approvals.is_empty() {
            self.network.works(STORE, None);
        }
        if evidence.is_empty() {
            self.network.works(EVIDENCE, None);
        }
        if next.is_none() && !(approvals.is_empty() && evidence.is_empty()) {
            *next = Some(Instant::now() + DISK_PAUSE);
        }
    }

    /// Writes a proof to a file. The session ends either way; if the proof cannot be written, that
    /// is only reported.
    pub(super) fn keep(&mut self, session: SessionId, evidence: &Evidence) -> Result<(), Failure> {
        let Some(folder) = &self.evidence_dir else { return Ok(()) };
        let step = match keep(folder, evidence) {
            Ok(file) => Step::EvidenceKept {
                session: InSession { session },
                file: file.display().to_string(),
            },
            Err(error) => {
                let error = format!("cannot write the evidence to {}: {error}", folder.display());
                self.network.works(EVIDENCE, Some(error.clone()));
                if !self.unwritten.evidence.insert(session) {
                    return Ok(());
                }
                tracing::error!(%session, "the proof against a signer is not stored, retrying: {error}");
                Step::SessionError { session: InSession { session }, error }
            }
        };
        if matches!(step, Step::EvidenceKept { .. }) {
            self.unwritten.evidence.remove(&session);
        }
        self.tell_problems();
        self.console.step(None, &step)
    }
}

/// Writes one file per session: the first proof is as good as any other.
fn keep(folder: &Path, evidence: &Evidence) -> io::Result<PathBuf> {
    let file = folder.join(evidence.manifest.id().to_string());
    std::fs::create_dir_all(folder)?;
    match private_file::create(&file, &evidence.to_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use musig2_libp2p::musig2_proto::DefaultCrypto;

    #[test]
    fn a_proof_is_kept_whole_and_once() {
        let hex = include_str!("../../tests/processes/equivocation.hex").trim();
        let evidence = Evidence::from_bytes(&hex::decode(hex).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("evidence");
        let file = keep(&folder, &evidence).unwrap();
        assert_eq!(keep(&folder, &evidence).unwrap(), file);
        let kept = Evidence::from_bytes(&std::fs::read(file).unwrap()).unwrap();
        assert!(kept.verify::<DefaultCrypto>().is_ok());
    }
}
