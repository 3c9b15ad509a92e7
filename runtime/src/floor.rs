//! What a transaction must pay more than, to be looked at further, while too much waits.
//!
//! The schedule stage knows what waits in its buffer; verify threads read the floor before the signature, which costs
//! more than all else that they do.
//!
//! **Who would not have a turn soon** is refused once five times as many wait as have their turn soon, which is within a
//! fifth of a second: by how many were taken out of the buffer lately, an eighth of a full buffer at most. As long as more
//! come than can be executed it would never run: it would be displaced, after a signature was checked for it. So the
//! floor rises to what is paid for the turns that there are, however much waits below it, and what is let in is about
//! what is executed. Equals are not told apart here: where all pay the same, nobody pays less than the others.
//!
//! **Who pays no more than the lowest** in the buffer is refused once seven eighths of it are full, as the buffer would
//! refuse it. This is before the buffer's end, because between two looks of the scheduler many a transaction is taken
//! out of the buffer, and as many batches are checked, of which most would then find it full again.
//!
//! It is a hint: it says nothing about a transaction that is past it, and changes no order. One word, written when
//! it changes.

use crate::sync::{AtomicU64, Ordering};
use sealane_scheduler::PriorityBuffer;
use std::time::{Duration, Instant};

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
    /// Transactions that a full buffer has.
    buffer_max: usize,
    turns: Turns,
}

impl Shedding {
    /// For a buffer of so many transactions.
    pub(crate) fn new(floor: crate::sync::Arc<AdmissionFloor>, buffer_max: usize) -> Self {
        Self {
            floor,
            set: None,
            buffer_max,
            turns: Turns::default(),
        }
    }

    /// To be called when the buffer changed. `inserted`: transactions that ever had their turn.
    pub(crate) fn note<T>(&mut self, buffer: &PriorityBuffer<T>, inserted: u64, now: Instant) {
        self.turns.note(buffer.is_empty(), inserted, now);
        let floor = self.floor_of(buffer);
        if floor != self.set {
            self.set = floor;
            self.floor.set(floor);
        }
    }

    fn floor_of<T>(&self, buffer: &PriorityBuffer<T>) -> Option<u64> {
        let (waiting, eighth) = (buffer.len(), self.buffer_max / 8);
        let soon = self.turns.soon().map_or(eighth, |soon| {
            // Where little was executed, for whatever reason, that may be better in a moment.
            (soon as usize).clamp(eighth / 8, eighth)
        });
        let soon = soon.max(1);
        let has_a_turn = (waiting >= SOON_TIMES * soon).then(|| buffer.priority_at(soon));
        let below_it = has_a_turn.flatten().and_then(|price| price.checked_sub(1));
        let is_nearly_full = waiting >= self.buffer_max - eighth;
        let lowest = buffer.lowest_priority().filter(|_| is_nearly_full);
        below_it.max(lowest)
    }
}

/// As long as less waits than so many times what has its turn soon, nobody is refused for what others pay.
const SOON_TIMES: usize = 5;

/// How many have their turn soon, by how many lately had.
#[derive(Default)]
struct Turns {
    /// When the window began, and how many ever had a turn then.
    window: Option<(Instant, u64)>,
    /// How many had one in the windows before this one.
    last: [u64; 4],
}

impl Turns {
    /// The best of four counts, as cost limits may spread turns unevenly over a slot.
    const WINDOW: Duration = Duration::from_millis(100);
    /// Windows that are soon.
    const SOON: u64 = 2;

    /// `none_wait`: then how many have a turn says nothing of how many could.
    fn note(&mut self, none_wait: bool, inserted: u64, now: Instant) {
        if none_wait {
            *self = Self::default();
            return;
        }
        let (since, before) = *self.window.get_or_insert((now, inserted));
        if now < since + Self::WINDOW {
            return;
        }
        let windows = (now - since).as_secs_f64() / Self::WINDOW.as_secs_f64();
        let in_a_window = (inserted - before) as f64 / windows;
        self.last.rotate_right(1);
        self.last[0] = in_a_window as u64;
        self.window = Some((now, inserted));
    }

    /// None: not known.
    fn soon(&self) -> Option<u64> {
        let in_a_window = self.last.into_iter().max().filter(|count| *count > 0);
        in_a_window.map(|count| Self::SOON * count)
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;
    use crate::sync::Arc;

    /// The floor of a buffer for 800 in which these wait, where so many have had a turn in a tenth of a second.
    fn floor_of(had_turns: u64, waiting: impl IntoIterator<Item = u64>) -> Option<u64> {
        let floor = Arc::new(AdmissionFloor::default());
        let mut buffer = PriorityBuffer::new(800);
        for priority in waiting {
            buffer.push(priority, ());
        }
        let mut shedding = Shedding::new(floor.clone(), 800);
        let start = Instant::now();
        shedding.note(&buffer, 1_000, start);
        shedding.note(&buffer, 1_000 + had_turns, start + Turns::WINDOW);
        floor.get()
    }

    #[test]
    fn who_pays_less_than_those_with_a_turn_soon_is_shed_once_five_times_as_many_wait() {
        assert_eq!(floor_of(10, 0..99), None);
        assert_eq!(floor_of(10, 0..100), Some(79));
        assert_eq!(floor_of(10, 0..130), Some(109));
        // An eighth of the buffer at most, and where it is not known; an eighth of that at least.
        for had_turns in [0, 1_000] {
            assert_eq!(floor_of(had_turns, (0..250).chain(0..249)), None);
            assert_eq!(floor_of(had_turns, (0..250).chain(0..250)), Some(199));
        }
        assert_eq!(floor_of(1, 0..59), None);
        assert_eq!(floor_of(1, 0..60), Some(47));
    }

    #[test]
    fn equals_are_shed_only_from_seven_eighths_on() {
        assert_eq!(floor_of(10, [0; 699]), None);
        assert_eq!(floor_of(10, [0; 700]), Some(0));
        assert_eq!(floor_of(10, [5; 699]), Some(4));
        assert_eq!(floor_of(10, [5; 700]), Some(5));
        assert_eq!(floor_of(10, [u64::MAX; 800]), Some(u64::MAX - 1));
    }

    #[test]
    fn a_buffer_for_few_has_a_floor_when_it_is_full() {
        let floor = Arc::new(AdmissionFloor::default());
        let mut shedding = Shedding::new(floor.clone(), 2);
        let mut buffer = PriorityBuffer::new(2);
        for (priority, expected) in [(20, None), (30, Some(20))] {
            buffer.push(priority, ());
            shedding.note(&buffer, 0, Instant::now());
            assert_eq!(floor.get(), expected);
        }
    }

    #[test]
    fn the_floor_goes_when_the_buffer_empties() {
        let floor = Arc::new(AdmissionFloor::default());
        let mut shedding = Shedding::new(floor.clone(), 80);
        let mut buffer = PriorityBuffer::new(80);
        let now = Instant::now();
        for priority in 0..50 {
            buffer.push(priority, ());
        }
        shedding.note(&buffer, 0, now);
        assert_eq!(floor.get(), Some(39));
        buffer.pop();
        shedding.note(&buffer, 1, now);
        assert_eq!(floor.get(), None);
    }

    #[test]
    fn turns_are_counted_while_somebody_waits() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut turns = Turns::default();
        turns.note(false, 100, at(0));
        turns.note(false, 115, at(99));
        assert_eq!(turns.soon(), None);
        turns.note(false, 120, at(100));
        assert_eq!(turns.soon(), Some(40));
        // The best of the last four windows counts.
        for (at_ms, inserted) in [(200, 130), (400, 150), (500, 160)] {
            turns.note(false, inserted, at(at_ms));
            assert_eq!(turns.soon(), Some(40));
        }
        turns.note(false, 170, at(600));
        assert_eq!(turns.soon(), Some(20));
        turns.note(true, 170, at(601));
        assert_eq!(turns.soon(), None);
    }

    #[test]
    fn a_buffer_without_room_has_no_floor() {
        let floor = Arc::new(AdmissionFloor::default());
        Shedding::new(floor.clone(), 0).note(&PriorityBuffer::<()>::new(0), 0, Instant::now());
        assert_eq!(floor.get(), None);
    }
}
