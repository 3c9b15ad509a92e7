//! Keys to account indices: one open-addressing table of 8-byte cells.
//!
//! A cell holds 32 bits of the key's hash and the index; the key itself is in the account's slot. Cells
//! are probed one after the other, so a look-up touches one cache line of the table and one slot.
//! One thread (the interner) writes; any thread reads at the same moment, without a lock. A key's cell
//! does not move while the table lives; growing makes another table. A reader that passes by while cells
//! change finds every key that was there all the time.

use crate::AccountIndex;
use crate::memory::{large_table, prefetch_line};
use crate::sync::{AtomicU64, Ordering};

/// Never used: a probe ends here.
const EMPTY: u64 = 0;

/// Used once: a probe goes on, an insertion may take it.
const REMOVED: u64 = u32::MAX as u64;

/// Highest index that a cell can hold: the low half is the index plus one.
pub(crate) const INDEX_MAX: AccountIndex = u32::MAX - 2;

/// The cells. At most five eighths are in use, so probes are short and end.
pub(crate) struct KeyTable {
    cells: Box<[AtomicU64]>,
    mask: usize,
    #[cfg(feature = "shuttle")]
    freed: crate::sync::AtomicBool,
}

/// Where a key that is not in the table goes.
#[derive(Clone, Copy)]
pub(crate) struct Vacancy(usize);

impl KeyTable {
    /// Room for `keys`, removed ones included.
    pub(crate) fn with_room_for(keys: usize) -> Self {
        let cells = (keys * 8 / 5 + 8).next_power_of_two();
        Self {
            cells: large_table((0..cells).map(|_| AtomicU64::new(EMPTY))),
            mask: cells - 1,
            #[cfg(feature = "shuttle")]
            freed: crate::sync::AtomicBool::new(false),
        }
    }

    /// Instead of being freed, in the model checker's builds.
    #[cfg(feature = "shuttle")]
    pub(crate) fn mark_freed(&self) {
        self.freed.store(true, Ordering::SeqCst);
    }

    /// Keys that it has room for, removed ones included.
    pub(crate) fn room(&self) -> usize {
        self.cells.len() * 5 / 8
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.cells)
    }

    /// Starts loading the line where a probe for this hash begins.
    pub(crate) fn prefetch(&self, hash: u64) {
        prefetch_line(&raw const self.cells[self.start(hash)]);
    }

    /// The index of the key with this hash for which `is_it` holds.
    pub(crate) fn find(
        &self,
        hash: u64,
        is_it: impl FnMut(AccountIndex) -> bool,
    ) -> Result<AccountIndex, Vacancy> {
        self.probe(hash, is_it).map(|(_, index)| index)
    }

    /// The first index whose cell has this hash's tag: almost always the key's.
    pub(crate) fn likely(&self, hash: u64) -> Option<AccountIndex> {
        self.find(hash, |_| true).ok()
    }

    /// Inserts at a vacancy that `find` returned for this hash just now. Returns whether the cell was
    /// empty before, and not one used once.
    pub(crate) fn insert(&self, vacancy: Vacancy, hash: u64, index: AccountIndex) -> bool {
        let cell = &self.cells[vacancy.0];
        // Relaxed: this thread alone writes. Release: the slot's key is written before.
        let was_empty = cell.load(Ordering::Relaxed) == EMPTY;
        cell.store(tag(hash) | u64::from(index + 1), Ordering::Release);
        was_empty
    }

    /// Removes a key. Returns how many cells became empty; none if a probe may have to go on from here.
    pub(crate) fn remove(&self, hash: u64, index: AccountIndex) -> usize {
        let (mut at, _) = self
            .probe(hash, |found| found == index)
            .unwrap_or_else(|_| panic!("account {index} is in the key table until it is removed"));
        let next = (at + 1) & self.mask;
        if self.cells[next].load(Ordering::Relaxed) != EMPTY {
            self.cells[at].store(REMOVED, Ordering::Release);
            return 0;
        }
        // No probe goes on beyond this cell, hence none needs it, nor removed cells right before it.
        let mut emptied = 0;
        loop {
            self.cells[at].store(EMPTY, Ordering::Release);
            emptied += 1;
            at = at.wrapping_sub(1) & self.mask;
            if self.cells[at].load(Ordering::Relaxed) != REMOVED {
                return emptied;
            }
        }
    }

    fn probe(
        &self,
        hash: u64,
        mut is_it: impl FnMut(AccountIndex) -> bool,
    ) -> Result<(usize, AccountIndex), Vacancy> {
        let tag = tag(hash);
        let mut at = self.start(hash);
        let mut vacancy = None;
        loop {
            // Acquire: the slot's key comes with it.
            let cell = self.cells[at].load(Ordering::Acquire);
            #[cfg(feature = "shuttle")]
            assert!(
                !self.freed.load(Ordering::SeqCst),
                "used a key table after it was freed"
            );
            if cell == EMPTY {
                return Err(Vacancy(vacancy.unwrap_or(at)));
            }
            if cell == REMOVED {
                vacancy.get_or_insert(at);
            } else if cell & !REMOVED == tag {
                let index = (cell as u32) - 1;
                if is_it(index) {
                    return Ok((at, index));
                }
            }
            at = (at + 1) & self.mask;
        }
    }

    fn start(&self, hash: u64) -> usize {
        hash as usize & self.mask
    }
}

/// The high half of the hash, where a cell has it; the low half says where the probe starts. A tag of a
/// removed cell is zero, and its low half is that of no index, so the two cannot be confused.
fn tag(hash: u64) -> u64 {
    hash & !REMOVED
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use std::collections::HashMap;

    #[test]
    fn finds_what_was_inserted_and_not_removed() {
        let seed = 7;
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let table = KeyTable::with_room_for(40);
        let room = table.room();
        let mut used = 0;
        // Few distinct hashes: long probes, equal tags.
        let hash_of = |index: u32| u64::from(index % 7) << 33 | u64::from(index % 5);
        let mut oracle = HashMap::new();
        for _ in 0..20_000 {
            let index: u32 = random.random_range(0..40);
            let hash = hash_of(index);
            match table.find(hash, |found| found == index) {
                Ok(found) => {
                    assert_eq!(oracle.remove(&index), Some(found));
                    used -= table.remove(hash, index);
                }
                Err(vacancy) if used < room => {
                    used += usize::from(table.insert(vacancy, hash, index));
                    assert_eq!(oracle.insert(index, index), None);
                }
                Err(_) => assert!(!oracle.contains_key(&index)),
            }
        }
        assert!(!oracle.is_empty());
        for index in 0..40 {
            let found = table.find(hash_of(index), |found| found == index).ok();
            assert_eq!(found, oracle.get(&index).copied());
        }
    }
}
