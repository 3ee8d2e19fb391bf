//! Who decides whether `cosign` joins a session: everybody may, a file says, or a person is asked.

use crate::rules::{Rules, RulesError};
use musig2_libp2p::musig2_proto::{SessionId, SessionView};
use std::collections::VecDeque;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::str::FromStr;
use tokio::sync::mpsc;

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
    /// A person will say; the answer comes from [`Questions::answer`].
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
            Approve::Ask => Ok(Self::Person(Questions::new())),
            Approve::File(path) => Ok(Self::Rules(Rules::read(path)?)),
        }
    }

    /// Decides on a session.
    pub(crate) fn decide(&mut self, session: &SessionView) -> Decision {
        match self {
            Self::All => Decision::Join,
            Self::Rules(rules) => match rules.check(session) {
                Ok(()) => Decision::Join,
                Err(problem) => Decision::Decline(problem),
            },
            Self::Person(questions) => {
                questions.waiting.push_back(session.id);
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
            questions.waiting.retain(|waiting| *waiting != session);
            if questions.asked == Some(session) {
                questions.asked = None;
                questions.withdrawn = true;
                prompt("\nToo late: the session has ended. Press Enter to go on. ");
            }
        }
    }
}

/// What a person said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Sign.
    Yes,
    /// Do not sign.
    No,
    /// Nothing more will be said: standard input ended.
    Gone,
}

/// Questions to a person at a terminal, one after another.
#[derive(Debug)]
pub(crate) struct Questions {
    /// Sessions to ask about; at most as many as the node keeps undecided (`max_discovered_sessions`).
    waiting: VecDeque<SessionId>,
    asked: Option<SessionId>,
    /// The session asked about ended before the answer, which may be half typed: it must not answer the next question.
    withdrawn: bool,
    lines: mpsc::Receiver<String>,
}

impl Questions {
    fn new() -> Self {
        // A thread of its own: a read from a terminal cannot be cancelled, and must not hold the end of the program up.
        let (sender, lines) = mpsc::channel(16);
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                // Lines that nobody waits for are dropped when the channel is full: they answer no question.
                if let Err(mpsc::error::TrySendError::Closed(_)) = sender.try_send(line) {
                    return;
                }
            }
        });
        Self { waiting: VecDeque::new(), asked: None, withdrawn: false, lines }
    }

    /// Cancel-safe: a question asked stays asked.
    async fn answer(&mut self) -> (SessionId, Answer) {
        loop {
            if self.withdrawn {
                // The end of input shows again below.
                let _ = self.lines.recv().await;
                self.withdrawn = false;
            }
            let session = match self.asked {
                Some(asked) => asked,
                None => match self.waiting.pop_front() {
                    Some(next) => {
                        // What was typed before the question is no answer to it.
                        while self.lines.try_recv().is_ok() {}
                        self.asked = Some(next);
                        ask(next);
                        next
                    }
                    None => std::future::pending().await,
                },
            };
            let answer = match self.lines.recv().await.as_deref().map(str::trim) {
                None => Answer::Gone,
                Some(line) if ["y", "yes"].iter().any(|yes| line.eq_ignore_ascii_case(yes)) => Answer::Yes,
                Some(line) if ["n", "no"].iter().any(|no| line.eq_ignore_ascii_case(no)) => Answer::No,
                Some(_) => {
                    ask(session);
                    continue;
                }
            };
            self.asked = None;
            return (session, answer);
        }
    }
}

fn ask(session: SessionId) {
    prompt(&format!("Sign everything in session {}? [y/n] ", crate::report::short(&session)));
}

/// On standard error: standard output may be JSON. Where that is closed, there is nobody to tell.
fn prompt(text: &str) {
    let mut to = io::stderr();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
