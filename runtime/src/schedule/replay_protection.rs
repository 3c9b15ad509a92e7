//! Message ids of the transactions that were accepted within the age of a blockhash.
//!
//! Used by the scheduler thread alone, so without locks. Two generations of open-addressing tables: ids go
//! into the young one; when a full blockhash age has passed, the old one is forgotten whole and the young
//! one becomes old. So an id is remembered for at least one age after it was accepted, which is as long as
//! a transaction that carries a blockhash of that time can be accepted again. Nothing is evicted early:
//! when the bound is reached, admission stops.

use crate::MessageId;

const EMPTY: MessageId = 0;
const REMOVED: MessageId = 1;

#[derive(Clone)]
struct Generation {
    cells: Vec<MessageId>,
    /// Cells not empty: known or taken back.
    used: usize,
    /// Ids known.
    live: usize,
}

impl Generation {
    fn new(cells: usize) -> Self {
        Self {
            cells: vec![EMPTY; cells],
            used: 0,
            live: 0,
        }
    }

    /// The cell that holds `id`, or the empty one where the search ends.
    fn find(&self, id: MessageId) -> usize {
        let mask = self.cells.len() - 1;
        let mut at = id as usize & mask;
        while self.cells[at] != id && self.cells[at] != EMPTY {
            at = (at + 1) & mask;
        }
        at
    }

    fn contains(&self, id: MessageId) -> bool {
        self.cells[self.find(id)] == id
    }

    /// Makes room for one more.
    #[inline]
    fn reserve(&mut self) {
        if (self.used + 1) * 2 > self.cells.len() {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        // Twice what is known: where much was taken back, that is no larger than before.
        let mut larger = Self::new(((self.live + 1) * 4).next_power_of_two());
        for id in self.cells.iter().copied().filter(|id| *id > REMOVED) {
            let at = larger.find(id);
            larger.put(at, id);
        }
        *self = larger;
    }

    /// Puts an id that is not known where `find` said.
    #[inline]
    fn put(&mut self, at: usize, id: MessageId) {
        self.cells[at] = id;
        self.used += 1;
        self.live += 1;
    }

    fn remove(&mut self, id: MessageId) {
        let at = self.find(id);
        if self.cells[at] == id {
            self.cells[at] = REMOVED;
            self.live -= 1;
        }
    }
}

/// The ids accepted within one to two blockhash ages.
#[derive(Clone)]
pub(super) struct ReplayProtection {
    young: Generation,
    old: Generation,
    young_since_slot: u64,
    age_slots: u64,
    ids_max: usize,
}

/// Why an id was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It was accepted before.
    Known,
    /// Too many are remembered; older ones are forgotten with time.
    Full,
}

impl ReplayProtection {
    /// Remembers ids for at least `age_slots` slots, at most `ids_max` of them.
    pub(super) fn new(age_slots: u64, ids_max: usize) -> Self {
        let first = Generation::new(1 << 12);
        let young_since_slot = 0;
        Self {
            young: first,
            old: Generation::new(1),
            young_since_slot,
            age_slots,
            ids_max,
        }
    }

    /// To be told of each slot that opens.
    pub(super) fn open_slot(&mut self, slot: u64) {
        if slot >= self.young_since_slot + self.age_slots {
            let next = Generation::new((self.young.used * 2).next_power_of_two().max(1 << 12));
            self.old = std::mem::replace(&mut self.young, next);
            self.young_since_slot = slot;
        }
    }

    /// Remembers `id`, if it is not known yet.
    pub(super) fn accept(&mut self, id: MessageId) -> Result<(), Refused> {
        let id = id.max(REMOVED + 1);
        self.young.reserve();
        let at = self.young.find(id);
        if self.young.cells[at] == id || self.old.contains(id) {
            return Err(Refused::Known);
        }
        if self.young.live + self.old.live >= self.ids_max {
            return Err(Refused::Full);
        }
        self.young.put(at, id);
        Ok(())
    }

    /// Remembers an id out of the log, bound or not: it was within it when it was accepted.
    pub(super) fn remember(&mut self, id: MessageId) {
        let id = id.max(REMOVED + 1);
        self.young.reserve();
        let at = self.young.find(id);
        if self.young.cells[at] != id {
            self.young.put(at, id);
        }
    }

    /// Takes back an id whose transaction left no trace.
    pub(super) fn take_back(&mut self, id: MessageId) {
        let id = id.max(REMOVED + 1);
        self.young.remove(id);
        self.old.remove(id);
    }

    /// Starts loading the cache line that `accept` of this id will touch.
    pub(super) fn prefetch(&self, id: MessageId) {
        let young = &self.young.cells;
        crate::prefetch::prefetch(&young[id as usize & (young.len() - 1)]);
        let old = &self.old.cells;
        crate::prefetch::prefetch(&old[id as usize & (old.len() - 1)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn id(n: u64) -> MessageId {
        u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    #[test]
    fn an_id_is_known_for_a_whole_age_and_no_longer_than_two() {
        let mut protection = ReplayProtection::new(150, 1 << 20);
        let mut accepted: HashMap<u64, u64> = HashMap::new();
        for slot in 0..1_000u64 {
            protection.open_slot(slot);
            for n in 0..20 {
                let number = slot * 13 % 977 * 20 + n;
                let refused = protection.accept(id(number)).is_err();
                match accepted.get(&number) {
                    Some(since) if slot - since <= 150 => assert!(refused, "{number} at {slot}"),
                    Some(since) if slot - since > 300 => assert!(!refused, "{number} at {slot}"),
                    Some(_) => {}
                    None => assert!(!refused, "{number} at {slot} was never accepted"),
                }
                if !refused {
                    accepted.insert(number, slot);
                }
            }
        }
    }

    #[test]
    fn an_id_taken_back_is_accepted_again_and_its_neighbours_stay_known() {
        let mut protection = ReplayProtection::new(150, 1 << 20);
        let same_cell: Vec<MessageId> = (1..=50).map(|n| (n << 64) | 7).collect();
        for id in &same_cell {
            assert_eq!(protection.accept(*id), Ok(()));
        }
        protection.take_back(same_cell[10]);
        assert_eq!(protection.accept(same_cell[49]), Err(Refused::Known));
        assert_eq!(protection.accept(same_cell[10]), Ok(()));
    }

    #[test]
    fn when_full_admission_stops_and_nothing_is_forgotten() {
        let mut protection = ReplayProtection::new(150, 100);
        for n in 0..100 {
            assert_eq!(protection.accept(id(n)), Ok(()));
        }
        assert_eq!(protection.accept(id(100)), Err(Refused::Full));
        assert_eq!(protection.accept(id(0)), Err(Refused::Known));
    }
}
