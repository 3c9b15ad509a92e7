//! The state of one transaction while it executes: its accounts, its stack, its meters.
//!
//! A frame lives inside `Executor::execute` and is used by one thread. It borrows the loaded accounts
//! and never clones one to read it; what is written becomes a copy that the frame owns. Borrow flags are
//! here, one per account of the transaction, so that duplicates of an account in an instruction and all
//! programs on the stack share them, and other threads do not.
//!
//! `Frame` is covariant in its lifetime, which is what makes `AccountInfo<'a>` a plain reference to it:
//! no `Cell` in it may hold a borrowed thing.

pub(crate) mod current;
mod running;
pub(crate) mod tracer;

pub use running::RunningProgram;

use crate::log::Log;
use crate::{
    AccountData, AccountState, Deployment, Environment, ExecutionLimits, InnerInstruction,
    InstructionError, InstructionInput, ProgramError, Pubkey, TransactionAccount,
};
use std::cell::{Cell, RefCell};
use tracer::Tracer;

/// Programs on the stack, at most: one top-level instruction and four calls below it.
pub(crate) const STACK_DEPTH_MAX: usize = 5;

/// One account of the transaction.
pub(crate) struct AccountCell<'t> {
    pub(crate) key: &'t Pubkey,
    loaded: &'t AccountState,
    pub(crate) lamports: Cell<u64>,
    pub(crate) owner: Cell<Pubkey>,
    /// Our copy of the data once it was written; its flag guards the data in either case.
    pub(crate) data: RefCell<Option<AccountData>>,
    /// Length of our copy.
    pub(crate) written_len: Cell<Option<usize>>,
    /// Guards of the balance: shared ones counted, −1 for an exclusive one.
    pub(crate) lamports_guards: Cell<i32>,
    /// Whether anything of it was written.
    pub(crate) changed: Cell<bool>,
    /// Whether a program asked for anything of it: see `trace`.
    pub(crate) is_read: Cell<bool>,
    /// Top-level instruction that resized it last, from 1, and the length before that.
    pub(crate) resized_from: Cell<(u32, u32)>,
    pub(crate) executable: Cell<bool>,
    pub(crate) is_signer: bool,
    pub(crate) is_writable: bool,
}

// Two cache lines: each account of each transaction has one.
const _: () = assert!(size_of::<AccountCell<'_>>() <= 128);

impl<'t> AccountCell<'t> {
    #[inline]
    pub(crate) fn new(account: &TransactionAccount<'t>) -> Self {
        Self {
            key: account.key,
            loaded: account.state,
            lamports: Cell::new(account.lamports),
            owner: Cell::new(account.state.owner),
            data: RefCell::new(None),
            written_len: Cell::new(None),
            lamports_guards: Cell::new(0),
            changed: Cell::new(false),
            is_read: Cell::new(false),
            resized_from: Cell::new((0, 0)),
            executable: Cell::new(account.state.executable),
            is_signer: account.is_signer,
            is_writable: account.is_writable,
        }
    }

    pub(crate) fn executable(&self) -> bool {
        self.executable.get()
    }

    /// The state as it was loaded.
    pub(crate) fn loaded(&self) -> &'t AccountState {
        self.loaded
    }

    /// Back to what was loaded.
    pub(crate) fn forget_writes(&mut self) {
        self.lamports.set(self.loaded.lamports);
        self.owner.set(self.loaded.owner);
        self.executable.set(self.loaded.executable);
        *self.data.get_mut() = None;
        self.written_len.set(None);
        self.changed.set(false);
    }

    /// Gives it data of its own, which count as loaded.
    pub(crate) fn make_data(&mut self, data: AccountData) {
        self.written_len.set(Some(data.len()));
        *self.data.get_mut() = Some(data);
    }

    /// The data as it was loaded: what counts while `data` is `None`.
    pub(crate) fn loaded_data(&self) -> &'t AccountData {
        &self.loaded.data
    }

    /// Length of the data; needs no guard.
    pub(crate) fn data_len(&self) -> usize {
        self.written_len
            .get()
            .unwrap_or_else(|| self.loaded.data.len())
    }

    /// In the Instructions sysvar: the last two bytes tell which instruction runs.
    pub(crate) fn set_current_instruction(&mut self, index: usize) {
        let data = self
            .data
            .get_mut()
            .get_or_insert_with(|| self.loaded.data.clone());
        if let Some(at) = data.len().checked_sub(2) {
            data.write(at, &(index as u16).to_le_bytes());
        }
    }

    /// Forgets guards that a program leaked.
    #[inline]
    pub(crate) fn release_guards(&mut self) {
        if self.data.try_borrow_mut().is_err() {
            self.data = RefCell::new(self.data.get_mut().take());
        }
        self.lamports_guards.set(0);
    }

    /// Looks at what `take` would give.
    pub(crate) fn with_state<R>(&mut self, look: impl FnOnce(&AccountState) -> R) -> R {
        let has_own_data = self.data.get_mut().is_some() && self.lamports.get() != 0;
        let state = self.take();
        let seen = look(&state);
        if has_own_data {
            *self.data.get_mut() = Some(state.data);
        }
        seen
    }

    /// The state as the transaction leaves it; the data move out.
    #[inline]
    pub(crate) fn take(&mut self) -> AccountState {
        let lamports = self.lamports.get();
        if lamports == 0 {
            return AccountState::default();
        }
        AccountState {
            lamports,
            owner: self.owner.get(),
            executable: self.executable.get(),
            data: self
                .data
                .get_mut()
                .take()
                .unwrap_or_else(|| self.loaded.data.clone()),
        }
    }
}

/// An account of an instruction on the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InstructionAccount {
    /// Index among the transaction's accounts.
    pub(crate) index: u8,
    pub(crate) is_signer: bool,
    pub(crate) is_writable: bool,
}

/// A program on the stack.
#[derive(Clone, Copy, Default)]
pub(crate) struct Level {
    /// Index of the program among the transaction's accounts.
    pub(crate) program: u8,
    /// Its accounts lie in `State::instruction_accounts` from here.
    pub(crate) accounts_start: usize,
    pub(crate) accounts_end: usize,
    /// Bytes by which it may grow an account.
    pub(crate) data_increase_max: usize,
}

/// An error that was raised below the program and that `ProgramError` may be too small to say.
pub(crate) struct Fault {
    exact: InstructionError,
    /// What the program was told; `None` if the instruction fails whatever the program returns.
    told: Option<ProgramError>,
}

/// The part of a frame that borrows nothing and is used again by the next transaction.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) compute_limit: Cell<u64>,
    pub(crate) compute_left: Cell<u64>,
    /// Sum of all changes of balances: zero wherever programs hand over.
    pub(crate) lamports_delta: Cell<i128>,
    /// Sum of all changes of data lengths.
    pub(crate) resize_delta: Cell<i64>,
    /// Instructions run so far, at all levels.
    pub(crate) trace_len: Cell<usize>,
    /// The top-level instruction that runs, from 0.
    pub(crate) top_level: Cell<usize>,
    pub(crate) depth: Cell<usize>,
    levels: [Cell<Level>; STACK_DEPTH_MAX],
    /// Accounts of the instructions on the stack, one after the other.
    pub(crate) instruction_accounts: RefCell<Vec<InstructionAccount>>,
    fault: Cell<Option<Fault>>,
    pub(crate) log: RefCell<Log>,
    pub(crate) return_program: Cell<u8>,
    pub(crate) return_data: RefCell<Vec<u8>>,
    /// Calls so far; entries beyond `inner_len` are kept for their allocations.
    pub(crate) inner: RefCell<Vec<InnerInstruction>>,
    pub(crate) inner_len: Cell<usize>,
    /// What the accounts of each call were granted.
    pub(crate) inner_granted: RefCell<Vec<Vec<InstructionAccount>>>,
    /// Top-level instructions that are over.
    pub(crate) past_top_level: RefCell<PastInstructions>,
    /// Programs that the transaction changed.
    pub(crate) deployed: RefCell<Vec<Deployment>>,
    pub(crate) heap_bytes: Cell<u32>,
    pub(crate) running: RunningProgram,
    /// Whether what instructions do is written down.
    pub(crate) is_traced: Cell<bool>,
    pub(crate) tracer: RefCell<Tracer>,
}

/// Top-level instructions that are over, one after the other in buffers that the next transaction uses again.
#[derive(Default)]
pub(crate) struct PastInstructions {
    /// Accounts and data of each.
    bytes: Vec<u8>,
    /// Program of each, where its accounts end, and where its data end.
    places: Vec<(u8, usize, usize)>,
}

impl PastInstructions {
    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    pub(crate) fn push(&mut self, instruction: &InstructionInput<'_>) {
        self.bytes.extend_from_slice(instruction.accounts);
        let accounts_end = self.bytes.len();
        self.bytes.extend_from_slice(instruction.data);
        let place = (instruction.program, accounts_end, self.bytes.len());
        self.places.push(place);
    }

    /// The one that ended `index` before the last one.
    pub(crate) fn newest(&self, index: usize) -> Option<InstructionInput<'_>> {
        let at = self.places.len().checked_sub(index)?.checked_sub(1)?;
        let start = at.checked_sub(1).map_or(0, |before| self.places[before].2);
        let (program, accounts_end, data_end) = self.places[at];
        Some(InstructionInput {
            program,
            accounts: &self.bytes[start..accounts_end],
            data: &self.bytes[accounts_end..data_end],
        })
    }
}

impl State {
    /// Makes it ready for the next transaction.
    pub(crate) fn start(&self, limits: &ExecutionLimits) {
        self.compute_limit.set(limits.compute_units);
        self.compute_left.set(limits.compute_units);
        self.heap_bytes.set(limits.heap_bytes);
        self.lamports_delta.set(0);
        self.resize_delta.set(0);
        self.trace_len.set(0);
        self.depth.set(0);
        self.fault.set(None);
        self.log.borrow_mut().start(limits.log_bytes);
        self.return_data.borrow_mut().clear();
        self.inner_len.set(0);
        self.past_top_level.borrow_mut().clear();
        self.deployed.borrow_mut().clear();
        if self.is_traced.get() {
            self.tracer.borrow_mut().clear();
        }
    }

    /// The program that runs.
    pub(crate) fn level(&self) -> Level {
        self.levels[self.depth.get() - 1].get()
    }

    /// All programs on the stack, from the top-level one.
    pub(crate) fn levels(&self) -> impl Iterator<Item = Level> {
        self.levels[..self.depth.get()].iter().map(Cell::get)
    }

    pub(crate) fn push_level(&self, level: Level) {
        let depth = self.depth.get();
        self.levels[depth].set(level);
        self.depth.set(depth + 1);
    }

    pub(crate) fn pop_level(&self) {
        let depth = self.depth.get() - 1;
        self.depth.set(depth);
        self.instruction_accounts
            .borrow_mut()
            .truncate(self.levels[depth].get().accounts_start);
    }

    /// Takes compute units; all that is left if it is too little.
    pub(crate) fn consume(&self, units: u64) -> Result<(), InstructionError> {
        let left = self.compute_left.get();
        self.compute_left.set(left.saturating_sub(units));
        if left < units {
            Err(InstructionError::ComputationalBudgetExceeded)
        } else {
            Ok(())
        }
    }

    /// What to tell the program so that, if it gives up with that, the instruction fails with `exact`.
    #[cold]
    pub(crate) fn refuse(&self, exact: InstructionError) -> ProgramError {
        let (told, says_all) = program_error(&exact);
        if !says_all && !self.is_doomed() {
            self.fault.set(Some(Fault {
                exact,
                told: Some(told.clone()),
            }));
        }
        told
    }

    /// As `refuse`, but the instruction fails even if the program carries on.
    #[cold]
    pub(crate) fn doom(&self, exact: InstructionError) -> ProgramError {
        let (told, _) = program_error(&exact);
        if !self.is_doomed() {
            self.fault.set(Some(Fault { exact, told: None }));
        }
        told
    }

    pub(crate) fn is_doomed(&self) -> bool {
        let fault = self.fault.take();
        let doomed = fault.as_ref().is_some_and(|fault| fault.told.is_none());
        self.fault.set(fault);
        doomed
    }

    /// Sets aside what the caller was refused while a program that it calls runs.
    pub(crate) fn take_fault(&self) -> Option<Fault> {
        self.fault.take()
    }

    pub(crate) fn put_fault(&self, fault: Option<Fault>) {
        self.fault.set(fault);
    }

    /// How the instruction ends whose program returned `result`.
    pub(crate) fn settle(&self, result: Result<(), ProgramError>) -> Result<(), InstructionError> {
        match (self.fault.take(), result) {
            (None, Ok(())) => Ok(()),
            (Some(Fault { exact, told: None }), _) => Err(exact),
            (
                Some(Fault {
                    exact,
                    told: Some(told),
                }),
                Err(error),
            ) if told == error => Err(exact),
            (_, Err(error)) => Err(InstructionError::from(u64::from(error))),
            (Some(_), Ok(())) => Ok(()),
        }
    }
}

/// The nearest `ProgramError`, and whether it becomes `exact` again.
fn program_error(exact: &InstructionError) -> (ProgramError, bool) {
    use InstructionError as E;
    let error = match exact {
        E::ReadonlyDataModified | E::ReadonlyLamportChange => ProgramError::Immutable,
        E::ExternalAccountDataModified | E::ExternalAccountLamportSpend => {
            ProgramError::InvalidAccountOwner
        }
        E::ModifiedProgramId => ProgramError::IllegalOwner,
        E::PrivilegeEscalation => ProgramError::MissingRequiredSignature,
        other => ProgramError::try_from(other.clone()).unwrap_or(ProgramError::InvalidArgument),
    };
    let says_all = InstructionError::from(u64::from(error.clone())) == *exact;
    (error, says_all)
}

/// One transaction while it executes.
pub(crate) struct Frame<'t> {
    pub(crate) environment: Environment<'t>,
    pub(crate) accounts: &'t [AccountCell<'t>],
    pub(crate) state: &'t State,
    /// The top-level instructions, for precompiles.
    pub(crate) instructions: &'t dyn InstructionsData,
    /// Runs an instruction: `call::run` of the process that made the frame, where panics of its programs end.
    pub(crate) run: RunInstruction,
}

/// The data of the transaction's top-level instructions.
pub(crate) trait InstructionsData {
    /// Those of instruction `index`.
    fn data(&self, index: usize) -> Option<&[u8]>;
}

/// Those that an iterator gives.
pub(crate) struct Instructions<'i, I: Iterator<Item = InstructionInput<'i>> + Clone>(pub(crate) I);

impl<'i, I: Iterator<Item = InstructionInput<'i>> + Clone> InstructionsData
    for Instructions<'i, I>
{
    fn data(&self, index: usize) -> Option<&[u8]> {
        let found = self.0.clone().nth(index);
        found.map(|instruction| instruction.data)
    }
}

/// Runs a program with the frame's instruction accounts from some place on, and data.
pub(crate) type RunInstruction = fn(&Frame<'_>, u8, usize, &[u8]) -> Result<(), InstructionError>;

impl<'t> Frame<'t> {
    #[inline]
    pub(crate) fn account(&self, index: u8) -> &'t AccountCell<'t> {
        &self.accounts[usize::from(index)]
    }

    /// Index of the transaction's account with this address.
    pub(crate) fn find(&self, key: &Pubkey) -> Option<u8> {
        let found = self.accounts.iter().position(|cell| cell.key == key);
        found.map(|index| index as u8)
    }

    /// Starts a top-level instruction with these of the transaction's accounts.
    #[inline]
    pub(crate) fn set_accounts(&self, indices: &[u8]) {
        let mut accounts = self.state.instruction_accounts.borrow_mut();
        accounts.clear();
        accounts.extend(indices.iter().map(|&index| {
            let AccountCell {
                is_signer,
                is_writable,
                ..
            } = *self.account(index);
            InstructionAccount {
                index,
                is_signer,
                is_writable,
            }
        }));
    }

    /// The program that runs.
    pub(crate) fn program_id(&self) -> &'t Pubkey {
        self.account(self.state.level().program).key
    }

    /// Adds to the log.
    #[inline]
    pub(crate) fn log(&self, write: impl FnOnce(&mut Log, &dyn Fn(u8) -> Pubkey)) {
        // Busy only if a value panics while it is being formatted; then its line is lost.
        if let Ok(mut log) = self.state.log.try_borrow_mut() {
            write(&mut log, &|index| *self.account(index).key);
        }
    }
}
