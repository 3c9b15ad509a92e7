//! What of the history is in memory: the newest entries and slots.
//!
//! Written by the publisher alone, an entry or a sealed slot at a time; read by anyone. Bounded in bytes and
//! in slots: the oldest go first, and where there is an archive, none before the archive has it. By signature
//! there is an index that the publisher keeps; by slot, entries lie in order; by address, whoever asks first
//! makes the index (`address_index`).

use super::address_index::{AddressIndex, Place};
use super::kept::{Kept, PastSlot};
use super::published::BlockContents;
use super::signature_index::SignatureIndex;
use super::{NoBlock, PastEntry, PublishedBlock, PublishedTransaction};
use crate::SlotContext;
use crate::slot::IdleSlots;
use crate::start::ChainStart;
use crate::sync::{Arc, AtomicU64, Ordering, RwLock};
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use solana_signature::Signature;
use std::collections::VecDeque;

/// The finished transactions and sealed slots that are still remembered.
pub(super) struct Recent {
    kept: RwLock<Kept>,
    index: SignatureIndex,
    addresses: AddressIndex,
    bytes_max: usize,
    slots_max: usize,
    /// Entries before this number, and slots before this one, may be forgotten.
    entries_archived: AtomicU64,
    slots_archived: AtomicU64,
}

impl Recent {
    /// Begins with the open slot of `start`, or behind its checkpoint. `waits`: nothing may be forgotten before it is archived.
    pub(super) fn new(bytes_max: usize, slots_max: usize, start: &ChainStart, waits: bool) -> Self {
        let first = &start.context;
        let archived = if waits { 0 } else { u64::MAX };
        let open = PastSlot {
            slot: first.slot,
            block_time: first.sysvars.clock.unix_timestamp,
            previous_blockhash: first.blockhash(),
            blockhash: Hash::default(),
            first_entry: 0,
            idle: None,
        };
        let kept = Kept {
            entries: VecDeque::new(),
            first: 0,
            bytes: 0,
            slots: VecDeque::new(),
            first_available: start.first_slot(),
            genesis_hash: start.genesis_hash,
            open,
        };
        Self {
            kept: RwLock::new(kept),
            index: SignatureIndex::new(),
            addresses: AddressIndex::new(),
            bytes_max,
            slots_max,
            entries_archived: AtomicU64::new(archived),
            slots_archived: AtomicU64::new(archived),
        }
    }

    /// Entries before this number, and slots before this one, are in the archive.
    pub(super) fn archived_until(&self, entry: u64, slot: u64) {
        // Release: the archive has them before they are forgotten.
        self.entries_archived.store(entry, Ordering::Release);
        self.slots_archived.store(slot, Ordering::Release);
    }

    /// Remembers an entry; its number. The publisher alone calls this.
    pub(super) fn append(&self, entry: Arc<PastEntry>) -> u64 {
        let (number, forgotten) = {
            let mut kept = self.kept.write().expect("no holder of this lock panics");
            assert_eq!(entry.slot, kept.open.slot, "an entry is of the open slot");
            kept.bytes += entry.bytes;
            let forgotten = self.make_room(&mut kept);
            kept.entries.push_back(entry.clone());
            (kept.next_entry() - 1, forgotten)
        };
        let signatures = (0..entry.tasks.len())
            .filter_map(|place| Some((entry.transaction(place)?.signature(), place)));
        self.index.insert(number, signatures);
        self.forget(forgotten);
        number
    }

    /// Seals the open slot, whose last entry was appended, and opens the next. The publisher alone calls
    /// this.
    pub(super) fn open_slot(&self, next: &SlotContext, passed: Option<(&IdleSlots, &Hash)>) {
        let forgotten = {
            let mut kept = self.kept.write().expect("no holder of this lock panics");
            let open = PastSlot {
                slot: next.slot,
                block_time: next.sysvars.clock.unix_timestamp,
                previous_blockhash: next.blockhash(),
                blockhash: Hash::default(),
                first_entry: kept.next_entry(),
                idle: None,
            };
            let sealed = std::mem::replace(&mut kept.open, open);
            match passed {
                Some((passed, tip)) => kept.seal_before(sealed, passed, tip),
                None => kept.seal(sealed, next),
            }
            self.make_room(&mut kept)
        };
        self.forget(forgotten);
    }

    /// Number of the next entry.
    pub(super) fn next_entry(&self) -> u64 {
        let kept = self.kept.read().expect("no holder of this lock panics");
        kept.next_entry()
    }

    /// Entries that are not in the archive yet; none where there is none.
    pub(super) fn unarchived_entries(&self) -> u64 {
        // Acquire: as those who forget.
        let archived = self.entries_archived.load(Ordering::Acquire);
        self.next_entry().saturating_sub(archived)
    }

    /// Goes back to the beginning of the slot `open`, whose first entry has this number. The publisher alone calls
    /// this.
    pub(super) fn go_back(&self, next_entry: u64, open: &SlotContext) {
        let gone = {
            let mut kept = self.kept.write().expect("no holder of this lock panics");
            kept.go_back(next_entry, open)
        };
        self.addresses.go_back(next_entry);
        self.forget(gone);
        // What is archived of that has been gone back behind too.
        let lower = |archived: &AtomicU64, to: u64| {
            let before = archived.load(Ordering::Acquire);
            if before != u64::MAX {
                archived.store(before.min(to), Ordering::Release);
            }
        };
        lower(&self.entries_archived, next_entry);
        lower(&self.slots_archived, open.slot);
    }

    /// Takes out what is too much.
    fn make_room(&self, kept: &mut Kept) -> Vec<Arc<PastEntry>> {
        let mut forgotten = Vec::new();
        // Acquire: pairs with the release of `archived_until`.
        let entry_end = self.entries_archived.load(Ordering::Acquire);
        let slot_end = self.slots_archived.load(Ordering::Acquire);
        while kept.may_forget(entry_end, slot_end)
            && (kept.bytes > self.bytes_max || kept.slots.len() > self.slots_max)
        {
            forgotten.extend(kept.forget_oldest());
        }
        forgotten
    }

    /// Entries were taken out, which are freed here: outside the lock.
    fn forget(&self, entries: Vec<Arc<PastEntry>>) {
        if !entries.is_empty() {
            let kept = self.kept.read().expect("no holder of this lock panics");
            let first = kept.first;
            drop(kept);
            self.index.forget_before(first);
        }
    }

    /// The published transaction with this first signature.
    pub(super) fn find(&self, signature: &Signature) -> Option<PublishedTransaction> {
        self.find_place(signature).map(|(_, found)| found)
    }

    pub(super) fn find_place(
        &self,
        signature: &Signature,
    ) -> Option<(Place, PublishedTransaction)> {
        self.index.find(signature, |number, place| {
            let place = Place::new(number, place);
            let found = self.at(place)?;
            (found.transaction().signature() == signature).then_some((place, found))
        })
    }

    fn at(&self, place: Place) -> Option<PublishedTransaction> {
        let kept = self.kept.read().expect("no holder of this lock panics");
        PublishedTransaction::new(kept.get(place.number())?.clone(), place.in_entry())
    }

    /// The block of a sealed slot.
    pub(super) fn block(&self, slot: u64) -> Result<PublishedBlock, NoBlock> {
        let kept = self.kept.read().expect("no holder of this lock panics");
        let (found, end) = kept.slot(slot)?;
        let numbers = found.first_entry..end;
        Ok(PublishedBlock {
            slot,
            block_time: found.block_time,
            blockhash: found.blockhash,
            previous_blockhash: found.previous_blockhash,
            contents: BlockContents::Recent(
                numbers
                    .filter_map(|number| kept.get(number).cloned())
                    .collect(),
            ),
        })
    }

    /// Unix time of a sealed slot, in seconds.
    pub(super) fn block_time(&self, slot: u64) -> Result<i64, NoBlock> {
        let kept = self.kept.read().expect("no holder of this lock panics");
        kept.slot(slot).map(|(found, _)| found.block_time)
    }

    /// The first `limit` sealed slots from `first` to `last`.
    pub(super) fn blocks(&self, first: u64, last: u64, limit: usize) -> Vec<u64> {
        let kept = self.kept.read().expect("no holder of this lock panics");
        let from = kept
            .slots
            .partition_point(|past| past.last() < first.max(kept.first_available));
        let rows = kept.slots.range(from..);
        let slots = rows.flat_map(|past| past.slot.max(first)..=past.last());
        slots.take_while(|slot| *slot <= last).take(limit).collect()
    }

    /// First slot of which everything is kept; the open one, if no sealed one is.
    pub(super) fn first_available_block(&self) -> u64 {
        let kept = self.kept.read().expect("no holder of this lock panics");
        kept.first_available
    }

    /// Calls `take` with the transactions that name `address`, newest first, from before the place `before`,
    /// as long as it says to go on.
    pub(super) fn each_of(
        &self,
        address: &Pubkey,
        before: Option<Place>,
        mut take: impl FnMut(PublishedTransaction) -> bool,
    ) {
        self.addresses.each(&self.kept, address, before, |place| {
            match self.at(place) {
                // Two addresses may have one hash.
                Some(found) => !found.names(address) || take(found),
                // It was forgotten, and so is what is older.
                None => false,
            }
        });
    }

    #[cfg(test)]
    pub(super) fn address_index_size(&self) -> (usize, usize) {
        self.addresses.size()
    }
}
