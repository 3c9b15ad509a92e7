//! The pipeline's parts, made and wired before any thread starts: here is every queue and who holds its
//! ends.

mod behind;

use crate::banking::BankingThread;
use crate::checkpoint::{CheckpointStage, CheckpointWatch};
use crate::counters::{StageCounters, WaitHistogram};
use crate::fetch_stage::{DONE_MAX, FetchStage};
use crate::floor::AdmissionFloor;
use crate::headers::{HeaderStage, Headers};
use crate::history::{History, HistoryThreads, OpenArchive};
use crate::ingest::{Ingest, IngestBatch};
use crate::journal::Journals;
use crate::ledger::LedgerHealth;
use crate::log_stage::LogStage;
use crate::operator::{Command, Operator};
use crate::publish::{Listeners, PublishStage};
use crate::purity::PurityCheck;
use crate::reader::{Pool, Reader, Shared};
use crate::replay::Replay;
use crate::schedule::{FetchQueues, ScheduleStage, Wiring};
use crate::sealed::SealedSlots;
use crate::serial::Order;
use crate::singles::Singles;
use crate::start::{ChainStart, Opened};
use crate::sync::{Arc, AtomicBool, Mutex, Receiver, Thread, bounded};
use crate::uploaded;
use crate::verify_stage::VerifyThread;
use crate::watchdog::{Posts, Watchdog};
use crate::{Bank, LedgerError, Limits, RuntimeConfig, SlotWatch, StartError, Verifier};
use sealane_accounts_db::{Accounts, Pin};
use sealane_vm::ElfMachine;
use solana_hash::Hash;
use std::sync::OnceLock;
use std::time::Instant;

/// What every stage and reader may hold.
struct Common {
    accounts: Arc<Accounts>,
    /// Verify's.
    slots: SlotWatch,
    /// The readers'.
    visible_slots: SlotWatch,
    sealed: SealedSlots,
    counters: Arc<StageCounters>,
    history: Arc<History>,
    listeners: Listeners,
    tip: Arc<Mutex<Hash>>,
    ledger: Arc<LedgerHealth>,
    waits: Arc<Mutex<WaitHistogram>>,
    /// Those of past slots, where they are made.
    headers: Option<Arc<Headers>>,
    checkpoints: Arc<CheckpointWatch>,
    journals: Arc<Mutex<Journals>>,
    order: Option<Arc<Mutex<Order>>>,
    /// The node stops: refuse what comes in.
    stopping: Arc<AtomicBool>,
    /// Nothing comes in any more: finish, then end.
    draining: Arc<AtomicBool>,
    /// The schedule stage's thread, to be woken.
    scheduler: Arc<OnceLock<Thread>>,
    /// Where the watchdog looks.
    posts: Posts,
    machine: std::sync::Arc<ElfMachine>,
}

impl Common {
    fn new(
        config: &RuntimeConfig,
        accounts: Arc<Accounts>,
        start: &ChainStart,
    ) -> Result<(Self, Option<OpenArchive>), LedgerError> {
        let order = config
            .record_order
            .then(|| Arc::new(Mutex::new(Order::default())));
        let headers = match config.header_signer {
            Some(_) => Some(Arc::new(Headers::new(&accounts, &config.limits)?)),
            None => None,
        };
        if let Some(headers) = &headers {
            start.check_root(headers.state_root())?;
        }
        let counters = Arc::new(StageCounters::default());
        counters.replayed.add(start.transaction_count);
        let slots = SlotWatch::new(start.context.clone());
        let archive = OpenArchive::of(config, &accounts, &slots);
        let archived = archive.as_ref().map(|archive| archive.archived.clone());
        let visible_slots = SlotWatch::new(start.context.clone());
        let machine =
            uploaded::machine(accounts.clone(), visible_slots.clone(), config.elf_programs);
        let common = Self {
            history: Arc::new(History::new(&config.limits, start, archived)),
            slots,
            visible_slots,
            sealed: SealedSlots::new(config.finality_lag, &accounts, start),
            counters,
            listeners: Listeners::default(),
            tip: Arc::new(Mutex::new(start.tip)),
            ledger: Arc::new(LedgerHealth::default()),
            waits: Arc::new(Mutex::new(WaitHistogram::default())),
            headers,
            checkpoints: Arc::default(),
            journals: Arc::new(Mutex::new(Journals::default())),
            accounts,
            order,
            stopping: Arc::new(AtomicBool::new(false)),
            draining: Arc::new(AtomicBool::new(false)),
            scheduler: Arc::new(OnceLock::new()),
            posts: Posts::default(),
            machine,
        };
        Ok((common, archive))
    }

    /// Makes banks with all programs of the node.
    fn bank_maker(&self, config: &RuntimeConfig) -> impl Fn() -> Bank + Send + Sync + 'static {
        let (programs, limits) = (config.programs.clone(), config.limits.clone());
        let machine = self.machine.clone();
        move || Bank::new(programs.clone(), &limits).with_machine(machine.clone())
    }

    /// Makes machines with the programs of a state of the past.
    fn past_machine_maker(
        &self,
        config: &RuntimeConfig,
    ) -> impl Fn(Arc<Pin>) -> Arc<ElfMachine> + Send + Sync + 'static {
        let (accounts, slots) = (self.accounts.clone(), self.visible_slots.clone());
        let config = config.elf_programs;
        move |pin| uploaded::past_machine(pin, accounts.clone(), slots.clone(), config)
    }

    /// Makes verifiers that share the node's hash keys and database.
    fn verifier_maker(
        &self,
        config: &RuntimeConfig,
        slots: &SlotWatch,
    ) -> impl Fn(bool) -> Verifier + Send + Sync + 'static {
        let (accounts, slots) = (self.accounts.clone(), slots.clone());
        let limits = config.limits.clone();
        move |check| Verifier::new(accounts.clone(), slots.clone(), &limits, check)
    }

    /// The stage that reads accounts again, and the schedule stage's ways to and from it, where memory is bounded.
    fn wire_fetch(&self, limits: &Limits) -> (Option<FetchStage>, Option<FetchQueues>) {
        if !self.accounts.is_bounded() {
            return (None, None);
        }
        let (queue_sender, queue) = bounded(limits.fetches_max.max(1));
        let (done_sender, done) = bounded(DONE_MAX);
        let stage = FetchStage {
            queue,
            done: done_sender,
            accounts: self.accounts.clone(),
            scheduler: self.scheduler.clone(),
        };
        let queue = queue_sender;
        (Some(stage), Some(FetchQueues { queue, done }))
    }

    /// The operator of a chain for development, and the schedule stage's end of its queue.
    fn wire_operator(&self, config: &RuntimeConfig) -> Option<(Operator, Receiver<Command>)> {
        let (sender, commands) = bounded(config.limits.operator_commands_max.max(1));
        let operator = Operator {
            commands: sender,
            scheduler: self.scheduler.clone(),
            stopping: self.stopping.clone(),
        };
        config.dev.then_some((operator, commands))
    }

    /// Where transactions come in, and verify's end of its queue.
    fn wire_ingest(&self, limits: &Limits) -> (Ingest, Receiver<IngestBatch>) {
        let (queue, batches) = bounded(limits.ingest_batches_max);
        let ingest = Ingest {
            queue,
            singles: Arc::new(Singles::new(limits.verify_singles_max)),
            batch_max: limits.ingest_batch_max,
            stopping: self.stopping.clone(),
            ledger: self.ledger.clone(),
            counters: self.counters.clone(),
        };
        (ingest, batches)
    }

    fn reader(&self, config: &RuntimeConfig) -> Reader {
        Reader::new(Arc::new(Shared {
            accounts: self.accounts.clone(),
            slots: self.visible_slots.clone(),
            sealed: self.sealed.clone(),
            history: self.history.clone(),
            ledger: self.ledger.clone(),
            ledger_disk: config.ledger.clone(),
            listeners: self.listeners.clone(),
            counters: self.counters.clone(),
            waits: self.waits.clone(),
            headers: self.headers.clone(),
            checkpoints: self.checkpoints.clone(),
            new_bank: Box::new(self.bank_maker(config)),
            genesis_hash: config.genesis_hash,
            limits: config.limits.clone(),
            new_verifier: Box::new(self.verifier_maker(config, &self.visible_slots)),
            checking: Pool::default(),
            trusting: Pool::default(),
            banks: Pool::default(),
            past_banks: Pool::default(),
            new_past_machine: Box::new(self.past_machine_maker(config)),
            posts: self.posts.clone(),
            order: self.order.clone(),
        }))
    }
}

/// Everything the threads own.
pub(crate) struct Parts {
    pub(crate) ingest: Ingest,
    pub(crate) reader: Reader,
    /// In a chain for development.
    pub(crate) operator: Option<Operator>,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) scheduler: Arc<OnceLock<Thread>>,
    pub(crate) verify: Vec<VerifyThread>,
    pub(crate) schedule: ScheduleStage,
    pub(crate) banking: Vec<BankingThread>,
    pub(crate) publish: PublishStage,
    pub(crate) headers: Option<HeaderStage>,
    pub(crate) checkpoints: Option<CheckpointStage>,
    pub(crate) history: Option<HistoryThreads>,
    /// Where memory is bounded.
    pub(crate) fetch: Option<FetchStage>,
    pub(crate) watchdog: Watchdog,
    /// With a ledger: the thread that writes it, and the source of the replay.
    pub(crate) log: Option<(LogStage, Replay)>,
    /// The slot of the checkpoint that it starts from, if it does, and its state root.
    pub(crate) checkpoint: Option<(u64, Hash)>,
}

impl Parts {
    pub(crate) fn new(config: &RuntimeConfig) -> Result<Self, StartError> {
        let limits = &config.limits;
        let banking_threads = config.banking_threads.resolve();
        let Opened {
            start,
            accounts,
            interner,
            accesses,
            publisher,
            checkpoints,
        } = Opened::new(config, banking_threads)?;
        let (common, archive) = Common::new(config, accounts, &start)?;

        let (ingest, ingest_queue) = common.wire_ingest(limits);
        let (verified_sender, verified) = bounded(limits.verified_batches_max);
        let (completion_sender, completions) =
            bounded(limits.completed_batches_max * banking_threads);
        // A batch is split where entries meet, so there is room for one per task beyond the limit.
        let bank_queue_max = limits.bank_queue_batches_max + limits.bank_batch_max;
        let (bank_senders, bank_queues): (Vec<_>, Vec<_>) = (0..banking_threads)
            .map(|_| bounded(bank_queue_max))
            .unzip();

        let floor = Arc::<AdmissionFloor>::default();
        let new_verifier = common.verifier_maker(config, &common.slots);
        let verify = (0..config.verify_threads.max(1)).map(|_| VerifyThread {
            queue: ingest_queue.clone(),
            verified: verified_sender.clone(),
            scheduler: common.scheduler.clone(),
            verifier: new_verifier(config.check_signatures),
            stopping: common.stopping.clone(),
            singles: ingest.singles.clone(),
            joined_max: limits.verify_joined_max,
            // Larger batches cost less for their signatures, and more for all else.
            joined_bulk_max: if config.check_signatures {
                limits.verify_joined_max
            } else {
                0
            },
            floor: floor.clone(),
            counters: common.counters.clone(),
        });
        let purity = PurityCheck::configured(config);
        let new_bank = common.bank_maker(config);
        let banking = accesses
            .into_iter()
            .zip(bank_queues)
            .map(|(access, queue)| (access, queue, new_bank()))
            .map(|(access, queue, bank)| BankingThread {
                queue,
                completions: completion_sender.clone(),
                scheduler: common.scheduler.clone(),
                access,
                post: common.posts.add(&bank),
                bank,
                counters: common.counters.clone(),
                records: Vec::new(),
                purity: purity.clone(),
                trace: config.trace.clone(),
                fault: config.fault,
            });
        let behind = common.wire_behind(config, &start, publisher, checkpoints, archive);
        let (fetch, fetch_queues) = common.wire_fetch(limits);
        let (operator, commands) = common.wire_operator(config).unzip();
        let wiring = Wiring {
            commands,
            machine: common.machine.clone(),
            fetch: fetch_queues,
            verified,
            completions,
            bank_queues: bank_senders,
            publisher: behind.queue,
            accounts: common.accounts.clone(),
            slots: common.slots.clone(),
            tip: common.tip.clone(),
            draining: common.draining.clone(),
            ledger: common.ledger.clone(),
            floor: floor.clone(),
            counters: common.counters.clone(),
            journals: common.journals.clone(),
            waits: common.waits.clone(),
        };
        let (replaying, now) = (behind.replaying, Instant::now());
        let schedule = ScheduleStage::new(config, wiring, interner, &start, replaying, now);
        Ok(Self {
            verify: verify.collect(),
            schedule,
            banking: banking.collect(),
            publish: behind.publish,
            headers: behind.headers,
            checkpoints: behind.checkpoints,
            history: behind.history,
            log: behind.log,
            checkpoint: start
                .checkpoint
                .map(|checkpoint| (start.context.slot, checkpoint.state_root)),
            fetch,
            operator,
            reader: common.reader(config),
            watchdog: Watchdog::new(config, common.posts),
            ingest,
            draining: common.draining,
            scheduler: common.scheduler,
        })
    }
}
