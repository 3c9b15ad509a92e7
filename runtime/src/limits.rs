//! Every bound of the node, by name.

use crate::ArchiveLimits;
use std::time::Duration;

/// Every queue, cache, buffer and loop has its limit here. Over it, the lowest priority is refused with
/// a clear error, and nothing grows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Batches of wire bytes waiting for verify.
    pub ingest_batches_max: usize,
    /// Transactions in one batch of wire bytes.
    pub ingest_batch_max: usize,
    /// Verified batches waiting for the scheduler.
    pub verified_batches_max: usize,
    /// Transactions in the priority buffer.
    pub priority_buffer_max: usize,
    /// Transactions inserted and not completed. No more than keep the banking threads busy, unless they
    /// conflict.
    pub in_flight_max: usize,
    /// Transactions after which an entry is closed, however young it is.
    pub entry_tasks_max: usize,
    /// Accounts named by transactions in flight, summed.
    pub in_flight_accesses_max: usize,
    /// Transactions in a batch for a banking thread.
    pub bank_batch_max: usize,
    /// Batches waiting for a banking thread.
    pub bank_queue_batches_max: usize,
    /// Completed batches that may wait for the scheduler, for each banking thread. It always takes them, so
    /// this only smooths.
    pub completed_batches_max: usize,
    /// Entries, slots and evictions waiting for the publisher.
    pub publisher_messages_max: usize,
    /// More of them waiting in the scheduler before admission and insertion stop.
    pub unpublished_messages_max: usize,
    /// Entries waiting for the header stage; beyond, the publisher waits.
    pub header_messages_max: usize,
    /// Slots that ended and wait for the checkpoint stage; beyond, the header stage waits.
    pub checkpoint_slots_max: usize,
    /// Transactions of single senders that are verified as one batch, where so many wait. Such a batch takes one of
    /// `ingest_batches_max` places.
    pub verify_singles_max: usize,
    /// Transactions that came in small batches and are verified as one, where so many wait: of those who do not wait for
    /// room, and, where signatures are checked, of those who do.
    pub verify_joined_max: usize,
    /// Bytes of a legacy or version 0 transaction on the wire (Solana's packet size).
    pub transaction_bytes_max: usize,
    /// The same of a transaction of version 1 (SIMD-0385).
    pub version_1_bytes_max: usize,
    /// Accounts that a transaction may lock.
    pub transaction_accounts_max: usize,
    /// Compute units that each transaction has, whatever it asks for and pays; `None`: those that it asks for.
    pub compute_units_fixed: Option<u64>,
    /// Bytes of logs kept of a transaction.
    pub log_bytes_max: usize,
    /// Bytes of finished transactions and slots kept in memory for getTransaction, getBlock and statuses. An
    /// index by address, made when it is asked for, comes on top: 16 bytes for each address they name.
    pub history_bytes_max: usize,
    /// The same with a ledger. The rest is read from the disk, so memory only saves the reads for what is asked
    /// for most, which is what was just confirmed: this is a minute of 5,000 transactions a second, and some
    /// seconds of as many as there can be.
    pub recent_history_bytes_max: usize,
    /// Entries and slots that wait for the history stage, which tells the archive of them; beyond, the
    /// publisher waits. What waits stays in memory, whatever the bounds above say.
    pub history_messages_max: usize,
    /// The index of what is no longer in memory.
    pub archive: ArchiveLimits,
    /// Bytes of the block log and the archive, beyond which old files of the log are removed, as far as no
    /// start needs them; `None`: nothing is.
    pub ledger_bytes_max: Option<u64>,
    /// How old, in the chain's time, the slots in a file of the log are when it is removed; `None`: nothing is.
    pub ledger_age_max: Option<Duration>,
    /// Bytes after which a file of the log is followed by the next: what is removed at a time.
    pub log_file_bytes_max: u64,
    /// Headers of slots that are kept for readers.
    pub headers_max: usize,
    /// Bytes of transactions' trees that are kept with them, for proofs.
    pub transaction_trees_bytes_max: usize,
    /// Commands of the operator that wait, in a chain for development; beyond, they are refused.
    pub operator_commands_max: usize,
    /// Slots that one command may let pass: each takes some hundred nanoseconds of several threads.
    pub travel_slots_max: u64,
    /// Snapshots of a running chain for development that can be gone back to; beyond, none is taken.
    pub snapshots_max: usize,
    /// Sealed slots kept in memory for getBlock.
    pub history_slots_max: usize,
    /// Transactions whose ids are remembered within the blockhash window; full means refused.
    pub status_cache_max: usize,
    /// Events waiting for one listener; a listener that falls behind further is cut off.
    pub listener_events_max: usize,
    /// Cost units of the write locks on one account within a slot; `None`: no limit.
    pub account_cost_max: Option<u64>,
    /// Cost units of a slot; `None`: no limit.
    pub slot_cost_max: Option<u64>,
    /// Accounts that exist or are in flight.
    pub accounts_max: usize,
    /// Bytes of accounts in memory that are aimed at; what is beyond is read from the account files on demand.
    /// Needs a ledger with checkpoints. `None`: all are in memory.
    pub accounts_memory_max: Option<u64>,
    /// Transactions whose accounts are being read because it is their turn, where memory is bounded; beyond,
    /// insertion waits.
    pub fetches_max: usize,
    /// How long a native program may run before the watchdog names it (`Notice::Overrun`).
    pub program_run_max: Duration,
    /// How far what is final may be behind what is confirmed (`RuntimeConfig::finality_lag`). The node holds a pinned
    /// entry for each of these slots and one more, beside those of readers, and all within `pinned_bytes_max`. The index
    /// of an account that is gone is used again once none of them can have it.
    pub finality_lag_max: u64,
    /// Readers that hold a pinned entry at a time.
    pub pins_max: usize,
    /// Bytes of superseded versions kept for pinned readers.
    pub pinned_bytes_max: usize,
}

impl Limits {
    /// The same with Solana's limits on what a slot and an account cost: `simd_0286_block_limit` and
    /// `MAX_WRITABLE_ACCOUNT_UNITS` in agave 4.2, `cost-model/src/block_cost_limits.rs` (SIMD-0286 gives a
    /// block 100 million cost units; SIMD-0306 gave an account 40% of the 60 million of then).
    #[must_use]
    pub fn with_solana_cost_limits(self) -> Self {
        Self {
            slot_cost_max: Some(100_000_000),
            account_cost_max: Some(24_000_000),
            ..self
        }
    }

    /// Bytes of the longest transaction of any version: what is received is not read beyond.
    #[must_use]
    pub fn wire_bytes_max(&self) -> usize {
        self.transaction_bytes_max.max(self.version_1_bytes_max)
    }

    pub(crate) fn has_cost_limits(&self) -> bool {
        self.account_cost_max.is_some() || self.slot_cost_max.is_some()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ingest_batches_max: 256,
            ingest_batch_max: 256,
            verified_batches_max: 4,
            priority_buffer_max: 100_000,
            in_flight_max: 8_192,
            entry_tasks_max: 1_024,
            in_flight_accesses_max: 262_144,
            bank_batch_max: 64,
            bank_queue_batches_max: 4,
            completed_batches_max: 16,
            publisher_messages_max: 64,
            unpublished_messages_max: 256,
            header_messages_max: 128,
            checkpoint_slots_max: 16,
            verify_singles_max: 64,
            verify_joined_max: 512,
            transaction_bytes_max: 1_232,
            version_1_bytes_max: 4_096,
            transaction_accounts_max: 64,
            compute_units_fixed: None,
            log_bytes_max: 10_000,
            history_bytes_max: 4 << 30,
            recent_history_bytes_max: 256 << 20,
            history_messages_max: 256,
            archive: ArchiveLimits::default(),
            ledger_bytes_max: None,
            ledger_age_max: None,
            log_file_bytes_max: 64 << 20,
            headers_max: 512,
            transaction_trees_bytes_max: 64 << 20,
            operator_commands_max: 64,
            travel_slots_max: 64 << 20,
            snapshots_max: 64,
            history_slots_max: 2 << 20,
            status_cache_max: 64 << 20,
            listener_events_max: 4_096,
            account_cost_max: None,
            slot_cost_max: None,
            accounts_max: 64 << 20,
            accounts_memory_max: None,
            fetches_max: 256,
            program_run_max: Duration::from_secs(1),
            finality_lag_max: 150,
            pins_max: 256,
            pinned_bytes_max: 1 << 30,
        }
    }
}
