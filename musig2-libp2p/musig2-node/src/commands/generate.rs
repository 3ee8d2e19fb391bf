//! `musig2-node completions` and `man`: shell completions and manual pages, generated from the
//! command's own definition.

use crate::console::Console;
use crate::failure::Failure;
use clap::{Arg, Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;
use std::path::PathBuf;

/// Text appended to the manual page of the whole command.
const MORE: &[u8] = include_bytes!("man.roff");

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node completions bash > ~/.local/share/bash-completion/completions/musig2-node
  musig2-node completions zsh > ~/.zfunc/_musig2-node
  musig2-node completions fish > ~/.config/fish/completions/musig2-node.fish")]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

/// Print the manual page
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node man | man -l -
  musig2-node man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write the pages of all commands to this folder instead; it is created if missing
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
    let mut script = String::from_utf8_lossy(&script).into_owned();
    match args.shell {
        // In some places, but not in all, clap_complete 4.6 takes the hyphen in the command's name
        // for the one between commands.
        Shell::Bash => script = script.replace("musig2__subcmd__node", "musig2__node"),
        Shell::Fish => script.push_str(&fish_values(&C::command())),
        _ => {}
    }
    console.print(script.as_bytes())
}

/// Completes the values of positional arguments: clap_complete 4.6 offers files there in fish.
fn fish_values(command: &clap::Command) -> String {
    let mut lines = String::new();
    for command in command.get_subcommands() {
        let name = command.get_name();
        for value in command.get_positionals().flat_map(Arg::get_possible_values) {
            let value = value.get_name();
            lines += &format!(
                "complete -c musig2-node -n \"__fish_musig2_node_using_subcommand {name}\" -f -a \"{value}\"\n"
            );
        }
    }
    lines
}

/// Runs `man`.
pub(crate) fn man<C: CommandFactory>(args: &ManArgs, console: &Console) -> Result<(), Failure> {
    match &args.dir {
        Some(dir) => std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(C::command(), dir))
            .and_then(|()| std::fs::File::options().append(true).open(dir.join("musig2-node.1")))
            .and_then(|mut page| page.write_all(MORE))
            .map_err(|error| Failure::Write { file: dir.clone(), error }),
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(C::command()).render(&mut page).map_err(Failure::Output)?;
            page.extend_from_slice(MORE);
            console.print(&page)
        }
    }
}
