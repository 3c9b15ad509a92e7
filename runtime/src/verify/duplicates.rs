//! Copies of a transaction within one batch.

use super::Verified;
use crate::VerifiedTransaction;

/// Finds copies within one batch: an open-addressing table of its message ids, kept between
/// batches.
#[derive(Default)]
pub(super) struct Duplicates {
    /// Index in the batch, plus one; 0 is free. A power of two, at most half full.
    table: Vec<u32>,
    /// Copies and the first of each.
    pub(super) found: Vec<(u32, u32)>,
}

impl Duplicates {
    pub(super) fn start(&mut self, batch: usize) {
        self.table.clear();
        self.table.resize((2 * batch).next_power_of_two(), 0);
    }

    /// Notes transaction `index`. `Some`: it has the same bytes as that earlier one in `results`.
    pub(super) fn first(
        &mut self,
        index: u32,
        new: &VerifiedTransaction,
        results: &[Verified],
    ) -> Option<u32> {
        let mask = self.table.len() - 1;
        let mut at = new.id as usize & mask;
        while let Some(earlier) = self.table[at].checked_sub(1) {
            // One that was refused meanwhile is no first of anything: its copy is refused alike.
            if let Ok(transaction) = &results[earlier as usize]
                && transaction.id == new.id
                && transaction.bytes == new.bytes
            {
                self.found.push((index, earlier));
                return Some(earlier);
            }
            at = (at + 1) & mask;
        }
        self.table[at] = index + 1;
        None
    }
}
