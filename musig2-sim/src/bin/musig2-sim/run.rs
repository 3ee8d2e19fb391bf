//! `musig2-sim run`: runs one seed, and shows each step if asked to.

use super::crypto::Crypto;
use super::exit::{Error, Finding};
use super::recorded::{Show, tell};
use super::seed::Seed;
use clap::Args;
use musig2_sim::{Plan, Profile};
use std::io::{self, Write};

/// Run one seed
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The seed
    seed: Seed,
    /// What kind of plan the seed gives [default: the one that a sweep over all profiles gives this
    /// seed]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<Profile>,
    /// The engine that signs
    #[arg(long, value_enum, default_value_t)]
    crypto: Crypto,
    #[command(flatten)]
    show: Show,
}

pub fn run(args: &RunArgs) -> Result<Finding, Error> {
    let Seed(seed) = args.seed;
    let profile = args.profile.unwrap_or_else(|| Profile::of_seed(seed));
    let replay = command(seed, profile, args.crypto);
    // Printed before the run, because the run may kill the process.
    writeln!(io::stderr(), "seed {seed}, profile {profile}; replay: {replay}")?;
    tell(Plan::drawn(seed, profile), args.crypto, &replay, &args.show)
}

/// Returns the command that repeats this run.
pub fn command(seed: u64, profile: Profile, crypto: Crypto) -> String {
    format!("musig2-sim run {seed} --profile {profile} --crypto {}", crypto.name())
}
