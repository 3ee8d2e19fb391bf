//! The tests' side of a signer's process.

use super::{Line, Order, Settings, Told};
use serde::Serialize;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A running signer. Dropping it kills it with a signal that it cannot handle.
#[derive(Debug)]
pub struct Signer {
    child: Child,
    input: ChildStdin,
    lines: Receiver<Line>,
    told: Vec<Line>,
}

impl Signer {
    /// Starts the program with this command. It then waits for its settings.
    ///
    /// # Panics
    /// If it does not start.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("a line of the signer's");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut signer = Self { child, input, lines, told: Vec::new() };
        signer.wait(Duration::from_secs(20), "start", |told| *told == Told::Started);
        signer
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives it its settings. It then begins.
    pub fn begin(&mut self, settings: &Settings) {
        self.write(settings);
    }

    /// Gives it an order.
    pub fn order(&mut self, order: &Order) {
        self.write(order);
    }

    /// Returns where it listens.
    pub fn address(&mut self) -> String {
        self.find(Duration::from_secs(20), "address", |told| match told {
            Told::Listening(address) => Some(address.clone()),
            _ => None,
        })
        .1
    }

    /// Waits until it has reported this, at any time since it started, and returns when it did.
    ///
    /// # Panics
    /// If it has not within this time. `what` names what was waited for.
    pub fn wait(&mut self, within: Duration, what: &str, wanted: impl Fn(&Told) -> bool) -> u64 {
        self.find(within, what, |told| wanted(told).then_some(())).0
    }

    /// Like [`Signer::wait`], and also returns what was found.
    ///
    /// # Panics
    /// As [`Signer::wait`] does.
    pub fn find<T>(
        &mut self,
        within: Duration,
        what: &str,
        wanted: impl Fn(&Told) -> Option<T>,
    ) -> (u64, T) {
        self.nth(within, what, 0, wanted)
    }

    /// Like [`Signer::find`], but returns the `nth` match that it reports, from 0.
    ///
    /// # Panics
    /// As [`Signer::wait`] does.
    pub fn nth<T>(
        &mut self,
        within: Duration,
        what: &str,
        nth: usize,
        wanted: impl Fn(&Told) -> Option<T>,
    ) -> (u64, T) {
        let end = Instant::now() + within;
        loop {
            let mut found =
                self.told.iter().filter_map(|line| Some((line.at, wanted(&line.told)?)));
            if let Some(found) = found.nth(nth) {
                return found;
            }
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.told.push(line),
                Err(error) => panic!("no {what} within {within:?} ({error}); {}", self.story()),
            }
        }
    }

    /// Returns how often it has reported this until now.
    pub fn count(&mut self, wanted: impl Fn(&Told) -> bool) -> usize {
        self.told.extend(self.lines.try_iter());
        self.told.iter().filter(|line| wanted(&line.told)).count()
    }

    /// Returns everything it has reported until now, with milliseconds since its start.
    pub fn story(&self) -> String {
        let start = self.told.first().map_or(0, |line| line.at);
        let lines = self
            .told
            .iter()
            .map(|line| format!("{:6} {:?}\n", (line.at - start) / 1000, line.told));
        format!("process {} told\n{}", self.id(), lines.collect::<String>())
    }

    fn write(&mut self, what: &impl Serialize) {
        let line = serde_json::to_string(what).expect("plain data");
        // An error means that the process has ended. The next wait will say so.
        let _ = writeln!(self.input, "{line}");
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
