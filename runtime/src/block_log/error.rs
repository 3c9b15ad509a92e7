//! What can go wrong with a block log.

use std::io;

/// Why the block log could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The disk failed. A writer is dead after it.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file of the ledger.
        path: String,
        /// What came of it.
        source: io::Error,
    },
    /// A write or sync failed before, so nobody knows what is on the disk: nothing more is written. Starting
    /// anew finds out.
    #[error("the block log stopped after a failure: {reason}")]
    Dead {
        /// The failure.
        reason: String,
    },
    /// Bytes that were durable are not as they were written. Nothing was changed.
    #[error(
        "{file} is damaged at byte {offset}: {what}. Put a copy of this file in its place, or start \
         from a snapshot in a new folder"
    )]
    Corrupted {
        /// The file, by its path in the ledger.
        file: String,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// The ledger was written by a newer release.
    #[error(
        "{file} has format {version}, this release reads formats up to {supported}: run the release \
         that wrote it, or a newer one"
    )]
    NewerVersion {
        /// The file, by its path in the ledger.
        file: String,
        /// Its format.
        version: u32,
        /// The newest that can be read.
        supported: u32,
    },
    /// The ledger is another chain's.
    #[error(
        "{file} belongs to the chain with genesis {found}, not {expected}: give the folder of this \
         chain, or put the file back where it came from"
    )]
    OtherGenesis {
        /// The file, by its path in the ledger.
        file: String,
        /// This chain's genesis hash.
        expected: solana_hash::Hash,
        /// The file's.
        found: solana_hash::Hash,
    },
    /// A file between others, or the last one, is not there.
    #[error("{file} is missing: put it back, or start from a snapshot in a new folder")]
    MissingFile {
        /// The file, by its path in the ledger.
        file: String,
    },
    /// Records so old are not kept any more.
    #[error("record {record} is not kept any more; the oldest is {oldest}")]
    Pruned {
        /// The record that was asked for.
        record: u64,
        /// The oldest there is.
        oldest: u64,
    },
    /// The log ends before a record that there was.
    #[error(
        "the block log ends with record {last}, before record {record}: put back the files that are \
         missing, or start from a snapshot in a new folder"
    )]
    Ended {
        /// The record that was asked for.
        record: u64,
        /// The last there is.
        last: u64,
    },
    /// There is no such record or item there.
    #[error("nothing of the kind that was asked for is at byte {offset} of {file}")]
    NotThere {
        /// The file, by its path in the ledger.
        file: String,
        /// Where in it.
        offset: u64,
    },
    /// A value that the format has no room for. Nothing was written, and the log goes on.
    #[error("{what} of {bytes} is more than the {max} that a record takes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// What fits.
        max: usize,
    },
}

impl LogError {
    /// Whether a sync failed: then nobody knows what is on the disk.
    pub fn is_failed_sync(&self) -> bool {
        matches!(self, Self::Io { operation, .. } if *operation == "sync")
    }

    /// For `map_err`: the failure of `operation` on a file.
    pub(super) fn io(operation: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_string();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }

    pub(super) fn corrupted(file: &str, offset: u64, what: impl Into<String>) -> Self {
        Self::Corrupted {
            file: file.to_string(),
            offset,
            what: what.into(),
        }
    }
}
