//! The oracles find what is planted: after a good run, or in the middle of one, these tests make a
//! node appear to say or do something that it did not.

use super::{Cause, Progress, Violation};
use crate::engine::{Challenge, Engine, NonceFault, NonceRecord, Recording, Transparent};
use crate::ids::NodeId;
use crate::plan::{Answer, Disk, Plan, Profile, SessionPlan};
use crate::time::Micros;
use crate::trace::Action;
use crate::world::{RunError, World};
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::proof::{Evidence, Proof, Signed};
use musig2_proto::wire::statement::{NonceSource, Nonces};
use musig2_proto::{
    AbortCause, AbortReason, AggregateNonce, AttemptId, Boot, Command, Crypto, Destination, Event,
    Fault, Input, Item, Libsecp256k1, Manifest, Message, Offence, Output, PublicKey, PublicNonce,
    Report, SessionId, Signature, SignerIndex, Source, XOnlyPublicKey,
};

const ALICE: NodeId = NodeId::new(0);
const BOB: NodeId = NodeId::new(1);
const CAROL: NodeId = NodeId::new(2);

/// Nothing happened but time passing.
const IDLY: Cause<'_> = Cause::Heard { size: 0, input: None };

type Recorded = World<Recording<Libsecp256k1>>;

/// Plans two sessions over the same two items, one after the other.
fn plan() -> Plan {
    let items = [Item::new(Message::new([1; 32])), Item::new(Message::new([2; 32]))];
    let session = SessionPlan::new(NodeId::first(3)).with_items(items);
    Plan::new(3).with_session(session.clone()).with_session(session.at(Micros::from_secs(5)))
}

fn completed<C: Engine>() -> World<C> {
    let mut world = World::with_engine(plan()).unwrap();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    world
}

/// Stops in the middle of the first session: Bob has discovered it and not joined.
fn undecided() -> (Recorded, SessionId) {
    let mut world = World::with_engine(plan().with_approval(BOB, Answer::Never)).unwrap();
    world.run_until(Micros::from_secs(1)).unwrap();
    let session = world.session_id(0).unwrap();
    (world, session)
}

/// Returns the signatures that Alice has for a session.
fn signatures<C: Engine>(world: &World<C>, session: usize) -> Vec<Signature> {
    match world.application(ALICE).terminal(&world.session_id(session).unwrap()) {
        Some((_, Event::SessionComplete { signatures, .. })) => signatures.clone(),
        other => panic!("{other:?}"),
    }
}

/// Returns what the oracles find if Bob now gives out this output.
fn after<C: Engine>(mut world: World<C>, output: Output) -> Result<(), Violation> {
    world.witness(BOB, IDLY, &[output]);
    assert_eq!(
        world.step().is_err(),
        world.check_safety().is_err(),
        "the run goes on where nothing is wrong"
    );
    world.check_safety()
}

fn says<C: Engine>(world: World<C>, event: Event) -> Result<(), Violation> {
    after(world, Output::Event(event))
}

/// Returns what the oracles find if Bob now has these signatures.
fn late<C: Engine>(change: impl FnOnce(&World<C>, &mut Vec<Signature>)) -> Result<(), Violation> {
    let world = completed::<C>();
    let mut late = signatures(&world, 0);
    change(&world, &mut late);
    let session = world.session_id(0).unwrap();
    says(world, Event::LateSignature { session, signatures: late })
}

#[test]
fn a_violation_ends_the_run_at_its_step() {
    let mut world = completed::<Libsecp256k1>();
    let session = SessionId::new([9; 32]);
    let before = world.trace().steps();
    world.witness(BOB, IDLY, &[Output::Event(Event::SessionReady { session })]);
    assert!(matches!(
        world.step(),
        Err(RunError::Violated(Violation::OutOfPlace { node: BOB, .. }))
    ));
    assert!(matches!(world.run_until_quiet(), Ok(()) | Err(RunError::Violated(_))));
    assert!(world.trace().steps() <= before + 100);
    assert!(world.check().is_err());
}

#[test]
fn the_same_signatures_told_again_pass() {
    assert_eq!(late::<Libsecp256k1>(|_, _| {}), Ok(()));
}

#[test]
fn a_bad_signature_is_found() {
    let found = late::<Libsecp256k1>(|_, signatures| signatures.swap(0, 1));
    assert!(matches!(found, Err(Violation::InvalidSignature { node: BOB, item: 0, .. })));
}

#[test]
fn a_missing_signature_is_found() {
    let found = late::<Libsecp256k1>(|_, signatures| _ = signatures.pop());
    assert!(matches!(found, Err(Violation::WrongCount { node: BOB, got: 1, items: 2, .. })));
}

#[test]
fn two_valid_sets_of_signatures_from_one_attempt_are_found() {
    // The other session has the same keys and messages, so its signatures verify in this one.
    let found = late::<Libsecp256k1>(|world, late| *late = signatures(world, 1));
    assert!(matches!(found, Err(Violation::Disagreement { node: BOB, .. })));
    let found = late::<Recording<Libsecp256k1>>(|world, late| *late = signatures(world, 1));
    assert!(matches!(found, Err(Violation::Disagreement { node: BOB, .. })));
}

#[test]
fn a_second_end_is_found() {
    let world = completed::<Libsecp256k1>();
    let session = world.session_id(0).unwrap();
    let cause = AbortCause::Expired { awaiting: vec![SignerIndex::new(0)] };
    let second = Event::SessionAborted { session, cause, released: true };
    assert_eq!(
        says(world, second.clone()),
        Err(Violation::OutOfPlace { node: BOB, event: second })
    );
}

#[test]
fn progress_in_an_unjoined_or_unknown_session_is_found() {
    let (world, session) = undecided();
    assert!(matches!(
        says(world, Event::SessionReady { session }),
        Err(Violation::OutOfPlace { .. })
    ));
    let (world, _) = undecided();
    let session = SessionId::new([9; 32]);
    assert!(matches!(
        says(world, Event::SessionReady { session }),
        Err(Violation::OutOfPlace { .. })
    ));
}

#[test]
fn a_session_that_is_discovered_again_is_found() {
    let (world, session) = undecided();
    assert!(matches!(
        says(world, Event::SessionDiscovered { session }),
        Err(Violation::OutOfPlace { .. })
    ));
    let world = completed::<Libsecp256k1>();
    let session = world.session_id(0).unwrap();
    assert!(matches!(
        says(world, Event::SessionDiscovered { session }),
        Err(Violation::OutOfPlace { .. })
    ));
}

#[test]
fn a_session_without_consent_of_all_is_found() {
    let (world, session) = undecided();
    // The other session's signatures are valid for this one, too.
    let signatures = signatures(&completed::<Libsecp256k1>(), 0);
    let found = says(world, Event::SessionComplete { session, signatures });
    assert_eq!(found, Err(Violation::NotApproved { session, node: BOB }));
}

#[test]
fn a_session_other_than_the_proposed_one_is_found() {
    // Alice comes back with an empty memory, and gets a session for another proposal.
    let (mut world, session) = undecided();
    let proposal = SessionPlan::new(NodeId::first(3)).proposal(world.sorted_keys(0));
    world.crash(ALICE, Disk::Empty);
    world.restart(ALICE).unwrap();
    let created = [Output::Event(Event::SessionCreated { session })];
    world.witness(ALICE, Cause::Ordered(&Command::CreateSession(proposal)), &created);
    assert_eq!(world.check_safety(), Err(Violation::OtherManifest { session, node: ALICE }));
}

#[test]
fn a_partial_signature_that_was_not_approved_is_found() {
    let signs = |world: &mut Recorded, nonce, message| {
        let key = completed::<Libsecp256k1>().view(ALICE, 0).unwrap().output_keys[0].key;
        let mut bytes = [2; 33];
        bytes[1..].copy_from_slice(key.as_bytes());
        let challenge = Challenge {
            nonce: AggregateNonce::new([2; 66]),
            key: PublicKey::new(bytes),
            message: Message::new(message),
        };
        NonceRecord::generates(nonce, [0; 32]);
        NonceRecord::signs(nonce, challenge);
        world.witness(ALICE, IDLY, &[]);
        world.check_safety()
    };
    let nonce = |byte| PublicNonce::new([byte; 66]);
    let (mut world, _) = undecided();
    assert_eq!(signs(&mut world, nonce(1), [1; 32]), Ok(()), "Alice approved this");
    let found = signs(&mut world, nonce(1), [2; 32]);
    assert!(matches!(
        found,
        Err(Violation::Nonce {
            node: ALICE,
            fault: NonceFault::GeneratedAgain { .. } | NonceFault::TwoChallenges { .. }
        })
    ));
    let (mut world, _) = undecided();
    assert!(matches!(
        signs(&mut world, nonce(3), [3; 32]),
        Err(Violation::SignedUnapproved { node: ALICE, .. })
    ));
    // Both sessions are over, and with them Alice's approval.
    let mut world: Recorded = completed();
    assert!(matches!(
        signs(&mut world, nonce(4), [1; 32]),
        Err(Violation::SignedUnapproved { node: ALICE, .. })
    ));
}

#[test]
fn a_frame_in_a_session_that_was_not_approved_is_found() {
    let frame = |session: SessionId, have| {
        let mut bytes = vec![1];
        bytes.extend(session.as_bytes());
        bytes.extend([0, have, 0, 0, 0]);
        Output::Send { to: Destination::Source(Source::new([0, 0])), bytes }
    };
    let (world, session) = undecided();
    assert_eq!(after(world, frame(session, 0)), Ok(()));
    let (world, session) = undecided();
    assert_eq!(
        after(world, frame(session, 1)),
        Err(Violation::SpokeUnapproved { node: BOB, session })
    );
    let (world, _) = undecided();
    let short = Output::Send { to: Destination::Source(Source::new([0, 0])), bytes: vec![1, 2, 3] };
    assert_eq!(after(world, short), Err(Violation::NotAMessage { node: BOB }));
}

#[test]
fn a_session_that_goes_on_beyond_its_time_is_found() {
    let (mut world, session) = undecided();
    world.set_clock(BOB, 1_000_000);
    world.witness(BOB, IDLY, &[]);
    assert_eq!(world.check_safety(), Err(Violation::Overdue { node: BOB, session }));
}

#[test]
fn a_phase_given_up_before_its_time_is_found() {
    let stalls = |after: u64, jump: i64| {
        let mut world: Recorded =
            World::with_engine(plan().with_approval(BOB, Answer::Never)).unwrap();
        world.run_until(Micros::from_millis(15)).unwrap();
        world.set_clock(ALICE, jump);
        world.witness(ALICE, IDLY, &[]);
        world.run_until(Micros::from_secs(after)).unwrap();
        let (session, phase) = (world.session_id(0).unwrap(), musig2_proto::Phase::Joining);
        let event = Event::Stalled { session, phase, awaiting: Vec::new() };
        world.witness(ALICE, IDLY, &[Output::Event(event)]);
        world.check_safety()
    };
    // Joining takes five minutes, and half of that is over after 150 s.
    assert!(matches!(stalls(149, 0), Err(Violation::TooSoon { node: ALICE, .. })));
    assert_eq!(stalls(150, 0), Ok(()));
    assert_eq!(stalls(140, 10_000), Ok(()), "by its own clock");
    // Setting a clock back makes a phase neither younger nor older.
    assert!(matches!(stalls(149, -100_000), Err(Violation::TooSoon { .. })));
    assert_eq!(stalls(151, -100_000), Ok(()));
}

#[test]
fn a_session_from_the_future_is_found() {
    let (mut world, session) = undecided();
    world.set_clock(CAROL, -40_000);
    world.crash(CAROL, Disk::Empty);
    world.restart(CAROL).unwrap();
    world.witness(CAROL, IDLY, &[Output::Event(Event::SessionDiscovered { session })]);
    assert!(matches!(world.check_safety(), Err(Violation::FromTheFuture { node: CAROL, .. })));
}

#[test]
fn blame_of_an_honest_signer_is_found() {
    let (world, session) = undecided();
    let aborts = |cause| Event::SessionAborted { session, cause, released: false };
    let rival = aborts(AbortCause::RivalInstance);
    assert_eq!(
        says(world, rival.clone()),
        Err(Violation::HonestBlamed { node: BOB, event: rival })
    );
    // Nobody has aborted.
    let signer = SignerIndex::new(0);
    let by = aborts(AbortCause::BySigner { signer, reason: AbortReason::Convicted });
    assert_eq!(
        says(undecided().0, by.clone()),
        Err(Violation::HonestBlamed { node: BOB, event: by })
    );
}

#[test]
fn evidence_that_proves_nothing_is_found() {
    let (world, session) = undecided();
    let manifest = Manifest::clone(&world.view(BOB, 0).unwrap().manifest);
    let signer = SignerIndex::new(0);
    let source = NonceSource::Inline(List::empty());
    let content = Nonces { boot: Boot::new([1; 16]), attempt: AttemptId::FIRST, source };
    let nonces = Signed { author: signer, content, signature: Signature::new([1; 64]) };
    let evidence = Box::new(Evidence { manifest, proof: Proof::InvalidNonce { nonces } });
    let cause = AbortCause::Convicted { signer, fault: Fault::InvalidNonce, evidence };
    let found = says(world, Event::SessionAborted { session, cause, released: false });
    assert!(matches!(found, Err(Violation::BadEvidence { node: BOB, .. })), "{found:?}");
}

#[test]
fn a_report_of_an_honest_peer_is_found() {
    let report = |offence| Report::new(Source::new([0, 0]), offence);
    let bad = report(Offence::BadSignature);
    let found = after(completed::<Libsecp256k1>(), Output::Report(bad.clone()));
    assert_eq!(found, Err(Violation::HonestReported { node: BOB, report: bad }));
    let benign = Output::Report(report(Offence::UnknownSession));
    assert_eq!(after(completed::<Libsecp256k1>(), benign), Ok(()));
}

#[test]
fn more_outputs_or_checks_than_justified_are_found() {
    let mut world: Recorded = completed();
    world.witness(
        BOB,
        Cause::Heard { size: 100, input: None },
        &vec![Output::Publish(Vec::new()); 1_000],
    );
    assert!(matches!(world.check_safety(), Err(Violation::TooManyOutputs { outputs: 1_000, .. })));
    let mut world: Recorded = completed();
    for _ in 0..1_000 {
        Recording::<Libsecp256k1>::verify(
            &XOnlyPublicKey::new([1; 32]),
            &[],
            &Signature::new([0; 64]),
        );
    }
    world.witness(BOB, Cause::Heard { size: 100, input: None }, &[]);
    assert!(matches!(world.check_safety(), Err(Violation::TooManyChecks { checks: 1_000, .. })));
}

/// Makes a world that is checked closely, on an engine whose nodes can be copied.
fn close() -> World<Recording<Transparent>> {
    let mut world = World::with_engine(plan()).unwrap().closely();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    world
}

#[test]
fn a_message_that_is_not_canonical_is_found() {
    // An empty frame, and one byte too many after it.
    let mut frame = vec![1];
    frame.extend([0; 32 + 6]);
    let send = |bytes: &[u8]| Output::Send {
        to: Destination::Source(Source::new([0, 0])),
        bytes: bytes.to_vec(),
    };
    assert_eq!(after(close(), send(&frame[..38])), Ok(()));
    assert_eq!(after(close(), send(&frame)), Err(Violation::NotAMessage { node: BOB }));
    assert_eq!(
        after(close(), Output::Publish(vec![1, 9])),
        Err(Violation::NotAMessage { node: BOB })
    );
}

#[test]
fn a_secret_in_an_output_is_found() {
    let mut secrets = Vec::new();
    let world = close();
    Recording::<Transparent>::each_secret(|secret| secrets.push(*secret));
    assert!(secrets.len() >= 12, "two sessions, three signers, two items");
    let session = world.session_id(0).unwrap();
    let signatures = vec![Signature::new([[7; 32], secrets[5]].concat().try_into().unwrap()); 2];
    // The signature is found to be invalid before it is searched for secrets.
    assert!(says(world, Event::LateSignature { session, signatures }).is_err());
    let source = Source::new([vec![1], secrets[3].to_vec()].concat());
    let report = Report::new(source, Offence::UnknownSession);
    let world = close();
    Recording::<Transparent>::each_secret(|secret| secrets.push(*secret));
    let found = after(world, Output::Report(report));
    assert_eq!(found, Err(Violation::SecretLeaked { node: BOB, place: "what it shows" }));
}

#[test]
fn a_repeated_input_that_changes_something_is_found() {
    // Carol's frame reaches Bob, and the oracle is told that Bob has heard it already.
    let mut world: World<Recording<Transparent>> = World::with_engine(plan()).unwrap().closely();
    world.run_until(Micros::from_millis(15)).unwrap();
    let mut frames = World::<Transparent>::with_engine(plan()).unwrap().recorded();
    frames.run_until_quiet().unwrap();
    let sent = frames.trace().recorded().iter().find_map(|step| match &step.action {
        Action::Sent { to: Some(BOB), bytes, .. } => Some(bytes.to_vec()),
        _ => None,
    });
    let frame = Input::Frame { from: Source::new([0, 2]), bytes: sent.unwrap() };
    world.witness(BOB, Cause::Heard { size: 0, input: Some(&frame) }, &[]);
    assert!(matches!(world.check_safety(), Err(Violation::HeardAgain { node: BOB, .. })));
}

#[test]
fn looking_closely_does_not_change_a_run() {
    let hash = |world: Result<World<Recording<Transparent>>, _>| {
        let mut world = world.unwrap();
        world.run_until_silent().unwrap();
        world.trace().hash()
    };
    for seed in 0..20 {
        let plan = Plan::drawn(seed, Profile::Swarm);
        let close = World::with_engine(plan.clone()).map(World::closely);
        assert_eq!(hash(World::with_engine(plan)), hash(close), "seed {seed}");
    }
}

#[test]
fn a_node_that_did_not_complete_is_found_unless_a_signer_refused() {
    let mut world = World::new(plan()).unwrap();
    world.run_until(Micros::from_millis(25)).unwrap();
    let found = world.check();
    assert!(matches!(
        found,
        Err(Violation::NotComplete { session: 0, node: ALICE, state: Progress::Open { .. } })
    ));
    let (world, _) = undecided();
    assert_eq!(world.check(), Ok(()));
}

#[test]
fn a_session_that_no_node_created_is_found() {
    let config = musig2_proto::Config::default().with_max_signers(2);
    let mut world = World::new(Plan::one_session(3).with_config(config)).unwrap();
    world.run_until_quiet().unwrap();
    let error = world.check().unwrap_err();
    let refusal = "3 signers; at most 2 are allowed";
    assert_eq!(error.to_string(), format!("session 0 was never made: {refusal}"));
}
