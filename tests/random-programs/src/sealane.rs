//! Sealane's side: the SDK's executor and the machine for ELF files, over a map of accounts.

use crate::outcome::{Failure, Outcome, Transaction};
use sealane_sdk::{
    AccountState, Environment, ExecutionLimits, Executor, Hash, InstructionInput, Programs, Pubkey,
    SlotHashes, Sysvars, TransactionAccount, TransactionAccounts, instructions_sysvar,
};
use sealane_vm::{ElfMachine, ProgramsConfig};
use solana_sdk_ids::sysvar;
use std::collections::HashMap;
use std::sync::Arc;

/// The accounts, and what runs transactions over them.
pub struct Sealane {
    programs: Programs,
    machine: ElfMachine,
    sysvars: Sysvars,
    accounts: HashMap<Pubkey, AccountState>,
    executor: Executor,
}

impl Sealane {
    /// Begins with these accounts; their programs are those that the machine knows.
    pub fn new(accounts: HashMap<Pubkey, AccountState>) -> Self {
        let source = Arc::new(accounts.clone());
        Self {
            programs: Programs::builtin(),
            machine: ElfMachine::new(source, ProgramsConfig::default()),
            sysvars: Sysvars::default(),
            accounts,
            executor: Executor::default(),
        }
    }

    /// The sysvars.
    pub fn sysvars(&self) -> &Sysvars {
        &self.sysvars
    }

    /// Moves on to `slot`, at `unix_timestamp`.
    pub(crate) fn warp(&mut self, slot: u64, unix_timestamp: i64) {
        let clock = &mut self.sysvars.clock;
        clock.slot = slot;
        clock.unix_timestamp = unix_timestamp;
        clock.epoch = self.sysvars.epoch_schedule.get_epoch(slot);
        let hash = |slot: u64| {
            let mut bytes = [7; 32];
            bytes[..8].copy_from_slice(&slot.to_le_bytes());
            Hash::new_from_array(bytes)
        };
        let hashes: Vec<_> = (slot - 512..slot)
            .rev()
            .map(|slot| (slot, hash(slot)))
            .collect();
        self.sysvars.slot_hashes = Arc::new(SlotHashes::new(&hashes));
        self.sysvars.recent_blockhashes = Arc::new(vec![(hash(slot), 5_000)]);
    }

    /// An account is this from now on.
    pub fn set(&mut self, key: Pubkey, state: AccountState) {
        if state.is_absent() {
            self.accounts.remove(&key);
        } else {
            self.accounts.insert(key, state);
        }
    }

    pub(crate) fn get(&self, key: &Pubkey) -> Option<&AccountState> {
        self.accounts.get(key)
    }

    /// What an account is; the default state if it is not there.
    pub fn account(&self, key: &Pubkey) -> AccountState {
        if let Some(program) = self.programs.get(key) {
            return program.account();
        }
        let sysvar = self.sysvars.account(key);
        sysvar.unwrap_or_else(|| self.accounts.get(key).cloned().unwrap_or_default())
    }

    /// All accounts.
    pub fn accounts(&self) -> &HashMap<Pubkey, AccountState> {
        &self.accounts
    }

    /// Runs a transaction after its payer paid `fee`. What Agave ran and refused afterwards for its rent, or did
    /// not run at all (`refusal`), is as there.
    pub fn run(
        &mut self,
        transaction: &Transaction,
        fee: u64,
        refusal: Option<&Failure>,
    ) -> Outcome {
        if let Some(refusal @ Failure::NotRun(_)) = refusal {
            return Outcome::refused(refusal.clone());
        }
        let message = &transaction.message;
        let keys = &message.account_keys;
        let mut states: Vec<_> = keys.iter().map(|key| self.account(key)).collect();
        let instructions = message
            .instructions
            .iter()
            .map(|compiled| InstructionInput {
                program: compiled.program_id_index,
                accounts: &compiled.accounts,
                data: &compiled.data,
            });
        if let Some(at) = keys.iter().position(|key| *key == sysvar::instructions::ID) {
            let accounts = accounts(transaction, &states, 0);
            states[at] = instructions_sysvar(&accounts, instructions.clone());
        }
        let environment = Environment {
            programs: &self.programs,
            sysvars: &self.sysvars,
            machine: Some(&self.machine),
        };
        let limits = ExecutionLimits {
            compute_units: transaction.compute_units.into(),
            heap_bytes: transaction.heap_bytes,
            ..ExecutionLimits::default()
        };
        let mut loaded = TransactionAccounts::new();
        for account in &accounts(transaction, &states, fee) {
            loaded.push(account);
        }
        let executed = self
            .executor
            .execute(&environment, limits, &mut loaded, instructions);
        let returned = executed.return_data();
        let mut outcome = Outcome {
            result: executed
                .result
                .clone()
                .map_err(|(index, error)| Failure::Instruction(index, error)),
            logs: executed.logs(keys),
            compute_units: executed.compute_units,
            return_data: returned.map(|(program, data)| (keys[program], data.to_vec())),
            inner: executed.inner_instructions().to_vec(),
        };
        if outcome.result.is_ok()
            && let Some(refusal @ Failure::Rent(_)) = refusal
        {
            outcome.result = Err(refusal.clone());
        }
        let mut written = Vec::new();
        if outcome.result.is_ok() {
            for (i, key) in keys.iter().enumerate() {
                if i == 0 || loaded.is_written(i) {
                    written.push((*key, loaded.take(i)));
                }
            }
        } else {
            let mut payer = states[0].clone();
            payer.lamports -= fee;
            written.push((keys[0], payer));
        }
        drop(loaded);
        for (key, state) in written {
            self.set(key, state);
        }
        outcome
    }
}

fn accounts<'a>(
    transaction: &'a Transaction,
    states: &'a [AccountState],
    fee: u64,
) -> Vec<TransactionAccount<'a>> {
    let message = &transaction.message;
    let all = message.account_keys.iter().zip(states).enumerate();
    all.map(|(i, (key, state))| TransactionAccount {
        key,
        state,
        lamports: state.lamports - if i == 0 { fee } else { 0 },
        is_signer: message.is_signer(i),
        is_writable: transaction.writable[i],
    })
    .collect()
}
