//! Shows what a session is about, and what came of it.

use super::{DIM, GOOD, STRONG};
use crate::model::result::{ResultTweakKind, SessionResult};
use crate::model::terms::{Derivation, Terms};
use crate::text::hex::Hex;
use crate::text::names::count;
use crate::text::{Text, time};
use musig2_libp2p::musig2_proto::ChainCode;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// A list of this many items or more ends with a summary.
const LONG: usize = 8;

/// Writes everything that a join consents to.
pub(crate) fn terms(out: &mut Vec<u8>, terms: &Terms) -> io::Result<()> {
    terms_with(out, terms, |_| String::new())?;
    writeln!(out, "    expires      in {}", time::words(terms.left()))
}

/// Writes the same without its time, with a word about each signer.
pub(crate) fn terms_with(
    out: &mut Vec<u8>,
    terms: &Terms,
    on_signer: impl Fn(u16) -> String,
) -> io::Result<()> {
    writeln!(out, "    session      {}", terms.session)?;
    for (place, key) in (0..).zip(&terms.signers) {
        let label = terms.labels.get(usize::from(place)).and_then(Option::as_ref);
        let label = label.map(|label| format!(", {label}")).unwrap_or_default();
        let you = if place == terms.me { ", you" } else { "" };
        let coordinator = if place == terms.coordinator { ", proposer" } else { "" };
        writeln!(out, "    signer {place:<5} {key}{label}{you}{coordinator}{}", on_signer(place))?;
    }
    for (place, item) in terms.items.iter().enumerate() {
        writeln!(out, "    item {place:<7} message {STRONG}{}{STRONG:#}", item.message)?;
        writeln!(out, "                 key     {} (x-only, signs this item)", item.aggregate_key)?;
        if let Some(address) = &item.address {
            writeln!(out, "                 address {address}")?;
        }
        for step in &item.derivation {
            writeln!(out, "                 tweak   {}", derivation_words(step))?;
        }
        for step in &item.tweaks {
            writeln!(
                out,
                "                         {DIM}{} {}{DIM:#}",
                kind(step.kind),
                step.tweak
            )?;
        }
    }
    if terms.items.len() > LONG {
        summary(out, terms)?;
    }
    if terms.memo.is_empty() {
        return Ok(());
    }
    // Quoted, because it may come from a stranger and goes to a terminal.
    match hex::decode(&terms.memo).map(String::from_utf8) {
        Ok(Ok(text)) => writeln!(out, "    memo         {text:?}"),
        Ok(Err(_)) => writeln!(out, "    memo         {} (hex)", terms.memo),
        Err(_) => writeln!(out, "    memo         {:?}", terms.memo),
    }
}

/// Writes how many messages are signed under which keys: nobody counts a long list.
fn summary(out: &mut Vec<u8>, terms: &Terms) -> io::Result<()> {
    let mut keys: BTreeMap<_, (usize, Option<&str>)> = BTreeMap::new();
    for item in &terms.items {
        let (messages, address) = keys.entry(item.aggregate_key.0).or_default();
        *messages += 1;
        *address = address.or(item.address.as_deref());
    }
    writeln!(
        out,
        "    total        {STRONG}{}{STRONG:#} under {}",
        count(terms.items.len(), "message"),
        count(keys.len(), "key")
    )?;
    for (key, (messages, address)) in keys {
        let address = address.map(|address| format!(", {address}")).unwrap_or_default();
        writeln!(
            out,
            "                 {} under {}{address}",
            count(messages, "message"),
            Hex(key)
        )?;
    }
    Ok(())
}

fn derivation_words(derivation: &Derivation) -> String {
    match derivation {
        Derivation::Taproot { merkle_root: None } => {
            "taproot output key without scripts (BIP86)".into()
        }
        Derivation::Taproot { merkle_root: Some(root) } => {
            format!("taproot output key with script root {root} (BIP341)")
        }
        Derivation::Bip32 { chain_code: Text(ChainCode::BIP328), path } => {
            format!("child key at {path} (BIP32, chain code of BIP328)")
        }
        Derivation::Bip32 { chain_code, path } => {
            format!("child key at {path} (BIP32, chain code {chain_code})")
        }
        Derivation::Raw => "raw: its author may know more about the key than you do".into(),
    }
}

pub(crate) fn result(out: &mut Vec<u8>, result: &SessionResult) -> io::Result<()> {
    writeln!(out, "\nsession      {}", result.session)?;
    for (place, key) in result.signers.iter().enumerate() {
        writeln!(out, "signer {place:<5} {key}")?;
    }
    for (place, item) in result.items.iter().enumerate() {
        writeln!(out, "item {place:<7} message    {}", item.message)?;
        for step in &item.tweaks {
            writeln!(
                out,
                "             tweak      {} {DIM}{}{DIM:#}",
                step.tweak,
                kind(step.kind)
            )?;
        }
        writeln!(out, "             key        {}", item.aggregate_key)?;
        writeln!(out, "             signature  {GOOD}{}{GOOD:#}", item.signature)?;
    }
    Ok(())
}

fn kind(kind: ResultTweakKind) -> &'static str {
    match kind {
        ResultTweakKind::Plain => "plain",
        ResultTweakKind::XOnly => "xonly",
    }
}
