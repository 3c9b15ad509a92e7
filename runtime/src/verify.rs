//! Wire bytes to `VerifiedTransaction`: parse in place, drop duplicates, check signatures, resolve lookup
//! tables, hash the keys.

use crate::{SlotWatch, VerifiedTransaction};
use bytes::Bytes;
use sealane_accounts_db::Accounts;
use solana_transaction_error::TransactionError;
use std::sync::Arc;

/// Why a transaction was not let through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The bytes are not a transaction. Says where it went wrong.
    #[error("failed to deserialize transaction: {0}")]
    Malformed(&'static str),
    /// More than `Limits::transaction_bytes_max` bytes.
    #[error("transaction too large: {bytes} bytes (max: {max} bytes)")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// It is a transaction, and this is what is wrong with it.
    #[error("{0}")]
    Transaction(#[from] TransactionError),
}

/// Verifies batches; one per verify thread.
pub struct Verifier(());

impl Verifier {
    /// `check_signatures: false` trusts the sender (benchmarks of what comes after).
    pub fn new(_accounts: Arc<Accounts>, _slots: SlotWatch, _limits: &crate::Limits, _check_signatures: bool) -> Self {
        todo!()
    }
    /// Verifies a batch; `out` gets one result per input, in order. Signatures are checked as one batch
    /// and bisected when that fails.
    pub fn verify_batch(&mut self, _batch: Vec<Bytes>, _out: &mut Vec<Result<Box<VerifiedTransaction>, VerifyError>>) {
        todo!()
    }
    /// For simulateTransaction with sigVerify false and for replay of a log: everything but signatures.
    pub fn parse_trusted(&mut self, _bytes: Bytes) -> Result<Box<VerifiedTransaction>, VerifyError> {
        todo!()
    }
}
