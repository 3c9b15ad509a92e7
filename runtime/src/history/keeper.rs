//! The keeper of the history: one thread that merges the archive's runs, and removes what the ledger shall
//! not keep.
//!
//! It works when the history stage tells it that time has passed or a file of the log is full. A merge may
//! take a minute, in which nobody waits for it; when the node stops, it is given up.
//!
//! # What is removed
//!
//! Old files of the block log, the oldest first, as long as log and archive together are larger than
//! `Limits::ledger_bytes_max`, or all slots in the file are older than `Limits::ledger_age_max`. Readers are
//! told before a file goes. Never the file that is written to, nor one with a record that a start needs
//! (`CheckpointWatch`; without checkpoints all are needed).

use super::archived::Archived;
use super::feed::log_file;
use crate::block_log::{BlockLogReader, LogError, remove_log_files_before};
use crate::checkpoint::CheckpointWatch;
use crate::notice::{Notice, OnNotice};
use crate::sync::{Arc, Receiver};
use crate::{ArchiveError, Limits};
use sealane_accounts_db::Disk;
use solana_hash::Hash;

/// The history stage says that it is time to look.
pub(crate) struct Tick {
    /// The open slot's nominal time.
    pub(crate) time_ms: i64,
}

/// What the thread owns.
pub(crate) struct HistoryKeeper {
    pub(crate) ticks: Receiver<Tick>,
    pub(crate) archived: Arc<Archived>,
    pub(crate) pruner: Pruner,
    pub(crate) on_notice: OnNotice,
    /// Runs are not merged any more.
    pub(crate) has_given_up: bool,
    /// Somebody was told that old files cannot be removed.
    pub(crate) has_failed: bool,
}

impl HistoryKeeper {
    /// Runs until the history stage ends.
    pub(crate) fn run(mut self) {
        while let Ok(tick) = self.ticks.recv() {
            self.look(&tick);
        }
    }

    /// Does what there is to do.
    pub(super) fn look(&mut self, tick: &Tick) {
        if !self.has_given_up {
            self.has_given_up = !self.merge();
        }
        match self.pruner.prune(&self.archived, tick.time_ms) {
            Ok(()) => self.has_failed = false,
            Err(error) if !std::mem::replace(&mut self.has_failed, true) => {
                let reason = error.to_string();
                (self.on_notice)(&Notice::LedgerNotPruned { reason });
            }
            Err(_) => {}
        }
    }

    /// Merges what is to be merged. `false`: it is of no use to try again.
    fn merge(&self) -> bool {
        loop {
            match self.archived.archive().maintain() {
                Ok(true) => {}
                Ok(false) => return true,
                // It is tried again: who asks for something finds it in the runs as they are.
                Err(ArchiveError::Io(_)) => return true,
                Err(ArchiveError::Interrupted) => return false,
                Err(error) => {
                    let reason = error.to_string();
                    (self.on_notice)(&Notice::HistoryBehind { reason });
                    return false;
                }
            }
        }
    }
}

/// Removes old files.
pub(crate) struct Pruner {
    pub(crate) disk: std::sync::Arc<dyn Disk>,
    pub(crate) genesis_hash: Hash,
    pub(crate) bytes_max: Option<u64>,
    pub(crate) age_ms_max: Option<i64>,
    /// They say which is the oldest record that a start needs.
    pub(crate) checkpoints: Arc<CheckpointWatch>,
}

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PruneError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl Pruner {
    pub(crate) fn new(
        disk: std::sync::Arc<dyn Disk>,
        genesis_hash: Hash,
        limits: &Limits,
        checkpoints: Arc<CheckpointWatch>,
    ) -> Self {
        let age_ms = |age: std::time::Duration| i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Self {
            disk,
            genesis_hash,
            bytes_max: limits.ledger_bytes_max,
            age_ms_max: limits.ledger_age_max.map(age_ms),
            checkpoints,
        }
    }

    /// Whether anything is ever removed.
    pub(crate) fn is_on(&self) -> bool {
        self.bytes_max.is_some() || self.age_ms_max.is_some()
    }

    /// Removes what is too much as of this time.
    fn prune(&self, archived: &Archived, time_ms: i64) -> Result<(), PruneError> {
        let needed_from = self.checkpoints.log_needed_from();
        if !self.is_on() || needed_from == 0 {
            return Ok(());
        }
        let log = BlockLogReader::open(self.disk.clone(), &self.genesis_hash)?;
        let mut bytes = log.bytes() + archived.archive().bytes();
        let end = log.file_of(needed_from);
        let mut first_kept = None;
        for (file, file_bytes) in log.files().take_while(|(file, _)| Some(*file) < end) {
            let is_too_much = self.bytes_max.is_some_and(|max| bytes > max);
            if !is_too_much && !self.is_too_old(archived, file, time_ms)? {
                break;
            }
            bytes -= file_bytes;
            first_kept = Some(file + 1);
        }
        let Some(first_kept) = first_kept else {
            return Ok(());
        };
        archived.forget_before(first_kept)?;
        remove_log_files_before(&*self.disk, first_kept)?;
        // Again, for who opened one meanwhile.
        archived.close_files_before(first_kept);
        archived.archive().prune(log_file(first_kept))?;
        Ok(())
    }

    /// Whether all slots in a file are: the one that opens in the next file ends the last of them.
    fn is_too_old(
        &self,
        archived: &Archived,
        file: u64,
        time_ms: i64,
    ) -> Result<bool, ArchiveError> {
        let Some(age_ms_max) = self.age_ms_max else {
            return Ok(false);
        };
        let next = archived.archive().first_slot_of(log_file(file + 1))?;
        Ok(next.is_some_and(|(_, next_ms)| next_ms < time_ms.saturating_sub(age_ms_max)))
    }
}
