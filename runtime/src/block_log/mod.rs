//! The block log: what a ledger's truth consists of.
//!
//! Append-only files of records under `blocks/`. [`BlockLogWriter`] appends and syncs, on one thread;
//! [`BlockLogReader`] goes through the records, judges how the log ends, and reads single records and items.
//! What is damaged is told apart from what a crash left undone by durable marks (`walk.rs`): each record
//! says up to where the log was durable when it was written, the head of each file vouches for all records
//! before it, and the mark of a clean stop for all there is. Knows nothing of what the records mean.

mod copy;
mod error;
mod files;
mod format;
mod payload;
mod reader;
mod record;
mod walk;
mod writer;

pub(crate) use copy::copy_log;
pub use error::LogError;
pub use files::{first_log_file, remove_log_files_before};
pub use payload::LoggedItemRef;
pub use reader::{BlockLogReader, ItemPosition, LogEnd, RecordPosition, Records, TornTail};
pub use record::{BlockRecord, LoggedEntry, LoggedItem, SlotOpened};
pub use writer::{BlockLogConfig, BlockLogWriter, LogPlace};
