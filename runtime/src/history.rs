//! Finished transactions and sealed slots: what getTransaction, getSignatureStatuses, getBlock and
//! getSignaturesForAddress read.
//!
//! Written by the publisher alone, an entry or a sealed slot at a time; read by anyone. Bounded in bytes and
//! in slots: the oldest go first. By signature there is an index that the publisher keeps; by slot, entries
//! lie in order; by address, whoever asks first makes the index (`address_index`).

mod address_index;
mod kept;
mod past_entry;
mod published;
mod signature_index;

pub(crate) use past_entry::{EntryOrder, PastEntry};
pub use published::{NoBlock, PublishedBlock, PublishedTransaction, SignatureStatus};

use crate::sync::{Arc, RwLock};
use crate::{Limits, SlotContext};
use address_index::{AddressIndex, Place};
use kept::{Kept, PastSlot};
use sealane_sdk::Pubkey;
use signature_index::SignatureIndex;
use solana_hash::Hash;
use solana_signature::Signature;
use std::collections::VecDeque;

/// The finished transactions and sealed slots that are still remembered.
pub(crate) struct History {
    kept: RwLock<Kept>,
    index: SignatureIndex,
    addresses: AddressIndex,
    bytes_max: usize,
    slots_max: usize,
}

impl History {
    /// Begins with the open slot `first`; everything is kept from slot `first_available` on.
    pub(crate) fn new(
        limits: &Limits,
        first: &SlotContext,
        first_available: u64,
        genesis_hash: Hash,
    ) -> Self {
        let open = PastSlot {
            slot: first.slot,
            block_time: first.sysvars.clock.unix_timestamp,
            previous_blockhash: first.blockhash(),
            blockhash: Hash::default(),
            first_entry: 0,
        };
        let kept = Kept {
            entries: VecDeque::new(),
            first: 0,
            bytes: 0,
            slots: VecDeque::new(),
            first_available,
            genesis_hash,
            open,
        };
        Self {
            kept: RwLock::new(kept),
            index: SignatureIndex::new(),
            addresses: AddressIndex::new(),
            bytes_max: limits.history_bytes_max,
            slots_max: limits.history_slots_max,
        }
    }

    /// Remembers an entry. The publisher alone calls this.
    pub(crate) fn append(&self, entry: Arc<PastEntry>) {
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
    }

    /// Seals the open slot, whose last entry was appended, and opens the next. The publisher alone calls
    /// this.
    pub(crate) fn open_slot(&self, next: &SlotContext) {
        let forgotten = {
            let mut kept = self.kept.write().expect("no holder of this lock panics");
            let open = PastSlot {
                slot: next.slot,
                block_time: next.sysvars.clock.unix_timestamp,
                previous_blockhash: next.blockhash(),
                blockhash: Hash::default(),
                first_entry: kept.next_entry(),
            };
            let sealed = std::mem::replace(&mut kept.open, open);
            kept.seal(sealed, next);
            self.make_room(&mut kept)
        };
        self.forget(forgotten);
    }

    /// Takes out what is too much.
    fn make_room(&self, kept: &mut Kept) -> Vec<(u64, Arc<PastEntry>)> {
        let mut forgotten = Vec::new();
        let is_empty = |kept: &Kept| kept.entries.is_empty() && kept.slots.is_empty();
        while !is_empty(kept) && (kept.bytes > self.bytes_max || kept.slots.len() > self.slots_max)
        {
            forgotten.extend(kept.forget_oldest());
        }
        forgotten
    }

    fn forget(&self, entries: Vec<(u64, Arc<PastEntry>)>) {
        for (number, entry) in entries {
            let places = 0..entry.tasks.len();
            let gone =
                places.filter_map(|place| Some((entry.transaction(place)?.signature(), place)));
            self.index.remove(number, gone);
        }
    }

    /// The published transaction with this first signature.
    pub(crate) fn find(&self, signature: &Signature) -> Option<PublishedTransaction> {
        self.find_place(signature).map(|(_, found)| found)
    }

    fn find_place(&self, signature: &Signature) -> Option<(Place, PublishedTransaction)> {
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
    pub(crate) fn block(&self, slot: u64) -> Result<PublishedBlock, NoBlock> {
        let kept = self.kept.read().expect("no holder of this lock panics");
        let (found, end) = kept.slot(slot)?;
        let numbers = found.first_entry..end;
        Ok(PublishedBlock {
            slot,
            block_time: found.block_time,
            blockhash: found.blockhash,
            previous_blockhash: found.previous_blockhash,
            entries: numbers
                .filter_map(|number| kept.get(number).cloned())
                .collect(),
        })
    }

    /// Unix time of a sealed slot, in seconds.
    pub(crate) fn block_time(&self, slot: u64) -> Result<i64, NoBlock> {
        let kept = self.kept.read().expect("no holder of this lock panics");
        kept.slot(slot).map(|(found, _)| found.block_time)
    }

    /// The first `limit` sealed slots from `first` to `last`.
    pub(crate) fn blocks(&self, first: u64, last: u64, limit: usize) -> Vec<u64> {
        let kept = self.kept.read().expect("no holder of this lock panics");
        let from = kept
            .slots
            .partition_point(|past| past.slot < first.max(kept.first_available));
        let slots = kept.slots.range(from..).map(|past| past.slot);
        slots.take_while(|slot| *slot <= last).take(limit).collect()
    }

    /// First slot of which everything is kept; the open one, if no sealed one is.
    pub(crate) fn first_available_block(&self) -> u64 {
        let kept = self.kept.read().expect("no holder of this lock panics");
        kept.first_available
    }

    /// Transactions that name `address`, newest first: at most `limit`, those older than `before` and newer
    /// than `until`. None if `before` is not known; all if `until` is not.
    pub(crate) fn transactions_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
        until: Option<&Signature>,
        limit: usize,
    ) -> Vec<PublishedTransaction> {
        let mut found = Vec::new();
        let place = |signature: &Signature| self.find_place(signature).map(|(place, _)| place);
        let before = before.map(place);
        if limit == 0 || before == Some(None) {
            return found;
        }
        let until = until.and_then(place);
        self.addresses
            .each(&self.kept, address, before.flatten(), until, |place| {
                // Two addresses may have one hash, and what is forgotten is not there.
                found.extend(self.at(place).filter(|found| found.names(address)));
                found.len() < limit
            });
        found
    }
}

#[cfg(test)]
mod tests;
