//! `musig2-sim bench`: how much one core does in a second of processor time.

use super::exit::{Error, Finding};
use clap::Args;
use cpu_time::ThreadTime;
use musig2_proto::{Crypto, Libsecp256k1, Message, SecretKey};
use musig2_sim::{Engine, Failure, Outcome, Plan, Transparent, trial};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;

/// Measure what one core does in a second: sessions of three signers on a calm network, one to a
/// world, every check on
///
/// Beside both engines, in the same run, it measures what they cannot be faster than: a bare
/// session, which is what three signers ask of libsecp256k1 for one signature where there is no
/// protocol at all; and the same with everything that the protocol has them sign and verify beside
/// it. A second is one of the processor's time, and each figure the best of several rounds, so that
/// other work on the machine counts as little as can be.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// How many rounds, of 0.4 s each
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
}

/// How much processor time one measurement takes in a round.
const SLICE: Duration = Duration::from_millis(100);

/// How many signers there are.
const SIGNERS: u16 = 3;

/// What was measured.
#[derive(Debug, Default, Serialize)]
#[serde(tag = "type", rename = "bench")]
struct Report {
    transparent: Speed,
    real: Speed,
    floor: Floor,
    floor_with_statements: Floor,
}

/// What worlds did in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Speed {
    sessions_per_s: u64,
    events_per_s: u64,
}

/// What bare signing did in a second, without a protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Floor {
    sessions_per_s: u64,
}

pub fn run(args: &BenchArgs) -> Result<Finding, Error> {
    let mut report = Report::default();
    for round in 0..args.rounds {
        let speeds = worlds::<Transparent>(round)
            .and_then(|fast| Ok((fast, worlds::<Libsecp256k1>(round)?)));
        let (transparent, real) = match speeds {
            Ok(speeds) => speeds,
            Err(failure) => {
                writeln!(io::stderr(), "error: {failure}")?;
                return Ok(failure.kind().into());
            }
        };
        report.transparent = report.transparent.max(transparent);
        report.real = report.real.max(real);
        report.floor = report.floor.max(floor(false));
        report.floor_with_statements = report.floor_with_statements.max(floor(true));
    }
    let mut output = io::stdout().lock();
    if args.json {
        writeln!(output, "{}", serde_json::to_string(&report).map_err(io::Error::other)?)?;
    } else {
        let Report { transparent, real, floor, floor_with_statements } = report;
        for (name, speed) in [("transparent", transparent), ("real", real)] {
            writeln!(
                output,
                "{name:<12} {:>7} sessions/s {:>9} events/s",
                speed.sessions_per_s, speed.events_per_s
            )?;
        }
        for (floor, what) in [
            (floor, "without a protocol"),
            (floor_with_statements, "with what the protocol signs and verifies, and nothing else"),
        ] {
            writeln!(
                output,
                "{:<12} {:>7} sessions/s, {what}",
                "libsecp256k1", floor.sessions_per_s
            )?;
        }
    }
    Ok(Finding::Nothing)
}

/// Runs worlds for a while.
fn worlds<C: Engine>(round: u64) -> Result<Speed, Box<Failure>> {
    let (mut sessions, mut events) = (0, 0);
    let started = ThreadTime::now();
    while started.elapsed() < SLICE {
        let seed = round << 32 | sessions;
        let Outcome { verdict, steps, .. } =
            trial::run::<C>(Plan::one_session(SIGNERS).with_seed(seed));
        verdict?;
        sessions += 1;
        events += steps;
    }
    let elapsed = started.elapsed();
    Ok(Speed {
        sessions_per_s: per_second(sessions, elapsed),
        events_per_s: per_second(events, elapsed),
    })
}

/// Signs for a while without a protocol, with or without the statements that the protocol signs and
/// verifies.
fn floor(with_statements: bool) -> Floor {
    let pairs: Vec<_> = (1..=SIGNERS)
        .map(|signer| SecretKey::new([u8::try_from(signer).unwrap_or(1); 32]))
        .map(|secret| Libsecp256k1::keypair(&secret).expect("small numbers are keys"))
        .collect();
    let mut sessions: u64 = 0;
    let started = ThreadTime::now();
    while started.elapsed() < SLICE {
        let mut message = [7; 32];
        message[..8].copy_from_slice(&sessions.to_be_bytes());
        let message = Message::new(message);
        bare_session::<Libsecp256k1>(&pairs, &message, with_statements)
            .expect("honest signers sign");
        if with_statements {
            statements::<Libsecp256k1>(&pairs, &message).expect("honest signers sign");
        }
        sessions += 1;
    }
    Floor { sessions_per_s: per_second(sessions, started.elapsed()) }
}

/// Makes one signature as BIP327 describes: each signer aggregates the keys, makes a nonce,
/// aggregates the nonces, signs, aggregates the partial signatures and verifies the result. With
/// `verify_own`, each signer also verifies its own partial signature before sending it, as the
/// protocol requires.
fn bare_session<C: Crypto>(
    pairs: &[C::Keypair],
    message: &Message,
    verify_own: bool,
) -> Option<()> {
    let keys: Vec<_> = pairs.iter().map(C::public_key).collect();
    let mut signers = Vec::new();
    let mut nonces = Vec::new();
    for pair in pairs {
        let aggregate = C::aggregate_keys(&keys).ok()?;
        let (secret, public) =
            C::generate_nonce(pair, &aggregate, message, message.to_bytes(), [0; 32])?;
        signers.push((pair, aggregate, secret));
        nonces.push(public);
    }
    let mut rounds = Vec::new();
    let mut partials = Vec::new();
    for ((pair, aggregate, secret), nonce) in signers.into_iter().zip(&nonces) {
        let round = C::round(&aggregate, &C::aggregate_nonces(&nonces)?, message)?;
        let partial = C::sign(&round, secret, pair)?;
        if verify_own {
            C::verify_partial(&round, &C::public_key(pair), nonce, &partial).then_some(())?;
        }
        partials.push(partial);
        rounds.push(round);
    }
    rounds.iter().try_for_each(|round| C::aggregate_signatures(round, &partials).map(|_| ()))
}

/// Signs and verifies what the protocol adds to one such signature: an announcement, and each
/// signer's join, nonces and partial signature. Every other signer verifies each of them.
fn statements<C: Crypto>(pairs: &[C::Keypair], message: &Message) -> Option<()> {
    let authors = pairs.iter().flat_map(|author| [author; 3]).chain(pairs.first());
    let mut stated = [7; 64];
    stated[..32].copy_from_slice(message.as_bytes());
    for author in authors {
        let key = C::public_key(author).x_only();
        let signature = C::sign_statement(author, &stated, message.as_bytes())?;
        for _other in 1..pairs.len() {
            C::verify(&key, &stated, &signature).then_some(())?;
        }
    }
    Some(())
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    let per_second = u128::from(count) * 1_000_000_000 / elapsed.as_nanos().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}
