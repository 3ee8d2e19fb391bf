//! Wallet policies (BIP388): a template with placeholders, and its keys.

use super::error::DescriptorError;
use super::parse::MAX_DESCRIPTOR_SIZE;
use std::collections::BTreeSet;

/// Writes the descriptor that a policy stands for.
///
/// BIP388 forbids derivation inside `musig()`, hardened steps and paths other than
/// `/<NUM;NUM>/*`, so that no two keys of a wallet are the same.
pub(crate) fn expand(template: &str, keys: &[String]) -> Result<String, DescriptorError> {
    if template.len() > MAX_DESCRIPTOR_SIZE {
        return Err(DescriptorError::TooLong(template.len()));
    }
    distinct(keys)?;
    let places = placeholders(template)?;
    only_placeholders(template)?;
    check_paths(template, &places)?;
    let mut used = BTreeSet::new();
    let (mut descriptor, mut done) = (String::new(), 0);
    for place in &places {
        let key = keys.get(place.key).ok_or(POLICY_KEY)?;
        if place.key > used.len() {
            return Err(DescriptorError::Policy("the keys are not numbered in order of use"));
        }
        used.insert(place.key);
        descriptor.push_str(template.get(done..place.start).unwrap_or_default());
        descriptor.push_str(key);
        done = place.end;
        if descriptor.len() > MAX_DESCRIPTOR_SIZE {
            return Err(DescriptorError::TooLong(descriptor.len()));
        }
    }
    if used.len() < keys.len() {
        return Err(DescriptorError::Policy("a key of the list is not used"));
    }
    descriptor.push_str(template.get(done..).unwrap_or_default());
    Ok(descriptor.replace("/**", "/<0;1>/*"))
}

const POLICY_KEY: DescriptorError =
    DescriptorError::Policy("a placeholder names a key that is not in the list");

/// `@` and a number, at these bytes of the template.
struct Placeholder {
    key: usize,
    start: usize,
    end: usize,
}

fn placeholders(template: &str) -> Result<Vec<Placeholder>, DescriptorError> {
    let mut places = Vec::new();
    for (start, _) in template.match_indices('@') {
        let digits = template.get(start + 1..).unwrap_or_default();
        let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let digits = digits.get(..length).unwrap_or_default();
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(DescriptorError::Policy("a key's number has leading zeros"));
        }
        let key = digits.parse().map_err(|_| POLICY_KEY)?;
        places.push(Placeholder { key, start, end: start + 1 + length });
    }
    if places.is_empty() {
        return Err(DescriptorError::Policy("it has no key"));
    }
    Ok(places)
}

/// Checks that no key stands in the template itself. Only a hash is as long as a key.
fn only_placeholders(template: &str) -> Result<(), DescriptorError> {
    const HASHES: [&str; 4] = ["sha256(", "hash256(", "ripemd160(", "hash160("];
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let mut done = "";
    for word in template.split_inclusive(|c| !is_word(c)) {
        let letters = word.trim_end_matches(|c| !is_word(c)).len();
        if letters >= 40 && !HASHES.contains(&done) {
            return Err(DescriptorError::Policy("a key stands in it: put all keys into the list"));
        }
        done = word;
    }
    Ok(())
}

/// Checks that the extended keys are all different, whatever their origins.
fn distinct(keys: &[String]) -> Result<(), DescriptorError> {
    let mut seen = BTreeSet::new();
    for key in keys {
        let bare = key.rsplit(']').next().unwrap_or(key);
        if bare.contains(['/', '*', '<', '(', ',', ')']) {
            return Err(DescriptorError::Policy("a key of the list has a path behind it"));
        }
        let xpub: bitcoin::bip32::Xpub =
            bare.parse().map_err(|_| DescriptorError::Policy("a key of the list is no xpub"))?;
        if !seen.insert(xpub.public_key) {
            return Err(DescriptorError::Policy("two keys of the list are the same"));
        }
    }
    Ok(())
}

/// A place where a key stands: which keys, and the two branches behind them.
type Use = (BTreeSet<usize>, (u32, u32));

/// Checks what stands behind each key: `/**` or `/<NUM;NUM>/*`, and no two overlap.
fn check_paths(template: &str, places: &[Placeholder]) -> Result<(), DescriptorError> {
    let mut uses: Vec<Use> = Vec::new();
    let mut inside = BTreeSet::new();
    for place in places {
        let after = template.get(place.end..).unwrap_or_default();
        let before = template.get(..place.start).unwrap_or_default();
        let opens_musig = before.ends_with("musig(");
        if !opens_musig && inside.is_empty() {
            uses.push((BTreeSet::from([place.key]), branches(after)?));
            continue;
        }
        if !inside.insert(place.key) {
            return Err(DescriptorError::Policy("a musig() names the same key twice"));
        }
        match after.as_bytes().first() {
            Some(b',') => {}
            Some(b')') => {
                let behind = after.get(1..).unwrap_or_default();
                uses.push((core::mem::take(&mut inside), branches(behind)?));
            }
            _ => return Err(DescriptorError::Policy("a key inside musig() has a path")),
        }
    }
    for (number, (keys, (first, second))) in uses.iter().enumerate() {
        let overlaps = |(others, (a, b)): &Use| {
            others == keys && [a, b].into_iter().any(|one| one == first || one == second)
        };
        if uses.iter().take(number).any(overlaps) {
            return Err(DescriptorError::Policy("two places would have the same keys"));
        }
    }
    Ok(())
}

fn branches(after: &str) -> Result<(u32, u32), DescriptorError> {
    let wrong = DescriptorError::Policy("a key has neither /** nor /<NUM;NUM>/* behind it");
    if after.starts_with("/**") {
        return Ok((0, 1));
    }
    let (choices, rest) =
        after.strip_prefix("/<").and_then(|rest| rest.split_once('>')).ok_or(wrong.clone())?;
    let (first, second) = choices.split_once(';').ok_or(wrong.clone())?;
    let number = |text: &str| text.parse::<u32>().map_err(|_| wrong.clone());
    let (first, second) = (number(first)?, number(second)?);
    if !rest.starts_with("/*") || first == second {
        return Err(wrong);
    }
    Ok((first, second))
}
