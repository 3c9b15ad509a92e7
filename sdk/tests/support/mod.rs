//! What the tests of the executor share.

#![allow(dead_code, unreachable_pub)]

use sealane_sdk::testing::{Harness, Outcome};
use sealane_sdk::{
    AccountMeta, AccountState, Instruction, ProcessInstruction, Program, Pubkey, pubkey,
};

/// The program under test.
pub const PROGRAM: Pubkey = pubkey!("Program111111111111111111111111111111111111");
/// A program that it calls.
pub const CALLEE: Pubkey = pubkey!("Ca11ee1111111111111111111111111111111111111");
/// A program that nobody registered.
pub const STRANGER: Pubkey = pubkey!("Stranger11111111111111111111111111111111111");

/// The n-th account of a test.
pub fn key(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

/// An account with a million lamports.
pub fn account(owner: &Pubkey, data: &[u8]) -> AccountState {
    AccountState {
        lamports: 1_000_000,
        owner: *owner,
        executable: false,
        data: data.into(),
    }
}

/// Reads.
pub fn ro(key: Pubkey) -> AccountMeta {
    AccountMeta::new_readonly(key, false)
}

/// Writes.
pub fn rw(key: Pubkey) -> AccountMeta {
    AccountMeta::new(key, false)
}

/// An instruction of the program under test.
pub fn instruction(metas: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program_id: PROGRAM,
        accounts: metas,
        data: vec![],
    }
}

/// A harness with the program under test. Account 1 and 2 are the program's, with 100 bytes of sevens;
/// account 3 is a stranger's; account 4 is a wallet.
pub fn harness(process: ProcessInstruction) -> Harness {
    Harness::new()
        .with_program(Program::new(PROGRAM, "program", process, 1_000))
        .with_account(key(1), account(&PROGRAM, &[7; 100]))
        .with_account(key(2), account(&PROGRAM, &[7; 100]))
        .with_account(key(3), account(&STRANGER, &[7; 100]))
        .with_account(key(4), account(&Pubkey::default(), &[]))
}

/// Runs one instruction of `process` over these accounts.
pub fn run(process: ProcessInstruction, metas: Vec<AccountMeta>) -> Outcome {
    harness(process).process_instruction(&instruction(metas))
}
