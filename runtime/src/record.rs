//! What is remembered of a transaction: enough for getTransaction.

use sealane_sdk::{InnerInstruction, Pubkey};
use solana_transaction_error::TransactionError;

/// The outcome of a charged transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// Its status.
    pub status: Result<(), TransactionError>,
    /// Fee in lamports.
    pub fee: u64,
    /// Compute units consumed.
    pub compute_units: u64,
    /// Lamports of each account before the fee was taken, in message order.
    pub pre_balances: Vec<u64>,
    /// Lamports of each account afterwards.
    pub post_balances: Vec<u64>,
    /// Log lines.
    pub logs: Vec<String>,
    /// Inner instructions.
    pub inner_instructions: Vec<InnerInstruction>,
    /// Program and return data, if any.
    pub return_data: Option<(Pubkey, Vec<u8>)>,
}

impl TransactionRecord {
    /// Decodes what `Processed::encode_record` wrote of a transaction with these account keys.
    pub fn decode(_bytes: &[u8], _keys: &[Pubkey]) -> Self {
        todo!()
    }
}
