//! Recovery: the block log, fed through the pipeline again.
//!
//! It is the same machine with another source. The thread that starts the node reads the records and
//! verifies the transactions without their signatures; the schedule stage inserts them in the recorded
//! order, in the recorded entries and slots, with the recorded blockhashes, times and rewards; banking
//! threads run them under the lock table; the publisher compares each result with the one that was logged.
//! The log stage lets it all pass. At the end the schedule stage goes on by itself, as the same chain.
//!
//! A replay starts from a `ChainStart`: genesis, or a checkpoint. From a checkpoint on, the ids of what was
//! charged within the age of a blockhash before it are read from the log first, so that it does not run again.

mod chain;

use crate::block_log::{
    BlockLogConfig, BlockLogReader, BlockLogWriter, BlockRecord, LoggedEntry, LoggedItem,
    RecordPosition,
};
use crate::headers::{HeaderLog, SignedHeader};
use crate::history::{Archived, PastEntry};
use crate::ledger::LedgerError;
use crate::log_stage::LogStart;
use crate::node::Runtime;
use crate::operator::AccountChange;
use crate::parts::Parts;
use crate::start::{ChainStart, CheckpointStart};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, Sender, Thread, TrySendError, park_timeout};
use crate::task::{ExpectedEntry, ExpectedRecords, Outcome, Recorded, RecordedEntry, Work};
use crate::{Limits, RuntimeConfig, StartError, TransactionRecord, Verifier};
pub(crate) use chain::{Chain, idle_successor};
use sealane_accounts_db::{Disk, EntryNumber};
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use std::sync::OnceLock;
use std::time::Duration;

/// How long the threads may take to end when all is replayed.
const END_DEADLINE: Duration = Duration::from_secs(60);

/// Records that may wait for the schedule stage.
pub(crate) const REPLAY_QUEUE_MAX: usize = 64;

/// How far a replay has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayProgress {
    /// The slot that is being replayed.
    pub slot: u64,
    /// Transactions so far.
    pub transactions: u64,
    /// Logged headers so far, each with the state root of its slot, that are compared.
    pub headers: u64,
    /// Bytes of the log so far.
    pub bytes: u64,
    /// Bytes of the log in all, as they were at the start.
    pub bytes_total: u64,
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplaySummary {
    /// How far it came.
    pub progress: ReplayProgress,
    /// The slot of the checkpoint that it began at; `None` for genesis.
    pub checkpoint: Option<u64>,
    /// The newest slot that ended and the root of all accounts at its end; `None` if none did.
    pub state_root: Option<(u64, Hash)>,
}

/// Bytes of transactions that a replay keeps in memory: nobody asks for them.
const HISTORY_BYTES_MAX: usize = 16 << 20;

/// Replays the block log of a ledger to its end and changes nothing, on as many banking threads as `config`
/// says: every result and every header with its state root is compared with what was logged. It begins at
/// genesis if the log does and `config` has no checkpoints, otherwise at the newest checkpoint.
///
/// The disk may be one that cannot be written to.
pub fn replay_ledger(config: RuntimeConfig) -> Result<ReplaySummary, StartError> {
    let last = Arc::new(Mutex::new(ReplayProgress::default()));
    let (note, told) = (last.clone(), config.on_replay.clone());
    let limits = Limits {
        history_bytes_max: HISTORY_BYTES_MAX,
        ..config.limits
    };
    let config = RuntimeConfig {
        replay_only: true,
        limits,
        on_replay: Some(std::sync::Arc::new(move |progress| {
            *note.lock().expect("no holder panics") = progress;
            if let Some(told) = &told {
                told(progress);
            }
        })),
        ..config
    };
    let parts = Parts::new(&config)?;
    let checkpoint = parts.checkpoint;
    let runtime = Runtime::run(parts)?;
    let reader = runtime.reader();
    runtime.shutdown(END_DEADLINE);
    let header = reader.header(None).map(|signed| signed.header);
    let progress = *last.lock().expect("no holder panics");
    Ok(ReplaySummary {
        progress,
        checkpoint: checkpoint.map(|(slot, _)| slot),
        state_root: header
            .map(|header| (header.slot, header.state_root))
            .or(checkpoint),
    })
}

/// Hears of a replay's progress, from the thread that starts the node, after every few records.
pub type OnReplay = std::sync::Arc<dyn Fn(ReplayProgress) + Send + Sync>;

/// What the starting thread and the stages of the pipeline tell each other.
#[derive(Default)]
struct Shared {
    done: AtomicBool,
    failure: Mutex<Option<LedgerError>>,
}

/// A stage's end of it.
#[derive(Clone, Default)]
pub(crate) struct ReplayReport(Arc<Shared>);

impl ReplayReport {
    /// Everything that was read is published.
    pub(crate) fn done(&self) {
        // Release: the publisher's work comes with it.
        self.0.done.store(true, Ordering::Release);
    }

    /// The first failure counts.
    pub(crate) fn fail(&self, error: LedgerError) {
        let mut failure = self.0.failure.lock().expect("no holder panics");
        failure.get_or_insert(error);
    }

    /// Whether everything that was read is published.
    pub(crate) fn is_done(&self) -> bool {
        // Acquire: pairs with the release of `done`.
        self.0.done.load(Ordering::Acquire)
    }

    fn check(&self) -> Result<(), LedgerError> {
        match self.0.failure.lock().expect("no holder panics").take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// The source of a replay.
pub(crate) struct Replay {
    pub(crate) disk: std::sync::Arc<dyn Disk>,
    pub(crate) genesis_hash: Hash,
    pub(crate) start: ChainStart,
    pub(crate) queue: Sender<Recorded>,
    pub(crate) scheduler: Arc<OnceLock<Thread>>,
    pub(crate) report: ReplayReport,
    /// Those that the log has, for the header stage to compare.
    pub(crate) headers: Arc<HeaderLog>,
    /// Whether there is a header stage.
    pub(crate) makes_headers: bool,
    pub(crate) verifier: Verifier,
    /// To the log stage, which waits for it.
    pub(crate) log: Sender<LogStart>,
    pub(crate) on_replay: Option<OnReplay>,
    /// The log is not opened to be written.
    pub(crate) replay_only: bool,
    /// Nothing behind this record is replayed.
    pub(crate) last_record: Option<u64>,
    /// Of the log that goes on.
    pub(crate) file_bytes_max: u64,
    /// Where there is an archive: it must have what was replayed before the node goes on.
    pub(crate) archived: Option<Arc<Archived>>,
}

impl Replay {
    /// Feeds all that the log holds, waits until it is published, and gives the log to the log stage.
    /// `broken` says whether a thread of the pipeline has ended.
    pub(crate) fn run(mut self, broken: &dyn Fn() -> bool) -> Result<(), LedgerError> {
        let log = BlockLogReader::open(self.disk.clone(), &self.genesis_hash)?;
        let start = &self.start;
        let mut chain = Chain::new(start.context.clone(), start.tip, start.entry);
        let mut records = match start.checkpoint {
            None if log.first_record() > 1 => {
                let first = log.first_record();
                return Err(LedgerError::Pruned { first });
            }
            None => log.records(),
            Some(checkpoint) => {
                self.send_ids(&log, &checkpoint, broken)?;
                log.records_from(checkpoint.log.record)?
            }
        };
        let mut progress = ReplayProgress {
            bytes_total: log.bytes(),
            ..ReplayProgress::default()
        };
        let files: Vec<(u64, u64)> = log.files().collect();
        let mut continues = self.start.checkpoint.is_some();
        for next in records.by_ref() {
            let (position, record) = next?;
            continues = true;
            let contradiction = |what| LedgerError::Contradiction {
                record: position.number,
                what,
            };
            for slot in chain.take(position, &record).map_err(contradiction)? {
                progress.slot = slot.context.slot;
                self.send(Recorded::Slot(slot), broken)?;
            }
            if let BlockRecord::Header { header, signature } = &record {
                let (header, signature) = (header.clone(), *signature);
                let logged = SignedHeader { header, signature };
                self.headers.read(position.number, logged)?;
                progress.headers += 1;
            }
            if let BlockRecord::Entry(entry) = record {
                progress.transactions += entry.wires().count() as u64;
                let entry = self.recorded(position, entry).map_err(contradiction)?;
                self.send(Recorded::Entry(entry), broken)?;
            }
            if let Some(on_replay) = &self.on_replay {
                let before = files.iter().filter(|(file, _)| *file < position.file);
                progress.bytes = before.map(|(_, bytes)| bytes).sum::<u64>() + position.offset;
                on_replay(progress);
            }
            if self.last_record == Some(position.number) {
                break;
            }
        }
        for slot in chain.end() {
            self.send(Recorded::Slot(slot), broken)?;
        }
        self.send(Recorded::End { continues }, broken)?;
        while !self.report.is_done() {
            self.wait(broken)?;
        }
        // The schedule stage waits for the same.
        self.wake_scheduler();
        self.report.check()?;
        if self.makes_headers {
            self.headers.end_replay()?;
        }
        if self.replay_only {
            return Ok(());
        }
        if continues && let Some(archived) = &self.archived {
            // What was confirmed before a crash is found as soon as the node answers.
            while !archived.is_caught_up() {
                self.wait(broken)?;
            }
        }
        let config = BlockLogConfig {
            file_bytes_max: self.file_bytes_max,
            ..BlockLogConfig::default()
        };
        let (writer, end) = BlockLogWriter::open(self.disk.clone(), &self.genesis_hash, config)?;
        if records.end().map(|end| end.record) != Some(end.record) {
            let what = "the log grew while it was replayed".to_owned();
            let record = end.record;
            return Err(LedgerError::Contradiction { record, what });
        }
        let start = LogStart {
            writer,
            context: chain.context().clone(),
            tip: *chain.tip(),
        };
        self.log.send(start).map_err(|_| LedgerError::Broken)
    }

    /// Feeds the ids of what was charged before a checkpoint, and may still be sent again.
    fn send_ids(
        &self,
        log: &BlockLogReader,
        checkpoint: &CheckpointStart,
        broken: &dyn Fn() -> bool,
    ) -> Result<(), LedgerError> {
        let end = checkpoint.log.record;
        if checkpoint.ids_from >= end {
            return Ok(());
        }
        for next in log.records_from(checkpoint.ids_from)? {
            let (position, record) = next?;
            if position.number >= end {
                break;
            }
            let BlockRecord::Entry(entry) = record else {
                continue;
            };
            let ids = entry.wires().map(|wire| self.verifier.recorded_id(wire));
            let ids = ids.collect::<Option<_>>();
            let ids = ids.ok_or_else(|| LedgerError::Contradiction {
                record: position.number,
                what: "it holds bytes that are no transaction".to_owned(),
            })?;
            self.send(Recorded::Ids(ids), broken)?;
        }
        Ok(())
    }

    fn send(&self, item: Recorded, broken: &dyn Fn() -> bool) -> Result<(), LedgerError> {
        let mut item = item;
        loop {
            item = match self.queue.try_send(item) {
                Ok(()) => break,
                Err(TrySendError::Full(item)) => item,
                Err(TrySendError::Disconnected(_)) => {
                    self.report.check()?;
                    return Err(LedgerError::Broken);
                }
            };
            self.wait(broken)?;
        }
        self.wake_scheduler();
        Ok(())
    }

    fn wake_scheduler(&self) {
        if let Some(scheduler) = self.scheduler.get() {
            scheduler.unpark();
        }
    }

    /// Lets the pipeline work for a moment.
    fn wait(&self, broken: &dyn Fn() -> bool) -> Result<(), LedgerError> {
        self.report.check()?;
        if broken() {
            return Err(LedgerError::Broken);
        }
        park_timeout(Duration::from_micros(200));
        Ok(())
    }

    /// An entry with its transactions verified, all but the signatures.
    fn recorded(
        &mut self,
        record: RecordPosition,
        logged: LoggedEntry,
    ) -> Result<RecordedEntry, String> {
        let mut works = Vec::with_capacity(logged.items.len());
        let mut expected = Vec::with_capacity(logged.items.len());
        for (place, item) in logged.items.into_iter().enumerate() {
            match item {
                LoggedItem::Transaction {
                    wire,
                    loaded,
                    record,
                } => {
                    let verified = self.verifier.parse_recorded(wire, loaded.into());
                    let transaction = verified.map_err(|error| {
                        format!(
                            "transaction {place} of entry {} is none: {error}",
                            logged.entry
                        )
                    })?;
                    works.push(Work::Transaction(transaction));
                    expected.push(Some(record));
                }
                LoggedItem::FeeReward { lamports } => {
                    works.push(Work::FeeReward { lamports });
                    expected.push(None);
                }
                LoggedItem::AccountSet { key, state } => {
                    let change = AccountChange::recorded(key, state);
                    works.push(Work::SetAccount(Box::new(change)));
                    expected.push(None);
                }
            }
        }
        Ok(RecordedEntry {
            entry: logged.entry,
            works: works.into_iter(),
            expected: Some(ExpectedEntry {
                record,
                tasks: expected,
            }),
        })
    }
}

impl PastEntry {
    /// The first task of a replayed entry that came to something else than was logged.
    pub(crate) fn difference(
        &self,
        entry: EntryNumber,
        expected: &ExpectedRecords,
    ) -> Option<LedgerError> {
        let differs = |place: &usize| match (&self.tasks[*place].outcome, &expected[*place]) {
            (Outcome::Charged { .. }, Some(record)) => self.record_bytes(*place) != &record[..],
            (Outcome::Rewarded | Outcome::Set(_), None) => false,
            _ => true,
        };
        let place = (0..self.tasks.len()).find(differs)?;
        let task = &self.tasks[place];
        let (signature, keys) = match &task.work {
            Work::Transaction(transaction) => {
                let keys = (0..transaction.account_count()).map(|i| *transaction.key(i));
                (Some(*transaction.signature()), keys.collect())
            }
            Work::FeeReward { .. } | Work::SetAccount(_) => (None, Vec::new()),
        };
        let logged = match &expected[place] {
            Some(record) => in_words(record, &keys),
            None => "a command of the node's own".to_owned(),
        };
        let now = match &task.outcome {
            Outcome::Charged { .. } => in_words(self.record_bytes(place), &keys),
            Outcome::Dropped(error) => format!("dropped: {error}"),
            Outcome::Rewarded => "a reward".to_owned(),
            Outcome::Set(_) => "an account that was set".to_owned(),
            Outcome::NotSet(reason) => format!("not set: {reason}"),
        };
        Some(LedgerError::Differs {
            slot: self.slot(),
            entry,
            transaction: place,
            signature,
            what: format!("logged {logged}, now {now}"),
        })
    }
}

/// A record for people. One that another build wrote may not be readable.
fn in_words(record: &[u8], keys: &[Pubkey]) -> String {
    match TransactionRecord::try_decode(record, keys) {
        Some(record) => format!("{record:?}"),
        None => format!("{} bytes that this build cannot read", record.len()),
    }
}
