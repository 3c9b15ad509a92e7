//! The pipeline's parts, made and wired before any thread starts: here is every queue and who holds its
//! ends.

use crate::banking::BankingThread;
use crate::counters::{StageCounters, WaitHistogram};
use crate::headers::{HeaderQueue, HeaderStage, Headers};
use crate::history::{EntryOrder, History};
use crate::ingest::Ingest;
use crate::ledger::LedgerHealth;
use crate::log_stage::LogStage;
use crate::publish::{Listeners, PublishStage};
use crate::purity::PurityCheck;
use crate::reader::{Pool, Reader, Shared};
use crate::replay::{ChainStart, REPLAY_QUEUE_MAX, Replay, ReplayReport};
use crate::schedule::{Replaying, ScheduleStage, Wiring};
use crate::serial::Order;
use crate::sync::{Arc, AtomicBool, Mutex, Receiver, Sender, Thread, bounded};
use crate::task::PublisherMessage;
use crate::verify_stage::VerifyThread;
use crate::watchdog::{Posts, Watchdog};
use crate::{Bank, Limits, RuntimeConfig, SlotContext, SlotWatch, Verifier};
use sealane_accounts_db::{Accounts, AccountsFull, DbLimits, Disk, Publisher};
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use std::sync::OnceLock;
use std::time::Instant;

fn genesis_context(config: &RuntimeConfig) -> SlotContext {
    SlotContext::genesis(config.genesis_hash, config.genesis_time)
}

/// All accounts at genesis: those of programs and those of the configuration, which win.
pub(crate) fn genesis_accounts(config: &RuntimeConfig) -> Vec<(Pubkey, AccountState)> {
    let context = genesis_context(config);
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

fn db_limits(limits: &Limits) -> DbLimits {
    DbLimits {
        accounts_max: limits.accounts_max,
        pins_max: limits.pins_max,
        pinned_bytes_max: limits.pinned_bytes_max,
    }
}

/// What every stage and reader may hold.
struct Common {
    accounts: Arc<Accounts>,
    /// Verify's.
    slots: SlotWatch,
    /// The readers'.
    visible_slots: SlotWatch,
    counters: Arc<StageCounters>,
    history: Arc<History>,
    listeners: Listeners,
    tip: Arc<Mutex<Hash>>,
    ledger: Arc<LedgerHealth>,
    waits: Arc<Mutex<WaitHistogram>>,
    /// Those of past slots, where they are made.
    headers: Option<Arc<Headers>>,
    order: Option<Arc<Mutex<Order>>>,
    /// The node stops: refuse what comes in.
    stopping: Arc<AtomicBool>,
    /// Nothing comes in any more: finish, then end.
    draining: Arc<AtomicBool>,
    /// The schedule stage's thread, to be woken.
    scheduler: Arc<OnceLock<Thread>>,
    /// Where the watchdog looks.
    posts: Posts,
}

impl Common {
    fn new(config: &RuntimeConfig, accounts: Arc<Accounts>, genesis: Arc<SlotContext>) -> Self {
        let order = config
            .record_order
            .then(|| Arc::new(Mutex::new(Order::default())));
        Self {
            history: Arc::new(History::new(&config.limits, &genesis)),
            slots: SlotWatch::new(genesis.clone()),
            visible_slots: SlotWatch::new(genesis),
            counters: Arc::new(StageCounters::default()),
            listeners: Listeners::default(),
            tip: Arc::new(Mutex::new(config.genesis_hash)),
            ledger: Arc::new(LedgerHealth::default()),
            waits: Arc::new(Mutex::new(WaitHistogram::default())),
            headers: config
                .header_signer
                .is_some()
                .then(|| Arc::new(Headers::new(&accounts, &config.limits))),
            accounts,
            order,
            stopping: Arc::new(AtomicBool::new(false)),
            draining: Arc::new(AtomicBool::new(false)),
            scheduler: Arc::new(OnceLock::new()),
            posts: Posts::default(),
        }
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

    /// Puts the log stage in front of the publisher.
    fn wire_log(
        &self,
        config: &RuntimeConfig,
        disk: std::sync::Arc<dyn Disk>,
        context: Arc<SlotContext>,
        publisher: Sender<PublisherMessage>,
    ) -> WiredLog {
        let (sender, queue) = bounded(config.limits.publisher_messages_max);
        let (start_sender, start) = bounded(1);
        let (replay_sender, replay_queue) = bounded(REPLAY_QUEUE_MAX);
        let report = ReplayReport::default();
        let stage = LogStage {
            queue,
            publisher,
            start,
            health: self.ledger.clone(),
            on_failure: config.on_ledger_failure.clone(),
            scheduler: self.scheduler.clone(),
            slot_ms: config.slot_duration.as_millis() as u64,
            keep_contexts: config.record_order,
        };
        let replay = Replay {
            disk,
            genesis_hash: config.genesis_hash,
            start: ChainStart {
                context,
                tip: config.genesis_hash,
                entry: 0,
            },
            queue: replay_sender,
            scheduler: self.scheduler.clone(),
            report: report.clone(),
            verifier: self.verifier_maker(config, &self.slots)(false),
            log: start_sender,
            on_replay: config.on_replay.clone(),
        };
        let replaying = Replaying {
            queue: replay_queue,
            report,
            entry: None,
            ending: None,
        };
        WiredLog {
            stage,
            replay,
            replaying,
            sender,
        }
    }

    /// The stage that signs headers, and the publisher's way to it, where headers are wanted.
    fn wire_headers(
        &self,
        config: &RuntimeConfig,
        genesis: &Arc<SlotContext>,
    ) -> (HeaderQueue, Option<HeaderStage>) {
        match self.headers.clone().zip(config.header_signer.clone()) {
            Some((headers, signer)) => {
                let (sender, queue) = bounded(config.limits.header_messages_max);
                let stage = HeaderStage::new(queue, headers, signer, genesis.clone());
                (HeaderQueue::new(sender), Some(stage))
            }
            None => (HeaderQueue::none(), None),
        }
    }

    fn publish_stage(
        &self,
        config: &RuntimeConfig,
        queue: Receiver<PublisherMessage>,
        publisher: Publisher,
        headers: HeaderQueue,
    ) -> PublishStage {
        PublishStage {
            queue,
            publisher,
            history: self.history.clone(),
            listeners: self.listeners.clone(),
            scheduler: self.scheduler.clone(),
            tip: self.tip.clone(),
            slots: self.visible_slots.clone(),
            counters: self.counters.clone(),
            headers,
            order: self.order.clone(),
            order_entries: EntryOrder::new(0, config.genesis_hash, config.record_order),
            replay: None,
        }
    }

    fn reader(&self, config: &RuntimeConfig) -> Reader {
        Reader::new(Arc::new(Shared {
            accounts: self.accounts.clone(),
            slots: self.visible_slots.clone(),
            history: self.history.clone(),
            ledger: self.ledger.clone(),
            listeners: self.listeners.clone(),
            counters: self.counters.clone(),
            waits: self.waits.clone(),
            headers: self.headers.clone(),
            programs: config.programs.clone(),
            genesis_hash: config.genesis_hash,
            limits: config.limits.clone(),
            new_verifier: Box::new(self.verifier_maker(config, &self.visible_slots)),
            checking: Pool::default(),
            trusting: Pool::default(),
            banks: Pool::default(),
            posts: self.posts.clone(),
            order: self.order.clone(),
        }))
    }
}

/// The log stage, and who feeds it.
struct WiredLog {
    stage: LogStage,
    replay: Replay,
    replaying: Replaying,
    /// The schedule stage's way to the publisher.
    sender: Sender<PublisherMessage>,
}

/// Everything the threads own.
pub(crate) struct Parts {
    pub(crate) ingest: Ingest,
    pub(crate) reader: Reader,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) scheduler: Arc<OnceLock<Thread>>,
    pub(crate) verify: Vec<VerifyThread>,
    pub(crate) schedule: ScheduleStage,
    pub(crate) banking: Vec<BankingThread>,
    pub(crate) publish: PublishStage,
    pub(crate) headers: Option<HeaderStage>,
    pub(crate) watchdog: Watchdog,
    /// With a ledger: the thread that writes it, and the source of the replay.
    pub(crate) log: Option<(LogStage, Replay)>,
}

impl Parts {
    pub(crate) fn new(config: &RuntimeConfig) -> Result<Self, AccountsFull> {
        let limits = &config.limits;
        let banking_threads = config.banking_threads.resolve();
        let db_limits = db_limits(limits);
        let (accounts, interner, accesses, publisher) =
            sealane_accounts_db::open(db_limits, banking_threads, genesis_accounts(config))?;
        let genesis = Arc::new(genesis_context(config));
        let common = Common::new(config, accounts, genesis.clone());

        let (ingest_sender, ingest_queue) = bounded(limits.ingest_batches_max);
        let (verified_sender, verified) = bounded(limits.verified_batches_max);
        let (completion_sender, completions) =
            bounded(limits.completed_batches_max * banking_threads);
        let (publisher_sender, publisher_queue) = bounded(limits.publisher_messages_max);
        // A batch is split where entries meet, so there is room for one per task beyond the limit.
        let bank_queue_max = limits.bank_queue_batches_max + limits.bank_batch_max;
        let (bank_senders, bank_queues): (Vec<_>, Vec<_>) = (0..banking_threads)
            .map(|_| bounded(bank_queue_max))
            .unzip();

        let new_verifier = common.verifier_maker(config, &common.slots);
        let verify = (0..config.verify_threads.max(1)).map(|_| VerifyThread {
            queue: ingest_queue.clone(),
            verified: verified_sender.clone(),
            scheduler: common.scheduler.clone(),
            verifier: new_verifier(config.check_signatures),
            stopping: common.stopping.clone(),
            told_to_stop: false,
            singles_max: limits.verify_singles_max,
            counters: common.counters.clone(),
        });
        let purity = PurityCheck::configured(config);
        let banking = accesses
            .into_iter()
            .zip(bank_queues)
            .map(|(access, queue)| (access, queue, Bank::new(config.programs.clone(), limits)))
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
                fault: config.fault,
            });
        let (header_queue, headers) = common.wire_headers(config, &genesis);
        let mut publish = common.publish_stage(config, publisher_queue, publisher, header_queue);
        let (log, replaying, publisher_sender) = match &config.ledger {
            None => (None, None, publisher_sender),
            Some(disk) => {
                let wired =
                    common.wire_log(config, disk.clone(), genesis.clone(), publisher_sender);
                publish.replay = Some(wired.replaying.report.clone());
                (
                    Some((wired.stage, wired.replay)),
                    Some(wired.replaying),
                    wired.sender,
                )
            }
        };
        let wiring = Wiring {
            verified,
            completions,
            bank_queues: bank_senders,
            publisher: publisher_sender,
            accounts: common.accounts.clone(),
            slots: common.slots.clone(),
            tip: common.tip.clone(),
            draining: common.draining.clone(),
            ledger: common.ledger.clone(),
            counters: common.counters.clone(),
            waits: common.waits.clone(),
        };
        Ok(Self {
            verify: verify.collect(),
            schedule: ScheduleStage::new(
                config,
                wiring,
                interner,
                genesis,
                replaying,
                Instant::now(),
            ),
            banking: banking.collect(),
            publish,
            headers,
            log,
            reader: common.reader(config),
            watchdog: Watchdog::new(config, common.posts),
            ingest: Ingest {
                queue: ingest_sender,
                batch_max: limits.ingest_batch_max,
                stopping: common.stopping,
                ledger: common.ledger,
                counters: common.counters,
            },
            draining: common.draining,
            scheduler: common.scheduler,
        })
    }
}
