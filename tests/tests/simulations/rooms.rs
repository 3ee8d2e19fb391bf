//! The rooms of each crate, from the ground up: a room imports only from those before it and from
//! itself, never from one that comes later.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders and files of a crate's sources. Those in one line are on the same floor, and do not
/// import from each other.
struct House {
    sources: &'static str,
    floors: &'static [&'static [&'static str]],
    /// Where the outside comes in: these may import everything.
    doors: &'static [&'static str],
}

const HOUSES: [House; 4] = [
    House {
        sources: "musig2-proto/src",
        floors: &[
            &["base"],
            &["crypto"],
            &["terms"],
            &["config"],
            &["wire"],
            &["rules"],
            &["api"],
            &["env"],
            &["session"],
            &["node"],
        ],
        doors: &["docs", "lib"],
    },
    House {
        sources: "musig2-proto/musig2-psbt/src",
        floors: &[&["format", "descriptor"], &["wallet"], &["review"], &["signing"]],
        doors: &["lib"],
    },
    House {
        sources: "musig2-libp2p/musig2-node/src",
        floors: &[
            &["text"],
            &["system"],
            &["keys", "order"],
            &["model"],
            &["render"],
            &["approval"],
            &["failure"],
            &["console", "config"],
            &["node"],
            &["results"],
            &["cosigner", "daemon"],
            &["commands"],
        ],
        doors: &["main", "objects"],
    },
    House {
        sources: "musig2-sim/src",
        floors: &[
            &["ids", "time", "protocol"],
            &["chance", "clock", "engine"],
            &["network"],
            &["plan"],
            &["storage", "trace"],
            &["application", "queue"],
            &["adversary", "oracle"],
            &["world"],
            &["explore", "trial"],
            &["case", "fuzz", "picture", "shrink"],
        ],
        doors: &["lib", "bin"],
    },
];

pub(crate) fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns a file's room: the first part of its path below the sources.
fn room(path: &Path) -> String {
    path.components()
        .next()
        .map(|first| Path::new(&first).with_extension(""))
        .unwrap_or_default()
        .display()
        .to_string()
}

/// Returns what follows each `crate::` of the code. Comments may link anywhere, and a file's own
/// tests import what they need.
fn imports(text: &str) -> impl Iterator<Item = String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names =
        lines.flat_map(|line| line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>());
    names.map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect())
}

#[test]
fn no_room_imports_from_a_room_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    for House { sources: folder, floors, doors } in HOUSES {
        let (folder, mut files) = (root.join(folder), Vec::new());
        sources(&folder, &mut files);
        assert!(files.len() > 10, "{} files of {}", files.len(), folder.display());
        let floor = |room: &str| floors.iter().position(|floor| floor.contains(&room));
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            let place = file.strip_prefix(&folder).expect("below the sources");
            let here = room(place);
            if doors.contains(&here.as_str()) {
                continue;
            }
            let at = floor(&here)
                .unwrap_or_else(|| panic!("{}: a room that the table lacks", place.display()));
            for to in
                imports(&fs::read_to_string(file).expect("a source")).filter(|to| !to.is_empty())
            {
                let other =
                    floor(&to).unwrap_or_else(|| panic!("{}: imports `{to}`", place.display()));
                assert!(
                    other < at || to == here,
                    "{} imports from `{to}`, which is above it",
                    place.display()
                );
            }
        }
    }
}
