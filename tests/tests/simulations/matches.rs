//! Matches outside the core that must name every variant of an enum of the core.
//!
//! These enums are `#[non_exhaustive]`, so the compiler demands a wildcard arm in other crates and
//! then cannot tell that a new variant was forgotten. Where forgetting one would be a fault, the
//! line above the wildcard arm says `// Names every Event.` (or whichever enum), and this test
//! holds it to that.

use crate::rooms::sources;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where each enum is defined, and the name that its variants have there.
const ENUMS: [(&str, &str); 6] = [
    ("AbortCause", "musig2-proto/src/api/abort.rs"),
    ("Event", "musig2-proto/src/api/event.rs"),
    ("NodeEvent", "musig2-libp2p/src/node/event.rs"),
    ("Output", "musig2-proto/src/api/output.rs"),
    ("Phase", "musig2-proto/src/api/view.rs"),
    ("Command", "musig2-proto/src/api/command.rs"),
];

/// The variants of an enum, from its source.
fn variants(root: &Path, name: &str) -> BTreeSet<String> {
    let (_, file) = ENUMS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| {
        panic!("no file is given for the enum `{name}`");
    });
    let source = fs::read_to_string(root.join(file)).expect("a source");
    let start = source.find(&format!("pub enum {name} {{")).expect("the enum");
    let body = source[start..].split("\n}\n").next().expect("its body");
    let name_of = |line: &str| {
        let line = line.strip_prefix("    ")?;
        let name: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
        line.starts_with(|c: char| c.is_ascii_uppercase()).then_some(name)
    };
    body.lines().skip(1).filter_map(name_of).collect()
}

#[test]
fn a_match_that_says_so_names_every_variant() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut files = Vec::new();
    for folder in ["musig2-libp2p", "musig2-sim/src"] {
        sources(&root.join(folder), &mut files);
    }
    let (mark, mut found) = ("// Names every ", 0);
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        for (at, _) in text.match_indices(mark) {
            found += 1;
            let name = text[at + mark.len()..].split('.').next().unwrap_or_default();
            // From the beginning of the function that the mark stands in.
            let start = text[..at].rfind("fn ").unwrap_or_default();
            let missing = variants(root, name).into_iter().filter(|variant| {
                let path = format!("{name}::{variant}");
                let mut after = text[start..at].split(path.as_str()).skip(1);
                !after.any(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
            });
            let missing: Vec<_> = missing.collect();
            assert!(missing.is_empty(), "{}: no arm for {name}::{missing:?}", file.display());
        }
    }
    assert!(found > 5, "only {found} matches are marked");
}
