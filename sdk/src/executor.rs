//! The one instruction executor: runs the instructions of one transaction over its accounts.
//!
//! It has no opinion on fees, ages, rent or commits: those are the bank's. It enforces what holds inside
//! a transaction: privileges, ownership, balances, growth, depth, compute.

use crate::{AccountState, InstructionError, Programs, Pubkey, Sysvars};

/// What an execution may use, for the whole transaction.
#[derive(Clone, Copy, Debug)]
pub struct ExecutionLimits {
    /// Compute units of the transaction (SetComputeUnitLimit or the default).
    pub compute_units: u64,
    /// Bytes of log messages kept; Solana truncates beyond 10,000.
    pub log_bytes: usize,
}

/// What every transaction of a slot shares.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// Programs by id.
    pub programs: &'a Programs,
    /// Sysvars of the slot.
    pub sysvars: &'a Sysvars,
}

/// An account that the transaction names, in message order.
#[derive(Clone, Copy)]
pub struct TransactionAccount<'a> {
    /// Address.
    pub key: &'a Pubkey,
    /// State before the first instruction (after the fee was taken).
    pub state: &'a AccountState,
    /// Signed by the transaction.
    pub is_signer: bool,
    /// Writable, after reserved keys and called programs were demoted.
    pub is_writable: bool,
}

/// One top-level instruction.
#[derive(Clone, Copy, Debug)]
pub struct InstructionInput<'a> {
    /// Index of the program among the transaction's accounts.
    pub program: u8,
    /// Indices of the instruction's accounts among the transaction's.
    pub accounts: &'a [u8],
    /// Instruction data.
    pub data: &'a [u8],
}

/// A cross-program invocation that took place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerInstruction {
    /// Index of the top-level instruction it ran under.
    pub top_level: u8,
    /// Depth on the stack: 2 for one called by a top-level instruction.
    pub stack_height: u8,
    /// Index of the program among the transaction's accounts.
    pub program: u8,
    /// Indices of its accounts among the transaction's.
    pub accounts: Vec<u8>,
    /// Instruction data.
    pub data: Vec<u8>,
}

/// Runs transactions one after the other; one per banking thread, nothing allocated after warm-up.
pub struct Executor(());

/// What a transaction did. Borrows the executor's buffers until the next one runs.
pub struct Executed<'e> {
    /// `Err((index, error))`: the top-level instruction that failed. Then nothing below may be committed.
    pub result: Result<(), (u8, InstructionError)>,
    /// Compute units consumed.
    pub compute_units: u64,
    /// Executor, whose buffers hold the rest.
    executor: &'e mut Executor,
}

impl Default for Executor {
    fn default() -> Self {
        todo!()
    }
}

impl Executor {
    /// Executes `instructions` in order, stopping at the first error. A panic in a program is caught
    /// and becomes `InstructionError::ProgramFailedToComplete`.
    pub fn execute<'e, 'i>(
        &'e mut self,
        _environment: &Environment<'_>,
        _limits: ExecutionLimits,
        _accounts: &[TransactionAccount<'_>],
        _instructions: impl Iterator<Item = InstructionInput<'i>>,
    ) -> Executed<'e> {
        todo!()
    }
}

impl Executed<'_> {
    /// State of account `index` as the transaction leaves it, if it was written; `None` if untouched.
    /// Taking it moves it out.
    pub fn take_written(&mut self, _index: usize) -> Option<AccountState> {
        let _ = &self.executor;
        todo!()
    }
    /// The lines that Solana would have logged ("Program 111… invoke [1]", …), formatted now. The
    /// compact form is what `log_bytes` returns; `format_logs` turns it into lines at any later time.
    pub fn logs(&self) -> Vec<String> {
        todo!()
    }
    /// The logs in compact form (program indices instead of addresses, no formatting done).
    pub fn log_bytes(&self) -> &[u8] {
        todo!()
    }
    /// Inner instructions in execution order.
    pub fn inner_instructions(&self) -> &[InnerInstruction] {
        todo!()
    }
    /// Program that last set return data, and the data (at most 1,024 bytes); `None` if empty.
    pub fn return_data(&self) -> Option<(Pubkey, &[u8])> {
        todo!()
    }
}
