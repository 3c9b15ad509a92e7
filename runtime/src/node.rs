//! The running pipeline: its threads, its handles.

use crate::{Limits, SlotContext, SlotWatch, TransactionRecord, VerifiedTransaction, VerifyError};
use bytes::Bytes;
use crossbeam_channel::Receiver;
use sealane_accounts_db::{EntryNumber, Pin, ReadError};
use sealane_sdk::{AccountState, Programs, Pubkey};
use solana_hash::Hash;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
use std::sync::Arc;
use std::time::Duration;

/// How many banking threads execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BankingThreads {
    /// What suits the machine: in order on one thread where there are few cores.
    Auto,
    /// This many; 1 runs in order, without a lock table.
    Fixed(usize),
}

/// Everything a pipeline starts from.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// Bounds.
    pub limits: Limits,
    /// Programs beside System and Compute Budget.
    pub programs: Arc<Programs>,
    /// Accounts at genesis, beside those of programs.
    pub genesis_accounts: Vec<(Pubkey, AccountState)>,
    /// First blockhash and id of the chain.
    pub genesis_hash: Hash,
    /// Unix time of slot 0, in seconds.
    pub genesis_time: i64,
    /// Where the leader's half of the fees goes.
    pub identity: Pubkey,
    /// Banking threads.
    pub banking_threads: BankingThreads,
    /// Verify threads.
    pub verify_threads: usize,
    /// Check signatures.
    pub check_signatures: bool,
    /// Length of a slot.
    pub slot_duration: Duration,
    /// An entry is closed after at most this long.
    pub entry_interval: Duration,
    /// Keep the serial order (`Runtime::take_order`), for the oracle.
    pub record_order: bool,
}

/// Why a transaction that was handed in will not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Verify refused it.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Too much is waiting and this had the lowest priority.
    #[error("the node is busy and the transaction's priority is too low; try again or pay a higher fee per compute unit")]
    Busy,
    /// The node stops.
    #[error("the node is shutting down")]
    ShuttingDown,
}

/// Called once, from a pipeline thread, with what admission decided. Must not block.
pub type OnAdmission = Box<dyn FnOnce(Result<Signature, Refusal>) + Send>;

/// Hands transactions in. Clone freely.
#[derive(Clone)]
pub struct Ingest(());

impl Ingest {
    /// Queues a batch, waiting while the queue is full. `Err` when the node stops.
    pub fn submit(&self, _batch: Vec<Bytes>) -> Result<(), Refusal> {
        todo!()
    }
    /// Queues one transaction without waiting; `on_admission` hears whether it was scheduled.
    pub fn submit_one(&self, _transaction: Bytes, _on_admission: OnAdmission) {
        todo!()
    }
}

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
pub struct PublishedTransaction(());

impl PublishedTransaction {
    /// Its slot.
    pub fn slot(&self) -> u64 {
        todo!()
    }
    /// Its place in the block, from 0.
    pub fn index(&self) -> u32 {
        todo!()
    }
    /// Unix time of the slot, in seconds.
    pub fn block_time(&self) -> i64 {
        todo!()
    }
    /// The transaction.
    pub fn transaction(&self) -> &VerifiedTransaction {
        todo!()
    }
    /// Its addresses, in message order, lookups included.
    pub fn keys(&self) -> Vec<Pubkey> {
        todo!()
    }
    /// What came of it, decoded now.
    pub fn record(&self) -> TransactionRecord {
        todo!()
    }
}

/// What a simulation found.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Slot it ran in.
    pub slot: u64,
    /// The error, if it would not succeed. A transaction that would be dropped has its error here and
    /// an empty record.
    pub record: TransactionRecord,
    /// States of the transaction's accounts afterwards, in message order.
    pub accounts: Vec<(Pubkey, AccountState)>,
}

/// Something a listener hears, in order, after it became visible.
#[derive(Clone)]
#[non_exhaustive]
pub enum Event {
    /// An entry became visible.
    Entry {
        /// Its number.
        entry: EntryNumber,
        /// Its slot.
        slot: u64,
        /// Its transactions, in order.
        transactions: Arc<Vec<PublishedTransaction>>,
    },
    /// A slot was sealed and the next one opened.
    Slot {
        /// The slot that opened.
        slot: u64,
        /// The slot that was sealed.
        parent: u64,
    },
    /// A transaction that had been accepted will not run: evicted, or dropped by the bank.
    Dropped {
        /// Its signature.
        signature: Signature,
        /// Why.
        error: TransactionError,
    },
}

/// Numbers for a status line, monotonic since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Handed in.
    pub received: u64,
    /// Refused at admission: malformed, bad signature, duplicate, busy.
    pub refused: u64,
    /// Accepted, then evicted by a higher priority.
    pub evicted: u64,
    /// Dropped by the bank.
    pub dropped: u64,
    /// Visible, successful or failed.
    pub visible: u64,
    /// Visible and failed.
    pub failed: u64,
    /// Waiting between admission and a banking thread, now.
    pub queued: u64,
}

/// Reads what is visible. Clone freely; all calls are from any thread.
#[derive(Clone)]
pub struct Reader(());

impl Reader {
    /// The open slot's context.
    pub fn slot(&self) -> Arc<SlotContext> {
        todo!()
    }
    /// Watch of the open slot.
    pub fn slots(&self) -> SlotWatch {
        todo!()
    }
    /// Pins the newest visible state.
    pub fn pin(&self) -> Result<Pin, ReadError> {
        todo!()
    }
    /// Status of a published transaction.
    pub fn status(&self, _signature: &Signature) -> Option<SignatureStatus> {
        todo!()
    }
    /// A published transaction.
    pub fn transaction(&self, _signature: &Signature) -> Option<PublishedTransaction> {
        todo!()
    }
    /// Verifies without admitting (`check_signatures`: also the signatures).
    pub fn verify(&self, _bytes: Bytes, _check_signatures: bool) -> Result<Box<VerifiedTransaction>, VerifyError> {
        todo!()
    }
    /// Runs a transaction against the visible state without committing anything.
    /// `replace_blockhash`: as if it carried the newest blockhash.
    pub fn simulate(&self, _transaction: &VerifiedTransaction, _replace_blockhash: bool) -> Result<Simulation, ReadError> {
        todo!()
    }
    /// Events from now on; cut off (disconnected) when `Limits::listener_events_max` behind.
    pub fn listen(&self) -> Receiver<Event> {
        todo!()
    }
    /// Transactions charged since genesis.
    pub fn transaction_count(&self) -> u64 {
        todo!()
    }
    /// Genesis hash.
    pub fn genesis_hash(&self) -> Hash {
        todo!()
    }
    /// Counters since start.
    pub fn counters(&self) -> Counters {
        todo!()
    }
}

/// A running pipeline. Dropping it stops it.
pub struct Runtime(());

impl Runtime {
    /// Starts the threads.
    pub fn start(_config: RuntimeConfig) -> Result<Self, sealane_accounts_db::AccountsFull> {
        todo!()
    }
    /// Hands transactions in.
    pub fn ingest(&self) -> Ingest {
        todo!()
    }
    /// Reads what is visible.
    pub fn reader(&self) -> Reader {
        todo!()
    }
    /// Refuses new work, lets what was inserted finish and become visible, and stops the threads.
    /// `false`: the deadline passed with a program still running; its thread is left behind.
    pub fn shutdown(self, _deadline: Duration) -> bool {
        todo!()
    }
}
