//! Checks that the bugs that `planted/run` plants still fit the tree.

use musig2_sim::Profile;
use std::path::{Path, PathBuf};
use std::process::Command;

fn bugs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("planted");
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let mut bugs: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|end| end == "patch")).collect();
    bugs.sort();
    bugs
}

#[test]
fn every_bug_says_what_is_wrong_and_where_it_is_found() {
    assert!(bugs().len() >= 15);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("planted");
    let table = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for bug in bugs() {
        let text = std::fs::read_to_string(&bug).unwrap();
        let profile = text.lines().find_map(|line| line.strip_prefix("Profile: "));
        assert!(
            profile.is_some_and(|name| name.parse::<Profile>().is_ok()),
            "{}: {profile:?}",
            bug.display()
        );
        // The table has a row for it, in the same words.
        let name = bug.file_stem().unwrap().to_str().unwrap();
        let row = format!("| {name} | {} | {} |", text.lines().next().unwrap(), profile.unwrap());
        assert!(table.contains(&row), "the table of README.md lacks: {row}");
    }
}

#[test]
fn every_bug_can_still_be_planted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let git = |arguments: &[&str]| Command::new("git").current_dir(&root).args(arguments).output();
    let inside =
        git(&["rev-parse", "--is-inside-work-tree"]).is_ok_and(|answer| answer.status.success());
    if !inside {
        eprintln!(
            "SKIPPED: whether the planted bugs can still be planted shows only in a git checkout"
        );
        return;
    }
    for bug in bugs() {
        let checked = git(&["apply", "--check", bug.to_str().unwrap()]).unwrap();
        assert!(
            checked.status.success(),
            "{}: {}",
            bug.display(),
            String::from_utf8_lossy(&checked.stderr)
        );
    }
}
