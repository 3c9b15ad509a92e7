//! Where transactions come in.

use crate::VerifyError;
use crate::counters::StageCounters;
use crate::ledger::LedgerHealth;
use crate::singles::Singles;
use crate::sync::{Arc, AtomicBool, Ordering, Sender, TrySendError};
use bytes::Bytes;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;

/// Why a transaction that was handed in will not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Verify refused it.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Too much is waiting, of no lower priority.
    #[error("the node is busy; try again, or pay a higher fee per compute unit")]
    Busy,
    /// The node stops.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// Nothing more can be confirmed.
    #[error("the node's ledger failed, so it confirms nothing more: {0}")]
    LedgerFailed(std::sync::Arc<str>),
}

impl From<TransactionError> for Refusal {
    fn from(error: TransactionError) -> Self {
        Self::Verify(VerifyError::Transaction(error))
    }
}

/// Called once, from a pipeline thread, with what admission decided. Must not block.
pub type OnAdmission = Box<dyn FnOnce(Result<Signature, Refusal>) + Send>;

/// What travels in queue 1.
pub(crate) enum IngestBatch {
    /// From a sender who waits for room: never shed.
    Bulk(Vec<Bytes>),
    /// From senders who neither wait nor hear: shed by priority.
    Offered(Vec<Bytes>),
    /// A group of transactions whose senders want to hear; they are in `Singles`.
    Singles,
    /// Ends one verify thread.
    Stop,
}

/// Hands transactions in. Clone freely.
#[derive(Clone)]
pub struct Ingest {
    pub(crate) queue: Sender<IngestBatch>,
    pub(crate) singles: Arc<Singles>,
    /// Transactions in one batch.
    pub(crate) batch_max: usize,
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) ledger: Arc<LedgerHealth>,
    pub(crate) counters: Arc<StageCounters>,
}

impl Ingest {
    /// Queues a batch, waiting while the queue is full: a bulk sender is slowed down, not shed. What
    /// verify or admission refuses is counted. `Err` when the node stops.
    pub fn submit(&self, batch: Vec<Bytes>) -> Result<(), Refusal> {
        if self.is_stopping() {
            return Err(Refusal::ShuttingDown);
        }
        if let Some(reason) = self.ledger.failure() {
            return Err(Refusal::LedgerFailed(reason));
        }
        self.counters.received.add(batch.len() as u64);
        let mut rest = batch;
        while !rest.is_empty() {
            let next = rest.split_off(rest.len().min(self.batch_max));
            self.queue
                .send(IngestBatch::Bulk(rest))
                .map_err(|_| Refusal::ShuttingDown)?;
            rest = next;
        }
        Ok(())
    }

    /// Queues a batch without waiting. `Err`: there is no room now; the batch comes back. What the node has no
    /// use for, because it stops or its ledger failed, is counted as refused and does not come back.
    pub fn offer(&self, batch: Vec<Bytes>) -> Result<(), Vec<Bytes>> {
        debug_assert!(batch.len() <= self.batch_max, "a batch is bounded");
        let count = batch.len() as u64;
        let offered = if self.is_stopping() || self.ledger.failure().is_some() {
            Err(None)
        } else {
            self.queue
                .try_send(IngestBatch::Offered(batch))
                .map_err(|error| match error {
                    TrySendError::Full(IngestBatch::Offered(batch)) => Some(batch),
                    _ => None,
                })
        };
        match offered {
            Err(Some(batch)) => return Err(batch),
            Err(None) => self.counters.refused.add(count),
            Ok(()) => {}
        }
        self.counters.received.add(count);
        Ok(())
    }

    /// Counts a batch that was offered in vain and is given up.
    pub fn give_up(&self, batch: &[Bytes]) {
        self.counters.received.add(batch.len() as u64);
        self.counters.refused.add(batch.len() as u64);
    }

    /// Queues one transaction without waiting; `on_admission` hears whether it was accepted.
    pub fn submit_one(&self, transaction: Bytes, on_admission: OnAdmission) {
        if self.is_stopping() {
            return on_admission(Err(Refusal::ShuttingDown));
        }
        if let Some(reason) = self.ledger.failure() {
            return on_admission(Err(Refusal::LedgerFailed(reason)));
        }
        self.counters.received.add(1);
        let single = (transaction, on_admission);
        if let Err(((_, on_admission), error)) = self.singles.add(single, &self.queue) {
            self.counters.refused.add(1);
            on_admission(Err(match error {
                TrySendError::Full(()) => Refusal::Busy,
                TrySendError::Disconnected(()) => Refusal::ShuttingDown,
            }));
        }
    }

    fn is_stopping(&self) -> bool {
        // Acquire: pairs with the release in `Runtime::shutdown`.
        self.stopping.load(Ordering::Acquire)
    }
}
