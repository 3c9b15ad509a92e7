//! A banking thread: takes batches, runs each task under the locks it was granted, commits into the
//! working copies, and gives the batch back.
//!
//! # Why `lock` is sound here
//!
//! A `BankBatch` is made by the schedule stage alone, from tasks that the lock table handed to this
//! thread (or, with one banking thread, from all tasks in order). The lock table hands a task to a thread
//! only when every conflicting earlier task is complete or was handed to the same thread before it. This
//! thread runs its tasks one after the other in the order it got them, drops the guard of each before the
//! next, and the completion that releases the locks is sent after the last guard was dropped: through a
//! queue, whose send and receive order the memory accesses. So nobody else holds a guard on an account
//! that a guard here may write, and nobody writes one that a guard here reads.
#![allow(unsafe_code)]

use crate::counters::StageCounters;
use crate::fault::{self, Fault};
use crate::prefetch::{prefetch_bytes, prefetch_whole};
use crate::purity::PurityCheck;
use crate::sync::{Arc, Patience, Receiver, Sender, Thread, receive};
use crate::task::{BankBatch, CompletedBatch, Outcome, SetAccount, Task, Work};
use crate::trace::TraceRequest;
use crate::watchdog::Post;
use crate::{Bank, SlotContext, VerifiedTransaction};
use sealane_accounts_db::{AccountIndex, BankingAccess, EntryNumber, LockedAccounts, NO_ACCOUNT};
use sealane_sdk::{AccountState, Deployment, Pubkey, TransactionAccounts};
use smallvec::SmallVec;
use solana_rent::Rent;
use std::time::Instant;

/// What a banking thread owns.
pub(crate) struct BankingThread {
    pub(crate) queue: Receiver<BankBatch>,
    pub(crate) completions: Sender<CompletedBatch>,
    /// The schedule stage, to be woken when a completion was sent.
    pub(crate) scheduler: Arc<std::sync::OnceLock<Thread>>,
    pub(crate) access: BankingAccess,
    pub(crate) bank: Bank,
    pub(crate) counters: Arc<StageCounters>,
    /// Where the records of a batch are written.
    pub(crate) records: Vec<u8>,
    /// Where the watchdog sees what runs.
    pub(crate) post: Arc<Post>,
    /// Where each transaction is executed twice.
    pub(crate) purity: Option<Arc<PurityCheck>>,
    /// Where a transaction of the past is traced.
    pub(crate) trace: Option<Arc<TraceRequest>>,
    pub(crate) fault: Option<Fault>,
}

impl BankingThread {
    /// Runs until the queue is closed.
    pub(crate) fn run(mut self) {
        let mut patience = Patience::default();
        while let Some(batch) = receive(&self.queue, &mut patience) {
            let started = Instant::now();
            let completed = self.run_batch(batch);
            self.counters
                .bank_ns
                .add(started.elapsed().as_nanos() as u64);
            if self.completions.send(completed).is_err() {
                return;
            }
            if let Some(scheduler) = self.scheduler.get() {
                scheduler.unpark();
            }
        }
    }

    pub(crate) fn run_batch(&mut self, mut batch: BankBatch) -> CompletedBatch {
        let (first, second) = (LOAD_FIRST_AHEAD, LOAD_SECOND_AHEAD);
        batch
            .tasks
            .iter()
            .take(first)
            .for_each(|task| load_first(&self.access, task));
        batch
            .tasks
            .iter()
            .take(second)
            .for_each(|task| load_second(&self.access, task));
        let mut run = BatchRun {
            entry: batch.entry,
            slot: &batch.slot,
            records: std::mem::take(&mut self.records),
            absent: Vec::new(),
            reward_lamports: 0,
            purity: self.purity.as_deref(),
            trace: self.trace.as_deref(),
            fault: self.fault,
        };
        let mut outcomes = Vec::with_capacity(batch.tasks.len());
        let tasks = self.post.put(std::mem::take(&mut batch.tasks));
        for (at, task) in tasks.iter().enumerate() {
            if let Some(ahead) = tasks.get(at + LOAD_FIRST_AHEAD) {
                load_first(&self.access, ahead);
            }
            if let Some(ahead) = tasks.get(at + LOAD_SECOND_AHEAD) {
                load_second(&self.access, ahead);
            }
            self.post.begin();
            outcomes.push(run.run_task(&mut self.access, &mut self.bank, task));
        }
        drop(tasks);
        let BatchRun {
            mut records,
            absent,
            reward_lamports,
            ..
        } = run;
        // What is kept is as long as it must be; the buffer stays here.
        let kept = records.as_slice().into();
        records.clear();
        self.records = records;
        CompletedBatch {
            entry: batch.entry,
            tasks: self.post.take(),
            outcomes,
            records: kept,
            writes: self.access.take_writes(),
            absent,
            reward_lamports,
        }
    }
}

/// So far ahead in a batch the first part of what a task touches is being loaded.
const LOAD_FIRST_AHEAD: usize = 16;
/// And so far ahead the second, which the first part points to.
const LOAD_SECOND_AHEAD: usize = 8;

/// Starts loading a task's transaction and its accounts' slots.
#[inline]
fn load_first(access: &BankingAccess, task: &Task) {
    if let Work::Transaction(transaction) = &task.work {
        prefetch_whole(&**transaction);
    }
    for (account, _) in &task.accounts {
        access.prefetch(*account);
    }
}

/// Starts loading the message and the accounts' states.
#[inline]
fn load_second(access: &BankingAccess, task: &Task) {
    if let Work::Transaction(transaction) = &task.work {
        prefetch_bytes(transaction.layout.message(transaction.bytes()));
    }
    for (account, _) in &task.accounts {
        access.prefetch_state(*account);
    }
}

/// What gathers while a batch runs.
struct BatchRun<'a> {
    entry: EntryNumber,
    slot: &'a SlotContext,
    records: Vec<u8>,
    absent: Vec<AccountIndex>,
    reward_lamports: u64,
    purity: Option<&'a PurityCheck>,
    trace: Option<&'a TraceRequest>,
    fault: Option<Fault>,
}

impl BatchRun<'_> {
    fn run_task(&mut self, access: &mut BankingAccess, bank: &mut Bank, task: &Task) -> Outcome {
        // SAFETY: the task was handed to this thread by the lock table, which granted it these accounts;
        // the module's first lines say why that lasts until the guard is dropped.
        let mut locked = unsafe { access.lock(&task.accounts) };
        let outcome = match &task.work {
            Work::Transaction(transaction) => match self.trace {
                Some(request) if request.is_for(transaction) => {
                    self.trace_transaction(request, bank, transaction, task, &mut locked)
                }
                _ => self.run_transaction(bank, transaction, task, &mut locked),
            },
            Work::FeeReward { lamports } => {
                let state = rewarded(locked.get(0), *lamports, &self.slot.sysvars.rent);
                if let Some(state) = state {
                    locked.set(0, state, self.entry);
                }
                Outcome::Rewarded
            }
            Work::SetAccount(change) => match change.apply(locked.get(0)) {
                Ok(state) => {
                    let set = SetAccount::new(locked.get(0), state);
                    locked.set(0, set.state.clone(), self.entry);
                    Outcome::Set(Box::new(set))
                }
                Err(reason) => Outcome::NotSet(reason.into()),
            },
        };
        // One that was charged looked at all its accounts: mostly they all exist.
        if locked.saw_absent() || matches!(outcome, Outcome::Dropped(_) | Outcome::NotSet(_)) {
            for (i, (account, _)) in task.accounts.iter().enumerate() {
                if *account != NO_ACCOUNT && locked.get(i).is_absent() {
                    self.absent.push(*account);
                }
            }
        }
        outcome
    }

    /// Runs the transaction that somebody asked about.
    #[cold]
    fn trace_transaction(
        &mut self,
        request: &TraceRequest,
        bank: &mut Bank,
        transaction: &VerifiedTransaction,
        task: &Task,
        locked: &mut LockedAccounts<'_>,
    ) -> Outcome {
        bank.set_traced(true);
        let outcome = self.run_transaction(bank, transaction, task, locked);
        let trace = bank.take_trace();
        bank.set_traced(false);
        if let Outcome::Charged { start, end, .. } = outcome {
            let record = &self.records[start as usize..end as usize];
            request.take(self.slot, transaction, record, trace);
        }
        outcome
    }

    fn run_transaction(
        &mut self,
        bank: &mut Bank,
        transaction: &VerifiedTransaction,
        task: &Task,
        locked: &mut LockedAccounts<'_>,
    ) -> Outcome {
        // Gathered first: what the transaction borrows of the working copies ends before they change.
        let mut changes: SmallVec<[(usize, AccountState); 4]> = SmallVec::new();
        let rehearsal = self
            .purity
            .and_then(|purity| purity.rehearse(bank, self.slot, transaction, |i| locked.get(i)));
        let start = self.records.len() as u32;
        let mut deployed: SmallVec<[Deployment; 1]> = SmallVec::new();
        let failed = {
            let mut accounts = TransactionAccounts::new();
            let states = |i| locked.get(i);
            let processed = bank.process(self.slot, transaction, states, &mut accounts);
            let mut processed = match processed {
                Ok(processed) => processed,
                Err(error) => return Outcome::Dropped(error),
            };
            processed.encode_record(&mut self.records);
            let per_signature = self.slot.lamports_per_signature;
            self.reward_lamports += leader_share(transaction, processed.fee, per_signature);
            for (i, (account, write)) in task.accounts.iter().enumerate() {
                if *write
                    && *account != NO_ACCOUNT
                    && let Some(state) = processed.take_change(i)
                {
                    changes.push((i, state));
                }
            }
            deployed.extend_from_slice(processed.deployed());
            processed.status.is_err()
        };
        let end = self.records.len() as u32;
        if let (Some(purity), Some(rehearsal)) = (self.purity, rehearsal) {
            let record = &self.records[start as usize..end as usize];
            purity.compare(rehearsal, transaction, record, &changes);
        }
        for (i, state) in changes.drain(..) {
            locked.set(i, state, self.entry);
        }
        for change in deployed {
            let programdata = locked.get(usize::from(change.programdata));
            let program = transaction.key(usize::from(change.program));
            bank.program_changed(program, programdata, self.slot.slot);
        }
        if failed && fault::is(self.fault, Fault::LostUndo) {
            leave_a_trace(task, locked, self.entry);
        }
        Outcome::Charged { start, end, failed }
    }
}

/// `Fault::LostUndo`: as if a write of a failed transaction had reached a working copy.
fn leave_a_trace(task: &Task, locked: &mut LockedAccounts<'_>, entry: EntryNumber) {
    // The payer is the first.
    for (i, (_, write)) in task.accounts.iter().enumerate().skip(1) {
        if *write && !locked.get(i).is_absent() {
            let mut state = locked.get(i).clone();
            state.data = [0xee; 32].as_slice().into();
            return locked.set(i, state, entry);
        }
    }
}

/// The leader's share of a fee: half of the base fee is burnt, the priority fee is the leader's whole
/// (SIMD-0096).
fn leader_share(transaction: &VerifiedTransaction, fee: u64, per_signature: u64) -> u64 {
    let base = fee.min(transaction.fee(per_signature) - transaction.fee(0));
    fee - base + base / 2
}

/// The reward account after `lamports` more; `None` where it could not hold them (Agave burns them then).
pub(crate) fn rewarded(account: &AccountState, lamports: u64, rent: &Rent) -> Option<AccountState> {
    let system_owned = account.is_absent() || account.owner == Pubkey::default();
    let total = account.lamports.checked_add(lamports)?;
    let holds = total >= rent.minimum_balance(account.data.len());
    (system_owned && holds).then(|| AccountState {
        lamports: total,
        ..account.clone()
    })
}
