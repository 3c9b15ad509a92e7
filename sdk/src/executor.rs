//! The one instruction executor: runs the instructions of one transaction over its accounts.
//!
//! It has no opinion on fees, ages, rent or commits: those are the bank's. It enforces what holds inside
//! a transaction: privileges, ownership, balances, growth, depth, compute.

use crate::frame::{AccountCell, Frame, State, current};
use crate::log::Log;
use crate::{AccountState, InstructionError, Programs, Pubkey, Sysvars, call, panics};
use smallvec::SmallVec;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
pub struct Executor {
    state: State,
    /// Addresses of the last transaction's accounts.
    keys: Vec<Pubkey>,
    /// What the last transaction wrote, by account; `None` beyond `written_len`.
    written: Vec<Option<AccountState>>,
    /// Accounts of the last transaction; 0 if it failed.
    written_len: usize,
}

/// What a transaction did. Borrows the executor's buffers until the next one runs.
pub struct Executed<'e> {
    /// `Err((index, error))`: the top-level instruction that failed. Then nothing below may be committed.
    pub result: Result<(), (u8, InstructionError)>,
    /// Compute units consumed.
    pub compute_units: u64,
    written: &'e mut [Option<AccountState>],
    keys: &'e Vec<Pubkey>,
    log: &'e Log,
    inner: &'e [InnerInstruction],
    return_program: u8,
    return_data: &'e Vec<u8>,
}

impl Default for Executor {
    fn default() -> Self {
        panics::install_hook();
        Self {
            state: State::default(),
            keys: Vec::new(),
            written: Vec::new(),
            written_len: 0,
        }
    }
}

impl Executor {
    /// Executes `instructions` in order, stopping at the first error. A panic in a program is caught
    /// and becomes `InstructionError::ProgramFailedToComplete`.
    ///
    /// Panics if there are more than 256 accounts or an instruction's index is beyond them.
    pub fn execute<'e, 'i>(
        &'e mut self,
        environment: &Environment<'_>,
        limits: ExecutionLimits,
        accounts: &[TransactionAccount<'_>],
        instructions: impl Iterator<Item = InstructionInput<'i>>,
    ) -> Executed<'e> {
        assert!(
            accounts.len() <= 256,
            "a transaction names at most 256 accounts"
        );
        for written in &mut self.written[..self.written_len] {
            *written = None;
        }
        self.written_len = 0;
        self.keys.clear();
        self.keys.reserve(accounts.len());
        for account in accounts {
            self.keys.push(*account.key);
        }
        self.state.start(limits.compute_units, limits.log_bytes);
        let result = self.run(environment, accounts, instructions);
        let compute_units = limits.compute_units - self.state.compute_left.get();
        let State {
            log,
            inner,
            inner_len,
            return_program,
            return_data,
            ..
        } = &mut self.state;
        Executed {
            result,
            compute_units,
            written: &mut self.written[..self.written_len],
            keys: &self.keys,
            log: log.get_mut(),
            inner: &inner.get_mut()[..inner_len.get()],
            return_program: return_program.get(),
            return_data: return_data.get_mut(),
        }
    }

    fn run<'i>(
        &mut self,
        environment: &Environment<'_>,
        accounts: &[TransactionAccount<'_>],
        instructions: impl Iterator<Item = InstructionInput<'i>>,
    ) -> Result<(), (u8, InstructionError)> {
        // On the stack, as they borrow from this transaction: only one with many accounts allocates.
        let mut cells: SmallVec<[AccountCell<'_>; 32]> = SmallVec::new();
        for account in accounts {
            cells.push(AccountCell::new(account));
        }
        run(environment, &self.state, &mut cells, instructions)?;
        if self.written.len() < accounts.len() {
            self.written.resize_with(accounts.len(), || None);
        }
        // Most are unchanged, and `None` already.
        for (written, cell) in self.written.iter_mut().zip(&mut cells) {
            if cell.changed.get() {
                *written = Some(cell.take_changed());
            }
        }
        self.written_len = accounts.len();
        Ok(())
    }
}

/// Runs the top-level instructions.
fn run<'i>(
    environment: &Environment<'_>,
    state: &State,
    cells: &mut [AccountCell<'_>],
    instructions: impl Iterator<Item = InstructionInput<'i>>,
) -> Result<(), (u8, InstructionError)> {
    let sysvar = cells
        .iter()
        .position(|cell| is_instructions_sysvar(cell.key));
    for (index, instruction) in instructions.enumerate() {
        state.top_level.set(index);
        if let Some(sysvar) = sysvar {
            cells[sysvar].set_current_instruction(index);
        }
        let frame = Frame {
            environment: *environment,
            accounts: cells,
            state,
        };
        frame.set_accounts(instruction.accounts);
        let result = current::enter(&frame, || {
            call::run(&frame, instruction.program, 0, instruction.data)
        });
        for &account in instruction.accounts {
            cells[usize::from(account)].release_guards();
        }
        result.map_err(|error| (index as u8, error))?;
    }
    Ok(())
}

/// The first bytes turn away nearly every other key, in one comparison.
#[inline]
fn is_instructions_sysvar(key: &Pubkey) -> bool {
    const ID: Pubkey = solana_sdk_ids::sysvar::instructions::ID;
    key.as_array().first_chunk::<8>() == ID.as_array().first_chunk::<8>() && *key == ID
}

impl Executed<'_> {
    /// State of account `index` as the transaction leaves it, if it was written and not yet taken.
    #[inline]
    pub fn written(&self, index: usize) -> Option<&AccountState> {
        self.written.get(index)?.as_ref()
    }
    /// State of account `index` as the transaction leaves it, if it was written; `None` if untouched.
    /// Taking it moves it out. An account left without lamports is the default state.
    #[inline]
    pub fn take_written(&mut self, index: usize) -> Option<AccountState> {
        self.written.get_mut(index)?.take()
    }
    /// The lines that Solana would have logged (`Program 111… invoke [1]`, …), formatted now. The
    /// compact form is what `log_bytes` returns; `format_logs` turns it into lines at any later time.
    pub fn logs(&self) -> Vec<String> {
        crate::format_logs(self.log_bytes(), self.keys)
    }
    /// The logs in compact form (program indices instead of addresses, no formatting done).
    pub fn log_bytes(&self) -> &[u8] {
        self.log.bytes()
    }
    /// Inner instructions in execution order.
    pub fn inner_instructions(&self) -> &[InnerInstruction] {
        self.inner
    }
    /// Program that last set return data, and the data (at most 1,024 bytes); `None` if empty.
    pub fn return_data(&self) -> Option<(Pubkey, &[u8])> {
        let program = self.keys.get(usize::from(self.return_program))?;
        (!self.return_data.is_empty()).then_some((*program, self.return_data))
    }
}
