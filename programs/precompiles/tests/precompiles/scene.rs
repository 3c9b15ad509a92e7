//! Transactions of a program that takes any data and then a precompile.

use sealane_sdk::testing::Harness;
use sealane_sdk::{AccountInfo, Instruction, InstructionError, Program, ProgramResult, Pubkey};

pub(crate) const NOOP: Pubkey = Pubkey::new_from_array([2; 32]);

/// The five codes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Error {
    PublicKey,
    RecoveryId,
    Signature,
    Offsets,
    Size,
}

/// The precompiles, and a program that does nothing.
pub(crate) fn harness() -> Harness {
    fn process(_: &Pubkey, _: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
        Ok(())
    }
    let noop = Program::new(NOOP, "noop", process, 0);
    let all = sealane_precompiles::ALL.into_iter().chain([noop]);
    all.fold(Harness::new(), Harness::with_program)
}

pub(crate) fn noop(data: &[u8]) -> Instruction {
    Instruction {
        program_id: NOOP,
        accounts: vec![],
        data: data.to_vec(),
    }
}

/// What the precompile's instruction comes to as the second of a transaction whose first and third have `other` as data.
pub(crate) fn check(what: &str, instruction: &Instruction, other: &[u8], expected: Option<Error>) {
    let all = [noop(other), instruction.clone(), noop(other)];
    let outcome = harness().process_transaction(&all);
    let expected = match expected {
        None => Ok(()),
        Some(error) => Err((1, InstructionError::Custom(error as u32))),
    };
    assert_eq!(outcome.result, expected, "{what}");
}

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}
