//! The operator's labels for signers, and the chain that they sign for. Both stay on this node:
//! nobody else is told.

use crate::text::chain::Chain;
use crate::text::{Text, Written, is_hex};
use musig2_libp2p::musig2_proto::{PublicKey, XOnlyPublicKey};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// The longest label, in characters.
const MAX_LENGTH: usize = 32;
/// A text with this many hex digits could be mistaken for the beginning of a key.
const KEY_LIKE: usize = 8;

/// A word or two for a signer. It holds no control characters for a terminal, and cannot be
/// mistaken for a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label(Arc<str>);

/// A signer and its label: `alice=02a1…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labelled {
    label: Label,
    signer: PublicKey,
}

/// The table `[signers]` of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Text<PublicKey>>")]
pub(crate) struct Table(BTreeMap<PublicKey, Label>);

/// The labels that a running node shows, and the chain of its addresses. Clones share the labels,
/// even after they are replaced.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels {
    table: Arc<RwLock<Table>>,
    chain: Chain,
}

impl Labels {
    /// Uses the labels of this table until it is replaced.
    pub(crate) fn new(table: Table, chain: Chain) -> Self {
        Self { table: Arc::new(RwLock::new(table)), chain }
    }

    /// Returns a signer's label, if it has one.
    pub(crate) fn of(&self, signer: &PublicKey) -> Option<Label> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).0.get(signer).cloned()
    }

    /// The address of a taproot output key.
    pub(crate) fn address(&self, key: &XOnlyPublicKey) -> String {
        self.chain.address(key)
    }

    /// Uses the labels of this table from now on.
    pub(crate) fn replace(&self, table: Table) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }
}

impl Labelled {
    /// Returns the signer with this label.
    pub(crate) fn signer(&self) -> PublicKey {
        self.signer
    }
}

impl Table {
    /// Makes a table of the options on the command line.
    pub(crate) fn of(given: &[Text<Labelled>]) -> Result<Self, String> {
        let mut table = Self::default();
        for Text(Labelled { label, signer }) in given {
            if table.0.values().any(|other| other == label) {
                return Err(format!("the label `{label}` is given to two keys"));
            }
            table.add(label.clone(), *signer)?;
        }
        Ok(table)
    }

    /// Returns the signers that have a label.
    pub(crate) fn signers(&self) -> impl Iterator<Item = PublicKey> {
        self.0.keys().copied()
    }

    fn add(&mut self, label: Label, signer: PublicKey) -> Result<(), String> {
        match self.0.insert(signer, label.clone()) {
            Some(other) => {
                Err(format!("`{other}` and `{label}` have the same key {signer}: keep one of them"))
            }
            None => Ok(()),
        }
    }
}

impl TryFrom<BTreeMap<String, Text<PublicKey>>> for Table {
    type Error = String;

    fn try_from(given: BTreeMap<String, Text<PublicKey>>) -> Result<Self, String> {
        let mut table = Self::default();
        for (label, Text(signer)) in given {
            table.add(Label::read(&label)?, signer)?;
        }
        Ok(table)
    }
}

impl Written for Label {
    const EXPECTED: &'static str = "a label, such as alice";

    fn read(text: &str) -> Result<Self, String> {
        let refused = |problem: &str| Err(format!("the label {text:?} {problem}"));
        let is_allowed =
            |character: char| character.is_alphanumeric() || "-_.' ".contains(character);
        match text.chars().count() {
            0 => return Err("a label is empty".into()),
            1..=MAX_LENGTH => {}
            length => {
                return refused(&format!("has {length} characters: use at most {MAX_LENGTH}"));
            }
        }
        if !text.chars().all(is_allowed) || text.trim() != text {
            return refused(
                "may have only letters, digits, `-`, `_`, `.`, `'`, and spaces between them",
            );
        }
        if is_hex(text) && text.len() >= KEY_LIKE {
            return refused("could be mistaken for a key: use more than hex digits");
        }
        Ok(Self(text.into()))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Written for Labelled {
    const EXPECTED: &'static str = "a label and a public key: LABEL=PUBKEY";

    fn read(text: &str) -> Result<Self, String> {
        let (label, signer) = text.split_once('=').ok_or("write LABEL=PUBKEY")?;
        Ok(Self { label: Label::read(label)?, signer: PublicKey::read(signer)? })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.label, self.signer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::toml_file;
    use std::path::Path;

    const KEY: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

    #[test]
    fn a_misleading_label_is_refused() {
        for good in ["alice", "Bob's phone", "cold-1", "Зоя", "ab12"] {
            assert!(Label::read(good).is_ok(), "{good}");
        }
        for (bad, expected) in [
            ("", "is empty"),
            (" alice", "spaces between"),
            ("a\u{1b}[31m", "may have only letters"),
            ("alice, 02ab", "may have only letters"),
            ("02a1b3c4", "taken for a key"),
            (&"a".repeat(33), "33 characters: use at most 32"),
        ] {
            let error = Label::read(bad).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn one_key_has_one_label() {
        let parse = |text: &str| {
            toml_file::parse::<Table>(Path::new("labels"), text).map_err(|error| error.to_string())
        };
        let signer = KEY.parse::<Text<PublicKey>>().unwrap().0;
        let labels = Labels::new(parse(&format!("alice = \"{KEY}\"")).unwrap(), Chain::Main);
        assert_eq!(labels.of(&signer).map(|label| label.to_string()), Some("alice".into()));
        let error = parse(&format!("alice = \"{KEY}\"\nbob = \"{KEY}\"")).unwrap_err();
        assert!(error.contains("`alice` and `bob` have the same key"), "{error}");
        let given =
            |label: &str, key: &str| format!("{label}={key}").parse::<Text<Labelled>>().unwrap();
        let other = format!("03{}", &KEY[2..]);
        let error = Table::of(&[given("alice", KEY), given("alice", &other)]).unwrap_err();
        assert!(error.contains("`alice` is given to two keys"), "{error}");
        labels.replace(Table::default());
        assert_eq!(labels.of(&signer), None);
    }
}
