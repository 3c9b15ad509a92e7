//! The Compute Budget program. Its instructions speak to the runtime, which reads them before the
//! transaction executes; executing one does nothing and costs what Solana charges for it.

use crate::{AccountInfo, Program, ProgramResult, Pubkey};

/// The Compute Budget program as it is registered.
pub const PROGRAM: Program = Program {
    builtin: true,
    ..Program::new(
        solana_sdk_ids::compute_budget::ID,
        "compute_budget_program",
        process_instruction,
        150,
    )
};

fn process_instruction(_: &Pubkey, _: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    Ok(())
}
