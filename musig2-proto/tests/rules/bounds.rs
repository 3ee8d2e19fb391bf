//! The table of bounds in the documentation says what holds.

use musig2_proto::wire::frame::MAX_STATEMENTS;
use musig2_proto::{
    Config, Contact, MAX_EVIDENCE_SIZE, MAX_ITEMS, MAX_JOINS, MAX_MEMO, MAX_PATH, MAX_RESTARTS,
    MAX_SIGNERS, MAX_TWEAKS, Note,
};

const TABLE: &str = include_str!("../../src/docs/bounds.md");

/// Returns the value in the row of this name.
fn stated(name: &str) -> Option<u64> {
    let named = |line: &&str| {
        line.starts_with(&format!("| [`{name}`]")) || line.starts_with(&format!("| `{name}` "))
    };
    let row = TABLE.lines().find(named)?;
    row.split('|').nth(2)?.trim().parse().ok()
}

#[test]
fn every_public_constant_is_in_the_table_of_bounds() {
    for (name, value) in [
        ("MAX_SIGNERS", MAX_SIGNERS),
        ("MAX_ITEMS", MAX_ITEMS),
        ("MAX_TWEAKS", MAX_TWEAKS),
        ("MAX_PATH", MAX_PATH),
        ("MAX_MEMO", MAX_MEMO),
        ("Contact::MAX_SIZE", Contact::MAX_SIZE),
        ("Note::MAX_SIZE", Note::MAX_SIZE),
        ("MAX_STATEMENTS", MAX_STATEMENTS),
        ("MAX_RESTARTS", MAX_RESTARTS),
        ("MAX_JOINS", MAX_JOINS),
        ("MAX_EVIDENCE_SIZE", MAX_EVIDENCE_SIZE),
    ] {
        assert_eq!(stated(name), Some(value as u64), "{name}");
    }
}

#[test]
fn every_configured_number_is_in_the_table_of_bounds() {
    let config = serde_json::to_value(Config::default()).unwrap();
    let numbers = config.as_object().unwrap().iter().filter(|(_, value)| value.is_u64());
    assert!(numbers.clone().count() >= 14);
    for (key, value) in numbers {
        assert_eq!(stated(key), value.as_u64(), "{key}");
    }
}
