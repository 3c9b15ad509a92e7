//! Indices and key tables that went out of use, waiting until no reader can have them in hand.
//!
//! The interner's alone. It lives in the shared part because pins may outlive the interner.

#[cfg(feature = "shuttle")]
use crate::fault::GraceFault;
use crate::memory::{ReplacedTable, VersionPointer};
use crate::pins::PinTable;
use crate::sync::{AtomicU64, Ordering, fence};
use crate::{AccountIndex, EntryNumber};
use std::collections::VecDeque;

/// What went out of use between two calls of `drain`.
#[derive(Default)]
struct Batch {
    indices: Vec<AccountIndex>,
    tombstones: Vec<VersionPointer>,
    tables: Vec<ReplacedTable>,
}

/// What went out of use.
#[derive(Default)]
pub(crate) struct Limbo {
    /// Since the last `drain`.
    fresh: Batch,
    /// Earlier, with the entry that was visible when it had gone.
    batches: VecDeque<(EntryNumber, Batch)>,
}

impl Limbo {
    /// Takes an index that was removed from the key table, and its tombstone, if there is one, that was
    /// removed from its slot.
    pub(crate) fn push(&mut self, index: AccountIndex, tombstone: VersionPointer) {
        self.fresh.indices.push(index);
        if !tombstone.is_null() {
            self.fresh.tombstones.push(tombstone);
        }
    }

    /// Takes a table that was replaced.
    pub(crate) fn push_table(&mut self, table: ReplacedTable) {
        self.fresh.tables.push(table);
    }

    /// Frees what no reader has in hand any more; its indices go to `free`.
    pub(crate) fn drain(
        &mut self,
        pins: &PinTable,
        visible: &AtomicU64,
        free: &mut Vec<AccountIndex>,
    ) {
        if !self.fresh.indices.is_empty() || !self.fresh.tables.is_empty() {
            fence(Ordering::SeqCst);
            let visible = visible.load(Ordering::SeqCst);
            self.batches
                .push_back((visible, std::mem::take(&mut self.fresh)));
        }
        if self.batches.is_empty() {
            return;
        }
        let oldest = pins.oldest();
        while let Some((_, batch)) = self
            .batches
            .pop_front_if(|(visible, _)| is_past(*visible, oldest))
        {
            batch
                .tombstones
                .iter()
                .for_each(|tombstone| tombstone.free());
            free.extend(batch.indices);
        }
    }
}

/// Whether no reader is left that could have reached what had gone when `visible` was the newest entry.
fn is_past(visible: EntryNumber, oldest: EntryNumber) -> bool {
    #[cfg(feature = "shuttle")]
    if GraceFault::LimboIgnoresPins.is()
        || GraceFault::LimboFreesOneEntryEarly.is() && visible == oldest
    {
        return true;
    }
    visible < oldest
}

impl Drop for Limbo {
    fn drop(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        for batch in self
            .batches
            .drain(..)
            .map(|(_, batch)| batch)
            .chain([fresh])
        {
            batch
                .tombstones
                .iter()
                .for_each(|tombstone| tombstone.free());
        }
    }
}
