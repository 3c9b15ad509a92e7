//! Numbers that the stages keep about themselves. Each is written by one stage, in batches, so none is
//! a shared hot line.

use crate::sync::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows (or a gauge that its one writer sets).
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Relaxed: nothing is inferred from one counter about another.
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of a pipeline.
#[derive(Default)]
pub(crate) struct StageCounters {
    /// Threads that a broken invariant has ended.
    pub(crate) broken_threads: Counter,
    pub(crate) received: Counter,
    pub(crate) refused: Counter,
    pub(crate) shed: Counter,
    pub(crate) evicted: Counter,
    pub(crate) dropped: Counter,
    pub(crate) visible: Counter,
    /// Charged transactions that were there when the node started.
    pub(crate) replayed: Counter,
    /// Charged transactions that were gone back behind.
    pub(crate) reverted: Counter,
    pub(crate) failed: Counter,
    pub(crate) queued: Counter,
    pub(crate) entries: Counter,
    pub(crate) longest_chain: Counter,
    pub(crate) bounces: Counter,
    pub(crate) verify_ns: Counter,
    pub(crate) schedule_ns: Counter,
    pub(crate) bank_ns: Counter,
    pub(crate) publish_ns: Counter,
}

/// Numbers for a status line, monotonic since start except `queued`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Handed in.
    pub received: u64,
    /// Refused at admission: malformed, bad signature, duplicate, too old, busy.
    pub refused: u64,
    /// Of these, refused for their low priority, before their signature was checked.
    pub shed: u64,
    /// Accepted, then evicted by a higher priority.
    pub evicted: u64,
    /// Dropped by the bank.
    pub dropped: u64,
    /// Visible, successful or failed.
    pub visible: u64,
    /// Visible and failed.
    pub failed: u64,
    /// Waiting between admission and a banking thread, now.
    pub queued: u64,
    /// Entries published.
    pub entries: u64,
    /// Length of the longest chain of conflicts seen, in transactions (0 when run in order).
    pub longest_chain: u64,
    /// Where memory is bounded, bytes of accounts in it, now.
    pub resident_bytes: u64,
    /// Accounts that were read from the disk, scans not counted.
    pub cold_reads: u64,
    /// Times that a transaction was sent back to have its accounts read, as it was its turn and what verify read
    /// was not there or old.
    pub bounces: u64,
    /// Time that all threads of a stage worked, waiting excluded.
    pub busy: StageTimes,
}

impl Counters {
    /// Transactions handed in whose fate is known.
    pub fn settled(&self) -> u64 {
        self.refused + self.evicted + self.dropped + self.visible
    }
}

/// Working time per stage, summed over its threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// Parsing, signatures, lookups, hashing.
    pub verify: Duration,
    /// Admission, interning, lock table, completions.
    pub schedule: Duration,
    /// Loading, executing, committing.
    pub bank: Duration,
    /// Publishing versions, history, events.
    pub publish: Duration,
}

impl StageCounters {
    /// Charged transactions since genesis, as far as they count.
    pub(crate) fn charged(&self) -> u64 {
        // Reverted ones were counted before.
        let reverted = self.reverted.get();
        (self.replayed.get() + self.visible.get()).saturating_sub(reverted)
    }

    pub(crate) fn read(&self) -> Counters {
        let time = |counter: &Counter| Duration::from_nanos(counter.get());
        Counters {
            received: self.received.get(),
            refused: self.refused.get(),
            shed: self.shed.get(),
            evicted: self.evicted.get(),
            dropped: self.dropped.get(),
            visible: self.visible.get(),
            failed: self.failed.get(),
            queued: self.queued.get(),
            entries: self.entries.get(),
            longest_chain: self.longest_chain.get(),
            resident_bytes: 0,
            cold_reads: 0,
            bounces: self.bounces.get(),
            busy: StageTimes {
                verify: time(&self.verify_ns),
                schedule: time(&self.schedule_ns),
                bank: time(&self.bank_ns),
                publish: time(&self.publish_ns),
            },
        }
    }
}

/// Waiting times in buckets of a quarter power of two, from 1 ns: 19% wide.
#[derive(Clone, Debug)]
pub struct WaitHistogram {
    buckets: Vec<u64>,
}

impl Default for WaitHistogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; 64 * 4],
        }
    }
}

impl WaitHistogram {
    pub(crate) fn add(&mut self, nanoseconds: u64, count: u64) {
        self.buckets[Self::bucket(nanoseconds)] += count;
    }

    fn bucket(nanoseconds: u64) -> usize {
        let value = nanoseconds.max(4);
        let exponent = 63 - value.leading_zeros() as usize;
        exponent * 4 + ((value >> (exponent - 2)) & 3) as usize
    }

    /// Upper end of the bucket in which quantile `q` (0 to 1) lies; zero if nothing was counted.
    pub fn quantile(&self, q: f64) -> Duration {
        let total: u64 = self.buckets.iter().sum();
        let mut left = (total as f64 * q).ceil() as u64;
        for (bucket, count) in self.buckets.iter().enumerate() {
            if left <= *count && *count > 0 {
                let (exponent, quarter) = (bucket / 4, (bucket % 4) as u64);
                return Duration::from_nanos((5 + quarter) << exponent.saturating_sub(2));
            }
            left = left.saturating_sub(*count);
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_upper_end_of_its_bucket() {
        let mut waits = WaitHistogram::default();
        waits.add(1_000, 99);
        waits.add(1_000_000, 1);
        let p50 = waits.quantile(0.5).as_nanos();
        assert!((1_000..=1_250).contains(&p50), "{p50}");
        let p99 = waits.quantile(0.99).as_nanos();
        assert!((1_000..=1_250).contains(&p99), "{p99}");
        let p100 = waits.quantile(1.0).as_nanos();
        assert!((1_000_000..=1_250_000).contains(&p100), "{p100}");
    }
}
