//! `musig2-sim corpus`: the inputs that fuzzing begins with.

use super::exit::{Error, Finding};
use clap::Args;
use std::fs;
use std::path::PathBuf;

/// Write what fuzzing begins with, a folder for each target
#[derive(Debug, Args)]
pub struct CorpusArgs {
    /// Where the folders are, or are made: `fuzz/corpus`
    folder: PathBuf,
}

pub fn write(args: &CorpusArgs) -> Result<Finding, Error> {
    for (target, inputs) in musig2_sim::fuzz::seeds() {
        let folder = args.folder.join(target);
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        for (name, bytes) in inputs {
            let input = folder.join(name);
            fs::write(&input, bytes).map_err(Error::file(&input))?;
        }
    }
    Ok(Finding::Nothing)
}
