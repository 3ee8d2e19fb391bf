//! Who decides whether `cosign` joins a session: everybody may, a file says, or a person is asked.

use crate::questions::{Answer, Questions};
use crate::rules::{Rules, RulesError};
use musig2_libp2p::musig2_proto::{SessionId, SessionView};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::str::FromStr;

/// The value of `--approve`.
#[derive(Debug, Clone)]
pub(crate) enum Approve {
    /// Join whatever is proposed.
    All,
    /// Ask on the terminal.
    Ask,
    /// Join what a file allows.
    File(PathBuf),
}

/// Why nobody can approve anything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApprovalError {
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error(
        "standard input is not a terminal, so nobody can be asked: give `--approve FILE` with what may be signed, \
         or `--approve all` to sign whatever is proposed"
    )]
    NobodyToAsk,
}

/// Who decides, ready to.
#[derive(Debug)]
pub(crate) enum Approver {
    /// Join whatever is proposed.
    All,
    /// Ask on the terminal.
    Person(Questions),
    /// Join what is allowed.
    Rules(Rules),
}

/// What was decided.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Sign.
    Join,
    /// Do not sign, because of this.
    Decline(String),
    /// A person will say; the answer comes from [`Approver::answer`].
    Asked,
}

impl FromStr for Approve {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "all" => Self::All,
            "ask" => Self::Ask,
            file => Self::File(file.into()),
        })
    }
}

impl Approver {
    /// Reads the file, or finds out whether there is somebody to ask.
    pub(crate) fn new(approve: &Approve) -> Result<Self, ApprovalError> {
        match approve {
            Approve::All => Ok(Self::All),
            Approve::Ask if !io::stdin().is_terminal() => Err(ApprovalError::NobodyToAsk),
            Approve::Ask => Ok(Self::Person(Questions::on_stdin())),
            Approve::File(path) => Ok(Self::Rules(Rules::read(path)?)),
        }
    }

    /// Decides on a session. `shown`: a person has just seen what it is about.
    pub(crate) fn decide(&mut self, session: &SessionView, shown: bool) -> Decision {
        match self {
            Self::All => Decision::Join,
            Self::Rules(rules) => match rules.check(session) {
                Ok(()) => Decision::Join,
                Err(problem) => Decision::Decline(problem),
            },
            Self::Person(questions) => {
                questions.add(session, shown);
                Decision::Asked
            }
        }
    }

    /// The next answer of a person; never, where nobody is asked.
    pub(crate) async fn answer(&mut self) -> (SessionId, Answer) {
        match self {
            Self::Person(questions) => questions.answer().await,
            Self::All | Self::Rules(_) => std::future::pending().await,
        }
    }

    /// A session has ended: whoever would be asked about it need not be.
    pub(crate) fn forget(&mut self, session: SessionId) {
        if let Self::Person(questions) = self {
            questions.withdraw(session);
        }
    }
}
