//! `musig2-sim check-determinism`: runs the same seeds in two processes.

use super::crypto::Crypto;
use super::exit::{Error, Finding};
use super::run::command;
use super::seed::Seeds;
use clap::Args;
use musig2_sim::{Plan, Profile};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Run seeds in two processes, and compare what happened
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    digest: DigestArgs,
}

/// Print the hash of each seed's run
#[derive(Debug, Args)]
pub struct DigestArgs {
    /// The seeds: A..B or A..+COUNT
    seeds: Seeds,
    /// What kind of plan each seed gives [default: all profiles in turn]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<Profile>,
    /// The engine that signs
    #[arg(long, value_enum, default_value_t)]
    crypto: Crypto,
}

pub fn digest(args: &DigestArgs) -> Result<Finding, Error> {
    let mut output = io::stdout().lock();
    for seed in args.seeds.0.clone() {
        let profile = args.profile.unwrap_or_else(|| Profile::of_seed(seed));
        let outcome = args.crypto.trial(Plan::drawn(seed, profile));
        let hash = outcome.hash.map_or_else(|| "panicked".into(), |hash| hash.to_string());
        let verdict = outcome.verdict.map_or_else(|failure| failure.name(), |()| "passed".into());
        writeln!(output, "{seed} {profile} {hash} {} {verdict}", outcome.steps)?;
    }
    Ok(Finding::Nothing)
}

pub fn check(args: &CheckArgs) -> Result<Finding, Error> {
    let args = &args.digest;
    let (mut one, mut other) = (start(args)?, start(args)?);
    let (mut first, mut second) = (lines(&mut one)?, lines(&mut other)?);
    let mut seen = 0_u64;
    let difference = loop {
        match (first.next().transpose()?, second.next().transpose()?) {
            (None, None) => break None,
            (one, other) if one != other => break one.or(other),
            _ => seen += 1,
        }
    };
    if let Some(line) = difference {
        // Neither process is needed any more, so it does not matter if one could not be stopped.
        let _ = (one.kill(), other.kill(), one.wait(), other.wait());
        let mut words = line.split(' ');
        let seed = words.next().and_then(|seed| seed.parse().ok()).unwrap_or(args.seeds.0.start);
        let profile = args.profile.unwrap_or_else(|| Profile::of_seed(seed));
        writeln!(
            io::stdout(),
            "seed {seed} ran differently in two processes: {}",
            command(seed, profile, args.crypto)
        )?;
        return Ok(Finding::Difference);
    }
    for process in [&mut one, &mut other] {
        let status = process.wait()?;
        if !status.success() {
            return Err(Error::OtherProcess(status.to_string()));
        }
    }
    if seen != args.seeds.0.end - args.seeds.0.start {
        return Err(Error::OtherProcess(format!(
            "only {seen} of the seeds {} were run",
            args.seeds
        )));
    }
    writeln!(io::stdout(), "{seen} seeds ran the same in two processes")?;
    Ok(Finding::Nothing)
}

fn start(args: &DigestArgs) -> Result<Child, Error> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("digest").arg(args.seeds.to_string()).args(["--crypto", args.crypto.name()]);
    if let Some(profile) = args.profile {
        command.args(["--profile", &profile.to_string()]);
    }
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
}

fn lines(process: &mut Child) -> Result<io::Lines<BufReader<std::process::ChildStdout>>, Error> {
    let output =
        process.stdout.take().ok_or_else(|| Error::OtherProcess("it has no output".into()))?;
    Ok(BufReader::new(output).lines())
}
