//! Feeding at a rate, and how long transactions took from there until they were visible.
//!
//! Nothing is asked of the runtime but its counters: transactions settle in the order in which they were
//! handed in, but for the batches that several verify threads overtake each other with. So the k-th to
//! settle is taken for the k-th that was handed in: two that change places change nothing in the sum of
//! their times.

use sealane_runtime::Reader;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often transactions are handed in.
const TICK: Duration = Duration::from_millis(1);
/// How often the counters are read.
const WATCH_INTERVAL: Duration = Duration::from_micros(100);

/// At each moment, how many there were since the start, in order of both.
pub(crate) type Curve = Vec<(Duration, u64)>;

/// When a batch that is handed in at a rate is due.
pub(crate) struct Pace {
    per_second: u64,
    started: Instant,
}

impl Pace {
    pub(crate) fn start(per_second: u64) -> Self {
        Self {
            per_second,
            started: Instant::now(),
        }
    }

    /// Transactions of a batch.
    pub(crate) fn batch(per_second: u64) -> usize {
        (per_second * TICK.as_millis() as u64 / 1_000).max(1) as usize
    }

    /// Waits until the batch is due that follows `handed_in` transactions. One that is late is due at once.
    pub(crate) fn wait(&self, handed_in: u64) {
        let due = Duration::from_secs_f64(handed_in as f64 / self.per_second as f64);
        std::thread::sleep(due.saturating_sub(self.elapsed()));
    }

    /// What came of it.
    pub(crate) fn latencies(&self, handed_in: &Curve, settled: &Curve) -> Latencies {
        Latencies::between(self.per_second, handed_in, settled)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Reads how many are settled, until `total` are or `ends`.
    pub(crate) fn watch(&self, reader: &Reader, total: u64, ends: &AtomicBool) -> Curve {
        let mut curve = Curve::new();
        let mut last = 0;
        // Relaxed: nothing follows from the flag but the end.
        while last < total && !ends.load(Ordering::Relaxed) {
            let settled = reader.counters().settled();
            if settled > last {
                curve.push((self.elapsed(), settled));
                last = settled;
            }
            std::thread::sleep(WATCH_INTERVAL);
        }
        curve
    }
}

/// How long transactions took from being handed in until they were visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latencies {
    /// Transactions a second that were handed in.
    pub rate: u64,
    /// What half of them did not exceed.
    pub p50: Duration,
    /// What 99 in 100 did not exceed.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Latencies {
    /// Of all that both curves reach.
    fn between(rate: u64, handed_in: &Curve, settled: &Curve) -> Self {
        // Runs of transactions with one latency.
        let mut runs: Vec<(Duration, u64)> = Vec::new();
        let mut done = 0;
        let (mut ins, mut outs) = (handed_in.iter().peekable(), settled.iter().peekable());
        while let (Some(&&(began, ins_to)), Some(&&(ended, outs_to))) = (ins.peek(), outs.peek()) {
            let to = ins_to.min(outs_to);
            runs.push((ended.saturating_sub(began), to - done));
            done = to;
            ins.next_if(|_| ins_to == to);
            outs.next_if(|_| outs_to == to);
        }
        runs.sort_unstable();
        let quantile = |share: f64| {
            let rank = (done as f64 * share).ceil() as u64;
            let mut below = 0;
            let found = runs.iter().find(|(_, count)| {
                below += count;
                below >= rank
            });
            found.map_or(Duration::ZERO, |(latency, _)| *latency)
        };
        Self {
            rate,
            p50: quantile(0.5),
            p99: quantile(0.99),
            max: quantile(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(u64, u64)]) -> Curve {
        let point = |&(ms, count)| (Duration::from_millis(ms), count);
        points.iter().map(point).collect()
    }

    #[test]
    fn latencies_are_those_of_the_kth_in_and_the_kth_out() {
        // 10 at 0 ms, 90 more at 100 ms; 40 seen at 130 ms, all at 150 ms.
        let handed_in = curve(&[(0, 10), (100, 100)]);
        let settled = curve(&[(130, 40), (150, 100)]);
        let latencies = Latencies::between(1, &handed_in, &settled);
        // 30 took 30 ms, 60 took 50 ms, 10 took 130 ms.
        assert_eq!(latencies.p50, Duration::from_millis(50));
        assert_eq!(latencies.p99, Duration::from_millis(130));
        assert_eq!(latencies.max, Duration::from_millis(130));
        let half = Latencies::between(1, &handed_in, &curve(&[(130, 40)]));
        assert_eq!(half.p50, Duration::from_millis(30));
        let none = Latencies::between(1, &Curve::new(), &settled);
        assert_eq!((none.p50, none.max), (Duration::ZERO, Duration::ZERO));
    }
}
