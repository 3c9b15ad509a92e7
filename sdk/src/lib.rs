//! What the author of a Sealane program needs, under the names that solana-program uses, and the one
//! instruction executor that runs programs, in a node's bank and in a plain `#[test]` alike.
//!
//! This crate knows no accounts database, no scheduler, no threads and no network. It knows account
//! states, programs, and how the instructions of one transaction change the first through the second.

mod account;
mod call;
mod compute_budget;
mod data;
mod executor;
mod frame;
mod info;
mod invoke;
pub mod library;
pub mod light;
pub mod loader;
mod log;
mod machine;
mod panics;
mod program;
mod system;
mod sysvar;
mod sysvars;
pub mod testing;
mod trace;
mod versions;

pub use account::AccountState;
pub use compute_budget::PROGRAM as COMPUTE_BUDGET_PROGRAM;
pub use data::AccountData;
pub use executor::{
    Environment, Executed, ExecutionLimits, Executor, InnerInstruction, InstructionInput,
    TransactionAccount, TransactionAccounts,
};
pub use frame::RunningProgram;
pub use info::{
    AccountInfo, DataMut, DataRef, LamportsMut, LamportsRef, MAX_ACCOUNT_DATA_LEN,
    MAX_PERMITTED_DATA_INCREASE, next_account_info,
};
pub use invoke::{
    CPI_COMPUTE_UNITS, MAX_RETURN_DATA, fail_with, get_return_data, get_stack_height, invoke,
    invoke_signed, invoke_signed_unchecked, invoke_unchecked, set_return_data,
};
pub use log::{format_logs, log_line, sol_log, sol_log_args, sol_log_compute_units, sol_log_data};
pub use machine::{
    CalledAccount, Deployment, Machine, MachineAccount, MachineCall, MachineError,
    check_deployable, is_loader, note_deployment,
};
pub use program::{Entry, ProcessInstruction, Program, Programs, VerifyInstruction};
pub use system::PROGRAM as SYSTEM_PROGRAM;
pub use sysvar::{Sysvar, latest_blockhash, slot_hash, with_sysvars};
pub use sysvars::{Sysvars, instructions_sysvar};
pub use trace::{AccountChange, AccountUse, InstructionTrace, TRACED_RANGES_MAX, TransactionTrace};
pub use versions::Versions;

pub use solana_clock::Clock;
pub use solana_epoch_rewards::EpochRewards;
pub use solana_epoch_schedule::EpochSchedule;
pub use solana_hash::Hash;
pub use solana_instruction::{AccountMeta, Instruction};
pub use solana_instruction_error::InstructionError;
pub use solana_last_restart_slot::LastRestartSlot;
pub use solana_precompile_error::PrecompileError;
pub use solana_program_error::{ProgramError, ProgramResult};
pub use solana_program_pack as program_pack;
pub use solana_pubkey::{Pubkey, PubkeyError, declare_id, pubkey};
pub use solana_rent::Rent;
pub use solana_sdk_ids::system_program;
pub use solana_slot_hashes::SlotHashes;
pub use solana_system_interface::{error::SystemError, instruction as system_instruction};
