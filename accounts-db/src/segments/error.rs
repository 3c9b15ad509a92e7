//! What can be wrong with account files, and what to do about it.

use sealane_sdk::Hash;
use std::io;

/// Why account files could not be written or read. Every message says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Bytes are not what was written: a flipped bit, a file cut short.
    #[error(
        "{file} is damaged at byte {offset}: {what}. Check the disk; then start from a snapshot, or move \
         the accounts folder away so that the whole block log is replayed"
    )]
    Corrupted {
        /// The file.
        file: String,
        /// Byte in it where the damage showed: the start of the record or field.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The file's format is newer than this program.
    #[error(
        "{file} has format {version}, which is newer than this program knows: start it with the version \
         of Sealane that wrote it, or a later one"
    )]
    NewerVersion {
        /// The file.
        file: String,
        /// Its format.
        version: u32,
    },
    /// The file is of another chain.
    #[error(
        "{file} belongs to the chain with genesis hash {found}, not to {expected}: give it the ledger folder \
         that it came from"
    )]
    OtherGenesis {
        /// The file.
        file: String,
        /// The chain that was asked for.
        expected: Hash,
        /// The chain that it is of.
        found: Hash,
    },
    /// A file that a checkpoint needs is not there.
    #[error(
        "{file} is missing: put it back from where it was moved to; or start from a snapshot, or move the \
         accounts folder away so that the whole block log is replayed"
    )]
    Missing {
        /// The file.
        file: String,
    },
    /// The system refused. Where the disk was full, the same call can be made again once there is space.
    #[error("cannot {doing} {file}: {source}. Check free space and the health of the disk")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A sync failed. Nothing more is written, as nobody knows what is on the disk; what the last durable
    /// checkpoint holds can be read.
    #[error("cannot make {file} durable: {source}. Check the disk, then start the node again")]
    Sync {
        /// The file or folder.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A sync failed before, so nobody knows what is on the disk.
    #[error(
        "account files are not written any more since a sync failed: check the disk, then start the node again"
    )]
    Stopped,
}

impl SegmentError {
    /// For `map_err`: what was tried, on which file.
    pub(super) fn io(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io {
            doing,
            file,
            source,
        }
    }

    /// For `map_err` of a sync.
    pub(super) fn sync(file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Sync { file, source }
    }

    /// For `map_err` of a read within what the file must have.
    pub(super) fn read(file: &str, offset: u64) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::corrupted(&file, offset, "the file ends before"),
            _ => Self::Io {
                doing: "read",
                file,
                source,
            },
        }
    }

    pub(super) fn corrupted(file: &str, offset: u64, what: &'static str) -> Self {
        Self::Corrupted {
            file: file.to_owned(),
            offset,
            what,
        }
    }
}
