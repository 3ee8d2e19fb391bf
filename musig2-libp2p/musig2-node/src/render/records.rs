//! Shows records to people.

use crate::model::record::{Approval, Record, Status};
use crate::render::{BAD, DIM, GOOD};
use crate::text::names::count;
use crate::text::names::short;
use crate::text::time::seconds;
use std::io::{self, Write};

/// Writes one line of the list.
pub(crate) fn line(out: &mut Vec<u8>, record: &Record) -> io::Result<()> {
    let status = match record.status {
        Status::Undecided => format!("{:<10}", "undecided"),
        Status::Open => format!("{:<10}", "open"),
        Status::Signed => format!("{GOOD}{:<10}{GOOD:#}", "signed"),
        Status::Aborted => format!("{BAD}{:<10}{BAD:#}", "aborted"),
        Status::Declined => format!("{BAD}{:<10}{BAD:#}", "declined"),
    };
    let when =
        record.ended_at.as_ref().or(record.approved_at.as_ref()).unwrap_or(&record.proposed_at);
    let place = usize::from(record.terms.coordinator);
    let label = record.terms.labels.get(place).and_then(Option::as_ref);
    let coordinator = match (label, record.terms.signers.get(place)) {
        _ if record.terms.coordinator == record.terms.me => "this node".into(),
        (Some(label), _) => label.to_string(),
        (None, Some(key)) => short(key),
        (None, None) => String::new(),
    };
    let memo = || match hex::decode(&record.terms.memo).map(String::from_utf8) {
        Ok(Ok(text)) if text.is_empty() => String::new(),
        // Quoted, because it may come from a stranger and goes to a terminal.
        Ok(Ok(text)) => format!("{text:?}"),
        _ => record.terms.memo.clone(),
    };
    writeln!(
        out,
        "{:<10}{:<21}{status}{:<11}by {coordinator:<10}{:<34}{}",
        short(&record.terms.session),
        seconds(when),
        count(record.terms.items.len(), "item"),
        record
            .approval
            .as_ref()
            .map(|approval| format!("via {}", by(approval)))
            .unwrap_or_default(),
        record.state.ending.clone().unwrap_or_else(memo)
    )
}

/// Writes what follows the last line.
pub(crate) fn foot(out: &mut Vec<u8>, count: usize, more: bool, damaged: usize) -> io::Result<()> {
    if count == 0 {
        writeln!(out, "no results")?;
    }
    if more {
        writeln!(out, "{DIM}there are more: use --limit or --since{DIM:#}")?;
    }
    match damaged {
        0 => Ok(()),
        damaged => writeln!(
            out,
            "{BAD}note{BAD:#}        {damaged} records are damaged: the daemon's log names them"
        ),
    }
}

/// Writes what is known beyond the session itself.
pub(crate) fn approval(out: &mut Vec<u8>, record: &Record) -> io::Result<()> {
    if let Some(approval) = &record.approval {
        let when = record.approved_at.as_deref().map(seconds).unwrap_or_default();
        writeln!(out, "    approved     {when} by {}", by(approval))?;
    }
    record.ended_at.iter().try_for_each(|when| writeln!(out, "    ended        {}", seconds(when)))
}

fn by(approval: &Approval) -> String {
    match approval {
        Approval::Policy { rule } => format!("policy, {rule}"),
        Approval::Program { program, rule } => format!("program {program}, {rule}"),
        Approval::Person => "a person at the terminal".into(),
        Approval::Socket { uid: Some(uid) } => format!("user {uid} on the socket"),
        Approval::Socket { uid: None } => "the socket".into(),
        Approval::Everything => "--approve all".into(),
        Approval::Earlier => "an earlier run of this node".into(),
    }
}
