//! What is indexed and not in a run yet: rows in memory, which readers search too.

use super::row::{EntryRow, Named, Offset, SlotRow};

/// The rows are kept apart by so many of the first bits of their hashes, which are spread evenly: so few parts that the
/// places where their next rows go stay in the first cache, and so many that a part of a full batch is sorted in the
/// second.
const BUCKET_BITS: u32 = 8;

/// Before its rows are sorted, a bucket is split by its next bits into parts of about as many.
const PART_ROWS: usize = 4;

/// Rows by hash, kept apart by its first bits, and among those of the same in the order in which they came.
#[derive(Default)]
pub(super) struct Names {
    /// None before the first row.
    buckets: Vec<Vec<Named>>,
}

impl Names {
    /// Adds a row of the newest transaction.
    pub(super) fn push(&mut self, row: Named) {
        if self.buckets.is_empty() {
            self.buckets = vec![Vec::new(); 1 << BUCKET_BITS];
        }
        self.buckets[bucket(row.hash)].push(row);
    }

    /// Transactions of this hash, newest first.
    pub(super) fn transactions(&self, hash: u64) -> Vec<u32> {
        let rows = self.buckets.get(bucket(hash)).into_iter().flatten();
        let rows = rows.rev().filter(|row| row.hash == hash);
        rows.map(|row| row.transaction).collect()
    }

    /// All of it, sorted.
    pub(super) fn sorted(&self) -> impl Iterator<Item = Named> {
        self.buckets.iter().flat_map(|bucket| sorted(bucket))
    }
}

/// The rows of a bucket, sorted: split by counting first, which takes two fifths of the time of comparing alone, as their
/// hashes are spread evenly. They came in the order of their transactions and stay in it; many may be of one address.
fn sorted(bucket: &[Named]) -> Vec<Named> {
    let bits = (bucket.len() / PART_ROWS).max(2).ilog2();
    let part = |row: &Named| (row.hash << BUCKET_BITS >> (u64::BITS - bits)) as usize;
    let mut places = vec![0; 1 << bits];
    for row in bucket {
        places[part(row)] += 1;
    }
    let mut rows_before = 0;
    for place in &mut places {
        rows_before += std::mem::replace(place, rows_before);
    }
    let mut rows = bucket.to_vec();
    for row in bucket {
        let place = &mut places[part(row)];
        rows[*place] = *row;
        *place += 1;
    }
    let mut start = 0;
    for end in places {
        rows[start..end].sort_by_key(|row| row.hash);
        start = end;
    }
    rows
}

fn bucket(hash: u64) -> usize {
    (hash >> (u64::BITS - BUCKET_BITS)) as usize
}

/// Rows to become a run.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) transactions: u32,
    pub(super) signatures: Names,
    pub(super) addresses: Names,
    pub(super) offsets: Vec<Offset>,
    pub(super) entries: Vec<EntryRow>,
    pub(super) slots: Vec<SlotRow>,
    /// Bytes of the log that it covers, about.
    pub(super) log_bytes: u64,
}

impl Batch {
    /// The last file of the log that it points into.
    pub(super) fn last_file(&self) -> u32 {
        let entry = self.entries.last().map_or(0, |row| row.at.file);
        entry.max(self.slots.last().map_or(0, |row| row.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_come_sorted_however_many_and_however_alike_they_are() {
        for count in [0, 1, 2, 7, 100, 12_293, 100_000] {
            let mut names = Names::default();
            let mut expected = Vec::new();
            for transaction in 0..count {
                let spread = u64::from(transaction).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let hashes = [spread, 77 << 56, u64::from(transaction % 3)];
                for hash in hashes {
                    let row = Named { hash, transaction };
                    names.push(row);
                    expected.push(row);
                }
            }
            expected.sort();
            assert!(names.sorted().eq(expected.iter().copied()), "{count}");
            for hash in expected
                .iter()
                .map(|row| row.hash)
                .step_by(997)
                .chain([77 << 56])
            {
                let of_it = expected.iter().rev().filter(|row| row.hash == hash);
                let of_it: Vec<u32> = of_it.map(|row| row.transaction).collect();
                assert_eq!(names.transactions(hash), of_it);
            }
        }
    }
}
