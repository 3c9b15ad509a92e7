//! The Compute Budget program. Its instructions speak to the runtime, which reads them before the
//! transaction executes; executing one does nothing and costs what Solana charges for it.

use crate::{AccountInfo, Program, ProgramResult, Pubkey};

/// The Compute Budget program as it is registered.
pub const PROGRAM: Program = Program {
    builtin: true,
    versions: None,
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
#[cfg(test)]
mod tests {
    use crate::{Instruction, testing::Harness};

    #[test]
    fn any_instruction_succeeds_and_costs_150_units() {
        for data in [vec![], vec![2, 0, 1, 0, 0], vec![255; 64]] {
            let instruction = Instruction {
                program_id: super::PROGRAM.id,
                accounts: vec![],
                data,
            };
            let outcome = Harness::new().process_instruction(&instruction);
            assert_eq!(outcome.result, Ok(()));
            assert_eq!(outcome.compute_units, 150);
            assert_eq!(
                outcome.logs,
                [
                    "Program ComputeBudget111111111111111111111111111111 invoke [1]",
                    "Program ComputeBudget111111111111111111111111111111 success",
                ]
            );
        }
    }
}
