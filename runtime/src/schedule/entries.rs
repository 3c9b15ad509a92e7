//! The entries that are not published yet: which tasks each still waits for.

use crate::SlotContext;
use crate::sync::Arc;
use crate::task::{CompletedBatch, CompletedEntry};
use sealane_accounts_db::EntryNumber;
use std::collections::VecDeque;

struct PendingEntry {
    slot: Arc<SlotContext>,
    first_sequence: u64,
    inserted: usize,
    completed: usize,
    batches: Vec<CompletedBatch>,
    /// Slots that opened after it and before the next entry.
    slots: Vec<Arc<SlotContext>>,
}

/// Entries in order; the last may be open, to which tasks are added.
pub(super) struct Entries {
    pending: VecDeque<PendingEntry>,
    first: EntryNumber,
    open: bool,
}

impl Entries {
    /// The first entry is number 1; 0 is genesis.
    pub(super) fn new() -> Self {
        Self {
            pending: VecDeque::new(),
            first: 1,
            open: false,
        }
    }

    /// The entry that the next task will be in.
    pub(super) fn next_task_entry(&self) -> EntryNumber {
        self.first + self.pending.len() as u64 - u64::from(self.open)
    }

    /// Adds a task to the open entry, opening one if there is none.
    pub(super) fn add_task(&mut self, slot: &Arc<SlotContext>, sequence: u64) {
        if !self.open {
            self.open = true;
            self.pending.push_back(PendingEntry {
                slot: slot.clone(),
                first_sequence: sequence,
                inserted: 0,
                completed: 0,
                batches: Vec::new(),
                slots: Vec::new(),
            });
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

    /// The slot that the tasks of an entry see.
    pub(super) fn slot(&self, entry: EntryNumber) -> &Arc<SlotContext> {
        &self.pending[(entry - self.first) as usize].slot
    }

    pub(super) fn add_completed(&mut self, batch: CompletedBatch) {
        let entry = &mut self.pending[(batch.entry - self.first) as usize];
        entry.completed += batch.tasks.len();
        entry.batches.push(batch);
    }

    /// Notes that a slot opened behind the last entry. `false` if there is no entry to wait for.
    pub(super) fn slot_opens_after_the_last(&mut self, slot: &Arc<SlotContext>) -> bool {
        match self.pending.back_mut() {
            Some(last) => {
                last.slots.push(slot.clone());
                true
            }
            None => false,
        }
    }

    /// Takes the oldest entry, if it is closed and all its tasks are complete, and the slots that opened
    /// behind it.
    pub(super) fn pop_complete(&mut self) -> Option<(CompletedEntry, Vec<Arc<SlotContext>>)> {
        let oldest = self.pending.front()?;
        let is_open = self.open && self.pending.len() == 1;
        if is_open || oldest.completed < oldest.inserted {
            return None;
        }
        let entry = self.first;
        self.first += 1;
        let oldest = self.pending.pop_front()?;
        let entry = CompletedEntry {
            entry,
            slot: oldest.slot,
            first_sequence: oldest.first_sequence,
            task_count: oldest.inserted,
            batches: oldest.batches,
        };
        Some((entry, oldest.slots))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
