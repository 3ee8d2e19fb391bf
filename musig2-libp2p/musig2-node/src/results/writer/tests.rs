use super::*;
use crate::model::record::Approval;
use serde_json::json;
use std::path::Path;

const OPEN: Status = Status::Open;

fn record(session: u8, status: Status, signatures: &[&str]) -> Record {
    let approval = (status != Status::Declined).then(|| json!({"by": "person"}));
    let ended = (status != OPEN).then_some("2026-11-26T16:54:00.123Z");
    let hex = |byte: u8, count| format!("{byte:02x}").repeat(count);
    let record = json!({
        "session": hex(session, 32), "signers": [hex(2, 33)], "labels": [null], "coordinator": 0, "me": 0, "items": [],
        "memo": "", "created_at_ms": 1, "expires_at_ms": 2, "phase": "nonces", "restarts": 0, "joined": [], "nonces": [],
        "partial_signatures": [], "awaiting": [], "declined": [], "left_seconds": null, "released": true, "ending": null,
        "status": status, "approval": approval, "proposed_at": "", "approved_at": null, "ended_at": ended,
        "recorded_at_ms": now_ms(), "signatures": signatures,
    });
    serde_json::from_value(record).expect("it is as the type has it")
}

fn writer(folder: &Path) -> Writer {
    let shared = Arc::new(Shared::default());
    Writer::new(shared, Arc::new(Folder::new(folder)), ResultsSettings::default())
}

#[test]
fn an_answer_after_the_end_does_not_change_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    let signed = record(1, Status::Signed, &[&"01".repeat(64)]);
    writer.keep(signed.clone());
    writer.take(Note::Approved(record(1, OPEN, &[])));
    writer.take(Note::Declined(record(1, OPEN, &[]), "too late".into()));
    assert_eq!(writer.find(&[1; 32]).unwrap(), Some(signed));
}

#[test]
fn an_approved_session_stays_recorded_as_approved_if_declined_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    writer.take(Note::Approved(record(1, OPEN, &[])));
    writer.take(Note::Declined(record(1, Status::Declined, &[]), "not any more".into()));
    let kept = writer.find(&[1; 32]).unwrap().unwrap();
    assert_eq!((kept.status, kept.approval), (Status::Aborted, Some(Approval::Person)));
}

#[test]
fn signatures_of_a_forgotten_session_keep_its_recorded_approval() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    writer.take(Note::Approved(record(1, OPEN, &[])));
    writer.take(Note::Signed([1; 32], vec![Hex([2; 64])]));
    let kept = writer.find(&[1; 32]).unwrap().unwrap();
    assert_eq!((kept.status, &kept.approval), (Status::Signed, &Some(Approval::Person)));
    assert_eq!((kept.signatures, kept.state.phase.as_str()), (vec![Hex([2; 64])], "complete"));
}

#[test]
fn an_approval_after_an_earlier_runs_decline_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = writer(folder.path());
    before.take(Note::Declined(record(1, Status::Declined, &[]), "you said no".into()));
    // The daemon starts again, asks again, and the answer is yes.
    let mut after = writer(folder.path());
    after.list();
    after.take(Note::Approved(record(1, OPEN, &[])));
    let kept = after.find(&[1; 32]).unwrap().unwrap();
    assert_eq!((kept.status, kept.approval), (OPEN, Some(Approval::Person)));
    let mut signed = record(1, Status::Signed, &[&"01".repeat(64)]);
    signed.approval = None;
    after.take(Note::Ended(signed));
    let kept = after.find(&[1; 32]).unwrap().unwrap();
    assert_eq!((kept.status, &kept.approval), (Status::Signed, &Some(Approval::Person)));
    assert_eq!(Kind::of(&kept), Kind::Signed);
}

#[test]
fn declined_sessions_evict_no_signed_ones_while_the_disk_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no folder");
    std::fs::write(&file, "").unwrap();
    let mut writer = writer(&file);
    let signed = record(0, Status::Signed, &[&"01".repeat(64)]);
    // One disk fails: the record waits in the index. Another does not respond: its writer has
    // not reached the note.
    writer.keep(signed.clone());
    writer.shared.lock().tell(Note::Ended(signed), &writer.folder);
    let template = record(1, Status::Declined, &[]);
    for number in 0..u64::try_from(MAX_WAITING).unwrap() + 8 {
        let mut declined = template.clone();
        declined.terms.session.0[24..].copy_from_slice(&number.to_be_bytes());
        writer.keep(declined.clone());
        writer.shared.lock().tell(Note::Declined(declined, "no".into()), &writer.folder);
    }
    let index = writer.shared.lock();
    assert_eq!((index.waiting.len(), index.notes.len()), (MAX_WAITING, MAX_WAITING));
    assert!(index.is_signed(&[0; 32]));
    assert!(
        matches!(index.notes.front(), Some(Note::Ended(record)) if record.status == Status::Signed)
    );
}
