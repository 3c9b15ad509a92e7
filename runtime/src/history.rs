//! Finished transactions and sealed slots: what getTransaction, getSignatureStatuses, getBlock and
//! getSignaturesForAddress read.
//!
//! The newest are in memory (`recent`). With a ledger, older ones are read from the disk (`archived`): one
//! thread behind the publisher (`stage`) tells the archive where the block log has them, another (`keeper`)
//! merges its files and removes old ones. What is asked for is looked for in memory first: what leaves it is
//! in the archive before.

mod address_index;
mod archived;
mod feed;
mod keeper;
mod kept;
mod open;
mod past_entry;
mod published;
mod recent;
mod signature_index;
mod stage;
#[cfg(test)]
mod tests;

pub(crate) use archived::Archived;
pub use feed::HistoryFeed;
pub(crate) use open::{HistoryThreads, OpenArchive};
pub(crate) use past_entry::{EntryOrder, PastEntry};
use published::BlockContents;
pub use published::{NoBlock, PublishedBlock, PublishedTransaction, SignatureStatus, Unreadable};
pub(crate) use stage::{HistoryMessage, HistoryQueue, HistoryRevert, RememberedEntry};

use crate::start::ChainStart;
use crate::sync::Arc;
use crate::task::SlotOpening;
use crate::{Limits, SlotContext};
use recent::Recent;
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use solana_signature::Signature;

/// What is remembered of the chain. The publisher adds to it, anyone reads it.
pub(crate) struct History {
    recent: Recent,
    archived: Option<Arc<Archived>>,
}

impl History {
    /// Begins with `start`. With an archive, memory keeps less.
    pub(crate) fn new(
        limits: &Limits,
        start: &ChainStart,
        archived: Option<Arc<Archived>>,
    ) -> Self {
        let waits = archived.is_some();
        let bytes_max = match waits {
            true => limits.recent_history_bytes_max,
            false => limits.history_bytes_max,
        };
        Self {
            recent: Recent::new(bytes_max, limits.history_slots_max, start, waits),
            archived,
        }
    }

    pub(crate) fn has_archive(&self) -> bool {
        self.archived.is_some()
    }

    /// Remembers an entry; its number. The publisher alone calls this.
    pub(crate) fn append(&self, entry: Arc<PastEntry>) -> u64 {
        self.recent.append(entry)
    }

    /// Seals the open slot, whose last entry was appended, and opens the next; `tip` is the chained hash of the
    /// entries so far. The publisher alone calls this.
    pub(crate) fn open_slot(&self, next: &SlotOpening, tip: &Hash) {
        let passed = next.passed.as_deref().map(|passed| (passed, tip));
        self.recent.open_slot(&next.context, passed);
    }

    /// Number of the next entry.
    pub(crate) fn next_entry(&self) -> u64 {
        self.recent.next_entry()
    }

    /// Entries that only memory has, of those that the archive will have.
    pub(crate) fn unindexed_entries(&self) -> u64 {
        self.recent.unarchived_entries()
    }

    /// Goes back to the beginning of the slot `open`, whose first entry has this number. The publisher alone calls
    /// this.
    pub(crate) fn go_back(&self, next_entry: u64, open: &SlotContext) {
        self.recent.go_back(next_entry, open);
    }

    /// Entries before this number, and slots before this one, may go from memory.
    fn archived_until(&self, entry: u64, slot: u64) {
        self.recent.archived_until(entry, slot);
    }

    /// The transaction with this first signature, if it is in memory. Never waits for a disk.
    pub(crate) fn find_recent(&self, signature: &Signature) -> Option<PublishedTransaction> {
        self.recent.find(signature)
    }

    /// The transaction with this first signature, if it is in memory, or of `first_slot` or a later one.
    pub(crate) fn find(
        &self,
        signature: &Signature,
        first_slot: u64,
    ) -> Result<Option<PublishedTransaction>, Unreadable> {
        let recent = self.recent.find(signature);
        match &self.archived {
            Some(archived) if recent.is_none() => archived.find(signature, first_slot),
            _ => Ok(recent),
        }
    }

    /// The block of a sealed slot.
    pub(crate) fn block(&self, slot: u64) -> Result<PublishedBlock, NoBlock> {
        match (self.recent.block(slot), &self.archived) {
            (Err(NoBlock::CleanedUp { .. }), Some(archived)) => {
                archived.block(slot, self.first_available_block())
            }
            (found, _) => found,
        }
    }

    /// Unix time of a sealed slot, in seconds.
    pub(crate) fn block_time(&self, slot: u64) -> Result<i64, NoBlock> {
        match (self.recent.block_time(slot), &self.archived) {
            (Err(NoBlock::CleanedUp { .. }), Some(archived)) => {
                archived.block_time(slot, self.first_available_block())
            }
            (found, _) => found,
        }
    }

    /// The first `limit` sealed slots from `first` to `last`.
    pub(crate) fn blocks(&self, first: u64, last: u64, limit: usize) -> Vec<u64> {
        let recent_first = self.recent.first_available_block();
        let mut found = Vec::new();
        if let Some(archived) = &self.archived {
            // No slot is skipped.
            let slots = archived.slots();
            let end = slots.end.min(recent_first).min(last.saturating_add(1));
            found.extend((first.max(slots.start)..end).take(limit));
        }
        let rest = limit - found.len();
        let recent = self.recent.blocks(first.max(recent_first), last, rest);
        found.extend(recent);
        found
    }

    /// First slot of which everything is kept; the open one, if no sealed one is.
    pub(crate) fn first_available_block(&self) -> u64 {
        let recent = self.recent.first_available_block();
        match &self.archived {
            Some(archived) => archived.slots().start.min(recent),
            None => recent,
        }
    }

    /// Transactions that name `address`, newest first: at most `limit`, those older than `before` and newer
    /// than `until`, of slots that are `shown`. None if `before` is not known; all if `until` is not.
    pub(crate) fn transactions_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
        until: Option<&Signature>,
        limit: usize,
        shown: &dyn Fn(u64) -> bool,
    ) -> Result<Vec<PublishedTransaction>, Unreadable> {
        let mut found: Vec<PublishedTransaction> = Vec::new();
        let position = |signature: &Signature| -> Result<_, Unreadable> {
            Ok(self.find(signature, 0)?.map(|found| found.position()))
        };
        let recent_before = before.and_then(|signature| self.recent.find_place(signature));
        let before = match (&recent_before, before) {
            (Some((_, found)), _) => Some(found.position()),
            (None, Some(signature)) => match position(signature)? {
                Some(before) => Some(before),
                None => return Ok(found),
            },
            (None, None) => None,
        };
        let until = until.map(position).transpose()?.flatten();
        let is_wanted =
            |found: &PublishedTransaction| until.is_none_or(|until| found.position() > until);
        // Slots that are not shown are newer than all that are.
        let take = |transaction: PublishedTransaction, found: &mut Vec<_>| {
            let wanted = is_wanted(&transaction);
            if wanted && shown(transaction.slot()) {
                found.push(transaction);
            }
            wanted && found.len() < limit
        };
        let mut is_done = limit == 0;
        // What is only in the archive is older than all that is in memory.
        if !is_done && (before.is_none() || recent_before.is_some()) {
            let before = recent_before.map(|(place, _)| place);
            self.recent.each_of(address, before, |transaction| {
                is_done = !take(transaction, &mut found);
                !is_done
            });
        }
        if let Some(archived) = &self.archived
            && !is_done
        {
            // What leaves memory meanwhile is found here.
            let last = found.last().map(PublishedTransaction::position);
            archived.each_of(address, last.or(before), |transaction| {
                take(transaction, &mut found)
            })?;
        }
        Ok(found)
    }
}
