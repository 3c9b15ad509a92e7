//! The one instruction executor: runs the instructions of one transaction over its accounts.
//!
//! It has no opinion on fees, ages, rent or commits: those are the bank's. It enforces what holds inside
//! a transaction: privileges, ownership, balances, growth, depth, compute.

use crate::frame::{AccountCell, Frame, Instructions, RunningProgram, State, current};
use crate::log::Log;
use crate::{
    AccountData, AccountState, Deployment, InstructionError, Machine, Programs, Pubkey, Sysvars,
    TransactionTrace, call, panics,
};
use smallvec::SmallVec;

/// What an execution may use, for the whole transaction.
#[derive(Clone, Copy, Debug)]
pub struct ExecutionLimits {
    /// Compute units of the transaction (SetComputeUnitLimit or the default).
    pub compute_units: u64,
    /// Bytes of log messages kept; Solana truncates beyond 10,000.
    pub log_bytes: usize,
    /// Bytes of heap of a program in a machine (RequestHeapFrame or the default).
    pub heap_bytes: u32,
}

/// 1,400,000 compute units, Solana's limit on logs, and the heap of who asks for none.
impl Default for ExecutionLimits {
    fn default() -> Self {
        Self {
            compute_units: 1_400_000,
            log_bytes: 10_000,
            heap_bytes: Self::HEAP_BYTES_DEFAULT,
        }
    }
}

impl ExecutionLimits {
    /// Bytes of heap where a transaction asks for none.
    pub const HEAP_BYTES_DEFAULT: u32 = 32 * 1024;
}

/// What every transaction of a slot shares.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// Programs by id.
    pub programs: &'a Programs,
    /// Sysvars of the slot.
    pub sysvars: &'a Sysvars,
    /// What runs programs that are ELF files; without it they are not supported.
    pub machine: Option<&'a dyn Machine>,
}

/// An account that the transaction names.
#[derive(Clone, Copy)]
pub struct TransactionAccount<'a> {
    /// Address.
    pub key: &'a Pubkey,
    /// State before the transaction.
    pub state: &'a AccountState,
    /// Balance that the first instruction finds: the state's, less a fee that was taken.
    pub lamports: u64,
    /// Signed by the transaction.
    pub is_signer: bool,
    /// Writable, after reserved keys and called programs were demoted.
    pub is_writable: bool,
}

/// The accounts of one transaction, in message order: as they are loaded, then as it leaves them.
///
/// Lives on the stack, up to 32 accounts. What is loaded is borrowed, what is written is its own.
pub struct TransactionAccounts<'t> {
    cells: SmallVec<[AccountCell<'t>; 32]>,
}

impl Default for TransactionAccounts<'_> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl<'t> TransactionAccounts<'t> {
    /// No accounts yet.
    #[inline(always)]
    pub fn new() -> Self {
        // Filled where it lies: it is too large to be moved about.
        Self {
            cells: SmallVec::new(),
        }
    }

    /// Adds the next account.
    #[inline]
    pub fn push(&mut self, account: &TransactionAccount<'t>) {
        self.cells.push(AccountCell::new(account));
    }

    /// Gives account `index` data that are made for this transaction, as the Instructions sysvar's.
    pub fn make_data(&mut self, index: usize, data: AccountData) {
        self.cells[index].make_data(data);
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Address of account `index`.
    #[inline]
    pub fn key(&self, index: usize) -> &'t Pubkey {
        self.cells[index].key
    }

    /// State of account `index` before the transaction.
    #[inline]
    pub fn loaded(&self, index: usize) -> &'t AccountState {
        self.cells[index].loaded()
    }

    /// Balance of account `index` now.
    #[inline]
    pub fn lamports(&self, index: usize) -> u64 {
        self.cells[index].lamports.get()
    }

    /// Bytes of data of account `index` now.
    #[inline]
    pub fn data_len(&self, index: usize) -> usize {
        self.cells[index].data_len()
    }

    /// Owner of account `index` now.
    #[inline]
    pub fn owner(&self, index: usize) -> Pubkey {
        self.cells[index].owner.get()
    }

    /// Whether instructions that succeeded wrote account `index`.
    #[inline]
    pub fn is_written(&self, index: usize) -> bool {
        self.cells[index].changed.get()
    }

    /// Looks at the state of account `index` now, whether written or not. An account without lamports has the default
    /// state.
    pub fn with_state<R>(&mut self, index: usize, look: impl FnOnce(&AccountState) -> R) -> R {
        self.cells[index].with_state(look)
    }

    /// State of account `index` as the transaction leaves it, whether written or not. An account left
    /// without lamports is the default state. The data move out: ask once.
    #[inline]
    pub fn take(&mut self, index: usize) -> AccountState {
        self.cells[index].take()
    }

    /// A failed transaction wrote nothing: all are as they were loaded, before any fee.
    #[cold]
    fn forget_writes(&mut self) {
        for cell in &mut self.cells {
            cell.forget_writes();
        }
    }
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
}

/// What a transaction did. Borrows the executor's buffers until the next one runs.
pub struct Executed<'e> {
    /// `Err((index, error))`: the top-level instruction that failed. Then nothing below may be committed.
    pub result: Result<(), (u8, InstructionError)>,
    /// Compute units consumed.
    pub compute_units: u64,
    /// The programs that it deployed, upgraded or closed.
    pub deployed: &'e [Deployment],
    /// What it did in detail, where that was asked for (`Executor::set_traced`).
    pub trace: Option<Box<TransactionTrace>>,
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
        }
    }
}

impl Executor {
    /// Says from any thread which program runs here.
    pub fn running_program(&self) -> RunningProgram {
        self.state.running.clone()
    }

    /// Whether transactions are traced from here on, which costs time and memory.
    pub fn set_traced(&mut self, traced: bool) {
        self.state.is_traced.set(traced);
    }

    /// Executes `instructions` in order, stopping at the first error. A panic in a program is caught
    /// and becomes `InstructionError::ProgramFailedToComplete`. After an error the accounts are as they
    /// were loaded.
    ///
    /// Panics if there are more than 256 accounts or an instruction's index is beyond them.
    pub fn execute<'e, 'i>(
        &'e mut self,
        environment: &Environment<'_>,
        limits: ExecutionLimits,
        accounts: &mut TransactionAccounts<'_>,
        instructions: impl Iterator<Item = InstructionInput<'i>> + Clone,
    ) -> Executed<'e> {
        assert!(
            accounts.len() <= 256,
            "a transaction names at most 256 accounts"
        );
        self.state.start(&limits);
        let result = run(environment, &self.state, &mut accounts.cells, instructions);
        let trace = self.state.is_traced.get().then(|| {
            let mut tracer = self.state.tracer.borrow_mut();
            Box::new(tracer.finish(&accounts.cells))
        });
        let succeeded = result.is_ok();
        if !succeeded {
            accounts.forget_writes();
        }
        let compute_units = limits.compute_units - self.state.compute_left.get();
        let State {
            log,
            inner,
            inner_len,
            return_program,
            return_data,
            deployed,
            ..
        } = &mut self.state;
        Executed {
            result,
            compute_units,
            deployed: if succeeded { deployed.get_mut() } else { &[] },
            trace,
            log: log.get_mut(),
            inner: &inner.get_mut()[..inner_len.get()],
            return_program: return_program.get(),
            return_data: return_data.get_mut(),
        }
    }
}

/// Runs the top-level instructions.
fn run<'i>(
    environment: &Environment<'_>,
    state: &State,
    cells: &mut [AccountCell<'_>],
    instructions: impl Iterator<Item = InstructionInput<'i>> + Clone,
) -> Result<(), (u8, InstructionError)> {
    let sysvar = cells
        .iter()
        .position(|cell| is_instructions_sysvar(cell.key));
    let mut last: Option<InstructionInput<'_>> = None;
    let all = Instructions(instructions.clone());
    for (index, instruction) in instructions.enumerate() {
        state.top_level.set(index);
        if let Some(past) = last.replace(instruction) {
            state.past_top_level.borrow_mut().push(&past);
        }
        if let Some(sysvar) = sysvar {
            cells[sysvar].set_current_instruction(index);
        }
        let frame = Frame {
            environment: *environment,
            accounts: cells,
            state,
            instructions: &all,
            run: call::run,
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
    /// The lines that Solana would have logged (`Program 111… invoke [1]`, …), formatted now. The
    /// compact form is what `log_bytes` returns; `format_logs` turns it into lines at any later time.
    pub fn logs(&self, keys: &[Pubkey]) -> Vec<String> {
        crate::format_logs(self.log_bytes(), keys)
    }
    /// The logs in compact form (program indices instead of addresses, no formatting done).
    pub fn log_bytes(&self) -> &[u8] {
        self.log.bytes()
    }
    /// Inner instructions in execution order.
    pub fn inner_instructions(&self) -> &[InnerInstruction] {
        self.inner
    }
    /// Index of the program that last set return data, and the data (at most 1,024 bytes); `None` if
    /// empty.
    pub fn return_data(&self) -> Option<(usize, &[u8])> {
        let program = usize::from(self.return_program);
        (!self.return_data.is_empty()).then_some((program, self.return_data))
    }
}
