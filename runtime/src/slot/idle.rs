//! Slots that pass with nothing in them, many at a time.

use super::{BLOCKHASHES_MAX, SlotContext};
use crate::block_log::SlotOpened;
use crate::replay::idle_successor;
use crate::sync::Arc;
use solana_clock::Clock;
use solana_hash::Hash;
use solana_slot_hashes::{MAX_ENTRIES as SLOT_HASHES_MAX, SlotHashes};

/// Slots that open one after the other, with nothing in any but perhaps the last: what one record of the log
/// says of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdleSlots {
    /// The first of them.
    pub(crate) first: SlotOpened,
    /// How many there are, at least 1.
    pub(crate) count: u64,
    /// Length of a slot in milliseconds.
    pub(crate) slot_ms: u64,
    milestones: Milestones,
}

/// Every `MILESTONE`th of a run's slots, if the run was walked along before: so that nobody has to again. It follows
/// from the rest, so it counts for nothing where runs are compared.
#[derive(Clone, Debug, Default)]
struct Milestones(Option<Arc<[SlotOpened]>>);

impl PartialEq for Milestones {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Milestones {}

/// Slots from one milestone to the next.
pub(crate) const MILESTONE: u64 = 4_096;

impl IdleSlots {
    /// So many slots from the first on, at least 1.
    pub(crate) fn new(first: SlotOpened, count: u64, slot_ms: u64) -> Self {
        Self {
            first,
            count,
            slot_ms,
            milestones: Milestones::default(),
        }
    }

    /// Walks along all of them once, where `tip` is the tip, so that `from` begins close by afterwards.
    pub(crate) fn walked(mut self, tip: &Hash) -> Self {
        let milestones = self.each(tip).step_by(MILESTONE as usize).collect();
        self.milestones = Milestones(Some(milestones));
        self
    }

    /// The run up to `count`, of which there are no more.
    pub(crate) fn up_to(&self, count: u64) -> Self {
        Self {
            count,
            ..self.clone()
        }
    }

    /// The last of them.
    pub(crate) fn last(&self) -> u64 {
        self.first.slot + (self.count - 1)
    }

    /// Nominal time of one of them, Unix milliseconds.
    pub(crate) fn time_ms(&self, slot: u64) -> i64 {
        self.first.time_ms + ((slot - self.first.slot) * self.slot_ms).cast_signed()
    }

    /// Each of them, where `tip` is the tip; two compressions of SHA-256 for each: 200 ns to a microsecond.
    pub(crate) fn each(&self, tip: &Hash) -> impl Iterator<Item = SlotOpened> + use<> {
        self.along(self.first.clone(), tip)
    }

    /// Each of them from this slot on, which is one of them.
    pub(crate) fn from(&self, slot: u64, tip: &Hash) -> impl Iterator<Item = SlotOpened> + use<> {
        let milestones = self.milestones.0.as_deref().unwrap_or_default();
        let milestone = milestones.get(((slot - self.first.slot) / MILESTONE) as usize);
        let near = milestone.unwrap_or(&self.first).clone();
        self.along(near, tip)
            .skip_while(move |opened| opened.slot < slot)
    }

    fn along(&self, from: SlotOpened, tip: &Hash) -> impl Iterator<Item = SlotOpened> + use<> {
        let (tip, slot_ms, last) = (*tip, self.slot_ms, self.last());
        std::iter::successors(Some(from), move |opened| {
            (opened.slot < last).then(|| idle_successor(opened, slot_ms, &tip))
        })
    }
}

impl SlotContext {
    /// The last of these slots, which follow this one, whose tip is `tip`.
    pub(crate) fn after_idle(&self, idle: &IdleSlots, tip: &Hash) -> Self {
        let slot = idle.last();
        // Oldest first: the slot before each of them and its blockhash.
        let newest = idle.count.min(SLOT_HASHES_MAX as u64);
        let hashes: Vec<_> = idle
            .from(slot + 1 - newest, tip)
            .map(|opened| (opened.slot - 1, opened.parent_blockhash))
            .collect();
        let newest_first = || hashes.iter().rev().copied();
        let older = self.sysvars.slot_hashes.slot_hashes().iter().copied();
        let slot_hashes: Vec<_> = newest_first().chain(older).take(SLOT_HASHES_MAX).collect();
        let older = self.blockhashes.iter().copied();
        let blockhashes = newest_first().map(|(slot, hash)| (hash, slot)).chain(older);

        let epoch_schedule = self.sysvars.epoch_schedule.clone();
        let (parent, epoch) = (&self.sysvars.clock, epoch_schedule.get_epoch(slot));
        let seconds = |slot| idle.time_ms(slot).div_euclid(1_000);
        let clock = Clock {
            slot,
            epoch_start_timestamp: match epoch == parent.epoch {
                true => parent.epoch_start_timestamp,
                false => seconds(epoch_schedule.get_first_slot_in_epoch(epoch)),
            },
            epoch,
            leader_schedule_epoch: epoch_schedule.get_leader_schedule_epoch(slot),
            unix_timestamp: seconds(slot),
        };
        Self::assemble(
            clock,
            epoch_schedule,
            self.sysvars.rent.clone(),
            SlotHashes::new(&slot_hashes),
            blockhashes.take(BLOCKHASHES_MAX).collect(),
            self.lamports_per_signature,
            idle.time_ms(slot),
        )
    }

    /// The last of these slots, which follow this one, but for the very last: at most `max`, oldest first. `tip` is the
    /// tip.
    pub(crate) fn through(&self, idle: &IdleSlots, tip: &Hash, max: usize) -> Vec<Self> {
        let max = u64::try_from(max).unwrap_or(u64::MAX);
        let wanted = (idle.count - 1).min(max);
        let skipped = idle.count - 1 - wanted;
        let mut contexts: Vec<Self> = Vec::new();
        let mut before = (skipped > 0).then(|| self.after_idle(&idle.up_to(skipped), tip));
        let first = idle.first.slot + skipped;
        for opened in idle.from(first, tip).take(wanted as usize) {
            let parent = contexts.last().or(before.as_ref()).unwrap_or(self);
            let context = parent.after(opened.parent_blockhash, opened.time_ms);
            before = None;
            contexts.push(context);
        }
        contexts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot;

    /// What the slots come to one by one and all at once, from a slot in which something happened.
    fn check(start: u64, count: u64) {
        let genesis = Hash::new_from_array([7; 32]);
        let tip = Hash::new_from_array([8; 32]);
        let mut context = SlotContext::genesis(genesis, 1_000);
        if start > 0 {
            let opened = SlotOpened {
                slot: 1,
                time_ms: 1_000_400,
                parent_blockhash: genesis,
            };
            let idle = IdleSlots::new(opened, start, 400);
            context = context.after_idle(&idle, &genesis);
        }
        let blockhash = |context: &SlotContext| {
            let time = context.sysvars.clock.unix_timestamp;
            slot::blockhash(&context.blockhash(), context.slot, time, &tip)
        };
        let first = SlotOpened {
            slot: context.slot + 1,
            time_ms: context.time_ms + 400,
            parent_blockhash: blockhash(&context),
        };
        let idle = IdleSlots::new(first, count, 400);
        let at_once = context.after_idle(&idle, &tip);
        let walked = context.after_idle(&idle.walked(&tip), &tip);
        assert_eq!(walked.encode(), at_once.encode(), "{start}, {count}");
        for _ in 0..count {
            context = context.after(blockhash(&context), context.time_ms + 400);
        }
        assert_eq!(at_once.encode(), context.encode(), "{start}, {count}");
        assert_eq!(at_once.sysvars.clock, context.sysvars.clock);
        assert_eq!(
            at_once.sysvars.recent_blockhashes,
            context.sysvars.recent_blockhashes
        );
    }

    #[test]
    fn slots_that_pass_at_once_leave_what_they_leave_one_by_one() {
        for count in [1, 2, 17, 150, 151, 152, 511, 512, 513, 700] {
            check(0, count);
            check(300, count);
        }
        // Into the next epoch, and to its first slot.
        check(431_990, 600);
        check(431_990, 10);
        check(431_990, 9);
    }

    #[test]
    fn a_run_that_was_walked_is_the_same_from_every_slot_on() {
        let tip = Hash::new_from_array([8; 32]);
        let first = SlotOpened {
            slot: 5,
            time_ms: 1_000_400,
            parent_blockhash: Hash::new_from_array([9; 32]),
        };
        let run = IdleSlots::new(first, 2 * MILESTONE + 10, 400);
        let all: Vec<_> = run.each(&tip).collect();
        let walked = run.clone().walked(&tip);
        assert_eq!(walked, run);
        for at in [
            0,
            1,
            MILESTONE - 1,
            MILESTONE,
            2 * MILESTONE,
            2 * MILESTONE + 9,
        ] {
            let rest = &all[at as usize..];
            assert!(run.from(5 + at, &tip).eq(rest.iter().cloned()), "{at}");
            assert!(walked.from(5 + at, &tip).eq(rest.iter().cloned()), "{at}");
            let part = walked.up_to(at + 1);
            assert_eq!(part.from(5 + at, &tip).count(), 1, "{at}");
        }
    }

    #[test]
    fn slots_that_passed_can_be_looked_at_one_by_one() {
        let tip = Hash::new_from_array([8; 32]);
        let start = SlotContext::genesis(Hash::new_from_array([7; 32]), 1_000);
        let first = SlotOpened {
            slot: 1,
            time_ms: 1_000_400,
            parent_blockhash: Hash::new_from_array([9; 32]),
        };
        let idle = |count| IdleSlots::new(first.clone(), count, 400);
        for (count, max) in [(1, 5), (2, 1), (4, 5), (6, 5), (7, 5), (700, 33), (9, 0)] {
            let found = start.through(&idle(count), &tip, max);
            let first = (count - 1).saturating_sub(max as u64) + 1;
            let expected: Vec<u64> = (first..count).collect();
            let slots: Vec<u64> = found.iter().map(|it| it.slot).collect();
            assert_eq!(slots, expected, "{count}, {max}");
            for context in found {
                let alone = start.after_idle(&idle(context.slot), &tip);
                assert_eq!(context.encode(), alone.encode(), "{count}, {max}");
            }
        }
    }
}
