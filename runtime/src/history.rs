//! Finished transactions and sealed slots: what getTransaction, getSignatureStatuses, getBlock and
//! getSignaturesForAddress read.
//!
//! Written by the publisher alone, an entry or a sealed slot at a time; read by anyone. Bounded in bytes and
//! in slots: the oldest go first. By signature there is an index that the publisher keeps; by slot, entries
//! lie in order; by address, whoever asks first makes the index (`address_index`).

mod address_index;
mod published;
mod signature_index;

pub use published::{NoBlock, PublishedBlock, PublishedTransaction, SignatureStatus};

use crate::slot;
use crate::sync::{Arc, RwLock};
use crate::task::{CompletedBatch, CompletedEntry, OrderedEntry, Outcome, Work};
use crate::{Limits, SlotContext, VerifiedTransaction};
use address_index::{AddressIndex, Place};
use sealane_sdk::Pubkey;
use sealane_sdk::light::TransactionLeaf;
use signature_index::SignatureIndex;
use solana_hash::Hash;
use solana_signature::Signature;
use std::collections::VecDeque;

/// A task as it is remembered.
pub(crate) struct PastTask {
    pub(crate) work: Work,
    /// Batch whose records hold its record.
    batch: u32,
    /// Its place in the block; `u32::MAX` for what has none.
    index: u32,
    pub(crate) outcome: Outcome,
}

/// An entry as it is remembered: its tasks in serial order.
pub(crate) struct PastEntry {
    slot: u64,
    /// Unix time of the slot, in seconds.
    block_time: i64,
    /// What its transactions saw, where the serial order is recorded: it is large, and many entries
    /// outlive their slot.
    pub(crate) context: Option<Arc<SlotContext>>,
    pub(crate) tasks: Vec<PastTask>,
    records: Vec<Box<[u8]>>,
    bytes: usize,
}

impl PastEntry {
    /// Puts the tasks of `batches` into serial order. `first_index` is the place in the block of the
    /// first that has one; also returns the number that have one.
    fn new(
        slot: Arc<SlotContext>,
        keep_context: bool,
        first_sequence: u64,
        task_count: usize,
        first_index: u32,
        batches: Vec<CompletedBatch>,
    ) -> (Self, u32) {
        let mut records = Vec::with_capacity(batches.len());
        // By their places in the serial order, each of which is taken once.
        let mut tasks: Vec<Option<PastTask>> = (0..task_count).map(|_| None).collect();
        let mut bytes = 0;
        for (batch, completed) in batches.into_iter().enumerate() {
            bytes += completed.records.len();
            for (task, outcome) in completed.tasks.into_iter().zip(completed.outcomes) {
                tasks[(task.sequence - first_sequence) as usize] = Some(PastTask {
                    work: task.work,
                    batch: batch as u32,
                    index: u32::MAX,
                    outcome,
                });
            }
            records.push(completed.records);
        }
        let complete = |task: Option<PastTask>| {
            task.expect("an entry is published when all its tasks are complete")
        };
        let mut tasks: Vec<PastTask> = tasks.into_iter().map(complete).collect();
        let mut index = first_index;
        for task in &mut tasks {
            if let Work::Transaction(transaction) = &task.work {
                bytes += transaction.bytes().len() + size_of::<VerifiedTransaction>();
            }
            if matches!(task.outcome, Outcome::Charged { .. }) {
                task.index = index;
                index += 1;
            }
        }
        bytes += tasks.capacity() * size_of::<PastTask>();
        (
            Self {
                slot: slot.slot,
                block_time: slot.sysvars.clock.unix_timestamp,
                context: keep_context.then_some(slot),
                tasks,
                records,
                bytes,
            },
            index - first_index,
        )
    }

    /// Its slot.
    pub(crate) fn slot(&self) -> u64 {
        self.slot
    }

    /// The charged transaction at `place`.
    pub(crate) fn transaction(&self, place: usize) -> Option<&VerifiedTransaction> {
        let task = self.tasks.get(place)?;
        match (&task.work, &task.outcome) {
            (Work::Transaction(transaction), Outcome::Charged { .. }) => Some(transaction),
            _ => None,
        }
    }

    /// The first signatures of the charged transactions, in order.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = &Signature> {
        let places = 0..self.tasks.len();
        places.filter_map(|place| Some(self.transaction(place)?.signature()))
    }

    /// The charged transactions, as leaves of their slot's tree.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = TransactionLeaf> {
        (0..self.tasks.len()).filter_map(|place| self.leaf(place))
    }

    /// The charged transaction at `place`, as a leaf of its slot's tree.
    pub(crate) fn leaf(&self, place: usize) -> Option<TransactionLeaf> {
        let transaction = self.transaction(place)?;
        let task = &self.tasks[place];
        let failed = matches!(task.outcome, Outcome::Charged { failed: true, .. });
        let record = self.record_bytes(place);
        let (signature, index) = (*transaction.signature(), task.index.into());
        Some(TransactionLeaf::new(signature, index, failed, record))
    }

    /// The compact record of the charged transaction at `place`.
    pub(crate) fn record_bytes(&self, place: usize) -> &[u8] {
        let task = &self.tasks[place];
        match task.outcome {
            Outcome::Charged { start, end, .. } => {
                &self.records[task.batch as usize][start as usize..end as usize]
            }
            _ => &[],
        }
    }
}

/// Turns complete entries into the form in which they are remembered: knows the place in the block of the
/// next transaction, and the tip.
pub(crate) struct EntryOrder {
    slot: u64,
    /// Charged transactions of the slot so far.
    next_index: u32,
    tip: Hash,
    keep_contexts: bool,
}

impl EntryOrder {
    /// What comes next is in a slot after `slot`, or the first of it.
    pub(crate) fn new(slot: u64, tip: Hash, keep_contexts: bool) -> Self {
        Self {
            slot,
            next_index: 0,
            tip,
            keep_contexts,
        }
    }

    /// The chained hash of the entries so far.
    pub(crate) fn tip(&self) -> &Hash {
        &self.tip
    }

    /// The next entry.
    pub(crate) fn order(&mut self, mut completed: CompletedEntry) -> OrderedEntry {
        let slot = completed.slot.slot;
        if slot != self.slot {
            self.slot = slot;
            self.next_index = 0;
        }
        let batches = completed.batches.iter_mut();
        let writes = batches
            .map(|batch| std::mem::take(&mut batch.writes))
            .collect();
        let (past, charged) = PastEntry::new(
            completed.slot,
            self.keep_contexts,
            completed.first_sequence,
            completed.task_count,
            self.next_index,
            completed.batches,
        );
        self.next_index += charged;
        self.tip = slot::tip_after(&self.tip, past.signatures());
        let (record, expected) = match completed.expected {
            Some(expected) => (Some(expected.record), Some(expected.tasks)),
            None => (None, None),
        };
        OrderedEntry {
            entry: completed.entry,
            slot,
            past,
            charged,
            tip: self.tip,
            writes,
            record,
            expected,
        }
    }
}

/// The finished transactions and sealed slots that are still remembered.
pub(crate) struct History {
    kept: RwLock<Kept>,
    index: SignatureIndex,
    addresses: AddressIndex,
    bytes_max: usize,
    slots_max: usize,
}

/// A slot as it is remembered.
struct PastSlot {
    slot: u64,
    block_time: i64,
    previous_blockhash: Hash,
    blockhash: Hash,
    /// Number of its first entry, or of the one that follows.
    first_entry: u64,
}

struct Kept {
    entries: VecDeque<Arc<PastEntry>>,
    /// Number of the first kept entry, counted over the node's life.
    first: u64,
    bytes: usize,
    /// Sealed slots, one after the other.
    slots: VecDeque<PastSlot>,
    /// The slot that is not sealed yet; its blockhash is still to come.
    open: PastSlot,
    /// First slot of which everything is kept.
    first_available: u64,
    genesis_hash: Hash,
}

impl Kept {
    fn get(&self, number: u64) -> Option<&Arc<PastEntry>> {
        self.entries.get(number.checked_sub(self.first)? as usize)
    }

    fn next_entry(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The sealed slot, and the number of the first entry behind it.
    fn slot(&self, slot: u64) -> Result<(&PastSlot, u64), NoBlock> {
        if slot >= self.open.slot {
            return Err(NoBlock::NotYet);
        }
        let first_available = self.first_available;
        if slot < first_available {
            return Err(NoBlock::CleanedUp { first_available });
        }
        let at = self.slots.partition_point(|past| past.slot < slot);
        let found = self.slots.get(at).filter(|past| past.slot == slot);
        let next = self.slots.get(at + 1).unwrap_or(&self.open);
        Ok((found.ok_or(NoBlock::Skipped)?, next.first_entry))
    }

    /// Seals the slot that was open when `next` opens, and the idle ones between them.
    fn seal(&mut self, was_open: PastSlot, next: &SlotContext) {
        let (first, first_time) = (was_open.slot, was_open.block_time);
        let seconds = next.sysvars.clock.unix_timestamp - first_time;
        // The newest hash is the first; slots before the oldest of them are not known here.
        let (mut last, mut was_open) = (was_open.previous_blockhash, Some(was_open));
        for (blockhash, slot) in next.blockhashes.iter().rev() {
            let previous_blockhash = std::mem::replace(&mut last, *blockhash);
            // The genesis hash stands there as one of slot 0, before that of slot 0 itself.
            if *slot < first || (*slot == 0 && *blockhash == self.genesis_hash) {
                continue;
            }
            let idle = || PastSlot {
                slot: *slot,
                block_time: first_time
                    + seconds * (slot - first) as i64 / (next.slot - first) as i64,
                previous_blockhash,
                blockhash: *blockhash,
                first_entry: self.open.first_entry,
            };
            let known = was_open.take_if(|past| past.slot == *slot);
            let sealed = known.map_or_else(idle, |past| PastSlot {
                blockhash: *blockhash,
                ..past
            });
            self.slots.push_back(sealed);
            self.bytes += size_of::<PastSlot>();
        }
    }

    /// Forgets what is oldest, an entry or a slot without one. Returns the entry; `None` also where there is
    /// nothing left.
    fn forget_oldest(&mut self) -> Option<(u64, Arc<PastEntry>)> {
        let entry_slot = self.entries.front().map(|entry| entry.slot);
        if let Some(oldest) = self.slots.front()
            && entry_slot.is_none_or(|slot| slot > oldest.slot)
        {
            self.first_available = self.first_available.max(oldest.slot + 1);
            self.bytes -= size_of::<PastSlot>();
            self.slots.pop_front();
            return None;
        }
        let entry = self.entries.pop_front()?;
        self.first_available = self.first_available.max(entry.slot + 1);
        self.bytes -= entry.bytes;
        self.first += 1;
        Some((self.first - 1, entry))
    }
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
