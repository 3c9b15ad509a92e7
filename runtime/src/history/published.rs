//! What a reader gets of the history: transactions, their statuses, and blocks.

use super::PastEntry;
use crate::sync::Arc;
use crate::task::Outcome;
use crate::{TransactionRecord, VerifiedTransaction};
use sealane_sdk::Pubkey;
use sealane_sdk::light::TransactionLeaf;
use solana_hash::Hash;
use solana_transaction_error::TransactionError;

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

    /// Whether it names this address.
    pub(crate) fn names(&self, address: &Pubkey) -> bool {
        let (own, loaded) = self.transaction().keys();
        own.contains(address) || loaded.contains(address)
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

/// A sealed slot and what was charged in it. Cheap to clone but for a list of its entries.
#[derive(Clone)]
pub struct PublishedBlock {
    /// Its slot.
    pub slot: u64,
    /// Unix time of the slot, in seconds.
    pub block_time: i64,
    /// Its blockhash.
    pub blockhash: Hash,
    /// The blockhash of the slot before it; of slot 0, the genesis hash.
    pub previous_blockhash: Hash,
    pub(super) entries: Vec<Arc<PastEntry>>,
}

impl PublishedBlock {
    /// The slot before it; of slot 0, itself.
    pub fn parent_slot(&self) -> u64 {
        self.slot.saturating_sub(1)
    }

    /// Its transactions, in order.
    pub fn transactions(&self) -> impl Iterator<Item = PublishedTransaction> + '_ {
        self.entries.iter().flat_map(|entry| {
            let places = 0..entry.tasks.len();
            places.filter_map(|place| PublishedTransaction::new(entry.clone(), place))
        })
    }
}

/// Why there is no block of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBlock {
    /// The slot is open, or still to come.
    NotYet,
    /// It was there, and is kept no more.
    CleanedUp {
        /// The first slot whose block is kept.
        first_available: u64,
    },
    /// No such slot was ever opened.
    Skipped,
}
