//! Signature to place in the history: an open-addressing table with one writer and many readers.
//!
//! A cell is a tag (hash of the signature, never 0) and a place. Only the publisher writes; a reader that
//! meets a cell in change reads a place whose transaction does not carry the signature, and goes on.
//! Growing builds a larger table beside the old one and swaps.

use crate::sync::{Arc, AtomicU64, Ordering, RwLock};
use solana_signature::Signature;

/// Tasks of one entry that a place can name.
const PLACE_BITS: u32 = 24;
/// Insertions this far ahead are being loaded.
const PREFETCH_AHEAD: usize = 16;
const EMPTY: u64 = 0;
const REMOVED: u64 = 1;

struct Cell {
    tag: AtomicU64,
    place: AtomicU64,
}

struct Table {
    cells: Box<[Cell]>,
}

impl Table {
    fn new(cells: usize) -> Self {
        let empty = || Cell {
            tag: AtomicU64::new(EMPTY),
            place: AtomicU64::new(0),
        };
        Self {
            cells: std::iter::repeat_with(empty).take(cells).collect(),
        }
    }

    fn start(&self, tag: u64) -> usize {
        (tag >> 8) as usize & (self.cells.len() - 1)
    }

    fn prefetch(&self, tag: u64) {
        crate::prefetch::prefetch(&self.cells[self.start(tag)]);
    }

    fn insert(&self, tag: u64, place: u64) {
        let mut at = self.start(tag);
        // Relaxed: this thread alone writes tags.
        while self.cells[at].tag.load(Ordering::Relaxed) > REMOVED {
            at = (at + 1) & (self.cells.len() - 1);
        }
        // Release, place before tag: a reader that sees the tag sees the place.
        self.cells[at].place.store(place, Ordering::Release);
        self.cells[at].tag.store(tag, Ordering::Release);
    }
}

/// The table, its hash key and its fill.
pub(super) struct SignatureIndex {
    table: RwLock<Arc<Table>>,
    hasher: ahash::RandomState,
    /// Cells not empty, live and removed. The writer alone uses it.
    used: AtomicU64,
    live: AtomicU64,
}

impl SignatureIndex {
    pub(super) fn new() -> Self {
        Self {
            table: RwLock::new(Arc::new(Table::new(1 << 12))),
            hasher: ahash::RandomState::new(),
            used: AtomicU64::new(0),
            live: AtomicU64::new(0),
        }
    }

    /// Keyed, so that nobody can choose signatures that collide.
    fn tag(&self, signature: &Signature) -> u64 {
        let bytes: &[u8; 64] = signature.as_array();
        let half = u128::from_le_bytes(bytes[..16].try_into().expect("sixteen of 64 bytes"));
        self.hasher.hash_one(half).max(REMOVED + 1)
    }

    fn table(&self) -> Arc<Table> {
        self.table
            .read()
            .expect("no holder of this lock panics")
            .clone()
    }

    /// Adds the transactions of entry `number`, each with its place in the entry.
    pub(super) fn insert<'a>(
        &self,
        number: u64,
        signatures: impl Iterator<Item = (&'a Signature, usize)>,
    ) {
        let tagged = |(signature, place): (&Signature, usize)| {
            assert!(
                place < 1 << PLACE_BITS,
                "an entry has at most in_flight_max tasks"
            );
            (self.tag(signature), number << PLACE_BITS | place as u64)
        };
        let tagged: Vec<(u64, u64)> = signatures.map(tagged).collect();
        let count = tagged.len() as u64;
        self.reserve(count);
        let table = self.table();
        for (i, (tag, place)) in tagged.iter().enumerate() {
            if let Some((ahead, _)) = tagged.get(i + PREFETCH_AHEAD) {
                table.prefetch(*ahead);
            }
            table.insert(*tag, *place);
        }
        // Relaxed: the writer alone uses these.
        self.used.fetch_add(count, Ordering::Relaxed);
        self.live.fetch_add(count, Ordering::Relaxed);
    }

    /// Forgets the transactions of entry `number`.
    pub(super) fn remove<'a>(
        &self,
        number: u64,
        signatures: impl Iterator<Item = (&'a Signature, usize)>,
    ) {
        let table = self.table();
        for (signature, place) in signatures {
            let tag = self.tag(signature);
            let wanted = number << PLACE_BITS | place as u64;
            let mut at = table.start(tag);
            loop {
                let cell = &table.cells[at];
                let found = cell.tag.load(Ordering::Relaxed);
                assert!(found != EMPTY, "a remembered transaction is in the index");
                if found == tag && cell.place.load(Ordering::Relaxed) == wanted {
                    cell.tag.store(REMOVED, Ordering::Release);
                    self.live.fetch_sub(1, Ordering::Relaxed);
                    break;
                }
                at = (at + 1) & (table.cells.len() - 1);
            }
        }
    }

    /// Makes room: a new table, twice what is live, without what was removed.
    fn reserve(&self, more: u64) {
        let old = self.table();
        if (self.used.load(Ordering::Relaxed) + more) * 2 <= old.cells.len() as u64 {
            return;
        }
        let live = self.live.load(Ordering::Relaxed);
        let table = Table::new(((live + more) as usize * 4).next_power_of_two());
        for cell in &old.cells {
            let tag = cell.tag.load(Ordering::Relaxed);
            if tag > REMOVED {
                table.insert(tag, cell.place.load(Ordering::Relaxed));
            }
        }
        self.used.store(live, Ordering::Relaxed);
        *self.table.write().expect("no holder of this lock panics") = Arc::new(table);
    }

    /// Tries the places that may hold `signature`, newest table first, until `check` accepts one.
    pub(super) fn find<T>(
        &self,
        signature: &Signature,
        check: impl Fn(u64, usize) -> Option<T>,
    ) -> Option<T> {
        let table = self.table();
        let tag = self.tag(signature);
        let mut at = table.start(tag);
        for _ in 0..table.cells.len() {
            let cell = &table.cells[at];
            // Acquire: pairs with the writer's release, so the place is at least as new as the tag.
            match cell.tag.load(Ordering::Acquire) {
                EMPTY => return None,
                found if found == tag => {
                    let place = cell.place.load(Ordering::Acquire);
                    let entry_place = (place & ((1 << PLACE_BITS) - 1)) as usize;
                    if let Some(found) = check(place >> PLACE_BITS, entry_place) {
                        return Some(found);
                    }
                }
                _ => {}
            }
            at = (at + 1) & (table.cells.len() - 1);
        }
        None
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
    fn what_was_inserted_is_found_and_what_was_removed_is_not() {
        let index = SignatureIndex::new();
        let all: Vec<Signature> = (0..20_000).map(signature).collect();
        for (number, entry) in all.chunks(100).enumerate() {
            index.insert(number as u64, entry.iter().zip(0..));
            if number >= 50 {
                let gone = number - 50;
                let entry = &all[gone * 100..gone * 100 + 100];
                index.remove(gone as u64, entry.iter().zip(0..));
            }
        }
        for (n, signature) in all.iter().enumerate() {
            let found = index.find(signature, |number, place| Some((number, place)));
            let expected = (n >= 15_000).then_some((n as u64 / 100, n % 100));
            assert_eq!(found, expected, "signature {n}");
        }
        assert!(
            index.table().cells.len() <= 1 << 16,
            "removed cells are reused"
        );
    }
}
