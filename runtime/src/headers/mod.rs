//! The header stage: one thread, behind the publisher, that keeps the state root and signs a header for
//! each slot that ended.
//!
//! The publisher hands on every entry with the accounts that it wrote, as they are at the entry's end:
//! states are shared, not copied, and what is read here is never newer than it should be, however late
//! it is. When a slot ends, the last state of each account goes into the trie, and the header gets the
//! roots and the signature. Readers prove accounts against the newest header, and transactions against
//! those that are kept.
//!
//! Behind is bounded: the publisher waits when the queue is full. Nothing that executes waits for a root,
//! and no banking thread for this one. A slot without transactions costs a signature.

mod kept;

pub(crate) use kept::Headers;
pub use kept::{NoProof, ProvenBytes, SignedHeader};

use crate::SlotContext;
use crate::history::PastEntry;
use crate::sync::{Arc, Receiver, Sender};
use sealane_accounts_db::{EntryWrites, StateChanges};
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
        written: Written,
    },
    /// A slot opened: those before it have ended.
    Slot(Arc<SlotContext>),
}

/// The publisher's end of the queue, if there is a header stage.
pub(crate) struct HeaderQueue(Option<Sender<HeaderMessage>>);

impl HeaderQueue {
    pub(crate) fn new(sender: Sender<HeaderMessage>) -> Self {
        Self(Some(sender))
    }

    /// That of a node without headers.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Room for what was written; `None` where nobody wants to know it.
    pub(crate) fn room_for(&self, writes: &[EntryWrites]) -> Option<Written> {
        self.0.as_ref()?;
        let count = writes.iter().map(EntryWrites::len).sum();
        Some(Vec::with_capacity(count))
    }

    /// Waits where the stage is too far behind. If a broken invariant has ended it, the node is no longer
    /// healthy and says so; what is visible does not depend on it.
    pub(crate) fn send(&self, message: HeaderMessage) {
        if let Some(sender) = &self.0 {
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
    /// Hash of the header of the slot before it.
    parent: Hash,
    /// What the open slot wrote so far, by entry.
    written: Vec<Written>,
    transactions: TransactionsRoot,
}

impl HeaderStage {
    /// The stage of a chain whose first slot is `genesis`.
    pub(crate) fn new(
        queue: Receiver<HeaderMessage>,
        headers: Arc<Headers>,
        signer: Arc<Keypair>,
        genesis: Arc<SlotContext>,
    ) -> Self {
        Self {
            queue,
            headers,
            signer,
            parent: genesis.blockhash(),
            open: genesis,
            written: Vec::new(),
            transactions: TransactionsRoot::new(),
        }
    }

    /// Runs until the queue is closed.
    pub(crate) fn run(mut self) {
        while let Ok(message) = self.queue.recv() {
            match message {
                HeaderMessage::Entry { entry, written } => {
                    self.transactions.extend(entry.leaves());
                    self.written.push(written);
                }
                HeaderMessage::Slot(next) => self.end_slots(&next),
            }
        }
    }

    /// Ends the open slot, and those without anything in them between it and `next`.
    fn end_slots(&mut self, next: &Arc<SlotContext>) {
        let passed = next.slot - self.open.slot;
        let step_ms = (next.time_ms - self.open.time_ms) / passed.cast_signed();
        for (slot, after) in (self.open.slot..next.slot).zip(0..) {
            let from_newest = usize::try_from(next.slot - 1 - slot).ok();
            let sealed = from_newest.and_then(|place| next.blockhashes.get(place));
            let (blockhash, _) = *sealed.expect("slots are opened one by one, or a few at a time");
            let time_ms = self.open.time_ms + step_ms * after;
            self.end_slot(slot, time_ms.div_euclid(1_000), blockhash);
        }
        self.open = next.clone();
    }

    fn end_slot(&mut self, slot: u64, unix_timestamp: i64, blockhash: Hash) {
        let changes = StateChanges::of_states(&self.written);
        self.written.clear();
        let transactions = std::mem::take(&mut self.transactions);
        let transactions_root = transactions.root();
        let transaction_count = transactions.len() as u64;
        let (parent, signer) = (self.parent, &self.signer);
        self.parent = self
            .headers
            .add(&changes, Arc::new(transactions), |state_root| {
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
                (SignedHeader { header, signature }, hash)
            });
    }
}
