//! `musig2-sim explore`: every order of everything, for a few signers.

use super::exit::{Error, Finding};
use clap::Args;
use musig2_sim::{Explorer, Micros, Transparent};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Try every order in which anything can happen to a few signers
///
/// One session, on the transparent engine. Messages arrive in every order; faults happen at every
/// moment, as often as is said here. From every state in which nothing is on its way everyone must
/// come to the signatures once nothing more goes wrong.
#[derive(Debug, Args)]
pub struct ExploreArgs {
    /// How many signers
    #[arg(default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..=15))]
    signers: u16,
    /// How many messages arrive twice
    #[arg(long, value_name = "N", default_value_t = 0)]
    duplicates: u8,
    /// How many messages are lost
    #[arg(long, value_name = "N", default_value_t = 0)]
    losses: u8,
    /// How many crashes there are: between two calls of a node, or in the middle of what one sends
    #[arg(long, value_name = "N", default_value_t = 0)]
    crashes: u8,
    /// How often a deadline passes while messages are on their way
    #[arg(long, value_name = "N", default_value_t = 0)]
    early_ticks: u8,
    /// Up to when deadlines are explored
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = humantime::parse_duration)]
    horizon: Duration,
    /// Whether each node knows from the start where every other is
    #[arg(long)]
    known_contacts: bool,
    /// Whether applications keep the announcement, and resume the session after a crash
    #[arg(long)]
    resume: bool,
    /// Stop after so many different states
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    states: usize,
}

pub fn run(args: &ExploreArgs) -> Result<Finding, Error> {
    let horizon = Micros::new(u64::try_from(args.horizon.as_micros()).unwrap_or(u64::MAX));
    let mut explorer = Explorer::new(args.signers)
        .with_duplicates(args.duplicates)
        .with_losses(args.losses)
        .with_crashes(args.crashes)
        .with_early_ticks(args.early_ticks)
        .with_horizon(horizon)
        .with_state_limit(args.states);
    if args.known_contacts {
        explorer = explorer.with_known_contacts();
    }
    if args.resume {
        explorer = explorer.with_resuming();
    }
    let begun = Instant::now();
    let ended = explorer.run::<Transparent>();
    let seconds = begun.elapsed().as_secs_f64();
    let mut output = io::stdout().lock();
    match ended {
        Ok(explored) => {
            writeln!(
                output,
                "{} states, {} transitions, up to {} moves deep; {} quiet states settled; {}; {seconds:.1} s",
                explored.states,
                explored.transitions,
                explored.depth,
                explored.settled,
                if explored.exhausted { "all there are" } else { "not all there are" },
            )?;
            Ok(Finding::Nothing)
        }
        Err(found) => {
            write!(output, "VIOLATION: {found}")?;
            Ok(if found.settling { Finding::Liveness } else { Finding::Safety })
        }
    }
}
