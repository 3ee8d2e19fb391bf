//! Prints and logs for a service, whose work never waits for a reader of its output.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most bytes that wait for a slow reader. What comes beyond that is lost, and the loss is
/// reported.
pub(crate) const MAX_WAITING: usize = 16 << 20;
/// How long the process waits for a slow reader when it ends.
const LINGER: Duration = Duration::from_secs(1);

/// Takes lines, which a separate thread writes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outlet {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
    /// Formats the line that reports how many lines are lost.
    missed: Box<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    /// The bytes of all lines, including the one being written.
    bytes: usize,
    missed: u64,
    is_broken: bool,
}

/// What happens to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It will be written in its turn.
    Queued,
    /// It is lost, the first one in a row.
    FirstLost,
    /// It is lost.
    Lost,
}

impl Outlet {
    /// Makes an outlet to a writer. `told` is called when writing begins to fail (`Some`), and when
    /// it works again (`None`).
    pub(crate) fn new(
        to: impl Write + Send + 'static,
        limit: usize,
        missed: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
        told: fn(Option<&io::Error>),
    ) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            limit,
            missed: Box::new(missed),
        });
        let outlet = Self { shared: Arc::clone(&shared) };
        std::thread::spawn(move || shared.write_all(to, told));
        outlet
    }

    /// Takes a line, or several. Never waits.
    pub(crate) fn take(&self, line: Vec<u8>) -> Taken {
        let mut state = self.shared.lock();
        if state.bytes + line.len() > self.shared.limit {
            state.missed += 1;
            return if state.missed == 1 { Taken::FirstLost } else { Taken::Lost };
        }
        let missed = match std::mem::take(&mut state.missed) {
            0 => Vec::new(),
            missed => (self.shared.missed)(missed),
        };
        for line in [missed, line].into_iter().filter(|line| !line.is_empty()) {
            state.bytes += line.len();
            state.lines.push_back(line);
        }
        self.shared.changed.notify_all();
        Taken::Queued
    }

    /// Waits until everything is written, but only briefly, because the process is ending.
    pub(crate) fn linger(&self) {
        let end = Instant::now() + LINGER;
        let mut state = self.shared.lock();
        while state.bytes > 0 && Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").finish_non_exhaustive()
    }
}

/// Log lines come one at a time.
impl Write for Outlet {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.take(line.into());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn write_all(&self, mut to: impl Write, told: fn(Option<&io::Error>)) {
        loop {
            let (mut line, was_broken) = self.next();
            if was_broken {
                // The last write may have stopped in the middle of a line.
                line.insert(0, b'\n');
            }
            let written = to.write_all(&line).and_then(|()| to.flush());
            let mut state = self.lock();
            state.bytes -= line.len() - usize::from(was_broken);
            state.is_broken = written.is_err();
            self.changed.notify_all();
            drop(state);
            match written {
                Err(error) if !was_broken => told(Some(&error)),
                Ok(()) if was_broken => told(None),
                _ => {}
            }
        }
    }

    fn next(&self) -> (Vec<u8>, bool) {
        let mut state = self.lock();
        loop {
            match state.lines.pop_front() {
                Some(line) => return (line, state.is_broken),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Locks the state, even after a panic: every change to it is complete before the lock is
    /// released.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::sync::mpsc::{Receiver, channel};

    /// A reader that has stopped: takes nothing until it is told to go on.
    struct Stopped<W> {
        goes_on: Option<Receiver<()>>,
        to: W,
    }

    impl<W: Write> Write for Stopped<W> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(goes_on) = self.goes_on.take() {
                goes_on.recv().map_err(io::Error::other)?;
            }
            self.to.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.to.flush()
        }
    }

    #[test]
    fn unread_lines_are_dropped_and_counted_without_blocking_the_writer() {
        /// More than a pipe holds.
        const LIMIT: usize = 1 << 20;
        let (reader, writer) = io::pipe().unwrap();
        let (go_on, goes_on) = channel();
        let writer = Stopped { goes_on: Some(goes_on), to: writer };
        let outlet =
            Outlet::new(writer, LIMIT, |missed| format!("missed {missed}\n").into_bytes(), |_| ());
        let line = |number: usize| format!("{number:<1023}\n").into_bytes();
        let taken: Vec<_> = (0..4096).map(|number| outlet.take(line(number))).collect();
        let lost = taken.iter().filter(|taken| **taken != Taken::Queued).count();
        assert_eq!(taken.iter().filter(|taken| **taken == Taken::FirstLost).count(), 1);
        assert_eq!(4096 - lost, LIMIT / 1024);
        go_on.send(()).unwrap();

        let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
        for number in 0..4096 - lost {
            assert_eq!(lines.next().unwrap().trim_end(), number.to_string());
        }
        assert_eq!(outlet.take(line(4096)), Taken::Queued);
        assert_eq!(lines.next().unwrap(), format!("missed {lost}"));
        assert_eq!(lines.next().unwrap().trim_end(), "4096");
        outlet.linger();
        assert_eq!(outlet.shared.lock().bytes, 0);
    }
}
