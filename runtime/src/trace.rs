//! The trace of a transaction that a ledger has: it is found in the block log, and a replay from the newest
//! checkpoint before it, or from genesis, ends with its entry. The banking thread that comes to its signature
//! traces it; all that ran up to there is compared with what was logged, as in any replay.

use crate::replay::replay_ledger;
use crate::sync::{Arc, Mutex};
use crate::{
    BlockLogReader, BlockRecord, LogError, ReplaySummary, RuntimeConfig, SlotContext, StartError,
    TransactionRecord, VerifiedTransaction, read_checkpoints,
};
use sealane_accounts_db::Disk;
use sealane_sdk::{Pubkey, TransactionTrace};
use solana_signature::Signature;

/// A transaction of a ledger, run once more and looked at.
#[derive(Debug)]
pub struct LedgerTrace {
    /// Its slot.
    pub slot: u64,
    /// What came of it.
    pub record: TransactionRecord,
    /// What it did; `None` if it did not come to execution.
    pub trace: Option<TransactionTrace>,
    /// The replay that led to it. One that came to another result than the log has is an error, and the trace then
    /// tells of this one.
    pub replay: Result<ReplaySummary, StartError>,
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// There is no ledger.
    #[error("a trace of the past needs a ledger")]
    NoLedger,
    /// The block log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The block log does not have it.
    #[error(
        "this ledger has no transaction {signature} (looked through: slots {first_slot} to {last_slot}, transactions: \
         {transactions}). One that was dropped, refused or only simulated is in no block; see \
         that it is the first signature, and the ledger of the node that answered for it"
    )]
    NotFound {
        /// What was looked for.
        signature: Signature,
        /// Transactions that were looked at.
        transactions: u64,
        /// The oldest slot that the log tells of.
        first_slot: u64,
        /// The newest.
        last_slot: u64,
    },
    /// No start lies before it.
    #[error(
        "the transaction is in record {record} of the block log, before the newest checkpoint, and the log's \
         beginning was removed, so nothing says what the accounts were then. A snapshot or a copy of the ledger \
         from before it can be replayed up to there"
    )]
    NoStart {
        /// The record that has it.
        record: u64,
    },
    /// The replay failed before it came to the transaction.
    #[error(transparent)]
    Replay(#[from] StartError),
}

/// Asks the pipeline for a transaction's trace, and holds it.
pub struct TraceRequest {
    signature: Signature,
    /// The record that has it: where the replay ends.
    pub(crate) record: u64,
    found: Mutex<Option<Traced>>,
}

struct Traced {
    slot: u64,
    record: TransactionRecord,
    trace: Option<TransactionTrace>,
}

impl TraceRequest {
    /// Whether this is the transaction.
    pub(crate) fn is_for(&self, transaction: &VerifiedTransaction) -> bool {
        *transaction.signature() == self.signature
    }

    /// It has run, and left this record.
    pub(crate) fn take(
        &self,
        slot: &SlotContext,
        transaction: &VerifiedTransaction,
        record: &[u8],
        trace: Option<TransactionTrace>,
    ) {
        let keys = (0..transaction.account_count()).map(|i| *transaction.key(i));
        let keys: Vec<Pubkey> = keys.collect();
        let traced = Traced {
            slot: slot.slot,
            record: TransactionRecord::decode(record, &keys),
            trace,
        };
        *self.found.lock().expect("no holder of this lock panics") = Some(traced);
    }
}

/// Replays a ledger up to a transaction and says what that did, instruction by instruction. `config` is what
/// `replay_ledger` takes; checkpoints, if it has any, are used as far as they lie before the transaction.
pub fn trace_logged(
    config: RuntimeConfig,
    signature: &Signature,
) -> Result<LedgerTrace, TraceError> {
    let disk = config.ledger.clone().ok_or(TraceError::NoLedger)?;
    let log = BlockLogReader::open(disk.clone(), &config.genesis_hash)?;
    let record = find(&log, signature)?;
    let mut config = config;
    let is_whole = log.first_record() == 1;
    if !has_checkpoint_before(&config, &*disk, record, is_whole) {
        if !is_whole {
            return Err(TraceError::NoStart { record });
        }
        config.checkpoints = None;
    }
    let request = Arc::new(TraceRequest {
        signature: *signature,
        record,
        found: Mutex::new(None),
    });
    config.trace = Some(request.clone());
    let replay = replay_ledger(config);
    let mut found = request.found.lock().expect("no holder of this lock panics");
    match (found.take(), replay) {
        (Some(found), replay) => Ok(LedgerTrace {
            slot: found.slot,
            record: found.record,
            trace: found.trace,
            replay,
        }),
        (None, Err(error)) => Err(error.into()),
        // It began behind the transaction.
        (None, Ok(_)) => Err(TraceError::NoStart {
            record: request.record,
        }),
    }
}

/// The record that has a transaction.
fn find(log: &BlockLogReader, signature: &Signature) -> Result<u64, TraceError> {
    let mut transactions = 0;
    let (mut first_slot, mut last_slot) = (None, 0);
    for next in log.records() {
        match next? {
            (position, BlockRecord::Entry(entry)) => {
                if entry.signatures().any(|found| found == signature) {
                    return Ok(position.number);
                }
                transactions += entry.wires().count() as u64;
            }
            (_, BlockRecord::SlotOpened(opened)) => {
                first_slot.get_or_insert(opened.slot);
                last_slot = opened.slot;
            }
            _ => {}
        }
    }
    Err(TraceError::NotFound {
        signature: *signature,
        transactions,
        first_slot: match log.first_record() {
            1 => 0,
            _ => first_slot.unwrap_or(0),
        },
        last_slot,
    })
}

/// Whether the newest checkpoint holds nothing of this record or later ones. Where one is damaged, a replay finds out
/// which is good, if it cannot begin at genesis.
fn has_checkpoint_before(
    config: &RuntimeConfig,
    disk: &dyn Disk,
    record: u64,
    is_whole: bool,
) -> bool {
    let Some(settings) = &config.checkpoints else {
        return false;
    };
    let folder = &settings.segments.folder;
    match read_checkpoints(disk, &config.genesis_hash, folder) {
        Ok(checkpoints) => checkpoints
            .last()
            .is_some_and(|newest| newest.state.log.record <= record),
        Err(_) => !is_whole,
    }
}
