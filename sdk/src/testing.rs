//! Tests of programs in a plain `#[test]`, through the executor that a node uses.
//!
//! ```
//! use sealane_sdk::{AccountInfo, Instruction, Program, ProgramResult, Pubkey, msg, testing::Harness};
//!
//! fn hello(_: &Pubkey, _: &[AccountInfo], data: &[u8]) -> ProgramResult {
//!     msg!("hello, {} bytes", data.len());
//!     Ok(())
//! }
//!
//! let id = Pubkey::new_from_array([7; 32]);
//! let mut harness = Harness::new().with_program(Program::new(id, "hello", hello, 100));
//! let outcome = harness.process_instruction(&Instruction::new_with_bytes(id, &[1, 2], vec![]));
//! assert_eq!(outcome.result, Ok(()));
//! assert_eq!(outcome.logs[1], "Program log: hello, 2 bytes");
//! assert_eq!(outcome.compute_units, 100);
//! ```
//!
//! There are no fees, signatures or blockhashes here, and no rent states: those are the bank's. Whoever an
//! instruction says signed, signed.

use crate::{
    AccountState, Environment, ExecutionLimits, Executor, InnerInstruction, Instruction,
    InstructionError, InstructionInput, Machine, Program, Programs, Pubkey, Sysvars,
    TransactionAccount, TransactionAccounts, TransactionTrace, instructions_sysvar,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Accounts, programs and a slot: what a test of a program needs.
pub struct Harness {
    programs: Programs,
    sysvars: Sysvars,
    accounts: BTreeMap<Pubkey, AccountState>,
    limits: ExecutionLimits,
    machine: Option<Box<dyn Machine>>,
    executor: Executor,
}

/// What became of a transaction.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The error, with the index of the top-level instruction that failed.
    pub result: Result<(), (u8, InstructionError)>,
    /// Log lines.
    pub logs: Vec<String>,
    /// Compute units consumed.
    pub compute_units: u64,
    /// Program that set return data, and the data.
    pub return_data: Option<(Pubkey, Vec<u8>)>,
    /// Calls of programs by programs. Their indices are of `keys`.
    pub inner_instructions: Vec<InnerInstruction>,
    /// The transaction's accounts.
    pub keys: Vec<Pubkey>,
    /// The programs that it deployed, upgraded, extended or closed, with the accounts that have their files; none if
    /// it failed.
    pub deployed: Vec<(Pubkey, Pubkey)>,
    /// States of the accounts that were written; of none if it failed.
    pub accounts: Vec<(Pubkey, AccountState)>,
    /// What it did in detail, where that was asked for (`Harness::with_trace`).
    pub trace: Option<TransactionTrace>,
}

impl Outcome {
    /// The error of the instruction that failed, if any.
    pub fn error(&self) -> Option<&InstructionError> {
        self.result.as_ref().err().map(|(_, error)| error)
    }
}

impl Default for Harness {
    fn default() -> Self {
        Self::new()
    }
}

impl Harness {
    /// The built-in programs, no accounts, default sysvars, 1,400,000 compute units and 10,000 bytes
    /// of logs for a transaction.
    pub fn new() -> Self {
        Self {
            programs: Programs::builtin(),
            sysvars: Sysvars::default(),
            accounts: BTreeMap::new(),
            limits: ExecutionLimits::default(),
            machine: None,
            executor: Executor::default(),
        }
    }

    /// With a machine for programs that are ELF files.
    pub fn with_machine(mut self, machine: Box<dyn Machine>) -> Self {
        self.machine = Some(machine);
        self
    }

    /// With a program on board.
    pub fn with_program(mut self, program: Program) -> Self {
        self.programs.add(program);
        self
    }

    /// With an account.
    pub fn with_account(mut self, key: Pubkey, state: AccountState) -> Self {
        self.set_account(key, state);
        self
    }

    /// With other limits.
    pub fn with_limits(mut self, limits: ExecutionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// With a trace in each outcome.
    pub fn with_trace(mut self) -> Self {
        self.executor.set_traced(true);
        self
    }

    /// Sets an account. Programs and sysvars are what they are, whatever is set here.
    pub fn set_account(&mut self, key: Pubkey, state: AccountState) {
        if state.is_absent() {
            self.accounts.remove(&key);
        } else {
            self.accounts.insert(key, state);
        }
    }

    /// The account as the next transaction finds it; the default state if it does not exist.
    pub fn account(&self, key: &Pubkey) -> AccountState {
        if let Some(program) = self.programs.get(key) {
            return program.account();
        }
        let sysvar = || self.sysvars.account(key);
        self.accounts
            .get(key)
            .cloned()
            .or_else(sysvar)
            .unwrap_or_default()
    }

    /// Gives an account lamports, beside what it has. A new one is the System program's.
    pub fn airdrop(&mut self, key: &Pubkey, lamports: u64) {
        self.accounts.entry(*key).or_default().lamports += lamports;
    }

    /// The sysvars, to be changed at will.
    pub fn sysvars_mut(&mut self) -> &mut Sysvars {
        &mut self.sysvars
    }

    /// Moves the clock to `slot`, its epoch, and a time 400 ms per slot later than slot 0; the newest
    /// blockhash becomes one that only this slot has.
    pub fn warp_to_slot(&mut self, slot: u64) {
        let sysvars = &mut self.sysvars;
        sysvars.clock.slot = slot;
        sysvars.clock.epoch = sysvars.epoch_schedule.get_epoch(slot);
        sysvars.clock.leader_schedule_epoch =
            sysvars.epoch_schedule.get_leader_schedule_epoch(slot);
        sysvars.clock.unix_timestamp = (slot * 400 / 1000) as i64;
        let blockhash = solana_sha256_hasher::hashv(&[b"slot", &slot.to_le_bytes()]);
        Arc::make_mut(&mut sysvars.recent_blockhashes).insert(0, (blockhash, 5_000));
    }

    /// Runs one instruction as a transaction, and keeps its changes if it succeeds.
    pub fn process_instruction(&mut self, instruction: &Instruction) -> Outcome {
        self.process_transaction(std::slice::from_ref(instruction))
    }

    /// Runs instructions as one transaction, and keeps its changes if it succeeds.
    pub fn process_transaction(&mut self, instructions: &[Instruction]) -> Outcome {
        let mut message = Message::new(self, instructions);
        message.add_instructions_sysvar();
        let environment = Environment {
            programs: &self.programs,
            sysvars: &self.sysvars,
            machine: self.machine.as_deref(),
        };
        let mut accounts = TransactionAccounts::new();
        for account in message.accounts() {
            accounts.push(&account);
        }
        let executed = self.executor.execute(
            &environment,
            self.limits,
            &mut accounts,
            message.instructions(),
        );
        let written = (0..message.keys.len())
            .filter(|i| accounts.is_written(*i))
            .collect::<Vec<_>>();
        let written = written
            .into_iter()
            .map(|i| (message.keys[i], accounts.take(i)))
            .collect();
        drop(accounts);
        let outcome = Outcome {
            result: executed.result.clone(),
            logs: executed.logs(&message.keys),
            compute_units: executed.compute_units,
            return_data: executed
                .return_data()
                .map(|(program, data)| (message.keys[program], data.to_vec())),
            inner_instructions: executed.inner_instructions().to_vec(),
            deployed: executed
                .deployed
                .iter()
                .map(|it| (it.program, it.programdata))
                .map(|(program, data)| {
                    (message.keys[program as usize], message.keys[data as usize])
                })
                .collect(),
            accounts: written,
            trace: executed.trace.map(|trace| *trace),
            keys: message.keys,
        };
        for (key, state) in &outcome.accounts {
            self.set_account(*key, state.clone());
        }
        outcome
    }
}

/// Instructions compiled as a transaction's message has them.
struct Message {
    keys: Vec<Pubkey>,
    states: Vec<AccountState>,
    /// Signer, writable.
    privileges: Vec<(bool, bool)>,
    /// Program, accounts, data.
    instructions: Vec<(u8, Vec<u8>, Vec<u8>)>,
}

impl Message {
    fn new(harness: &Harness, instructions: &[Instruction]) -> Self {
        let mut message = Self {
            keys: vec![],
            states: vec![],
            privileges: vec![],
            instructions: vec![],
        };
        for instruction in instructions {
            let metas = instruction.accounts.iter();
            let accounts = metas
                .map(|meta| message.add(harness, meta.pubkey, meta.is_signer, meta.is_writable))
                .collect();
            let program = message.add(harness, instruction.program_id, false, false);
            message
                .instructions
                .push((program, accounts, instruction.data.clone()));
        }
        message
    }

    /// Index of an account, with at least these privileges in the whole transaction.
    fn add(&mut self, harness: &Harness, key: Pubkey, is_signer: bool, is_writable: bool) -> u8 {
        let index = self
            .keys
            .iter()
            .position(|known| *known == key)
            .unwrap_or_else(|| {
                self.keys.push(key);
                self.states.push(harness.account(&key));
                self.privileges.push((false, false));
                self.keys.len() - 1
            });
        // As a bank does: nobody writes programs and sysvars.
        let reserved = harness.programs.get(&key).is_some() || Sysvars::IDS.contains(&key);
        self.privileges[index].0 |= is_signer;
        self.privileges[index].1 |= is_writable && !reserved;
        u8::try_from(index).expect("a transaction names at most 256 accounts")
    }

    fn add_instructions_sysvar(&mut self) {
        let id = solana_sdk_ids::sysvar::instructions::ID;
        if let Some(index) = self.keys.iter().position(|key| *key == id) {
            self.privileges[index].1 = false;
            self.states[index] = instructions_sysvar(&self.accounts(), self.instructions());
        }
    }

    fn accounts(&self) -> Vec<TransactionAccount<'_>> {
        let parts = self.keys.iter().zip(&self.states).zip(&self.privileges);
        parts
            .map(
                |((key, state), &(is_signer, is_writable))| TransactionAccount {
                    key,
                    state,
                    lamports: state.lamports,
                    is_signer,
                    is_writable,
                },
            )
            .collect()
    }

    fn instructions(&self) -> impl Iterator<Item = InstructionInput<'_>> + Clone {
        self.instructions
            .iter()
            .map(|(program, accounts, data)| InstructionInput {
                program: *program,
                accounts,
                data,
            })
    }
}
