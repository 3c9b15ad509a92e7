//! The entry stage: one thread that makes complete entries visible, in order.
//!
//! For each: publish the versions, then remember the transactions, then count and tell. So who hears of a
//! transaction finds its effects, and who finds its status too.

use crate::SlotContext;
use crate::counters::StageCounters;
use crate::headers::{EntryPlace, HeaderMessage, HeaderQueue, HeaderRevert, Written};
use crate::history::{
    EntryOrder, History, HistoryMessage, HistoryQueue, HistoryRevert, PastEntry,
    PublishedTransaction, RememberedEntry,
};
use crate::journal::Journals;
use crate::operator::OperatorError;
use crate::replay::ReplayReport;
use crate::sealed::SealedSlots;
use crate::serial::{Order, OrderItem};
use crate::slot::SlotWatch;
use crate::sync::{Arc, Mutex, Patience, Receiver, Thread, receive};
use crate::task::{OrderedEntry, Outcome, PublisherMessage, Reverting, Work};
use sealane_accounts_db::{EntryNumber, EntryWrites, NotedState, Publisher, StateChanges};
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
use std::time::{Duration, Instant};

/// How long those behind the publisher may take to go back.
const GO_BACK_TIMEOUT: Duration = Duration::from_secs(30);

/// Something a listener hears, in order, after it became visible.
#[derive(Clone)]
#[non_exhaustive]
pub enum Event {
    /// An entry became visible.
    Entry {
        /// Its number.
        entry: EntryNumber,
        /// Its slot.
        slot: u64,
        /// Its transactions, in order.
        transactions: std::sync::Arc<Vec<PublishedTransaction>>,
    },
    /// The operator set accounts.
    AccountsSet {
        /// The entry's slot.
        slot: u64,
        /// Their addresses.
        accounts: std::sync::Arc<Vec<Pubkey>>,
    },
    /// A slot was sealed and the next one opened.
    Slot {
        /// The slot that opened.
        slot: u64,
        /// The slot that was sealed.
        parent: u64,
        /// The first slot that is not final: without a lag the one that opened.
        final_end: u64,
        /// The chain went back to a snapshot: the slot is open again, and what the operator set is told next.
        went_back: bool,
    },
    /// A transaction that had been accepted will not run: evicted, or dropped by the bank.
    Dropped {
        /// Its signature.
        signature: Signature,
        /// Why; `None` where a higher priority took its place.
        error: Option<TransactionError>,
    },
}

/// The listeners of a node: each has a bounded queue and is cut off when it falls behind.
pub(crate) type Listeners = Arc<Mutex<Vec<crossbeam_channel::Sender<Event>>>>;

/// What the publisher thread owns.
pub(crate) struct PublishStage {
    pub(crate) queue: Receiver<PublisherMessage>,
    pub(crate) publisher: Publisher,
    pub(crate) history: Arc<History>,
    pub(crate) listeners: Listeners,
    /// The schedule stage, to be woken when its queue has room again.
    pub(crate) scheduler: Arc<std::sync::OnceLock<Thread>>,
    pub(crate) tip: Arc<Mutex<Hash>>,
    /// The readers' watch of the open slot.
    pub(crate) slots: SlotWatch,
    /// The readers' view of the slots that ended.
    pub(crate) sealed: SealedSlots,
    pub(crate) counters: Arc<StageCounters>,
    /// To the header stage, where there is one.
    pub(crate) headers: HeaderQueue,
    /// What the open slot changed, for that stage.
    pub(crate) changes: StateChanges,
    /// To the history stage, where there is one.
    pub(crate) archive: HistoryQueue,
    /// What accounts were at the snapshots.
    pub(crate) journals: Arc<Mutex<Journals>>,
    /// Those that can be gone back to, oldest first.
    pub(crate) snapshots: Vec<PastPublished>,
    /// The next entry has accounts as they were, and goes back with this.
    pub(crate) reverting: Option<Box<Reverting>>,
    /// The serial order, where it is recorded.
    pub(crate) order: Option<Arc<Mutex<Order>>>,
    /// For what does not come through the log stage.
    pub(crate) order_entries: EntryOrder,
    /// While what comes was read from the log.
    pub(crate) replay: Option<ReplayReport>,
}

/// What was published when a snapshot was taken.
pub(crate) struct PastPublished {
    id: u64,
    tip: Hash,
    transaction_count: u64,
    /// The slot before the one that it is at the beginning of.
    sealed: Arc<SlotContext>,
    /// Number of the next entry in memory.
    next_entry: u64,
}

impl PublishStage {
    /// Runs until the queue is closed.
    pub(crate) fn run(mut self) {
        let mut patience = Patience::default();
        while let Some(message) = receive(&self.queue, &mut patience) {
            let started = Instant::now();
            self.handle(message);
            // Where the queue was full, the schedule stage waits for this.
            if let Some(scheduler) = self.scheduler.get() {
                scheduler.unpark();
            }
            self.counters
                .publish_ns
                .add(started.elapsed().as_nanos() as u64);
        }
    }

    pub(crate) fn handle(&mut self, message: PublisherMessage) {
        match message {
            PublisherMessage::Entry(entry) => {
                let ordered = self.order_entries.order(entry);
                self.publish(ordered);
            }
            PublisherMessage::Logged(entry) => self.publish(*entry),
            PublisherMessage::Replayed => {
                // Who is last says that it is done.
                match self.replay.take() {
                    Some(_) if self.headers.is_open() => self.headers.send(HeaderMessage::Replayed),
                    Some(replay) => replay.done(),
                    None => {}
                }
            }
            PublisherMessage::Snapshot(id) => self.note_snapshot(id),
            PublisherMessage::Revert(reverting) if reverting.restores => {
                self.reverting = Some(reverting);
            }
            PublisherMessage::Revert(reverting) => self.go_back(*reverting, None),
            PublisherMessage::Barrier(reached) => reached(),
            PublisherMessage::Slot(opening) => {
                let context = opening.context.clone();
                let tip = *self.tip.lock().expect("no holder of this lock panics");
                self.history.open_slot(&opening, &tip);
                self.archive
                    .send(&self.history, || HistoryMessage::Slot(opening.clone()));
                let slot = context.slot;
                self.record(|| OrderItem::Slot(slot));
                let count = self.counters.charged();
                self.sealed.seal(&self.slots.get(), &opening, &tip, count);
                self.slots.set(context);
                if self.headers.is_open() {
                    let changes = Box::new(std::mem::take(&mut self.changes));
                    self.headers.send(HeaderMessage::Slot(opening, changes));
                }
                self.tell(|| Event::Slot {
                    slot,
                    parent: slot - 1,
                    final_end: self.sealed.final_end(slot),
                    went_back: false,
                });
            }
            PublisherMessage::Evicted(signature) => {
                self.tell(|| Event::Dropped {
                    signature,
                    error: None,
                });
            }
        }
    }

    fn publish(&mut self, ordered: OrderedEntry) {
        let OrderedEntry {
            entry: number,
            slot,
            past,
            charged,
            tip,
            writes,
            record,
            expected,
        } = ordered;
        if let (Some(replay), Some(expected)) = (&self.replay, expected)
            && let Some(difference) = past.difference(number, &expected)
        {
            replay.fail(difference);
            self.headers.close();
        }
        let reverting = self.reverting.take();
        let mut written = self.headers.room_for(&writes);
        self.publish_writes(number, writes, &mut written, reverting.is_none());
        let entry = Arc::new(past);
        if let Some(reverting) = reverting {
            return self.go_back(*reverting, Some((number, entry)));
        }
        *self.tip.lock().expect("no holder of this lock panics") = tip;
        let remembered = self.history.append(entry.clone());
        self.archive.send(&self.history, || {
            HistoryMessage::Entry(RememberedEntry {
                remembered,
                entry: number,
                record,
                tip,
                past: entry.clone(),
            })
        });
        if self.headers.is_open() {
            let place = EntryPlace {
                number,
                charged,
                tip,
                record,
            };
            self.headers.send(HeaderMessage::Entry {
                entry: entry.clone(),
                written,
                place,
            });
        }
        self.record(|| OrderItem::Entry(entry.clone()));
        if self.replay.is_some() {
            self.counters.replayed.add(u64::from(charged));
            return;
        }
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Charged { failed: true, .. });
        let failures = entry
            .tasks
            .iter()
            .filter(|task| failed(&task.outcome))
            .count();
        self.counters.failed.add(failures as u64);
        self.counters.entries.add(1);
        self.counters.visible.add(u64::from(charged));
        self.tell_entry(number, slot, &entry);
        self.tell_set(slot, &entry);
    }

    /// Makes an entry's versions visible; hashes what it wrote, where there are headers, notes it, if that is wanted, and,
    /// if `journals`, what that was before, if somebody may want it back.
    fn publish_writes(
        &mut self,
        number: EntryNumber,
        writes: Vec<EntryWrites>,
        written: &mut Option<Written>,
        journals: bool,
    ) {
        let mut writes = writes.into_iter();
        let mut journals = (journals && !self.snapshots.is_empty())
            .then(|| self.journals.lock().expect("no holder panics"));
        let has_headers = self.headers.is_open();
        if !has_headers && journals.is_none() {
            return self.publisher.publish(number, &mut writes);
        }
        let changes = &mut self.changes;
        let note = |key: &Pubkey, state: NotedState<'_>, before: Option<&AccountState>| {
            if has_headers {
                match state {
                    NotedState::Plain { lamports } => changes.add_plain(key, lamports),
                    NotedState::Any(state) => changes.add(key, state),
                }
            }
            if let Some(written) = written {
                written.push((*key, state.to_state()));
            }
            if let Some(journals) = &mut journals {
                journals.note(key, before);
            }
        };
        self.publisher.publish_noting(number, &mut writes, note);
    }

    fn note_snapshot(&mut self, id: u64) {
        self.journals.lock().expect("no holder panics").begin(id);
        self.snapshots.push(PastPublished {
            id,
            tip: *self.tip.lock().expect("no holder of this lock panics"),
            transaction_count: self.counters.charged(),
            sealed: self.sealed.newest_context(),
            next_entry: self.history.next_entry(),
        });
        self.headers.send(HeaderMessage::Snapshot(id));
        self.record(|| OrderItem::Snapshot(id));
    }

    /// Everything is as it was at a snapshot: the accounts, once `entry` was published, if any was written since.
    fn go_back(&mut self, reverting: Reverting, entry: Option<(EntryNumber, Arc<PastEntry>)>) {
        let Reverting {
            id,
            context,
            record,
            ..
        } = reverting;
        let at = self.snapshots.iter().position(|past| past.id == id);
        let at = at.expect("the schedule stage knows which snapshots there are");
        let past = self.snapshots.drain(at..).next();
        let past = past.expect("it was found there");
        let slot = context.slot;
        self.journals
            .lock()
            .expect("no holder panics")
            .forget_from(id);
        self.history.go_back(past.next_entry, &context);
        *self.tip.lock().expect("no holder of this lock panics") = past.tip;
        let reverted = self.counters.charged() - past.transaction_count;
        self.counters.reverted.add(reverted);
        self.order_entries.revert(slot, past.tip);
        self.changes.clear();
        let count = self.counters.charged();
        self.sealed.go_back(&past.sealed, &context, count);
        self.slots.set(context.clone());
        let restored = entry.iter().flat_map(|(_, entry)| entry.accounts_set());
        let restored: Written = restored.collect();
        let (done, gone_back) = crossbeam_channel::bounded(2);
        let mut waits_for = 0;
        if self.headers.is_open() {
            waits_for += 1;
            self.headers
                .send(HeaderMessage::Revert(Box::new(HeaderRevert {
                    id,
                    context: context.clone(),
                    restored,
                    entry: entry.as_ref().map_or(0, |(number, _)| *number),
                    done: done.clone(),
                })));
        }
        if let Some(record) = record
            && self.history.has_archive()
        {
            waits_for += 1;
            let revert = HistoryRevert {
                record,
                slot,
                time_ms: context.time_ms,
                next_entry: past.next_entry,
                done,
            };
            self.archive
                .send(&self.history, || HistoryMessage::Revert(revert));
        }
        // Whoever hears that the chain went back finds it so. A stage that a broken invariant has ended says
        // nothing: health does.
        for _ in 0..waits_for {
            if gone_back.recv_timeout(GO_BACK_TIMEOUT).is_err() {
                break;
            }
        }
        self.record(|| OrderItem::Revert(id));
        if let Some((_, entry)) = &entry {
            self.record(|| OrderItem::Entry(entry.clone()));
        }
        self.tell(|| Event::Slot {
            slot,
            parent: slot - 1,
            final_end: self.sealed.final_end(slot),
            went_back: true,
        });
        if let Some((_, entry)) = &entry {
            self.tell_set(slot, entry);
        }
    }

    /// Tells of the accounts that the operator set, and who asked for it.
    fn tell_set(&self, slot: u64, entry: &PastEntry) {
        let mut accounts = Vec::new();
        for task in &entry.tasks {
            if let (Work::SetAccount(change), Outcome::Set(_)) = (&task.work, &task.outcome) {
                accounts.push(change.key);
            }
        }
        if !accounts.is_empty() {
            let accounts = std::sync::Arc::new(accounts);
            self.tell(|| Event::AccountsSet { slot, accounts });
        }
        for task in &entry.tasks {
            if let Work::SetAccount(change) = &task.work {
                change.answer(match &task.outcome {
                    Outcome::NotSet(reason) => Err(OperatorError::Refused(reason.to_string())),
                    _ => Ok(slot),
                });
            }
        }
    }

    fn tell_entry(&self, number: EntryNumber, slot: u64, entry: &Arc<PastEntry>) {
        if self
            .listeners
            .lock()
            .expect("no holder of this lock panics")
            .is_empty()
        {
            return;
        }
        for task in &entry.tasks {
            if let (Work::Transaction(transaction), Outcome::Dropped(error)) =
                (&task.work, &task.outcome)
            {
                let signature = *transaction.signature();
                self.tell(|| Event::Dropped {
                    signature,
                    error: Some(error.clone()),
                });
            }
        }
        let places = 0..entry.tasks.len();
        let transactions: Vec<_> = places
            .filter_map(|place| PublishedTransaction::new(entry.clone(), place))
            .collect();
        let transactions = std::sync::Arc::new(transactions);
        self.tell(|| Event::Entry {
            entry: number,
            slot,
            transactions,
        });
    }

    fn tell(&self, event: impl FnOnce() -> Event) {
        let mut listeners = self
            .listeners
            .lock()
            .expect("no holder of this lock panics");
        if listeners.is_empty() {
            return;
        }
        let event = event();
        // A full queue is a listener that fell behind: dropping its sender tells it so.
        listeners.retain(|listener| listener.try_send(event.clone()).is_ok());
    }

    fn record(&self, item: impl FnOnce() -> OrderItem) {
        if let Some(order) = &self.order {
            order
                .lock()
                .expect("no holder of this lock panics")
                .items
                .push(item());
        }
    }
}
