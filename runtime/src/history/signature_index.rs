//! Signature to place in the history: open-addressing tables with one writer and many readers.
//!
//! A table is of a run of entries. The publisher fills the newest; once that is half full it begins another one, for
//! a fourth of what is remembered by then, so that there are few and none is large. A table goes as a whole when all its
//! entries are forgotten: forgetting reads no transaction and writes no cell, and a cell is written once. What is
//! forgotten, or was gone back behind, stands in its table until then, and leads to nothing or to a
//! transaction that does not carry the signature. Decided against: one table from which what is forgotten is
//! taken, which was missed in the caches twice more for each transaction, and a third time when it was made anew.

use crate::sync::{Arc, AtomicU64, Ordering, RwLock};
use solana_signature::Signature;

/// Tasks of one entry that a cell can name.
const PLACE_BITS: u32 = 24;
/// Entries of one table that a cell can name.
const ENTRY_BITS: u32 = 20;
/// Insertions this far ahead are being loaded.
const PREFETCH_AHEAD: usize = 16;
/// Transactions that a table has room for, at least.
const ROOM_MIN: u64 = 1 << 11;
/// A new table has room for one part in so many of what is remembered.
const PARTS: u64 = 4;
const EMPTY: u64 = 0;

/// Signatures of the entries from `first` to before `end`.
struct Table {
    first: u64,
    /// The writer alone uses these two.
    end: AtomicU64,
    used: AtomicU64,
    /// A part of the signature's hash, then the entry, counted from the first, then the place there.
    cells: Box<[AtomicU64]>,
}

impl Table {
    /// With room for so many.
    fn new(first: u64, room: u64) -> Self {
        let cells = (room as usize * 2).next_power_of_two();
        Self {
            first,
            end: AtomicU64::new(first),
            used: AtomicU64::new(0),
            cells: std::iter::repeat_with(|| AtomicU64::new(EMPTY))
                .take(cells)
                .collect(),
        }
    }

    /// Whether entry `number` can be added, with so many transactions.
    fn takes(&self, number: u64, count: u64) -> bool {
        let used = self.used.load(Ordering::Relaxed) + count;
        let entry = number.checked_sub(self.first);
        entry.is_some_and(|entry| entry < 1 << ENTRY_BITS) && used * 2 <= self.cells.len() as u64
    }

    /// Where the search for this hash begins.
    fn start(&self, hash: u64) -> usize {
        hash as usize & (self.cells.len() - 1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.cells.len() - 1)
    }

    /// What the cells with this hash have in common: its upper bits, which say nothing about where they are.
    fn tag(hash: u64) -> u64 {
        (hash >> (ENTRY_BITS + PLACE_BITS)).max(1)
    }

    /// Adds the transactions of an entry that it `takes`: their hashes, each with its place in the entry.
    fn insert(&self, number: u64, hashed: &[(u64, usize)]) {
        let entry = (number - self.first) << PLACE_BITS;
        for (i, (hash, place)) in hashed.iter().enumerate() {
            if let Some((ahead, _)) = hashed.get(i + PREFETCH_AHEAD) {
                crate::prefetch::prefetch(&self.cells[self.start(*ahead)]);
            }
            let cell = Self::tag(*hash) << (ENTRY_BITS + PLACE_BITS) | entry | *place as u64;
            let mut at = self.start(*hash);
            // Relaxed: this thread alone writes.
            while self.cells[at].load(Ordering::Relaxed) != EMPTY {
                at = self.next(at);
            }
            // Release: the entry was remembered before.
            self.cells[at].store(cell, Ordering::Release);
        }
        // Relaxed: the writer alone uses these.
        self.used.fetch_add(hashed.len() as u64, Ordering::Relaxed);
        self.end.fetch_max(number + 1, Ordering::Relaxed);
    }

    /// Tries the places that may have this hash until `check` accepts one.
    fn find<T>(&self, hash: u64, check: &impl Fn(u64, usize) -> Option<T>) -> Option<T> {
        let mut at = self.start(hash);
        // It is half empty at least, so that this ends.
        loop {
            // Acquire: pairs with the writer's release.
            let cell = self.cells[at].load(Ordering::Acquire);
            if cell == EMPTY {
                return None;
            }
            if cell >> (ENTRY_BITS + PLACE_BITS) == Self::tag(hash) {
                let entry = cell >> PLACE_BITS & ((1 << ENTRY_BITS) - 1);
                let place = (cell & ((1 << PLACE_BITS) - 1)) as usize;
                if let Some(found) = check(self.first + entry, place) {
                    return Some(found);
                }
            }
            at = self.next(at);
        }
    }
}

/// The tables and their hash key.
pub(super) struct SignatureIndex {
    /// Oldest first.
    tables: RwLock<Arc<[Arc<Table>]>>,
    hasher: ahash::RandomState,
}

impl SignatureIndex {
    pub(super) fn new() -> Self {
        Self {
            tables: RwLock::new(Arc::new([])),
            hasher: ahash::RandomState::new(),
        }
    }

    /// Keyed, so that nobody can choose signatures that collide. A part of either half: one who owns several keys may
    /// give all their signatures the same first half.
    fn hash(&self, signature: &Signature) -> u64 {
        let (parts, _) = signature.as_array().as_chunks::<16>();
        let [nonce, scalar] = [0, 2].map(|part| u128::from_le_bytes(parts[part]));
        self.hasher.hash_one((nonce, scalar))
    }

    fn tables(&self) -> Arc<[Arc<Table>]> {
        self.tables
            .read()
            .expect("no holder of this lock panics")
            .clone()
    }

    fn set_tables(&self, tables: Arc<[Arc<Table>]>) {
        *self.tables.write().expect("no holder of this lock panics") = tables;
    }

    /// Adds the transactions of entry `number`, each with its place in the entry.
    pub(super) fn insert<'a>(
        &self,
        number: u64,
        signatures: impl Iterator<Item = (&'a Signature, usize)>,
    ) {
        let hashed = |(signature, place): (&Signature, usize)| {
            assert!(
                place < 1 << PLACE_BITS,
                "an entry has at most in_flight_max tasks"
            );
            (self.hash(signature), place)
        };
        let hashed: Vec<(u64, usize)> = signatures.map(hashed).collect();
        let count = hashed.len() as u64;
        let tables = self.tables();
        match tables.last().filter(|newest| newest.takes(number, count)) {
            Some(newest) => newest.insert(number, &hashed),
            None => {
                // Relaxed: this thread alone writes it.
                let used = |table: &Arc<Table>| table.used.load(Ordering::Relaxed);
                let remembered: u64 = tables.iter().map(used).sum();
                let room = (remembered / PARTS).max(ROOM_MIN).max(count);
                let newest = Table::new(number, room);
                newest.insert(number, &hashed);
                let all = tables.iter().cloned().chain([Arc::new(newest)]);
                self.set_tables(all.collect());
            }
        }
    }

    /// Entries before number `first` are forgotten.
    pub(super) fn forget_before(&self, first: u64) {
        let tables = self.tables();
        // Relaxed: this thread alone writes it.
        let kept = |table: &&Arc<Table>| table.end.load(Ordering::Relaxed) > first;
        if tables.iter().all(|table| kept(&table)) {
            return;
        }
        self.set_tables(tables.iter().filter(kept).cloned().collect());
    }

    /// Tries the places that may hold `signature`, newest table first, until `check` accepts one.
    pub(super) fn find<T>(
        &self,
        signature: &Signature,
        check: impl Fn(u64, usize) -> Option<T>,
    ) -> Option<T> {
        let hash = self.hash(signature);
        let tables = self.tables();
        tables
            .iter()
            .rev()
            .find_map(|table| table.find(hash, &check))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(n: u64) -> Signature {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Signature::from(bytes)
    }

    #[test]
    fn what_was_inserted_is_found_and_what_was_forgotten_takes_no_room() {
        const ENTRIES: u64 = 4_000;
        const REMEMBERED: u64 = 500;
        let index = SignatureIndex::new();
        let all: Vec<Signature> = (0..100 * ENTRIES).map(signature).collect();
        for (number, entry) in all.chunks(100).enumerate() {
            index.insert(number as u64, entry.iter().zip(0..));
            index.forget_before((number as u64 + 1).saturating_sub(REMEMBERED));
        }
        let first = ENTRIES - REMEMBERED;
        for (n, signature) in all.iter().enumerate() {
            let place = (n as u64 / 100, n % 100);
            let check = |number, at| (number >= first && (number, at) == place).then_some(());
            let found = index.find(signature, check);
            assert_eq!(found.is_some(), place.0 >= first, "signature {n}");
        }
        let tables = index.tables();
        assert!(tables.len() <= 8, "there are {} tables", tables.len());
        let cells: usize = tables.iter().map(|table| table.cells.len()).sum();
        let live = 100 * REMEMBERED as usize;
        assert!(cells <= 8 * live, "{cells} cells for {live} transactions");
    }

    /// Else whoever makes many of them makes every search long: one key after the other, the same secret number.
    #[test]
    fn signatures_that_share_a_half_lie_apart() {
        const COUNT: u64 = 10_000;
        for half in [0, 32] {
            let index = SignatureIndex::new();
            let all: Vec<Signature> = (0..COUNT)
                .map(|n| {
                    let mut bytes = [7; 64];
                    bytes[half..half + 8].copy_from_slice(&n.to_le_bytes());
                    Signature::from(bytes)
                })
                .collect();
            index.insert(0, all.iter().zip(0..));
            let mut longest = 0;
            for signature in &all {
                let tried = std::cell::Cell::new(0);
                let check = |_, place| {
                    tried.set(tried.get() + 1);
                    (all[place] == *signature).then_some(())
                };
                assert!(index.find(signature, check).is_some());
                longest = longest.max(tried.get());
            }
            // A tag has 20 bits, and a few are looked at.
            assert!(longest <= 3, "{longest} transactions were looked at");
        }
    }

    #[test]
    fn an_entry_of_a_number_that_was_gone_back_behind_is_found() {
        let index = SignatureIndex::new();
        let all: Vec<Signature> = (0..60).map(signature).collect();
        for number in 5..20 {
            index.insert(number, [(&all[number as usize], 0)].into_iter());
        }
        // Back behind the first of all that is in the table, and the same numbers again.
        for number in 3..20 {
            index.insert(number, [(&all[40 + number as usize], 0)].into_iter());
        }
        index.forget_before(5);
        for number in 5..20 {
            let check = |found, place| (found == number && place == 0).then_some(());
            let again = &all[40 + number as usize];
            assert_eq!(index.find(again, check), Some(()), "entry {number}");
        }
        index.forget_before(20);
        assert!(index.tables().is_empty(), "all are forgotten");
    }
}
