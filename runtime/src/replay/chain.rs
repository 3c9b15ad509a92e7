//! The slots of a chain as its records tell them.

use crate::SlotContext;
use crate::block_log::{BlockRecord, RecordPosition, SlotOpened};
use crate::log_stage::IDLE_RUN_MAX;
use crate::slot::{self, IdleSlots};
use crate::sync::Arc;
use crate::task::SlotOpening;
use sealane_accounts_db::EntryNumber;
use solana_hash::Hash;

/// Follows the records: which slot is open, with which context, after which entry.
pub(crate) struct Chain {
    context: Arc<SlotContext>,
    tip: Hash,
    entry: EntryNumber,
    /// A run of idle slots, until it is known how many of them there were.
    run: Option<IdleRun>,
}

#[derive(Clone)]
struct IdleRun {
    position: RecordPosition,
    first: SlotOpened,
    count: u64,
    slot_ms: u64,
}

impl Chain {
    /// A chain whose open slot is `context`'s, after `entry`.
    pub(crate) fn new(context: Arc<SlotContext>, tip: Hash, entry: EntryNumber) -> Self {
        Self {
            context,
            tip,
            entry,
            run: None,
        }
    }

    /// The open slot, as far as that is known.
    pub(crate) fn context(&self) -> &Arc<SlotContext> {
        &self.context
    }

    /// Chained hash of the entries so far.
    pub(crate) fn tip(&self) -> &Hash {
        &self.tip
    }

    /// Follows the next record. Returns the slots that opened, as far as that is known now. `Err` says how
    /// the record contradicts those before it.
    pub(crate) fn take(
        &mut self,
        position: RecordPosition,
        record: &BlockRecord,
    ) -> Result<Vec<SlotOpening>, String> {
        match record {
            BlockRecord::SlotOpened(opened) => {
                let mut slots = self.end_run_before(opened.slot);
                self.check_follows(opened.slot)?;
                slots.push(self.open(opened, Some(position)));
                Ok(slots)
            }
            BlockRecord::IdleRun {
                first,
                count,
                slot_ms,
            } => {
                let slots = self.end_run_before(first.slot);
                self.check_follows(first.slot)?;
                if *count == 0 {
                    return Err("a run of no slots".to_owned());
                }
                self.run = Some(IdleRun {
                    position,
                    first: first.clone(),
                    count: *count,
                    slot_ms: *slot_ms,
                });
                Ok(slots)
            }
            BlockRecord::Entry(entry) => {
                if self.run.is_some() {
                    return Err("an entry follows a run of idle slots".to_owned());
                }
                if entry.entry <= self.entry {
                    let (this, last) = (entry.entry, self.entry);
                    return Err(format!("entry {this} follows entry {last}"));
                }
                self.entry = entry.entry;
                self.tip = slot::tip_after(&self.tip, entry.signatures());
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// There is no further record: a run lasted as long as it may have. Returns the slots of it.
    pub(crate) fn end(&mut self) -> Vec<SlotOpening> {
        self.end_run_before(u64::MAX)
    }

    /// Opens the slots of a run that come before `slot`: one by one, or at once if no node reserves so many.
    fn end_run_before(&mut self, slot: u64) -> Vec<SlotOpening> {
        let Some(IdleRun {
            position,
            first,
            count,
            slot_ms,
        }) = self.run.take()
        else {
            return Vec::new();
        };
        let mut slots = Vec::new();
        let passed = count.min(slot.saturating_sub(first.slot));
        if passed > IDLE_RUN_MAX {
            let idle = IdleSlots::new(first, passed, slot_ms).walked(&self.tip);
            self.context = Arc::new(self.context.after_idle(&idle, &self.tip));
            slots.push(SlotOpening {
                context: self.context.clone(),
                record: Some(position),
                passed: Some(Box::new(idle)),
            });
            return slots;
        }
        let mut opened = first;
        // Of all of them, it opens the first.
        let mut record = Some(position);
        for _ in 0..count {
            if opened.slot >= slot {
                break;
            }
            slots.push(self.open(&opened, record.take()));
            opened = idle_successor(&opened, slot_ms, &self.tip);
        }
        slots
    }

    fn open(&mut self, opened: &SlotOpened, record: Option<RecordPosition>) -> SlotOpening {
        let context = &self.context;
        self.context = Arc::new(context.after(opened.parent_blockhash, opened.time_ms));
        SlotOpening {
            context: self.context.clone(),
            record,
            passed: None,
        }
    }

    fn check_follows(&self, slot: u64) -> Result<(), String> {
        let open = self.context.slot;
        if slot != open + 1 {
            return Err(format!("slot {slot} follows slot {open}"));
        }
        Ok(())
    }
}

/// The slot after `opened`, in which nothing happened while `tip` was the tip.
pub(crate) fn idle_successor(opened: &SlotOpened, slot_ms: u64, tip: &Hash) -> SlotOpened {
    let seconds = opened.time_ms.div_euclid(1_000);
    SlotOpened {
        slot: opened.slot + 1,
        time_ms: opened.time_ms + slot_ms as i64,
        parent_blockhash: slot::blockhash(&opened.parent_blockhash, opened.slot, seconds, tip),
    }
}
