//! What is indexed and not in a run yet: rows in memory, which readers search too.

use super::row::{EntryRow, Named, Offset, SlotRow};

/// Rows that are sorted among themselves.
const CHUNK_ROWS: usize = 4_096;

/// Rows by hash: sorted in chunks, but for the newest.
#[derive(Default)]
pub(super) struct Names {
    rows: Vec<Named>,
}

impl Names {
    pub(super) fn push(&mut self, row: Named) {
        self.rows.push(row);
        if self.rows.len().is_multiple_of(CHUNK_ROWS) {
            let start = self.rows.len() - CHUNK_ROWS;
            self.rows[start..].sort_unstable();
        }
    }

    /// Transactions of this hash, newest first.
    pub(super) fn transactions(&self, hash: u64) -> Vec<u32> {
        let mut found = Vec::new();
        for chunk in self.rows.chunks(CHUNK_ROWS).rev() {
            let before = found.len();
            if chunk.len() == CHUNK_ROWS {
                let start = chunk.partition_point(|row| row.hash < hash);
                let rows = chunk[start..].iter().take_while(|row| row.hash == hash);
                found.extend(rows.map(|row| row.transaction));
            } else {
                let rows = chunk.iter().filter(|row| row.hash == hash);
                found.extend(rows.map(|row| row.transaction));
            }
            found[before..].reverse();
        }
        found
    }

    /// All of it, sorted. The chunks are what the stable sort finds sorted already.
    pub(super) fn sorted(&self) -> Vec<Named> {
        let mut rows = self.rows.clone();
        rows.sort();
        rows
    }
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
        for count in [0, 1, 2, 7, 100, 3 * CHUNK_ROWS as u32 + 5] {
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
            assert!(names.sorted() == expected, "{count}");
        }
    }
}
