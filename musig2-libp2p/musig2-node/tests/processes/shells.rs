//! What shells offer when a user presses Tab.

use crate::child::run;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

/// What is typed, what is offered then, and whether that is all that is offered (otherwise it is a
/// part).
const TYPED: [(&str, &[&str], bool); 7] = [
    ("musig2-node ev", &["evidence"], true),
    ("musig2-node evidence ver", &["verify"], true),
    ("musig2-node key --b", &["--bip86", "--bip32"], true),
    ("musig2-node propose --mem", &["--memo"], true),
    ("musig2-node propose --", &["--item", "--daemon", "--json"], false),
    ("musig2-node results --status s", &["signed"], true),
    ("musig2-node completions z", &["zsh"], true),
];

/// Checks a shell's completions. `offer` returns what the shell offers for the words typed in this
/// folder, where the script is, or `None` if there is no such shell.
fn a_shell_completes(shell: &str, script: &str, offer: impl Fn(&Path, &str) -> Option<String>) {
    let folder = tempdir().expect("a folder");
    let text = run(["completions", shell]).stdout;
    fs::write(folder.path().join(script), text).expect("written");
    // A shell offers this file if its script offers nothing.
    fs::write(folder.path().join("zzz"), "").expect("written");
    for (typed, expected, is_all) in TYPED {
        let Some(offered) = offer(folder.path(), typed) else {
            eprintln!("\nSKIPPED: no {shell} here\n");
            return;
        };
        let offered: BTreeSet<_> = offered.split_whitespace().collect();
        let expected: BTreeSet<_> = expected.iter().copied().collect();
        assert!(offered.is_superset(&expected), "{shell}: `{typed}`: {offered:?}");
        assert!(!is_all || offered == expected, "{shell}: `{typed}`: {offered:?}");
    }
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn bash_completes_commands_options_and_values() {
    const OFFER: &str = r#"
        source "$1/script"; COMP_WORDS=($2); [[ $2 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _musig2__node musig2-node "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        echo "${COMPREPLY[@]}""#;
    a_shell_completes("bash", "script", |folder, typed| {
        output(
            Command::new("bash")
                .args(["--norc", "-c", OFFER, "bash"])
                .arg(folder)
                .arg(typed)
                .current_dir(folder),
        )
    });
}

#[test]
fn fish_completes_commands_options_and_values() {
    // Each comes with its description after a tab, if it has one; `string` fails if none has.
    const OFFER: &str = "source script; complete -C $argv[1] | string split -f1 \\t; true";
    a_shell_completes("fish", "script", |folder, typed| {
        let mut fish = Command::new("fish");
        output(
            fish.args(["--no-config", "-c", OFFER, typed]).current_dir(folder).env("HOME", folder),
        )
    });
}

/// Runs zsh on a terminal within a terminal, since it completes only what is typed.
#[test]
fn zsh_completes_commands_options_and_values() {
    const OFFER: &str = r#"
        zmodload zsh/zpty
        zpty inner zsh -f -i
        zpty -w inner "PROMPT= ; fpath=(${(q)1} \$fpath); autoload -U compinit; compinit -D -u; source ${(q)1}/inside; print READY''NOW"
        zpty -r inner said '*READYNOW*'
        zpty -w -n inner "$2"$'\t'
        zpty -r inner said '*BEGIN*END*'
        said=${said##*BEGIN}
        print -r -- ${${said%%END*}//$'\r'/}
        zpty -d inner"#;
    // Prints the completions instead of showing them.
    const INSIDE: &str = r#"
        bindkey '^I' offer
        zle -C offer complete-word list-offers
        list-offers() { offered=(); _main_complete; print -rl -- BEGIN $offered END; compstate[insert]=; compstate[list]= }
        compadd() {
            if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
            local -a hits; builtin compadd -A hits "$@"; offered+=($hits); builtin compadd "$@"
        }"#;
    a_shell_completes("zsh", "_musig2-node", |folder, typed| {
        fs::write(folder.join("inside"), INSIDE).expect("written");
        // The limit keeps a shell that offers nothing from hanging the test.
        let mut zsh = Command::new("timeout");
        zsh.args(["60", "zsh", "-f", "-c", OFFER, "zsh"])
            .arg(folder)
            .arg(typed)
            .current_dir(folder);
        Command::new("zsh").arg("--version").output().ok()?;
        output(&mut zsh)
    });
}
