//! Comments, documentation and pages end at 100 columns, as code does (`rustfmt.toml`). Exempt is
//! what cannot be wrapped: rows of tables, code in documentation, and links.

use crate::rooms::sources;
use std::fs;
use std::path::{Path, PathBuf};

const COLUMNS: usize = 100;

/// Yields the prose of a page, or of the comments of a source, with its line numbers.
fn prose(text: &str, is_page: bool) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let lines = text.lines().zip(1..).filter_map(|(line, number)| {
        let trimmed = line.trim_start();
        let comment = ["//!", "///", "//"].iter().find_map(|mark| trimmed.strip_prefix(mark));
        let content = if is_page { trimmed } else { comment.unwrap_or_default().trim_start() };
        if content.starts_with("```") {
            in_code = !in_code;
        }
        let is_exempt = in_code || content.starts_with('|') || content.starts_with('[');
        ((is_page || comment.is_some()) && !is_exempt).then_some((number, line))
    });
    lines.collect()
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (path, name) = (entry.path(), entry.file_name());
        let is_source = !name.to_string_lossy().starts_with('.') && name != "target";
        if path.is_dir() && is_source {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

#[test]
fn prose_is_at_most_100_columns_wide() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let (mut code, mut texts) = (Vec::new(), Vec::new());
    for folder in ["fuzz/fuzz_targets", "musig2-libp2p", "musig2-proto", "musig2-sim", "tests"] {
        sources(&root.join(folder), &mut code);
    }
    pages(root, &mut texts);
    let files = code.iter().map(|file| (file, false)).chain(texts.iter().map(|file| (file, true)));
    let mut wide = Vec::new();
    for (file, is_page) in files {
        let text = fs::read_to_string(file).expect("text");
        let lines = prose(&text, is_page).into_iter();
        let lines = lines.filter(|(_, line)| line.chars().count() > COLUMNS);
        wide.extend(lines.map(|(number, _)| format!("{}:{number}", file.display())));
    }
    assert!(wide.is_empty(), "wider than {COLUMNS} columns: {wide:#?}");
}
