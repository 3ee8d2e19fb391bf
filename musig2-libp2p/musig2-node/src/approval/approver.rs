//! Decides whether a session is joined: always, by a policy (and perhaps a program), or by asking a
//! person.

use crate::approval::policy::Policy;
use crate::approval::program::{Program, ProgramError};
use crate::approval::questions::{Answer, Questions};
use crate::approval::told::Partners;
use crate::model::labels::Labels;
use crate::model::record::Approval;
use crate::model::terms::Terms;
use crate::system::screen::Screen;
use crate::system::toml_file::TomlError;
use musig2_libp2p::musig2_proto::{DeclineReason, PublicKey, SessionId, SessionView};
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// The value of `--approve`.
#[derive(Debug, Clone)]
pub(crate) enum Approve {
    /// Join everything that is proposed.
    All,
    /// Ask on the terminal.
    Ask,
    /// Join what the policy in this file allows.
    File(PathBuf),
}

/// Why nothing can be approved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApprovalError {
    #[error("{0} (`--approve` takes `all`, `ask`, or the path of a policy file)")]
    Policy(#[from] TomlError),
    #[error("{}: no `{missing}`, so the policy allows nothing. Add a list, or `{missing} = \"any\"`", .file.display())]
    SignsNothing { file: PathBuf, missing: &'static str },
    #[error(
        "no set in `signer_sets` has this node's key {0}, so the policy allows nothing. Check that this is the right key file, and add its key to the sets that it signs with"
    )]
    NoSigner(PublicKey),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(
        "standard input is not a terminal, so nobody can be asked: give `--approve FILE` with a policy, \
         or `--approve all` to sign everything that is proposed"
    )]
    NobodyToAsk,
}

/// Decides on sessions.
#[derive(Debug)]
pub(crate) enum Approver {
    /// Join everything that is proposed.
    All,
    /// Ask on the terminal.
    Person(Questions),
    /// Join what the policy allows.
    Policy(Box<PolicyApprover>),
}

/// A policy, and the program that it names.
#[derive(Debug)]
pub(crate) struct PolicyApprover {
    policy: Policy,
    program: Option<Program>,
}

/// A decision on a session.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Sign. The approval says who decided.
    Join(Approval),
    /// Do not sign, for this reason.
    Decline(String),
    /// A person or a program has been asked; the answer comes from [`Approver::answer`].
    Asked,
}

impl From<OsString> for Approve {
    fn from(text: OsString) -> Self {
        match text.to_str() {
            Some("all") => Self::All,
            Some("ask") => Self::Ask,
            _ => Self::File(text.into()),
        }
    }
}

impl Approver {
    /// Reads the file, or checks that there is somebody to ask.
    pub(crate) fn new(approve: &Approve, screen: Screen) -> Result<Self, ApprovalError> {
        match approve {
            Approve::All => Ok(Self::All),
            Approve::Ask if !io::stdin().is_terminal() => Err(ApprovalError::NobodyToAsk),
            Approve::Ask => Ok(Self::Person(Questions::on_stdin(screen))),
            Approve::File(file) => {
                let policy = Policy::read(file)?;
                match policy.missing() {
                    Some(missing) => {
                        Err(ApprovalError::SignsNothing { file: file.clone(), missing })
                    }
                    None => Self::by(policy),
                }
            }
        }
    }

    /// Makes an approver that decides by a policy.
    pub(crate) fn by(policy: Policy) -> Result<Self, ApprovalError> {
        let program = Program::new(&policy.approve_command, policy.approve_timeout.0)?;
        Ok(Self::Policy(Box::new(PolicyApprover { policy, program })))
    }

    /// Checks that the owner of this key could ever be allowed to sign.
    pub(crate) fn check_signer(&self, own: &PublicKey) -> Result<(), ApprovalError> {
        match self {
            Self::Policy(approver) if !approver.policy.has_signer(own) => {
                Err(ApprovalError::NoSigner(*own))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether a person is asked, who is then shown what a session is about.
    pub(crate) fn shows_terms(&self) -> bool {
        matches!(self, Self::Person(_))
    }

    /// Returns the signers with which sessions may be signed.
    pub(crate) fn partners(&self) -> Partners {
        match self {
            Self::Policy(approver) => Partners::of(&approver.policy),
            Self::All | Self::Person(_) => Partners::default(),
        }
    }

    /// Returns who declines a session, as a reason for its proposer.
    pub(crate) fn decliner(&self) -> DeclineReason {
        match self {
            Self::Person(_) => DeclineReason::Person,
            Self::All | Self::Policy(_) => DeclineReason::Policy,
        }
    }

    /// Returns whether a person has yet to answer.
    pub(crate) fn is_asking(&self) -> bool {
        matches!(self, Self::Person(questions) if questions.is_asking())
    }

    /// Decides on a session. `is_known` says whether its proposer is known here or a stranger.
    pub(crate) fn decide(
        &mut self,
        session: &SessionView,
        labels: &Labels,
        is_known: bool,
    ) -> Decision {
        match self {
            Self::All => Decision::Join(Approval::Everything),
            Self::Policy(approver) => match (approver.policy.check(session), &mut approver.program)
            {
                (Err(problem), _) => Decision::Decline(problem),
                (Ok(rule), None) => Decision::Join(Approval::Policy { rule }),
                (Ok(rule), Some(program)) => {
                    program.ask(session.id, &Terms::of(session, labels), rule);
                    Decision::Asked
                }
            },
            Self::Person(questions) => {
                questions.add(session.id, Terms::of(session, labels), is_known);
                Decision::Asked
            }
        }
    }

    /// Returns the next answer of the person or program that was asked: an approval, or why not.
    /// Cancel-safe.
    pub(crate) async fn answer(&mut self) -> (SessionId, Result<Approval, String>) {
        match self {
            Self::Person(questions) => {
                let (session, answer) = questions.answer().await;
                let answer = match answer {
                    Answer::Yes => Ok(Approval::Person),
                    Answer::No => Err("you said no".into()),
                    Answer::Gone => Err("standard input has ended, so nobody can be asked".into()),
                };
                (session, answer)
            }
            Self::Policy(approver) => match &mut approver.program {
                Some(program) => program.answer().await,
                None => std::future::pending().await,
            },
            Self::All => std::future::pending().await,
        }
    }

    /// Withdraws the question about a session that has ended.
    pub(crate) fn forget(&mut self, session: SessionId, reason: &str) {
        match self {
            Self::Person(questions) => questions.withdraw(session, reason),
            Self::Policy(approver) => {
                approver.program.iter_mut().for_each(|program| program.forget(session));
            }
            Self::All => {}
        }
    }
}
