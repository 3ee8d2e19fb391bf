//! Processor time: what a thread computed, whatever else the machine does.

use cpu_time::ThreadTime;
use std::time::Duration;

/// Does a piece of work, and returns what came of it and the processor time that it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = ThreadTime::now();
    let done = counted(work);
    (done, started.elapsed())
}

/// Does a piece of work. A tool that counts instructions finds the work by this function's name, so
/// it must not be inlined.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Adds up the processor time of pieces of work, and leaves out what is between them.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    spent: Duration,
}

impl Meter {
    /// Does a piece of work, and counts it.
    pub(crate) fn count<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (done, took) = timed(work);
        self.spent += took;
        done
    }

    /// Returns what the work took.
    pub(crate) const fn spent(&self) -> Duration {
        self.spent
    }
}

/// Returns the median. With an even number of values, the upper one of the two in the middle.
///
/// # Panics
/// If there are no values.
pub fn median<T: Copy + Ord>(values: &[T]) -> T {
    let mut values = values.to_vec();
    values.sort_unstable();
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn only_counted_work_is_counted() {
        let mut meter = Meter::default();
        let work = || (0..1_000_000_u64).fold(0, |sum, number| sum ^ black_box(number));
        work();
        assert_eq!(meter.spent(), Duration::ZERO);
        meter.count(work);
        let once = meter.spent();
        assert!(once > Duration::ZERO);
        work();
        assert_eq!(meter.spent(), once);
    }

    #[test]
    fn the_median_is_the_value_in_the_middle() {
        assert_eq!(median(&[5, 1, 4, 2, 3]), 3);
        assert_eq!(median(&[4, 1, 3, 2]), 3);
    }
}
