//! The entries that are not published yet: which tasks each still waits for.

use crate::SlotContext;
use crate::sync::Arc;
use crate::task::{CompletedBatch, CompletedEntry, ExpectedEntry, SlotOpening};
use sealane_accounts_db::EntryNumber;
use std::collections::VecDeque;

struct PendingEntry {
    entry: EntryNumber,
    slot: Arc<SlotContext>,
    first_sequence: u64,
    inserted: usize,
    completed: usize,
    batches: Vec<CompletedBatch>,
    /// What the log says of it, in a replay.
    expected: Option<ExpectedEntry>,
    /// Slots that opened after it and before the next entry.
    slots: Vec<SlotOpening>,
}

/// Entries in order; the last may be open, to which tasks are added. Their numbers follow each other, but
/// for those that a log left out.
pub(super) struct Entries {
    pending: VecDeque<PendingEntry>,
    /// Number of the next entry to open.
    next: EntryNumber,
    open: bool,
}

impl Entries {
    /// The next entry comes after `last`; 0 is genesis.
    pub(super) fn new(last: EntryNumber) -> Self {
        Self {
            pending: VecDeque::new(),
            next: last + 1,
            open: false,
        }
    }

    /// The entry that the next task will be in.
    pub(super) fn next_task_entry(&self) -> EntryNumber {
        self.next - u64::from(self.open)
    }

    /// The next entry is this one: the numbers before it are missing in the log.
    pub(super) fn skip_to(&mut self, entry: EntryNumber) {
        assert!(
            !self.open && entry >= self.next,
            "the numbers of entries grow"
        );
        self.next = entry;
    }

    /// Notes what the log says of the open entry.
    pub(super) fn expect(&mut self, expected: Option<ExpectedEntry>) {
        let open = self.pending.back_mut().expect("an entry is open");
        open.expected = expected;
    }

    /// Adds a task to the open entry, opening one if there is none.
    pub(super) fn add_task(&mut self, slot: &Arc<SlotContext>, sequence: u64) {
        if !self.open {
            self.open = true;
            self.pending.push_back(PendingEntry {
                entry: self.next,
                slot: slot.clone(),
                first_sequence: sequence,
                inserted: 0,
                completed: 0,
                batches: Vec::new(),
                expected: None,
                slots: Vec::new(),
            });
            self.next += 1;
        }
        let open = self.pending.back_mut().expect("an entry is open");
        open.inserted += 1;
    }

    /// Closes the open entry, if there is one: the next task opens another.
    pub(super) fn close(&mut self) {
        self.open = false;
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Tasks of the entry that was opened last.
    pub(super) fn open_tasks(&self) -> usize {
        self.pending.back().map_or(0, |last| last.inserted)
    }

    /// The slot that the tasks of an entry see.
    pub(super) fn slot(&self, entry: EntryNumber) -> &Arc<SlotContext> {
        &self.pending[self.place(entry)].slot
    }

    /// Where a pending entry is.
    fn place(&self, entry: EntryNumber) -> usize {
        let first = self.pending[0].entry;
        let place = (entry - first) as usize;
        // Numbers are missing in a replay only.
        if self.pending.get(place).is_some_and(|it| it.entry == entry) {
            return place;
        }
        let found = self.pending.binary_search_by_key(&entry, |it| it.entry);
        found.expect("an entry with tasks that are not complete is pending")
    }

    pub(super) fn add_completed(&mut self, batch: CompletedBatch) {
        let place = self.place(batch.entry);
        let entry = &mut self.pending[place];
        entry.completed += batch.tasks.len();
        entry.batches.push(batch);
    }

    /// Notes that a slot opened behind the last entry. Gives it back if there is no entry to wait for.
    pub(super) fn slot_opens_after_the_last(&mut self, slot: SlotOpening) -> Option<SlotOpening> {
        match self.pending.back_mut() {
            Some(last) => {
                last.slots.push(slot);
                None
            }
            None => Some(slot),
        }
    }

    /// Takes the oldest entry, if it is closed and all its tasks are complete, and the slots that opened
    /// behind it.
    pub(super) fn pop_complete(&mut self) -> Option<(CompletedEntry, Vec<SlotOpening>)> {
        let oldest = self.pending.front()?;
        let is_open = self.open && self.pending.len() == 1;
        if is_open || oldest.completed < oldest.inserted {
            return None;
        }
        let oldest = self.pending.pop_front()?;
        let entry = CompletedEntry {
            entry: oldest.entry,
            slot: oldest.slot,
            first_sequence: oldest.first_sequence,
            task_count: oldest.inserted,
            batches: oldest.batches,
            expected: oldest.expected,
        };
        Some((entry, oldest.slots))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
