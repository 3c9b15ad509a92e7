//! Tasks: what stands in a task's way, and the queue that it waits in.
//!
//! A task's *standing* counts its accesses: those behind another waiting task (*blocked*), and those
//! behind handed-out tasks only (*held*, by the thread that they were handed to). An access goes from
//! blocked to held to free and never back, so a task changes its place at most a few times:
//!
//! | standing | place |
//! | --- | --- |
//! | some access blocked | none: its predecessors will bring it forward |
//! | held by several threads | none: completions will bring it forward |
//! | held by thread T alone | T's chain queue: handed to T it runs behind what it waits for |
//! | free | a free queue: any thread may take it |

use crate::locks::{FREE, MANY, NONE};
use std::collections::VecDeque;

/// The queue that a task is in. A task that waits elsewhere or is handed out is in no queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Not a task: on the list of unused entries.
    Unused,
    /// In no queue: its predecessors will bring it forward.
    Waiting,
    /// Free since its insertion; this queue is in insertion order by itself.
    Fresh,
    /// Freed by completions.
    Released,
    /// For this thread only.
    Chain(u8),
    /// Handed to this thread.
    Dispatched(u8),
}

/// How a task's accesses stand, in constant space and exact for any number of accesses.
///
/// Whether all holders are one and the same thread follows from their number, sum and sum of squares:
/// n·Σt² ≥ (Σt)², with equality only if all t are equal. So an access that comes or goes costs
/// nothing but additions, where a set of holders would have to be scanned for each.
#[derive(Clone, Copy, Default)]
pub(crate) struct Standing {
    blocked: u32,
    held: u32,
    holders_sum: u32,
    holders_squares: u64,
}

impl Standing {
    /// Whether nothing stands in the way.
    #[inline]
    fn is_free(&self) -> bool {
        self.blocked == 0 && self.held == 0
    }

    /// Adds an access that is behind a waiting one.
    pub(crate) fn block(&mut self) {
        self.blocked += 1;
    }

    /// Takes such an access away.
    fn unblock(&mut self) {
        self.blocked -= 1;
    }

    /// Adds an access that is behind no waiting one, with its holder (or `FREE`).
    pub(crate) fn hold(&mut self, holder: u8) {
        if holder != FREE {
            self.held += 1;
            self.holders_sum += u32::from(holder);
            self.holders_squares += u64::from(holder) * u64::from(holder);
        }
    }

    /// The access with this holder has become free.
    fn unhold(&mut self, holder: u8) {
        self.held -= 1;
        self.holders_sum -= u32::from(holder);
        self.holders_squares -= u64::from(holder) * u64::from(holder);
    }

    /// Where a task belongs that stands like this; `free` names the queue of free tasks.
    #[inline]
    fn place(&self, free: Place) -> Place {
        if self.blocked > 0 {
            return Place::Waiting;
        }
        if self.held == 0 {
            return free;
        }
        let sum = u64::from(self.holders_sum);
        if u64::from(self.held) * self.holders_squares != sum * sum {
            return Place::Waiting;
        }
        let holder = (self.holders_sum / self.held) as u8;
        if holder == MANY {
            Place::Waiting
        } else {
            Place::Chain(holder)
        }
    }
}

/// A task in flight: half a cache line, all that a task without conflicts ever touches.
#[derive(Clone)]
#[repr(align(32))]
pub(crate) struct Task {
    /// Its place in the serial order.
    pub(crate) order: u64,
    /// The caller's handle.
    pub(crate) user: u32,
    /// The first of its accesses; of an unused entry: the next unused one.
    pub(crate) first_access: u32,
    /// Handed out: how many tasks its thread had been handed then, this one included.
    pub(crate) handed_out: u32,
    pub(crate) place: Place,
    /// Whether each of its accesses is the only one in flight of its account, as far as is known.
    pub(crate) alone: bool,
}

/// What there is to know of a task while it waits for others.
#[derive(Clone)]
struct Waiting {
    standing: Standing,
    /// Neighbours in its chain queue.
    previous: u32,
    next: u32,
}

/// A chain queue, linked through the tasks themselves: a task may leave it from the middle.
#[derive(Clone)]
struct Chain {
    head: u32,
    tail: u32,
}

impl Chain {
    const EMPTY: Self = Self {
        head: NONE,
        tail: NONE,
    };
}

/// All tasks in flight and the queues of those that may be handed out.
#[derive(Clone)]
pub(crate) struct Tasks {
    entries: Vec<Task>,
    waiting: Vec<Waiting>,
    unused: u32,
    len: usize,
    next_order: u64,
    /// Tasks leave the free queues at the front only.
    fresh: VecDeque<u32>,
    released: VecDeque<u32>,
    /// One a thread.
    chains: Vec<Chain>,
}

impl Tasks {
    pub(crate) fn new(tasks_max: usize, threads: usize) -> Self {
        assert!(tasks_max < NONE as usize, "tasks_max must fit a task id");
        let entries = (0..tasks_max as u32).map(|index| Task {
            order: 0,
            user: 0,
            first_access: if index + 1 < tasks_max as u32 {
                index + 1
            } else {
                NONE
            },
            handed_out: 0,
            place: Place::Unused,
            alone: false,
        });
        let waiting = Waiting {
            standing: Standing::default(),
            previous: NONE,
            next: NONE,
        };
        Self {
            entries: entries.collect(),
            waiting: vec![waiting; tasks_max],
            unused: if tasks_max == 0 { NONE } else { 0 },
            len: 0,
            next_order: 0,
            fresh: VecDeque::with_capacity(tasks_max),
            released: VecDeque::with_capacity(tasks_max),
            chains: vec![Chain::EMPTY; threads],
        }
    }

    /// Tasks in flight.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Tasks that any thread may take.
    pub(crate) fn free_len(&self) -> usize {
        self.fresh.len() + self.released.len()
    }

    #[inline]
    pub(crate) fn get(&self, task: u32) -> &Task {
        &self.entries[task as usize]
    }

    /// The id that the next `insert` gives, unless all are in use.
    #[inline]
    pub(crate) fn next_unused(&self) -> Option<u32> {
        (self.unused != NONE).then_some(self.unused)
    }

    /// Makes the entry that `next_unused` named a task, at the end of the serial order. Gives whether it is
    /// free.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        user: u32,
        first_access: u32,
        standing: Standing,
        alone: bool,
    ) -> bool {
        let task = self.unused;
        let entry = &mut self.entries[task as usize];
        self.unused = entry.first_access;
        let free = standing.is_free();
        *entry = Task {
            order: self.next_order,
            user,
            first_access,
            handed_out: 0,
            place: if free { Place::Fresh } else { Place::Waiting },
            alone,
        };
        self.next_order += 1;
        self.len += 1;
        if free {
            self.fresh.push_back(task);
        } else {
            self.waiting[task as usize].standing = standing;
            self.move_to(task, standing.place(Place::Fresh));
        }
        free
    }

    /// An access of this task is not the only one of its account any more. Gives the thread that the
    /// task was handed to, if it was, and how many that thread had been handed then.
    #[inline]
    pub(crate) fn share(&mut self, task: u32) -> Option<(u8, u32)> {
        let entry = &mut self.entries[task as usize];
        entry.alone = false;
        match entry.place {
            Place::Dispatched(thread) => Some((thread, entry.handed_out)),
            _ => None,
        }
    }

    /// An access of this task has no waiting one ahead of it any more, only `holder`.
    #[inline]
    pub(crate) fn access_is_front(&mut self, task: u32, holder: u8) {
        let standing = &mut self.waiting[task as usize].standing;
        standing.unblock();
        standing.hold(holder);
        let place = standing.place(Place::Released);
        self.move_to(task, place);
    }

    /// An access of this task that `holder` held is free.
    #[inline]
    pub(crate) fn access_is_free(&mut self, task: u32, holder: u8) {
        let standing = &mut self.waiting[task as usize].standing;
        standing.unhold(holder);
        let place = standing.place(Place::Released);
        self.move_to(task, place);
    }

    /// The oldest of the tasks that may be handed to any thread.
    #[inline]
    pub(crate) fn first_free(&self) -> Option<u32> {
        match (self.fresh.front(), self.released.front()) {
            (Some(&fresh), Some(&released)) => {
                let fresh_is_older = self.get(fresh).order < self.get(released).order;
                Some(if fresh_is_older { fresh } else { released })
            }
            (fresh, released) => fresh.or(released).copied(),
        }
    }

    /// The first task that only `thread` may run.
    #[inline]
    pub(crate) fn first_chained(&self, thread: usize) -> Option<u32> {
        let head = self.chains[thread].head;
        (head != NONE).then_some(head)
    }

    /// Takes a task that `first_free` or `first_chained` gave out of its queue: it is handed to
    /// `thread`, which has been handed `handed_out` tasks with this one.
    #[inline]
    pub(crate) fn dispatch(&mut self, task: u32, thread: u8, handed_out: u32) -> &Task {
        match self.entries[task as usize].place {
            Place::Fresh => {
                let front = self.fresh.pop_front();
                debug_assert_eq!(front, Some(task), "a free task is taken from the front");
            }
            Place::Released => {
                let front = self.released.pop_front();
                debug_assert_eq!(front, Some(task), "a free task is taken from the front");
            }
            Place::Chain(thread) => self.unlink(task, thread),
            place => panic!("task {task} is {place:?}"),
        }
        let entry = &mut self.entries[task as usize];
        entry.handed_out = handed_out;
        entry.place = Place::Dispatched(thread);
        entry
    }

    /// The task is complete; its id may be given again.
    #[inline]
    pub(crate) fn remove(&mut self, task: u32) {
        let entry = &mut self.entries[task as usize];
        entry.place = Place::Unused;
        entry.first_access = self.unused;
        self.unused = task;
        self.len -= 1;
    }

    /// The thread that a task was handed to, and its first access. A caller that completes a task
    /// twice, or one that it was not given, has lost count of its locks: stop here rather than run
    /// conflicting tasks at once.
    #[inline]
    pub(crate) fn dispatched(&self, task: u32) -> (u8, u32) {
        match self.entries.get(task as usize) {
            Some(&Task {
                place: Place::Dispatched(thread),
                first_access,
                ..
            }) => (thread, first_access),
            _ => panic!("task {task} is complete or was not handed out"),
        }
    }

    /// Brings a task that waits for others to another place.
    #[inline]
    fn move_to(&mut self, task: u32, place: Place) {
        let old = std::mem::replace(&mut self.entries[task as usize].place, place);
        if old == place {
            return;
        }
        if let Place::Chain(thread) = old {
            self.unlink(task, thread);
        }
        match place {
            Place::Fresh => self.fresh.push_back(task),
            Place::Released => self.released.push_back(task),
            Place::Chain(thread) => self.link(task, thread),
            Place::Unused | Place::Waiting | Place::Dispatched(_) => {}
        }
    }

    #[inline]
    fn link(&mut self, task: u32, thread: u8) {
        let chain = &mut self.chains[usize::from(thread)];
        let tail = std::mem::replace(&mut chain.tail, task);
        if tail == NONE {
            chain.head = task;
        } else {
            self.waiting[tail as usize].next = task;
        }
        let entry = &mut self.waiting[task as usize];
        entry.previous = tail;
        entry.next = NONE;
    }

    #[inline]
    fn unlink(&mut self, task: u32, thread: u8) {
        let Waiting { previous, next, .. } = self.waiting[task as usize];
        let chain = &mut self.chains[usize::from(thread)];
        if previous == NONE {
            chain.head = next;
        } else {
            self.waiting[previous as usize].next = next;
        }
        if next == NONE {
            chain.tail = previous;
        } else {
            self.waiting[next as usize].previous = previous;
        }
    }
}
