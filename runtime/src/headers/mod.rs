//! The header stage: one thread, behind the publisher, that keeps the state root and signs a header for
//! each slot that ended.
//!
//! The publisher hashes the accounts that an entry wrote, as they are at its end, while its caches have them
//! (`StateChanges`), and hands them on with the end of the slot. Then what each account is last goes into the trie, and
//! the header gets the roots and the signature. Where there are account files, entries come with the accounts
//! themselves: states are shared, not copied, and what is read here is never newer than it should be, however late it
//! is. Readers prove accounts against the newest header, and transactions against those that are kept.
//!
//! Behind is bounded: the publisher waits when the queue is full. Nothing that executes waits for a root,
//! and no banking thread for this one. A slot without transactions costs a signature.

mod kept;
mod log;

pub(crate) use kept::Headers;
pub use kept::{NoProof, ProvenBytes, SignedHeader};
pub(crate) use log::HeaderLog;

use crate::SlotContext;
use crate::block_log::RecordPosition;
use crate::checkpoint::{ChainState, EndedSlot, SlotEnd};
use crate::history::PastEntry;
use crate::replay::ReplayReport;
use crate::slot::IdleSlots;
use crate::start::ChainStart;
use crate::sync::{Arc, Receiver, Sender};
use crate::task::SlotOpening;
use sealane_accounts_db::{EntryNumber, EntryWrites, LogPosition, StateChanges};
use sealane_sdk::light::{SlotHeader, TransactionsRoot};
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// What an entry wrote: accounts, and what they are at its end.
pub(crate) type Written = Vec<(Pubkey, AccountState)>;

/// What the publisher hands on, in order.
pub(crate) enum HeaderMessage {
    /// An entry became visible.
    Entry {
        entry: Arc<PastEntry>,
        /// Where account files are written.
        written: Option<Written>,
        place: EntryPlace,
    },
    /// A slot opened: those before it have ended, with these changes since the last one.
    Slot(SlotOpening, Box<StateChanges>),
    /// All that was read from the log came before.
    Replayed,
    /// A snapshot is taken, at the beginning of the open slot.
    Snapshot(u64),
    /// All is as it was at a snapshot.
    Revert(Box<HeaderRevert>),
}

/// The way back to a snapshot.
pub(crate) struct HeaderRevert {
    pub(crate) id: u64,
    /// The slot that is open then.
    pub(crate) context: Arc<SlotContext>,
    /// What accounts were then, of those that were written since.
    pub(crate) restored: Written,
    /// The last entry so far.
    pub(crate) entry: EntryNumber,
    /// Told when this stage has gone back.
    pub(crate) done: crossbeam_channel::Sender<()>,
}

/// What the stage had when a snapshot was taken.
struct PastChain {
    id: u64,
    parent: Hash,
    transaction_count: u64,
    tip: Hash,
    state_root: Hash,
}

/// Where an entry stands in the chain.
#[derive(Clone, Copy)]
pub(crate) struct EntryPlace {
    pub(crate) number: EntryNumber,
    /// Charged transactions in it.
    pub(crate) charged: u32,
    /// Chained hash of the entries up to it.
    pub(crate) tip: Hash,
    /// Its record in the block log, if it has one.
    pub(crate) record: Option<RecordPosition>,
}

/// The publisher's end of the queue, if there is a header stage.
pub(crate) struct HeaderQueue {
    sender: Option<Sender<HeaderMessage>>,
    /// Whether account files are written.
    keeps_written: bool,
}

impl HeaderQueue {
    pub(crate) fn new(sender: Sender<HeaderMessage>, keeps_written: bool) -> Self {
        Self {
            sender: Some(sender),
            keeps_written,
        }
    }

    /// That of a node without headers.
    pub(crate) fn none() -> Self {
        Self {
            sender: None,
            keeps_written: false,
        }
    }

    /// Whether anybody listens.
    pub(crate) fn is_open(&self) -> bool {
        self.sender.is_some()
    }

    /// Nothing more is handed on: what comes is not what it should be, and must be in no checkpoint.
    pub(crate) fn close(&mut self) {
        *self = Self::none();
    }

    /// Room for what was written; `None` where nobody wants to have it.
    pub(crate) fn room_for(&self, writes: &[EntryWrites]) -> Option<Written> {
        let count = writes.iter().map(EntryWrites::len).sum();
        self.keeps_written.then(|| Vec::with_capacity(count))
    }

    /// Waits where the stage is too far behind. If a broken invariant has ended it, the node is no longer
    /// healthy and says so; what is visible does not depend on it.
    pub(crate) fn send(&self, message: HeaderMessage) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(message);
        }
    }
}

/// What the thread owns.
pub(crate) struct HeaderStage {
    queue: Receiver<HeaderMessage>,
    headers: Arc<Headers>,
    signer: Arc<Keypair>,
    /// The slot that is open.
    open: Arc<SlotContext>,
    /// It ended before the stage began: what it begins with is a checkpoint.
    has_ended: bool,
    /// Hash of the newest header.
    parent: Hash,
    /// What the slot that ends changed.
    changes: StateChanges,
    /// What the open slot wrote so far, by entry, where there is a checkpoint stage.
    written: Vec<Written>,
    transactions: TransactionsRoot,
    /// The last entry so far, the transactions charged so far, the tip.
    entry: EntryNumber,
    transaction_count: u64,
    tip: Hash,
    /// The record of the open slot's first entry.
    began: Option<u64>,
    /// Those that can be gone back to, oldest first.
    snapshots: Vec<PastChain>,
    /// What accounts became again since a slot ended: the trie has it, the checkpoint stage has not.
    restored: Vec<Written>,
    /// To the checkpoint stage, where there is one.
    checkpoints: Option<Sender<SlotEnd>>,
    /// To the block log, where there is one.
    log: Option<Arc<HeaderLog>>,
    /// Hears when a replay has ended, or went wrong.
    replay: Option<ReplayReport>,
}

impl HeaderStage {
    /// The stage of a chain that begins with `start`.
    pub(crate) fn new(
        queue: Receiver<HeaderMessage>,
        headers: Arc<Headers>,
        signer: Arc<Keypair>,
        start: &ChainStart,
        checkpoints: Option<Sender<SlotEnd>>,
        log: Option<(Arc<HeaderLog>, ReplayReport)>,
    ) -> Self {
        let (log, replay) = log.unzip();
        Self {
            queue,
            headers,
            signer,
            open: start.context.clone(),
            has_ended: start.checkpoint.is_some(),
            parent: start.header,
            changes: StateChanges::new(),
            written: Vec::new(),
            transactions: TransactionsRoot::new(),
            entry: start.entry,
            transaction_count: start.transaction_count,
            tip: start.tip,
            began: None,
            snapshots: Vec::new(),
            restored: Vec::new(),
            checkpoints,
            log,
            replay,
        }
    }

    /// Runs until the queue is closed.
    pub(crate) fn run(mut self) {
        while let Ok(message) = self.queue.recv() {
            match message {
                HeaderMessage::Entry {
                    entry,
                    written,
                    place,
                } => {
                    self.transactions.extend_executed(entry.executed());
                    self.written.extend(written);
                    (self.entry, self.tip) = (place.number, place.tip);
                    self.transaction_count += u64::from(place.charged);
                    let record = place.record.map(|record| record.number);
                    self.began = self.began.or(record);
                }
                HeaderMessage::Slot(
                    SlotOpening {
                        context, passed, ..
                    },
                    _,
                ) if self.has_ended => {
                    if let Some(passed) = passed {
                        self.pass_slots(&passed);
                    }
                    (self.open, self.has_ended) = (context, false);
                }
                HeaderMessage::Snapshot(id) => self.snapshots.push(PastChain {
                    id,
                    parent: self.parent,
                    transaction_count: self.transaction_count,
                    tip: self.tip,
                    state_root: self.headers.state_root(),
                }),
                HeaderMessage::Revert(revert) => self.go_back(*revert),
                HeaderMessage::Replayed => {
                    if let Some(replay) = self.replay.take() {
                        replay.done();
                    }
                }
                HeaderMessage::Slot(
                    SlotOpening {
                        context,
                        record,
                        passed,
                    },
                    changes,
                ) => {
                    self.changes = *changes;
                    let written = std::mem::take(&mut self.written);
                    match passed {
                        Some(passed) => self.end_slot_before(&passed),
                        None => self.end_slots(&context),
                    }
                    self.hand_on(written, &context, record);
                    self.open = context;
                }
            }
        }
    }

    /// Goes back to a snapshot. What was written since is in the trie as far as its slots have ended; with what it
    /// was before in its place, the trie is that of the last slot before the snapshot.
    fn go_back(&mut self, revert: HeaderRevert) {
        let HeaderRevert {
            id,
            context,
            restored,
            entry,
            done,
        } = revert;
        let at = self.snapshots.iter().position(|past| past.id == id);
        let at = at.expect("the schedule stage knows which snapshots there are");
        let past = self.snapshots.drain(at..).next();
        let past = past.expect("it was found there");
        (self.parent, self.tip) = (past.parent, past.tip);
        self.transaction_count = past.transaction_count;
        self.transactions = TransactionsRoot::new();
        // Without an entry, nothing was written since.
        (self.entry, self.began) = (entry.max(self.entry), None);
        (self.open, self.has_ended) = (context, false);
        self.written = Vec::new();
        let mut changes = StateChanges::new();
        for (key, state) in &restored {
            changes.add(key, state);
        }
        self.headers
            .go_back(self.open.slot, &mut changes, past.state_root);
        self.restored.push(restored);
        if let Some(log) = &self.log {
            log.end_revert();
        }
        if let Some(checkpoints) = &self.checkpoints {
            let _ = checkpoints.send(SlotEnd {
                reverts: Some(self.open.slot),
                ..SlotEnd::default()
            });
        }
        let _ = done.try_send(());
    }

    /// Tells the checkpoint stage what the open slot wrote. If a broken invariant has ended that one, the
    /// node is no longer healthy and says so.
    fn hand_on(
        &mut self,
        written: Vec<Written>,
        next: &SlotContext,
        record: Option<RecordPosition>,
    ) {
        let began = self.began.take();
        let restored = std::mem::take(&mut self.restored);
        let Some(checkpoints) = &self.checkpoints else {
            return;
        };
        let written = match restored.is_empty() {
            true => written,
            false => [restored, written].concat(),
        };
        let record = record.filter(|_| next.slot == self.open.slot + 1);
        let ended = record.map(|record| EndedSlot {
            chain: ChainState {
                context: self.open.clone(),
                tip: self.tip,
                header: self.parent,
                transaction_count: self.transaction_count,
                recent: Vec::new(),
            },
            entry: self.entry,
            state_root: self.headers.state_root(),
            began,
            log: LogPosition {
                record: record.number,
                file: record.file,
                offset: record.offset,
            },
        });
        if ended.is_some() || !written.is_empty() {
            let began = began.map(|record| (self.open.slot, record));
            let _ = checkpoints.send(SlotEnd {
                written,
                began,
                ended,
                reverts: None,
            });
        }
    }

    /// Ends the open slot, and those without anything in them between it and `next`.
    fn end_slots(&mut self, next: &SlotContext) {
        let passed = next.slot - self.open.slot;
        let step_ms = (next.time_ms - self.open.time_ms) / passed.cast_signed();
        for (slot, after) in (self.open.slot..next.slot).zip(0..) {
            let from_newest = usize::try_from(next.slot - 1 - slot).ok();
            let sealed = from_newest.and_then(|place| next.blockhashes.get(place));
            let (blockhash, _) = *sealed.expect("slots are opened one by one, or a few at a time");
            let time_ms = self.open.time_ms + step_ms * after;
            self.end_slot(slot, time_ms.div_euclid(1_000), blockhash);
        }
    }

    /// Ends the open slot, and all that passed behind it but the last.
    fn end_slot_before(&mut self, passed: &IdleSlots) {
        let (slot, blockhash) = (self.open.slot, passed.first.parent_blockhash);
        let seconds = self.open.sysvars.clock.unix_timestamp;
        self.end_slot(slot, seconds, blockhash);
        // What is in the log of the open slot is not of those behind it.
        let began = self.began.take();
        self.pass_slots(passed);
        self.began = began;
    }

    /// Ends slots with nothing in them, all but the last. Of those that nobody can ask for, as there are too many
    /// behind them, the headers are hashed, and not signed.
    fn pass_slots(&mut self, passed: &IdleSlots) {
        let (tip, last) = (self.tip, passed.last());
        let (state_root, kept_max) = (self.headers.state_root(), self.headers.headers_max());
        let mut slots = passed.each(&tip);
        let mut slot = slots.next();
        while let (Some(opened), Some(next)) = (slot.take(), slots.next()) {
            let (blockhash, seconds) = (next.parent_blockhash, opened.time_ms.div_euclid(1_000));
            if opened.slot + kept_max >= last {
                self.end_slot(opened.slot, seconds, blockhash);
            } else {
                self.parent = SlotHeader {
                    slot: opened.slot,
                    parent: self.parent,
                    unix_timestamp: seconds,
                    blockhash,
                    transactions_root: Hash::default(),
                    transaction_count: 0,
                    state_root,
                }
                .hash();
            }
            slot = Some(next);
        }
    }

    /// Ends a slot, of which `changes` has what it changed.
    fn end_slot(&mut self, slot: u64, unix_timestamp: i64, blockhash: Hash) {
        let transactions = std::mem::take(&mut self.transactions);
        let transactions_root = transactions.root();
        let transaction_count = transactions.len() as u64;
        let (parent, signer) = (self.parent, &self.signer);
        let signed;
        (self.parent, signed) =
            self.headers
                .add(&mut self.changes, Arc::new(transactions), |state_root| {
                    let header = SlotHeader {
                        slot,
                        parent,
                        unix_timestamp,
                        blockhash,
                        transactions_root,
                        transaction_count,
                        state_root,
                    };
                    let hash = header.hash();
                    let signature = signer.sign_message(hash.as_bytes());
                    let signed = SignedHeader { header, signature };
                    (signed.clone(), (hash, signed))
                });
        if self.began.is_some()
            && let Some(log) = &self.log
            && let Err(error) = log.made(signed)
            && let Some(replay) = &self.replay
        {
            replay.fail(error);
            // What came of the replay must be in no checkpoint.
            self.checkpoints = None;
        }
    }
}
