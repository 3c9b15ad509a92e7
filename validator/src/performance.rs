//! How many transactions and slots there were, minute by minute: what `getRecentPerformanceSamples` tells.
//!
//! A sample is taken by a thread of its own; a node without JSON-RPC takes none.

use crate::periodic::Periodic;
use sealane_runtime::Reader;
use solana_rpc_client_types::response::RpcPerfSample;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Samples that are kept: twelve hours of them, as Agave does.
const SAMPLES_MAX: usize = 720;
/// How often one is taken.
const INTERVAL: Duration = Duration::from_secs(60);

/// The newest samples. Clone freely.
#[derive(Clone, Default)]
pub(crate) struct Performance(Arc<Mutex<VecDeque<RpcPerfSample>>>);

impl Performance {
    /// Takes samples from here on, until what is returned is dropped.
    pub(crate) fn sample(&self, reader: Reader) -> io::Result<Periodic> {
        let (samples, mut last) = (self.clone(), counts(&reader));
        Periodic::start("performance", INTERVAL, move || {
            let now = counts(&reader);
            samples.add(last, now);
            last = now;
        })
    }

    fn add(&self, (last_slot, last_transactions): (u64, u64), (slot, transactions): (u64, u64)) {
        // After a revert there may be fewer.
        let num_transactions = transactions.saturating_sub(last_transactions);
        let mut samples = self.0.lock().expect("no holder of this lock panics");
        if samples.len() == SAMPLES_MAX {
            samples.pop_back();
        }
        samples.push_front(RpcPerfSample {
            slot,
            num_transactions,
            num_non_vote_transactions: Some(num_transactions),
            num_slots: slot.saturating_sub(last_slot),
            sample_period_secs: INTERVAL.as_secs() as u16,
        });
    }

    /// How many may be asked for.
    pub(crate) fn samples_max(&self) -> usize {
        SAMPLES_MAX
    }

    /// The newest samples, the newest first.
    pub(crate) fn newest(&self, limit: usize) -> Vec<RpcPerfSample> {
        let samples = self.0.lock().expect("no holder of this lock panics");
        samples.iter().take(limit).cloned().collect()
    }
}

/// Open slot and transactions so far.
fn counts(reader: &Reader) -> (u64, u64) {
    (reader.slot().slot, reader.transaction_count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_differences_and_the_newest_comes_first() {
        let performance = Performance::default();
        performance.add((10, 100), (160, 400));
        performance.add((160, 400), (310, 450));
        let newest = performance.newest(1);
        assert_eq!(
            (
                newest[0].slot,
                newest[0].num_transactions,
                newest[0].num_slots
            ),
            (310, 50, 150)
        );
        assert_eq!(performance.newest(9).len(), 2);
        for i in 0..SAMPLES_MAX as u64 {
            performance.add((i, i), (i + 1, i + 1));
        }
        assert_eq!(performance.newest(usize::MAX).len(), SAMPLES_MAX);
    }
}
