//! What a person sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the lines written to the terminal on which a person may be asked something. Clones share
/// the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screen(Arc<AtomicUsize>);

impl Screen {
    /// Counts the lines of a text that was written.
    pub(crate) fn wrote(&self, text: &[u8]) {
        self.0.fetch_add(text.iter().filter(|byte| **byte == b'\n').count(), Ordering::Relaxed);
    }

    /// How many lines have been written.
    pub(crate) fn lines(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
