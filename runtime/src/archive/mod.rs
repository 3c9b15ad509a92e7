//! Where in the block log the transactions of a signature, of an address and of a slot lie.
//!
//! The archive is a cache of the log, kept beside it in `history/`: what of it is missing, damaged or behind
//! is made anew from the log. It is made of runs (`run`), sorted files that cover one stretch of the log
//! after the other and never change; what is not in a run yet is in memory (`batch`), where readers find it
//! too. Runs of one size are merged, eight at a time, so that a question looks into some thirty files at a
//! billion transactions. Keys are hashes of eight bytes: whoever reads the record at a position must compare
//! it with what was asked for.
//!
//! One thread writes (`Writer`), one merges and prunes ([`Archive::maintain`]), any number read. After a
//! failure nothing is lost: what was told is in memory, and the next `Writer::flush` tries again. Nothing here
//! knows the log's format: positions go in and come out.

mod batch;
mod hash;
mod key_file;
mod maintain;
mod pages;
mod read;
mod row;
mod run;
mod table;
#[cfg(test)]
mod tests;
mod verify;
mod write;

pub use read::{ArchivedSlot, ArchivedTransaction};
pub use verify::{HistoryFiles, verify_history_files};
pub use write::{EntryAt, OpenedSlot, TransactionAt, Writer};

use crate::sync::{Arc, AtomicBool, Mutex, RwLock};
use batch::Batch;
use hash::KeyHasher;
use run::{Run, RunName, UNFINISHED};
use sealane_accounts_db::Disk;
use solana_hash::Hash;

/// The archive's folder in a ledger's.
const FOLDER: &str = "history";

/// Where something lies in the block log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// Number of the file.
    pub file: u32,
    /// Its first byte there.
    pub offset: u64,
}

/// How far into the log an archive has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Number of the last record that is in it; 0 if none is.
    pub record: u64,
    /// Number of the last entry; it and those before it are passed over.
    pub entry: u64,
    /// The last slot that opened; it and those before it are passed over, unless there is none yet.
    pub slot: Option<u64>,
    /// Transactions of that slot so far.
    pub index: u32,
    /// Chained hash of the entries so far.
    pub tip: Hash,
}

/// What can go wrong with an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The disk failed.
    #[error("the history's files: {0}")]
    Io(#[from] std::io::Error),
    /// A file is not what was written.
    #[error(
        "history/{file} is damaged at byte {offset}; without it, the history is made anew from the log"
    )]
    Damaged {
        /// Its name.
        file: String,
        /// Where.
        offset: u64,
    },
    /// A file of another version.
    #[error("history/{file} has version {version}, which this node does not know")]
    Version {
        /// Its name.
        file: String,
        /// What it says.
        version: u64,
    },
    /// A merge was given up, as `Archive::interrupt` asked for.
    #[error("the history's runs are not merged any further")]
    Interrupted,
}

/// Bounds of an archive.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ArchiveLimits {
    /// Transactions in memory before they become a run.
    pub batch_transactions_max: u32,
    /// Bytes of the log that are in memory before they become a run: what is read again after a crash.
    pub batch_log_bytes_max: u64,
    /// Rows of slots in memory before they become a run.
    pub batch_slots_max: usize,
    /// Transactions of a run that is not merged further.
    pub run_transactions_max: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self {
            batch_transactions_max: 1 << 18,
            batch_log_bytes_max: 256 << 20,
            batch_slots_max: 1 << 16,
            run_transactions_max: 1 << 27,
        }
    }
}

/// The index, for any number of readers.
pub struct Archive {
    disk: Arc<dyn Disk>,
    hasher: KeyHasher,
    limits: ArchiveLimits,
    state: RwLock<State>,
    /// Held by whoever takes runs out.
    maintenance: Mutex<()>,
    /// Merges are given up.
    interrupted: AtomicBool,
}

struct State {
    /// In the order of the log, without a gap.
    runs: Vec<Arc<Run>>,
    batch: Arc<Batch>,
    /// What points into earlier files of the log counts for nothing.
    first_file: u32,
}

impl Archive {
    /// Opens the archive of a ledger, or makes an empty one; `new_key` is the key of a new one, `first_tip`
    /// the tip before the first entry. What cannot be used is removed: the writer's mark says from where it
    /// is to be made anew.
    pub fn open(
        disk: Arc<dyn Disk>,
        limits: ArchiveLimits,
        new_key: [u8; 16],
        first_tip: Hash,
    ) -> Result<(Arc<Self>, Writer), ArchiveError> {
        disk.create_directory(FOLDER)?;
        let (key, is_new) = key_file::read_or_write(&*disk, new_key)?;
        let runs = if is_new {
            Vec::new()
        } else {
            open_runs(&*disk)?
        };
        remove_others(&*disk, &runs)?;
        let first = Mark {
            tip: first_tip,
            ..Mark::default()
        };
        let mark = runs.last().map_or(first, |run| run.summary.mark);
        let next_run = runs.last().map_or(0, |run| run.name.end);
        let archive = Arc::new(Self {
            disk,
            hasher: KeyHasher::new(key),
            limits,
            state: RwLock::new(State {
                runs,
                batch: Arc::default(),
                first_file: 0,
            }),
            maintenance: Mutex::new(()),
            interrupted: AtomicBool::new(false),
        });
        let writer = Writer::new(archive.clone(), first, mark, next_run);
        Ok((archive, writer))
    }

    /// Bytes of its runs.
    pub fn bytes(&self) -> u64 {
        let state = self.state.read().expect("no holder of this lock panics");
        state.runs.iter().map(|run| run.bytes()).sum()
    }

    /// Runs, and transactions in memory.
    pub fn size(&self) -> (usize, u32) {
        let state = self.state.read().expect("no holder of this lock panics");
        (state.runs.len(), state.batch.transactions)
    }

    /// Reads every page of every run.
    pub fn check(&self) -> Result<(), ArchiveError> {
        let runs = {
            let state = self.state.read().expect("no holder of this lock panics");
            state.runs.clone()
        };
        runs.iter().try_for_each(|run| run.check())
    }
}

/// Opens the runs that follow each other without a gap, from the oldest on; a damaged one ends them. Of runs
/// that cover the same, as a crash between a merge and the removal of what it merged leaves, the longest.
fn open_runs(disk: &dyn Disk) -> Result<Vec<Arc<Run>>, ArchiveError> {
    let files = disk.list(FOLDER)?;
    let mut names: Vec<RunName> = files
        .iter()
        .filter_map(|file| RunName::parse(file))
        .collect();
    names.sort_by_key(|name| (name.first, std::cmp::Reverse(name.end)));
    let mut runs: Vec<Arc<Run>> = Vec::new();
    for name in names {
        match runs.last().map(|run| run.name.end) {
            Some(end) if name.end <= end => continue,
            Some(end) if name.first != end => break,
            _ => {}
        }
        match Run::open(disk, name) {
            Ok(run) => runs.push(Arc::new(run)),
            Err(ArchiveError::Damaged { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(runs)
}

/// Removes what is no run that is used: merged ones, those behind a damaged one, unfinished ones.
fn remove_others(disk: &dyn Disk, runs: &[Arc<Run>]) -> Result<(), ArchiveError> {
    for file in disk.list(FOLDER)? {
        let is_used = runs.iter().any(|run| run.name.file() == file);
        if !is_used && (file.ends_with(".run") || file.ends_with(UNFINISHED)) {
            disk.remove(&format!("{FOLDER}/{file}"))?;
        }
    }
    Ok(disk.sync_directory(FOLDER)?)
}
