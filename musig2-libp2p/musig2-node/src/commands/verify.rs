//! `musig2-node verify` checks a result with the `musig2` crate (over `k256`), using none of the
//! code that made it.

use crate::console::Console;
use crate::failure::Failure;
use crate::model::line::Line;
use crate::model::result::SessionResult;
use crate::model::verification::check;
use clap::Args;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest input read: more than a session with the most signers and items produces.
const MAX_INPUT: u64 = 64 << 20;

/// Check the signatures of a result, independently of the code that made them
///
/// Aggregates the signers' keys (BIP327) in the order given, applies each item's tweaks, compares
/// the outcome with its `aggregate_key`, and verifies its signature (BIP340), all with a different
/// library from the one that signed. The session's id is only a name: nothing in a result vouches
/// for it. Check for yourself that these are the signers, messages and tweaks that you meant.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node demo --json > session.jsonl
  musig2-node verify session.jsonl

  musig2-node demo --json | musig2-node verify -

Exit code: 0 if every signature verifies, 1 if not, 2 if there is no well-formed result to check.")]
pub(crate) struct VerifyArgs {
    /// The result, or the JSON lines of a whole run (the last result in them is checked); `-` reads
    /// standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs, console: &Console) -> Result<(), Failure> {
    let name = || {
        if is_stdin(&args.file) { "standard input".into() } else { args.file.display().to_string() }
    };
    let text = read(&args.file).map_err(|error| Failure::Input { name: name(), error })?;
    let result = SessionResult::last_in(&text)
        .map_err(|error| Failure::ResultFile { name: name(), error })?;
    let verdicts = check(&result)?;
    let invalid = verdicts.iter().filter(|verdict| !verdict.valid).count();
    let items = verdicts.len();
    for verdict in verdicts {
        console.show(&Line::Verified(verdict))?;
    }
    if invalid > 0 {
        return Err(Failure::Invalid { invalid, items });
    }
    if console.is_json() {
        // Print the result, so that a pipeline can continue with what was verified.
        console.show(&Line::Result(&result))?;
    }
    Ok(())
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

fn read(file: &Path) -> io::Result<String> {
    let input: Box<dyn Read> =
        if is_stdin(file) { Box::new(io::stdin().lock()) } else { Box::new(File::open(file)?) };
    let mut text = String::new();
    if input.take(MAX_INPUT + 1).read_to_string(&mut text)? as u64 > MAX_INPUT {
        return Err(io::Error::other(format!("more than {MAX_INPUT} bytes")));
    }
    Ok(text)
}
