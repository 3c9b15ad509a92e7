//! Agave's side: LiteSVM with mainnet's features.

use anyhow::{Context, Result};
use litesvm::LiteSVM;
use sealane_random_programs::{
    Failure, MEMO_1, MEMO_FIRST_LOADER, Mirror, Outcome, PROBE, PROBE_FIRST_LOADER, Transaction,
    probe_elf,
};
use sealane_sdk::{AccountState, InnerInstruction, Programs, Pubkey, Sysvars};
use solana_account::{Account, ReadableAccount};
use solana_message::VersionedMessage;
use solana_rent::Rent;
use solana_sdk_ids::{bpf_loader, bpf_loader_deprecated};
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;
use std::collections::HashMap;

pub(crate) struct Agave {
    svm: LiteSVM,
}

impl Agave {
    /// With the programs that Sealane has on board, or else with LiteSVM's own, of which some are newer.
    pub(crate) fn new(with_our_programs: bool) -> Result<Self> {
        let svm = LiteSVM::new()
            .with_sigverify(false)
            .with_blockhash_check(false)
            .with_transaction_history(0);
        let mut agave = Self { svm };
        if with_our_programs {
            // A program's file comes before the program, which is loaded when it comes.
            let mut programs = on_board();
            programs.sort_by_key(|(_, state)| state.executable);
            for (key, state) in programs {
                agave.set(&key, &state)?;
            }
        }
        let first = AccountState {
            owner: bpf_loader_deprecated::ID,
            ..agave.account(&MEMO_1)
        };
        agave.set(&MEMO_FIRST_LOADER, &first)?;
        for (key, loader) in [
            (PROBE, bpf_loader::ID),
            (PROBE_FIRST_LOADER, bpf_loader_deprecated::ID),
        ] {
            let program = AccountState {
                lamports: 1_000_000_000,
                owner: loader,
                executable: true,
                data: probe_elf().into(),
            };
            agave.set(&key, &program)?;
        }
        // The accounts of built-in programs are as on mainnet, where System's has an older name than Agave gives it.
        for program in Programs::builtin().iter() {
            agave.set(&program.id, &program.account())?;
        }
        Ok(agave)
    }

    fn set(&mut self, key: &Pubkey, state: &AccountState) -> Result<()> {
        let account = Account {
            lamports: state.lamports,
            data: state.data.as_slice().to_vec(),
            owner: state.owner,
            executable: state.executable,
            rent_epoch: u64::MAX,
        };
        let set = self.svm.set_account(*key, account);
        set.with_context(|| format!("LiteSVM refuses account {key}"))
    }

    pub(crate) fn accounts(&self) -> HashMap<Pubkey, AccountState> {
        let all = self.svm.accounts_db().inner.iter();
        all.map(|(key, account)| (*key, state_of(account)))
            .collect()
    }

    pub(crate) fn account(&self, key: &Pubkey) -> AccountState {
        let found = self.svm.accounts_db().get_account_ref(key);
        found.map(state_of).unwrap_or_default()
    }

    /// Runs a transaction; also says what was taken as a fee.
    pub(crate) fn run(&mut self, transaction: &Transaction) -> (Outcome, u64) {
        let message = &transaction.message;
        let signatures = usize::from(message.header.num_required_signatures);
        let sent = self.svm.send_transaction(VersionedTransaction {
            signatures: vec![Signature::default(); signatures],
            message: VersionedMessage::Legacy(message.clone()),
        });
        let (result, meta) = match sent {
            Ok(meta) => (Ok(()), meta),
            Err(failed) => (Err(failure(failed.err)), failed.meta),
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
        let returned = &meta.return_data;
        let outcome = Outcome {
            result,
            compute_units: meta.compute_units_consumed,
            return_data: (!returned.data.is_empty())
                .then(|| (returned.program_id, returned.data.clone())),
            inner: inner.collect(),
            logs: meta.logs,
        };
        (outcome, meta.fee)
    }
}

impl Mirror for Agave {
    fn set(&mut self, key: &Pubkey, state: &AccountState) {
        let set = Agave::set(self, key, state);
        set.expect("LiteSVM takes every account that is no broken program");
    }

    fn set_sysvars(&mut self, sysvars: &Sysvars) {
        for id in Sysvars::IDS {
            let account = sysvars.account(id).expect("it is one of ours");
            Mirror::set(self, id, &account);
        }
    }
}

/// The accounts of all programs: SPL's, and those that once were built in.
fn on_board() -> Vec<(Pubkey, AccountState)> {
    let rent = Rent::default();
    let spl = solana_program_binaries::spl_programs(&rent);
    let core = solana_program_binaries::core_bpf_programs(&rent, |_| true);
    let all = spl.into_iter().chain(core);
    all.map(|(key, account)| (key, state_of(&account)))
        .collect()
}

fn state_of(account: &impl ReadableAccount) -> AccountState {
    AccountState {
        lamports: account.lamports(),
        owner: *account.owner(),
        executable: account.executable(),
        data: account.data().into(),
    }
}

fn failure(error: TransactionError) -> Failure {
    match error {
        TransactionError::InstructionError(index, error) => Failure::Instruction(index, error),
        TransactionError::InsufficientFundsForRent { .. } => Failure::Rent(format!("{error:?}")),
        other => Failure::NotRun(format!("{other:?}")),
    }
}
