//! `musig2-sim sweep`: runs many seeds in parallel.

mod progress;
mod results;
mod worker;

use super::crypto::Crypto;
use super::exit::{Error, Finding};
use super::seed::Seeds;
use clap::Args;
use core::num::NonZeroUsize;
use musig2_sim::Profile;
use progress::ProgressLine;
use results::Results;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use worker::Work;

/// Run many seeds
///
/// Every hundredth seed is run twice, to see whether the two runs are the same; and, on the
/// transparent engine, once more on the real one.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// The seeds: A..B or A..+COUNT
    seeds: Seeds,
    /// What kind of plan each seed gives [default: all profiles in turn]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<Profile>,
    /// The engine that signs
    #[arg(long, value_enum, default_value_t)]
    crypto: Crypto,
    /// How many seeds at once [default: the number of cores]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Begin no further seed after this time, say `90s` or `1h`
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    time_limit: Option<Duration>,
    /// Write what was found into this file: a JSON object a line, the last one a summary
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Stop after so many violations
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN.saturating_add(9))]
    max_violations: NonZeroUsize,
}

pub fn run(args: &SweepArgs) -> Result<Finding, Error> {
    let jobs = args
        .jobs
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let profiles = args
        .profile
        .map_or_else(|| "all profiles in turn".into(), |profile| format!("profile {profile}"));
    writeln!(
        io::stderr(),
        "seeds {}, {profiles}, {} engine, {jobs} at once; a failing seed is told with the command that replays it",
        args.seeds,
        args.crypto.name(),
    )?;
    let begun = Instant::now();
    let mut results = Results::new(args.json.as_deref())?;
    let progress = ProgressLine::new(args.seeds.0.end - args.seeds.0.start);
    let work = Work::new(
        args.seeds.0.clone(),
        args.profile,
        args.crypto,
        args.time_limit.map(|limit| begun + limit),
    );
    let (sender, done) = mpsc::channel();
    let outcome = std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (work, sender) = (&work, sender.clone());
            scope.spawn(move || work.run(&sender));
        }
        drop(sender);
        for batch in done {
            if let Err(error) = results.take(batch, &progress) {
                work.stop();
                return Err(error);
            }
            if results.violations() >= args.max_violations.get() as u64 {
                work.stop();
            }
        }
        Ok(())
    });
    progress.finish();
    outcome?;
    results.summary(begun.elapsed(), args.seeds.0.end - args.seeds.0.start)
}
