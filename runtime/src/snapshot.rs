//! Snapshots of a running chain: a folder that a node can start from, made without stopping anything.
//!
//! It has the account files of the newest checkpoint and the block log from the oldest record on that a start
//! from it needs, up to what is durable now, closed as after a clean stop. So a start from it is a start like
//! any other: the accounts, then the ids of what was charged recently, then the records behind them.

use crate::block_log::{LogError, copy_log};
use crate::checkpoint::{ChainState, CheckpointWatch};
use crate::ledger::LedgerHealth;
use crate::sync::Arc;
use sealane_accounts_db::{Disk, SegmentError};
use solana_hash::Hash;

/// Makes snapshots of a chain, from any thread.
#[derive(Clone)]
pub struct Snapshots {
    disk: std::sync::Arc<dyn Disk>,
    genesis_hash: Hash,
    checkpoints: Arc<CheckpointWatch>,
    ledger: Arc<LedgerHealth>,
}

/// What a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeSnapshot {
    /// The slot at whose end the accounts are.
    pub slot: u64,
    /// Root of the accounts.
    pub state_root: Hash,
    /// Accounts that exist.
    pub account_count: u64,
    /// The last record of the block log in it.
    pub record: u64,
}

/// Why no snapshot was made. What there is of it is in the way of another in the same folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// There is no checkpoint yet to make it of; the first comes with the end of a slot.
    #[error("there is no checkpoint yet to make a snapshot of: try again when a slot has ended")]
    NoCheckpoint,
    /// The account files.
    #[error(transparent)]
    Accounts(#[from] SegmentError),
    /// The block log.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Snapshots {
    pub(crate) fn new(
        disk: std::sync::Arc<dyn Disk>,
        genesis_hash: Hash,
        checkpoints: Arc<CheckpointWatch>,
        ledger: Arc<LedgerHealth>,
    ) -> Self {
        Self {
            disk,
            genesis_hash,
            checkpoints,
            ledger,
        }
    }

    /// The slot of the snapshot that `make` would make now.
    pub fn newest_slot(&self) -> Option<u64> {
        let checkpoint = self.checkpoints.newest()?;
        Some(checkpoint.checkpoint().state.slot)
    }

    /// Makes a snapshot in a new folder of the ledger's disk, mostly of second names for files that do not
    /// change any more. The checkpoint is the last file of it: a folder without one is a snapshot that was
    /// not finished.
    pub fn make(&self, folder: &str) -> Result<MadeSnapshot, SnapshotError> {
        // As long as it is held, its segments stay; the log that it needs stays while it is one of two.
        let kept = self
            .checkpoints
            .newest()
            .ok_or(SnapshotError::NoCheckpoint)?;
        let checkpoint = kept.checkpoint();
        let state = &checkpoint.state;
        let chain = ChainState::decode(&state.context).expect("this build wrote or read it");
        let first = chain.ids_from().unwrap_or(state.log.record);
        let first = first.min(state.log.record);
        let last = copy_log(
            &self.disk,
            &self.genesis_hash,
            first,
            state.log.record.max(self.ledger.durable_record()),
            folder,
        )?;
        kept.link_to(folder)?;
        Ok(MadeSnapshot {
            slot: state.slot,
            state_root: state.state_root,
            account_count: checkpoint.account_count,
            record: last.number,
        })
    }
}
