//! Ends that are no errors fail the instruction, one after the other, and the process goes on.

use crate::world::MEMO;
use anyhow::{Result, ensure};
use sealane_sdk::testing::Harness;
use sealane_sdk::{Instruction, InstructionError};

/// What the instruction says, and what the log then ends with.
const ENDS: [(u8, &str); 5] = [
    (0, "Panicked in ends/src/lib.rs at 13:16"),
    (1, "Panicked in ends/src/lib.rs at 14:16"),
    (2, "SBF program panicked"),
    (3, "SBF program panicked"),
    (4, "success"),
];

pub(crate) fn check(native: &mut Harness) -> Result<()> {
    for (end, log) in ENDS.repeat(3) {
        let outcome =
            native.process_instruction(&Instruction::new_with_bytes(MEMO, &[end], vec![]));
        let failed = InstructionError::ProgramFailedToComplete;
        let expected = (end < 4).then_some(&failed);
        let is_logged = outcome.logs.last().is_some_and(|last| last.ends_with(log));
        ensure!(
            outcome.error() == expected && is_logged,
            "{end}: {outcome:?}"
        );
    }
    println!("panics, aborts and a full heap fail the instruction");
    Ok(())
}
