//! Asking a person at a terminal whether to sign, one session after another.

use crate::people;
use crate::report::short;
use crate::terms::Terms;
use musig2_libp2p::musig2_proto::SessionId;
use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

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
    /// Without expired ones whenever one is added: at most as many as the node keeps undecided sessions (`max_discovered_sessions`).
    waiting: VecDeque<Question>,
    asked: Option<Asked>,
    /// The session asked about ended before the answer, which may be half typed: the next line answers no question.
    withdrawn: bool,
    /// `None` until the first answer is waited for: until then standard input may be somebody else's.
    lines: Option<mpsc::Receiver<String>>,
    /// Says something to the person.
    say: fn(&str),
}

#[derive(Debug)]
struct Question {
    session: SessionId,
    /// Of the session.
    expires: Instant,
    /// Everything that a yes consents to. It stands right above the question, whatever else is printed.
    terms: Box<Terms>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    session: SessionId,
    expires: Instant,
}

impl Questions {
    /// To whoever sits at standard input.
    pub(crate) fn on_stdin() -> Self {
        Self::on(None, say)
    }

    fn on(lines: Option<mpsc::Receiver<String>>, say: fn(&str)) -> Self {
        Self { waiting: VecDeque::new(), asked: None, withdrawn: false, lines, say }
    }

    /// One more question.
    pub(crate) fn add(&mut self, session: SessionId, terms: Terms) {
        let now = Instant::now();
        self.waiting.retain(|question| question.expires > now);
        let expires = now + terms.left();
        self.waiting.push_back(Question { session, expires, terms: Box::new(terms) });
    }

    /// The session has ended: no question is left.
    pub(crate) fn withdraw(&mut self, session: SessionId) {
        self.waiting.retain(|question| question.session != session);
        if self.asked.is_some_and(|asked| asked.session == session) {
            self.asked = None;
            self.withdrawn = true;
            (self.say)(&format!("Session {} has ended: no answer is needed.\n", short(&session)));
        }
    }

    /// The next answer. Cancel-safe: a question asked stays asked.
    pub(crate) async fn answer(&mut self) -> (SessionId, Answer) {
        self.lines.get_or_insert_with(read_stdin);
        loop {
            let asked = match self.asked {
                Some(asked) => asked,
                None => match self.waiting.pop_front() {
                    Some(question) if question.expires <= Instant::now() => continue,
                    Some(question) => self.ask(&question),
                    None => std::future::pending().await,
                },
            };
            let line = tokio::select! {
                biased;
                () = sleep_until(asked.expires) => {
                    self.withdraw(asked.session);
                    continue;
                }
                line = self.lines.get_or_insert_with(read_stdin).recv() => line,
            };
            let answer = match line.as_deref().map(str::trim) {
                None => Answer::Gone,
                Some(_) if std::mem::take(&mut self.withdrawn) => {
                    (self.say)("That may have been meant for the session that has ended. ");
                    self.ask_for(asked.session);
                    continue;
                }
                Some(line) if ["y", "yes"].iter().any(|yes| line.eq_ignore_ascii_case(yes)) => Answer::Yes,
                Some(line) if ["n", "no"].iter().any(|no| line.eq_ignore_ascii_case(no)) => Answer::No,
                Some(_) => {
                    (self.say)("Please type y or n.\n");
                    continue;
                }
            };
            self.asked = None;
            return (asked.session, answer);
        }
    }

    fn ask(&mut self, question: &Question) -> Asked {
        // What was typed before the question is no answer to it.
        while self.lines.get_or_insert_with(read_stdin).try_recv().is_ok() {}
        let mut text = b"somebody proposes a session\n".to_vec();
        // Writing to memory does not fail.
        let _ = people::terms(&mut text, &question.terms);
        (self.say)(&String::from_utf8_lossy(&text));
        self.ask_for(question.session);
        let asked = Asked { session: question.session, expires: question.expires };
        self.asked = Some(asked);
        asked
    }

    /// In a line of its own: more may be printed before the answer comes.
    fn ask_for(&self, session: SessionId) {
        (self.say)(&format!("Sign everything in session {}? Type y or n:\n", short(&session)));
    }
}

/// A thread of its own: a read from a terminal cannot be cancelled, and must not hold the end of the program up.
fn read_stdin() -> mpsc::Receiver<String> {
    #[cfg(unix)]
    crate::terminal::discard_typed();
    let (sender, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            // Lines that nobody waits for are dropped when the channel is full: they answer no question.
            if let Err(mpsc::error::TrySendError::Closed(_)) = sender.try_send(line) {
                return;
            }
        }
    });
    lines
}

/// On standard error: standard output may be JSON. Where that is closed, there is nobody to tell.
fn say(text: &str) {
    let mut to = anstream::stderr().lock();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

#[cfg(test)]
impl Questions {
    /// One question, which has been asked.
    pub(crate) fn asking(session: SessionId, say: fn(&str)) -> Self {
        let mut questions = Self::on(Some(mpsc::channel(1).1), say);
        let expires = Instant::now() + std::time::Duration::from_secs(60);
        questions.asked = Some(Asked { session, expires });
        questions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::cell::RefCell;
    use std::time::Duration;

    const ONE: SessionId = SessionId::new([1; 32]);
    const TWO: SessionId = SessionId::new([2; 32]);

    thread_local! {
        static SAID: RefCell<String> = const { RefCell::new(String::new()) };
    }

    /// What was said since the last time.
    fn said() -> String {
        SAID.take()
    }

    fn questions(sessions: &[SessionId]) -> (mpsc::Sender<String>, Questions) {
        said();
        let (sender, lines) = mpsc::channel(16);
        let mut questions =
            Questions::on(Some(lines), |text| SAID.with_borrow_mut(|said| said.push_str(text)));
        let expires = Instant::now() + Duration::from_secs(60);
        let question = |session: &SessionId| Question {
            session: *session,
            expires,
            terms: Box::new(Terms::of_nothing(*session)),
        };
        questions.waiting.extend(sessions.iter().map(question));
        (sender, questions)
    }

    #[tokio::test]
    async fn questions_are_asked_in_turn_until_they_are_answered() {
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

    #[tokio::test]
    async fn what_was_typed_before_a_question_does_not_answer_it() {
        let (sender, mut questions) = questions(&[ONE]);
        sender.try_send("y".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), None);
        sender.try_send("n".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), Some((ONE, Answer::No)));
    }

    #[tokio::test]
    async fn an_answer_meant_for_a_session_that_ended_does_not_answer_the_next() {
        let (sender, mut questions) = questions(&[ONE, TWO]);
        assert_eq!(questions.answer().now_or_never(), None);
        let asked = said();
        assert!(asked.contains(&format!("session      {ONE}\n")), "{asked}");
        assert!(asked.ends_with("Sign everything in session 01010101? Type y or n:\n"), "{asked}");
        questions.withdraw(ONE);
        assert_eq!(said(), "Session 01010101 has ended: no answer is needed.\n");
        assert_eq!(questions.answer().now_or_never(), None);
        assert!(
            said().ends_with("Sign everything in session 02020202? Type y or n:\n"),
            "nothing need be typed"
        );
        sender.try_send("y".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), None);
        let again = said();
        assert!(again.starts_with("That may have been meant for the session that has ended."), "{again}");
        assert!(again.ends_with("Sign everything in session 02020202? Type y or n:\n"), "{again}");
        sender.try_send("n".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), Some((TWO, Answer::No)));
    }

    #[tokio::test]
    async fn a_session_that_expired_is_not_asked_about() {
        let (sender, mut questions) = questions(&[ONE, TWO]);
        questions.waiting[0].expires = Instant::now();
        assert_eq!(questions.answer().now_or_never(), None);
        sender.try_send("y".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), Some((TWO, Answer::Yes)));
    }

    #[tokio::test]
    async fn a_session_that_expires_before_the_answer_is_not_asked_about_any_more() {
        let (sender, mut questions) = questions(&[ONE, TWO]);
        assert_eq!(questions.answer().now_or_never(), None);
        said();
        questions.asked = Some(Asked { session: ONE, expires: Instant::now() - Duration::from_secs(1) });
        assert_eq!(questions.answer().now_or_never(), None);
        assert!(said().starts_with("Session 01010101 has ended: no answer is needed.\n"));
        sender.try_send("y".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), None, "the line was typed for the first session");
        sender.try_send("y".into()).unwrap();
        assert_eq!(questions.answer().now_or_never(), Some((TWO, Answer::Yes)));
    }

    #[tokio::test]
    async fn nobody_there_is_no_consent() {
        let (sender, mut questions) = questions(&[ONE, TWO]);
        drop(sender);
        assert_eq!(questions.answer().now_or_never(), Some((ONE, Answer::Gone)));
        assert_eq!(questions.answer().now_or_never(), Some((TWO, Answer::Gone)));
    }
}
