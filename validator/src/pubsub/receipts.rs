//! Word of admitted transactions on its way to the hub: only while somebody wants it, and bounded.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts who wants such word, and how much of it waits. Relaxed throughout: who subscribes at the same
/// moment may miss it, as they would a moment later, and the counts order nothing.
pub(super) struct Receipts {
    /// Subscriptions that want it.
    wanted: AtomicUsize,
    waiting: AtomicUsize,
    waiting_max: usize,
}

impl Receipts {
    /// Nobody wants any; `waiting_max` may wait.
    pub(super) fn new(waiting_max: usize) -> Self {
        Self {
            wanted: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            waiting_max,
        }
    }

    /// Another subscription, which may want it.
    pub(super) fn want(&self, wanted: bool) {
        self.wanted
            .fetch_add(usize::from(wanted), Ordering::Relaxed);
    }

    /// It has ended.
    pub(super) fn no_longer_want(&self, wanted: bool) {
        self.wanted
            .fetch_sub(usize::from(wanted), Ordering::Relaxed);
    }

    /// Whether another may be sent: somebody wants it and there is room. Beyond the limit it is not told:
    /// the transaction's result, which follows, says more.
    pub(super) fn admit(&self) -> bool {
        if self.wanted.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        if before >= self.waiting_max {
            self.taken();
        }
        before < self.waiting_max
    }

    /// One that was sent has arrived.
    pub(super) fn taken(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_that_wait_are_bounded_and_wanted() {
        let receipts = Receipts::new(2);
        assert!(!receipts.admit(), "nobody asked");
        receipts.want(false);
        assert!(!receipts.admit(), "still nobody");
        receipts.want(true);
        assert!(receipts.admit() && receipts.admit());
        assert!(!receipts.admit(), "two wait");
        receipts.taken();
        assert!(receipts.admit());
        receipts.no_longer_want(true);
        receipts.taken();
        assert!(!receipts.admit(), "nobody any more");
    }
}
