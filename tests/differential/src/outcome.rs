//! A transaction, and what became of it, on either side.

use crate::names;
use sealane_sdk::{InnerInstruction, Instruction, InstructionError, Pubkey};
use solana_message::legacy::Message;
use std::fmt::{Display, Formatter, Result};

/// A transaction that both sides run.
pub(crate) struct Transaction {
    /// What it was made of, before it was compiled.
    pub(crate) instructions: Vec<Instruction>,
    pub(crate) message: Message,
    /// Which accounts of the message may be written.
    pub(crate) writable: Vec<bool>,
    pub(crate) compute_units: u32,
    pub(crate) heap_bytes: u32,
    /// How it was broken on purpose, if it was.
    pub(crate) broken: Vec<String>,
}

/// Why a transaction failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Instruction(u8, InstructionError),
    /// It ran, and left an account that must not be.
    Rent(String),
    /// It did not run.
    NotRun(String),
}

/// All that can be seen of a transaction but the accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) result: std::result::Result<(), Failure>,
    pub(crate) logs: Vec<String>,
    pub(crate) compute_units: u64,
    pub(crate) return_data: Option<(Pubkey, Vec<u8>)>,
    pub(crate) inner: Vec<InnerInstruction>,
}

impl Display for Transaction {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "{} compute units, {} bytes of heap, broken: {:?}",
            self.compute_units, self.heap_bytes, self.broken
        )?;
        for (i, key) in self.message.account_keys.iter().enumerate() {
            let signer = if self.message.is_signer(i) { "s" } else { " " };
            let writable = if self.writable[i] { "w" } else { " " };
            writeln!(f, "  {i:>3} {signer}{writable} {key}")?;
        }
        for (instruction, compiled) in self.instructions.iter().zip(&self.message.instructions) {
            writeln!(
                f,
                "  {} {:?} {:?}",
                names::of(instruction),
                compiled.accounts,
                compiled.data
            )?;
        }
        Ok(())
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "{:?}, {} units", self.result, self.compute_units)?;
        writeln!(f, "  returned {:?}", self.return_data)?;
        for inner in &self.inner {
            writeln!(
                f,
                "  under {} at {}: {} {:?} {:?}",
                inner.top_level, inner.stack_height, inner.program, inner.accounts, inner.data
            )?;
        }
        for line in &self.logs {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}
