//! One transaction, from loaded accounts to what must be committed: fee, instructions, rent states.
//!
//! Pure: the same slot, transaction and account states give the same result. Banking threads, the serial
//! oracle and simulation all call it.

use crate::{SlotContext, VerifiedTransaction};
use sealane_sdk::{AccountState, Programs};
use solana_transaction_error::TransactionError;
use std::sync::Arc;

/// Processes transactions one after the other; one per banking thread.
pub struct Bank(());

/// What became of a transaction that was charged. Borrows the bank's buffers.
pub struct Processed<'b> {
    /// Its status.
    pub status: Result<(), TransactionError>,
    /// Fee in lamports.
    pub fee: u64,
    /// Compute units consumed.
    pub compute_units: u64,
    bank: &'b mut Bank,
}

impl Bank {
    /// A bank that knows these programs.
    pub fn new(_programs: Arc<Programs>, _limits: &crate::Limits) -> Self {
        todo!()
    }
    /// Processes one transaction over its accounts' states, in message order. Sysvar accounts are
    /// taken from `slot`, whatever state is passed for them.
    ///
    /// `Err`: it is dropped, nothing is charged, it leaves no trace (payer cannot pay, nonce spent,
    /// blockhash too old and no nonce).
    pub fn process<'b>(
        &'b mut self,
        _slot: &SlotContext,
        _transaction: &VerifiedTransaction,
        _accounts: &[&AccountState],
    ) -> Result<Processed<'b>, TransactionError> {
        todo!()
    }
    /// The same, as if the transaction carried the newest blockhash: simulation's `replaceRecentBlockhash`.
    pub fn process_with_newest_blockhash<'b>(
        &'b mut self,
        _slot: &SlotContext,
        _transaction: &VerifiedTransaction,
        _accounts: &[&AccountState],
    ) -> Result<Processed<'b>, TransactionError> {
        todo!()
    }
}

impl Processed<'_> {
    /// New state of account `i`, if it must be committed: written accounts of a success; payer (and
    /// nonce) of a failure. Moves it out.
    pub fn take_change(&mut self, _i: usize) -> Option<AccountState> {
        let _ = &self.bank;
        todo!()
    }
    /// Appends the compact record that `TransactionRecord::decode` reads.
    pub fn encode_record(&self, _out: &mut Vec<u8>) {
        todo!()
    }
}
