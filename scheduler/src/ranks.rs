//! How many items have about which priority: the priority of a rank, without an order among all.
//!
//! A histogram in rows, as in HdrHistogram: each power of two is a row of 128 buckets. Priorities below 256 have a bucket
//! each; a higher one is told as at most one part in 128 less than it is.

/// Buckets of each row, as a power of two.
const PRECISION_BITS: u32 = 7;
const PRECISION: usize = 1 << PRECISION_BITS;
/// What is below 128 has a row, and each power of two from there on.
const BUCKETS: usize = (u64::BITS - PRECISION_BITS + 1) as usize * PRECISION;

/// Counts of the items that are held.
pub(crate) struct Ranks {
    counts: Box<[u32; BUCKETS]>,
}

impl Ranks {
    pub(crate) fn new() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
        }
    }

    pub(crate) fn add(&mut self, priority: u64) {
        self.counts[bucket(priority)] += 1;
    }

    pub(crate) fn remove(&mut self, priority: u64) {
        self.counts[bucket(priority)] -= 1;
    }

    /// About the priority of the item at this place, counted from 1 at the highest: never above it. No item has more
    /// than `highest`.
    pub(crate) fn priority_at(&self, place: usize, highest: u64) -> Option<u64> {
        let mut higher = 0;
        let found = self.counts[..=bucket(highest)].iter().rposition(|count| {
            higher += *count as usize;
            higher >= place.max(1)
        });
        found.map(lowest_of)
    }
}

fn bucket(priority: u64) -> usize {
    let shift = (u64::BITS - priority.leading_zeros()).saturating_sub(PRECISION_BITS + 1);
    // From 128 on the leading bit is left, which stands for the row after the shift's.
    shift as usize * PRECISION + (priority >> shift) as usize
}

/// The lowest priority of a bucket.
fn lowest_of(bucket: usize) -> u64 {
    let shift = (bucket / PRECISION).saturating_sub(1);
    ((bucket - shift * PRECISION) as u64) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_at_most_one_part_in_128_below_what_is_in_it() {
        let powers = (0..u64::BITS - 1).map(|bit| 1u64 << bit);
        let around = powers.flat_map(|power| [power - 1, power, power + 1, power + power / 3]);
        for priority in around.chain(0..5_000).chain([u64::MAX]) {
            let lowest = lowest_of(bucket(priority));
            assert!(lowest <= priority, "{priority}");
            assert!(priority - lowest <= priority / 128, "{priority}");
            assert_eq!(bucket(lowest), bucket(priority), "{priority}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn places_are_counted_from_the_highest() {
        let mut ranks = Ranks::new();
        assert_eq!(ranks.priority_at(1, u64::MAX), None);
        for priority in [3, 17, 17, 40] {
            ranks.add(priority);
        }
        let at = |ranks: &Ranks, place| ranks.priority_at(place, 40);
        assert_eq!(at(&ranks, 0), Some(40));
        assert_eq!(at(&ranks, 1), Some(40));
        assert_eq!(at(&ranks, 2), Some(17));
        assert_eq!(at(&ranks, 3), Some(17));
        assert_eq!(at(&ranks, 4), Some(3));
        assert_eq!(at(&ranks, 5), None);
        ranks.remove(40);
        ranks.remove(17);
        assert_eq!(at(&ranks, 2), Some(3));
    }
}
