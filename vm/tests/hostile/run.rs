//! Running a hostile program, with a harmless one after it.

use crate::support::elf::{elf_v3, harness_with};
use sealane_sdk::testing::{Harness, Outcome};
use sealane_sdk::{AccountMeta, AccountState, Instruction, InstructionError, Pubkey};
use sealane_vm::ProgramsConfig;

/// The program that is tested, one that does nothing, and one that is nobody's.
pub(crate) const HOSTILE: Pubkey = Pubkey::new_from_array([7; 32]);
pub(crate) const HARMLESS: Pubkey = Pubkey::new_from_array([8; 32]);
pub(crate) const OTHER: Pubkey = Pubkey::new_from_array([9; 32]);
/// The first account of instructions.
pub(crate) const ACCOUNT: Pubkey = Pubkey::new_from_array([1; 32]);

pub(crate) const NOTHING: &str = "entrypoint:
    mov64 r0, 0
    exit";

/// A harness with a hostile program, a harmless one, and others.
pub(crate) fn harness(elf: Vec<u8>, others: Vec<(Pubkey, Vec<u8>)>) -> Harness {
    let both = vec![(HOSTILE, elf), (HARMLESS, elf_v3(NOTHING, &[0; 8]))];
    let programs = both.into_iter().chain(others).collect();
    harness_with(programs, ProgramsConfig::default())
}

pub(crate) fn account(owner: Pubkey, lamports: u64, data: &[u8]) -> AccountState {
    AccountState {
        lamports,
        owner,
        executable: false,
        data: data.to_vec().into(),
    }
}

pub(crate) fn instruction(data: &[u8], accounts: Vec<AccountMeta>) -> Instruction {
    Instruction::new_with_bytes(HOSTILE, data, accounts)
}

/// Runs an instruction, and sees that a harmless one succeeds behind it.
pub(crate) fn run(harness: &mut Harness, instruction: &Instruction) -> Outcome {
    let outcome = harness.process_instruction(instruction);
    if outcome.result.is_err() {
        assert_eq!(outcome.accounts, []);
    }
    let harmless = Instruction::new_with_bytes(HARMLESS, &[], vec![]);
    assert_eq!(harness.process_instruction(&harmless).result, Ok(()));
    outcome
}

/// Checks that a program without accounts breaks a rule of the machine, as the log says in these words.
#[track_caller]
pub(crate) fn check_broken(elf: Vec<u8>, words: &str) {
    let outcome = run(&mut harness(elf, vec![]), &instruction(&[], vec![]));
    check_outcome(&outcome, &InstructionError::ProgramFailedToComplete, words);
}

/// Checks how an instruction failed, and that the log says so in these words.
#[track_caller]
pub(crate) fn check_outcome(outcome: &Outcome, error: &InstructionError, words: &str) {
    assert_eq!(outcome.error(), Some(error), "{:#?}", outcome.logs);
    let says = |line: &String| line.contains(words);
    assert!(outcome.logs.iter().any(says), "{:#?}", outcome.logs);
}
