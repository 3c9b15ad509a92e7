//! Finished transactions, by signature: what getTransaction and getSignatureStatuses read.
//!
//! Written by the publisher alone, an entry at a time; read by anyone. Bounded in bytes: the oldest
//! entries go first.

mod signature_index;

use crate::sync::{Arc, RwLock};
use crate::task::{CompletedBatch, Outcome, Work};
use crate::{SlotContext, TransactionRecord, VerifiedTransaction};
use sealane_sdk::Pubkey;
use sealane_sdk::light::TransactionLeaf;
use signature_index::SignatureIndex;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
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
    pub(crate) fn new(
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

/// Where a published transaction stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureStatus {
    /// Its slot.
    pub slot: u64,
    /// Its result.
    pub status: Result<(), TransactionError>,
}

/// A published transaction, whole. Cheap to clone; the record is decoded when asked for.
#[derive(Clone)]
pub struct PublishedTransaction {
    entry: Arc<PastEntry>,
    place: u32,
}

impl PublishedTransaction {
    pub(crate) fn new(entry: Arc<PastEntry>, place: usize) -> Option<Self> {
        entry.transaction(place)?;
        Some(Self {
            entry,
            place: place as u32,
        })
    }

    /// Its slot.
    pub fn slot(&self) -> u64 {
        self.entry.slot
    }

    /// Its place in the block, from 0.
    pub fn index(&self) -> u32 {
        self.entry.tasks[self.place as usize].index
    }

    /// Unix time of the slot, in seconds.
    pub fn block_time(&self) -> i64 {
        self.entry.block_time
    }

    /// The transaction.
    pub fn transaction(&self) -> &VerifiedTransaction {
        self.entry
            .transaction(self.place as usize)
            .expect("`new` saw that it is one")
    }

    /// Its addresses, in message order, lookups included.
    pub fn keys(&self) -> Vec<Pubkey> {
        let transaction = self.transaction();
        (0..transaction.account_count())
            .map(|i| *transaction.key(i))
            .collect()
    }

    /// Whether it failed, without decoding the record.
    pub fn failed(&self) -> bool {
        let outcome = &self.entry.tasks[self.place as usize].outcome;
        matches!(outcome, Outcome::Charged { failed: true, .. })
    }

    /// It, as a leaf of its slot's tree.
    pub(crate) fn leaf(&self) -> TransactionLeaf {
        self.entry
            .leaf(self.place as usize)
            .expect("`new` saw that it is one")
    }

    /// What came of it, decoded now.
    pub fn record(&self) -> TransactionRecord {
        let bytes = self.entry.record_bytes(self.place as usize);
        TransactionRecord::decode(bytes, &self.keys())
    }
}

/// The finished transactions that are still remembered.
pub(crate) struct History {
    kept: RwLock<Kept>,
    index: SignatureIndex,
    bytes_max: usize,
}

#[derive(Default)]
struct Kept {
    entries: VecDeque<Arc<PastEntry>>,
    /// Number of the first kept entry, counted over the node's life.
    first: u64,
    bytes: usize,
}

impl Kept {
    fn get(&self, number: u64) -> Option<&Arc<PastEntry>> {
        self.entries.get(number.checked_sub(self.first)? as usize)
    }
}

impl History {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            kept: RwLock::new(Kept::default()),
            index: SignatureIndex::new(),
            bytes_max,
        }
    }

    /// Remembers an entry. The publisher alone calls this.
    pub(crate) fn append(&self, entry: Arc<PastEntry>) {
        let mut forgotten = Vec::new();
        let number = {
            let mut kept = self.kept.write().expect("no holder of this lock panics");
            kept.bytes += entry.bytes;
            while kept.bytes > self.bytes_max
                && let Some(oldest) = kept.entries.pop_front()
            {
                kept.bytes -= oldest.bytes;
                forgotten.push((kept.first, oldest));
                kept.first += 1;
            }
            kept.entries.push_back(entry.clone());
            kept.first + kept.entries.len() as u64 - 1
        };
        let signatures = (0..entry.tasks.len())
            .filter_map(|place| Some((entry.transaction(place)?.signature(), place)));
        self.index.insert(number, signatures);
        for (number, entry) in forgotten {
            let places = 0..entry.tasks.len();
            let gone =
                places.filter_map(|place| Some((entry.transaction(place)?.signature(), place)));
            self.index.remove(number, gone);
        }
    }

    /// The published transaction with this first signature.
    pub(crate) fn find(&self, signature: &Signature) -> Option<PublishedTransaction> {
        self.index.find(signature, |number, place| {
            let kept = self.kept.read().expect("no holder of this lock panics");
            let found = PublishedTransaction::new(kept.get(number)?.clone(), place)?;
            (found.transaction().signature() == signature).then_some(found)
        })
    }
}
