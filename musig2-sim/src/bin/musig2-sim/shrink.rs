//! `musig2-sim shrink`: finds the smallest plan that still fails in the same way.

use super::crypto::Crypto;
use super::exit::{Error, Finding};
use super::replay::read;
use super::run::command;
use super::seed::{Seed, SeedError};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use musig2_sim::{Case, Plan, Profile, shrink};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Find the smallest plan that fails as this seed or stored case does
#[derive(Debug, Args)]
pub struct ShrinkArgs {
    /// The seed, or a case as `musig2-sim shrink` wrote it
    #[arg(value_name = "SEED|CASE.json")]
    from: From,
    /// What kind of plan the seed gives [default: the one that a sweep over all profiles gives this
    /// seed]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<Profile>,
    /// The engine that signs [default: the case's, or transparent]
    #[arg(long, value_enum)]
    crypto: Option<Crypto>,
    /// Where the case is written to
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// How many plans are tried at most
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    tries: u64,
}

/// What is to be shrunk.
#[derive(Debug, Clone)]
enum From {
    Seed(u64),
    Case(PathBuf),
}

impl FromStr for From {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        match text.parse() {
            Ok(Seed(seed)) => Ok(Self::Seed(seed)),
            Err(_) if Path::new(text).exists() => Ok(Self::Case(text.into())),
            Err(error) => Err(error),
        }
    }
}

/// Returns the plan to shrink, the engine on which it fails, and the command that runs it again.
fn start(args: &ShrinkArgs) -> Result<(Plan, Crypto, String), Error> {
    match &args.from {
        From::Seed(seed) => {
            let profile = args.profile.unwrap_or_else(|| Profile::of_seed(*seed));
            let crypto = args.crypto.unwrap_or_default();
            let again = command(*seed, profile, crypto);
            writeln!(io::stderr(), "seed {seed}, profile {profile}; replay: {again}")?;
            Ok((Plan::drawn(*seed, profile), crypto, again))
        }
        From::Case(path) => {
            let case = read(path)?;
            let again = format!("musig2-sim replay {}", path.display());
            writeln!(
                io::stderr(),
                "{}, expected: {}; replay: {again}",
                path.display(),
                case.expected
            )?;
            Ok((case.plan, args.crypto.unwrap_or_else(|| case.engine.into()), again))
        }
    }
}

pub fn run(args: &ShrinkArgs) -> Result<Finding, Error> {
    let (plan, crypto, again) = start(args)?;
    let Err(failure) = crypto.trial(plan.clone()).verdict else { return Err(Error::Passes(again)) };
    let name = failure.name();
    writeln!(io::stderr(), "fails with {name}: {failure}")?;

    let bar = ProgressBar::new(args.tries).with_style(style());
    bar.enable_steady_tick(Duration::from_millis(200));
    let small = shrink(plan, args.tries, |candidate| {
        bar.inc(1);
        let verdict = crypto.trial(candidate.clone()).verdict;
        verdict.is_err_and(|failure| failure.name() == name)
    });
    bar.finish_and_clear();

    let case = Case::new(small, crypto.into(), &name);
    std::fs::write(&args.output, case.to_json()).map_err(Error::file(&args.output))?;
    let plan = &case.plan;
    writeln!(
        io::stdout(),
        "{}: {} nodes, {} sessions, {} crashes, {} partitions; replay: musig2-sim replay {0}",
        args.output.display(),
        plan.nodes.len(),
        plan.sessions.len(),
        plan.crashes.len(),
        plan.network.partitions.len(),
    )?;
    Ok(failure.kind().into())
}

fn style() -> ProgressStyle {
    // The template is a constant, so this cannot fail.
    ProgressStyle::with_template("{spinner} {pos} plans tried, {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
