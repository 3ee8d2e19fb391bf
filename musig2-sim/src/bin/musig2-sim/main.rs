//! `musig2-sim`: simulated MuSig2 (BIP327) signing sessions from the command line.

#![expect(clippy::disallowed_methods, reason = "the command has a clock; the simulator has none")]

mod bench;
mod corpus;
mod crypto;
mod determinism;
mod exit;
mod explore;
mod recorded;
mod replay;
mod run;
mod seed;
mod shrink;
mod sweep;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Deterministic simulation of MuSig2 signing sessions: networks that lose, cut and garble, signers
/// that crash, lie and collude
///
/// A seed and a profile give a plan, and a plan gives one run, to the last bit. Each run is judged
/// by oracles that do not use the protocol's own code.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "Start with:
  musig2-sim sweep 0..20000

Seeds are decimal, hexadecimal with 0x, or a commit id of 40 hexadecimal digits (its first 15 count). Ranges are A..B, without B, or A..+COUNT.
Exit codes: 0 everything held, 1 the command could not do its work, 2 what was given is wrong, 3 a panic, 4 safety, 5 liveness, 6 two runs of one plan differ."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Sweep(sweep::SweepArgs),
    Shrink(shrink::ShrinkArgs),
    Replay(replay::ReplayArgs),
    CheckDeterminism(determinism::CheckArgs),
    Explore(explore::ExploreArgs),
    Bench(bench::BenchArgs),
    Corpus(corpus::CorpusArgs),
    #[command(hide = true)]
    Digest(determinism::DigestArgs),
}

fn main() -> ExitCode {
    crypto::remember_where_code_panics();
    let ended = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Shrink(args) => shrink::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::CheckDeterminism(args) => determinism::check(&args),
        Command::Explore(args) => explore::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Corpus(args) => corpus::write(&args),
        Command::Digest(args) => determinism::digest(&args),
    };
    exit::code(ended)
}
