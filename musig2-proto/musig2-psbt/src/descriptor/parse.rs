//! From text to a script tree whose keys are numbered.
//!
//! `miniscript` reads the tree and everything in it, but knows no `musig()`. So each `musig(…)` is
//! taken out before, and a name stands in its place, which `miniscript` takes for a key.

use super::error::DescriptorError;
use super::key::KeyExpression;
use bitcoin::NetworkKind;
use bitcoin::hashes::{hash160, ripemd160, sha256};
use core::fmt;
use core::str::FromStr;
use miniscript::descriptor::Tr;
use miniscript::descriptor::checksum::verify_checksum;
use miniscript::{MiniscriptKey, TranslateErr, Translator, hash256, translate_hash_clone};

/// The longest descriptor, in bytes. A `musig()` of 100 extended keys takes 12 KiB.
pub const MAX_DESCRIPTOR_SIZE: usize = 64 * 1024;

/// What a descriptor says, with numbers in place of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree {
    /// `tr(KEY)` or `tr(KEY,TREE)`.
    Tr(Tr<Slot>),
    /// `rawtr(KEY)`: the key is the output key.
    RawTr(Slot),
}

/// The number of a key in a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(pub usize);

/// Reads a descriptor. Returns its tree, and its keys by number.
pub(crate) fn parse(
    text: &str,
    network: NetworkKind,
) -> Result<(Tree, Vec<KeyExpression>), DescriptorError> {
    if text.len() > MAX_DESCRIPTOR_SIZE {
        return Err(DescriptorError::TooLong(text.len()));
    }
    let body =
        verify_checksum(text).map_err(|error| DescriptorError::Checksum(error.to_string()))?;
    if !body.starts_with("tr(") && !body.starts_with("rawtr(") {
        return Err(DescriptorError::Kind);
    }
    let (named, musigs) = take_out(body)?;
    let mut keys = Keys { musigs, read: Vec::new(), network };
    if let Some(inside) = named.strip_prefix("rawtr(") {
        let key = inside.strip_suffix(')').filter(|key| !key.contains(['(', ')', ',', '{', '}']));
        let slot = keys.slot(key.ok_or(DescriptorError::Kind)?)?;
        return Ok((Tree::RawTr(slot), keys.expressions()));
    }
    let tree: Tr<Name> =
        named.parse().map_err(|error: miniscript::Error| script_error(&error, &named))?;
    tree.sanity_check().map_err(|error| script_error(&error, &named))?;
    let tree = tree.translate_pk(&mut keys).map_err(|error| match error {
        TranslateErr::TranslatorErr(error) => error,
        TranslateErr::OuterError(error) => script_error(&error, &named),
    })?;
    Ok((Tree::Tr(tree), keys.expressions()))
}

/// A `musig(…)` that was taken out: what is inside, and the path behind it.
type Musig<'a> = (&'a str, &'a str);

/// Replaces each `musig(…)/…` by `@` and its number.
fn take_out(body: &str) -> Result<(String, Vec<Musig<'_>>), DescriptorError> {
    const OPENING: &str = "musig(";
    if body.contains('@') {
        return Err(DescriptorError::Checksum("`@` stands in policies only".into()));
    }
    let (mut named, mut musigs) = (String::with_capacity(body.len()), Vec::new());
    let mut rest = body;
    while let Some((before, after)) = rest.split_once(OPENING) {
        let (inside, after) = after.split_once(')').ok_or(DescriptorError::Musig)?;
        if !before.ends_with(['(', ',']) || inside.contains(['(', '{', '}']) {
            return Err(DescriptorError::Musig);
        }
        let end = after.find([',', ')', '{', '}', '(']).unwrap_or(after.len());
        let (path, after) = after.split_at(end);
        if !path.is_empty() && !path.starts_with('/') {
            return Err(DescriptorError::Musig);
        }
        // The same text is the same key: `miniscript` refuses a key that a leaf has twice.
        let number =
            musigs.iter().position(|musig| *musig == (inside, path)).unwrap_or_else(|| {
                musigs.push((inside, path));
                musigs.len() - 1
            });
        named.push_str(before);
        named.push_str(&format!("@{number}"));
        rest = after;
    }
    named.push_str(rest);
    Ok((named, musigs))
}

/// Keeps texts that may be secret out of messages.
fn script_error(error: &miniscript::Error, text: &str) -> DescriptorError {
    if ["xprv", "tprv"].iter().any(|prefix| text.contains(prefix)) {
        return DescriptorError::PrivateKey;
    }
    DescriptorError::Script(error.to_string())
}

/// A key as the text has it, or the name of a `musig()`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name(String);

impl FromStr for Name {
    type Err = core::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

impl MiniscriptKey for Name {
    type Sha256 = sha256::Hash;
    type Hash256 = hash256::Hash;
    type Ripemd160 = ripemd160::Hash;
    type Hash160 = hash160::Hash;
}

impl MiniscriptKey for Slot {
    type Sha256 = sha256::Hash;
    type Hash256 = hash256::Hash;
    type Ripemd160 = ripemd160::Hash;
    type Hash160 = hash160::Hash;
}

/// Reads each key once, and numbers them.
struct Keys<'a> {
    musigs: Vec<Musig<'a>>,
    read: Vec<(String, KeyExpression)>,
    network: NetworkKind,
}

impl Keys<'_> {
    fn slot(&mut self, name: &str) -> Result<Slot, DescriptorError> {
        if let Some(number) = self.read.iter().position(|(known, _)| known == name) {
            return Ok(Slot(number));
        }
        let musig = name.strip_prefix('@').and_then(|number| number.parse::<usize>().ok());
        let key = match musig.and_then(|number| self.musigs.get(number)) {
            Some((inside, path)) => KeyExpression::musig(inside, path, self.network)?,
            None => KeyExpression::single(name, self.network)?,
        };
        self.read.push((name.to_owned(), key));
        Ok(Slot(self.read.len() - 1))
    }

    fn expressions(self) -> Vec<KeyExpression> {
        self.read.into_iter().map(|(_, key)| key).collect()
    }
}

impl Translator<Name> for Keys<'_> {
    type TargetPk = Slot;
    type Error = DescriptorError;

    fn pk(&mut self, name: &Name) -> Result<Slot, DescriptorError> {
        self.slot(&name.0)
    }

    translate_hash_clone!(Name);
}
