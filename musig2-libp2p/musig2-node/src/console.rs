//! What a command prints on standard output: for people, or as JSON lines.

use crate::failure::Failure;
use crate::model::line::{Line, Timed};
use crate::model::steps::Step;
use crate::render;
use crate::system::outlet::{MAX_WAITING, Outlet, Taken};
use crate::system::screen::Screen;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Standard output, in one of its two formats.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    json: bool,
    started: Instant,
    /// A service prints through this.
    outlet: Option<Outlet>,
    screen: Screen,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, started: Instant::now(), outlet: None, screen: Screen::default() }
    }

    /// Returns the console of a service. A service's work is to sign, so an output that nobody
    /// reads, or that cannot be written, is logged, and neither ends nor delays it.
    pub(crate) fn of_service(self) -> Self {
        let plain = self.clone();
        let outlet = Outlet::new(
            anstream::stdout(),
            MAX_WAITING,
            move |events| plain.missed(events),
            log_output,
        );
        Self { outlet: Some(outlet), ..self }
    }

    /// The counter of lines written there.
    pub(crate) fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Whether the output is for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The time since the command started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Reports an event, on one of the demonstration's nodes or on the only one.
    pub(crate) fn step(&self, node: Option<usize>, step: &Step) -> Result<(), Failure> {
        self.show(&Line::Event { at_ms: self.at_ms(), node, step })
    }

    /// Prints text for shells, manual pages and configurations unchanged. As JSON, it is the text
    /// of an object.
    pub(crate) fn print(&self, text: &[u8]) -> Result<(), Failure> {
        if self.json {
            return self.show(&Line::Text { text: &String::from_utf8_lossy(text) });
        }
        let mut out = io::stdout().lock();
        out.write_all(text).and_then(|()| out.flush()).map_err(Failure::Output)
    }

    /// Prints one thing, and flushes it at once.
    pub(crate) fn show(&self, line: &Line<'_>) -> Result<(), Failure> {
        self.write(self.written(line).map_err(Failure::Output)?)
    }

    /// Prints a remark for people only: programs get every single event instead.
    pub(crate) fn remark(&self, text: &str) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        let mut line = Vec::new();
        render::remark(&mut line, text).map_err(Failure::Output)?;
        self.write(line)
    }

    fn write(&self, text: Vec<u8>) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            self.screen.wrote(&text);
        }
        let Some(outlet) = &self.outlet else {
            // `anstream` removes colours where they would not show; JSON has none.
            let mut out = anstream::stdout().lock();
            return out.write_all(&text).and_then(|()| out.flush()).map_err(Failure::Output);
        };
        if outlet.take(text) == Taken::FirstLost {
            tracing::error!(
                "nothing reads standard output, and its buffer is full: signing continues, but output is lost until something reads it"
            );
        }
        Ok(())
    }

    /// Formats a line for printing.
    fn written(&self, line: &Line<'_>) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        if self.json {
            serde_json::to_writer(&mut text, &Timed::now(line))?;
            text.push(b'\n');
        } else {
            render::write(&mut text, line, self.elapsed())?;
        }
        Ok(text)
    }

    /// The line that replaces lost lines.
    fn missed(&self, events: u64) -> Vec<u8> {
        self.written(&Line::Event {
            at_ms: self.at_ms(),
            node: None,
            step: &Step::Missed { events },
        })
        .unwrap_or_default()
    }

    fn at_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for the reader of a service's output, but only briefly, because the process is ending.
    pub(crate) fn linger(&self) {
        self.outlet.iter().for_each(Outlet::linger);
    }
}

/// Logs that a service's standard output fails, or works again.
fn log_output(error: Option<&io::Error>) {
    match error {
        Some(error) => tracing::error!(
            "cannot write to standard output: {error}. Signing continues, but output is lost until this is fixed"
        ),
        None => {
            tracing::warn!("standard output can be written again; output in the meantime was lost");
        }
    }
}
