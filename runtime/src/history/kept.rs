//! The entries and slots that are in memory, oldest first.

use super::{NoBlock, PastEntry};
use crate::SlotContext;
use crate::replay::idle_successor;
use crate::slot::{IdleSlots, MILESTONE};
use crate::sync::Arc;
use solana_hash::Hash;
use std::collections::VecDeque;

/// A slot as it is remembered, or several idle ones: to find one of them, those before it are hashed.
#[derive(Clone)]
pub(super) struct PastSlot {
    pub(super) slot: u64,
    pub(super) block_time: i64,
    pub(super) previous_blockhash: Hash,
    pub(super) blockhash: Hash,
    /// Number of its first entry, or of the one that follows.
    pub(super) first_entry: u64,
    /// That it is the first of these idle slots, and the tip that their blockhashes cover.
    pub(super) idle: Option<Box<(IdleSlots, Hash)>>,
}

impl PastSlot {
    /// What it takes in memory.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.idle.as_ref().map_or(0, |idle| size_of_val(&**idle))
    }

    /// The last slot.
    pub(super) fn last(&self) -> u64 {
        self.idle.as_ref().map_or(self.slot, |idle| idle.0.last())
    }

    /// One of its slots.
    fn at(&self, slot: u64) -> Self {
        let Some((idle, tip)) = self.idle.as_deref() else {
            return self.clone();
        };
        let mut slots = idle.each(tip).skip((slot - self.slot) as usize);
        let opened = slots.next().unwrap_or_else(|| idle.first.clone());
        let behind = idle_successor(&opened, idle.slot_ms, tip);
        Self {
            slot,
            block_time: opened.time_ms.div_euclid(1_000),
            previous_blockhash: opened.parent_blockhash,
            blockhash: behind.parent_blockhash,
            first_entry: self.first_entry,
            idle: None,
        }
    }
}

pub(super) struct Kept {
    pub(super) entries: VecDeque<Arc<PastEntry>>,
    /// Number of the first kept entry, counted over the node's life.
    pub(super) first: u64,
    pub(super) bytes: usize,
    /// Sealed slots, one after the other.
    pub(super) slots: VecDeque<PastSlot>,
    /// The slot that is not sealed yet; its blockhash is still to come.
    pub(super) open: PastSlot,
    /// First slot of which everything is kept.
    pub(super) first_available: u64,
    pub(super) genesis_hash: Hash,
}

impl Kept {
    pub(super) fn get(&self, number: u64) -> Option<&Arc<PastEntry>> {
        self.entries.get(number.checked_sub(self.first)? as usize)
    }

    pub(super) fn next_entry(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The sealed slot, and the number of the first entry behind it.
    pub(super) fn slot(&self, slot: u64) -> Result<(PastSlot, u64), NoBlock> {
        if slot >= self.open.slot {
            return Err(NoBlock::NotYet);
        }
        let first_available = self.first_available;
        if slot < first_available {
            return Err(NoBlock::CleanedUp { first_available });
        }
        let at = self.slots.partition_point(|past| past.last() < slot);
        let found = self.slots.get(at).filter(|past| past.slot <= slot);
        let next = self.slots.get(at + 1).unwrap_or(&self.open);
        let found = found.ok_or(NoBlock::Skipped)?;
        Ok((found.at(slot), next.first_entry))
    }

    /// Seals the slot that was open before these passed, whose blockhashes cover `tip`, and all of them but the
    /// last, which is open.
    pub(super) fn seal_before(&mut self, was_open: PastSlot, passed: &IdleSlots, tip: &Hash) {
        let first_entry = self.open.first_entry;
        let mut rows = vec![PastSlot {
            blockhash: passed.first.parent_blockhash,
            ..was_open
        }];
        // All but the last.
        let (first, sealed) = (passed.first.slot, passed.count - 1);
        for before in (0..sealed).step_by(MILESTONE as usize) {
            let opened = passed.from(first + before, tip).next();
            let opened = opened.expect("it is one of them");
            let count = (sealed - before).min(MILESTONE);
            rows.push(PastSlot {
                slot: opened.slot,
                block_time: opened.time_ms.div_euclid(1_000),
                previous_blockhash: opened.parent_blockhash,
                // Of each of them it is asked for.
                blockhash: Hash::default(),
                first_entry,
                idle: Some(Box::new((
                    IdleSlots::new(opened, count, passed.slot_ms),
                    *tip,
                ))),
            });
        }
        self.bytes += rows.iter().map(PastSlot::bytes).sum::<usize>();
        self.slots.extend(rows);
    }

    /// Seals the slot that was open when `next` opens, and the idle ones between them.
    pub(super) fn seal(&mut self, was_open: PastSlot, next: &SlotContext) {
        let (first, first_time) = (was_open.slot, was_open.block_time);
        let seconds = next.sysvars.clock.unix_timestamp - first_time;
        // The newest hash is the first; slots before the oldest of them are not known here.
        let (mut last, mut was_open) = (was_open.previous_blockhash, Some(was_open));
        for (blockhash, slot) in next.blockhashes.iter().rev() {
            let previous_blockhash = std::mem::replace(&mut last, *blockhash);
            // The genesis hash stands there as one of slot 0, before that of slot 0 itself.
            if *slot < first || (*slot == 0 && *blockhash == self.genesis_hash) {
                continue;
            }
            let idle = || PastSlot {
                slot: *slot,
                block_time: first_time
                    + seconds * (slot - first) as i64 / (next.slot - first) as i64,
                previous_blockhash,
                blockhash: *blockhash,
                first_entry: self.open.first_entry,
                idle: None,
            };
            let known = was_open.take_if(|past| past.slot == *slot);
            let sealed = known.map_or_else(idle, |past| PastSlot {
                blockhash: *blockhash,
                ..past
            });
            self.bytes += sealed.bytes();
            self.slots.push_back(sealed);
        }
    }

    /// Goes back to the beginning of the slot `open`, whose first entry has this number. Returns the entries that
    /// are gone.
    pub(super) fn go_back(&mut self, next_entry: u64, open: &SlotContext) -> Vec<Arc<PastEntry>> {
        let mut gone = Vec::new();
        while self.next_entry() > next_entry
            && let Some(entry) = self.entries.pop_back()
        {
            self.bytes -= entry.bytes;
            gone.push(entry);
        }
        // Where more was forgotten than there was then.
        self.first = self.first.min(next_entry);
        while let Some(past) = self.slots.pop_back_if(|past| past.slot >= open.slot) {
            self.bytes -= past.bytes();
        }
        self.first_available = self.first_available.min(open.slot);
        self.open = PastSlot {
            slot: open.slot,
            block_time: open.sysvars.clock.unix_timestamp,
            previous_blockhash: open.blockhash(),
            blockhash: Hash::default(),
            first_entry: next_entry,
            idle: None,
        };
        gone
    }

    /// Whether the oldest may be forgotten: an entry before number `entry_end`, a slot before `slot_end`.
    pub(super) fn may_forget(&self, entry_end: u64, slot_end: u64) -> bool {
        let entry = self.entries.front().map(|entry| entry.slot);
        match self.slots.front() {
            Some(oldest) if entry.is_none_or(|slot| slot > oldest.last()) => {
                oldest.last() < slot_end
            }
            _ => entry.is_some() && self.first < entry_end,
        }
    }

    /// Forgets what is oldest, an entry or a slot without one. Returns the entry; `None` also where there is
    /// nothing left.
    pub(super) fn forget_oldest(&mut self) -> Option<Arc<PastEntry>> {
        let entry_slot = self.entries.front().map(|entry| entry.slot);
        if let Some(oldest) = self.slots.front()
            && entry_slot.is_none_or(|slot| slot > oldest.last())
        {
            self.first_available = self.first_available.max(oldest.last() + 1);
            self.bytes -= oldest.bytes();
            self.slots.pop_front();
            return None;
        }
        let entry = self.entries.pop_front()?;
        self.first_available = self.first_available.max(entry.slot + 1);
        self.bytes -= entry.bytes;
        self.first += 1;
        Some(entry)
    }
}
