//! A node that stays up and signs what is approved: what `cosign` and `run` have in common.

use crate::approval::{Approver, Decision};
use crate::failure::Failure;
use crate::network::Network;
use crate::private_file;
use crate::report::{Console, Line};
use crate::result::SessionResult;
use crate::steps::{Session, Step};
use musig2_libp2p::HandleError;
use musig2_libp2p::musig2_proto::{
    AbortCause, Command, CommandError, Event, Evidence, SessionId, SessionView,
};
use std::io;
use std::path::{Path, PathBuf};

/// A node, and who decides what it signs.
pub(crate) struct Cosigner<'a> {
    pub(crate) network: Network,
    pub(crate) approver: Approver,
    pub(crate) console: &'a Console,
    /// Where proofs against signers are kept.
    pub(crate) evidence_dir: Option<PathBuf>,
}

impl Cosigner<'_> {
    /// Returns when the node cannot go on.
    pub(crate) async fn run(&mut self) -> Result<(), Failure> {
        loop {
            tokio::select! {
                event = self.network.next() => {
                    match self.network.digest(event?, self.console).await? {
                        Some((event, Some(view))) => self.take(&event, &view).await?,
                        Some((event, None)) => self.take_of_forgotten(&event),
                        None => {}
                    }
                }
                (session, answer) = self.approver.answer() => match answer {
                    Ok(()) => self.join(session).await?,
                    Err(reason) => self.decline(session, reason).await?,
                },
            }
        }
    }

    async fn take(&mut self, event: &Event, view: &SessionView) -> Result<(), Failure> {
        let is_shown_later = matches!(event, Event::SessionDiscovered { .. }) && self.approver.shows_terms();
        if !is_shown_later || self.console.is_json() {
            self.console.step(None, &Step::of(event, view))?;
        }
        match event {
            Event::SessionDiscovered { session } => match self.approver.decide(view) {
                Decision::Join => self.join(*session).await?,
                Decision::Decline(reason) => self.decline(*session, reason).await?,
                Decision::Asked => {}
            },
            Event::SessionComplete { signatures, .. } | Event::LateSignature { signatures, .. } => {
                self.console.show(&Line::Result(&SessionResult::of(view, signatures)))?;
            }
            Event::SessionAborted { session, cause, .. } => {
                self.approver.forget(*session);
                if let AbortCause::Convicted { evidence, .. } = cause {
                    self.keep(*session, evidence)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Nothing is left of a session that ended undecided.
    fn take_of_forgotten(&mut self, event: &Event) {
        if let Event::SessionAborted { session, .. } = event {
            self.approver.forget(*session);
        }
    }

    async fn join(&mut self, session: SessionId) -> Result<(), Failure> {
        let step = match self.network.handle.execute(Command::JoinSession { session }).await {
            Ok(()) => Step::SessionJoined(Session { session }),
            // What came with the announcement ended it: of that the application hears by itself.
            Err(HandleError::Command(CommandError::Ended(_))) => return Ok(()),
            Err(HandleError::Command(error)) => {
                Step::SessionError { session: Session { session }, error: format!("cannot join: {error}") }
            }
            Err(stopped) => return Err(stopped.into()),
        };
        self.console.step(None, &step)
    }

    async fn decline(&mut self, session: SessionId, reason: String) -> Result<(), Failure> {
        match self.network.handle.execute(Command::DeclineSession { session }).await {
            // One that the core forgot by itself meanwhile is declined as well.
            Ok(()) | Err(HandleError::Command(_)) => {}
            Err(stopped) => return Err(stopped.into()),
        }
        self.console.step(None, &Step::SessionDeclined { session: Session { session }, reason })
    }

    /// Keeps a proof. Without it the session ends just the same: that it cannot be kept is said, and no more.
    fn keep(&self, session: SessionId, evidence: &Evidence) -> Result<(), Failure> {
        let Some(folder) = &self.evidence_dir else { return Ok(()) };
        let session = Session { session };
        let step = match keep(folder, evidence) {
            Ok(file) => Step::EvidenceKept { session, file: file.display().to_string() },
            Err(error) => Step::SessionError {
                session,
                error: format!("cannot keep the evidence in {}: {error}", folder.display()),
            },
        };
        self.console.step(None, &step)
    }
}

/// One file a session: the first proof is as good as another.
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
    use crate::keyfile;
    use crate::questions::Questions;
    use musig2_libp2p::NodeConfig;
    use musig2_libp2p::musig2_proto::DefaultCrypto;
    use std::cell::RefCell;

    thread_local! {
        static SAID: RefCell<String> = const { RefCell::new(String::new()) };
    }

    #[tokio::test]
    async fn a_question_is_taken_back_when_its_session_ends_undecided() {
        let session = SessionId::new([1; 32]);
        let say = |text: &str| SAID.with_borrow_mut(|said| said.push_str(text));
        let network =
            Network::start(NodeConfig::default().with_listen([]), keyfile::generate().unwrap().0).unwrap();
        let approver = Approver::Person(Questions::asking(session, say));
        let console = Console::new(true);
        let mut cosigner = Cosigner { network, approver, console: &console, evidence_dir: None };
        let cause = AbortCause::Expired { awaiting: Vec::new() };
        cosigner.take_of_forgotten(&Event::SessionAborted { session, cause, released: false });
        assert_eq!(SAID.take(), "Session 01010101 has ended: no answer is needed.\n");
    }

    #[test]
    fn a_proof_is_kept_whole_and_once() {
        let hex = include_str!("../../../tests/processes/equivocation.hex").trim();
        let evidence = Evidence::from_bytes(&hex::decode(hex).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("evidence");
        let file = keep(&folder, &evidence).unwrap();
        assert_eq!(keep(&folder, &evidence).unwrap(), file);
        let kept = Evidence::from_bytes(&std::fs::read(file).unwrap()).unwrap();
        assert!(kept.verify::<DefaultCrypto>().is_ok());
    }
}
