//! What a program asks of the runtime: calls of other programs, return data, its place on the stack.

use crate::{AccountInfo, Instruction, InstructionError, ProgramError, ProgramResult, Pubkey};

/// Compute units of a cross-program invocation, beside what the called program costs (SIMD-0339).
pub const CPI_COMPUTE_UNITS: u64 = 946;

/// Bytes of return data, at most.
pub const MAX_RETURN_DATA: usize = 1024;

/// Calls another program.
pub fn invoke(instruction: &Instruction, accounts: &[AccountInfo<'_>]) -> ProgramResult {
    invoke_signed(instruction, accounts, &[])
}

/// Calls another program; the addresses derived from the caller and `seeds` sign.
pub fn invoke_signed(
    _instruction: &Instruction,
    _accounts: &[AccountInfo<'_>],
    _seeds: &[&[&[u8]]],
) -> ProgramResult {
    todo!()
}

/// As `invoke`, without looking for guards that conflict; the callee finds out.
pub fn invoke_unchecked(instruction: &Instruction, accounts: &[AccountInfo<'_>]) -> ProgramResult {
    invoke_signed_unchecked(instruction, accounts, &[])
}

/// As `invoke_signed`, without looking for guards that conflict; the callee finds out.
pub fn invoke_signed_unchecked(
    _instruction: &Instruction,
    _accounts: &[AccountInfo<'_>],
    _seeds: &[&[&[u8]]],
) -> ProgramResult {
    todo!()
}

/// Leaves data for the caller; at most `MAX_RETURN_DATA` bytes.
pub fn set_return_data(_data: &[u8]) {
    todo!()
}

/// The program that last set return data, and the data.
pub fn get_return_data() -> Option<(Pubkey, Vec<u8>)> {
    todo!()
}

/// 1 in a top-level instruction, 2 in a program that it called.
pub fn get_stack_height() -> usize {
    todo!()
}

/// An error to return from the program so that its instruction fails with exactly `error`, which
/// `ProgramError` need not be able to say: `return Err(fail_with(InstructionError::…))`.
pub fn fail_with(_error: InstructionError) -> ProgramError {
    todo!()
}
