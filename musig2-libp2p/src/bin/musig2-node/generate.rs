//! `musig2-node completions` and `man`: what shells and manual pages know of the command, made from its own definition.

use crate::failure::Failure;
use crate::report::Console;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::path::PathBuf;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node completions bash > ~/.local/share/bash-completion/completions/musig2-node
  musig2-node completions zsh > ~/.zfunc/_musig2-node")]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

/// Print the manual page
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node man | man -l -
  musig2-node man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write the pages of all commands into this folder instead, which is made if it is missing
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs `completions`.
pub(crate) fn completions<C: CommandFactory>(
    args: &CompletionsArgs,
    console: &Console,
) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut C::command(), "musig2-node", &mut script);
    // For bash, clap_complete 4.6 takes a hyphen in the command's name for one between commands in some places, and not in others.
    let script = String::from_utf8_lossy(&script).replace("musig2__subcmd__node", "musig2__node");
    console.print(script.as_bytes())
}

/// Runs `man`.
pub(crate) fn man<C: CommandFactory>(args: &ManArgs, console: &Console) -> Result<(), Failure> {
    match &args.dir {
        Some(dir) => std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(C::command(), dir))
            .map_err(|error| Failure::Write { file: dir.clone(), error }),
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(C::command()).render(&mut page).map_err(Failure::Output)?;
            console.print(&page)
        }
    }
}
