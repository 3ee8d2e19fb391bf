//! Approval files: which signers and messages `cosign` signs with and for unasked.

use musig2_libp2p::musig2_proto::{Message, PublicKey, SessionView, XOnlyPublicKey};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::hash::Hash;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The largest approval file read: room for some 15,000 rules.
const MAX_SIZE: u64 = 1 << 20;

/// How an approval file is written, for `--help`.
pub(crate) const FORMAT: &str = "\
Approval file: one rule a line; empty lines and what follows a # are skipped.
  signer HEX33    a co-signer's public key (33 bytes); `signer any` for all
  message HEX32   a message that may be signed (32 bytes); `message any` for all
  key HEX32       an x-only key that may sign, tweaks included (32 bytes); without any such rule, every one may
A session is joined if every co-signer, every message and every key in it is allowed, and declined otherwise.
At least one `signer` and one `message` rule are needed.";

/// What an approval file allows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    signers: Allowed<PublicKey>,
    messages: Allowed<Message>,
    keys: Allowed<XOnlyPublicKey>,
}

/// Why an approval file is not one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RulesError {
    #[error("{}: cannot read the approval file: {error}. (`--approve` takes `all`, `ask`, or the path of a file)", .file.display())]
    Read { file: PathBuf, error: io::Error },
    #[error("{}, line {line}: {problem}", .file.display())]
    Line { file: PathBuf, line: usize, problem: String },
    #[error(
        "{}: no `{missing}` rule, so that nothing would ever be signed. Add `{missing} HEX` lines, or `{missing} any`",
        .file.display()
    )]
    Missing { file: PathBuf, missing: &'static str },
}

impl Rules {
    /// Reads an approval file.
    pub(crate) fn read(path: &Path) -> Result<Self, RulesError> {
        let failed = |error| RulesError::Read { file: path.into(), error };
        let mut text = String::new();
        let file = File::open(path).map_err(failed)?;
        if file.take(MAX_SIZE + 1).read_to_string(&mut text).map_err(failed)? as u64 > MAX_SIZE {
            return Err(failed(io::Error::other(format!("more than {MAX_SIZE} bytes"))));
        }
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, RulesError> {
        let (mut signers, mut messages, mut keys) = (Allowed::None, Allowed::None, Allowed::None);
        for (number, line) in (1..).zip(text.lines()) {
            let rule = line.split('#').next().unwrap_or_default();
            let words: Vec<_> = rule.split_whitespace().collect();
            let outcome = match words[..] {
                [] => Ok(()),
                ["signer", value] => signers.allow(value).and_then(|key| key.map_or(Ok(()), check_key)),
                ["message", value] => messages.allow(value).map(drop),
                ["key", value] => keys.allow(value).map(drop),
                ["signer" | "message" | "key", ..] => {
                    Err("expected one value, HEX or `any`, after the rule's name".into())
                }
                [other, ..] => Err(format!("`{other}` is no rule: use `signer`, `message` or `key`")),
            };
            outcome.map_err(|problem| RulesError::Line { file: path.into(), line: number, problem })?;
        }
        let missing = |missing| RulesError::Missing { file: path.into(), missing };
        match (&signers, &messages, &keys) {
            (Allowed::None, ..) => Err(missing("signer")),
            (_, Allowed::None, _) => Err(missing("message")),
            (_, _, Allowed::None) => Ok(Self { signers, messages, keys: Allowed::Any }),
            _ => Ok(Self { signers, messages, keys }),
        }
    }

    /// Whether everything in a session is allowed; else what is not.
    pub(crate) fn check(&self, session: &SessionView) -> Result<(), String> {
        let others = session
            .manifest
            .indices()
            .zip(session.manifest.signers())
            .filter(|(index, _)| *index != session.me);
        for (index, key) in others {
            if !self.signers.contains(key) {
                return Err(format!("signer {index} is not allowed: {key}"));
            }
        }
        for (item, (content, output)) in session.manifest.items().iter().zip(&session.output_keys).enumerate()
        {
            if !self.messages.contains(content.message()) {
                return Err(format!("the message of item {item} is not allowed: {}", content.message()));
            }
            if !self.keys.contains(&output.key) {
                return Err(format!("the key of item {item} is not allowed: {}", output.key));
            }
        }
        Ok(())
    }
}

/// What the rules of one kind allow.
#[derive(Debug, PartialEq, Eq)]
enum Allowed<T> {
    None,
    These(BTreeSet<T>),
    Any,
}

impl<T: FromStr<Err: Display> + Ord + Copy + Hash> Allowed<T> {
    /// Adds a rule's value; gives it back where it is not `any`.
    fn allow(&mut self, value: &str) -> Result<Option<T>, String> {
        if value == "any" {
            *self = Self::Any;
            return Ok(None);
        }
        let value: T = value.parse().map_err(|error| format!("`{value}`: {error}"))?;
        match self {
            Self::None => *self = Self::These(BTreeSet::from([value])),
            Self::These(values) => drop(values.insert(value)),
            Self::Any => {}
        }
        Ok(Some(value))
    }

    fn contains(&self, value: &T) -> bool {
        match self {
            Self::None => false,
            Self::These(values) => values.contains(value),
            Self::Any => true,
        }
    }
}

fn check_key(key: PublicKey) -> Result<(), String> {
    crate::parse::check_on_curve(&key).map_err(|problem| format!("`{key}`: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

    fn parse(text: &str) -> Result<Rules, String> {
        Rules::parse(Path::new("rules"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn rules_add_up_and_comments_are_skipped() {
        let message = "07".repeat(32);
        let rules = parse(&format!(
            "# ours\n\nsigner {KEY} # Alice\nmessage {message}\nmessage {}\n",
            "08".repeat(32)
        ));
        let rules = rules.unwrap();
        assert!(rules.signers.contains(&KEY.parse().unwrap()));
        assert!(!rules.signers.contains(&PublicKey::new([2; 33])));
        assert!(rules.messages.contains(&message.parse().unwrap()));
        assert!(!rules.messages.contains(&Message::new([9; 32])));
        assert_eq!(rules.keys, Allowed::Any);
        let keyed = parse(
            "signer any\nmessage any\nkey 0909090909090909090909090909090909090909090909090909090909090909",
        );
        assert!(!keyed.unwrap().keys.contains(&XOnlyPublicKey::new([8; 32])));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let cases = [
            (
                "signer any\nmesage any",
                "rules, line 2: `mesage` is no rule: use `signer`, `message` or `key`",
            ),
            ("signer\n", "rules, line 1: expected one value, HEX or `any`, after the rule's name"),
            ("signer any\n\nmessage 07", "rules, line 3: `07`: expected 64 hex digits, got 2 characters"),
            (
                "message any",
                "rules: no `signer` rule, so that nothing would ever be signed. Add `signer HEX` lines, or `signer any`",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap_err(), expected);
        }
        let off_curve = format!("signer 02{}", "ff".repeat(32));
        assert!(parse(&off_curve).unwrap_err().ends_with("not a point on secp256k1"));
    }
}
