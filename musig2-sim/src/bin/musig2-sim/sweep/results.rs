//! What a sweep found.

use super::progress::ProgressLine;
use super::worker::{Batch, Found, What};
use crate::exit::{Error, Finding};
use crate::run::command;
use musig2_sim::FailureKind;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub struct Results {
    total: Batch,
    violations: u64,
    finding: Finding,
    file: Option<(PathBuf, BufWriter<File>)>,
}

/// One line of the file.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Violation {
        seed: u64,
        profile: String,
        crypto: &'a str,
        kind: &'a str,
        name: &'a str,
        message: &'a str,
        replay: &'a str,
    },
    Summary {
        seeds: u64,
        sessions: u64,
        violations: u64,
        steps: u64,
        real_sessions: u64,
        seconds: f64,
        sessions_per_s: f64,
        unreached: &'a [String],
    },
}

impl Results {
    /// Makes empty results.
    pub fn new(file: Option<&Path>) -> Result<Self, Error> {
        let open = |path: &Path| {
            let file = File::create(path).map_err(Error::file(path))?;
            Ok::<_, Error>((path.to_owned(), BufWriter::new(file)))
        };
        let file = file.map(open).transpose()?;
        Ok(Self { total: Batch::default(), violations: 0, finding: Finding::Nothing, file })
    }

    pub fn violations(&self) -> u64 {
        self.violations
    }

    /// Adds the results of a few seeds.
    pub fn take(&mut self, batch: Batch, progress: &ProgressLine) -> Result<(), Error> {
        self.total.seeds += batch.seeds;
        self.total.sessions += batch.sessions;
        self.total.steps += batch.steps;
        self.total.real_sessions += batch.real_sessions;
        self.total.coverage.merge(batch.coverage);
        for found in &batch.violations {
            self.violation(found, progress)?;
        }
        progress.add(batch.seeds, self.total.sessions, self.violations);
        Ok(())
    }

    fn violation(&mut self, found: &Found, progress: &ProgressLine) -> Result<(), Error> {
        let &Found { seed, profile, crypto, ref what } = found;
        let (finding, name, message) = match what {
            What::Failure(failure) => (failure.kind().into(), failure.name(), failure.to_string()),
            What::Difference => {
                (Finding::Difference, "Difference".into(), "two runs of it differ".into())
            }
        };
        let kind = match what {
            What::Difference => "determinism",
            What::Failure(failure) => match failure.kind() {
                FailureKind::Plan => "plan",
                FailureKind::Panic => "panic",
                FailureKind::Safety => "safety",
                FailureKind::Liveness => "liveness",
            },
        };
        self.violations += 1;
        self.finding = self.finding.max(finding);
        let replay = command(seed, profile, crypto);
        progress.say(&format!("VIOLATION of {kind}, {name}: {message}\n  {replay}"));
        self.write(&Line::Violation {
            seed,
            profile: profile.to_string(),
            crypto: crypto.name(),
            kind,
            name: &name,
            message: &message,
            replay: &replay,
        })
    }

    /// Ends the file and prints a summary.
    pub fn summary(mut self, took: Duration, asked: u64) -> Result<Finding, Error> {
        let Batch { seeds, sessions, steps, real_sessions, .. } = self.total;
        let unreached: Vec<_> =
            self.total.coverage.unreached().map(|point| point.to_string()).collect();
        let seconds = took.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let speed = sessions as f64 / seconds;
        self.write(&Line::Summary {
            seeds,
            sessions,
            violations: self.violations,
            steps,
            real_sessions,
            seconds,
            sessions_per_s: speed,
            unreached: &unreached,
        })?;
        if let Some((path, file)) = &mut self.file {
            file.flush().map_err(Error::file(path))?;
        }
        let mut output = io::stdout().lock();
        let all = if seeds < asked { format!("{seeds} of {asked}") } else { seeds.to_string() };
        writeln!(
            output,
            "{all} seeds, {sessions} sessions and {real_sessions} again on the real engine, {steps} steps, {} violations, in {seconds:.1} s ({speed:.0} sessions/s)",
            self.violations,
        )?;
        if unreached.is_empty() {
            writeln!(output, "reached every phase, event, end, offence and fault")?;
        } else {
            writeln!(output, "not reached: {}", unreached.join(", "))?;
        }
        Ok(self.finding)
    }

    fn write(&mut self, line: &Line<'_>) -> Result<(), Error> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let written = serde_json::to_writer(&mut *file, line)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(file));
        written.map_err(Error::file(path))
    }
}
