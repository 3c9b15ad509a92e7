//! What a reader gets of the history: transactions, their statuses, and blocks.

use super::PastEntry;
use super::archived::{Archived, BlockTimes};
use crate::archive::ArchivedTransaction;
use crate::block_log::LogError;
use crate::sync::Arc;
use crate::task::Outcome;
use crate::{ArchiveError, TransactionRecord, VerifiedTransaction};
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

    /// Its slot and its place there: what orders all transactions.
    pub(crate) fn position(&self) -> (u64, u32) {
        (self.slot(), self.index())
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
    pub fn names(&self, address: &Pubkey) -> bool {
        let (own, loaded) = self.transaction().keys();
        own.contains(address) || loaded.contains(address)
    }

    /// Where it stands.
    pub fn status(&self) -> SignatureStatus {
        let status = match self.failed() {
            true => self.record().status,
            false => Ok(()),
        };
        SignatureStatus {
            slot: self.slot(),
            status,
        }
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

/// A sealed slot and what was charged in it. What is not in memory any more is read when it is asked for.
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
    pub(super) contents: BlockContents,
}

/// Where the transactions of a block are.
#[derive(Clone)]
pub(super) enum BlockContents {
    Recent(Vec<Arc<PastEntry>>),
    Archived(Arc<Archived>, Arc<[ArchivedTransaction]>),
}

impl PublishedBlock {
    /// The slot before it; of slot 0, itself.
    pub fn parent_slot(&self) -> u64 {
        self.slot.saturating_sub(1)
    }

    /// Its transactions, in order. Those of an old block are read from the disk one by one.
    pub fn transactions(&self) -> impl Iterator<Item = Result<PublishedTransaction, NoBlock>> + '_ {
        let (entries, archived) = match &self.contents {
            BlockContents::Recent(entries) => (&entries[..], None),
            BlockContents::Archived(archived, found) => (&[][..], Some((archived, found))),
        };
        let recent = entries.iter().flat_map(|entry| {
            let places = 0..entry.tasks.len();
            places.filter_map(|place| PublishedTransaction::new(entry.clone(), place))
        });
        let mut times = BlockTimes::default();
        let archived = archived
            .into_iter()
            .flat_map(|(archived, found)| found.iter().map(move |found| (archived, *found)));
        let archived = archived.map(move |(archived, found)| {
            archived.read(found, &mut times)?.ok_or(NoBlock::CleanedUp {
                first_available: archived.slots().start,
            })
        });
        recent.map(Ok).chain(archived)
    }
}

/// Something in the ledger is there, and cannot be read: it is damaged, or the disk fails. What is asked for
/// may be there all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the history cannot be read: {0}")]
pub struct Unreadable(std::sync::Arc<str>);

impl Unreadable {
    pub(super) fn new(what: String) -> Self {
        Self(what.into())
    }
}

impl From<ArchiveError> for Unreadable {
    fn from(error: ArchiveError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<LogError> for Unreadable {
    fn from(error: LogError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<Unreadable> for NoBlock {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

/// Why there is no block of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// It is there, and cannot be read.
    Unreadable(Unreadable),
}
