//! The result of a session: the last line of `--json`, and the input of `verify`. Knows nothing of
//! sessions or networks.

use crate::text::hex::Hex;
use crate::text::without_bom;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything needed to check a session's signatures without trusting whoever produced them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionResult {
    /// The session id. Nothing in the result proves it.
    pub(crate) session: Hex<32>,
    /// The signers' compressed keys, in aggregation order.
    pub(crate) signers: Vec<Hex<33>>,
    /// What was signed.
    pub(crate) items: Vec<ResultItem>,
}

/// One signature, and what it signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResultItem {
    /// The signed message.
    pub(crate) message: Hex<32>,
    /// Tweaks that lead from the signers' aggregate key to the key that signs, in order.
    pub(crate) tweaks: Vec<ResultTweak>,
    /// The key that signs: x-only, tweaked.
    pub(crate) aggregate_key: Hex<32>,
    /// The BIP340 signature.
    pub(crate) signature: Hex<64>,
}

/// One step from the aggregate key to the key that signs (BIP327 ApplyTweak).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResultTweak {
    /// How the scalar is applied.
    pub(crate) kind: ResultTweakKind,
    /// The scalar, big-endian.
    pub(crate) tweak: Hex<32>,
}

/// How a tweak is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResultTweakKind {
    /// Applied to the key as it is.
    Plain,
    /// Applied to the key with even y.
    XOnly,
}

/// Why a text holds no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadResultError {
    /// Not JSON.
    #[error("not JSON: {0}. Give the output of a command with --json")]
    NotJson(#[from] serde_json::Error),
    /// The text is empty.
    #[error("it is empty: give the output of `propose --json` or `demo --json`")]
    Empty,
    /// It is JSON, but contains no result.
    #[error("holds no object of type \"result\"; {}", match .failure {
        Some(message) => format!("the session failed: {message}"),
        None => "give the output of `propose --json` or `demo --json`".into(),
    })]
    NoResult {
        /// The message of the last failure in it.
        failure: Option<String>,
    },
    /// A field of the result is wrong.
    #[error("malformed result, at `{place}`: {problem}")]
    Malformed {
        /// Path to the field.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl SessionResult {
    /// Returns the last result in one JSON object, or in JSON lines that may hold other objects.
    pub(crate) fn last_in(text: &str) -> Result<Self, ReadResultError> {
        if without_bom(text).trim().is_empty() {
            return Err(ReadResultError::Empty);
        }
        let (mut result, mut failure) = (None, None);
        for value in serde_json::Deserializer::from_str(without_bom(text)).into_iter::<Value>() {
            let value = value?;
            match value.get("type").and_then(Value::as_str) {
                Some("result") => result = Some(value),
                Some("failure") => {
                    failure = value.get("message").and_then(Value::as_str).map(Into::into);
                }
                _ => {}
            }
        }
        let result = result.ok_or(ReadResultError::NoResult { failure })?;
        serde_path_to_error::deserialize(result).map_err(|error| ReadResultError::Malformed {
            place: error.path().to_string(),
            problem: error.into_inner().to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(signature: &str) -> String {
        let (key, hash) = ("02".repeat(33), "00".repeat(32));
        format!(
            r#"{{"type":"result","session":"{hash}","signers":["{key}"],"items":[{{"message":"{hash}",
            "tweaks":[{{"kind":"xonly","tweak":"{hash}"}}],"aggregate_key":"{hash}","signature":"{signature}"}}]}}"#
        )
    }

    #[test]
    fn the_last_result_among_other_lines_is_taken() {
        let text = format!(
            "{}\n{{\"type\":\"event\"}}\n{}\n{{\"type\":\"event\"}}\n",
            object(&"01".repeat(64)),
            object(&"02".repeat(64))
        );
        let result = SessionResult::last_in(&text).unwrap();
        assert_eq!(result.items[0].signature, Hex([2; 64]));
        assert_eq!(result.items[0].tweaks[0].kind, ResultTweakKind::XOnly);
    }

    #[test]
    fn a_malformed_field_is_named() {
        let error = SessionResult::last_in(&object("0102")).unwrap_err().to_string();
        assert_eq!(
            error,
            "malformed result, at `items[0].signature`: expected 128 lowercase hex digits, got 4 characters"
        );
        let error = SessionResult::last_in(&object(&"0G".repeat(64))).unwrap_err().to_string();
        assert!(error.ends_with("character 2 is not one"), "{error}");
    }

    #[test]
    fn a_failure_is_reported_instead_of_a_missing_result() {
        let text = r#"{"type":"event"} {"type":"failure","message":"timed out"}"#;
        let error = SessionResult::last_in(text).unwrap_err().to_string();
        assert!(error.ends_with("the session failed: timed out"), "{error}");
        assert!(SessionResult::last_in("").unwrap_err().to_string().contains("propose --json"));
        assert!(matches!(SessionResult::last_in("{\"type\":"), Err(ReadResultError::NotJson(_))));
    }
}
