//! What the archive is told of the chain, from either side: what the publisher published (`slot`, `entry`),
//! or the records of the block log alone (`index`), which nobody executes for it.
//!
//! What it is told twice it passes over, so it may go from one to the other, and begin again anywhere at or
//! before `wants_from`. A slot of an idle run counts as opened once it is known that it did: live when it
//! opens, from records when the next slot is read. Until then the run's record is not behind the mark, so
//! that it is read again after a crash.
//!
//! Where the log no longer has what follows the mark, there is a gap: what is left of a slot that opened in
//! it is passed over, and so are the slots in the middle of an idle run, as long as their blockhashes, which
//! follow from entries in the gap, cannot be made.

use super::PastEntry;
use crate::archive::{ArchiveError, EntryAt, LogPosition, OpenedSlot, TransactionAt, Writer};
use crate::block_log::{BlockRecord, LoggedItem, LoggedItemRef, RecordPosition, SlotOpened};
use crate::replay::idle_successor;
use crate::slot::{self, IdleSlots};
use crate::wire;
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use solana_signature::Signature;

/// Tells the archive. One thread has it.
pub struct HistoryFeed {
    writer: Writer,
    /// Slot 0.
    genesis: SlotOpened,
    /// Length of a slot that is not of an idle run.
    slot_ms: u64,
    /// File of the log in which the last record lies.
    file: u64,
    /// Number of the record behind the last that was indexed.
    next: u64,
    /// The slot is not known to which the next entry belongs.
    is_lost: bool,
    /// A run of idle slots, until it is known how many of them there were.
    run: Option<IdleRun>,
}

struct IdleRun {
    first: SlotOpened,
    count: u64,
    slot_ms: u64,
}

impl HistoryFeed {
    /// `genesis`: slot 0, which no record opens.
    pub fn new(writer: Writer, genesis: &SlotOpened, slot_ms: u64) -> Result<Self, ArchiveError> {
        let mut feed = Self {
            writer,
            genesis: genesis.clone(),
            slot_ms,
            file: 0,
            next: 0,
            is_lost: false,
            run: None,
        };
        feed.open(genesis, slot_ms)?;
        Ok(feed)
    }

    /// Number of the first record that it has not been told.
    pub fn wants_from(&self) -> u64 {
        self.writer.mark().record + 1
    }

    /// The last slot that opened.
    pub fn open_slot(&self) -> u64 {
        self.writer.mark().slot.unwrap_or(0)
    }

    /// Makes durable what is in memory.
    pub fn flush(&mut self) -> Result<(), ArchiveError> {
        self.writer.flush()
    }

    /// What is behind this record of the log is not any more.
    pub(crate) fn go_back(&mut self, record: u64) -> Result<(), ArchiveError> {
        (self.file, self.next, self.is_lost, self.run) = (0, 0, false, None);
        self.writer.drop_reverted(|_, covered| covered > record)?;
        let genesis = self.genesis.clone();
        self.open(&genesis, self.slot_ms)
    }

    /// A record of the log; the next one is the one behind it. After an error of the disk, it is indexed
    /// all the same.
    pub fn index(
        &mut self,
        position: RecordPosition,
        record: &BlockRecord,
    ) -> Result<(), ArchiveError> {
        if position.number > self.next.max(self.wants_from()) {
            (self.is_lost, self.run) = (true, None);
        }
        self.next = self.next.max(position.number + 1);
        match record {
            BlockRecord::SlotOpened(opened) => {
                self.slot(opened, Some(position))?;
                self.writer.pass(position.number);
            }
            BlockRecord::IdleRun {
                first,
                count,
                slot_ms,
            } => {
                self.begin_record_of_slots(first, position)?;
                self.run = Some(IdleRun {
                    first: first.clone(),
                    count: *count,
                    slot_ms: *slot_ms,
                });
            }
            BlockRecord::Entry(entry) if !self.is_lost => {
                let items = entry.items.iter().map(LoggedItem::as_ref);
                self.append(entry.entry, position, None, items)?;
            }
            _ if self.run.is_none() => self.writer.pass(position.number),
            _ => {}
        }
        Ok(())
    }

    /// A slot that opened; `record` opens it, if any does.
    pub(crate) fn slot(
        &mut self,
        opened: &SlotOpened,
        record: Option<RecordPosition>,
    ) -> Result<(), ArchiveError> {
        match record {
            Some(record) => self.begin_record_of_slots(opened, record)?,
            None => self.end_run(opened)?,
        }
        self.open(opened, self.slot_ms)
    }

    /// Idle slots that opened at once, by this record.
    pub(crate) fn idle(
        &mut self,
        idle: &IdleSlots,
        record: RecordPosition,
    ) -> Result<(), ArchiveError> {
        self.begin_record_of_slots(&idle.first, record)?;
        let tip = self.writer.mark().tip;
        self.open_idle(idle, &tip)
    }

    /// Whether what the publisher says of an entry of `slot` follows what is told already.
    pub(crate) fn is_in(&self, slot: u64) -> bool {
        !self.is_lost && self.run.is_none() && self.writer.mark().slot >= Some(slot)
    }

    /// An entry that was published. `tip`: the one behind it.
    pub(crate) fn entry(
        &mut self,
        number: u64,
        position: RecordPosition,
        tip: Hash,
        past: &PastEntry,
    ) -> Result<(), ArchiveError> {
        self.append(number, position, Some(tip), past.logged_items())
    }

    /// `tip`: the one behind it, where it is known.
    fn append<'a>(
        &mut self,
        number: u64,
        position: RecordPosition,
        tip: Option<Hash>,
        items: impl Iterator<Item = LoggedItemRef<'a>>,
    ) -> Result<(), ArchiveError> {
        self.file = position.file;
        if number <= self.writer.mark().entry {
            self.writer.pass(position.number);
            return Ok(());
        }
        let nobody = Signature::default();
        let mut offset = position.first_item().offset;
        let mut transactions = Vec::new();
        for item in items {
            if let LoggedItemRef::Transaction { wire, loaded, .. } = item {
                // A place in the block is taken, whatever the bytes are.
                let (signature, own) = names(wire).unwrap_or((&nobody, &[]));
                transactions.push(TransactionAt {
                    signature,
                    addresses: own.iter().chain(loaded),
                    offset,
                });
            }
            offset += item.encoded_bytes() as u64;
        }
        let tip = tip.unwrap_or_else(|| {
            let signatures = transactions.iter().map(|found| found.signature);
            slot::tip_after(&self.writer.mark().tip, signatures)
        });
        let entry = EntryAt {
            entry: number,
            record: position.number,
            at: LogPosition {
                file: log_file(position.file),
                offset: position.offset,
            },
            bytes: offset - position.offset,
            tip,
        };
        self.writer.append(entry, transactions.into_iter())
    }

    /// What a record that opens `opened` says of those before it.
    fn begin_record_of_slots(
        &mut self,
        opened: &SlotOpened,
        record: RecordPosition,
    ) -> Result<(), ArchiveError> {
        self.end_run(opened)?;
        self.file = record.file;
        self.is_lost = false;
        // Not the record itself, which may be of a run.
        self.writer.pass(record.number - 1);
        Ok(())
    }

    /// Opens the slots of a run that come before `next`.
    fn end_run(&mut self, next: &SlotOpened) -> Result<(), ArchiveError> {
        let Some(run) = self.run.take() else {
            return Ok(());
        };
        let tip = self.writer.mark().tip;
        let (first, slot_ms) = (run.first, run.slot_ms);
        let count = run.count.min(next.slot.saturating_sub(first.slot));
        if count == 0 {
            return Ok(());
        }
        let idle = IdleSlots::new(first, count, slot_ms);
        let last = idle.each(&tip).last();
        let behind = last.map(|last| idle_successor(&last, slot_ms, &tip));
        let is_next = |behind: &SlotOpened| {
            behind.slot == next.slot && behind.parent_blockhash == next.parent_blockhash
        };
        if !behind.as_ref().is_some_and(is_next) {
            // The tip is not that of the run. What its record itself says holds all the same.
            return self.open(&idle.first, slot_ms);
        }
        self.open_idle(&idle, &tip)
    }

    fn open_idle(&mut self, idle: &IdleSlots, tip: &Hash) -> Result<(), ArchiveError> {
        idle.each(tip)
            .try_for_each(|opened| self.open(&opened, idle.slot_ms))
    }

    fn open(&mut self, opened: &SlotOpened, slot_ms: u64) -> Result<(), ArchiveError> {
        self.writer.open_slot(OpenedSlot {
            slot: opened.slot,
            time_ms: opened.time_ms,
            slot_ms,
            parent_blockhash: opened.parent_blockhash,
            file: log_file(self.file),
        })
    }
}

/// The archive has four bytes for it.
pub(super) fn log_file(number: u64) -> u32 {
    u32::try_from(number).expect("a log of four billion files is larger than any disk")
}

/// The first signature of a transaction on the wire, and the addresses in its message.
fn names(bytes: &[u8]) -> Option<(&Signature, &[Pubkey])> {
    let (signatures, message) = wire::split(bytes)?;
    Some((signatures.first()?, wire::static_keys(message)?))
}
