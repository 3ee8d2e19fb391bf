//! `musig2-sim replay`: runs a stored case again.

use super::exit::{Error, Finding};
use super::recorded::{Show, tell};
use clap::Args;
use musig2_sim::{Case, EngineName, Plan};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Run a stored case
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The case, as `musig2-sim shrink` wrote it
    case: PathBuf,
    /// The file is an input of the fuzz target `plan` instead
    #[arg(long)]
    bytes: bool,
    #[command(flatten)]
    show: Show,
}

pub fn run(args: &ReplayArgs) -> Result<Finding, Error> {
    let case = if args.bytes { from_bytes(&args.case)? } else { read(&args.case)? };
    let bytes = if args.bytes { " --bytes" } else { "" };
    let replay = format!("musig2-sim replay {}{bytes}", args.case.display());
    writeln!(
        io::stderr(),
        "{}, expected: {}; replay: {replay}",
        args.case.display(),
        case.expected
    )?;
    tell(case.plan, case.engine.into(), &replay, &args.show)
}

pub(super) fn read(path: &Path) -> Result<Case, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
    Case::from_json(&text).map_err(|error| Error::Case {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

fn from_bytes(path: &Path) -> Result<Case, Error> {
    let bytes = std::fs::read(path).map_err(Error::file(path))?;
    Ok(Case::new(Plan::from_bytes(&bytes), EngineName::Transparent, "what the fuzzer found"))
}
