//! The entry stage: one thread that makes complete entries visible, in order.
//!
//! For each: publish the versions, then remember the transactions, then count and tell. So who hears of a
//! transaction finds its effects, and who finds its status too.

use crate::counters::StageCounters;
use crate::headers::{EntryPlace, HeaderMessage, HeaderQueue};
use crate::history::{
    EntryOrder, History, HistoryMessage, HistoryQueue, PastEntry, PublishedTransaction,
    RememberedEntry,
};
use crate::operator::OperatorError;
use crate::replay::ReplayReport;
use crate::serial::{Order, OrderItem};
use crate::slot::SlotWatch;
use crate::sync::{Arc, Mutex, Patience, Receiver, Thread, receive};
use crate::task::{OrderedEntry, Outcome, PublisherMessage, Work};
use sealane_accounts_db::{EntryNumber, Publisher};
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
use std::time::Instant;

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
    pub(crate) counters: Arc<StageCounters>,
    /// To the header stage, where there is one.
    pub(crate) headers: HeaderQueue,
    /// To the history stage, where there is one.
    pub(crate) archive: HistoryQueue,
    /// The serial order, where it is recorded.
    pub(crate) order: Option<Arc<Mutex<Order>>>,
    /// For what does not come through the log stage.
    pub(crate) order_entries: EntryOrder,
    /// While what comes was read from the log.
    pub(crate) replay: Option<ReplayReport>,
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
            PublisherMessage::Barrier(reached) => reached(),
            PublisherMessage::Slot(opening) => {
                let context = opening.context.clone();
                let tip = *self.tip.lock().expect("no holder of this lock panics");
                self.history.open_slot(&opening, &tip);
                self.archive
                    .send(&self.history, || HistoryMessage::Slot(opening.clone()));
                let slot = context.slot;
                self.record(|| OrderItem::Slot(slot));
                self.slots.set(context);
                self.headers.send(HeaderMessage::Slot(opening));
                self.tell(|| Event::Slot {
                    slot,
                    parent: slot - 1,
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
        let mut written = self.headers.room_for(&writes);
        let mut writes = writes.into_iter();
        match &mut written {
            None => self.publisher.publish(number, &mut writes),
            Some(written) => {
                let note = |key: &Pubkey, state: &AccountState| written.push((*key, state.clone()));
                self.publisher.publish_noting(number, &mut writes, note);
            }
        }
        let entry = Arc::new(past);
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
        if let Some(written) = written {
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
