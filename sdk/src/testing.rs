//! Tests of programs in a plain `#[test]`, through the executor that a node uses.

use crate::{AccountState, Instruction, InstructionError, Program, Pubkey, Sysvars};

/// Accounts, programs and a slot: what a test of a program needs.
pub struct Harness(());

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
    /// States of the accounts that were written; of none if it failed.
    pub accounts: Vec<(Pubkey, AccountState)>,
}

impl Default for Harness {
    fn default() -> Self {
        Self::new()
    }
}

impl Harness {
    /// System and Compute Budget, no accounts, default sysvars.
    pub fn new() -> Self {
        todo!()
    }
    /// With a program on board.
    pub fn with_program(self, _program: Program) -> Self {
        todo!()
    }
    /// With an account.
    pub fn with_account(self, _key: Pubkey, _state: AccountState) -> Self {
        todo!()
    }
    /// Sets an account.
    pub fn set_account(&mut self, _key: Pubkey, _state: AccountState) {
        todo!()
    }
    /// The account; the default state if it does not exist.
    pub fn account(&self, _key: &Pubkey) -> AccountState {
        todo!()
    }
    /// Gives an account lamports, owned by the System program.
    pub fn airdrop(&mut self, _key: &Pubkey, _lamports: u64) {
        todo!()
    }
    /// The sysvars, to be changed at will.
    pub fn sysvars_mut(&mut self) -> &mut Sysvars {
        todo!()
    }
    /// Moves the clock to `slot`.
    pub fn warp_to_slot(&mut self, _slot: u64) {
        todo!()
    }
    /// Runs one instruction as a transaction, and keeps its changes if it succeeds.
    pub fn process_instruction(&mut self, _instruction: &Instruction) -> Outcome {
        todo!()
    }
    /// Runs instructions as one transaction, and keeps its changes if it succeeds.
    pub fn process_transaction(&mut self, _instructions: &[Instruction]) -> Outcome {
        todo!()
    }
}
