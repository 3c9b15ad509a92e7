//! What subscribers hear later, where there is a finality lag: at `confirmed` when its slot is sealed, at `finalized` when it
//! is final.
//!
//! Nothing waits here for its level but numbers of slots: the history has their transactions, and is read when they get
//! there; the states of accounts are the level's. So what a lag holds is bounded by the history's bounds, and who subscribes
//! late hears of what was in the slots before as far as it has not reached their level.

use super::State;
use crate::commitment::Bank;
use crate::pubsub::notify::Touched;
use sealane_runtime::{NoBlock, Reader};
use solana_commitment_config::CommitmentLevel;
use solana_pubkey::Pubkey;
use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// All levels.
pub(super) const LEVELS: [CommitmentLevel; 3] = [
    CommitmentLevel::Processed,
    CommitmentLevel::Confirmed,
    CommitmentLevel::Finalized,
];

/// What is still to reach a level.
#[derive(Default)]
pub(super) struct Behind {
    /// The first slot that has not reached `confirmed`, and the first that has not reached `finalized`, as far as
    /// it was heard.
    confirmed_end: u64,
    final_end: u64,
    /// Slots that are not final and may have transactions in them.
    slots: BTreeSet<u64>,
    /// Accounts that the operator set in slots that are not final.
    sets: VecDeque<(u64, Arc<Vec<Pubkey>>)>,
    /// The chain just went back: accounts that are set now are so at each level.
    pub(super) went_back: bool,
}

impl Behind {
    /// From now on all is heard.
    pub(super) fn new(reader: &Reader) -> Self {
        let final_end = reader.finalized().end();
        let confirmed_end = reader.confirmed().end();
        Self {
            confirmed_end,
            final_end,
            slots: (final_end..=reader.slot().slot).collect(),
            ..Self::default()
        }
    }

    /// The first slot that has not reached a level as far as it was heard.
    pub(super) fn end(&self, level: CommitmentLevel) -> u64 {
        match level {
            CommitmentLevel::Processed => u64::MAX,
            CommitmentLevel::Confirmed => self.confirmed_end,
            CommitmentLevel::Finalized => self.final_end,
        }
    }

    /// An entry of this slot was heard.
    pub(super) fn note(&mut self, slot: u64) {
        self.slots.insert(slot);
    }

    /// The operator set accounts in this slot.
    pub(super) fn note_set(&mut self, slot: u64, accounts: &Arc<Vec<Pubkey>>) {
        self.sets.push_back((slot, Arc::clone(accounts)));
    }

    /// A slot opened, and those before `final_end` are final: the slots that reached each level by that.
    fn turn(&mut self, open: u64, final_end: u64) -> [(CommitmentLevel, Range<u64>); 2] {
        if self.went_back {
            self.slots.retain(|slot| *slot < open);
            self.sets.retain(|(slot, _)| *slot < open);
            self.confirmed_end = self.confirmed_end.min(open);
            self.final_end = self.final_end.min(final_end);
        }
        let confirmed = self.confirmed_end..open.max(self.confirmed_end);
        let finalized = self.final_end..final_end.max(self.final_end);
        (self.confirmed_end, self.final_end) = (confirmed.end, finalized.end);
        [
            (CommitmentLevel::Confirmed, confirmed),
            (CommitmentLevel::Finalized, finalized),
        ]
    }

    /// What is final is behind nothing.
    fn forget_final(&mut self) {
        let final_end = self.final_end;
        self.slots.retain(|slot| *slot >= final_end);
        self.sets.retain(|(slot, _)| *slot >= final_end);
    }
}

impl State {
    /// A slot opened: those before it are confirmed, and those before `final_end` final. Who watches those levels
    /// hears what was in the slots that got there.
    pub(super) fn turn_levels(&mut self, open: u64, final_end: u64) {
        for (level, slots) in self.behind.turn(open, final_end) {
            if self.subscribed_at(level) {
                let told = self.tell_level(level, slots);
                if told.is_none() {
                    self.cut_level(level);
                }
            }
        }
        self.behind.forget_final();
    }

    fn subscribed_at(&self, level: CommitmentLevel) -> bool {
        let mut topics = self.subscriptions.values().map(|(topic, _)| topic);
        topics.any(|topic| topic.level() == Some(level))
    }

    /// `None`: something could not be read.
    fn tell_level(&mut self, level: CommitmentLevel, slots: Range<u64>) -> Option<()> {
        let mut touched = Touched::default();
        let heard: Vec<u64> = self.behind.slots.range(slots.clone()).copied().collect();
        for slot in &heard {
            let block = match self.reader.block(*slot) {
                Ok(block) => block,
                // The chain has gone back meanwhile, which is heard next.
                Err(NoBlock::NotYet | NoBlock::Skipped) => continue,
                Err(_) => return None,
            };
            for published in block.transactions() {
                self.hear_transaction(level, *slot, &published.ok()?, &mut touched);
            }
        }
        let sets = self.behind.sets.iter();
        let sets = sets.filter(|(slot, _)| slots.contains(slot));
        let set: Vec<_> = sets.map(|(_, accounts)| Arc::clone(accounts)).collect();
        for key in set.iter().flat_map(|accounts| accounts.iter()) {
            self.touch_account(level, key);
            touched.insert(*key);
        }
        // After a way back it is told next what changed, but an account that is watched can be looked at.
        let all = self.behind.went_back;
        let watches = self.watches.iter_mut();
        for (_, watch) in watches.filter(|((_, of), _)| *of == level) {
            watch.touched |= all || watch.unheard_until >= slots.start;
        }
        let bank = Bank::new(&self.reader, level);
        self.tell_accounts(level, bank.slot(), &bank);
        self.tell_programs(level, bank.slot(), &bank, &touched);
        // Of many slots that pass at once, those in which something may have been, and the newest.
        let lag = self.reader.finality_lag();
        let newest = slots.start.max(slots.end.saturating_sub(lag + 1))..slots.end;
        let older = heard.into_iter().filter(|slot| *slot < newest.start);
        let blocks: Vec<u64> = older.chain(newest.clone()).collect();
        for slot in blocks {
            self.tell_blocks(level, slot);
        }
        Some(())
    }

    /// Who watches a level has missed something, and must know.
    fn cut_level(&mut self, level: CommitmentLevel) {
        for (topic, subscriber) in self.subscriptions.values() {
            if topic.level() == Some(level)
                && let super::Subscriber::Client(sink) = subscriber
            {
                sink.cut();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_reach_each_level_once_and_again_after_a_way_back() {
        let mut behind = Behind {
            confirmed_end: 5,
            final_end: 3,
            slots: (3..=5).collect(),
            ..Behind::default()
        };
        let mut check = |open, final_end, confirmed, finalized, went_back| {
            behind.went_back = went_back;
            let [(_, first), (_, second)] = behind.turn(open, final_end);
            assert_eq!((first, second), (confirmed, finalized), "{open}");
            behind.forget_final();
            assert!(behind.slots.iter().all(|slot| *slot >= final_end));
            behind.note(open);
        };
        check(6, 4, 5..6, 3..4, false);
        check(7, 4, 6..7, 4..4, false);
        // A journey through time.
        check(900, 898, 7..900, 4..898, false);
        // Back to a snapshot at the beginning of slot 8, of which less is final.
        check(8, 6, 8..8, 6..6, true);
        check(9, 7, 8..9, 6..7, false);
        // One that had opened before anybody listened.
        check(9, 7, 9..9, 7..7, false);
    }
}
