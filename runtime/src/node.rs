//! The running pipeline: makes its parts, starts its threads, stops them.

use crate::banking::BankingThread;
use crate::counters::{StageCounters, WaitHistogram};
use crate::history::History;
use crate::ingest::{Ingest, IngestBatch};
use crate::publish::{Listeners, PublishStage};
use crate::reader::{Pool, Reader, Shared};
use crate::schedule::{ScheduleStage, Wiring};
use crate::serial::Order;
use crate::sync::{Arc, AtomicBool, Builder, JoinHandle, Mutex, Ordering, Sender, Thread, bounded};
use crate::verify_stage::VerifyThread;
use crate::{Bank, RuntimeConfig, SlotContext, SlotWatch, Verifier};
use sealane_accounts_db::{AccountsFull, DbLimits};
use sealane_sdk::{AccountState, Pubkey};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Completed batches that may wait for the scheduler, for each banking thread. The scheduler always takes
/// them, so this only smooths.
const COMPLETIONS_PER_THREAD: usize = 16;

/// Entries that may wait for the publisher.
const PUBLISHER_QUEUE_MAX: usize = 64;

/// All accounts at genesis: those of programs and those of the configuration, which win.
pub(crate) fn genesis_accounts(config: &RuntimeConfig) -> Vec<(Pubkey, AccountState)> {
    let context = SlotContext::genesis(config.genesis_hash, config.genesis_time);
    let programs = config.programs.iter().filter(|program| {
        // Those of System and Compute Budget are the slot's.
        context.virtual_account(&program.id).is_none()
    });
    let mut accounts: Vec<(Pubkey, AccountState)> = programs
        .map(|program| (program.id, program.account()))
        .collect();
    accounts.extend(config.genesis_accounts.iter().cloned());
    accounts
}

/// A running pipeline. Dropping it leaves its threads to end by themselves; `shutdown` waits for them.
pub struct Runtime {
    ingest: Ingest,
    reader: Reader,
    draining: Arc<AtomicBool>,
    scheduler: Arc<OnceLock<Thread>>,
    verify_threads: Vec<JoinHandle<()>>,
    other_threads: Vec<JoinHandle<()>>,
}

impl Runtime {
    /// Starts the threads. `Err` where genesis has more accounts than `Limits::accounts_max`.
    pub fn start(config: RuntimeConfig) -> Result<Self, AccountsFull> {
        Parts::new(&config).map(Parts::start)
    }

    /// Hands transactions in.
    pub fn ingest(&self) -> Ingest {
        self.ingest.clone()
    }

    /// Reads what is visible.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Whether all its threads run. Once false, a broken invariant has ended one of them: what is
    /// visible stays so, and nothing more will be.
    pub fn is_healthy(&self) -> bool {
        let mut threads = self.verify_threads.iter().chain(&self.other_threads);
        threads.all(|thread| !thread.is_finished())
    }

    /// Refuses new work, lets what was accepted finish and become visible, and stops the threads.
    /// `false`: the deadline passed with a program still running; its thread is left behind.
    pub fn shutdown(self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        // Release: pairs with the acquire of the stages.
        self.ingest.stopping.store(true, Ordering::Release);
        for _ in &self.verify_threads {
            if !send_until(&self.ingest.queue, until) {
                return false;
            }
        }
        if !join_until(self.verify_threads, until) {
            return false;
        }
        self.draining.store(true, Ordering::Release);
        if let Some(scheduler) = self.scheduler.get() {
            scheduler.unpark();
        }
        join_until(self.other_threads, until)
    }
}

/// Asks one verify thread to end, if there is room in the queue before `until`.
fn send_until(queue: &Sender<IngestBatch>, until: Instant) -> bool {
    while queue.try_send(IngestBatch::Stop).is_err() {
        if Instant::now() >= until {
            return false;
        }
        crate::sync::park_timeout(Duration::from_millis(1));
    }
    true
}

/// Waits for threads to end. They are not woken by time, so it looks every millisecond.
fn join_until(threads: Vec<JoinHandle<()>>, until: Instant) -> bool {
    for thread in threads {
        while !thread.is_finished() {
            if Instant::now() >= until {
                return false;
            }
            crate::sync::park_timeout(Duration::from_millis(1));
        }
        thread.join().expect("pipeline threads do not panic");
    }
    true
}

/// Everything the threads own, made and wired before any of them starts.
pub(crate) struct Parts {
    pub(crate) ingest: Ingest,
    pub(crate) reader: Reader,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) scheduler: Arc<OnceLock<Thread>>,
    pub(crate) verify: Vec<VerifyThread>,
    pub(crate) schedule: ScheduleStage,
    pub(crate) banking: Vec<BankingThread>,
    pub(crate) publish: PublishStage,
}

impl Parts {
    pub(crate) fn new(config: &RuntimeConfig) -> Result<Self, AccountsFull> {
        let limits = &config.limits;
        let banking_threads = config.banking_threads.resolve();
        let db_limits = DbLimits {
            accounts_max: limits.accounts_max,
            pins_max: limits.pins_max,
            pinned_bytes_max: limits.pinned_bytes_max,
        };
        let (accounts, interner, accesses, publisher) =
            sealane_accounts_db::open(db_limits, banking_threads, genesis_accounts(config))?;
        let genesis = Arc::new(SlotContext::genesis(
            config.genesis_hash,
            config.genesis_time,
        ));
        let slots = SlotWatch::new(genesis.clone());
        let counters = Arc::new(StageCounters::default());
        let stopping = Arc::new(AtomicBool::new(false));
        let draining = Arc::new(AtomicBool::new(false));
        let scheduler = Arc::new(OnceLock::new());
        let tip = Arc::new(Mutex::new(config.genesis_hash));
        let waits = Arc::new(Mutex::new(WaitHistogram::default()));
        let listeners = Listeners::default();
        let history = Arc::new(History::new(limits.history_bytes_max));
        let order = config
            .record_order
            .then(|| Arc::new(Mutex::new(Order::default())));
        let (ingest_sender, ingest_queue) = bounded(limits.ingest_batches_max);
        let (verified_sender, verified) = bounded(limits.verified_batches_max);
        let completions_max = COMPLETIONS_PER_THREAD * banking_threads;
        let (completion_sender, completions) = bounded(completions_max);
        let (publisher_sender, publisher_queue) = bounded(PUBLISHER_QUEUE_MAX);
        // A batch is split where entries meet, so there is room for one per task beyond the limit.
        let bank_queue_max = limits.bank_queue_batches_max + limits.bank_batch_max;
        let (bank_senders, bank_queues): (Vec<_>, Vec<_>) = (0..banking_threads)
            .map(|_| bounded(bank_queue_max))
            .unzip();
        let new_verifier = verifier_maker(config, &accounts, &slots);
        let verify = (0..config.verify_threads.max(1))
            .map(|_| VerifyThread {
                queue: ingest_queue.clone(),
                verified: verified_sender.clone(),
                scheduler: scheduler.clone(),
                verifier: new_verifier(config.check_signatures),
                stopping: stopping.clone(),
                told_to_stop: false,
                counters: counters.clone(),
            })
            .collect();
        let banking = accesses
            .into_iter()
            .zip(bank_queues)
            .map(|(access, queue)| BankingThread {
                queue,
                completions: completion_sender.clone(),
                scheduler: scheduler.clone(),
                access,
                bank: Bank::new(config.programs.clone(), limits),
                counters: counters.clone(),
                fault: config.fault,
            })
            .collect();
        let publish = PublishStage {
            queue: publisher_queue,
            publisher,
            history: history.clone(),
            listeners: listeners.clone(),
            tip: tip.clone(),
            counters: counters.clone(),
            order: order.clone(),
            slot: 0,
            next_index: 0,
        };
        let wiring = Wiring {
            verified,
            completions,
            bank_queues: bank_senders,
            publisher: publisher_sender,
            accounts: accounts.clone(),
            slots: slots.clone(),
            tip,
            draining: draining.clone(),
            counters: counters.clone(),
            waits: waits.clone(),
        };
        let schedule = ScheduleStage::new(config, wiring, interner, genesis, Instant::now());
        let reader = Reader::new(Arc::new(Shared {
            accounts,
            slots,
            history,
            listeners,
            counters: counters.clone(),
            waits,
            programs: config.programs.clone(),
            genesis_hash: config.genesis_hash,
            limits: limits.clone(),
            new_verifier: Box::new(new_verifier),
            checking: Pool::default(),
            trusting: Pool::default(),
            banks: Pool::default(),
            order,
        }));
        let ingest = Ingest {
            queue: ingest_sender,
            stopping,
            counters,
        };
        Ok(Self {
            ingest,
            reader,
            draining,
            scheduler,
            verify,
            schedule,
            banking,
            publish,
        })
    }

    fn start(self) -> Runtime {
        let spawn = |name: String, body: Box<dyn FnOnce() + Send>| {
            Builder::new()
                .name(name)
                .spawn(body)
                .expect("the system can start a thread")
        };
        let mut other_threads = Vec::new();
        for (index, thread) in self.banking.into_iter().enumerate() {
            let run = move || thread.run();
            other_threads.push(spawn(format!("banking-{index}"), Box::new(run)));
        }
        let publish = self.publish;
        other_threads.push(spawn("publish".into(), Box::new(move || publish.run())));
        let (schedule, handle) = (self.schedule, self.scheduler.clone());
        let run = move || {
            // Only this thread sets it, once.
            let _ = handle.set(crate::sync::current());
            schedule.run();
        };
        other_threads.push(spawn("schedule".into(), Box::new(run)));
        let verify_threads = self
            .verify
            .into_iter()
            .enumerate()
            .map(|(index, thread)| spawn(format!("verify-{index}"), Box::new(move || thread.run())))
            .collect();
        Runtime {
            ingest: self.ingest,
            reader: self.reader,
            draining: self.draining,
            scheduler: self.scheduler,
            verify_threads,
            other_threads,
        }
    }
}

/// Makes verifiers that share the node's hash keys, database and slot.
fn verifier_maker(
    config: &RuntimeConfig,
    accounts: &Arc<sealane_accounts_db::Accounts>,
    slots: &SlotWatch,
) -> impl Fn(bool) -> Verifier + Send + Sync + 'static {
    let (accounts, slots, limits) = (accounts.clone(), slots.clone(), config.limits.clone());
    move |check| Verifier::new(accounts.clone(), slots.clone(), &limits, check)
}
