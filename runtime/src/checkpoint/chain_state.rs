//! What a chain goes on from beside its accounts.

use crate::SlotContext;
use crate::slot::{BLOCKHASH_AGE_MAX, Input};
use solana_hash::Hash;
use std::sync::Arc;

/// Slots of which a transaction may still be valid.
const RECENT_MAX: usize = BLOCKHASH_AGE_MAX as usize + 1;

/// A chain at the end of a slot, beside its accounts: the opaque context of a checkpoint.
#[derive(Clone, Debug)]
pub struct ChainState {
    /// The slot that ended, or the one in which the chain goes on: what the record of the block log from
    /// which a replay goes on comes after.
    pub context: Arc<SlotContext>,
    /// Chained hash of the entries so far.
    pub tip: Hash,
    /// Hash of the newest header.
    pub header: Hash,
    /// Transactions charged so far.
    pub transaction_count: u64,
    /// Slots that had something in them and the record of the first entry of each, newest last, as far back as a transaction can still be valid. Whoever starts from here reads the message ids
    /// of what is charged already from the oldest on.
    pub recent: Vec<(u64, u64)>,
}

impl ChainState {
    /// Number of the record from which on the message ids of charged transactions are still needed.
    pub fn ids_from(&self) -> Option<u64> {
        self.recent.first().map(|(_, record)| *record)
    }

    /// Notes that `slot` ended, whose first entry is in `record` if it has any, and forgets slots that are
    /// too old to matter.
    pub(super) fn add_recent(recent: &mut Vec<(u64, u64)>, slot: u64, record: Option<u64>) {
        recent.extend(record.map(|record| (slot, record)));
        let oldest = slot.saturating_sub(RECENT_MAX as u64);
        // What begins before may reach into what matters.
        let keep = recent.partition_point(|(slot, _)| *slot < oldest);
        recent.drain(..keep);
    }

    /// Its bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(self.tip.as_bytes());
        out.extend_from_slice(self.header.as_bytes());
        out.extend_from_slice(&self.transaction_count.to_le_bytes());
        out.extend_from_slice(&(self.recent.len() as u64).to_le_bytes());
        for (slot, record) in &self.recent {
            out.extend_from_slice(&slot.to_le_bytes());
            out.extend_from_slice(&record.to_le_bytes());
        }
        out.extend_from_slice(&self.context.encode());
        out
    }

    /// What `bytes` are of; `None` if they are of nothing.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let tip = input.hash()?;
        let header = input.hash()?;
        let transaction_count = input.u64()?;
        let count = usize::try_from(input.u64()?).ok();
        let count = count.filter(|count| *count <= 2 * RECENT_MAX)?;
        let recent = (0..count).map(|_| Some((input.u64()?, input.u64()?)));
        let recent = recent.collect::<Option<_>>()?;
        Some(Self {
            tip,
            header,
            transaction_count,
            recent,
            context: Arc::new(SlotContext::decode(input.0)?),
        })
    }
}
