//! A transaction, and what became of it, on either side.

use crate::names;
use sealane_sdk::{InnerInstruction, Instruction, InstructionError, Pubkey};
use solana_message::legacy::Message;
use std::fmt::{Display, Formatter, Result};

/// A transaction that both sides run.
pub struct Transaction {
    /// What it was made of, before it was compiled.
    pub instructions: Vec<Instruction>,
    /// As it is signed.
    pub message: Message,
    /// Which accounts of the message may be written.
    pub writable: Vec<bool>,
    /// Compute units that it may use.
    pub compute_units: u32,
    /// Heap that its programs may use.
    pub heap_bytes: u32,
    /// How it was broken on purpose, if it was.
    pub broken: Vec<String>,
}

/// Why a transaction failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An instruction failed, with this error.
    Instruction(u8, InstructionError),
    /// It ran, and left an account that must not be.
    Rent(String),
    /// It did not run.
    NotRun(String),
}

/// All that can be seen of a transaction but the accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it succeeded.
    pub result: std::result::Result<(), Failure>,
    /// Its log, line by line.
    pub logs: Vec<String>,
    /// Compute units that it used.
    pub compute_units: u64,
    /// Return data, and the program that set them.
    pub return_data: Option<(Pubkey, Vec<u8>)>,
    /// Calls of programs by programs.
    pub inner: Vec<InnerInstruction>,
}

impl Transaction {
    /// The accounts that it may write.
    pub fn writable_keys(&self) -> impl Iterator<Item = &Pubkey> {
        let keys = self.message.account_keys.iter().zip(&self.writable);
        keys.filter(|(_, writable)| **writable).map(|(key, _)| key)
    }
}

impl Outcome {
    /// Of what did not run.
    pub(crate) fn refused(refusal: Failure) -> Self {
        Self {
            result: Err(refusal),
            logs: vec![],
            compute_units: 0,
            return_data: None,
            inner: vec![],
        }
    }
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
