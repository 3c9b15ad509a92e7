//! Address to places in the history: what a transaction names, newest first.
//!
//! Made by those who ask, when they ask: nothing of it is on the way of a transaction, and a node that nobody
//! asks has none of it. Sorted runs of (hash of the address, place), in the order of the entries they cover;
//! a question first adds a run of what is not covered yet, and runs of like size are merged, so that there
//! are few. The first question after a long time pays for what came meanwhile, about a second for four
//! million transactions. Runs of forgotten entries alone go; of the others, what is forgotten finds nothing.
//! It takes 16 bytes for each address that a kept transaction names.

use super::PastEntry;
use super::kept::Kept;
use crate::sync::{Arc, Mutex, RwLock};
use sealane_sdk::Pubkey;

/// Entries that are taken out of the history at a time, while its lock is held.
const ENTRIES_AT_A_TIME: usize = 1_024;

/// Items of a run that is not merged further: what goes when its entries are forgotten goes in such parts.
const RUN_ITEMS_MAX: usize = 1 << 20;

/// Where a transaction lies: the number of its entry and its place therein, in one word that orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

impl Place {
    const IN_ENTRY_BITS: u32 = 24;

    pub(super) fn new(number: u64, place: usize) -> Self {
        Self(number << Self::IN_ENTRY_BITS | place as u64)
    }

    pub(super) fn number(self) -> u64 {
        self.0 >> Self::IN_ENTRY_BITS
    }

    pub(super) fn in_entry(self) -> usize {
        (self.0 & ((1 << Self::IN_ENTRY_BITS) - 1)) as usize
    }
}

/// Entries up to `last` and after those of the run before: (hash, place), sorted.
struct Run {
    last: u64,
    items: Vec<(u64, Place)>,
}

#[derive(Default)]
struct Runs {
    runs: Vec<Arc<Run>>,
    /// Number of the first entry that no run covers.
    next: u64,
}

/// The runs and their hash key.
pub(super) struct AddressIndex {
    runs: Mutex<Runs>,
    hasher: ahash::RandomState,
}

impl AddressIndex {
    pub(super) fn new() -> Self {
        Self {
            runs: Mutex::new(Runs::default()),
            hasher: ahash::RandomState::new(),
        }
    }

    /// Calls `take` with the places that may name `address`, newest first, those before `before`, as long as it
    /// says to go on.
    pub(super) fn each(
        &self,
        kept: &RwLock<Kept>,
        address: &Pubkey,
        before: Option<Place>,
        mut take: impl FnMut(Place) -> bool,
    ) {
        let hash = self.hasher.hash_one(address);
        for run in self.caught_up(kept).iter().rev() {
            let start = run.items.partition_point(|item| item.0 < hash);
            let length = run.items[start..].partition_point(|item| {
                item.0 == hash && before.is_none_or(|before| item.1 < before)
            });
            for &(_, place) in run.items[start..start + length].iter().rev() {
                if !take(place) {
                    return;
                }
            }
        }
    }

    /// Entries from this number on are not any more.
    pub(super) fn go_back(&self, next_entry: u64) {
        let mut runs = self.runs.lock().expect("no holder of this lock panics");
        runs.next = runs.next.min(next_entry);
        for run in &mut runs.runs {
            if run.last >= next_entry {
                let left = run.items.iter().filter(|item| item.1.number() < next_entry);
                *run = Arc::new(Run {
                    last: next_entry.saturating_sub(1),
                    items: left.copied().collect(),
                });
            }
        }
        runs.runs.retain(|run| !run.items.is_empty());
    }

    /// The runs, once they cover what is kept now.
    fn caught_up(&self, kept: &RwLock<Kept>) -> Vec<Arc<Run>> {
        let mut runs = self.runs.lock().expect("no holder of this lock panics");
        loop {
            let (oldest_kept, first, entries) = {
                let kept = kept.read().expect("no holder of this lock panics");
                let first = runs.next.max(kept.first);
                let skipped = (first - kept.first) as usize;
                let entries = kept.entries.iter().skip(skipped).take(ENTRIES_AT_A_TIME);
                runs.runs.retain(|run| run.last >= kept.first);
                (kept.first, first, entries.cloned().collect::<Vec<_>>())
            };
            runs.next = first + entries.len() as u64;
            if entries.is_empty() {
                return runs.runs.clone();
            }
            let mut items = Vec::new();
            for (number, entry) in (first..).zip(&entries) {
                self.collect(number, entry, &mut items);
            }
            items.sort_unstable();
            let last = runs.next - 1;
            runs.push(Run { last, items }, Place::new(oldest_kept, 0));
        }
    }

    fn collect(&self, number: u64, entry: &PastEntry, items: &mut Vec<(u64, Place)>) {
        for place in 0..entry.tasks.len() {
            let Some(transaction) = entry.transaction(place) else {
                continue;
            };
            let place = Place::new(number, place);
            let (own, loaded) = transaction.keys();
            let hashes = own
                .iter()
                .chain(loaded)
                .map(|key| self.hasher.hash_one(key));
            items.extend(hashes.map(|hash| (hash, place)));
        }
    }
}

impl Runs {
    /// Adds a run, merged with those before it that are not much larger. Of those, what is before
    /// `oldest_kept` is left out.
    fn push(&mut self, run: Run, oldest_kept: Place) {
        let mut run = Arc::new(run);
        while let Some(older) = self.runs.last() {
            let length = older.items.len() + run.items.len();
            if older.items.len() > 2 * run.items.len() || length > RUN_ITEMS_MAX {
                break;
            }
            let mut items = Vec::with_capacity(length);
            let kept = older.items.iter().filter(|item| item.1 >= oldest_kept);
            items.extend(kept.copied());
            items.extend_from_slice(&run.items);
            // The stable sort finds the two runs and merges them.
            items.sort();
            let last = run.last;
            run = Arc::new(Run { last, items });
            self.runs.pop();
        }
        self.runs.push(run);
    }
}

#[cfg(test)]
impl AddressIndex {
    /// Its runs and their items.
    pub(super) fn size(&self) -> (usize, usize) {
        let runs = self.runs.lock().expect("no holder of this lock panics");
        let items = runs.runs.iter().map(|run| run.items.len()).sum();
        (runs.runs.len(), items)
    }
}
