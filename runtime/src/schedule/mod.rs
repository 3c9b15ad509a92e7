//! The schedule stage: one thread that decides the serial order and who runs what.
//!
//! It takes verified transactions, refuses what is too old or known, orders the rest by priority, interns
//! their accounts, inserts them into the lock table, hands batches to the banking threads, takes their
//! completions back, and closes entries and slots. Insertion order is the serial order: everything that
//! must be the same in a replay (slot, entry, fee rewards) is decided where a task is inserted.
//!
//! It blocks nowhere but in `park`, when there is nothing to do; who sends to it unparks it.

mod admission;
mod dispatch;
mod entries;
mod going_back;
mod held;
mod operating;
mod pace;
mod replay_protection;
mod replaying;
mod residency;
mod slots;

use crate::counters::{StageCounters, WaitHistogram};
use crate::fault::{self, Fault};
use crate::floor::{AdmissionFloor, Shedding};
use crate::journal::Journals;
use crate::ledger::LedgerHealth;
use crate::operator::Command;
use crate::slot::BLOCKHASH_AGE_MAX;
use crate::start::ChainStart;
use crate::sync::{
    Arc, AtomicBool, Mutex, Ordering, Patience, Receiver, Sender, TrySendError, park_timeout,
};
use crate::task::{
    Admission, BankBatch, CompletedBatch, Outcome, PublisherMessage, Task, VerifiedBatch, Work,
};
use crate::{Limits, RuntimeConfig, SlotContext, SlotWatch};
use dispatch::Dispatcher;
use entries::Entries;
use going_back::PastState;
use held::Held;
use operating::Hold;
use pace::{LookAhead, Width};
use replay_protection::ReplayProtection;
pub(crate) use replaying::Replaying;
pub(crate) use residency::FetchQueues;
use residency::{Residency, is_idle};
use sealane_accounts_db::{AccountIndex, Accounts, Interner, NO_ACCOUNT};
use sealane_scheduler::{Config, PriorityBuffer};
use sealane_sdk::{Programs, Pubkey};
use sealane_vm::ElfMachine;
use solana_hash::Hash;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The queues and shared places of the stage.
pub(crate) struct Wiring {
    pub(crate) verified: Receiver<VerifiedBatch>,
    /// In a chain for development, the operator's.
    pub(crate) commands: Option<Receiver<Command>>,
    /// Where memory is bounded; the stage takes them out.
    pub(crate) fetch: Option<FetchQueues>,
    pub(crate) completions: Receiver<CompletedBatch>,
    pub(crate) bank_queues: Vec<Sender<BankBatch>>,
    pub(crate) publisher: Sender<PublisherMessage>,
    pub(crate) accounts: Arc<Accounts>,
    /// What keeps programs loaded.
    pub(crate) machine: std::sync::Arc<ElfMachine>,
    /// Verify's watch of the open slot.
    pub(crate) slots: SlotWatch,
    /// Chained hash of the published entries, kept by the publisher.
    pub(crate) tip: Arc<Mutex<Hash>>,
    /// Set once no verified batch will come any more: finish what was inserted, then end.
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) ledger: Arc<LedgerHealth>,
    /// What verify sheds.
    pub(crate) floor: Arc<AdmissionFloor>,
    pub(crate) counters: Arc<StageCounters>,
    /// What accounts were at the snapshots.
    pub(crate) journals: Arc<Mutex<Journals>>,
    pub(crate) waits: Arc<Mutex<WaitHistogram>>,
}

/// The stage.
pub(crate) struct ScheduleStage {
    wiring: Wiring,
    limits: Limits,
    /// Those that may be replaced are replaced when a slot opens.
    programs: std::sync::Arc<Programs>,
    slot: Arc<SlotContext>,
    /// The blockhash that was found last in the open slot: neighbours mostly carry the same one.
    found_blockhash: Option<Hash>,
    slot_duration: Duration,
    entry_interval: Duration,
    identity: Pubkey,
    started: Instant,
    slot_ends: Instant,
    entry_ends: Instant,
    interner: Interner,
    replay: ReplayProtection,
    buffer: PriorityBuffer<Admission>,
    shedding: Shedding,
    /// A bulk batch that waits for room.
    held: Held,
    /// Over a cost limit of the open slot. As large as the buffer; of no size where there is no limit.
    deferred: PriorityBuffer<Admission>,
    dispatcher: Dispatcher,
    look_ahead: LookAhead,
    width: Width,
    entries: Entries,
    unpublished: VecDeque<PublisherMessage>,
    next_sequence: u64,
    in_flight: usize,
    in_flight_accesses: usize,
    undispatched: usize,
    /// For each account, one more than the place in the order of the last task that named it: where the
    /// dispatcher does not know which accounts are idle.
    last_named: Vec<u64>,
    /// Accounts that did not exist after a task: their indices go back when no task names them.
    absent: Vec<AccountIndex>,
    /// Whether an account is in `absent`, so that it is there once.
    listed: Vec<bool>,
    rewards_lamports: u64,
    waits: WaitHistogram,
    /// While what comes is read from a log.
    replaying: Option<Replaying>,
    /// The next slot is the first after a replay: its time is now.
    resumes: bool,
    /// An orderly stop seals the open slot, so that what is in it is in the last checkpoint: where there is a
    /// ledger, once it was replayed.
    seals_at_end: bool,
    /// Nothing is inserted as long as this is.
    hold: Option<Hold>,
    /// Those that can be gone back to, oldest first, and the number of the next.
    snapshots: Vec<PastState>,
    next_snapshot: u64,
    /// Where nothing goes by wall time: transactions of a slot, and those that were inserted in the open one.
    slot_transactions: Option<u64>,
    slot_inserted: u64,
    /// No slot turns by wall time.
    is_paused: bool,
    /// The ledger failed, and everything that waited was given up.
    given_up: bool,
    /// Where memory is bounded.
    residency: Option<Residency>,
    tasks: Vec<Task>,
    /// The banking threads, in the order in which they are asked.
    threads: Vec<usize>,
    fault: Option<Fault>,
}

impl ScheduleStage {
    pub(crate) fn new(
        config: &RuntimeConfig,
        mut wiring: Wiring,
        interner: Interner,
        start: &ChainStart,
        replaying: Option<Replaying>,
        now: Instant,
    ) -> Self {
        let limits = config.limits.clone();
        let fetch = wiring.fetch.take();
        let residency = fetch.map(|queues| Residency::new(queues, limits.fetches_max.max(1)));
        let mut dispatcher = Dispatcher::new(
            Config {
                threads: wiring.bank_queues.len(),
                tasks_max: limits.in_flight_max,
                accesses_max: limits.in_flight_accesses_max,
                batch_max: limits.bank_batch_max,
                account_cost_max: limits.account_cost_max,
                slot_cost_max: limits.slot_cost_max,
            },
            config.fault,
        );
        // A node that has run for a while has this room; one that starts need not grow into it.
        let accounts = (wiring.accounts.len() + 1).next_power_of_two();
        dispatcher.reserve_accounts(accounts);
        Self {
            programs: config.programs.clone(),
            slot: start.context.clone(),
            found_blockhash: None,
            slot_duration: config.slot_duration,
            entry_interval: config.entry_interval,
            identity: config.identity,
            started: now,
            slot_ends: now + config.slot_duration,
            entry_ends: now,
            interner,
            replay: ReplayProtection::new(BLOCKHASH_AGE_MAX + 1, limits.status_cache_max),
            buffer: PriorityBuffer::new(limits.priority_buffer_max),
            shedding: Shedding::new(wiring.floor.clone(), limits.priority_buffer_max),
            held: Held::default(),
            deferred: PriorityBuffer::new(if limits.has_cost_limits() {
                limits.priority_buffer_max
            } else {
                0
            }),
            dispatcher,
            look_ahead: LookAhead::new(&limits, wiring.bank_queues.len()),
            width: Width::new(&limits, wiring.bank_queues.len()),
            entries: Entries::new(start.entry),
            unpublished: VecDeque::new(),
            next_sequence: 0,
            in_flight: 0,
            in_flight_accesses: 0,
            undispatched: 0,
            last_named: Vec::new(),
            absent: Vec::new(),
            listed: Vec::new(),
            rewards_lamports: 0,
            waits: WaitHistogram::default(),
            replaying,
            resumes: false,
            seals_at_end: false,
            hold: None,
            snapshots: Vec::new(),
            next_snapshot: 1,
            slot_transactions: config.slot_transactions,
            slot_inserted: 0,
            is_paused: config.slot_transactions.is_some(),
            given_up: false,
            residency,
            tasks: Vec::new(),
            threads: (0..wiring.bank_queues.len()).collect(),
            fault: config.fault,
            limits,
            wiring,
        }
    }

    /// Runs until draining is set and everything inserted is complete and handed to the publisher.
    pub(crate) fn run(mut self) {
        let (mut patience, mut waits_since) = (Patience::default(), None);
        loop {
            // Acquire: pairs with the release in `Runtime::shutdown`, after verify's last send. Looked
            // at before the step, so that the step saw all that was sent.
            let draining = self.wiring.draining.load(Ordering::Acquire);
            let now = Instant::now();
            if draining {
                self.give_deferred_up();
                self.give_commands_up();
            }
            let worked = self.step(now);
            if worked {
                self.wiring
                    .counters
                    .schedule_ns
                    .add(now.elapsed().as_nanos() as u64);
                if let Some(since) = waits_since.take() {
                    patience.waited(now - since);
                }
                continue;
            }
            if draining && self.is_drained() {
                if std::mem::take(&mut self.seals_at_end) && self.replaying.is_none() {
                    self.turn_slot(now);
                    continue;
                }
                assert!(
                    self.dispatcher.is_empty(),
                    "no task and no lock is left over"
                );
                break;
            }
            if self.replaying.is_some() {
                // Who feeds it unparks it.
                park_timeout(self.slot_duration);
                continue;
            }
            if patience.stays_awake(now - *waits_since.get_or_insert(now)) {
                std::thread::yield_now();
                continue;
            }
            let mut until = match self.is_paused {
                true => now + self.slot_duration,
                false => self.slot_ends,
            };
            if self.entries.is_open() {
                until = until.min(self.entry_ends);
            }
            park_timeout(until.saturating_duration_since(now));
        }
    }

    /// Does all that can be done now. Returns whether that was anything.
    pub(crate) fn step(&mut self, now: Instant) -> bool {
        let mut worked = self.take_completions(now) | self.take_fetched();
        worked |= self.operate(now);
        let replays = self.replaying.is_some();
        if replays {
            worked |= self.replay(now);
        } else {
            let turns = !self.is_paused || self.resumes;
            if turns && now >= self.slot_ends && self.hold.is_none() {
                self.turn_slot(now);
                worked = true;
            }
            worked |= self.admit(now);
        }
        worked |= self.dispatch(now);
        let work_ran_out = self.in_flight == 0 && self.buffer.is_empty();
        let restores = matches!(self.hold, Some(Hold::Restoring(_)));
        if self.entries.is_open()
            && !replays
            && !restores
            && (work_ran_out || now >= self.entry_ends)
        {
            self.entries.close();
            worked = true;
        }
        worked | self.publish_complete_entries() | self.evict_accounts()
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.in_flight == 0
            && self.entries.is_empty()
            && self.unpublished.is_empty()
            && self.buffer.is_empty()
            && self.held.is_empty()
            && self.deferred.is_empty()
            && self.hold.is_none()
            && !self.is_fetching()
    }

    fn take_completions(&mut self, now: Instant) -> bool {
        let mut worked = false;
        let now_ns = (now - self.started).as_nanos() as u64;
        while let Ok(batch) = self.wiring.completions.try_recv() {
            worked = true;
            for (task, outcome) in batch.tasks.iter().zip(&batch.outcomes) {
                self.dispatcher.complete(task.id);
                self.in_flight_accesses -= task.accounts.len();
                if let (Work::Transaction(transaction), Outcome::Dropped(_)) = (&task.work, outcome)
                {
                    self.replay.take_back(transaction.id());
                    self.wiring.counters.dropped.add(1);
                }
                if let Work::SetAccount(change) = &task.work
                    && !change.restores
                {
                    self.change_is_complete(outcome);
                }
            }
            self.in_flight -= batch.tasks.len();
            let others_wait = self.undispatched >= self.limits.bank_batch_max;
            if self.width.note(batch.tasks.len(), now_ns, others_wait) {
                self.dispatcher.set_active_threads(self.width.active());
            }
            for account in &batch.absent {
                self.list_absent(*account);
            }
            // In a replay a reward may come before what it gathered from.
            self.rewards_lamports = self.rewards_lamports.wrapping_add(batch.reward_lamports);
            self.entries.add_completed(batch);
        }
        worked
    }

    fn dispatch(&mut self, now: Instant) -> bool {
        let mut worked = false;
        let mut progress = self.undispatched > 0;
        while progress {
            progress = false;
            // Who idles is asked first: a chain is not taken past a thread that could have had it.
            self.threads
                .sort_by_key(|thread| self.dispatcher.outstanding(*thread));
            for at in 0..self.threads.len() {
                let thread = self.threads[at];
                if thread >= self.width.active() {
                    continue;
                }
                if self.wiring.bank_queues[thread].len() >= self.limits.bank_queue_batches_max {
                    continue;
                }
                let mut tasks = std::mem::take(&mut self.tasks);
                self.dispatcher.next_batch(thread, &mut tasks);
                if fault::is(self.fault, Fault::SwappedInsertion)
                    && let [first, second, ..] = &mut tasks[..]
                    && first.entry == second.entry
                {
                    std::mem::swap(first, second);
                }
                progress |= !tasks.is_empty();
                self.send_to_bank(thread, &mut tasks, now);
                self.tasks = tasks;
            }
            worked |= progress;
            progress &= self.undispatched > 0;
        }
        if worked {
            let mut active = 0..self.width.active();
            let starved = self.undispatched > 0
                && active.any(|thread| self.dispatcher.outstanding(thread) == 0);
            let free = self.dispatcher.inserted_free();
            self.look_ahead
                .adapt(starved, self.in_flight, self.next_sequence, free);
        }
        worked
    }

    /// Sends tasks in order, a batch for each entry.
    fn send_to_bank(&mut self, thread: usize, tasks: &mut Vec<Task>, now: Instant) {
        self.undispatched -= tasks.len();
        // Where tasks conflict, younger ones may have come before older ones, entries among each other. Sorting
        // by entry keeps conflicting ones in order, as the earlier is in no later entry and comes first.
        if !tasks.is_sorted_by_key(|task| task.entry) {
            tasks.sort_by_key(|task| task.entry);
        }
        let now_ns = (now - self.started).as_nanos() as u64;
        while let Some(first) = tasks.first() {
            let entry = first.entry;
            let others = tasks.iter().position(|task| task.entry != entry);
            // Nearly always all of them: then the list itself goes.
            let rest = others.map_or_else(Vec::new, |others| tasks.split_off(others));
            let run = std::mem::replace(tasks, rest);
            for same in run.chunk_by(|a, b| a.inserted_ns == b.inserted_ns) {
                let waited = now_ns.saturating_sub(same[0].inserted_ns);
                self.waits.add(waited, same.len() as u64);
            }
            let slot = self.entries.slot(entry).clone();
            let batch = BankBatch {
                entry,
                slot,
                tasks: run,
            };
            // The queue has room for one batch per task beyond its limit; a send that fails means that
            // the banking thread is gone, which only a bug can cause.
            self.wiring.bank_queues[thread]
                .try_send(batch)
                .unwrap_or_else(|_| panic!("banking thread {thread} is not taking batches"));
        }
    }

    fn publish_complete_entries(&mut self) -> bool {
        let mut worked = false;
        while let Some((entry, slots)) = self.entries.pop_complete() {
            worked = true;
            self.give_indices_back(entry.first_sequence + entry.task_count as u64);
            self.unpublished.push_back(PublisherMessage::Entry(entry));
            let opened = slots.into_iter().map(PublisherMessage::Slot);
            self.unpublished.extend(opened);
        }
        if self.in_flight == 0 && !self.absent.is_empty() {
            self.give_indices_back(self.next_sequence);
        }
        while let Some(message) = self.unpublished.pop_front() {
            match self.wiring.publisher.try_send(message) {
                Ok(()) => worked = true,
                Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => {
                    self.unpublished.push_front(message);
                    break;
                }
            }
        }
        if worked {
            let counters = &self.wiring.counters;
            counters.queued.set(self.queued() as u64);
            counters.longest_chain.set(self.dispatcher.longest_chain());
            *self
                .wiring
                .waits
                .lock()
                .expect("no holder of this lock panics") = self.waits.clone();
        }
        worked
    }

    /// Transactions between admission and a banking thread.
    fn queued(&self) -> usize {
        self.buffer.len() + self.held.len() + self.deferred.len() + self.undispatched
    }

    /// Notes an account that may not exist: its index goes back when no task names it.
    fn list_absent(&mut self, account: AccountIndex) {
        if account == NO_ACCOUNT {
            return;
        }
        let at = account as usize;
        if at >= self.listed.len() {
            self.listed.resize((at + 1).next_power_of_two(), false);
        }
        if !std::mem::replace(&mut self.listed[at], true) {
            self.absent.push(account);
        }
    }

    /// Gives back the indices of accounts that do not exist and that no task names: every task before
    /// `completed` is complete.
    fn give_indices_back(&mut self, completed: u64) {
        self.note_completed(completed);
        let (last_named, dispatcher) = (&self.last_named, &mut self.dispatcher);
        let idle = |dispatcher: &Dispatcher, account: AccountIndex| {
            is_idle(dispatcher, last_named, account, completed)
        };
        for at in (0..self.absent.len()).rev() {
            if idle(dispatcher, self.absent[at]) {
                let account = self.absent.swap_remove(at);
                self.listed[account as usize] = false;
                dispatcher.forget(account);
                self.interner.release(account);
            }
        }
        self.interner.reclaim(&mut |account| {
            let idle = idle(dispatcher, account);
            if idle {
                dispatcher.forget(account);
            }
            idle
        });
    }
}
