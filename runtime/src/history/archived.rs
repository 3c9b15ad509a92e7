//! The part of the history that is read from the disk: the archive says where, the block log has it.
//!
//! Usable from any thread; each question reads a few pages and the items that it finds, so it is not for
//! threads that others wait for. What was removed meanwhile is not there; what is there and not as it was
//! written is told, and never taken for something else.

use super::feed::log_file;
use super::{NoBlock, PastEntry, PublishedBlock, PublishedTransaction, Unreadable};
use crate::archive::{Archive, ArchivedTransaction};
use crate::block_log::{BlockLogReader, ItemPosition, LogError, LoggedItem};
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering};
use crate::{ArchiveError, VerifiedTransaction, VerifyError};
use bytes::Bytes;
use sealane_sdk::Pubkey;
use solana_signature::Signature;

/// Makes what a reader gets of a transaction's bytes and the addresses that its lookup tables gave.
pub(crate) type ParseRecorded =
    dyn Fn(Bytes, Box<[Pubkey]>) -> Result<Box<VerifiedTransaction>, VerifyError> + Send + Sync;

/// Says that there is no such slot.
const NO_SLOT: u64 = u64::MAX;

/// Reads the archive and the log.
pub(crate) struct Archived {
    archive: Arc<Archive>,
    log: BlockLogReader,
    parse: Box<ParseRecorded>,
    /// Files of the log before it are gone, or about to go.
    first_file: AtomicU64,
    /// First slot of which everything is there, or `NO_SLOT`.
    first_slot: AtomicU64,
    /// The last slot that opened in the archive: those before it are whole.
    open_slot: AtomicU64,
    /// It has been told all that was published so far, or cannot be.
    is_caught_up: AtomicBool,
}

impl Archived {
    /// `log`: a reader of single items.
    pub(crate) fn new(
        archive: Arc<Archive>,
        log: BlockLogReader,
        parse: Box<ParseRecorded>,
    ) -> Self {
        Self {
            archive,
            log,
            parse,
            first_file: AtomicU64::new(0),
            first_slot: AtomicU64::new(NO_SLOT),
            open_slot: AtomicU64::new(0),
            is_caught_up: AtomicBool::new(false),
        }
    }

    pub(crate) fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Files of the log before `first_file` are about to go, or gone.
    pub(crate) fn forget_before(&self, first_file: u64) -> Result<(), ArchiveError> {
        // Release, before the files go: who misses one sees that it was to go.
        self.first_file.store(first_file, Ordering::Release);
        self.archive.forget_before(log_file(first_file));
        self.log.close_files_before(first_file);
        let first_slot = self.archive.first_slot()?.unwrap_or(NO_SLOT);
        self.first_slot.store(first_slot, Ordering::Release);
        Ok(())
    }

    /// Closes files of the log before `first_file`, which are gone.
    pub(super) fn close_files_before(&self, first_file: u64) {
        self.log.close_files_before(first_file);
    }

    /// Whether it has been told all that was published at some moment since the start, or cannot be.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.is_caught_up.load(Ordering::Acquire)
    }

    /// It has.
    pub(super) fn set_caught_up(&self) {
        // Release: what it was told is there for who sees it.
        self.is_caught_up.store(true, Ordering::Release);
    }

    /// The last slot that opened in the archive is this one.
    pub(super) fn set_open_slot(&self, slot: u64) {
        // Release: what was told before is there for who sees it.
        self.open_slot.store(slot, Ordering::Release);
    }

    /// The slots of which everything is there; some of them may be missing where the log was pruned before
    /// it was indexed.
    pub(super) fn slots(&self) -> std::ops::Range<u64> {
        let first = self.first_slot.load(Ordering::Acquire);
        first..self.open_slot.load(Ordering::Acquire)
    }

    /// The transaction with this first signature, if it is of `first_slot` or a later one.
    pub(super) fn find(
        &self,
        signature: &Signature,
        first_slot: u64,
    ) -> Result<Option<PublishedTransaction>, Unreadable> {
        let mut times = BlockTimes::default();
        for found in self.archive.of_signature(signature, first_slot)? {
            let transaction = self.read(found, &mut times)?;
            // Two signatures may have one hash.
            let is_it = |found: &PublishedTransaction| found.transaction().signature() == signature;
            if let Some(transaction) = transaction.filter(is_it) {
                return Ok(Some(transaction));
            }
        }
        Ok(None)
    }

    /// Calls `take` with the transactions that name `address`, newest first, from before the place `before`
    /// (slot, and place in its block), as long as it says to go on.
    pub(super) fn each_of(
        &self,
        address: &Pubkey,
        before: Option<(u64, u32)>,
        mut take: impl FnMut(PublishedTransaction) -> bool,
    ) -> Result<(), Unreadable> {
        let mut times = BlockTimes::default();
        let mut failure = None;
        self.archive.of_address(address, before, |found| {
            Ok(match self.read(found, &mut times) {
                // Two addresses may have one hash.
                Ok(Some(transaction)) => !transaction.names(address) || take(transaction),
                // The log was pruned meanwhile: what is older is gone too.
                Ok(None) => false,
                Err(error) => {
                    failure = Some(error);
                    false
                }
            })
        })?;
        failure.map_or(Ok(()), Err)
    }

    /// The block of a slot that is not in memory any more. `first_available`: the first slot that is kept
    /// anywhere.
    pub(super) fn block(
        self: &Arc<Self>,
        slot: u64,
        first_available: u64,
    ) -> Result<PublishedBlock, NoBlock> {
        let block_time = self.block_time(slot, first_available)?;
        let slot_of = |slot| self.archive.slot(slot).map_err(Unreadable::from);
        let (opened, next) = (slot_of(slot)?, slot_of(slot + 1)?);
        let (opened, next) = opened.zip(next).ok_or(NoBlock::Skipped)?;
        let transactions = self.archive.of_slot(slot).map_err(Unreadable::from)?;
        Ok(PublishedBlock {
            slot,
            block_time,
            blockhash: next.parent_blockhash,
            previous_blockhash: opened.parent_blockhash,
            contents: super::BlockContents::Archived(self.clone(), transactions.into()),
        })
    }

    /// Unix time of a slot that is not in memory any more, in seconds.
    pub(super) fn block_time(&self, slot: u64, first_available: u64) -> Result<i64, NoBlock> {
        let slots = self.slots();
        if slot >= slots.end {
            return Err(NoBlock::NotYet);
        }
        if slot < slots.start {
            return Err(NoBlock::CleanedUp { first_available });
        }
        let opened = self.archive.slot(slot).map_err(Unreadable::from)?;
        let opened = opened.ok_or(NoBlock::Skipped)?;
        Ok(opened.time_ms.div_euclid(1_000))
    }

    /// A transaction; `None` if the log was pruned meanwhile.
    pub(super) fn read(
        &self,
        found: ArchivedTransaction,
        times: &mut BlockTimes,
    ) -> Result<Option<PublishedTransaction>, Unreadable> {
        let Some(block_time) = times.of(found.slot, &self.archive)? else {
            return Ok(None);
        };
        let position = ItemPosition {
            file: found.at.file.into(),
            offset: found.at.offset,
        };
        let item = match self.log.item_at(position) {
            // Acquire: pairs with the release of `forget_before`.
            Err(LogError::MissingFile { .. })
                if position.file < self.first_file.load(Ordering::Acquire) =>
            {
                return Ok(None);
            }
            Err(LogError::NotThere { file, offset }) => {
                let what = format!("{file} is damaged at byte {offset}");
                return Err(Unreadable::new(what));
            }
            item => item?,
        };
        let LoggedItem::Transaction {
            wire,
            loaded,
            record,
        } = item
        else {
            let what = format!("no transaction is at byte {} of its file", found.at.offset);
            return Err(Unreadable::new(what));
        };
        let parsed = (self.parse)(wire, loaded.into());
        let transaction = parsed.map_err(|error| Unreadable::new(error.to_string()))?;
        let entry = PastEntry::of_one(found.slot, block_time, found.index, transaction, &record);
        let entry = entry.ok_or_else(|| {
            let what = "this build cannot read what another one wrote of a transaction";
            Unreadable::new(what.to_owned())
        })?;
        Ok(PublishedTransaction::new(Arc::new(entry), 0))
    }
}

/// The time of the slot that was asked for last: transactions that follow each other are often of one.
#[derive(Default)]
pub(super) struct BlockTimes(Option<(u64, i64)>);

impl BlockTimes {
    /// In seconds; `None` if the slot is gone.
    fn of(&mut self, slot: u64, archive: &Archive) -> Result<Option<i64>, ArchiveError> {
        if let Some((known, seconds)) = self.0
            && known == slot
        {
            return Ok(Some(seconds));
        }
        let opened = archive.slot(slot)?;
        self.0 = opened.map(|opened| (slot, opened.time_ms.div_euclid(1_000)));
        Ok(self.0.map(|(_, seconds)| seconds))
    }
}
