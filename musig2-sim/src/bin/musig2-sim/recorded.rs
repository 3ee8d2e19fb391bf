//! One run, recorded and shown.

use super::crypto::{Crypto, locate};
use super::exit::{Error, Finding};
use clap::Args;
use musig2_proto::Libsecp256k1;
use musig2_sim::{Engine, Failure, Picture, Plan, Recording, Transparent, World, trial};
use std::io::{self, Write};
use std::path::PathBuf;

/// What is shown of a run.
#[derive(Debug, Args)]
pub struct Show {
    /// Draw the run into this file: one HTML page that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print every step
    #[arg(long)]
    trace: bool,
}

/// Runs a plan, and shows what was asked for.
pub fn tell(plan: Plan, crypto: Crypto, replay: &str, show: &Show) -> Result<Finding, Error> {
    match crypto {
        Crypto::Transparent => tell_on::<Transparent>(plan, replay, show),
        Crypto::Real => tell_on::<Libsecp256k1>(plan, replay, show),
    }
}

fn tell_on<C: Engine>(plan: Plan, replay: &str, show: &Show) -> Result<Finding, Error> {
    let world = World::<Recording<C>>::with_engine(plan);
    let mut world = match world {
        Ok(world) if show.html.is_some() || show.trace => world.recorded(),
        Ok(world) => world,
        Err(error) => return report(&Err(error.into()), replay),
    };
    let mut verdict = trial::finish(&mut world);
    if let Err(failure) = &mut verdict {
        locate(failure);
    }
    let mut output = io::stdout().lock();
    if show.trace {
        write!(output, "{}", world.trace())?;
    }
    if let Some(path) = &show.html {
        let picture = Picture::of(&world).with_replay_command(replay);
        let picture = match &verdict {
            Ok(()) => picture,
            Err(failure) => picture.with_failure(failure),
        };
        std::fs::write(path, picture.to_html()).map_err(Error::file(path))?;
        writeln!(io::stderr(), "drawn into {}", path.display())?;
    }
    let counters = world.counters();
    writeln!(
        output,
        "{} nodes, {} sessions, {} steps, {} frames ({} bytes), over after {}; trace {}",
        world.plan().nodes.len(),
        world.plan().sessions.len(),
        world.trace().steps(),
        counters.frames,
        counters.frame_bytes,
        world.now(),
        world.trace().hash(),
    )?;
    drop(output);
    for node in world.without_effect() {
        let strategy =
            world.plan().nodes.get(usize::from(node.get())).and_then(|plan| plan.strategy);
        let Some(strategy) = strategy else { continue };
        writeln!(
            io::stderr(),
            "{node}: its strategy {strategy} had no effect: this run shows nothing about it"
        )?;
    }
    report(&verdict, replay)
}

fn report(verdict: &Result<(), Failure>, replay: &str) -> Result<Finding, Error> {
    match verdict {
        Ok(()) => {
            writeln!(io::stdout(), "everything held")?;
            Ok(Finding::Nothing)
        }
        Err(failure) => {
            writeln!(io::stdout(), "VIOLATION ({}): {failure}\n  {replay}", failure.name())?;
            Ok(failure.kind().into())
        }
    }
}
