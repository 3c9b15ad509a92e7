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

/// A task in flight, one cache line.
#[derive(Clone)]
#[repr(align(64))]
pub(crate) struct Task {
    /// Its place in the serial order.
    pub(crate) order: u64,
    standing: Standing,
    /// The caller's handle.
    pub(crate) user: u32,
    /// The first of its accesses.
    pub(crate) first_access: u32,
    /// Neighbours in its queue; `next` also links unused entries.
    previous: u32,
    next: u32,
    pub(crate) place: Place,
}

/// A queue of tasks, linked through the tasks themselves.
#[derive(Clone)]
struct Queue {
    head: u32,
    tail: u32,
    len: usize,
}

impl Queue {
    const EMPTY: Self = Self {
        head: NONE,
        tail: NONE,
        len: 0,
    };
}

/// All tasks in flight and the queues of those that may be handed out.
#[derive(Clone)]
pub(crate) struct Tasks {
    entries: Vec<Task>,
    unused: u32,
    len: usize,
    next_order: u64,
    fresh: Queue,
    released: Queue,
    /// One a thread.
    chains: Vec<Queue>,
}

impl Tasks {
    pub(crate) fn new(tasks_max: usize, threads: usize) -> Self {
        assert!(tasks_max < NONE as usize, "tasks_max must fit a task id");
        let entries = (0..tasks_max as u32).map(|index| Task {
            order: 0,
            standing: Standing::default(),
            user: 0,
            first_access: NONE,
            previous: NONE,
            next: if index + 1 < tasks_max as u32 {
                index + 1
            } else {
                NONE
            },
            place: Place::Unused,
        });
        Self {
            entries: entries.collect(),
            unused: if tasks_max == 0 { NONE } else { 0 },
            len: 0,
            next_order: 0,
            fresh: Queue::EMPTY,
            released: Queue::EMPTY,
            chains: vec![Queue::EMPTY; threads],
        }
    }

    /// Tasks in flight.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Tasks that any thread may take.
    pub(crate) fn free_len(&self) -> usize {
        self.fresh.len + self.released.len
    }

    pub(crate) fn get(&self, task: u32) -> &Task {
        &self.entries[task as usize]
    }

    /// The id that the next `insert` gives, unless all are in use.
    pub(crate) fn next_unused(&self) -> Option<u32> {
        (self.unused != NONE).then_some(self.unused)
    }

    /// Makes the entry that `next_unused` named a task, at the end of the serial order.
    pub(crate) fn insert(&mut self, user: u32, first_access: u32, standing: Standing) {
        let task = self.unused;
        let entry = &mut self.entries[task as usize];
        self.unused = entry.next;
        entry.order = self.next_order;
        entry.user = user;
        entry.first_access = first_access;
        entry.standing = standing;
        entry.place = Place::Waiting;
        self.next_order += 1;
        self.len += 1;
        let place = standing.place(Place::Fresh);
        self.move_to(task, place);
    }

    /// An access of this task has no waiting one ahead of it any more, only `holder`.
    pub(crate) fn access_is_front(&mut self, task: u32, holder: u8) {
        let standing = &mut self.entries[task as usize].standing;
        standing.unblock();
        standing.hold(holder);
        let place = standing.place(Place::Released);
        self.move_to(task, place);
    }

    /// An access of this task that `holder` held is free.
    pub(crate) fn access_is_free(&mut self, task: u32, holder: u8) {
        let standing = &mut self.entries[task as usize].standing;
        standing.unhold(holder);
        let place = standing.place(Place::Released);
        self.move_to(task, place);
    }

    /// The oldest of the tasks that may be handed to any thread.
    pub(crate) fn first_free(&self) -> Option<u32> {
        let (fresh, released) = (self.fresh.head, self.released.head);
        if fresh == NONE || released == NONE {
            let head = if fresh == NONE { released } else { fresh };
            return (head != NONE).then_some(head);
        }
        let fresh_is_older = self.get(fresh).order < self.get(released).order;
        Some(if fresh_is_older { fresh } else { released })
    }

    /// The first task that only `thread` may run.
    pub(crate) fn first_chained(&self, thread: usize) -> Option<u32> {
        let head = self.chains[thread].head;
        (head != NONE).then_some(head)
    }

    /// Takes a task out of its queue: it is handed to `thread`.
    pub(crate) fn dispatch(&mut self, task: u32, thread: u8) {
        self.move_to(task, Place::Dispatched(thread));
    }

    /// The task is complete; its id may be given again.
    pub(crate) fn remove(&mut self, task: u32) {
        let entry = &mut self.entries[task as usize];
        entry.place = Place::Unused;
        entry.next = self.unused;
        self.unused = task;
        self.len -= 1;
    }

    /// The thread that a task was handed to. A caller that completes a task twice, or one that it was
    /// not given, has lost count of its locks: stop here rather than run conflicting tasks at once.
    pub(crate) fn dispatched_to(&self, task: u32) -> u8 {
        match self.entries.get(task as usize).map(|entry| entry.place) {
            Some(Place::Dispatched(thread)) => thread,
            _ => panic!("task {task} is complete or was not handed out"),
        }
    }

    fn move_to(&mut self, task: u32, place: Place) {
        let old = self.entries[task as usize].place;
        if old == place {
            return;
        }
        self.unlink(task, old);
        self.entries[task as usize].place = place;
        self.link(task, place);
    }

    fn queue(&mut self, place: Place) -> Option<&mut Queue> {
        match place {
            Place::Fresh => Some(&mut self.fresh),
            Place::Released => Some(&mut self.released),
            Place::Chain(thread) => Some(&mut self.chains[usize::from(thread)]),
            Place::Unused | Place::Waiting | Place::Dispatched(_) => None,
        }
    }

    fn link(&mut self, task: u32, place: Place) {
        let Some(queue) = self.queue(place) else {
            return;
        };
        let tail = queue.tail;
        queue.tail = task;
        queue.len += 1;
        if tail == NONE {
            queue.head = task;
        } else {
            self.entries[tail as usize].next = task;
        }
        let entry = &mut self.entries[task as usize];
        entry.previous = tail;
        entry.next = NONE;
    }

    fn unlink(&mut self, task: u32, place: Place) {
        let Task { previous, next, .. } = self.entries[task as usize];
        let Some(queue) = self.queue(place) else {
            return;
        };
        queue.len -= 1;
        if previous == NONE {
            queue.head = next;
        }
        if next == NONE {
            queue.tail = previous;
        }
        if previous != NONE {
            self.entries[previous as usize].next = next;
        }
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
    }
}
