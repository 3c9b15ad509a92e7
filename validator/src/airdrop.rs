//! Airdrops: transfers from the faucet, each a transaction of its own.
//!
//! Two airdrops of the same amount to the same account with the same blockhash must not be one transaction,
//! which would run once: each asks for a compute limit of its own, which changes nothing else. The numbers
//! begin anew with each process, but the blockhash before a crash is the one after it. So whoever sends an
//! airdrop that is known already sends the next one.

use crate::genesis::Genesis;
use bytes::Bytes;
use sealane_runtime::{Refusal, VerifyError};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;
use std::sync::atomic::{AtomicU32, Ordering};

const UNITS_MIN: u32 = 10_000;
const UNITS_CHOICE: u32 = 1_000_000;

/// Numbers the airdrops of this process.
#[derive(Default)]
pub(crate) struct Airdrops(AtomicU32);

impl Airdrops {
    /// A transfer from the faucet, signed, as wire bytes; another one at each call.
    pub(crate) fn next(
        &self,
        genesis: &Genesis,
        to: &Pubkey,
        lamports: u64,
        blockhash: Hash,
    ) -> bincode::Result<Bytes> {
        // Relaxed: only the numbers must differ.
        let number = self.0.fetch_add(1, Ordering::Relaxed) % UNITS_CHOICE;
        let payer = genesis.faucet.pubkey();
        let transaction = Transaction::new_signed_with_payer(
            &[
                ComputeBudgetInstruction::set_compute_unit_limit(UNITS_MIN + number),
                solana_system_interface::instruction::transfer(&payer, to, lamports),
            ],
            Some(&payer),
            &[&genesis.faucet],
            blockhash,
        );
        Ok(bincode::serialize(&transaction)?.into())
    }
}

/// Whether a transaction was refused because it is in already.
pub(crate) fn is_known(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Verify(VerifyError::Transaction(TransactionError::AlreadyProcessed))
    )
}
