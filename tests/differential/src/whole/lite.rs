//! LiteSVM's side of a whole transaction, for those that it treats as Agave does.
//!
//! It runs programs by Agave's own crates, and stands in for the bank around them with less than that does. What it
//! does otherwise than Agave 4.3, and so is not asked:
//!
//! - Only the newest blockhash is recent, and what a nonce account stores is made of the transaction's own blockhash, not
//!   of the bank's newest. So it is asked only about transactions that carry the newest.
//! - A failure does not advance the nonce account that the transaction lives on. (The same ones.)
//! - What cannot be loaded (no such program, too many bytes) is not charged, has an error of its own
//!   (`InvalidProgramForExecution` for a program that does not exist), and does not count the files of programs of
//!   loader v3. So it is not asked about transactions that Agave charges without executing them, nor about those whose
//!   accounts it may find to be fewer bytes than they are: its limit only ever lets more pass.
//! - The Compute Budget comes after age and locks, not before; so it is not asked about what is dropped.
//! - A program's account must be executable. Agave asks only whose it is. No transaction here makes the difference.
//! - An account whose last lamports went for the fee of a failure stays there, without any, and counts as loaded. It is
//!   taken out after each transaction.

use super::bank;
use anyhow::Result;
use litesvm::LiteSVM;
use sealane_random_transactions::{Answer, Charged, Transaction};
use sealane_runtime::SlotContext;
use sealane_sdk::{AccountState, InnerInstruction, Pubkey, Sysvars};
use solana_account::AccountSharedData;
use std::collections::HashMap;

pub(crate) struct Lite(LiteSVM);

impl Lite {
    pub(crate) fn new(accounts: &HashMap<Pubkey, AccountState>) -> Result<Self> {
        // Without the programs that it has otherwise: the other sides have only some of them.
        let svm = LiteSVM::default()
            .with_mainnet_features()
            .with_builtins()
            .with_sysvars()
            .with_precompiles()
            .with_transaction_history(0);
        let mut lite = Self(svm);
        // A program's file comes before the program, which is loaded when it comes.
        let mut accounts: Vec<_> = accounts.iter().collect();
        accounts.sort_by_key(|(_, state)| state.executable);
        for (key, state) in accounts {
            lite.set(key, bank::account_of(state));
        }
        Ok(lite)
    }

    pub(crate) fn set(&mut self, key: &Pubkey, account: AccountSharedData) {
        let set = self.0.set_account(*key, account.into());
        set.expect("LiteSVM takes every account that is no broken program");
    }

    pub(crate) fn open_slot(&mut self, slot: &SlotContext) {
        for id in Sysvars::IDS {
            let account = slot.sysvars.account(id).expect("it is one of ours");
            self.set(id, bank::account_of(&account));
        }
    }

    pub(crate) fn account(&self, key: &Pubkey) -> AccountState {
        let found = self.0.accounts_db().get_account_ref(key);
        found.map(super::state_of).unwrap_or_default()
    }

    /// Runs a transaction that Agave executed.
    pub(crate) fn run(&mut self, transaction: &Transaction) -> Answer {
        let (status, meta) = match self.0.send_transaction(transaction.versioned()) {
            Ok(meta) => (Ok(()), meta),
            Err(failed) => (Err(failed.err), failed.meta),
        };
        let inner = meta.inner_instructions.iter().enumerate();
        let inner = inner.flat_map(|(top_level, inner)| {
            inner.iter().map(move |inner| InnerInstruction {
                top_level: top_level as u8,
                stack_height: inner.stack_height,
                program: inner.instruction.program_id_index,
                accounts: inner.instruction.accounts.clone(),
                data: inner.instruction.data.clone(),
            })
        });
        let returned = meta.return_data;
        Answer::Charged(Box::new(Charged {
            status,
            fee: meta.fee,
            compute_units: meta.compute_units_consumed,
            logs: meta.logs,
            return_data: (!returned.data.is_empty())
                .then_some((returned.program_id, returned.data)),
            inner: inner.collect(),
        }))
    }
}
