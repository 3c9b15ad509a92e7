//! What can go wrong with a ledger, and whether it has.

use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering};
use sealane_accounts_db::{AccountsFull, ReadError, SegmentError};
use solana_signature::Signature;

/// Why a pipeline did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Genesis has more accounts than `Limits::accounts_max`.
    #[error(transparent)]
    Accounts(#[from] AccountsFull),
    /// `Limits::accounts_memory_max` without a ledger that has account files.
    #[error(
        "accounts can be read from the disk only where a ledger keeps them: a bound on their memory needs one"
    )]
    NoAccountFiles,
    /// `RuntimeConfig::finality_lag` is more than `Limits::finality_lag_max`.
    #[error("what is final may be {max} slots behind what is confirmed, and not {lag}")]
    FinalityLag {
        /// What was asked for.
        lag: u64,
        /// The limit.
        max: u64,
    },
    /// What the ledger holds could not be brought back.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What is wrong with a ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The disk.
    #[error("{0}")]
    Disk(#[from] std::io::Error),
    /// The block log's files.
    #[error(transparent)]
    Log(#[from] crate::LogError),
    /// The records are whole, and contradict each other.
    #[error(
        "record {record} of the block log contradicts those before it: {what}. Restore the ledger \
         from a copy, or start a new chain"
    )]
    Contradiction {
        /// Number of the record.
        record: u64,
        /// How.
        what: String,
    },
    /// A replayed transaction came to another result than the one that was logged.
    #[error(
        "replay differs from the block log in slot {slot}, entry {entry}, transaction {transaction} \
         ({}): {what}. This build does not run the ledger's transactions as the one that wrote it did: \
         use that build, or start a new chain",
        signature.map_or("no transaction, but the node's own".to_owned(), |it| it.to_string())
    )]
    Differs {
        /// Its slot.
        slot: u64,
        /// Its entry.
        entry: u64,
        /// Its place in the entry, from 0.
        transaction: usize,
        /// Its name; `None` for a reward.
        signature: Option<Signature>,
        /// What was logged and what came of it now.
        what: String,
    },
    /// The account files.
    #[error(transparent)]
    Checkpoint(#[from] crate::RestoreError),
    /// The accounts of a checkpoint are not those that it was made of.
    #[error(
        "the accounts of the checkpoint at the end of slot {slot} have the root {found}, not {expected}: move \
         the accounts folder away so that the whole block log is replayed, or start from a snapshot"
    )]
    StateRoot {
        /// Its slot.
        slot: u64,
        /// What the checkpoint says.
        expected: solana_hash::Hash,
        /// What they are.
        found: solana_hash::Hash,
    },
    /// The block log does not reach back to where a replay would have to begin.
    #[error(
        "the block log begins with record {first}, and there is no checkpoint to start from: put the accounts \
         folder back, or start from a snapshot"
    )]
    Pruned {
        /// The oldest record that is there.
        first: u64,
    },
    /// A replayed slot ended with another header than the one that was logged.
    #[error(
        "replay differs from the block log at the end of slot {slot}: {what}. This build does not come to the \
         state that the one that wrote it did: use that build, or start a new chain"
    )]
    HeaderDiffers {
        /// The slot.
        slot: u64,
        /// What was logged and what came of it now.
        what: String,
    },
    /// The accounts do not fit.
    #[error("the ledger's accounts do not fit: {0}; raise the limit that it was made with")]
    Accounts(#[from] AccountsFull),
    /// The accounts could not be read.
    #[error("{0}")]
    Read(String),
    /// A broken invariant ended a thread during the replay.
    #[error("a broken invariant ended the replay")]
    Broken,
}

impl From<SegmentError> for LedgerError {
    fn from(error: SegmentError) -> Self {
        Self::Checkpoint(error.into())
    }
}

impl From<ReadError> for LedgerError {
    fn from(error: ReadError) -> Self {
        Self::Read(error.to_string())
    }
}

/// Why nothing more is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerFailure {
    /// Something could not be written, as where the disk is full. A node that is started anew goes on.
    Write(String),
    /// A sync failed, so nobody knows what is on the disk: the node is to be stopped.
    Sync(String),
}

impl std::fmt::Display for LedgerFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Write(reason) | Self::Sync(reason) => f.write_str(reason),
        }
    }
}

/// Called once, from the log's thread, with why the ledger failed. Must not block.
pub type OnLedgerFailure = std::sync::Arc<dyn Fn(&LedgerFailure) + Send + Sync>;

/// Whether the ledger has failed while the node ran.
#[derive(Default)]
pub(crate) struct LedgerHealth {
    failed: AtomicBool,
    /// Number of the last record of the block log that is durable.
    durable_record: AtomicU64,
    reason: Mutex<Option<std::sync::Arc<str>>>,
}

impl LedgerHealth {
    /// All records up to this one are durable.
    pub(crate) fn set_durable(&self, record: u64) {
        // Release: who was told of what is in them sees this too.
        self.durable_record.store(record, Ordering::Release);
    }

    /// Number of the last record of the block log that is durable.
    pub(crate) fn durable_record(&self) -> u64 {
        // Acquire: pairs with the release of `set_durable`.
        self.durable_record.load(Ordering::Acquire)
    }

    /// The ledger has failed, for good.
    pub(crate) fn fail(&self, reason: &str) {
        let mut first = self.reason.lock().expect("no holder of this lock panics");
        first.get_or_insert_with(|| reason.into());
        // Release: who sees it finds the reason.
        self.failed.store(true, Ordering::Release);
    }

    /// Why, if it has. Cheap where it has not.
    pub(crate) fn failure(&self) -> Option<Arc<str>> {
        // Acquire: pairs with the release of `fail`.
        if !self.failed.load(Ordering::Acquire) {
            return None;
        }
        let reason = self.reason.lock().expect("no holder of this lock panics");
        reason.clone()
    }
}
