//! The oracles find what is planted: here a good run is spoilt after the fact, each time in another way.

use super::*;
use crate::oracle::Progress;
use crate::plan::{Answer, SessionPlan};
use musig2_proto::{AbortCause, Item, Message, Offence, Report, Signature, SignerIndex, Source, Tweak};

const ALICE: NodeId = NodeId::new(0);
const BOB: NodeId = NodeId::new(1);

fn completed() -> World {
    let items = [Item::new(Message::new([1; 32])), Item::new(Message::new([2; 32]))];
    let plan = Plan::new(3).with_session(SessionPlan::new(NodeId::first(3)).with_items(items));
    let mut world = World::new(plan).unwrap();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    world
}

/// The signatures that a node gave its application at the end.
fn signatures(world: &mut World, node: NodeId) -> &mut Vec<Signature> {
    let events = world.hosts[node.as_usize()].application.events.iter_mut();
    let found = events.rev().find_map(|(_, event)| match event {
        Event::SessionComplete { signatures, .. } => Some(signatures),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn a_bad_signature_is_found() {
    let mut world = completed();
    for node in world.plan.node_ids() {
        signatures(&mut world, node).swap(0, 1);
    }
    let violation = Violation::InvalidSignature { session: 0, node: ALICE, item: 0 };
    assert_eq!(world.check(), Err(violation));
}

#[test]
fn a_missing_signature_is_found() {
    let mut world = completed();
    signatures(&mut world, ALICE).pop();
    assert_eq!(world.check(), Err(Violation::WrongCount { session: 0, node: ALICE, got: 1, items: 2 }));
}

#[test]
fn different_signatures_are_found() {
    let mut world = completed();
    signatures(&mut world, BOB)[1] = Signature::new([9; 64]);
    assert_eq!(world.check(), Err(Violation::Disagreement { session: 0, one: ALICE, other: BOB }));
}

#[test]
fn another_message_or_tweak_than_was_proposed_is_found() {
    for item in [
        Item::new(Message::new([3; 32])),
        Item::new(Message::new([1; 32])).with_tweaks(vec![Tweak::BIP86]).unwrap(),
    ] {
        let mut world = completed();
        world.plan.sessions[0].items[0] = item;
        assert_eq!(world.check(), Err(Violation::OtherManifest { session: 0, node: ALICE }));
    }
}

#[test]
fn another_key_than_the_signers_have_is_found() {
    let mut world = completed();
    world.hosts[1].public_key = world.hosts[0].public_key;
    assert_eq!(world.check(), Err(Violation::OtherManifest { session: 0, node: ALICE }));
}

#[test]
fn a_signature_without_consent_is_found() {
    let mut world = completed();
    world.hosts[1].application.approved.clear();
    assert_eq!(world.check(), Err(Violation::NotApproved { session: 0, node: BOB }));
}

#[test]
fn a_second_end_is_found() {
    let mut world = completed();
    let session = world.session_id(0).unwrap();
    let cause = AbortCause::Expired { awaiting: vec![SignerIndex::new(0)] };
    let second = Event::SessionAborted { session, cause, released: true };
    world.hosts[1].application.events.push((world.now, second));
    assert!(matches!(world.check(), Err(Violation::SeveralEnds { session: 0, node: BOB, times: 2, .. })));
}

#[test]
fn a_node_that_did_not_complete_is_found() {
    let mut world = completed();
    world.hosts[1].application.events.clear();
    assert!(world.check_safety().is_ok());
    let Err(Violation::NotComplete { session: 0, node: BOB, state: Progress::Open { .. } }) = world.check()
    else {
        panic!("{:?}", world.check());
    };
    // Nothing can be asked of a session that one signer does not want.
    world.plan.nodes[1].approval = Answer::Never;
    assert_eq!(world.check(), Ok(()));
}

#[test]
fn a_session_that_no_node_made_is_found() {
    let config = musig2_proto::Config::default().with_max_signers(2);
    let mut world: World = World::new(Plan::one_session(3).with_config(config)).unwrap();
    world.run_until_quiet().unwrap();
    let error = world.check().unwrap_err();
    let refusal = "3 signers, and at most 2 are allowed";
    assert_eq!(error.to_string(), format!("session 0 was never made: {refusal}"));
}

#[test]
fn blame_of_an_honest_signer_is_found() {
    let session = completed().session_id(0).unwrap();
    let rival = Event::SessionAborted { session, cause: AbortCause::RivalInstance, released: false };
    let mut world = completed();
    world.hosts[1].application.events.pop();
    world.hosts[1].application.events.push((world.now, rival.clone()));
    assert_eq!(world.check(), Err(Violation::HonestBlamed { node: BOB, event: rival }));

    let report = Report { source: Source::new([0, 0]), offence: Offence::BadSignature };
    let mut world = completed();
    world.hosts[1].application.reports.push((world.now, report.clone()));
    assert_eq!(world.check(), Err(Violation::HonestReported { node: BOB, report }));
}
