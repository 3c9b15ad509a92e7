//! The hub: one thread that hears what becomes visible and tells whom it concerns.
//!
//! It listens to the runtime only while somebody is subscribed, so that a node without subscribers pays
//! nothing. Subscribing and hearing happen on the same thread, in that order: first it listens, then it
//! looks whether a signature is confirmed already, so that nothing falls in between. It never waits for a
//! client. Should it fall so far behind that the runtime cuts it off, it starts afresh: signatures are
//! looked up, and who may have missed something is told so. A client's connection is cut, as Agave does
//! where a client lags behind its notifications: it connects again and asks anew. A thread of this
//! process hears [`News::Missed`].

use super::blocks::{BlockTopic, BlockUpdates};
use super::index::{Index, SubscriptionNumber};
use super::notify::{self, AccountWatch};
use super::receipts::Receipts;
use super::sink::Sink;
use super::slot_updates::SlotCounts;
use crate::rpc::{AccountConfig, AnswersBytes, Filter};
use ahash::AHashMap;
use crossbeam_channel::{Receiver, RecvError, Sender, never, select, unbounded};
use jsonrpsee::core::server::SubscriptionSink;
use sealane_runtime::{Event, PublishedTransaction, Reader};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// What a subscriber is told of a transaction that a higher priority displaced. Solana has no error for
/// it, as it lets such transactions expire in silence; this one too means that there was no room.
const EVICTED: TransactionError = TransactionError::WouldExceedMaxBlockCostLimit;

/// What a subscription is about.
pub(crate) enum Topic {
    /// The account, whenever it changes.
    Account { key: Pubkey, config: AccountConfig },
    /// Accounts of a program that pass the filters.
    Program {
        program: Pubkey,
        filters: Vec<Filter>,
        config: AccountConfig,
    },
    /// One transaction, once; `received`: also when it is admitted.
    Signature {
        signature: Signature,
        received: bool,
    },
    /// Logs of all transactions, or of those that name an account.
    Logs { mentions: Option<Pubkey> },
    /// Slots that open.
    Slot,
    /// All that happens to slots.
    SlotsUpdates,
    /// Slots that are sealed.
    Root,
    /// Blocks that are sealed.
    Block(BlockTopic),
    /// Votes: there are none.
    Vote,
}

/// What a thread that waits for a transaction hears, once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It is visible, or will not run.
    Settled(Result<(), TransactionError>),
    /// It is not visible; that it was evicted or dropped may have been missed.
    Missed,
}

/// Who is told.
pub(crate) enum Subscriber {
    /// A client on a WebSocket.
    Client(Sink),
    /// A thread of this process that waits for one transaction.
    Waiter(Sender<News>),
}

enum Command {
    Subscribe(SubscriptionNumber, Topic, Subscriber),
    Accepted(SubscriptionNumber, SubscriptionSink),
    Unsubscribe(SubscriptionNumber),
    Received(Signature),
    Stop,
}

/// Handle of the hub's thread. Clone freely.
#[derive(Clone)]
pub(crate) struct Hub {
    /// Unbounded, and yet bounded: each subscription sends three commands in its life, and its permit is
    /// given back only when the thread has ended it; `Received` is counted in `receipts`.
    commands: Sender<Command>,
    next: Arc<AtomicU64>,
    receipts: Arc<Receipts>,
}

impl Hub {
    /// Starts the thread. `receipts_max`: admitted transactions of which it need not have told yet.
    pub(crate) fn start(
        reader: Reader,
        receipts_max: usize,
        answers_bytes: Arc<AnswersBytes>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (commands, inbox) = unbounded();
        let receipts = Arc::new(Receipts::new(receipts_max));
        let mut state = State::new(reader, Arc::clone(&receipts), answers_bytes);
        let thread = std::thread::Builder::new()
            .name("pubsub".into())
            .spawn(move || state.run(&inbox))?;
        Ok((
            Self {
                commands,
                next: Arc::default(),
                receipts,
            },
            thread,
        ))
    }

    /// Adds a subscription.
    pub(crate) fn subscribe(&self, topic: Topic, subscriber: Subscriber) -> SubscriptionNumber {
        // Relaxed: only the numbers must differ.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.send(Command::Subscribe(number, topic, subscriber));
        number
    }

    /// A client has the answer that it has subscribed: from here on it is told.
    pub(crate) fn accepted(&self, number: SubscriptionNumber, notifications: SubscriptionSink) {
        self.send(Command::Accepted(number, notifications));
    }

    /// Takes a subscription back; one that has ended by itself is no error.
    pub(crate) fn unsubscribe(&self, number: SubscriptionNumber) {
        self.send(Command::Unsubscribe(number));
    }

    /// A transaction was admitted.
    pub(crate) fn received(&self, signature: Signature) {
        if self.receipts.admit() {
            self.send(Command::Received(signature));
        }
    }

    /// Ends the thread and with it all subscriptions.
    pub(crate) fn stop(&self) {
        self.send(Command::Stop);
    }

    fn send(&self, command: Command) {
        // The thread is gone only when the node stops; then nobody is told anything any more.
        let _ = self.commands.send(command);
    }
}

struct State {
    reader: Reader,
    events: Option<Receiver<Event>>,
    subscriptions: AHashMap<SubscriptionNumber, (Topic, Subscriber)>,
    /// Those that have ended with what is still to be told, as the client has no answer yet.
    settled: AHashMap<SubscriptionNumber, Sink>,
    accounts: Index<Pubkey>,
    watches: AHashMap<Pubkey, AccountWatch>,
    programs: Index<Pubkey>,
    signatures: Index<Signature>,
    mentions: Index<Pubkey>,
    /// Under one key each, because there is only one thing to subscribe to.
    all_logs: Index<()>,
    slots: Index<()>,
    slots_updates: Index<()>,
    slot_counts: SlotCounts,
    roots: Index<()>,
    blocks: Index<()>,
    receipts: Arc<Receipts>,
    answers_bytes: Arc<AnswersBytes>,
}

impl State {
    fn new(reader: Reader, receipts: Arc<Receipts>, answers_bytes: Arc<AnswersBytes>) -> Self {
        Self {
            reader,
            events: None,
            subscriptions: AHashMap::new(),
            settled: AHashMap::new(),
            accounts: Index::default(),
            watches: AHashMap::new(),
            programs: Index::default(),
            signatures: Index::default(),
            mentions: Index::default(),
            all_logs: Index::default(),
            slots: Index::default(),
            slots_updates: Index::default(),
            slot_counts: SlotCounts::default(),
            roots: Index::default(),
            blocks: Index::default(),
            receipts,
            answers_bytes,
        }
    }

    fn run(&mut self, inbox: &Receiver<Command>) {
        loop {
            let events = self.events.clone().unwrap_or_else(never);
            select! {
                recv(inbox) -> command => match command {
                    Ok(Command::Subscribe(number, topic, subscriber)) => {
                        self.subscribe(number, topic, subscriber);
                    }
                    Ok(Command::Accepted(number, notifications)) => {
                        self.accept(number, notifications);
                    }
                    Ok(Command::Unsubscribe(number)) => {
                        self.settled.remove(&number);
                        self.end(number);
                    }
                    Ok(Command::Received(signature)) => {
                        self.receipts.taken();
                        self.received(&signature);
                    }
                    Ok(Command::Stop) | Err(_) => return,
                },
                recv(events) -> event => self.hear_or_start_afresh(event),
            }
        }
    }

    fn hear_or_start_afresh(&mut self, event: Result<Event, RecvError>) {
        match event {
            Ok(event) => self.hear(&event),
            // The runtime cut us off.
            Err(RecvError) => self.start_afresh(),
        }
    }

    fn subscribe(&mut self, number: SubscriptionNumber, topic: Topic, subscriber: Subscriber) {
        if self.events.is_none() {
            self.events = Some(self.reader.listen());
        }
        let mut confirmed = None;
        match &topic {
            Topic::Account { key, .. } => {
                if !self.accounts.contains(key) {
                    self.watches
                        .insert(*key, AccountWatch::new(&self.reader, key));
                }
                self.accounts.insert(*key, number);
            }
            Topic::Program { program, .. } => self.programs.insert(*program, number),
            Topic::Signature {
                signature,
                received,
            } => {
                confirmed = self.reader.recent_status(signature);
                self.signatures.insert(*signature, number);
                self.receipts.want(*received);
            }
            Topic::Logs {
                mentions: Some(key),
            } => self.mentions.insert(*key, number),
            Topic::Logs { mentions: None } => self.all_logs.insert((), number),
            Topic::Slot => self.slots.insert((), number),
            Topic::SlotsUpdates => {
                if self.slots_updates.is_empty() {
                    // What was heard before now was not counted.
                    self.slot_counts.forget();
                }
                self.slots_updates.insert((), number);
            }
            Topic::Root => self.roots.insert((), number),
            Topic::Block(_) => self.blocks.insert((), number),
            Topic::Vote => {}
        }
        self.subscriptions.insert(number, (topic, subscriber));
        if let Some(found) = confirmed {
            self.settle(number, found.slot, &found.status);
        }
    }

    /// Tells a client what came before it had its answer.
    fn accept(&mut self, number: SubscriptionNumber, notifications: SubscriptionSink) {
        if let Some(mut sink) = self.settled.remove(&number) {
            sink.open(notifications);
        } else if let Some((_, Subscriber::Client(sink))) = self.subscriptions.get_mut(&number) {
            sink.open(notifications);
        }
    }

    /// Ends a subscription, if it is still there; whose it was.
    fn end(&mut self, number: SubscriptionNumber) -> Option<Subscriber> {
        let (topic, subscriber) = self.subscriptions.remove(&number)?;
        match &topic {
            Topic::Account { key, .. } => {
                self.accounts.remove(key, number);
                if !self.accounts.contains(key) {
                    self.watches.remove(key);
                }
            }
            Topic::Program { program, .. } => self.programs.remove(program, number),
            Topic::Signature {
                signature,
                received,
            } => {
                self.signatures.remove(signature, number);
                self.receipts.no_longer_want(*received);
            }
            Topic::Logs {
                mentions: Some(key),
            } => self.mentions.remove(key, number),
            Topic::Logs { mentions: None } => self.all_logs.remove(&(), number),
            Topic::Slot => self.slots.remove(&(), number),
            Topic::SlotsUpdates => self.slots_updates.remove(&(), number),
            Topic::Root => self.roots.remove(&(), number),
            Topic::Block(_) => self.blocks.remove(&(), number),
            Topic::Vote => {}
        }
        if self.subscriptions.is_empty() {
            self.events = None;
            self.slot_counts.forget();
        }
        Some(subscriber)
    }

    /// Tells a signature's subscriber what became of it, and ends the subscription.
    fn settle(
        &mut self,
        number: SubscriptionNumber,
        slot: u64,
        status: &Result<(), TransactionError>,
    ) {
        match self.subscriptions.get_mut(&number) {
            Some((_, Subscriber::Client(sink))) => sink.notify(&notify::signature(slot, status)),
            Some((_, Subscriber::Waiter(waiter))) => {
                // It may have given up.
                let _ = waiter.try_send(News::Settled(status.clone()));
            }
            None => {}
        }
        if let Some(Subscriber::Client(sink)) = self.end(number)
            && !sink.is_open()
        {
            self.settled.insert(number, sink);
        }
    }

    fn settle_all(
        &mut self,
        signature: &Signature,
        slot: u64,
        status: &Result<(), TransactionError>,
    ) {
        let numbers: Vec<_> = self.signatures.get(signature).collect();
        for number in numbers {
            self.settle(number, slot, status);
        }
    }

    fn received(&mut self, signature: &Signature) {
        let slot = self.reader.slot().slot;
        for number in self.signatures.get(signature) {
            if let Some((Topic::Signature { received: true, .. }, Subscriber::Client(sink))) =
                self.subscriptions.get_mut(&number)
            {
                sink.notify(&notify::received_signature(slot));
            }
        }
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Entry {
                slot, transactions, ..
            } => self.hear_entry(*slot, transactions),
            Event::Slot { slot, parent } => {
                self.tell(
                    &self.slots.get(&()).collect::<Vec<_>>(),
                    &notify::slot(*slot, *parent),
                );
                self.tell(&self.roots.get(&()).collect::<Vec<_>>(), parent);
                let updates = self.slot_counts.turn(*slot, *parent);
                if !self.slots_updates.is_empty() {
                    let numbers: Vec<_> = self.slots_updates.get(&()).collect();
                    updates.iter().for_each(|it| self.tell(&numbers, it));
                }
                self.tell_blocks(*parent);
                self.tell_accounts(*slot);
            }
            Event::AccountsSet { slot, accounts } => self.hear_set(*slot, accounts),
            Event::Dropped { signature, error } => {
                let slot = self.reader.slot().slot;
                self.settle_all(signature, slot, &Err(error.clone().unwrap_or(EVICTED)));
            }
            _ => {}
        }
    }

    /// Tells of a block that was sealed.
    fn tell_blocks(&mut self, slot: u64) {
        let mut updates = BlockUpdates::new(&self.reader, &self.answers_bytes, slot);
        for number in self.blocks.get(&()) {
            if let Some((Topic::Block(topic), Subscriber::Client(sink))) =
                self.subscriptions.get_mut(&number)
                && let Some(update) = updates.of(topic)
            {
                sink.notify(&notify::in_slot(slot, update));
            }
        }
    }

    fn hear_entry(&mut self, slot: u64, transactions: &[PublishedTransaction]) {
        if !self.slots_updates.is_empty() {
            self.slot_counts.add(transactions);
        }
        let mut changed_programs = notify::Touched::default();
        for published in transactions {
            if !self.signatures.is_empty() {
                let signature = published.transaction().signature();
                if self.signatures.contains(signature) {
                    self.settle_all(signature, slot, &published.record().status);
                }
            }
            if !self.all_logs.is_empty() || !self.mentions.is_empty() {
                self.tell_logs(slot, published);
            }
            if !self.accounts.is_empty() || !self.programs.is_empty() {
                self.touch(published, &mut changed_programs);
            }
        }
        self.tell_accounts(slot);
        self.tell_programs(slot, &changed_programs);
    }

    /// Accounts were set, by nobody's transaction.
    fn hear_set(&mut self, slot: u64, accounts: &[Pubkey]) {
        for key in accounts {
            if let Some(watch) = self.watches.get_mut(key) {
                watch.touched = true;
            }
        }
        self.tell_accounts(slot);
        if !self.programs.is_empty() {
            self.tell_programs(slot, &accounts.iter().copied().collect());
        }
    }

    /// Notes which of the transaction's accounts somebody may want to hear of.
    fn touch(&mut self, published: &PublishedTransaction, changed: &mut notify::Touched) {
        let transaction = published.transaction();
        for index in 0..transaction.account_count() {
            if !transaction.is_writable(index) {
                continue;
            }
            let key = transaction.key(index);
            if let Some(watch) = self.watches.get_mut(key) {
                watch.touched = true;
            }
            if !self.programs.is_empty() {
                changed.insert(*key);
            }
        }
    }

    fn tell_logs(&mut self, slot: u64, published: &PublishedTransaction) {
        let mut numbers: Vec<_> = self.all_logs.get(&()).collect();
        if !self.mentions.is_empty() {
            let transaction = published.transaction();
            for index in 0..transaction.account_count() {
                numbers.extend(self.mentions.get(transaction.key(index)));
            }
        }
        if !numbers.is_empty() {
            let notification = notify::logs(
                slot,
                published.transaction().signature(),
                published.record(),
            );
            self.tell(&numbers, &notification);
        }
    }

    /// Tells of the watched accounts that changed since they were last looked at.
    fn tell_accounts(&mut self, slot: u64) {
        let mut watches = std::mem::take(&mut self.watches);
        for (key, watch) in watches.iter_mut().filter(|(_, watch)| watch.touched) {
            if !watch.look(&self.reader, key) {
                continue;
            }
            for number in self.accounts.get(key) {
                if let Some((Topic::Account { config, .. }, Subscriber::Client(sink))) =
                    self.subscriptions.get_mut(&number)
                {
                    let mints = notify::mints(&self.reader, watch.state(), config);
                    sink.notify(&notify::account(slot, key, watch.state(), config, &mints));
                }
            }
        }
        self.watches = watches;
    }

    fn tell_programs(&mut self, slot: u64, changed: &notify::Touched) {
        if changed.is_empty() {
            return;
        }
        let Ok(pin) = self.reader.pin() else {
            return self.cut_programs();
        };
        for key in changed {
            let Ok(account) = pin.get(key) else {
                return self.cut_programs();
            };
            let Some(account) = account else { continue };
            for number in self.programs.get(&account.owner) {
                let Some((
                    Topic::Program {
                        filters, config, ..
                    },
                    Subscriber::Client(sink),
                )) = self.subscriptions.get_mut(&number)
                else {
                    continue;
                };
                if filters.iter().all(|filter| filter.allows(&account)) {
                    let mints = notify::mints(&self.reader, &account, config);
                    sink.notify(&notify::keyed_account(slot, key, &account, config, &mints));
                }
            }
        }
    }

    /// A change could not be read: those who should have heard of it must know that they missed it.
    fn cut_programs(&mut self) {
        for (topic, subscriber) in self.subscriptions.values() {
            if let (Topic::Program { .. }, Subscriber::Client(sink)) = (topic, subscriber) {
                sink.cut();
            }
        }
    }

    fn tell(&mut self, numbers: &[SubscriptionNumber], notification: &impl serde::Serialize) {
        for number in numbers {
            if let Some((_, Subscriber::Client(sink))) = self.subscriptions.get_mut(number) {
                sink.notify(notification);
            }
        }
    }

    /// Events were missed. What a subscriber of a signature can still be told is that it is visible; with
    /// the others, which will never hear of an eviction that is past, nothing is left but to say so.
    fn start_afresh(&mut self) {
        // First, so that nothing falls between the looks and the next event.
        self.events = Some(self.reader.listen());
        self.slot_counts.forget();
        let signatures: Vec<Signature> = self.signatures.keys().copied().collect();
        for signature in signatures {
            if let Some(found) = self.reader.recent_status(&signature) {
                self.settle_all(&signature, found.slot, &found.status);
            }
        }
        let mut missed = Vec::new();
        for (number, (_, subscriber)) in &self.subscriptions {
            match subscriber {
                // The server notices, and unsubscribes.
                Subscriber::Client(sink) => sink.cut(),
                Subscriber::Waiter(waiter) => {
                    // It may have given up.
                    let _ = waiter.try_send(News::Missed);
                    missed.push(*number);
                }
            }
        }
        for number in missed {
            self.end(number);
        }
    }
}

#[cfg(test)]
mod tests;
