//! One instruction, top-level or called: from the checks before it to the checks after it.
//!
//! The order of the checks, and of the log's lines between them, is Agave's (`InvokeContext::push`,
//! `process_executable_chain`, `TransactionContext::pop`).

use crate::frame::{Frame, InstructionAccount, Level, STACK_DEPTH_MAX, tracer};
use crate::machine::{self, Machine, MachineCall, MachineError};
use crate::{
    AccountInfo, Entry, InstructionError, ProcessInstruction, Program, VerifyInstruction, invoke,
    panics,
};
use smallvec::SmallVec;

/// Instructions in a transaction, those called by others included.
const TRACE_LEN_MAX: usize = 64;

/// Runs `program` with the frame's instruction accounts from `accounts_start` on.
pub(crate) fn run(
    frame: &Frame<'_>,
    program: u8,
    accounts_start: usize,
    data: &[u8],
) -> Result<(), InstructionError> {
    let run = || run_unseen(frame, program, accounts_start, data);
    if frame.state.is_traced.get() {
        tracer::run(frame, program, accounts_start, data, run)
    } else {
        run()
    }
}

/// The same, of which nothing is written down.
fn run_unseen(
    frame: &Frame<'_>,
    program: u8,
    accounts_start: usize,
    data: &[u8],
) -> Result<(), InstructionError> {
    let state = frame.state;
    check_stack(frame, program, accounts_start, data)?;
    let runner = Runner::of(frame, program);
    let accounts_end = state.instruction_accounts.borrow().len();
    state.push_level(Level {
        program,
        accounts_start,
        accounts_end,
        data_increase_max: match runner {
            Some(Runner::Native(known)) => known.data_increase_max,
            _ => machine::DATA_INCREASE_MAX,
        },
    });
    let result = match runner {
        Some(Runner::Native(known)) => match known.entry {
            Entry::Process(function) => process(frame, known, function, program, data),
            Entry::Verify(function) => verify(frame, function, program, data),
        },
        Some(Runner::Machine(machine)) => process_in_machine(frame, machine, program, data),
        None => Err(InstructionError::UnsupportedProgramId),
    };
    let result = result.and_then(|()| check_balance(frame));
    state.pop_level();
    result
}

/// What runs a program.
enum Runner<'f> {
    Native(&'f Program),
    Machine(&'f dyn Machine),
}

impl<'f> Runner<'f> {
    #[inline]
    fn of(frame: &Frame<'f>, program: u8) -> Option<Self> {
        let account = frame.account(program);
        let environment = &frame.environment;
        if let Some(known) = environment.programs.get(account.key) {
            let slot = environment.sysvars.clock.slot;
            return Some(Self::Native(known.at(slot)));
        }
        let (machine, loader) = (environment.machine?, account.owner.get());
        // A chain from before the loaders were there goes on without what they load.
        let is_loaded = machine::is_loader(&loader) && environment.programs.get(&loader).is_some();
        is_loaded.then_some(Self::Machine(machine))
    }
}

/// What must hold before a program goes on the stack. A call that may go there is remembered, even if the stack has
/// no room for it.
fn check_stack(
    frame: &Frame<'_>,
    program: u8,
    accounts_start: usize,
    data: &[u8],
) -> Result<(), InstructionError> {
    let state = frame.state;
    let depth = state.depth.get();
    if depth > 0 {
        let runs = state.levels().any(|level| level.program == program);
        if runs && state.level().program != program {
            // Unless the caller calls itself.
            return Err(InstructionError::ReentrancyNotAllowed);
        }
        check_balance(frame)?;
    }
    let trace_len = state.trace_len.get();
    if trace_len >= TRACE_LEN_MAX {
        return Err(InstructionError::MaxInstructionTraceLengthExceeded);
    }
    state.trace_len.set(trace_len + 1);
    if depth > 0 {
        invoke::record(frame, program, accounts_start, data);
    }
    if depth >= STACK_DEPTH_MAX {
        return Err(InstructionError::CallDepth);
    }
    Ok(())
}

/// Wherever one program hands over to another, lamports have only moved.
fn check_balance(frame: &Frame<'_>) -> Result<(), InstructionError> {
    if frame.state.lamports_delta.get() == 0 {
        Ok(())
    } else {
        Err(InstructionError::UnbalancedInstruction)
    }
}

fn process(
    frame: &Frame<'_>,
    known: &Program,
    function: ProcessInstruction,
    program: u8,
    data: &[u8],
) -> Result<(), InstructionError> {
    let state = frame.state;
    state.return_program.set(program);
    state.return_data.borrow_mut().clear();
    frame.log(|log, keys| log.invoke(program, state.depth.get(), keys));

    let units_before = state.compute_left.get();
    let faults_before = state.take_fault();
    let result = state.consume(known.compute_units).and_then(|()| {
        state
            .running
            .during(program, || enter(frame, known, function, data))
    });

    if !known.builtin {
        let used = units_before - state.compute_left.get();
        frame.log(|log, keys| log.consumed(program, used, units_before, keys));
        let returned = state.return_data.borrow();
        if !returned.is_empty() {
            frame.log(|log, keys| log.return_data(program, &returned, keys));
        }
    }
    match &result {
        Ok(()) => frame.log(|log, keys| log.success(program, keys)),
        Err(error) => frame.log(|log, keys| log.failed(program, error, keys)),
    }
    state.put_fault(faults_before);
    result
}

/// A precompile, as Agave's `process_precompile` runs one: without a line in the log, a unit consumed or a change of the
/// return data. Whoever calls one is told that there is no such program.
#[inline(never)]
fn verify(
    frame: &Frame<'_>,
    function: VerifyInstruction,
    program: u8,
    data: &[u8],
) -> Result<(), InstructionError> {
    let state = frame.state;
    if state.depth.get() > 1 {
        return Err(InstructionError::UnsupportedProgramId);
    }
    let instruction = |index| frame.instructions.data(index);
    let verify = || panics::catch(|| function(data, &instruction));
    match state.running.during(program, verify) {
        Some(result) => result.map_err(InstructionError::from),
        None => Err(InstructionError::ProgramFailedToComplete),
    }
}

/// A program that is an ELF file. What it consumed is logged by its machine.
#[inline(never)]
fn process_in_machine(
    frame: &Frame<'_>,
    machine: &dyn Machine,
    program: u8,
    data: &[u8],
) -> Result<(), InstructionError> {
    let state = frame.state;
    state.return_program.set(program);
    state.return_data.borrow_mut().clear();
    frame.log(|log, keys| log.invoke(program, state.depth.get(), keys));
    let faults_before = state.take_fault();
    let call = MachineCall::new(frame, data);
    let execute = || panics::catch(|| machine.execute(&call));
    let result = state.running.during(program, execute);
    let failed = || Err(InstructionError::ProgramFailedToComplete.into());
    let result = result.unwrap_or_else(failed);
    state.put_fault(faults_before);
    match result {
        Ok(()) => {
            frame.log(|log, keys| log.success(program, keys));
            Ok(())
        }
        Err(MachineError::Instruction(error)) => {
            frame.log(|log, keys| log.failed(program, &error, keys));
            Err(error)
        }
        Err(MachineError::Machine(words)) => {
            frame.log(|log, keys| log.failed(program, &words, keys));
            Err(InstructionError::ProgramFailedToComplete)
        }
    }
}

/// The program itself, with handles of its accounts.
fn enter(
    frame: &Frame<'_>,
    known: &Program,
    function: ProcessInstruction,
    data: &[u8],
) -> Result<(), InstructionError> {
    let level = frame.state.level();
    let mut accounts: SmallVec<[AccountInfo<'_>; 32]> = SmallVec::new();
    {
        let own = frame.state.instruction_accounts.borrow();
        let own = &own[level.accounts_start..level.accounts_end];
        for account in own {
            accounts.push(AccountInfo::new(frame, *account));
        }
    }
    match panics::catch(|| function(&known.id, &accounts, data)) {
        Some(result) => frame.state.settle(result),
        None => {
            frame.state.doom(InstructionError::ProgramFailedToComplete);
            frame.state.settle(Ok(()))
        }
    }
}

impl Frame<'_> {
    /// The accounts of the instruction that runs, one by one.
    pub(crate) fn find_own_account(
        &self,
        mut is_it: impl FnMut(&InstructionAccount) -> bool,
    ) -> Option<InstructionAccount> {
        let level = self.state.level();
        let accounts = self.state.instruction_accounts.borrow();
        let accounts = &accounts[level.accounts_start..level.accounts_end];
        accounts.iter().find(|account| is_it(account)).copied()
    }
}
