//! An entry as it is remembered: what readers find transactions in, and what the log and the headers are made of.

use crate::prefetch::{prefetch, prefetch_bytes, prefetch_whole};
use crate::slot;
use crate::sync::Arc;
use crate::task::{CompletedBatch, CompletedEntry, OrderedEntry, Outcome, Work};
use crate::{SlotContext, TransactionRecord, VerifiedTransaction};
use sealane_sdk::light::{ExecutedTransaction, TransactionLeaf};
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use solana_signature::Signature;

/// What is read of transactions this far ahead is being loaded.
const PREFETCH_AHEAD: usize = 8;

/// A task as it is remembered.
pub(crate) struct PastTask {
    pub(crate) work: Work,
    /// Batch whose records hold its record.
    pub(super) batch: u32,
    /// Its place in the block; `u32::MAX` for what has none.
    pub(super) index: u32,
    pub(crate) outcome: Outcome,
}

/// An entry as it is remembered: its tasks in serial order.
pub(crate) struct PastEntry {
    pub(super) slot: u64,
    /// Unix time of the slot, in seconds.
    pub(super) block_time: i64,
    /// What its transactions saw, where the serial order is recorded: it is large, and many entries
    /// outlive their slot.
    pub(crate) context: Option<Arc<SlotContext>>,
    pub(crate) tasks: Vec<PastTask>,
    pub(super) records: Vec<Box<[u8]>>,
    /// What it takes in memory, about.
    pub(super) bytes: usize,
}

impl PastEntry {
    /// Puts the tasks of `batches` into serial order. `first_index` is the place in the block of the
    /// first that has one; also returns the number that have one.
    pub(super) fn new(
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
                if let Work::Transaction(transaction) = &task.work {
                    prefetch(&transaction.bytes);
                }
                let place = &mut tasks[(task.sequence - first_sequence) as usize];
                let other = place.replace(PastTask {
                    work: task.work,
                    batch: batch as u32,
                    index: u32::MAX,
                    outcome,
                });
                assert!(other.is_none(), "each place is taken once");
            }
            records.push(completed.records);
        }
        let complete = |task: Option<PastTask>| {
            task.expect("an entry is published when all its tasks are complete")
        };
        let mut tasks: Vec<PastTask> = tasks.into_iter().map(complete).collect();
        let mut index = first_index;
        for place in 0..tasks.len() {
            if let Some(PastTask { work, .. }) = tasks.get(place + PREFETCH_AHEAD)
                && let Work::Transaction(ahead) = work
            {
                // The tip is of the signatures.
                prefetch_whole(ahead.signature());
            }
            let task = &mut tasks[place];
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

    /// An entry of one transaction, as the log has it; `None` if `record` is no record of it.
    pub(super) fn of_one(
        slot: u64,
        block_time: i64,
        index: u32,
        transaction: Box<VerifiedTransaction>,
        record: &[u8],
    ) -> Option<Self> {
        let keys: Vec<Pubkey> = (0..transaction.account_count())
            .map(|i| *transaction.key(i))
            .collect();
        // What another build wrote may not be readable, and readers decode without asking.
        let failed = TransactionRecord::try_decode(record, &keys)?
            .status
            .is_err();
        let outcome = Outcome::Charged {
            start: 0,
            end: record.len() as u32,
            failed,
        };
        let task = PastTask {
            work: Work::Transaction(transaction),
            batch: 0,
            index,
            outcome,
        };
        Some(Self {
            slot,
            block_time,
            context: None,
            tasks: vec![task],
            records: vec![record.into()],
            bytes: 0,
        })
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

    /// The accounts that were set, and what to: also those that were that already, of which no version was made.
    pub(crate) fn accounts_set(&self) -> impl Iterator<Item = (Pubkey, AccountState)> {
        self.tasks
            .iter()
            .filter_map(|task| match (&task.work, &task.outcome) {
                (Work::SetAccount(change), Outcome::Set(set)) => {
                    Some((change.key, set.state.clone()))
                }
                _ => None,
            })
    }

    /// The first signatures of the charged transactions, in order.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = &Signature> {
        let places = 0..self.tasks.len();
        places.filter_map(|place| Some(self.transaction(place)?.signature()))
    }

    /// The charged transactions, as their slot's tree has them.
    pub(crate) fn executed(&self) -> impl Iterator<Item = ExecutedTransaction<'_>> {
        let places = 0..self.tasks.len();
        let places = places.inspect(|place| {
            if let Some(ahead) = self.executed_at(place + PREFETCH_AHEAD) {
                prefetch_whole(ahead.signature);
                prefetch_bytes(ahead.record);
            }
        });
        places.filter_map(|place| self.executed_at(place))
    }

    fn executed_at(&self, place: usize) -> Option<ExecutedTransaction<'_>> {
        let transaction = self.transaction(place)?;
        let task = &self.tasks[place];
        Some(ExecutedTransaction {
            signature: transaction.signature(),
            index: task.index.into(),
            failed: matches!(task.outcome, Outcome::Charged { failed: true, .. }),
            record: self.record_bytes(place),
        })
    }

    /// The charged transaction at `place`, as a leaf of its slot's tree.
    pub(crate) fn leaf(&self, place: usize) -> Option<TransactionLeaf> {
        let ExecutedTransaction {
            signature,
            index,
            failed,
            record,
        } = self.executed_at(place)?;
        Some(TransactionLeaf::new(*signature, index, failed, record))
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

    /// What comes next is in `slot`, which has nothing in it.
    pub(crate) fn revert(&mut self, slot: u64, tip: Hash) {
        (self.slot, self.next_index, self.tip) = (slot, 0, tip);
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
