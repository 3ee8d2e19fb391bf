//! Events and views as programs read them.

use crate::common::Room;
use musig2_proto::{
    AbortCause, AbortReason, Audience, Command, Config, DeclineReason, Event, ManifestError, Note,
    Phase, PublicKey, SessionError, SessionId, Signature, SignerIndex, Timestamp,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SESSION: SessionId = SessionId::new([7; 32]);

/// Returns an event of every kind.
fn every_event() -> Vec<Event> {
    let session = SESSION;
    let signer = SignerIndex::new(1);
    let signatures = vec![Signature::new([9; 64])];
    let error = Box::new(ManifestError::TooManyItems { got: 257, max: 256 });
    vec![
        Event::SessionCreated { session },
        Event::SessionDiscovered { session },
        Event::SessionQueued { session },
        Event::SessionReady { session },
        Event::NonceReceived { session, signer },
        Event::NoncesComplete { session },
        Event::PartialSigReceived { session, signer },
        Event::PartialSigsComplete { session },
        Event::SessionComplete { session, signatures: signatures.clone() },
        Event::SessionAborted { session, cause: AbortCause::Declined, released: true },
        Event::SessionWithdrawn { session, cause: AbortCause::MadeRoom },
        Event::SessionRefused { session, proposer: PublicKey::new([2; 33]), error },
        Event::SessionError { session, error: SessionError::ComputingFault },
        Event::SignerJoined { session, signer },
        Event::SignerDeclined { session, signer, reason: DeclineReason::Policy },
        Event::Stalled { session, phase: Phase::PartialSignatures, awaiting: vec![signer] },
        Event::AttemptRestarted { session, restarts: 2, signers: vec![signer] },
        Event::KeyInUseElsewhere { session },
        Event::LateSignature { session, signatures },
    ]
}

#[test]
fn an_event_is_an_object_that_begins_with_its_word_and_its_session() {
    let events = every_event();
    let words: BTreeSet<_> = events.iter().map(Event::as_str).collect();
    assert_eq!(words.len(), events.len());
    for event in events {
        let object = serde_json::to_value(&event).unwrap();
        assert_eq!(object["event"], event.as_str());
        assert_eq!(object["session"], SESSION.to_string(), "{object}");
    }
}

#[test]
fn byte_strings_are_hex_and_errors_are_sentences() {
    let complete =
        Event::SessionComplete { session: SESSION, signatures: vec![Signature::new([9; 64])] };
    assert_eq!(serde_json::to_value(complete).unwrap()["signatures"], json!(["09".repeat(64)]));
    let error = Box::new(ManifestError::TooManyItems { got: 257, max: 256 });
    let refused = Event::SessionRefused {
        session: SESSION,
        proposer: PublicKey::new([2; 33]),
        error: error.clone(),
    };
    let object = serde_json::to_value(refused).unwrap();
    assert_eq!(object["proposer"], "02".repeat(33));
    assert_eq!(object["error"], error.to_string());
}

#[test]
fn what_is_serialised_for_people_can_be_read_back() {
    let manifest = json!({ "memo": "00ff", "note": "wrong amount" });
    let memo: musig2_proto::wire::bounded::Bytes<2> =
        serde_json::from_value(manifest["memo"].clone()).unwrap();
    assert_eq!(memo.as_slice(), [0, 255]);
    assert_eq!(serde_json::to_value(&memo).unwrap(), "00ff");
    for wrong in ["00f", "00fg", "00ff00"] {
        let read = serde_json::from_value::<musig2_proto::wire::bounded::Bytes<2>>(json!(wrong));
        assert!(read.is_err(), "{wrong}");
    }
    let note: Note = serde_json::from_value(manifest["note"].clone()).unwrap();
    assert_eq!(note.as_str(), "wrong amount");
    assert!(serde_json::from_value::<Note>(json!("x".repeat(Note::MAX_SIZE + 1))).is_err());
}

#[test]
fn a_cause_is_an_object_with_its_word_and_who_is_named() {
    let signer = SignerIndex::new(1);
    let note = Note::new("wrong amount");
    let time = Timestamp::from_millis(5);
    for (cause, expected) in [
        (AbortCause::Declined, json!({ "kind": "declined" })),
        (
            AbortCause::TimedOut { phase: Phase::Nonces, awaiting: vec![signer] },
            json!({ "kind": "timed_out", "phase": "nonces", "awaiting": [1] }),
        ),
        (
            AbortCause::BySigner { signer, reason: AbortReason::Requested(note) },
            json!({ "kind": "by_signer", "signer": 1, "reason": { "requested": "wrong amount" } }),
        ),
        (
            AbortCause::SignerDeclined { signer, reason: DeclineReason::Clock { time } },
            json!({ "kind": "signer_declined", "signer": 1, "reason": { "clock": { "time": 5 } } }),
        ),
    ] {
        let object = serde_json::to_value(&cause).unwrap();
        assert_eq!(object, expected);
        assert_eq!(object["kind"], cause.as_str());
    }
}

#[test]
fn a_view_says_what_is_signed_by_whom_and_how_far_it_is() {
    let mut room = Room::new(2, &Config::default());
    let session = room.create(0, room.proposal(1));
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    room.settle();
    let view = room.nodes[0].session(&session).unwrap();
    let object = serde_json::to_value(&view).unwrap();
    assert_eq!(object["id"], session.to_string());
    assert_eq!(object["phase"], "complete");
    assert_eq!(object["joined"], json!([0, 1]));
    assert_eq!(object["manifest"]["signers"][0], view.manifest.signers()[0].to_string());
    assert_eq!(object["output_keys"][0]["key"], view.output_keys[0].key.to_string());
    assert_eq!(object["signatures"].as_array().map(Vec::len), Some(1));
    assert_eq!(object["cause"], Value::Null);
}
