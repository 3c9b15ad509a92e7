//! What travels between the scheduler, the banking threads and the publisher.

use crate::block_log::RecordPosition;
use crate::history::PastEntry;
use crate::ingest::OnAdmission;
use crate::operator::AccountChange;
use crate::slot::IdleSlots;
use crate::sync::Arc;
use crate::{MessageId, SlotContext, VerifiedTransaction};
use bytes::Bytes;
use sealane_accounts_db::{AccountIndex, EntryNumber, EntryWrites, NO_ACCOUNT};
use sealane_scheduler::TaskId;
use sealane_sdk::{AccountState, is_loader};
use smallvec::SmallVec;
use solana_hash::Hash;
use solana_transaction_error::TransactionError;

/// A transaction's accounts in message order: index and whether it is locked for writing. `NO_ACCOUNT`
/// for what is in no table: a sysvar or a builtin program, made from the slot's context. It is read-only
/// to everyone, so it takes no lock.
pub(crate) type TaskAccounts = SmallVec<[(AccountIndex, bool); 4]>;

/// What verify sends on (queue 2).
#[derive(Default)]
pub(crate) struct VerifiedBatch {
    pub(crate) items: Vec<Admission>,
    /// From a sender who waits for room: held back, not shed.
    pub(crate) bulk: bool,
}

/// A verified transaction at the door of the scheduler.
pub(crate) struct Admission {
    pub(crate) transaction: Box<VerifiedTransaction>,
    pub(crate) on_admission: Option<OnAdmission>,
    /// The indices that its first accounts most likely have, as the schedule stage saw when it loaded
    /// them ahead; `NO_ACCOUNT` where nothing is known.
    pub(crate) likely: LikelyAccounts,
    /// It was sent to the fetch stage, and its keys are held.
    pub(crate) is_held: bool,
}

/// Indices of the first accounts of a transaction.
pub(crate) type LikelyAccounts = [AccountIndex; 4];

impl Admission {
    pub(crate) fn new(
        transaction: Box<VerifiedTransaction>,
        on_admission: Option<OnAdmission>,
    ) -> Self {
        Self {
            transaction,
            on_admission,
            likely: [NO_ACCOUNT; 4],
            is_held: false,
        }
    }
}

/// The work of a task.
pub(crate) enum Work {
    Transaction(Box<VerifiedTransaction>),
    /// The leader's share of a slot's fees, to the task's one account.
    FeeReward {
        lamports: u64,
    },
    /// The operator sets the task's one account.
    SetAccount(Box<AccountChange>),
}

/// One place in the serial order.
pub(crate) struct Task {
    pub(crate) work: Work,
    pub(crate) accounts: TaskAccounts,
    /// Its place in the order, counted over the node's life.
    pub(crate) sequence: u64,
    pub(crate) id: TaskId,
    pub(crate) entry: EntryNumber,
    /// Nanoseconds since the pipeline started, when it was inserted.
    pub(crate) inserted_ns: u64,
}

/// What a banking thread gets (queue 3): tasks of one entry, in the order in which it must run them.
pub(crate) struct BankBatch {
    pub(crate) entry: EntryNumber,
    pub(crate) slot: Arc<SlotContext>,
    pub(crate) tasks: Vec<Task>,
}

/// What came of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Charged; its record lies at this range of the batch's records.
    Charged { start: u32, end: u32, failed: bool },
    /// Left no trace.
    Dropped(TransactionError),
    /// A fee reward that was paid (or burnt, where the account could not hold it).
    Rewarded,
    /// The account is this now.
    Set(Box<SetAccount>),
    /// The account could not be set, and is what it was.
    NotSet(Box<str>),
}

/// An account that was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetAccount {
    pub(crate) state: AccountState,
    /// It was a program, or is one now.
    pub(crate) is_program: bool,
}

impl SetAccount {
    /// The account that was `before`, and now is `state`.
    pub(crate) fn new(before: &AccountState, state: AccountState) -> Self {
        Self {
            is_program: is_loader(&before.owner) || is_loader(&state.owner),
            state,
        }
    }
}

/// What a banking thread gives back.
pub(crate) struct CompletedBatch {
    pub(crate) entry: EntryNumber,
    pub(crate) tasks: Vec<Task>,
    /// One per task.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) records: Box<[u8]>,
    pub(crate) writes: EntryWrites,
    /// Accounts that a task named and that do not exist after it.
    pub(crate) absent: Vec<AccountIndex>,
    /// The leader's share of the fees of these tasks.
    pub(crate) reward_lamports: u64,
}

/// An entry whose tasks are all complete, on its way to the publisher.
pub(crate) struct CompletedEntry {
    pub(crate) entry: EntryNumber,
    pub(crate) slot: Arc<SlotContext>,
    pub(crate) first_sequence: u64,
    pub(crate) task_count: usize,
    pub(crate) batches: Vec<CompletedBatch>,
    /// What the log says of it, in a replay.
    pub(crate) expected: Option<ExpectedEntry>,
}

/// A complete entry in the form in which it is remembered.
pub(crate) struct OrderedEntry {
    pub(crate) entry: EntryNumber,
    /// Its slot.
    pub(crate) slot: u64,
    pub(crate) past: PastEntry,
    /// Charged transactions in it.
    pub(crate) charged: u32,
    /// The tip once it is chained.
    pub(crate) tip: Hash,
    pub(crate) writes: Vec<EntryWrites>,
    /// Where the block log has it, if it does: an entry that changed nothing is not logged.
    pub(crate) record: Option<RecordPosition>,
    /// In a replay, the record that the log has of each task.
    pub(crate) expected: Option<ExpectedRecords>,
}

/// For each task of a replayed entry the record that the log has of it; `None` for what is no transaction.
pub(crate) type ExpectedRecords = Vec<Option<Bytes>>;

/// What the log says of an entry that is replayed.
pub(crate) struct ExpectedEntry {
    pub(crate) record: RecordPosition,
    pub(crate) tasks: ExpectedRecords,
}

/// The way back to a snapshot.
pub(crate) struct Reverting {
    pub(crate) id: u64,
    /// The slot that is open then.
    pub(crate) context: Arc<SlotContext>,
    /// The next entry writes accounts as they were; `false` if none was written since.
    pub(crate) restores: bool,
    /// The record of the block log that says so.
    pub(crate) record: Option<RecordPosition>,
}

/// A slot that opened.
#[derive(Clone)]
pub(crate) struct SlotOpening {
    pub(crate) context: Arc<SlotContext>,
    /// The record of the block log that opens it. A slot in the middle of a run of idle ones has none; nor
    /// has any without a log, or before the log stage.
    pub(crate) record: Option<RecordPosition>,
    /// Where many opened at once: they, of which it is the last.
    pub(crate) passed: Option<Box<IdleSlots>>,
}

/// What a replay feeds to the schedule stage, in order.
pub(crate) enum Recorded {
    /// Ids of transactions that were charged before the records that follow.
    Ids(Vec<MessageId>),
    /// A slot opened.
    Slot(SlotOpening),
    /// An entry of the open slot.
    Entry(RecordedEntry),
    /// There is no more: from here on the stage decides by itself. `continues`: something came before.
    End { continues: bool },
}

/// An entry out of the log.
pub(crate) struct RecordedEntry {
    pub(crate) entry: EntryNumber,
    /// In serial order.
    pub(crate) works: std::vec::IntoIter<Work>,
    /// Taken once all of them are inserted.
    pub(crate) expected: Option<ExpectedEntry>,
}

/// What the publisher gets, in order. With a ledger it comes through the log stage.
pub(crate) enum PublisherMessage {
    Entry(CompletedEntry),
    /// An entry that the log stage has written.
    Logged(Box<OrderedEntry>),
    /// All that was read from the log came before.
    Replayed,
    /// A slot opened; all entries of earlier slots that were complete came before.
    Slot(SlotOpening),
    /// An accepted transaction was evicted.
    Evicted(solana_signature::Signature),
    /// A snapshot with this number is taken, at the beginning of the open slot.
    Snapshot(u64),
    /// All is as it was at a snapshot.
    Revert(Box<Reverting>),
    /// Called, when all that came before is visible. Must not block.
    Barrier(Box<dyn FnOnce() + Send>),
}
