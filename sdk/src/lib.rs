//! What the author of a Sealane program needs, under the names that solana-program uses, and the one
//! instruction executor that runs programs, in a node's bank and in a plain `#[test]` alike.
//!
//! This crate knows no accounts database, no scheduler, no threads and no network. It knows account
//! states, programs, and how the instructions of one transaction change the first through the second.

mod account;
mod executor;
mod program;
mod sysvars;

pub use account::{AccountData, AccountState};
pub use executor::{
    Environment, ExecutionLimits, Executed, Executor, InnerInstruction, InstructionInput,
    TransactionAccount, format_logs,
};
pub use program::{AccountInfo, ProcessInstruction, Program, Programs};
pub use sysvars::Sysvars;

pub use solana_instruction_error::InstructionError;
pub use solana_program_error::{ProgramError, ProgramResult};
pub use solana_pubkey::Pubkey;
