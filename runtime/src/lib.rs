//! From wire bytes to committed accounts: verify, schedule, bank, entry, slot.
//!
//! `docs/architecture.md` draws the way of a transaction. This crate knows no network and no JSON.

mod archive;
mod bank;
mod banking;
mod block_log;
mod checkpoint;
mod config;
mod counters;
mod fault;
mod fetch_stage;
mod floor;
mod headers;
mod history;
mod ingest;
mod inspect;
mod journal;
mod ledger;
mod limits;
mod log_stage;
mod node;
mod notice;
mod operator;
mod parts;
mod prefetch;
mod publish;
mod purity;
mod reader;
mod record;
mod replay;
mod schedule;
mod sealed;
mod serial;
mod singles;
mod slot;
mod snapshot;
mod start;
mod sync;
mod task;
mod trace;
mod uploaded;
mod verified;
mod verify;
mod verify_stage;
mod watchdog;
mod wire;

pub use archive::{
    Archive, ArchiveError, ArchiveLimits, ArchivedSlot, ArchivedTransaction, EntryAt, HistoryFiles,
    LogPosition, Mark as ArchiveMark, OpenedSlot, TransactionAt, Writer as ArchiveWriter,
    verify_history_files,
};
pub use bank::{Bank, Processed};
pub use block_log::{
    BlockLogConfig, BlockLogReader, BlockLogWriter, BlockRecord, ItemPosition, LogEnd, LogError,
    LogPlace, LoggedEntry, LoggedItem, LoggedItemRef, RecordPosition, Records, SlotOpened,
    TornTail, first_log_file, remove_log_files_before,
};
pub use checkpoint::{
    ChainState, CheckpointConfig, Checkpoints, EndedSlot, OnCheckpointError, RestoreError, Restored,
};
pub use config::{BankingThreads, RuntimeConfig};
pub use counters::{Counters, StageTimes, WaitHistogram};
#[doc(hidden)]
pub use fault::Fault;
pub use headers::{NoProof, ProvenBytes, SignedHeader};
pub use history::{
    HistoryFeed, NoBlock, PublishedBlock, PublishedTransaction, SignatureStatus, Unreadable,
};
pub use ingest::{Ingest, OnAdmission, Refusal};
pub use inspect::{ChainItem, ChainOrigin, ChainStep, ChainWalk, InspectError, LoggedTransaction};
pub use ledger::{LedgerError, LedgerFailure, OnLedgerFailure, StartError};
pub use limits::Limits;
pub use node::Runtime;
pub use notice::{Effect, NamedProgram, Notice, OnNotice};
pub use operator::{Operator, OperatorError, TimeTravel};
pub use publish::Event;
pub use reader::{Reader, Simulation};
pub use record::{TokenBalance, TransactionRecord, mint_decimals};
pub use replay::{OnReplay, ReplayProgress, ReplaySummary, replay_ledger};
pub use sealane_accounts_db::{
    AccountsFull, Checkpoint, Disk, EntryNumber, KeptCheckpoint, Pin, ReadError, RealDisk,
    SegmentError, SegmentOptions, read_checkpoints, verify_account_files,
};
#[doc(hidden)]
pub use sealane_accounts_db::{Fault as DiskFault, MemoryDisk};
pub use sealane_vm::ProgramsConfig;
pub use sealed::SealedSlot;
pub use serial::{Difference, Order, SerialRun};
pub use slot::{BLOCKHASH_AGE_MAX, SlotContext, SlotWatch};
pub use snapshot::{MadeSnapshot, SnapshotError, Snapshots};
#[doc(hidden)]
pub use trace::TraceRequest;
pub use trace::{LedgerTrace, TraceError, trace_logged};
pub use verified::{ComputeBudget, Instruction, MessageId, VerifiedTransaction};
pub use verify::{Verifier, VerifyError};
pub use wire::first_signature;
