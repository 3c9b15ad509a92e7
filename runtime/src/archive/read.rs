//! Asking an archive, from any thread. A page that is damaged is an error of the one who meets it.

use super::batch::Batch;
use super::row::{EntryRow, Named, Offset, Row, SlotRow};
use super::run::Run;
use super::table::{Cursor, Table};
use super::{Archive, ArchiveError, LogPosition};
use crate::sync::Arc;
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use solana_signature::Signature;

/// Where a transaction lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchivedTransaction {
    /// Its item in the log.
    pub at: LogPosition,
    /// Its slot.
    pub slot: u64,
    /// Its place in the block, from 0.
    pub index: u32,
}

/// A slot that opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchivedSlot {
    /// Its nominal time: Unix milliseconds.
    pub time_ms: i64,
    /// The blockhash of the slot before it.
    pub parent_blockhash: Hash,
}

impl Archive {
    /// Transactions of `first_slot` and later ones that may have this first signature, newest first: whoever
    /// reads them must compare.
    pub fn of_signature(
        &self,
        signature: &Signature,
        first_slot: u64,
    ) -> Result<Vec<ArchivedTransaction>, ArchiveError> {
        let hash = self.hasher.hash(signature.as_ref());
        let snapshot = self.snapshot(|batch| batch.signatures.transactions(hash));
        let mut found = snapshot.in_batch.clone();
        let is_new = |run: &&Arc<Run>| run.summary.mark.slot >= Some(first_slot);
        for run in snapshot.runs.iter().rev().take_while(is_new) {
            let mut rows = Rows::of(run, &run.signatures, hash, u32::MAX)?;
            while let Some(transaction) = rows.next_back()? {
                found.push(rows.entries.locate(transaction)?);
            }
        }
        found.retain(|found| found.at.file >= snapshot.first_file && found.slot >= first_slot);
        Ok(found)
    }

    /// Calls `take` with the transactions that may name `address`, newest first, from before the place
    /// `before` (slot, and place in its block), as long as it says to go on.
    pub fn of_address(
        &self,
        address: &Pubkey,
        before: Option<(u64, u32)>,
        mut take: impl FnMut(ArchivedTransaction) -> Result<bool, ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let hash = self.hasher.hash(address.as_ref());
        let snapshot = self.snapshot(|batch| batch.addresses.transactions(hash));
        let is_before = |found: &ArchivedTransaction| {
            before.is_none_or(|before| (found.slot, found.index) < before)
        };
        for found in snapshot.in_batch.iter().filter(|found| is_before(found)) {
            if found.at.file < snapshot.first_file || !take(*found)? {
                return Ok(());
            }
        }
        for run in snapshot.runs.iter().rev() {
            let end = match before {
                Some((slot, index)) => EntryCursor::of(run).transactions_below(slot, index)?,
                None => u32::MAX,
            };
            let mut rows = Rows::of(run, &run.addresses, hash, end)?;
            while let Some(transaction) = rows.next_back()? {
                let found = rows.entries.locate(transaction)?;
                if found.at.file < snapshot.first_file || !take(found)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A slot that opened and is covered.
    pub fn slot(&self, slot: u64) -> Result<Option<ArchivedSlot>, ArchiveError> {
        let newest = |rows: &[SlotRow]| {
            let end = rows.partition_point(|row| row.slot <= slot);
            end.checked_sub(1).map(|at| rows[at])
        };
        let (row, runs, first_file) = {
            let state = self.state.read().expect("no holder of this lock panics");
            (
                newest(&state.batch.slots),
                state.runs.clone(),
                state.first_file,
            )
        };
        let mut found = row;
        for run in runs.iter().rev() {
            if found.is_some() {
                break;
            }
            let mut rows = run.slots.cursor(&run.file);
            let end = rows.partition_point(0, rows.rows(), |row| row.slot <= slot)?;
            found = end.checked_sub(1).map(|at| rows.row(at)).transpose()?;
        }
        let has_it =
            |row: &SlotRow| slot < row.slot + u64::from(row.count) && row.file >= first_file;
        Ok(found.filter(has_it).map(|row| ArchivedSlot {
            time_ms: row.time_ms_of(slot),
            parent_blockhash: row.parent_blockhash_of(slot),
        }))
    }

    /// The first slot of which everything is there; `None` if nothing is.
    pub fn first_slot(&self) -> Result<Option<u64>, ArchiveError> {
        Ok(self.first_slot_of(0)?.map(|(slot, _)| slot))
    }

    /// The first slot that opened in this file of the log or a later one, and its nominal time in Unix
    /// milliseconds.
    pub fn first_slot_of(&self, file: u32) -> Result<Option<(u64, i64)>, ArchiveError> {
        let (runs, batch_first, first_file) = {
            let state = self.state.read().expect("no holder of this lock panics");
            let first_file = state.first_file.max(file);
            let row = state.batch.slots.iter().find(|row| row.file >= first_file);
            (state.runs.clone(), row.copied(), first_file)
        };
        let found = |row: SlotRow| (row.slot, row.time_ms);
        for run in &runs {
            let mut rows = run.slots.cursor(&run.file);
            let at = rows.partition_point(0, rows.rows(), |row| row.file < first_file)?;
            if at < rows.rows() {
                return Ok(Some(found(rows.row(at)?)));
            }
        }
        Ok(batch_first.map(found))
    }

    /// The transactions of a slot, in order.
    pub fn of_slot(&self, slot: u64) -> Result<Vec<ArchivedTransaction>, ArchiveError> {
        let snapshot = self.snapshot(|batch| {
            let rows = &batch.entries;
            let first = rows.partition_point(|row| row.slot < slot);
            let end = rows.partition_point(|row| row.slot <= slot);
            let transaction = |at: usize| {
                rows.get(at)
                    .map_or(batch.transactions, |row| row.first as u32)
            };
            (transaction(first)..transaction(end)).collect()
        });
        let mut found = Vec::new();
        for run in &snapshot.runs {
            let mut entries = EntryCursor::of(run);
            let first = entries.transactions_below(slot, 0)?;
            let end = entries.transactions_below(slot + 1, 0)?;
            for transaction in first..end {
                found.push(entries.locate(transaction)?);
            }
        }
        found.extend(snapshot.in_batch);
        found.retain(|found| found.at.file >= snapshot.first_file);
        Ok(found)
    }

    /// The runs, and what is found in memory, at one moment.
    fn snapshot(&self, find: impl FnOnce(&Batch) -> Vec<u32>) -> Snapshot {
        let state = self.state.read().expect("no holder of this lock panics");
        let found = find(&state.batch);
        let in_batch = found.into_iter().map(|transaction| {
            let rows = &state.batch.entries;
            let end = rows.partition_point(|row| row.first <= u64::from(transaction));
            located(
                &rows[end - 1],
                transaction,
                state.batch.offsets[transaction as usize],
            )
        });
        Snapshot {
            in_batch: in_batch.collect(),
            runs: state.runs.clone(),
            first_file: state.first_file,
        }
    }
}

struct Snapshot {
    in_batch: Vec<ArchivedTransaction>,
    runs: Vec<Arc<Run>>,
    first_file: u32,
}

fn located(row: &EntryRow, transaction: u32, offset: Offset) -> ArchivedTransaction {
    ArchivedTransaction {
        at: LogPosition {
            file: row.at.file,
            offset: row.at.offset + u64::from(offset.0),
        },
        slot: row.slot,
        index: row.index + (u64::from(transaction) - row.first) as u32,
    }
}

/// The entries of a run.
struct EntryCursor<'a> {
    rows: Cursor<'a, EntryRow>,
    offsets: Cursor<'a, Offset>,
    transactions: u32,
    /// The row that was needed last, and the first transaction behind it.
    last: Option<(EntryRow, u64)>,
}

impl<'a> EntryCursor<'a> {
    fn of(run: &'a Run) -> Self {
        Self {
            rows: run.entries.cursor(&run.file),
            offsets: run.offsets.cursor(&run.file),
            transactions: run.summary.transactions,
            last: None,
        }
    }

    fn end_of(&mut self, at: u64) -> Result<u64, ArchiveError> {
        if at + 1 < self.rows.rows() {
            Ok(self.rows.row(at + 1)?.first)
        } else {
            Ok(u64::from(self.transactions))
        }
    }

    fn locate(&mut self, transaction: u32) -> Result<ArchivedTransaction, ArchiveError> {
        let number = u64::from(transaction);
        let offset = self.offsets.row(number)?;
        if let Some((row, end)) = self.last
            && (row.first..end).contains(&number)
        {
            return Ok(located(&row, transaction, offset));
        }
        let behind = EntryRow {
            first: number + 1,
            ..EntryRow::default()
        };
        let at = self.rows.rows_below(&behind)? - 1;
        let row = self.rows.row(at)?;
        self.last = Some((row, self.end_of(at)?));
        Ok(located(&row, transaction, offset))
    }

    /// How many of the run's transactions lie before this place in this slot's block.
    fn transactions_below(&mut self, slot: u64, index: u32) -> Result<u32, ArchiveError> {
        let place = (slot, index);
        let rows = self.rows.rows();
        let end = self
            .rows
            .partition_point(0, rows, |row| (row.slot, row.index) <= place)?;
        let Some(at) = end.checked_sub(1) else {
            return Ok(0);
        };
        let (row, behind) = (self.rows.row(at)?, self.end_of(at)?);
        let within = if row.slot == slot {
            u64::from(index - row.index)
        } else {
            u64::MAX
        };
        Ok(row.first.saturating_add(within).min(behind) as u32)
    }
}

/// The rows of one hash, from the last one back.
struct Rows<'a> {
    names: Cursor<'a, Named>,
    entries: EntryCursor<'a>,
    hash: u64,
    /// The row behind the next one.
    at: u64,
}

impl<'a> Rows<'a> {
    /// Those of transactions before `end`.
    fn of(
        run: &'a Run,
        table: &'a Table<Named>,
        hash: u64,
        end: u32,
    ) -> Result<Self, ArchiveError> {
        let mut names = table.cursor(&run.file);
        let at = names.rows_below(&Named {
            hash,
            transaction: end,
        })?;
        Ok(Self {
            names,
            entries: EntryCursor::of(run),
            hash,
            at,
        })
    }

    fn next_back(&mut self) -> Result<Option<u32>, ArchiveError> {
        if self.at == 0 {
            return Ok(None);
        }
        let row = self.names.row(self.at - 1)?;
        if row.key() != self.hash {
            return Ok(None);
        }
        self.at -= 1;
        Ok(Some(row.transaction))
    }
}
