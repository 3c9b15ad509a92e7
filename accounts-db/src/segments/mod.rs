//! Account files: the accounts on the disk, some seconds behind the block log.
//!
//! `accounts/` in the ledger's folder has *segments*, files of account records that only grow, and
//! *checkpoints*, small files that say which segments, how much of each, hold all accounts as of which
//! record of the block log. The newest record of an account counts; of a deleted account that is a
//! tombstone. Compaction writes the records of segments that are mostly out of date anew, so that the
//! files are at most about twice as large as what is in them.
//!
//! One thread has [`Segments`] and writes; any thread reads an account through a [`SegmentReader`], or makes
//! a snapshot of a [`KeptCheckpoint`] that it holds. Nothing here is in the way of a banking thread, and
//! no thread is made but to load.
//!
//! What always holds:
//! - A checkpoint exists only when all that it names is durable. The last two are kept, and with them all
//!   that they name. A segment is removed when no kept checkpoint names it, the next one will not, and
//!   nobody holds it.
//! - A file is never changed where something was written, and never shortened. Each run begins a segment
//!   with a new number.
//! - Every byte that is read was checked against a checksum that covers where it lies.
//! - After a sync failed nothing more is written.

mod checkpoint;
mod compact;
mod error;
mod format;
mod index;
mod load;
mod newest;
mod reader;
mod scan;
mod snapshot;
mod store;
mod stream;
mod verify;
mod writer;

pub use checkpoint::{Checkpoint, CheckpointState, LogPosition};
pub use error::SegmentError;
pub use reader::SegmentReader;
pub use snapshot::KeptCheckpoint;
pub use store::{OpenedSegments, SegmentOptions, Segments};
pub use stream::AccountStream;
pub use verify::{read_checkpoints, verify_account_files};
