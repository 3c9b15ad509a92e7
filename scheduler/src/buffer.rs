//! The bounded buffer in front of the lock table.
//!
//! Most traffic comes in runs of one priority, so the buffer is a heap of *runs*: items of one
//! priority that arrived one after the other, linked in that order. An item that continues the newest
//! run costs a constant; one that does not makes a run of its own, O(log n). Both ends of the heap are
//! needed, the highest to serve and the lowest to refuse. All memory is taken in `new`.

use crate::heap::{Keyed, MinMaxHeap};
use crate::locks::NONE;
use crate::ranks::Ranks;

/// The bounded buffer in front of the lock table: highest fee per compute unit first, then arrival.
/// When full, the lowest priority is refused (the newcomer or the one it displaces).
pub struct PriorityBuffer<T> {
    /// The runs that have items, by priority and then by age.
    heap: MinMaxHeap,
    runs: Vec<Run>,
    unused_run: u32,
    entries: Vec<Entry<T>>,
    unused_entry: u32,
    ranks: Ranks,
    len: usize,
    /// Items that ever arrived.
    arrivals: u64,
    /// Priority and index of the run that the newest item is in, while it has items.
    newest: Option<(u64, u32)>,
}

/// What `PriorityBuffer::push` did.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed<T> {
    /// There was room.
    Kept,
    /// The buffer was full and this lower-priority item made room: tell its sender.
    Evicted(T),
    /// The buffer is full of items that are not lower: tell the sender.
    Refused(T),
}

/// Items of one priority, oldest first. No item of that priority arrived in between.
struct Run {
    head: u32,
    /// Of an unused run: the next unused one.
    tail: u32,
}

struct Entry<T> {
    item: Option<T>,
    previous: u32,
    /// Of an unused entry: the next unused one.
    next: u32,
}

impl<T> PriorityBuffer<T> {
    /// A buffer of at most `capacity` items.
    ///
    /// # Panics
    /// If `capacity` does not fit 32 bits.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity < NONE as usize, "capacity must fit 32 bits");
        let next = |index: u32| {
            if index as usize + 1 < capacity {
                index + 1
            } else {
                NONE
            }
        };
        let entry = |index| Entry {
            item: None,
            previous: NONE,
            next: next(index),
        };
        Self {
            heap: MinMaxHeap::new(capacity),
            runs: (0..capacity as u32)
                .map(|index| Run {
                    head: NONE,
                    tail: next(index),
                })
                .collect(),
            unused_run: if capacity == 0 { NONE } else { 0 },
            entries: (0..capacity as u32).map(entry).collect(),
            unused_entry: if capacity == 0 { NONE } else { 0 },
            ranks: Ranks::new(),
            len: 0,
            arrivals: 0,
            newest: None,
        }
    }

    /// Adds an item. `priority`: micro-lamports per compute unit, or any scale where more is first.
    pub fn push(&mut self, priority: u64, item: T) -> Pushed<T> {
        if self.unused_entry != NONE {
            self.add(priority, item);
            return Pushed::Kept;
        }
        // The newcomer is the youngest, so among equals it is the lowest.
        if self
            .lowest_priority()
            .is_none_or(|lowest| lowest >= priority)
        {
            return Pushed::Refused(item);
        }
        let evicted = self.pop_lowest().expect("a full buffer has a lowest item");
        self.add(priority, item);
        Pushed::Evicted(evicted)
    }

    /// The highest priority, the oldest among equals.
    pub fn pop(&mut self) -> Option<T> {
        let Keyed { key, value: run } = self.heap.highest()?;
        let entry = self.runs[run as usize].head;
        let next = self.entries[entry as usize].next;
        self.runs[run as usize].head = next;
        if next == NONE {
            self.heap.remove_highest();
            self.free_run(run);
        } else {
            self.entries[next as usize].previous = NONE;
        }
        self.free_entry(entry, priority_of(key))
    }

    /// Items held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The lowest priority that waits: a full buffer refuses what is no higher.
    pub fn lowest_priority(&self) -> Option<u64> {
        Some(priority_of(self.heap.lowest()?.key))
    }

    /// About the priority of the item that is at this place, where 1 is the highest: never above it, and at most one
    /// part in 128 below. None where fewer items wait.
    pub fn priority_at(&self, place: usize) -> Option<u64> {
        let highest = priority_of(self.heap.highest()?.key);
        self.ranks.priority_at(place, highest)
    }

    /// The lowest priority, the youngest among equals.
    fn pop_lowest(&mut self) -> Option<T> {
        let Keyed { key, value: run } = self.heap.lowest()?;
        let entry = self.runs[run as usize].tail;
        let previous = self.entries[entry as usize].previous;
        self.runs[run as usize].tail = previous;
        if previous == NONE {
            self.heap.remove_lowest();
            self.free_run(run);
        } else {
            self.entries[previous as usize].next = NONE;
        }
        self.free_entry(entry, priority_of(key))
    }

    /// Appends to the newest run, or starts one. There is an unused entry, hence an unused run.
    fn add(&mut self, priority: u64, item: T) {
        let index = self.unused_entry;
        let tail = match self.newest {
            Some((newest, run)) if newest == priority => {
                std::mem::replace(&mut self.runs[run as usize].tail, index)
            }
            _ => {
                self.start_run(priority, index);
                NONE
            }
        };
        if tail != NONE {
            self.entries[tail as usize].next = index;
        }
        let entry = &mut self.entries[index as usize];
        self.unused_entry = entry.next;
        *entry = Entry {
            item: Some(item),
            previous: tail,
            next: NONE,
        };
        self.ranks.add(priority);
        self.len += 1;
        self.arrivals += 1;
    }

    fn start_run(&mut self, priority: u64, entry: u32) {
        let run = self.unused_run;
        self.unused_run = self.runs[run as usize].tail;
        self.runs[run as usize] = Run {
            head: entry,
            tail: entry,
        };
        // Among equal priorities the earlier arrival has the higher key.
        let key = u128::from(priority) << 64 | u128::from(u64::MAX - self.arrivals);
        self.heap.push(Keyed { key, value: run });
        self.newest = Some((priority, run));
    }

    fn free_run(&mut self, run: u32) {
        if self.newest.is_some_and(|(_, newest)| newest == run) {
            self.newest = None;
        }
        self.runs[run as usize].tail = self.unused_run;
        self.unused_run = run;
    }

    fn free_entry(&mut self, index: u32, priority: u64) -> Option<T> {
        let entry = &mut self.entries[index as usize];
        entry.next = self.unused_entry;
        self.unused_entry = index;
        self.ranks.remove(priority);
        self.len -= 1;
        entry.item.take()
    }
}

fn priority_of(key: u128) -> u64 {
    (key >> 64) as u64
}
