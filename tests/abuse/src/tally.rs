//! What the generator heard.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Connections that were made.
    pub(crate) connected: u64,
    /// Connections that were refused.
    pub(crate) refused: u64,
    /// Connections that were open at a time, at most.
    pub(crate) open_max: u64,
    /// Requests that were sent whole.
    pub(crate) requests: u64,
    /// Answers that are results.
    pub(crate) results: u64,
    /// Answers that are errors, of JSON-RPC or of HTTP.
    pub(crate) errors: u64,
    /// Connections that were closed in place of an answer.
    pub(crate) closed: u64,
    /// Answers that are neither result nor error.
    pub(crate) unclear: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "connections {} made, {} refused, at most {} open",
            self.connected, self.refused, self.open_max
        )?;
        write!(
            f,
            "requests    {}: {} results, {} errors, {} closed, {} neither",
            self.requests, self.results, self.errors, self.closed, self.unclear
        )
    }
}

/// The counts while they grow.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) connected: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) open: AtomicU64,
    pub(crate) open_max: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) results: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) unclear: AtomicU64,
}

/// One more. Relaxed: they are read when all is over.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    pub(crate) fn opened(&self) {
        count(&self.connected);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.open_max.fetch_max(open, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            connected: read(&self.connected),
            refused: read(&self.refused),
            open_max: read(&self.open_max),
            requests: read(&self.requests),
            results: read(&self.results),
            errors: read(&self.errors),
            closed: read(&self.closed),
            unclear: read(&self.unclear),
        }
    }
}
