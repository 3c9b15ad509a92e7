//! The hub: one thread that hears what becomes visible and tells whom it concerns.
//!
//! It listens to the runtime only while somebody is subscribed, so that a node without subscribers pays
//! nothing. Subscribing and hearing happen on the same thread, in that order: first it listens, then it
//! looks whether a signature is confirmed already, so that nothing falls in between. It never waits for a
//! client. Should it fall so far behind that the runtime cuts it off, it starts afresh: signatures are
//! looked up, and who may have missed something is told so. A client's connection is cut, as Agave does
//! where a client lags behind its notifications: it connects again and asks anew. A thread of this
//! process hears [`News::Missed`].
//!
//! Without a finality lag all levels of commitment are heard at once. With one, `levels` tells what reaches them later.

mod hear;
mod levels;

use super::blocks::BlockTopic;
use super::index::{Index, SubscriptionNumber};
use super::notify::{self, AccountWatch};
use super::receipts::Receipts;
use super::sink::Sink;
use super::slot_updates::SlotCounts;
use crate::commitment::Bank;
use crate::rpc::{AccountConfig, AnswersBytes, Filter};
use ahash::AHashMap;
use crossbeam_channel::{Receiver, RecvError, Sender, never, select, unbounded};
use jsonrpsee::core::server::SubscriptionSink;
use levels::Behind;
use sealane_runtime::{Event, Reader};
use solana_commitment_config::CommitmentLevel;
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
        level: CommitmentLevel,
    },
    /// Logs of all transactions, or of those that name an account.
    Logs {
        mentions: Option<Pubkey>,
        level: CommitmentLevel,
    },
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

impl Topic {
    /// The level of commitment at which it is heard of, if it has one.
    fn level(&self) -> Option<CommitmentLevel> {
        match self {
            Self::Account { config, .. } | Self::Program { config, .. } => {
                Some(config.commitment.unwrap_or_default())
            }
            Self::Signature { level, .. } | Self::Logs { level, .. } => Some(*level),
            Self::Block(topic) => Some(topic.config.commitment.unwrap_or_default()),
            Self::Slot | Self::SlotsUpdates | Self::Root | Self::Vote => None,
        }
    }

    /// Heard at this level, if it has one.
    fn at(mut self, at: CommitmentLevel) -> Self {
        match &mut self {
            Self::Account { config, .. } | Self::Program { config, .. } => {
                config.commitment = Some(at);
            }
            Self::Signature { level, .. } | Self::Logs { level, .. } => *level = at,
            Self::Block(topic) => topic.config.commitment = Some(at),
            Self::Slot | Self::SlotsUpdates | Self::Root | Self::Vote => {}
        }
        self
    }
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
    /// Each at a level of commitment; without a lag all are at `processed`.
    accounts: Index<(Pubkey, CommitmentLevel)>,
    watches: AHashMap<(Pubkey, CommitmentLevel), AccountWatch>,
    programs: Index<(Pubkey, CommitmentLevel)>,
    signatures: Index<(Signature, CommitmentLevel)>,
    mentions: Index<(Pubkey, CommitmentLevel)>,
    all_logs: Index<CommitmentLevel>,
    blocks: Index<CommitmentLevel>,
    /// What is still to reach a level.
    behind: Behind,
    /// Under one key each, because there is only one thing to subscribe to.
    slots: Index<()>,
    slots_updates: Index<()>,
    slot_counts: SlotCounts,
    roots: Index<()>,
    /// The newest root that was told.
    root: u64,
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
            behind: Behind::default(),
            slots: Index::default(),
            slots_updates: Index::default(),
            slot_counts: SlotCounts::default(),
            roots: Index::default(),
            root: 0,
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
                    Ok(Command::Stop) | Err(_) => return,
                    Ok(command) => self.obey(command),
                },
                recv(events) -> event => {
                    // What a client did once it had its answer comes after its subscription.
                    while let Ok(command) = inbox.try_recv() {
                        match command {
                            Command::Stop => return,
                            command => self.obey(command),
                        }
                    }
                    // Unless who heard of it has gone, and somebody else hears from now on.
                    let hears = |now: &Receiver<Event>| now.same_channel(&events);
                    if self.events.as_ref().is_some_and(hears) {
                        self.hear_or_start_afresh(event);
                    }
                }
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Subscribe(number, topic, subscriber) => {
                self.subscribe(number, topic, subscriber);
            }
            Command::Accepted(number, notifications) => self.accept(number, notifications),
            Command::Unsubscribe(number) => {
                self.settled.remove(&number);
                self.end(number);
            }
            Command::Received(signature) => {
                self.receipts.taken();
                self.received(&signature);
            }
            Command::Stop => {}
        }
    }

    fn hear_or_start_afresh(&mut self, event: Result<Event, RecvError>) {
        match event {
            Ok(event) => self.hear(&event),
            // The runtime cut us off.
            Err(RecvError) => self.start_afresh(),
        }
    }

    /// Hears from now on.
    fn listen(&mut self) {
        self.events = Some(self.reader.listen());
        self.behind = Behind::new(&self.reader);
        self.root = self.reader.finalized().slot();
    }

    fn has_lag(&self) -> bool {
        self.reader.finality_lag() > 0
    }

    fn subscribe(&mut self, number: SubscriptionNumber, topic: Topic, mut subscriber: Subscriber) {
        if self.events.is_none() {
            self.listen();
        }
        let topic = match self.has_lag() {
            true => topic,
            false => topic.at(CommitmentLevel::Processed),
        };
        let level = topic.level().unwrap_or_default();
        let mut confirmed = None;
        match &topic {
            Topic::Account { key, .. } => {
                if !self.accounts.contains(&(*key, level)) {
                    let bank = Bank::new(&self.reader, level);
                    let watch = AccountWatch::new(&bank, key, self.reader.slot().slot);
                    self.watches.insert((*key, level), watch);
                }
                self.accounts.insert((*key, level), number);
            }
            Topic::Program { program, .. } => self.programs.insert((*program, level), number),
            Topic::Signature {
                signature,
                received,
                ..
            } => {
                let end = self.behind.end(level);
                let found = self.reader.recent_status(signature);
                confirmed = found.filter(|found| found.slot < end);
                self.signatures.insert((*signature, level), number);
                self.receipts.want(*received);
            }
            Topic::Logs {
                mentions: Some(key),
                ..
            } => self.mentions.insert((*key, level), number),
            Topic::Logs { mentions: None, .. } => self.all_logs.insert(level, number),
            Topic::Slot => self.slots.insert((), number),
            Topic::SlotsUpdates => {
                if self.slots_updates.is_empty() {
                    // What was heard before now was not counted.
                    self.slot_counts.forget();
                }
                self.slots_updates.insert((), number);
            }
            Topic::Root => self.roots.insert((), number),
            Topic::Block(_) => self.blocks.insert(level, number),
            Topic::Vote => {}
        }
        if let Subscriber::Client(sink) = &mut subscriber {
            sink.registered();
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
        let level = topic.level().unwrap_or_default();
        match &topic {
            Topic::Account { key, .. } => {
                self.accounts.remove(&(*key, level), number);
                if !self.accounts.contains(&(*key, level)) {
                    self.watches.remove(&(*key, level));
                }
            }
            Topic::Program { program, .. } => self.programs.remove(&(*program, level), number),
            Topic::Signature {
                signature,
                received,
                ..
            } => {
                self.signatures.remove(&(*signature, level), number);
                self.receipts.no_longer_want(*received);
            }
            Topic::Logs {
                mentions: Some(key),
                ..
            } => self.mentions.remove(&(*key, level), number),
            Topic::Logs { mentions: None, .. } => self.all_logs.remove(&level, number),
            Topic::Slot => self.slots.remove(&(), number),
            Topic::SlotsUpdates => self.slots_updates.remove(&(), number),
            Topic::Root => self.roots.remove(&(), number),
            Topic::Block(_) => self.blocks.remove(&level, number),
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
        level: CommitmentLevel,
        slot: u64,
        status: &Result<(), TransactionError>,
    ) {
        let numbers: Vec<_> = self.signatures.get(&(*signature, level)).collect();
        for number in numbers {
            self.settle(number, slot, status);
        }
    }

    /// Events were missed. What a subscriber of a signature can still be told is that it is visible; with
    /// the others, which will never hear of an eviction that is past, nothing is left but to say so.
    fn start_afresh(&mut self) {
        // First, so that nothing falls between the looks and the next event.
        self.listen();
        self.slot_counts.forget();
        let signatures: Vec<_> = self.signatures.keys().copied().collect();
        for (signature, level) in signatures {
            if let Some(found) = self.reader.recent_status(&signature)
                && found.slot < self.behind.end(level)
            {
                self.settle_all(&signature, level, found.slot, &found.status);
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
