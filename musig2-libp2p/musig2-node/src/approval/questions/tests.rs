use super::*;
use futures::FutureExt;
use std::cell::RefCell;

const ONE: SessionId = SessionId::new([1; 32]);
const TWO: SessionId = SessionId::new([2; 32]);

thread_local! {
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Returns what was said since the last call.
fn said() -> String {
    SAID.take()
}

fn questions(sessions: &[SessionId]) -> (mpsc::Sender<String>, Questions) {
    said();
    let (sender, lines) = mpsc::channel(16);
    let mut questions = Questions::on(
        Some(lines),
        |text| SAID.with_borrow_mut(|said| said.push_str(text)),
        Screen::default(),
    );
    questions.waiting.extend(sessions.iter().map(|session| Question::of(*session)));
    // Each has another proposer.
    for (place, question) in (1..).zip(&mut questions.waiting) {
        question.terms.signers = vec![Hex([place; 33])];
    }
    (sender, questions)
}

/// Simulates that nothing was shown for a while.
fn quiet(questions: &mut Questions) {
    if let Some(again) = questions.asked.as_mut().and_then(|asked| asked.again.as_mut()) {
        *again -= 2 * QUIET;
    }
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
async fn a_line_typed_before_a_question_does_not_answer_it() {
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
    questions.withdraw(ONE, "somebody ended it");
    assert_eq!(
        said(),
        "Session 01010101 has ended: no answer is needed. Reason: somebody ended it\n"
    );
    assert_eq!(questions.answer().now_or_never(), None);
    assert!(
        said().ends_with("Sign everything in session 02020202? Type y or n:\n"),
        "nothing need be typed"
    );
    sender.try_send("y".into()).unwrap();
    assert_eq!(questions.answer().now_or_never(), None);
    let again = said();
    assert!(
        again.starts_with("Ignored: that may have been meant for the session that has ended."),
        "{again}"
    );
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
async fn a_session_that_expires_before_the_answer_is_no_longer_asked_about() {
    let (sender, mut questions) = questions(&[ONE, TWO]);
    assert_eq!(questions.answer().now_or_never(), None);
    said();
    let asked = questions.asked.as_mut().expect("it was asked");
    asked.question.expires = Instant::now() - Duration::from_secs(1);
    assert_eq!(questions.answer().now_or_never(), None);
    let told = "Session 01010101 has ended: no answer is needed. Reason: it expired\n";
    assert!(said().starts_with(told));
    sender.try_send("y".into()).unwrap();
    assert_eq!(questions.answer().now_or_never(), None, "the line was typed for the first session");
    sender.try_send("y".into()).unwrap();
    assert_eq!(questions.answer().now_or_never(), Some((TWO, Answer::Yes)));
}

#[tokio::test]
async fn a_missing_person_does_not_consent() {
    let (sender, mut questions) = questions(&[ONE, TWO]);
    drop(sender);
    assert_eq!(questions.answer().now_or_never(), Some((ONE, Answer::Gone)));
    assert_eq!(questions.answer().now_or_never(), Some((TWO, Answer::Gone)));
}

#[tokio::test]
async fn known_proposers_come_before_strangers_and_those_waiting_are_counted() {
    let (sender, mut questions) = questions(&[ONE]);
    assert_eq!(questions.answer().now_or_never(), None);
    assert!(said().ends_with("Sign everything in session 01010101? Type y or n:\n"));
    let terms = |session: SessionId, proposer: u8| Terms {
        signers: vec![Hex([proposer; 33])],
        expires_at_ms: u64::MAX / 2,
        ..Terms::of_nothing(session)
    };
    let session = |number: u8| SessionId::new([number; 32]);
    for stranger in 10..40 {
        questions.add(session(stranger), terms(session(stranger), stranger), false);
    }
    questions.add(TWO, terms(TWO, 2), true);
    // A person who is being asked already learns of it without typing anything.
    quiet(&mut questions);
    assert_eq!(questions.answer().now_or_never(), None);
    let wait = "Also waiting for an answer: 1 session from signers that you know, and 30 from strangers.\n";
    assert_eq!(said(), format!("{wait}Sign everything in session 01010101? Type y or n:\n"));
    sender.try_send("n".into()).unwrap();
    assert_eq!(questions.answer().now_or_never(), Some((ONE, Answer::No)));
    assert_eq!(questions.answer().now_or_never(), None);
    let asked = said();
    assert!(
        asked.contains("0 sessions from signers that you know, and 30 from strangers"),
        "{asked}"
    );
    sender.try_send("y".into()).unwrap();
    assert_eq!(questions.answer().now_or_never(), Some((TWO, Answer::Yes)));
    assert_eq!(questions.answer().now_or_never(), None);
    assert!(said().contains("Sign everything in session 0a0a0a0a?"));
}

#[tokio::test]
async fn one_answer_can_decline_everything_of_only_one_proposer() {
    let sessions: Vec<_> = (1..=5).map(|number| SessionId::new([number; 32])).collect();
    let (sender, mut questions) = questions(&sessions);
    for place in [0, 2, 4] {
        questions.waiting[place].terms.signers = vec![Hex([9; 33])];
    }
    assert_eq!(questions.answer().now_or_never(), None);
    let asked = said();
    assert!(
        asked.ends_with("Type y or n, or none (no to this one and to 2 more from its proposer):\n"),
        "{asked}"
    );
    sender.try_send("none".into()).unwrap();
    for place in [0, 2, 4] {
        assert_eq!(questions.answer().now_or_never(), Some((sessions[place], Answer::No)));
    }
    assert_eq!(questions.answer().now_or_never(), None);
    assert!(said().contains("Sign everything in session 02020202? Type y or n:"));
}

#[tokio::test]
async fn a_question_is_shown_again_below_other_lines() {
    let (sender, mut questions) = questions(&[ONE]);
    assert_eq!(questions.answer().now_or_never(), None);
    let mut shown_after = |lines: usize| {
        said();
        questions.screen.wrote("\n".repeat(lines).as_bytes());
        assert_eq!(questions.answer().now_or_never(), None);
        assert_eq!(said(), "", "other lines of the same moment come first");
        quiet(&mut questions);
        assert_eq!(questions.answer().now_or_never(), None);
        said()
    };
    assert_eq!(shown_after(0), "");
    assert_eq!(shown_after(1), "Sign everything in session 01010101? Type y or n:\n");
    let in_full = shown_after(50);
    assert!(in_full.contains(&format!("session      {ONE}\n")), "{in_full}");
    assert_eq!(shown_after(0), "", "once");
    sender.try_send("y".into()).unwrap();
    assert_eq!(questions.answer().now_or_never(), Some((ONE, Answer::Yes)));
}
