//! The history stage: one thread behind the publisher that tells the archive what was published.
//!
//! Behind is bounded: the publisher waits when the queue is full. What is in memory is forgotten only once
//! it is in the archive, so a reader finds a transaction in one or the other at every moment.
//!
//! The archive is a cache, so nothing else depends on it. When it cannot be written, that is said once, and
//! what is published goes by, until, some slots later, the thread tries again and catches up: it reads the
//! records of the block log that the archive has not been told, and lets go by what is published meanwhile,
//! as that is in the log too. The same way it begins: whatever the log has before the first record that is
//! published, and the archive has not, is read first, whether the node started from a checkpoint or the
//! archive was lost.

use super::feed::HistoryFeed;
use super::keeper::Tick;
use super::{Archived, History, PastEntry};
use crate::ArchiveError;
use crate::block_log::{BlockLogReader, LogError, RecordPosition};
use crate::log_stage::opened;
use crate::notice::{Notice, OnNotice};
use crate::sync::{Arc, AtomicBool, Ordering, Receiver, Sender};
use crate::task::SlotOpening;
use sealane_accounts_db::{Disk, EntryNumber};
use solana_hash::Hash;

/// Slots after which an archive that could not be written is tried again, and after which old files are
/// looked for: a minute.
pub(super) const SLOTS_BETWEEN_LOOKS: u64 = 150;

/// Records of the log that are read at the end of catching up while nothing goes by.
const LAST_STRETCH_RECORDS: u64 = 256;

/// What the publisher hands on, in order.
pub(crate) enum HistoryMessage {
    /// An entry became visible.
    Entry(RememberedEntry),
    /// A slot opened: those before it have ended.
    Slot(SlotOpening),
    /// All is as it was at a snapshot.
    Revert(HistoryRevert),
}

/// The way back to a snapshot.
pub(crate) struct HistoryRevert {
    /// The record of the log that says so.
    pub(crate) record: RecordPosition,
    /// The slot that is open then, with nothing in it.
    pub(crate) slot: u64,
    pub(crate) time_ms: i64,
    /// Number in memory of its first entry.
    pub(crate) next_entry: u64,
    /// Told when nothing of what followed is found any more.
    pub(crate) done: crossbeam_channel::Sender<()>,
}

/// An entry that is in memory.
pub(crate) struct RememberedEntry {
    /// Its number there.
    pub(crate) remembered: u64,
    pub(crate) entry: EntryNumber,
    /// Where the block log has it, if it does.
    pub(crate) record: Option<RecordPosition>,
    /// The chained hash behind it.
    pub(crate) tip: Hash,
    pub(crate) past: Arc<PastEntry>,
}

/// The publisher's end of the queue, if there is a history stage.
pub(crate) struct HistoryQueue(Option<Sender<HistoryMessage>>);

impl HistoryQueue {
    pub(crate) fn new(sender: Sender<HistoryMessage>) -> Self {
        Self(Some(sender))
    }

    /// That of a node without an archive.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Waits where the stage is too far behind.
    pub(crate) fn send(&self, history: &History, message: impl FnOnce() -> HistoryMessage) {
        if let Some(sender) = &self.0
            && sender.send(message()).is_err()
        {
            // A broken invariant has ended it, which health tells: nothing is kept for it any more.
            history.archived_until(u64::MAX, u64::MAX);
        }
    }
}

/// What the thread owns.
pub(crate) struct HistoryStage {
    pub(crate) queue: Receiver<HistoryMessage>,
    pub(crate) feed: HistoryFeed,
    pub(crate) history: Arc<History>,
    pub(crate) archived: Arc<Archived>,
    pub(crate) disk: std::sync::Arc<dyn Disk>,
    pub(crate) genesis_hash: Hash,
    /// A file of the log that is full may go soon: nothing may be needed of it.
    pub(crate) flushes_files: bool,
    /// To the thread that merges and prunes.
    pub(crate) ticks: Sender<Tick>,
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) on_notice: OnNotice,
    pub(crate) place: Place,
    /// Taken from the queue while the log was read.
    pub(crate) reverting: Option<HistoryRevert>,
}

/// How far the stage is.
#[derive(Default)]
pub(crate) struct Place {
    /// The archive has been told all that was published.
    follows: bool,
    /// Somebody was told that it does not.
    has_failed: bool,
    /// The slot from which on it is tried again.
    retry_slot: u64,
    /// The open slot, and its time.
    slot: u64,
    time_ms: i64,
    /// The slot of the last tick.
    tick_slot: u64,
    /// The last record that was published.
    published: Option<RecordPosition>,
    /// How many entries in memory have gone by.
    remembered: u64,
}

/// Why the archive is behind.
#[derive(Debug, thiserror::Error)]
enum Behind {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Log(#[from] LogError),
}

impl HistoryStage {
    /// Runs until the queue is closed.
    pub(crate) fn run(mut self) {
        while let Ok(message) = self.queue.recv() {
            match message {
                HistoryMessage::Revert(revert) => self.reverting = Some(revert),
                message => self.take(&message),
            }
            while let Some(revert) = self.reverting.take() {
                self.go_back(&revert);
            }
        }
        // The keeper ends soon after this.
        self.archived.archive().interrupt();
        if let Err(error) = self.feed.flush() {
            self.fail(&error.into());
        }
    }

    pub(super) fn take(&mut self, message: &HistoryMessage) {
        let file_before = self.place.published.map(|record| record.file);
        self.join(message);
        let told = self.tell(message);
        self.note(message);
        let result = told.and_then(|()| self.follow());
        let begins_file = self.place.published.map(|record| record.file) != file_before;
        let result = result.and_then(|()| {
            if begins_file && self.flushes_files && self.place.follows {
                self.feed.flush()?;
            }
            Ok(())
        });
        if let Err(error) = result {
            self.fail(&error);
        }
        self.show();
        if self.place.follows || self.place.retry_slot > 0 {
            self.archived.set_caught_up();
        }
        if begins_file || self.place.slot >= self.place.tick_slot + SLOTS_BETWEEN_LOOKS {
            self.place.tick_slot = self.place.slot;
            let time_ms = self.place.time_ms;
            // Where one waits already, it does.
            let _ = self.ticks.try_send(Tick { time_ms });
        }
    }

    /// Goes back to a snapshot. What the archive has of what followed is taken out, with more if that cannot be told
    /// apart; then it catches up from the log, which has gone back already.
    fn go_back(&mut self, revert: &HistoryRevert) {
        let result = self.feed.go_back(revert.record.number - 1);
        self.place.follows = false;
        self.place.retry_slot = 0;
        (self.place.slot, self.place.time_ms) = (revert.slot, revert.time_ms);
        self.place.tick_slot = self.place.tick_slot.min(revert.slot);
        self.place.published = Some(revert.record);
        self.place.remembered = revert.next_entry;
        self.show();
        let _ = revert.done.try_send(());
        let result = result.map_err(Behind::from).and_then(|()| self.follow());
        if let Err(error) = result {
            self.fail(&error);
        }
        self.show();
    }

    /// The archive has been told all before this message, although nobody followed.
    fn join(&mut self, message: &HistoryMessage) {
        let record = match message {
            HistoryMessage::Slot(opening) => opening.record,
            HistoryMessage::Entry(entry) => entry.record,
            HistoryMessage::Revert(_) => return,
        };
        let wanted = self.feed.wants_from();
        if self.place.retry_slot == 0 && record.is_some_and(|record| record.number <= wanted) {
            self.place.follows = true;
        }
    }

    /// Tells the archive, if it has been told all before.
    fn tell(&mut self, message: &HistoryMessage) -> Result<(), Behind> {
        if !self.place.follows {
            return Ok(());
        }
        match message {
            HistoryMessage::Slot(opening) => {
                let SlotOpening {
                    context, record, ..
                } = opening;
                match (&opening.passed, record) {
                    (Some(passed), Some(record)) => self.feed.idle(passed, *record)?,
                    _ => self.feed.slot(&opened(context), *record)?,
                }
            }
            HistoryMessage::Entry(entry) => {
                let Some(record) = entry.record else {
                    return Ok(());
                };
                // The record that ends a run of idle slots before an entry is told by the log alone.
                self.place.follows = self.feed.is_in(entry.past.slot());
                if self.place.follows {
                    self.feed
                        .entry(entry.entry, record, entry.tip, &entry.past)?;
                }
            }
            HistoryMessage::Revert(_) => {}
        }
        Ok(())
    }

    /// It has gone by.
    fn note(&mut self, message: &HistoryMessage) {
        let record = match message {
            HistoryMessage::Slot(SlotOpening {
                context, record, ..
            }) => {
                (self.place.slot, self.place.time_ms) = (context.slot, context.time_ms);
                *record
            }
            HistoryMessage::Entry(entry) => {
                self.place.remembered = entry.remembered + 1;
                entry.record
            }
            HistoryMessage::Revert(_) => None,
        };
        if record.is_some() {
            self.place.published = record;
        }
    }

    /// Readers and the memory hear of it.
    fn show(&self) {
        self.archived.set_open_slot(self.feed.open_slot());
        let Place {
            remembered, slot, ..
        } = self.place;
        self.history.archived_until(remembered, slot);
    }

    /// Catches up, if it is time to.
    fn follow(&mut self) -> Result<(), Behind> {
        if self.place.follows || self.place.slot < self.place.retry_slot {
            return Ok(());
        }
        if std::mem::take(&mut self.place.retry_slot) > 0 {
            // If this fails, so would the rest.
            self.feed.flush()?;
        }
        let mut next = self.feed.wants_from();
        while let Some(last) = self.place.published.filter(|last| next <= last.number) {
            self.read_log(next, last.number)?;
            if self.reverting.is_some() {
                return Ok(());
            }
            next = last.number + 1;
        }
        self.place.follows = self.place.published.is_some();
        if self.place.follows && std::mem::take(&mut self.place.has_failed) {
            (self.on_notice)(&Notice::HistoryCaughtUp);
        }
        Ok(())
    }

    /// Indexes the records from number `first` to `last`. All of them are durable, as the last was published.
    fn read_log(&mut self, first: u64, last: u64) -> Result<(), Behind> {
        let log = BlockLogReader::open(self.disk.clone(), &self.genesis_hash)?;
        // The last stretch is read while the publisher waits: it cannot run away.
        let lets_go_by = last - first > LAST_STRETCH_RECORDS;
        for record in log.records_from(first.max(log.first_record()))? {
            let (position, record) = record?;
            // Relaxed: nothing comes with it.
            if position.number > last || self.stopping.load(Ordering::Relaxed) {
                break;
            }
            self.feed.index(position, &record)?;
            if position.number == last {
                break;
            }
            while lets_go_by && let Ok(message) = self.queue.try_recv() {
                if let HistoryMessage::Revert(revert) = message {
                    self.reverting = Some(revert);
                    return Ok(());
                }
                self.note(&message);
                self.show();
            }
        }
        Ok(())
    }

    fn fail(&mut self, error: &Behind) {
        self.place.follows = false;
        self.place.retry_slot = self.place.slot + SLOTS_BETWEEN_LOOKS;
        if !std::mem::replace(&mut self.place.has_failed, true) {
            let reason = error.to_string();
            (self.on_notice)(&Notice::HistoryBehind { reason });
        }
    }
}
