//! Whether slots, blockhashes and entries of a log follow from each other.
//!
//! The blockhash of a slot covers the tip as of the moment when the slot was sealed: that of some entry that
//! was visible then, which is not necessarily the last before the next slot's record. So a blockhash is right
//! if it follows from one of the tips since the one that the blockhash before it covers.

use super::ChainOrigin;
use crate::block_log::{BlockRecord, SlotOpened};
use crate::replay::idle_successor;
use crate::slot;
use solana_hash::Hash;

/// Slots of a run at most: many times what any release wrote.
const RUN_MAX: u64 = 1 << 32;
/// Slots of a run that are told at once.
const PART_MAX: u64 = 1 << 16;

/// The blockhash before an idle slot, where the tip that it covers is not known.
pub(super) const UNKNOWN: Hash = Hash::new_from_array([0; 32]);

/// A place in the chain.
pub(super) struct Links {
    /// The open slot; `None` until one opens, in a log whose beginning was removed.
    open: Option<SlotOpened>,
    /// The tip, last, and those before it that the next blockhash may cover; empty while it is not known.
    tips: Vec<Hash>,
    /// The last entry.
    entry: u64,
    /// Place in the block of the next transaction.
    index: u32,
    run: Option<IdleRun>,
    /// Slot 0, of which no record says that it opened, is still to be told.
    first: Option<SlotOpened>,
}

struct IdleRun {
    first: SlotOpened,
    count: u64,
    slot_ms: u64,
}

impl Links {
    /// `is_whole`: the log has its beginning.
    pub(super) fn new(origin: &ChainOrigin, is_whole: bool) -> Self {
        let genesis = is_whole.then(|| SlotOpened {
            slot: 0,
            time_ms: origin.genesis_time.saturating_mul(1_000),
            parent_blockhash: origin.genesis_hash,
        });
        Self {
            open: genesis.clone(),
            tips: is_whole
                .then_some(origin.genesis_hash)
                .into_iter()
                .collect(),
            entry: 0,
            index: 0,
            run: None,
            first: genesis,
        }
    }

    /// The open slot.
    pub(super) fn slot(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.slot)
    }

    /// The place of a transaction that comes now.
    pub(super) fn next_index(&mut self) -> u32 {
        self.index += 1;
        self.index - 1
    }

    /// Whether this is the tip. Where it was not known, it is now.
    pub(super) fn has_tip(&mut self, tip: &Hash) -> bool {
        if self.tips.is_empty() {
            self.tips.push(*tip);
        }
        self.tips.last() == Some(tip)
    }

    /// Follows a record: the slots of which is known now that they opened. `Err` says how it contradicts those
    /// before it.
    pub(super) fn take(&mut self, record: &BlockRecord) -> Result<Vec<SlotOpened>, String> {
        let mut slots: Vec<SlotOpened> = self.first.take().into_iter().collect();
        match record {
            BlockRecord::SlotOpened(opened) => {
                self.end_run_before(opened.slot, &mut slots);
                self.check_follows(opened)?;
                self.open(opened.clone());
                slots.push(opened.clone());
            }
            BlockRecord::IdleRun {
                first,
                count,
                slot_ms,
            } => {
                self.end_run_before(first.slot, &mut slots);
                self.check_follows(first)?;
                if !(1..=RUN_MAX).contains(count) {
                    return Err(format!("a run of {count} idle slots"));
                }
                self.run = Some(IdleRun {
                    first: first.clone(),
                    count: *count,
                    slot_ms: *slot_ms,
                });
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
                if let Some(tip) = self.tips.last() {
                    let next = slot::tip_after(tip, entry.signatures());
                    if next != *tip {
                        self.tips.push(next);
                    }
                }
            }
            _ => {}
        }
        Ok(slots)
    }

    /// There is no further record: a run lasted as long as it may have.
    pub(super) fn end(&mut self) -> Vec<SlotOpened> {
        let mut slots = self.first.take().into_iter().collect();
        self.end_run_before(u64::MAX, &mut slots);
        slots
    }

    /// The first slots of a run that goes on long before `slot`, which opens next; `None` if there are not many
    /// left: those come with the record of that slot, or the end.
    pub(super) fn take_part(&mut self, slot: u64) -> Option<Vec<SlotOpened>> {
        let run = self.run.as_ref()?;
        let left = run.count.min(slot.saturating_sub(run.first.slot));
        if left <= PART_MAX {
            return None;
        }
        let (end, rest) = (run.first.slot + PART_MAX, run.count - PART_MAX);
        let slot_ms = run.slot_ms;
        let mut slots: Vec<SlotOpened> = self.first.take().into_iter().collect();
        self.end_run_before(end, &mut slots);
        let last = slots.last()?;
        self.run = Some(IdleRun {
            first: self.behind(last, slot_ms),
            count: rest,
            slot_ms,
        });
        Some(slots)
    }

    /// The slot behind an idle one.
    fn behind(&self, opened: &SlotOpened, slot_ms: u64) -> SlotOpened {
        let tip = self.tips.last();
        let next = idle_successor(opened, slot_ms, &tip.copied().unwrap_or_default());
        SlotOpened {
            parent_blockhash: match tip {
                Some(_) => next.parent_blockhash,
                None => UNKNOWN,
            },
            ..next
        }
    }

    /// Opens the slots of a run that come before `slot`.
    fn end_run_before(&mut self, slot: u64, slots: &mut Vec<SlotOpened>) {
        let Some(run) = self.run.take() else {
            return;
        };
        let mut opened = run.first;
        for _ in 0..run.count {
            if opened.slot >= slot {
                break;
            }
            slots.push(opened.clone());
            self.open(opened.clone());
            opened = self.behind(&opened, run.slot_ms);
        }
    }

    fn open(&mut self, opened: SlotOpened) {
        self.open = Some(opened);
        self.index = 0;
    }

    fn check_follows(&mut self, next: &SlotOpened) -> Result<(), String> {
        let Some(open) = &self.open else {
            return Ok(());
        };
        if next.slot != open.slot + 1 {
            return Err(format!("slot {} follows slot {}", next.slot, open.slot));
        }
        if next.time_ms <= open.time_ms {
            let (this, last) = (next.time_ms, open.time_ms);
            return Err(format!("a slot at {this} ms follows one at {last} ms"));
        }
        if self.tips.is_empty() || open.parent_blockhash == UNKNOWN {
            return Ok(());
        }
        let seconds = open.time_ms.div_euclid(1_000);
        let covered = self.tips.iter().rposition(|tip| {
            slot::blockhash(&open.parent_blockhash, open.slot, seconds, tip)
                == next.parent_blockhash
        });
        let Some(covered) = covered else {
            let (slot, open) = (next.slot, open.slot);
            return Err(format!(
                "slot {slot} names a blockhash that slot {open} cannot have had"
            ));
        };
        self.tips.drain(..covered);
        Ok(())
    }
}
