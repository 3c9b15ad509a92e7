//! What a transaction must pay more than, to be looked at further, while too much waits.
//!
//! The schedule stage knows the lowest priority that waits in its buffer; verify threads read it before the
//! signature, which costs more than all else that they do. While the buffer is nearly full, a transaction that
//! pays no more than the lowest in it would be refused by the buffer, or be the last to have its turn: so it is
//! refused at once. The floor begins below the buffer's end, because between two looks of the scheduler many
//! a transaction is taken out of the buffer, and as many batches are checked, of which most would then find it
//! full again.
//!
//! It is a hint: it says nothing about a transaction that is past it, and changes no order. One word, written when
//! it changes.

use crate::sync::{AtomicU64, Ordering};

/// The floor, shared by the schedule stage, which sets it, and the verify threads.
#[derive(Default)]
pub(crate) struct AdmissionFloor(
    /// 0 without a floor, otherwise one more than it.
    AtomicU64,
);

impl AdmissionFloor {
    /// Transactions whose fee per compute unit is no higher are refused now, if there is one.
    pub(crate) fn get(&self) -> Option<u64> {
        // Relaxed: whoever sees an older one sheds a little more or less.
        self.0.load(Ordering::Relaxed).checked_sub(1)
    }

    fn set(&self, floor: Option<u64>) {
        let encoded = floor.map_or(0, |floor| floor.saturating_add(1));
        self.0.store(encoded, Ordering::Relaxed);
    }
}

/// Decides the floor: the schedule stage's side.
pub(crate) struct Shedding {
    floor: crate::sync::Arc<AdmissionFloor>,
    /// What was set last.
    set: Option<u64>,
    /// Transactions in the buffer from which on there is one.
    from: usize,
}

impl Shedding {
    /// For a buffer of so many transactions.
    pub(crate) fn new(floor: crate::sync::Arc<AdmissionFloor>, buffer_max: usize) -> Self {
        Self {
            floor,
            set: None,
            from: buffer_max - buffer_max / 8,
        }
    }

    /// To be called when the buffer changed: so many wait in it, and that is the lowest priority among them.
    pub(crate) fn note(&mut self, waiting: usize, lowest: Option<u64>) {
        let floor = if waiting >= self.from { lowest } else { None };
        if floor != self.set {
            self.set = floor;
            self.floor.set(floor);
        }
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;
    use crate::sync::Arc;

    #[test]
    fn there_is_a_floor_while_the_buffer_is_nearly_full() {
        let floor = Arc::new(AdmissionFloor::default());
        let mut shedding = Shedding::new(floor.clone(), 80);
        let mut check = |waiting, lowest, expected| {
            shedding.note(waiting, lowest);
            assert_eq!(floor.get(), expected, "{waiting} wait, at least {lowest:?}");
        };
        check(0, None, None);
        check(69, Some(5), None);
        check(70, Some(5), Some(5));
        check(80, Some(0), Some(0));
        check(69, Some(0), None);
        check(75, Some(u64::MAX), Some(u64::MAX - 1));
    }

    #[test]
    fn a_buffer_without_room_has_no_floor() {
        let floor = Arc::new(AdmissionFloor::default());
        Shedding::new(floor.clone(), 0).note(0, None);
        assert_eq!(floor.get(), None);
    }
}
