//! What the block log holds, as values. Their bytes are `format`'s, and `docs/formats.md` has them.
//!
//! The records of a ledger, in order, say everything that a replay needs: `SlotOpened` where a slot begins,
//! its entries, and, some slots later, its signed header.

use crate::wire;
use bytes::Bytes;
use sealane_sdk::AccountState;
use sealane_sdk::light::SlotHeader;
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockRecord {
    /// A slot opened; entries that follow belong to it.
    SlotOpened(SlotOpened),
    /// Slots in which nothing happens, written before they open, so that each may be shown without a sync of
    /// its own: they open one after the other, `slot_ms` apart, as `SlotOpened` of each would say. Their
    /// blockhashes follow from the first's parent (`slot::blockhash`). A `SlotOpened` that names one of them
    /// ends the run there: of the run, only the slots before it were. An entry never follows a run directly.
    IdleRun {
        /// The first of them.
        first: SlotOpened,
        /// How many there are, at least 1.
        count: u64,
        /// Length of a slot in milliseconds.
        slot_ms: u64,
    },
    /// An entry of the open slot.
    Entry(LoggedEntry),
    /// The header of a slot that ended.
    Header {
        /// It.
        header: SlotHeader,
        /// The identity's signature of its hash.
        signature: Signature,
    },
    /// First record of a file: what follows comes after the record with this number, and later records of
    /// older files count for nothing.
    RevertTo {
        /// Number of the last record that counts.
        record: u64,
    },
}

/// The start of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotOpened {
    /// The slot.
    pub slot: u64,
    /// Its nominal time: Unix milliseconds. Its Clock says the whole seconds of it.
    pub time_ms: i64,
    /// The blockhash of the slot before it, which this slot accepts as its newest.
    pub parent_blockhash: Hash,
}

/// An entry: what was charged, in serial order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEntry {
    /// Its number, counted from 1 over the chain's life. Entries that changed nothing, with neither a charged
    /// transaction nor a reward, are missing.
    pub entry: u64,
    /// Its tasks in serial order.
    pub items: Vec<LoggedItem>,
}

impl LoggedEntry {
    /// The wire bytes of its transactions, in order.
    pub fn wires(&self) -> impl Iterator<Item = &Bytes> {
        self.items.iter().filter_map(|item| match item {
            LoggedItem::Transaction { wire, .. } => Some(wire),
            LoggedItem::FeeReward { .. } | LoggedItem::AccountSet { .. } => None,
        })
    }

    /// The first signatures of its transactions, in order.
    pub fn signatures(&self) -> impl Iterator<Item = &Signature> {
        self.wires().filter_map(|wire| wire::first_signature(wire))
    }
}

/// A place in the serial order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggedItem {
    /// A charged transaction.
    Transaction {
        /// Its wire bytes.
        wire: Bytes,
        /// Addresses that its lookup tables gave, writable ones first; empty without tables.
        loaded: Vec<Pubkey>,
        /// Its compact record (`record.rs`): status, fee, balances, logs.
        record: Bytes,
    },
    /// The leader's share of a slot's fees.
    FeeReward {
        /// Lamports.
        lamports: u64,
    },
    /// An account that the operator set.
    AccountSet {
        /// Its address.
        key: Pubkey,
        /// What it is then; the default state where it does not exist any more.
        state: AccountState,
    },
}
