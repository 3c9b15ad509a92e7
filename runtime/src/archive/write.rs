//! Adding to an archive: what was published, in order, by one thread.

use super::batch::Batch;
use super::row::{EntryRow, Named, Offset, Row, SlotRow};
use super::run::{Rows, Run, RunName, Summary};
use super::{Archive, ArchiveError, LogPosition, Mark};
use crate::sync::Arc;
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use solana_signature::Signature;

/// A slot that opened.
#[derive(Clone, Copy, Debug)]
pub struct OpenedSlot {
    /// It.
    pub slot: u64,
    /// Its nominal time: Unix milliseconds.
    pub time_ms: i64,
    /// Length of a slot.
    pub slot_ms: u64,
    /// The blockhash of the slot before it.
    pub parent_blockhash: Hash,
    /// The file of the log that is written to.
    pub file: u32,
}

/// An entry of the open slot.
#[derive(Clone, Copy, Debug)]
pub struct EntryAt {
    /// Its number.
    pub entry: u64,
    /// Number of its record.
    pub record: u64,
    /// Where its record lies.
    pub at: LogPosition,
    /// Bytes of its record, about.
    pub bytes: u64,
    /// The tip behind it.
    pub tip: Hash,
}

/// A transaction of an entry.
#[derive(Clone, Copy, Debug)]
pub struct TransactionAt<'a, Keys> {
    /// Its first signature.
    pub signature: &'a Signature,
    /// The addresses that it names, each once.
    pub addresses: Keys,
    /// Where its item begins in the file.
    pub offset: u64,
}

/// Adds to an archive. There is one.
pub struct Writer {
    archive: Arc<Archive>,
    /// That of an empty archive.
    first: Mark,
    mark: Mark,
    next_run: u64,
    /// The blockhash of the last slot if nothing comes in it; `None` once something did.
    idle_blockhash: Option<Hash>,
}

impl Writer {
    pub(super) fn new(archive: Arc<Archive>, first: Mark, mark: Mark, next_run: u64) -> Self {
        Self {
            archive,
            first,
            mark,
            next_run,
            idle_blockhash: None,
        }
    }

    /// What of the log is in it: durable or in memory.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// A slot opened. One that the mark covers is passed over.
    pub fn open_slot(&mut self, opened: OpenedSlot) -> Result<(), ArchiveError> {
        if self.mark.slot.is_some_and(|slot| opened.slot <= slot) {
            return Ok(());
        }
        self.mark.slot = Some(opened.slot);
        self.mark.index = 0;
        let row = SlotRow {
            slot: opened.slot,
            count: 1,
            file: opened.file,
            time_ms: opened.time_ms,
            slot_ms: opened.slot_ms,
            parent_blockhash: opened.parent_blockhash,
            tip: self.mark.tip,
        };
        let continues = self.idle_blockhash == Some(opened.parent_blockhash);
        // What its blockhash is if it stays idle.
        self.idle_blockhash = Some(row.blockhash_of(opened.slot, &opened.parent_blockhash));
        let slots = self.change(|batch| {
            match batch.slots.last_mut() {
                Some(last) if continues && last.is_before(&row) => last.count += 1,
                _ => batch.slots.push(row),
            }
            batch.slots.len()
        });
        if slots >= self.archive.limits.batch_slots_max {
            self.flush()?;
        }
        Ok(())
    }

    /// Takes out what is in memory and the runs from the first on that says so of the last file of the log that it
    /// points into and the last record that it covers. The mark is what is left.
    pub(crate) fn drop_reverted(
        &mut self,
        is_reverted: impl Fn(u64, u64) -> bool,
    ) -> Result<(), ArchiveError> {
        let left = self
            .archive
            .drop_runs(|summary| is_reverted(summary.last_file.into(), summary.mark.record))?;
        let (mark, next_run) = left.unwrap_or((self.first, 0));
        (self.mark, self.next_run, self.idle_blockhash) = (mark, next_run, None);
        Ok(())
    }

    /// All records up to this number are in it: what they say of slots was told.
    pub fn pass(&mut self, record: u64) {
        self.mark.record = self.mark.record.max(record);
    }

    /// An entry of the open slot was published, with these charged transactions. One that the mark covers is
    /// passed over.
    pub fn append<'a, Keys: IntoIterator<Item = &'a Pubkey>>(
        &mut self,
        entry: EntryAt,
        transactions: impl Iterator<Item = TransactionAt<'a, Keys>>,
    ) -> Result<(), ArchiveError> {
        if entry.entry <= self.mark.entry {
            return Ok(());
        }
        let slot = self.mark.slot.expect("an entry is of a slot that opened");
        let (hasher, index, at) = (self.archive.hasher, self.mark.index, entry.at);
        let limits = &self.archive.limits;
        let (added, is_full) = self.change(|batch| {
            let first = batch.transactions;
            for found in transactions {
                let transaction = batch.transactions;
                batch.transactions += 1;
                let row = |bytes: &[u8]| Named {
                    hash: hasher.hash(bytes),
                    transaction,
                };
                batch.signatures.push(row(found.signature.as_ref()));
                let addresses = found.addresses.into_iter();
                addresses.for_each(|key| batch.addresses.push(row(key.as_ref())));
                batch
                    .offsets
                    .push(Offset((found.offset - at.offset) as u32));
            }
            let added = batch.transactions - first;
            if added > 0 {
                let first = u64::from(first);
                batch.entries.push(EntryRow {
                    first,
                    slot,
                    index,
                    at,
                });
            }
            batch.log_bytes += entry.bytes;
            let is_full = batch.transactions >= limits.batch_transactions_max
                || batch.log_bytes >= limits.batch_log_bytes_max;
            (added, is_full)
        });
        if added > 0 {
            self.idle_blockhash = None;
        }
        self.mark.entry = entry.entry;
        self.mark.index += added;
        self.mark.tip = entry.tip;
        self.pass(entry.record);
        if is_full { self.flush() } else { Ok(()) }
    }

    /// Makes what is in memory a run, so that it need not be read from the log again.
    pub fn flush(&mut self) -> Result<(), ArchiveError> {
        let archive = &self.archive;
        let batch = {
            let state = archive.state.read().expect("no holder of this lock panics");
            state.batch.clone()
        };
        if batch.transactions == 0 && batch.slots.is_empty() {
            return Ok(());
        }
        let name = RunName {
            first: self.next_run,
            end: self.next_run + 1,
        };
        let summary = Summary {
            transactions: batch.transactions,
            mark: self.mark,
            last_file: batch.last_file(),
        };
        let rows = Rows {
            signatures: whole(batch.signatures.sorted()),
            addresses: whole(batch.addresses.sorted()),
            offsets: whole(batch.offsets.iter().copied()),
            entries: whole(batch.entries.iter().copied()),
            slots: whole(batch.slots.iter().copied()),
        };
        let run = Arc::new(Run::write(&*archive.disk, name, summary, rows)?);
        self.next_run += 1;
        // The row that it continues is in the run now.
        self.idle_blockhash = None;
        let mut state = archive
            .state
            .write()
            .expect("no holder of this lock panics");
        state.runs.push(run);
        state.batch = Arc::default();
        Ok(())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Batch) -> T) -> T {
        let mut state = self
            .archive
            .state
            .write()
            .expect("no holder of this lock panics");
        change(Arc::get_mut(&mut state.batch).expect("only a flush shares it, on this thread"))
    }
}

fn whole<R: Row>(rows: impl Iterator<Item = R>) -> impl Iterator<Item = Result<R, ArchiveError>> {
    rows.map(Ok)
}
