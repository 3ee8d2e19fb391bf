//! What a board holds of each author, and what follows from it. Statements reach a board verified,
//! so here their signatures are only zeros.

use super::*;
use crate::base::bytes::{PublicNonce, Signature};
use crate::base::ids::{Contact, Transcript};
use crate::wire::statement::{Abort, AbortReason, NonceSource};

const ME: SignerIndex = SignerIndex::new(0);
const OTHER: SignerIndex = SignerIndex::new(1);

fn board() -> Board {
    Board::new(SessionId::new([7; 32]), 3, ME)
}

fn boot(life: u8) -> Boot {
    Boot::new([life; 16])
}

fn statement(author: SignerIndex, body: Body) -> Statement {
    Statement { author, body, signature: Signature::new([0; 64]) }
}

fn join(author: SignerIndex, life: u8) -> Statement {
    statement(author, Body::Join(Join { boot: boot(life), contact: Contact::default() }))
}

fn nonces(author: SignerIndex, life: u8, attempt: AttemptId) -> Statement {
    let source = NonceSource::Inline(List::new(vec![PublicNonce::new([life; 66])]).unwrap());
    statement(author, Body::Nonces(Nonces { boot: boot(life), attempt, source }))
}

fn partials(author: SignerIndex, life: u8, attempt: AttemptId) -> Statement {
    let transcript = Transcript::new([1; 32]);
    statement(
        author,
        Body::Partials(Partials { boot: boot(life), attempt, transcript, partials: List::empty() }),
    )
}

fn abort(author: SignerIndex, life: u8) -> Statement {
    statement(
        author,
        Body::Abort(Abort { boot: boot(life), reason: AbortReason::Convicted, proof: None }),
    )
}

fn elsewhere(number: u8) -> AttemptId {
    AttemptId::new([number; 32])
}

impl Board {
    fn take_at(&mut self, at: u64, statement: Statement) -> Filing {
        let hash = statement.hash(&self.session);
        self.file(statement, hash, Timestamp::from_millis(at))
    }

    /// Files statements one after another, a millisecond apart.
    fn take(&mut self, statements: impl IntoIterator<Item = Statement>) {
        for (at, statement) in (1..).zip(statements) {
            self.take_at(at, statement);
        }
    }
}

#[test]
fn a_signer_has_ten_joins_and_no_more() {
    let mut board = board();
    for life in 1..=10 {
        assert!(board.has_place(&join(OTHER, life)));
        assert!(matches!(board.take_at(1, join(OTHER, life)), Filing::New));
    }
    assert!(!board.has_place(&join(OTHER, 11)));
    assert!(matches!(board.take_at(1, join(OTHER, 11)), Filing::Full));
    assert!(board.has_place(&join(SignerIndex::new(2), 11)), "another's room is another");
    assert!(!board.has_place(&join(SignerIndex::new(3), 1)), "there are three signers");
}

#[test]
fn the_first_join_of_a_boot_and_the_first_abort_stand() {
    let mut board = board();
    let elsewhere = Join { boot: boot(1), contact: Contact::new(vec![1]).unwrap() };
    board.take([join(OTHER, 1), abort(OTHER, 1)]);
    for second in [statement(OTHER, Body::Join(elsewhere)), abort(OTHER, 2)] {
        assert!(!board.has_place(&second));
        assert!(matches!(board.take_at(2, second), Filing::Full));
    }
}

#[test]
fn an_abort_without_a_join_makes_way_for_one_with_a_join() {
    let mut board = board();
    board.take([abort(OTHER, 1), join(OTHER, 2)]);
    assert!(!board.has_place(&abort(OTHER, 3)), "neither counts, so the first word stands");
    assert!(matches!(board.take_at(3, abort(OTHER, 2)), Filing::New));
    assert!(board.holds(&abort(OTHER, 2)));
    board.take([join(OTHER, 1)]);
    assert!(!board.has_place(&abort(OTHER, 1)));
}

#[test]
fn nonces_without_joins_do_not_keep_out_a_life_that_has_joined() {
    let mut board = board();
    let of = |life| nonces(OTHER, life, AttemptId::FIRST);
    board.take([of(1), of(2), join(OTHER, 3)]);
    assert!(matches!(board.take_at(4, of(3)), Filing::New));
    assert!(
        board.nonces(OTHER, AttemptId::FIRST).is_some_and(|(nonces, _)| nonces.boot == boot(3))
    );
}

#[test]
fn a_second_statement_in_one_slot_is_reported_with_the_first() {
    let mut board = board();
    let mut other = nonces(OTHER, 1, AttemptId::FIRST);
    let Body::Nonces(Nonces { source, .. }) = &mut other.body else { unreachable!() };
    *source = NonceSource::Inline(List::empty());
    let first = nonces(OTHER, 1, AttemptId::FIRST);
    board.take([join(OTHER, 1), first.clone()]);
    let Filing::Conflict(standing) = board.take_at(2, other) else { panic!("no conflict") };
    assert_eq!(standing.statement, first);
}

#[test]
fn a_life_exists_only_through_its_join() {
    let mut board = board();
    board.take([nonces(OTHER, 1, AttemptId::FIRST), abort(OTHER, 1)]);
    assert!(!board.knows(OTHER, &boot(1)));
    assert!(board.nonces(OTHER, AttemptId::FIRST).is_none() && board.abort(OTHER).is_none());
    assert_eq!(board.lives(OTHER).count(), 0);
    board.take([join(OTHER, 1)]);
    assert!(board.knows(OTHER, &boot(1)) && !board.knows(OTHER, &boot(2)));
    assert!(board.nonces(OTHER, AttemptId::FIRST).is_some() && board.abort(OTHER).is_some());
    assert_eq!(board.lives(OTHER).count(), 1);
}

#[test]
fn the_oldest_statement_that_is_set_aside_makes_room() {
    for kind in [nonces, partials] {
        let mut board = board();
        board.take([join(OTHER, 1)]);
        let current = kind(OTHER, 1, AttemptId::FIRST);
        board.take_at(1, current.clone());
        // Statements of other attempts, which arrive in descending order of their numbers.
        for (at, number) in [(2, 9), (3, 8), (4, 7), (5, 6)] {
            assert!(matches!(board.take_at(at, kind(OTHER, 1, elsewhere(number))), Filing::New));
        }
        let held = [9, 8, 7, 6].map(|number| board.holds(&kind(OTHER, 1, elsewhere(number))));
        assert_eq!(held, [false, true, true, true]);
        assert!(board.holds(&current), "what is of the current attempt is not set aside");
        // What a life that has not joined states is set aside as well.
        board.take_at(6, kind(OTHER, 5, AttemptId::FIRST));
        let held = [8, 7, 6].map(|number| board.holds(&kind(OTHER, 1, elsewhere(number))));
        assert_eq!(held, [false, true, true]);
        assert!(board.holds(&kind(OTHER, 5, AttemptId::FIRST)));
    }
}

#[test]
fn the_last_statement_of_one_millisecond_stays() {
    for kind in [nonces, partials] {
        let mut board = board();
        board.take([join(OTHER, 1)]);
        for number in [9, 8, 7, 6] {
            board.take_at(2, kind(OTHER, 1, elsewhere(number)));
            assert!(board.holds(&kind(OTHER, 1, elsewhere(number))));
        }
    }
}

#[test]
fn only_two_lives_of_another_signer_have_room_in_an_attempt() {
    let mut board = board();
    board.take([join(OTHER, 1), join(OTHER, 2), join(OTHER, 3)]);
    let attempt = board.attempt();
    assert!(matches!(board.take_at(1, nonces(OTHER, 1, attempt)), Filing::New));
    assert!(matches!(board.take_at(1, nonces(OTHER, 2, attempt)), Filing::New));
    assert!(matches!(board.take_at(1, nonces(OTHER, 3, attempt)), Filing::Full));
    assert_eq!(board.lives(OTHER).count(), 2);
}

#[test]
fn a_nodes_own_statements_are_never_forgotten() {
    let mut board = board();
    board.take([join(ME, 1), join(ME, 2), join(ME, 3)]);
    let attempt = board.attempt();
    let own: Vec<_> = (1..=3).map(|life| nonces(ME, life, attempt)).collect();
    let earlier: Vec<_> = (1..=9).map(|number| nonces(ME, 1, elsewhere(number))).collect();
    board.take(own.iter().chain(&earlier).cloned());
    assert!(own.iter().chain(&earlier).all(|statement| board.holds(statement)));
}

#[test]
fn the_attempt_is_the_hash_of_the_signers_that_joined_again() {
    let mut board = board();
    board.take([join(ME, 1), join(OTHER, 2)]);
    assert_eq!((board.attempt(), board.restarts()), (AttemptId::FIRST, 0));
    board.take([join(OTHER, 3), join(OTHER, 4), join(ME, 5)]);
    assert_eq!(board.restarts(), 3);
    let mut same = self::board();
    same.take([join(ME, 5), join(OTHER, 4), join(OTHER, 3), join(OTHER, 2), join(ME, 1)]);
    assert_eq!(same.attempt(), board.attempt(), "in whatever order they joined");
    same.take([join(SignerIndex::new(2), 6)]);
    assert_eq!(same.attempt(), board.attempt(), "who joined once is not in it");
    same.take([join(ME, 6)]);
    assert_ne!(same.attempt(), board.attempt());
}

#[test]
fn the_digest_depends_only_on_joins_and_the_attempts_nonces() {
    let mut boards: Vec<Board> = (0..4).map(|_| board()).collect();
    boards[1].take([join(OTHER, 1)]);
    boards[2].take([join(OTHER, 1), nonces(OTHER, 1, AttemptId::FIRST)]);
    boards[3].take([join(OTHER, 2)]);
    let digests: std::collections::BTreeSet<_> = boards.iter().map(Board::digest).collect();
    assert_eq!(digests.len(), 4);
    let before = boards[2].digest();
    boards[2].take([
        partials(OTHER, 1, AttemptId::FIRST),
        nonces(OTHER, 1, elsewhere(1)),
        abort(OTHER, 1),
    ]);
    assert_eq!(boards[2].digest(), before, "nothing else counts");
}

#[test]
fn two_lives_are_proof_only_in_the_same_current_attempt() {
    let mut board = board();
    board.take([join(OTHER, 1), nonces(OTHER, 1, AttemptId::FIRST), join(OTHER, 2)]);
    board.take([nonces(OTHER, 2, board.attempt())]);
    assert_eq!(board.concurrent_instances(), None);
    board.take([nonces(OTHER, 1, board.attempt())]);
    let Some(Proof::ConcurrentInstances { first, second, restarted }) =
        board.concurrent_instances()
    else {
        panic!("no proof");
    };
    assert_eq!([first.content.boot, second.content.boot], [boot(1), boot(2)]);
    assert_eq!(
        restarted.as_slice(),
        [Restarted { signer: OTHER, boots: List::new(vec![boot(1), boot(2)]).unwrap() }]
    );
}

#[test]
fn ten_joins_prove_one_restart_too_many_and_nine_do_not() {
    let mut board = board();
    board.take((1..=9).map(|life| join(OTHER, life)));
    assert_eq!(board.restart_limit(), None);
    board.take([join(OTHER, 10)]);
    let Some(Proof::RestartLimit { joins }) = board.restart_limit() else { panic!("no proof") };
    assert_eq!(joins.len(), 10);
    assert!(joins.iter().all(|join| join.author == OTHER));
}
