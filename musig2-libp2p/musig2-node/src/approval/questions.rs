//! Asks a person at a terminal whether to sign, one session after another.

use crate::model::terms::Terms;
use crate::render;
use crate::system::screen::Screen;
use crate::text::hex::Hex;
use crate::text::names::count;
use crate::text::names::short;
use musig2_libp2p::musig2_proto::SessionId;
use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How long after other output a question is shown again, so that several lines of one moment come
/// above it.
const QUIET: Duration = Duration::from_secs(1);
/// After this many lines of other output, a session's terms may have left the screen.
const SCREEN: usize = 12;

/// A person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Sign.
    Yes,
    /// Do not sign.
    No,
    /// There will be no more answers: standard input ended.
    Gone,
}

/// Questions to a person. The answers come as lines through a channel.
#[derive(Debug)]
pub(crate) struct Questions {
    /// Questions from known proposers come before those from strangers. Expired ones are removed
    /// whenever one is added, so there are at most as many as the node keeps undecided sessions
    /// (`max_discovered_sessions`).
    waiting: VecDeque<Question>,
    asked: Option<Asked>,
    /// Sessions that the person refused together with another one of the same proposer.
    refused: VecDeque<SessionId>,
    /// The session in question ended before the answer, which may be half typed: the next line is
    /// not an answer to any question.
    withdrawn: bool,
    /// `None` until the first answer is waited for: until then standard input may belong to someone
    /// else.
    lines: Option<mpsc::Receiver<String>>,
    /// Shows a text to the person.
    say: fn(&str),
    /// Counts what else is shown there.
    screen: Screen,
}

#[derive(Debug)]
struct Question {
    session: SessionId,
    /// When the session expires.
    expires: Instant,
    /// Everything that a yes consents to. It is shown right above the question, whatever else is
    /// printed.
    terms: Box<Terms>,
    /// Whether the operator knows the proposer.
    is_known: bool,
}

#[derive(Debug)]
struct Asked {
    question: Question,
    /// How many lines of other output were on the screen when it was asked.
    lines: usize,
    /// When to ask again, because something else was shown below the question.
    again: Option<Instant>,
}

impl Question {
    fn proposer(&self) -> Option<&Hex<33>> {
        self.terms.signers.get(usize::from(self.terms.coordinator))
    }
}

impl Questions {
    /// Asks whoever sits at standard input and looks at this screen.
    pub(crate) fn on_stdin(screen: Screen) -> Self {
        Self::on(None, say, screen)
    }

    fn on(lines: Option<mpsc::Receiver<String>>, say: fn(&str), screen: Screen) -> Self {
        let (waiting, refused) = (VecDeque::new(), VecDeque::new());
        Self { waiting, asked: None, refused, withdrawn: false, lines, say, screen }
    }

    /// Adds a question. Those from known proposers are asked first: strangers can make as many as
    /// they like.
    pub(crate) fn add(&mut self, session: SessionId, terms: Terms, is_known: bool) {
        let now = Instant::now();
        self.waiting.retain(|question| question.expires > now);
        let expires = now + terms.left();
        let question = Question { session, expires, terms: Box::new(terms), is_known };
        if !is_known {
            return self.waiting.push_back(question);
        }
        let place = self.waiting.partition_point(|question| question.is_known);
        self.waiting.insert(place, question);
        // A person who is being asked about a stranger's session learns that a known proposer
        // waits.
        if let Some(asked) = &mut self.asked
            && !asked.question.is_known
        {
            asked.again.get_or_insert(now + QUIET);
        }
    }

    /// Returns whether the person has yet to answer.
    pub(crate) fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// Withdraws the question about a session that has ended, for this reason.
    pub(crate) fn withdraw(&mut self, session: SessionId, reason: &str) {
        self.waiting.retain(|question| question.session != session);
        self.refused.retain(|refused| *refused != session);
        if self.asked.as_ref().is_some_and(|asked| asked.question.session == session) {
            self.asked = None;
            self.withdrawn = true;
            let session = short(&session);
            (self.say)(&format!(
                "Session {session} has ended: no answer is needed. Reason: {reason}\n"
            ));
        }
    }

    /// Returns the next answer. Cancel-safe: a question that was asked stays asked.
    pub(crate) async fn answer(&mut self) -> (SessionId, Answer) {
        self.lines.get_or_insert_with(read_stdin);
        loop {
            if let Some(refused) = self.refused.pop_front() {
                return (refused, Answer::No);
            }
            let Some(asked) = &mut self.asked else {
                match self.waiting.pop_front() {
                    Some(question) if question.expires <= Instant::now() => {}
                    Some(question) => self.ask(question),
                    None => std::future::pending().await,
                }
                continue;
            };
            if self.screen.lines() != asked.lines {
                asked.again.get_or_insert(Instant::now() + QUIET);
            }
            let (session, expires, again) =
                (asked.question.session, asked.question.expires, asked.again);
            let line = tokio::select! {
                biased;
                () = sleep_until(expires) => {
                    self.withdraw(session, "it expired");
                    continue;
                }
                line = self.lines.get_or_insert_with(read_stdin).recv() => line,
                () = sleep_until(again.unwrap_or(expires)), if again.is_some() => {
                    self.ask_again();
                    continue;
                }
            };
            let answer = match line.as_deref().map(str::trim) {
                None => Answer::Gone,
                Some(_) if std::mem::take(&mut self.withdrawn) => {
                    (self.say)(
                        "Ignored: that may have been meant for the session that has ended. ",
                    );
                    self.ask_for();
                    continue;
                }
                Some(line) if ["y", "yes"].iter().any(|yes| line.eq_ignore_ascii_case(yes)) => {
                    Answer::Yes
                }
                Some(line) if ["n", "no"].iter().any(|no| line.eq_ignore_ascii_case(no)) => {
                    Answer::No
                }
                Some(line) if line.eq_ignore_ascii_case("none") => {
                    self.refuse_all();
                    Answer::No
                }
                Some(_) => {
                    (self.say)("Please type one of the answers. ");
                    self.ask_for();
                    continue;
                }
            };
            self.asked = None;
            return (session, answer);
        }
    }

    /// Refuses every waiting question from the proposer of the session in question.
    fn refuse_all(&mut self) {
        let Some(asked) = &self.asked else { return };
        let (refused, others): (VecDeque<_>, _) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|question| question.proposer() == asked.question.proposer());
        self.waiting = others;
        self.refused.extend(refused.iter().map(|question| question.session));
    }

    fn ask(&mut self, question: Question) {
        // Lines typed before the question are not an answer to it.
        while self.lines.get_or_insert_with(read_stdin).try_recv().is_ok() {}
        self.asked = Some(Asked { question, lines: 0, again: None });
        self.ask_in_full();
    }

    /// Asks again after other output. Also shows the session's terms again, if they may have left
    /// the screen.
    fn ask_again(&mut self) {
        let lines = self.asked.as_ref().map_or(0, |asked| asked.lines);
        if self.screen.lines() - lines > SCREEN { self.ask_in_full() } else { self.ask_for() }
    }

    fn ask_in_full(&mut self) {
        let Some(asked) = &self.asked else { return };
        let mut text = b"somebody proposes a session\n".to_vec();
        // Writing to memory does not fail.
        let _ = render::terms::terms(&mut text, &asked.question.terms);
        (self.say)(&String::from_utf8_lossy(&text));
        self.ask_for();
    }

    /// Asks on a line of its own: more may be printed before the answer comes.
    fn ask_for(&mut self) {
        let Some(asked) = &mut self.asked else { return };
        (asked.lines, asked.again) = (self.screen.lines(), None);
        let now = Instant::now();
        let waiting: Vec<_> =
            self.waiting.iter().filter(|question| question.expires > now).collect();
        let known = waiting.iter().filter(|question| question.is_known).count();
        let same =
            waiting.iter().filter(|other| other.proposer() == asked.question.proposer()).count();
        let wait = match waiting.len() {
            0 => String::new(),
            all => format!(
                "Also waiting for an answer: {} from signers that you know, and {} from strangers.\n",
                count(known, "session"),
                all - known
            ),
        };
        let answers = match same {
            0 => "y or n".into(),
            same => {
                format!("y or n, or none (no to this one and to {same} more from its proposer)")
            }
        };
        let session = short(&asked.question.session);
        (self.say)(&format!("{wait}Sign everything in session {session}? Type {answers}:\n"));
    }
}

/// Reads standard input in a separate thread: a read from a terminal cannot be cancelled, and must
/// not delay the end of the program.
fn read_stdin() -> mpsc::Receiver<String> {
    #[cfg(unix)]
    crate::system::terminal::discard_typed();
    let (sender, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            // When the channel is full, nobody waits for these lines: they answer no question, and
            // are dropped.
            if let Err(mpsc::error::TrySendError::Closed(_)) = sender.try_send(line) {
                return;
            }
        }
    });
    lines
}

/// Writes to standard error, because standard output may be JSON. If that is closed, there is
/// nobody to tell.
fn say(text: &str) {
    let mut to = anstream::stderr().lock();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

#[cfg(test)]
impl Question {
    /// An empty question with a minute left.
    fn of(session: SessionId) -> Self {
        let expires = Instant::now() + Duration::from_secs(60);
        Self { session, expires, terms: Box::new(Terms::of_nothing(session)), is_known: false }
    }
}

#[cfg(test)]
impl Questions {
    /// One question, already asked.
    pub(crate) fn asking(session: SessionId, say: fn(&str)) -> Self {
        let mut questions = Self::on(Some(mpsc::channel(1).1), say, Screen::default());
        questions.asked = Some(Asked { question: Question::of(session), lines: 0, again: None });
        questions
    }
}

#[cfg(test)]
mod tests;
