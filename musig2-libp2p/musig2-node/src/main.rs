//! `musig2-node`: MuSig2 (BIP327) signing sessions from the command line.

mod approval;
mod commands;
mod config;
mod console;
mod cosigner;
mod daemon;
mod failure;
mod keys;
mod model;
mod node;
#[cfg(all(test, unix))]
mod objects;
mod order;
mod render;
mod results;
mod system;
mod text;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};
use console::Console;
use failure::Failure;
use model::line::Line;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;
use system::outlet::{MAX_WAITING, Outlet};
use system::screen::Screen;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How long threads that still wait for something may run on when a command ends.
const CLOSING: Duration = Duration::from_secs(1);

/// Sign together: several signers make one BIP340 signature
///
/// Signers that share a MuSig2 (BIP327) key find one another on a libp2p network, agree on what to
/// sign, and sign it. Each ends up with the signatures, or with the names of the signers that did
/// not answer, declined or broke the protocol. `musig2-node demo` shows the whole process on this
/// machine.
#[derive(Debug, Parser)]
#[command(
    name = "musig2-node",
    version,
    propagate_version = true,
    after_help = "Start with:
  musig2-node demo

On each of several machines:
  musig2-node keygen --out signer.key
  musig2-node config --example > musig2-node.toml
  musig2-node run --config musig2-node.toml

Exit codes: 0 done, 1 failed, 2 invalid input. To log to standard error, set RUST_LOG (for example to `info` or `libp2p=debug`)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print only JSON on standard output, one object per line; a command that fails prints an
    /// object of type `failure` last
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(commands::demo::DemoArgs),
    Keygen(commands::keygen::KeygenArgs),
    Key(commands::key::KeyArgs),
    Passphrase(commands::passphrase::RekeyArgs),
    Propose(Box<commands::propose::ProposeArgs>),
    Cosign(commands::cosign::CosignArgs),
    #[cfg(unix)]
    Run(commands::run::RunArgs),
    Config(commands::config::ConfigArgs),
    Status(commands::status::StatusArgs),
    Sessions(commands::sessions::SessionsArgs),
    Results(commands::results::ResultsArgs),
    Reload(commands::reload::ReloadArgs),
    Abort(commands::abort::AbortArgs),
    Verify(commands::verify::VerifyArgs),
    Evidence(commands::evidence::EvidenceArgs),
    Completions(commands::generate::CompletionsArgs),
    Man(commands::generate::ManArgs),
}

impl Command {
    /// Returns whether the command keeps running when nobody reads its output.
    fn is_service(&self) -> bool {
        match self {
            Self::Cosign(_) => true,
            #[cfg(unix)]
            Self::Run(_) => true,
            _ => false,
        }
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return answer(error),
    };
    let console = Console::new(cli.json);
    if !cli.command.is_service() {
        let screen = console.screen();
        log(move || Shown { screen: screen.clone(), to: io::stderr() });
        return end(run(&cli.command, &console), &console, io::stderr());
    }
    // A service does not wait for a reader of its log or its output.
    let stderr = Outlet::new(io::stderr(), MAX_WAITING, missed_log, |_| {});
    let writer = stderr.clone();
    log(move || writer.clone());
    let console = console.of_service();
    let code = end(run(&cli.command, &console), &console, stderr.clone());
    console.linger();
    stderr.linger();
    code
}

/// A log writer that counts the lines it writes to the screen.
struct Shown {
    screen: Screen,
    to: io::Stderr,
}

impl Write for Shown {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.screen.wrote(line);
        self.to.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The text that replaces lost lines of a log.
fn missed_log(lines: u64) -> Vec<u8> {
    format!("{lines} lines of this log were lost: nothing was reading it\n").into_bytes()
}

/// Answers arguments that ask for help, or that are wrong. Nothing has been parsed, so only the raw
/// arguments tell whether the output is for programs.
fn answer(mut error: clap::Error) -> ExitCode {
    hide_key(&mut error);
    name_daemon(&mut error);
    if !is_given("--json") {
        // If it cannot be written, nobody is left to tell.
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    let console = Console::new(true);
    let text = error.to_string();
    let outcome = match error.use_stderr() {
        true => Err(Failure::Usage(text.trim_start_matches("error: ").trim_end().into())),
        false => console.print(text.as_bytes()),
    };
    end(outcome, &console, io::stderr())
}

/// Hides a value given for a public key, which may be a secret key by mistake: it must reach no
/// screen and no log.
fn hide_key(error: &mut clap::Error) {
    let of_key = |given: &ContextValue| matches!(given, ContextValue::String(name) if name.contains("SIGNER") || name.contains("PUBKEY"));
    if error.get(ContextKind::InvalidArg).is_some_and(of_key)
        && error.get(ContextKind::InvalidValue).is_some()
    {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".into()));
    }
}

/// Mentions the daemon in an error about a missing --key, and does not ask for a key if --daemon is
/// given.
fn name_daemon(error: &mut clap::Error) {
    const KEY: &str = "--key <FILE>";
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    if let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::MissingRequiredArgument
        && usage.contains("musig2-node propose")
    {
        let mut missing = missing.clone();
        if is_given("--daemon") {
            missing.retain(|name| name != KEY);
        }
        for name in missing.iter_mut().filter(|name| *name == KEY) {
            *name = format!("{KEY}, or --daemon [<SOCKET>]");
        }
        error.insert(ContextKind::InvalidArg, ContextValue::Strings(missing));
    }
}

/// Returns whether an option is among the arguments, with its value in the same argument or the
/// next one.
fn is_given(option: &str) -> bool {
    let mut arguments = std::env::args_os().skip(1).take_while(|given| given != "--");
    arguments.any(|given| {
        let given = given.to_string_lossy();
        given.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}

fn end(outcome: Result<(), Failure>, console: &Console, stderr: impl Write) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&failure, console, stderr);
            ExitCode::from(failure.code())
        }
    }
}

/// Starts logging at the levels in `RUST_LOG`. By default this program logs its own warnings, and
/// only the errors of the libraries below, which warn of routine events such as a connection that
/// the other end closes first.
fn log<W: for<'a> MakeWriter<'a> + Send + Sync + 'static>(writer: W) {
    let filter = std::env::var("RUST_LOG").unwrap_or_default();
    let filter =
        if filter.is_empty() { "error,musig2_libp2p=warn,musig2_node=warn" } else { &filter };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::builder().parse_lossy(filter))
        .with_ansi(io::stderr().is_terminal())
        .with_writer(writer)
        // Internal errors would be reported on standard error, which is what failed, by a macro
        // that panics then.
        .log_internal_errors(false)
        .init();
}

fn run(command: &Command, console: &Console) -> Result<(), Failure> {
    match command {
        Command::Keygen(args) => commands::keygen::run(args, console),
        Command::Key(args) => commands::key::run(args, console),
        Command::Passphrase(args) => commands::passphrase::run(args, console),
        Command::Status(args) => commands::status::run(args, console),
        Command::Sessions(args) => commands::sessions::run(args, console),
        Command::Results(args) => commands::results::run(args, console),
        Command::Reload(args) => commands::reload::run(args, console),
        Command::Abort(args) => commands::abort::run(args, console),
        Command::Verify(args) => commands::verify::run(args, console),
        Command::Evidence(args) => commands::evidence::run(args, console),
        Command::Completions(args) => commands::generate::completions::<Cli>(args, console),
        Command::Man(args) => commands::generate::man::<Cli>(args, console),
        #[cfg(unix)]
        Command::Run(args) => block_on(commands::run::run(args, console)),
        Command::Config(args) => block_on(commands::config::run(args, console)),
        Command::Cosign(args) => block_on(commands::cosign::run(args, console)),
        Command::Propose(args) => block_on(commands::propose::run(args, console)),
        Command::Demo(args) => block_on(commands::demo::run(args, console)),
    }
}

/// Runs a command that uses the network.
fn block_on(running: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    let outcome = runtime.block_on(running);
    // Bounded, because a thread may be waiting for a disk that does not respond.
    runtime.shutdown_timeout(CLOSING);
    outcome
}

/// Reports a failure: on standard error for people, and as the last JSON line for programs. If
/// neither can be written to, nobody is left to tell.
fn tell(failure: &Failure, console: &Console, mut stderr: impl Write) {
    if console.is_json() {
        let _ = console.show(&Line::Failure(failure.object()));
    }
    let _ = stderr.write_all(format!("error: {failure}\n").as_bytes());
}
