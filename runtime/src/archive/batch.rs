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
