//! `musig2-sim shrink`: the smallest plan that still fails in the same way.

use super::crypto::Crypto;
use super::exit::{Error, Finding};
use super::run::command;
use super::seed::Seed;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use musig2_sim::{Case, Plan, Profile, shrink};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Find the smallest plan that fails as this seed does
#[derive(Debug, Args)]
pub struct ShrinkArgs {
    /// The seed
    seed: Seed,
    /// What kind of plan the seed gives [default: the one that a sweep over all profiles gives this seed]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<Profile>,
    /// The engine that signs
    #[arg(long, value_enum, default_value_t)]
    crypto: Crypto,
    /// Where the case is written to
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// How many plans are tried at most
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    tries: u64,
}

pub fn run(args: &ShrinkArgs) -> Result<Finding, Error> {
    let Seed(seed) = args.seed;
    let profile = args.profile.unwrap_or_else(|| Profile::of_seed(seed));
    let again = command(seed, profile, args.crypto);
    writeln!(io::stderr(), "seed {seed}, profile {profile}; replay: {again}")?;
    let plan = Plan::drawn(seed, profile);
    let Err(failure) = args.crypto.trial(plan.clone()).verdict else { return Err(Error::Passes(again)) };
    let name = failure.name();
    writeln!(io::stderr(), "fails with {name}: {failure}")?;

    let bar = ProgressBar::new(args.tries).with_style(style());
    bar.enable_steady_tick(Duration::from_millis(200));
    let small = shrink(plan, args.tries, |candidate| {
        bar.inc(1);
        let verdict = args.crypto.trial(candidate.clone()).verdict;
        verdict.is_err_and(|failure| failure.name() == name)
    });
    bar.finish_and_clear();

    let case = Case::new(small, args.crypto.into(), &name);
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
    // The template is a constant.
    ProgressStyle::with_template("{spinner} {pos} plans tried, {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
