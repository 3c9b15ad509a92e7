//! The log stage: one thread between the schedule stage and the publisher, where there is a ledger.
//!
//! It takes all that waits, appends its records to the block log, syncs once, and hands it on. So whatever
//! readers see, a status or a slot, was durable before; and while a sync lasts, banking goes on by as much
//! as its queue and the schedule stage's hold.
//!
//! # What is written
//!
//! An entry with its charged transactions and rewards, in serial order. One without either changes nothing,
//! is not written, and leaves no trace but its number, which may be used again after a crash. A slot is
//! written when it opens: `SlotOpened`, or as a part of an `IdleRun`. The header of a slot that had something
//! in it is written when it is made, with a later sync; those of idle slots follow from it.
//!
//! # Idle slots
//!
//! A node that idles would write and sync a record for every slot. Instead it reserves: the record of an
//! `IdleRun` says, before the first of its slots is shown, that up to `IDLE_RUN_MAX` slots open with nothing
//! in them. When one of them opens as the record says (`idle_successor`: the same time, and the blockhash
//! that follows from the slot before and a tip that has not changed), it needs no record, and no sync.
//! When it does not, or before the first entry in one of them, a `SlotOpened` of that slot is written, which
//! ends the run there.
//!
//! **No slot or blockhash that a client saw is reissued differently.** A client sees a slot S as open, and
//! with it the blockhash of S - 1 and the time of S, only once this stage has handed S to the publisher: then
//! a durable record says all of it, either a `SlotOpened` of S, or an `IdleRun` whose values for S are what
//! S has, because that was compared. Let the node crash then. If the log ends in records after S, S is in a
//! prefix that they continue: a later `SlotOpened` ends a run only before a slot T > S, as records are written
//! in the order of slots, or restates S with the very values that it was shown with, as an entry of S came.
//! If the log ends in the run, recovery takes the whole run to have passed. That is S as it was shown, and
//! then slots that nobody saw; the chain goes on after them, with a slot that opens when the node starts.
//! An entry in one of the run's slots that was not durable was not visible, so that the slot counts as idle
//! contradicts nobody. So a crash may pass over at most `IDLE_RUN_MAX - 1` slots. A clean stop writes a
//! `SlotOpened` of the open slot, and passes over none.
//!
//! # When the log fails
//!
//! After a failed write or sync nobody knows what is on the disk. Nothing more is handed on, for good:
//! readers read on what was visible, `Ingest` and the schedule stage refuse, health says so, and the owner
//! of the process is told.

use crate::SlotContext;
use crate::block_log::{
    BlockLogWriter, BlockRecord, LogError, LogPlace, LoggedItemRef, RecordPosition, SlotOpened,
};
use crate::headers::{HeaderLog, SignedHeader};
use crate::history::{EntryOrder, PastEntry};
use crate::ledger::{LedgerFailure, LedgerHealth, OnLedgerFailure};
use crate::prefetch::prefetch_bytes;
use crate::replay::idle_successor;
use crate::slot::IdleSlots;
use crate::sync::{Arc, Receiver, Sender, Thread};
use crate::task::{OrderedEntry, Outcome, PublisherMessage, Reverting, SlotOpening, Work};
use solana_hash::Hash;
use std::sync::OnceLock;

/// Messages that are written with one sync.
const BATCH_MESSAGES_MAX: usize = 64;
/// Tasks after which no further entry is added to a batch.
const BATCH_TASKS_MAX: usize = 16_384;

/// Wire bytes of items this far ahead are being loaded.
const PREFETCH_AHEAD: usize = 8;

/// Slots that one record of idle slots reserves.
pub(crate) const IDLE_RUN_MAX: u64 = 16;

/// What the stage goes on from, once the log was replayed.
pub(crate) struct LogStart {
    pub(crate) writer: BlockLogWriter,
    /// The open slot.
    pub(crate) context: Arc<SlotContext>,
    /// Chained hash of the entries so far.
    pub(crate) tip: Hash,
}

/// What the log thread owns.
pub(crate) struct LogStage {
    pub(crate) queue: Receiver<PublisherMessage>,
    pub(crate) publisher: Sender<PublisherMessage>,
    pub(crate) start: Receiver<LogStart>,
    pub(crate) health: Arc<LedgerHealth>,
    pub(crate) on_failure: Option<OnLedgerFailure>,
    /// The schedule stage, to be woken when its queue has room again.
    pub(crate) scheduler: Arc<OnceLock<Thread>>,
    pub(crate) slot_ms: u64,
    pub(crate) keep_contexts: bool,
    /// Headers to be written.
    pub(crate) headers: Arc<HeaderLog>,
}

impl LogStage {
    /// Runs until the queue is closed.
    pub(crate) fn run(self) {
        let Some(mut log) = self.replay() else {
            return self.discard();
        };
        while let Ok(first) = self.queue.recv() {
            let batch = self.take_waiting(first);
            match log.write(batch) {
                Ok(durable) => {
                    self.health.set_durable(log.writer.durable_record());
                    durable
                        .into_iter()
                        .for_each(|message| self.hand_on(message));
                }
                Err(error) => {
                    self.fail(&error);
                    return self.discard();
                }
            }
        }
        match log.close() {
            Ok(last) => self.health.set_durable(last),
            Err(error) => self.fail(&error),
        }
    }

    /// Lets pass what was read from the log, and waits for the log itself. `None`: the start was given up.
    fn replay(&self) -> Option<Log> {
        loop {
            let message = self.queue.recv().ok()?;
            let last = matches!(message, PublisherMessage::Replayed);
            self.hand_on(message);
            self.wake_scheduler();
            if last {
                break;
            }
        }
        let start = self.start.recv().ok()?;
        self.health.set_durable(start.writer.durable_record());
        Some(Log::new(start, self))
    }

    fn take_waiting(&self, first: PublisherMessage) -> Vec<PublisherMessage> {
        let tasks = |message: &PublisherMessage| match message {
            PublisherMessage::Entry(entry) => entry.task_count,
            _ => 0,
        };
        let mut total = tasks(&first);
        let mut batch = vec![first];
        while batch.len() < BATCH_MESSAGES_MAX
            && total < BATCH_TASKS_MAX
            && let Ok(next) = self.queue.try_recv()
        {
            total += tasks(&next);
            batch.push(next);
        }
        self.wake_scheduler();
        batch
    }

    fn wake_scheduler(&self) {
        if let Some(scheduler) = self.scheduler.get() {
            scheduler.unpark();
        }
    }

    fn hand_on(&self, message: PublisherMessage) {
        // The publisher ends before only by a broken invariant, which health tells.
        let _ = self.publisher.send(message);
    }

    fn fail(&self, error: &LogError) {
        let reason = error.to_string();
        self.health.fail(&reason);
        // It may wait for what will not become visible.
        self.wake_scheduler();
        if let Some(on_failure) = &self.on_failure {
            on_failure(&match error.is_failed_sync() {
                true => LedgerFailure::Sync(reason),
                false => LedgerFailure::Write(reason),
            });
        }
    }

    /// Nothing becomes visible any more, but who waits for what was given up hears of it.
    fn discard(&self) {
        while let Ok(message) = self.queue.recv() {
            if matches!(message, PublisherMessage::Evicted(_)) {
                self.hand_on(message);
            }
            self.wake_scheduler();
        }
    }
}

/// The log, and what of the chain is in it.
struct Log {
    writer: BlockLogWriter,
    order: EntryOrder,
    headers: Arc<HeaderLog>,
    slot_ms: u64,
    /// Something was appended and not synced.
    dirty: bool,
    /// The open slot.
    open: SlotOpened,
    /// Nothing was written in the open slot.
    idle: bool,
    /// A run that does not end before the open slot is the last that was written of slots.
    in_run: bool,
    /// Slots of that run that have not opened.
    reserved: u64,
    /// How many slots the last run had.
    run_length: u64,
    /// Those that can be gone back to, oldest first.
    snapshots: Vec<SnapshotPlace>,
}

/// Where a snapshot was taken, at the beginning of a slot.
struct SnapshotPlace {
    id: u64,
    place: LogPlace,
    open: SlotOpened,
    tip: Hash,
}

impl Log {
    fn new(start: LogStart, stage: &LogStage) -> Self {
        let LogStart {
            writer,
            context,
            tip,
        } = start;
        Self {
            writer,
            order: EntryOrder::new(context.slot, tip, stage.keep_contexts),
            headers: stage.headers.clone(),
            slot_ms: stage.slot_ms,
            dirty: false,
            open: opened(&context),
            // The next one is always written: the time may have jumped.
            idle: false,
            in_run: false,
            reserved: 0,
            run_length: 1,
            snapshots: Vec::new(),
        }
    }

    /// Makes messages durable; what comes back may become visible.
    fn write(&mut self, batch: Vec<PublisherMessage>) -> Result<Vec<PublisherMessage>, LogError> {
        let mut durable = Vec::with_capacity(batch.len());
        for message in batch {
            durable.push(match message {
                PublisherMessage::Entry(entry) => {
                    let mut entry = Box::new(self.order.order(entry));
                    entry.record = self.append_entry(&entry)?;
                    PublisherMessage::Logged(entry)
                }
                PublisherMessage::Slot(opening) => {
                    let opened = opened(&opening.context);
                    let record = match &opening.passed {
                        Some(passed) => self.pass_slots(opened, passed).map(Some)?,
                        None => self.open_slot(opened)?,
                    };
                    PublisherMessage::Slot(SlotOpening { record, ..opening })
                }
                PublisherMessage::Snapshot(id) => {
                    self.note_place(id)?;
                    PublisherMessage::Snapshot(id)
                }
                PublisherMessage::Revert(reverting) => {
                    let record = Some(self.revert(reverting.id)?);
                    PublisherMessage::Revert(Box::new(Reverting {
                        record,
                        ..*reverting
                    }))
                }
                other => other,
            });
        }
        self.append_headers()?;
        self.sync()?;
        Ok(durable)
    }

    /// The log must say by itself which slot is open here.
    fn note_place(&mut self, id: u64) -> Result<(), LogError> {
        if self.in_run {
            self.restate()?;
        }
        self.snapshots.push(SnapshotPlace {
            id,
            place: self.writer.place(),
            open: self.open.clone(),
            tip: *self.order.tip(),
        });
        Ok(())
    }

    /// Goes back to a snapshot: what was logged since counts for nothing.
    fn revert(&mut self, id: u64) -> Result<RecordPosition, LogError> {
        let at = self.snapshots.iter().position(|it| it.id == id);
        let at = at.expect("the schedule stage knows which snapshots there are");
        let past = self.snapshots.drain(at..).next();
        let SnapshotPlace {
            place, open, tip, ..
        } = past.expect("it was found there");
        let record = self.writer.revert_to(place)?;
        self.dirty = false;
        self.headers.begin_revert();
        self.order.revert(open.slot, tip);
        (self.open, self.idle, self.in_run) = (open, false, false);
        (self.reserved, self.run_length) = (0, 1);
        Ok(record)
    }

    fn sync(&mut self) -> Result<(), LogError> {
        if std::mem::take(&mut self.dirty) {
            self.writer.sync()?;
        }
        Ok(())
    }

    /// Slots that were reserved and did not open are given back, and the log is marked as whole.
    /// The last record.
    fn close(mut self) -> Result<u64, LogError> {
        if self.reserved > 0 {
            self.restate()?;
        }
        self.append_headers()?;
        let last = self.writer.last_record();
        self.writer.close()?;
        Ok(last)
    }

    fn append(&mut self, record: &BlockRecord) -> Result<RecordPosition, LogError> {
        self.dirty = true;
        self.writer.append(record)
    }

    /// Where it was appended; an entry that changed nothing is not.
    fn append_entry(&mut self, ordered: &OrderedEntry) -> Result<Option<RecordPosition>, LogError> {
        if !ordered.past.has_changes() {
            return Ok(None);
        }
        if self.in_run {
            self.restate()?;
        }
        self.idle = false;
        self.run_length = 1;
        self.dirty = true;
        let items = ordered.past.logged_items();
        self.writer.append_entry(ordered.entry, items).map(Some)
    }

    /// Writes the headers that were made since.
    fn append_headers(&mut self) -> Result<(), LogError> {
        for SignedHeader { header, signature } in self.headers.take() {
            self.append(&BlockRecord::Header { header, signature })?;
        }
        Ok(())
    }

    /// Ends the run at the open slot.
    fn restate(&mut self) -> Result<(), LogError> {
        (self.in_run, self.reserved) = (false, 0);
        self.append(&BlockRecord::SlotOpened(self.open.clone()))
            .map(|_| ())
    }

    /// The record that says that these passed, and `opened`, the last of them, is open: as if they had been
    /// reserved, and all but that one were over.
    fn pass_slots(
        &mut self,
        opened: SlotOpened,
        passed: &IdleSlots,
    ) -> Result<RecordPosition, LogError> {
        (self.open, self.idle, self.in_run) = (opened, true, true);
        (self.reserved, self.run_length) = (0, 1);
        self.append(&BlockRecord::IdleRun {
            first: passed.first.clone(),
            count: passed.count,
            slot_ms: passed.slot_ms,
        })
    }

    /// The record that says so; a slot that was reserved needs none.
    fn open_slot(&mut self, opened: SlotOpened) -> Result<Option<RecordPosition>, LogError> {
        let expected = idle_successor(&self.open, self.slot_ms, self.order.tip());
        let follows = self.idle && opened == expected;
        (self.open, self.idle, self.in_run) = (opened.clone(), true, follows);
        if follows && self.reserved > 0 {
            self.reserved -= 1;
            return Ok(None);
        }
        if follows {
            self.run_length = (self.run_length * 2).min(IDLE_RUN_MAX);
            self.reserved = self.run_length - 1;
            let run = BlockRecord::IdleRun {
                first: opened,
                count: self.run_length,
                slot_ms: self.slot_ms,
            };
            return self.append(&run).map(Some);
        }
        (self.reserved, self.run_length) = (0, 1);
        self.append(&BlockRecord::SlotOpened(opened)).map(Some)
    }
}

/// What a record says of a slot that opens.
pub(crate) fn opened(context: &SlotContext) -> SlotOpened {
    SlotOpened {
        slot: context.slot,
        time_ms: context.time_ms,
        parent_blockhash: context.blockhash(),
    }
}

impl PastEntry {
    /// Whether there is anything in it for the log.
    fn has_changes(&self) -> bool {
        self.logged_items().next().is_some()
    }

    /// What is for the log, in serial order.
    pub(crate) fn logged_items(&self) -> impl Iterator<Item = LoggedItemRef<'_>> {
        let places = self.tasks.iter().enumerate();
        let places = places.inspect(|(place, _)| self.load_wire(place + PREFETCH_AHEAD));
        places.filter_map(|(place, task)| match (&task.work, &task.outcome) {
            (Work::Transaction(transaction), Outcome::Charged { .. }) => {
                Some(LoggedItemRef::Transaction {
                    wire: transaction.bytes(),
                    loaded: transaction.keys().1,
                    record: self.record_bytes(place),
                })
            }
            (Work::FeeReward { lamports }, _) => Some(LoggedItemRef::FeeReward {
                lamports: *lamports,
            }),
            (Work::SetAccount(change), Outcome::Set(set)) if !change.restores => {
                Some(LoggedItemRef::AccountSet {
                    key: &change.key,
                    state: &set.state,
                })
            }
            _ => None,
        })
    }

    /// Starts loading the wire bytes at `place`, which another thread wrote.
    fn load_wire(&self, place: usize) {
        if let Some(transaction) = self.transaction(place) {
            prefetch_bytes(transaction.bytes());
        }
    }
}
