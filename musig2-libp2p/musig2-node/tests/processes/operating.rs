//! Checks the page for operators and the files that come with it, with the tools that an operator
//! would use.

use crate::child::run;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::tempdir;

const PAGE: &str = include_str!("../../../OPERATING.md");
const UNIT: &str = include_str!("../../../contrib/musig2-node.service");

fn contrib(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contrib").join(file)
}

/// Runs a tool and returns its output, or `None` if the tool is not there.
fn ask(tool: &str, arguments: &[&str], folder: &Path) -> Option<Output> {
    match Command::new(tool).args(arguments).current_dir(folder).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("\nSKIPPED: `{tool}`: {error}\n");
            None
        }
    }
}

/// Returns every message that is logged at WARN or ERROR, with its level. `…` stands for what
/// differs each time.
fn messages() -> BTreeSet<(&'static str, String)> {
    let mut messages = BTreeSet::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![here.join("src"), here.join("../src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).expect("text");
            for (level, start) in [("WARN", "warn!("), ("ERROR", "error!(")] {
                let calls = source.split(start).skip(1).zip(source.split(start));
                for (call, before) in calls {
                    // Skips macros whose name only ends like this, such as `compile_error!`.
                    if before.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                        continue;
                    }
                    // The format is the last literal.
                    let message = literals(call).pop();
                    let message =
                        message.unwrap_or_else(|| panic!("{}: no message: {call}", path.display()));
                    messages.insert((level, without_values(&message)));
                }
            }
        }
    }
    messages
}

/// Returns the texts in quotation marks, up to the parenthesis that closes the call.
fn literals(call: &str) -> Vec<String> {
    let (mut literals, mut depth, mut rest) = (Vec::new(), 1, call.chars());
    while depth > 0 {
        match rest.next().expect("the call ends") {
            '(' => depth += 1,
            ')' => depth -= 1,
            '"' => {
                let mut literal = String::new();
                loop {
                    match rest.next().expect("the literal ends") {
                        '"' => break,
                        // The literal goes on in the next line, after its indentation.
                        '\\' => rest = rest.as_str().trim_start().chars(),
                        other => literal.push(other),
                    }
                }
                literals.push(literal);
            }
            _ => {}
        }
    }
    literals
}

/// Turns `no {thing} here` into `no … here`.
fn without_values(format: &str) -> String {
    let mut parts = format.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push('…');
        text.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    text
}

#[test]
fn the_page_explains_every_warning_of_the_log_and_no_other() {
    let logged = messages();
    assert!(logged.len() > 20, "the sources were not read: {logged:?}");
    for (level, message) in &logged {
        let words = message.replace('…', "");
        assert!(
            words.split_whitespace().count() > 1,
            "{level} `{message}` says nothing by itself: put words before it"
        );
    }
    let rows = PAGE.lines().filter_map(|line| {
        let (level, rest) = line.strip_prefix("| ")?.split_once(" | `")?;
        let (message, rest) = rest.split_once("` | ")?;
        let level = ["WARN", "ERROR"].into_iter().find(|name| *name == level)?;
        let cells: Vec<_> = rest.trim_end_matches('|').split(" | ").collect();
        assert!(cells.len() == 2 && cells.iter().all(|cell| !cell.trim().is_empty()), "{line}");
        Some((level, message.to_owned()))
    });
    let explained: BTreeSet<_> = rows.collect();
    // A message that says more than a row of the page is explained by that row.
    let is_explained = |(level, message): &&(&'static str, String)| {
        explained.iter().any(|(of, row)| of == level && stands_for(row, message))
    };
    let missing: Vec<_> = logged.iter().filter(|message| !is_explained(message)).collect();
    assert!(missing.is_empty(), "OPERATING.md does not explain {missing:#?}");
    let is_logged = |(level, row): &&(&'static str, String)| {
        logged.iter().any(|(of, message)| of == level && stands_for(row, message))
    };
    let stale: Vec<_> = explained.iter().filter(|row| !is_logged(row)).collect();
    assert!(stale.is_empty(), "OPERATING.md explains what nothing says: {stale:#?}");
}

/// Returns whether a row stands for a message. A row that ends in `…` stands for every message
/// that begins like it.
fn stands_for(row: &str, message: &str) -> bool {
    row == message || row.strip_suffix('…').is_some_and(|start| message.starts_with(start))
}

/// Returns a setting of the unit.
fn setting(key: &str) -> &'static str {
    let line = UNIT.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no `{key}` in the unit"))
}

#[test]
fn the_unit_is_valid_and_hardened() {
    let folder = tempdir().expect("a folder");
    let unit = folder.path().join("musig2-node.service");
    let here = UNIT.replace("/usr/local/bin/musig2-node", env!("CARGO_BIN_EXE_musig2-node"));
    fs::write(&unit, here).expect("written");
    let unit = unit.to_str().expect("text");
    let Some(verified) = ask("systemd-analyze", &["verify", "--man=no", unit], folder.path())
    else {
        return;
    };
    let told = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !told.contains("musig2-node.service"), "{told}");
    // The threshold is out of 100, the rating of a service that may do anything.
    let security = ["security", "--offline=true", "--threshold=20", unit];
    let Some(rated) = ask("systemd-analyze", &security, folder.path()) else { return };
    assert!(rated.status.success(), "{}", String::from_utf8_lossy(&rated.stdout));
}

#[test]
fn the_unit_never_restarts_a_signer_often_enough_to_convict_it() {
    // Nine lives in a session convict nobody (PROTOCOL.md), and the tenth would. A session lasts
    // ten minutes, unless configured otherwise.
    let pause: u32 = setting("RestartSec").parse().expect("seconds");
    assert!(600 / pause < 8, "{pause}");
    assert_eq!(setting("StartLimitIntervalSec"), "10min");
    assert!(setting("StartLimitBurst").parse::<u32>().expect("a number") < 8);
    // A node that cannot start at all is started too seldom to reach the limit, so systemd does not
    // give up.
    assert!(600 / pause < setting("StartLimitBurst").parse().expect("a number"));
    assert_eq!(setting("Restart"), "on-failure");
}

#[test]
fn the_alerts_fire_when_they_should_and_each_is_on_the_page() {
    let folder = contrib("");
    for arguments in [
        ["check", "rules", "prometheus-alerts.yml"],
        ["test", "rules", "prometheus-alerts.test.yml"],
    ] {
        let Some(told) = ask("promtool", &arguments, &folder) else { break };
        let text = [told.stdout, told.stderr].concat();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&text));
    }
    let rules = fs::read_to_string(folder.join("prometheus-alerts.yml")).expect("text");
    let tests = fs::read_to_string(folder.join("prometheus-alerts.test.yml")).expect("text");
    let alerts: Vec<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 5, "{alerts:?}");
    for alert in alerts {
        assert!(
            PAGE.contains(&format!("`{alert}`")),
            "OPERATING.md does not say what to do about {alert}"
        );
        let fires = format!("alertname: {alert}\n        exp_alerts:");
        assert!(tests.contains(&fires), "nothing shows when {alert} fires");
    }
}

#[test]
fn the_container_runs_as_a_user_of_its_own() {
    let file = fs::read_to_string(contrib("Containerfile")).expect("text");
    let (_, last_stage) = file.rsplit_once("\nFROM ").expect("a stage");
    let user = last_stage.lines().find_map(|line| line.strip_prefix("USER ")).expect("a user");
    let number: u32 = user.split(':').next().expect("a number").parse().expect("a number");
    assert_ne!(number, 0);
    // A build takes minutes and needs the network. This check only reads the file, as a build
    // would.
    let workspace = contrib("../..");
    let check = ["build", "--check", "--file", "musig2-libp2p/contrib/Containerfile", "."];
    match ask("docker", &["info"], &workspace) {
        Some(info) if info.status.success() => {
            let checked = ask("docker", &check, &workspace).expect("it was there");
            assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        }
        Some(info) => {
            eprintln!(
                "\nSKIPPED: no container is built: {}\n",
                String::from_utf8_lossy(&info.stderr)
            );
        }
        None => {}
    }
}

#[test]
fn the_units_configuration_lacks_only_the_key() {
    let told = run(["config", "--check", contrib("musig2-node.toml").to_str().expect("text")]);
    // Only the missing key is reported.
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(
        told.stderr.contains("/var/lib/musig2/signer.key: cannot read the key"),
        "{}",
        told.stderr
    );
    for folder in ["/var/lib/", "/run/"] {
        let name = match folder {
            "/run/" => setting("RuntimeDirectory"),
            _ => setting("StateDirectory"),
        };
        let config = fs::read_to_string(contrib("musig2-node.toml")).expect("text");
        assert!(
            config.contains(&format!("\"{folder}{name}/")),
            "the unit lets it write to {folder}{name}"
        );
    }
}

#[test]
fn the_pages_commands_fit_the_unit_and_its_configuration() {
    let config = fs::read_to_string(contrib("musig2-node.toml")).expect("text");
    let socket = config.lines().find_map(|line| line.strip_prefix("socket = ")).expect("it is set");
    let socket = socket.trim_matches('"');
    let blocks = PAGE.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let of_unit: Vec<_> = blocks.filter(|block| block.contains("systemctl")).collect();
    assert_eq!(of_unit.len(), 2, "to install it, and to change the version");
    for block in of_unit {
        for line in block.lines() {
            let asks = ["status", "sessions"]
                .iter()
                .any(|asked| line.contains(&format!("musig2-node {asked}")));
            assert!(
                !asks || line.contains(&format!("--socket {socket}")),
                "not the unit's socket: {line}"
            );
            let checks = line.contains("config --check");
            assert!(
                !checks || line.contains(&format!("runuser -u {} ", setting("User"))),
                "{line}"
            );
            assert!(!checks || line.contains("MUSIG2_PASSPHRASE_FILE="), "it would ask: {line}");
        }
        assert!(block.contains("config --check /etc/musig2/musig2-node.toml"), "{block}");
    }
    assert!(setting("ExecStart").ends_with(" run --config /etc/musig2/musig2-node.toml"));
    assert_eq!(setting("LoadCredential"), "passphrase:/etc/musig2/passphrase");
}

/// A test vector of BIP341 (`wallet-test-vectors.json`, `scriptPubKey` 1): a tree with one script.
#[test]
fn the_root_of_a_script_is_computed_as_the_page_says() {
    const SCRIPT: &str = "20d85a959b0290bf19bb89ed43c916be835475d013da4b362117393e25a48229b8ac";
    const ROOT: &str = "5b75adecf53548f3ec6ad7d78383bf84cc57b55a3127c72b9a2481752dd88b21";
    let (_, code) = PAGE.split_once("```python\n").expect("it is there");
    let (code, _) = code.split_once("```").expect("it ends");
    let Some(told) = ask("python3", &["-c", code, SCRIPT], Path::new(".")) else { return };
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), ROOT, "{told:?}");
}
