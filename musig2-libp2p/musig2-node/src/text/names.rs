//! Short names of signers and sessions, and lists of them.

use musig2_libp2p::musig2_proto::PublicKey;
use std::fmt;

/// Returns the first characters of a session id or a key: enough to tell a few apart on a screen.
pub(crate) fn short(name: &impl fmt::Display) -> String {
    name.to_string().chars().take(8).collect()
}

/// Returns `alice 02a1b3c4 (you)`, or without a label `02a1b3c4 (you)`.
pub(crate) fn name(
    key: &impl fmt::Display,
    label: Option<&impl fmt::Display>,
    you: bool,
) -> String {
    let label = label.map(|label| format!("{label} ")).unwrap_or_default();
    label + &short(key) + if you { " (you)" } else { "" }
}

/// Returns `signer 02a1b3c4`, or `signers 02a1b3c4, 03b2c4d5 and 5 more`.
pub(crate) fn names(signers: &[impl fmt::Display]) -> String {
    const MOST: usize = 4;
    let listed: Vec<_> = signers.iter().take(MOST).map(ToString::to_string).collect();
    let more = match signers.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("signer{} {}{more}", if signers.len() == 1 { "" } else { "s" }, listed.join(", "))
}

/// Returns `02a1…, alice`, with the full key.
pub(crate) fn named(signer: &PublicKey, label: Option<&impl fmt::Display>) -> String {
    label.map_or_else(|| signer.to_string(), |label| format!("{signer}, {label}"))
}

/// Returns `1 message` or `2 messages`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
