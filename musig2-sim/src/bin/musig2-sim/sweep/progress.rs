//! Shows people how far a sweep is: a bar on a terminal, and a line now and then elsewhere.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often a line is printed if there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

pub struct ProgressLine {
    bar: ProgressBar,
    /// When the last line was printed; `None` if a bar is drawn.
    line: Option<Cell<Instant>>,
    begun: Instant,
}

impl ProgressLine {
    pub fn new(seeds: u64) -> Self {
        let terminal = io::stderr().is_terminal();
        let target =
            if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(
            "{elapsed_precise} {wide_bar} {human_pos}/{human_len} seeds, {per_sec}, {msg}, {eta} left",
        );
        let bar = ProgressBar::with_draw_target(Some(seeds), target);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let begun = Instant::now();
        Self { bar, line: (!terminal).then(|| Cell::new(begun)), begun }
    }

    /// Adds this many finished seeds.
    pub fn add(&self, seeds: u64, sessions: u64, violations: u64) {
        self.bar.inc(seeds);
        let second = self.begun.elapsed().as_secs_f64().max(0.001);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let speed = HumanCount((sessions as f64 / second) as u64);
        self.bar.set_message(format!("{speed} sessions/s, {violations} violations"));
        let Some(line) = &self.line else { return };
        if line.get().elapsed() >= EVERY {
            line.set(Instant::now());
            let done = HumanCount(self.bar.position());
            // If this cannot be written, there is nobody left to tell.
            let _ =
                writeln!(io::stderr(), "{done} seeds, {speed} sessions/s, {violations} violations");
        }
    }

    /// Prints a line above the bar.
    pub fn say(&self, text: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "{text}");
        });
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
