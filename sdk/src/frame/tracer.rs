//! Writes down what instructions do, where that was asked for. Where it was not, a flag is looked at for each
//! instruction and nothing else happens.
//!
//! What an instruction changes is found by comparing: its writable accounts are kept as they are when it begins
//! (a reference count each) and looked at again when it has ended. So native programs and machines are seen alike.

use super::{AccountCell, Frame};
use crate::trace::{AccountChange, AccountUse, InstructionTrace, TransactionTrace};
use crate::{AccountData, InstructionError, Pubkey, log, trace};
use std::time::{Duration, Instant};

/// The trace of a transaction that runs.
#[derive(Default)]
pub(crate) struct Tracer {
    done: Vec<InstructionTrace>,
    /// Instructions on the stack, from the top-level one.
    open: Vec<Open>,
    /// What tracing itself took so far.
    overhead: Duration,
}

/// An instruction that runs.
struct Open {
    trace: InstructionTrace,
    compute_before: u64,
    /// Where its next lines begin in the log; what it calls has its own.
    log_start: usize,
    accounts: Vec<Before>,
    began: Instant,
    overhead_before: Duration,
}

/// An account when an instruction began.
struct Before {
    index: u8,
    lamports: u64,
    owner: Pubkey,
    executable: bool,
    data_len: usize,
    /// `None` if a guard kept us from it.
    data: Option<AccountData>,
}

/// Runs an instruction by `run`, and writes down what it does.
#[cold]
#[inline(never)]
pub(crate) fn run(
    frame: &Frame<'_>,
    program: u8,
    accounts_start: usize,
    data: &[u8],
    run: impl FnOnce() -> Result<(), InstructionError>,
) -> Result<(), InstructionError> {
    let tracer = &frame.state.tracer;
    tracer
        .borrow_mut()
        .begin(frame, program, accounts_start, data.len());
    let result = run();
    tracer
        .borrow_mut()
        .end(frame, result.as_ref().err().cloned());
    result
}

impl Tracer {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn begin(&mut self, frame: &Frame<'_>, program: u8, accounts_start: usize, data_len: usize) {
        let entered = Instant::now();
        let state = frame.state;
        let called = frame.account(program);
        called.is_read.set(true);
        let caller_logs = self.open.last_mut().map_or(0, |caller| {
            caller.take_logs(frame);
            caller.trace.logs.len()
        });
        let mut accounts: Vec<Before> = Vec::new();
        for account in &state.instruction_accounts.borrow()[accounts_start..] {
            let index = account.index;
            if account.is_writable && accounts.iter().all(|known| known.index != index) {
                accounts.push(Before::of(index, frame.account(index)));
            }
        }
        let trace = InstructionTrace {
            program: *called.key,
            stack_height: self.open.len() + 1,
            data_len,
            compute_units: 0,
            wall_ns: 0,
            logs: Vec::new(),
            caller_logs,
            error: None,
            changes: Vec::new(),
            calls: Vec::new(),
        };
        let began = Instant::now();
        self.overhead += began - entered;
        self.open.push(Open {
            trace,
            compute_before: state.compute_left.get(),
            log_start: state.log.borrow().bytes().len(),
            accounts,
            began,
            overhead_before: self.overhead,
        });
    }

    fn end(&mut self, frame: &Frame<'_>, error: Option<InstructionError>) {
        let ended = Instant::now();
        let mut open = self.open.pop().expect("what ends has begun");
        let overhead = self.overhead - open.overhead_before;
        let wall = (ended - open.began).saturating_sub(overhead);
        open.take_logs(frame);
        let mut trace = open.trace;
        trace.wall_ns = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
        trace.compute_units = open.compute_before - frame.state.compute_left.get();
        trace.error = error;
        let accounts = open.accounts.into_iter();
        trace.changes = accounts.filter_map(|before| before.change(frame)).collect();
        match self.open.last_mut() {
            Some(caller) => {
                caller.trace.calls.push(trace);
                caller.log_start = frame.state.log.borrow().bytes().len();
            }
            None => self.done.push(trace),
        }
        self.overhead += ended.elapsed();
    }

    /// The trace of a transaction that has ended, whose writes are not forgotten yet.
    pub(crate) fn finish(&mut self, cells: &[AccountCell<'_>]) -> TransactionTrace {
        let accounts = cells.iter().map(|cell| AccountUse {
            key: *cell.key,
            is_writable: cell.is_writable,
            is_read: cell.is_read.get(),
            is_written: cell.changed.get(),
        });
        TransactionTrace {
            instructions: std::mem::take(&mut self.done),
            accounts: accounts.collect(),
        }
    }
}

impl Open {
    /// Adds its lines since a call ended, or since it began.
    fn take_logs(&mut self, frame: &Frame<'_>) {
        let log = frame.state.log.borrow();
        let new = &log.bytes()[self.log_start..];
        let lines = log::lines(new, &|index| *frame.account(index).key);
        self.trace.logs.extend(lines);
    }
}

impl Before {
    fn of(index: u8, cell: &AccountCell<'_>) -> Self {
        Self {
            index,
            lamports: cell.lamports.get(),
            owner: cell.owner.get(),
            executable: cell.executable(),
            data_len: cell.data_len(),
            data: data_now(cell),
        }
    }

    /// How the account differs now; `None` if it does not.
    fn change(self, frame: &Frame<'_>) -> Option<AccountChange> {
        let cell = frame.account(self.index);
        let (ranges, more_ranges) = match (&self.data, data_now(cell)) {
            (Some(before), Some(now)) => trace::differing_ranges(before, &now),
            _ => (Vec::new(), false),
        };
        let change = AccountChange {
            key: *cell.key,
            lamports: (self.lamports, cell.lamports.get()),
            owner: (self.owner, cell.owner.get()),
            executable: (self.executable, cell.executable()),
            data_len: (self.data_len, cell.data_len()),
            ranges,
            more_ranges,
        };
        change.is_one().then_some(change)
    }
}

impl AccountChange {
    fn is_one(&self) -> bool {
        self.lamports.0 != self.lamports.1
            || self.owner.0 != self.owner.1
            || self.executable.0 != self.executable.1
            || self.data_len.0 != self.data_len.1
            || !self.ranges.is_empty()
    }
}

/// The data as they are; `None` while a guard keeps us from them.
fn data_now(cell: &AccountCell<'_>) -> Option<AccountData> {
    let data = cell.data.try_borrow().ok()?;
    Some(data.as_ref().unwrap_or(cell.loaded_data()).clone())
}
