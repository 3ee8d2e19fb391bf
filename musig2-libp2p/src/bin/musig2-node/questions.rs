//! Asking a person at a terminal whether to sign, one session after another.

use crate::people;
use crate::report::short;
use crate::terms::Terms;
use musig2_libp2p::musig2_proto::{SessionId, SessionView};
use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use tokio::sync::mpsc;

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

/// Questions to a person. The lines that answer them come through a channel.
#[derive(Debug)]
pub(crate) struct Questions {
    /// At most as many as the node keeps undecided sessions (`max_discovered_sessions`).
    waiting: VecDeque<Question>,
    asked: Option<SessionId>,
    /// The session asked about ended before the answer, which may be half typed: it must not answer the next question.
    withdrawn: bool,
    lines: mpsc::Receiver<String>,
}

#[derive(Debug)]
struct Question {
    session: SessionId,
    /// Everything that a yes consents to, where it would not stand right above the question.
    terms: Vec<u8>,
}

impl Questions {
    /// To whoever sits at standard input.
    pub(crate) fn on_stdin() -> Self {
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
        Self::on(lines)
    }

    fn on(lines: mpsc::Receiver<String>) -> Self {
        Self { waiting: VecDeque::new(), asked: None, withdrawn: false, lines }
    }

    /// One more question. `shown`: the person has just seen what the session is about.
    pub(crate) fn add(&mut self, session: &SessionView, shown: bool) {
        let mut terms = Vec::new();
        if !shown || self.asked.is_some() || !self.waiting.is_empty() {
            // Writing to memory does not fail.
            let _ = people::terms(&mut terms, &Terms::of(session));
        }
        self.waiting.push_back(Question { session: session.id, terms });
    }

    /// The session has ended: no question is left.
    pub(crate) fn withdraw(&mut self, session: SessionId) {
        self.waiting.retain(|question| question.session != session);
        if self.asked == Some(session) {
            self.asked = None;
            self.withdrawn = true;
            prompt(b"Too late: the session has ended. Press Enter to go on.\n");
        }
    }

    /// The next answer. Cancel-safe: a question asked stays asked.
    pub(crate) async fn answer(&mut self) -> (SessionId, Answer) {
        loop {
            if self.withdrawn {
                // The end of input shows again below.
                let _ = self.lines.recv().await;
                self.withdrawn = false;
            }
            let session = match self.asked {
                Some(asked) => asked,
                None => match self.waiting.pop_front() {
                    Some(question) => self.ask(&question),
                    None => std::future::pending().await,
                },
            };
            let answer = match self.lines.recv().await.as_deref().map(str::trim) {
                None => Answer::Gone,
                Some(line) if ["y", "yes"].iter().any(|yes| line.eq_ignore_ascii_case(yes)) => Answer::Yes,
                Some(line) if ["n", "no"].iter().any(|no| line.eq_ignore_ascii_case(no)) => Answer::No,
                Some(_) => {
                    prompt(b"Please type y or n.\n");
                    continue;
                }
            };
            self.asked = None;
            return (session, answer);
        }
    }

    fn ask(&mut self, question: &Question) -> SessionId {
        // What was typed before the question is no answer to it.
        while self.lines.try_recv().is_ok() {}
        self.asked = Some(question.session);
        prompt(&question.terms);
        // A line of its own: more may be printed before the answer comes.
        prompt(format!("Sign everything in session {}? Type y or n:\n", short(&question.session)).as_bytes());
        question.session
    }
}

/// On standard error: standard output may be JSON. Where that is closed, there is nobody to tell.
fn prompt(text: &[u8]) {
    let mut to = anstream::stderr().lock();
    let _ = to.write_all(text).and_then(|()| to.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const ONE: SessionId = SessionId::new([1; 32]);
    const TWO: SessionId = SessionId::new([2; 32]);

    fn questions(sessions: &[SessionId]) -> (mpsc::Sender<String>, Questions) {
        let (sender, lines) = mpsc::channel(16);
        let mut questions = Questions::on(lines);
        questions
            .waiting
            .extend(sessions.iter().map(|session| Question { session: *session, terms: Vec::new() }));
        (sender, questions)
    }

    #[test]
    fn questions_are_asked_in_turn_until_they_are_answered() {
        let (sender, mut questions) = questions(&[ONE, TWO]);
        assert_eq!(questions.answer().now_or_never(), None);
        sender.try_send("perhaps".into()).unwrap();
        sender.try_send(" Yes ".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), Some((ONE, Answer::Yes)));
        assert_eq!(questions.answer().now_or_never(), None);
        sender.try_send("n".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), Some((TWO, Answer::No)));
        assert_eq!(questions.answer().now_or_never(), None);
    }

    #[test]
    fn what_was_typed_before_a_question_does_not_answer_it() {
        let (sender, mut questions) = questions(&[ONE]);
        sender.try_send("y".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), None);
        sender.try_send("n".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), Some((ONE, Answer::No)));
    }

    #[test]
    fn an_answer_meant_for_a_session_that_ended_does_not_answer_the_next() {
        let (sender, mut questions) = questions(&[ONE, TWO]);
        assert_eq!(questions.answer().now_or_never(), None);
        questions.withdraw(ONE);
        assert_eq!(questions.answer().now_or_never(), None);
        sender.try_send("y".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), None);
        sender.try_send("n".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), Some((TWO, Answer::No)));
    }

    #[test]
    fn nobody_there_is_no_consent() {
        let (sender, mut questions) = questions(&[ONE, TWO]);
        drop(sender);
        assert_eq!(questions.answer().now_or_never(), Some((ONE, Answer::Gone)));
        assert_eq!(questions.answer().now_or_never(), Some((TWO, Answer::Gone)));
    }
}
