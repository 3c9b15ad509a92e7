//! Insert, next batch, complete; and which of the tasks that are ready a thread gets.
//!
//! A thread is offered the first task of its chain queue and the oldest free task, and gets the older
//! of the two, so tasks are handed out in insertion order as far as their conflicts allow: neither an
//! endless chain nor an endless stream of free tasks starves the other. Two rules keep all threads
//! busy:
//!
//! - *Free tasks are shared out.* A batch takes at most 1/threads of the free tasks, rounded up.
//! - *No chained task goes behind a long queue while another thread idles.* If its thread has more
//!   than its share outstanding, and was handed more than that since the task that it waits for, the
//!   chained task stays: once what holds it is complete, any thread may take it. A pure chain is never
//!   cut, since nobody else could run it earlier.

use crate::cost::CostLimits;
use crate::locks::{AccountLocks, LockTable};
use crate::tasks::{Task, Tasks};
use crate::types::{Access, AccountIndex, Config, InsertError, TaskId, ThreadIndex};

/// Outstanding tasks that are any thread's share, however few are outstanding in all: to bring a task
/// to another thread takes about as long as to run this many transfers.
const SHARE_MIN: usize = 8;

/// Threads at most: their numbers are packed into a byte beside two marks, and 64 are plenty.
const THREADS_MAX: usize = 64;

/// What is known of a banking thread.
#[derive(Clone, Default)]
struct Thread {
    /// Tasks handed to it and not complete.
    outstanding: usize,
    /// Tasks ever handed to it, wrapping.
    handed_out: u32,
}

/// The lock table. See the crate's documentation for what always holds.
///
/// `insert`, `next_batch` and `complete` take a constant time per access, amortised over the life of
/// the tasks. A clone is an independent simulation that starts from the same state.
#[derive(Clone)]
pub struct Scheduler {
    locks: LockTable,
    tasks: Tasks,
    cost: CostLimits,
    threads: Vec<Thread>,
    /// The threads below this are asked for.
    active_threads: usize,
    /// Tasks handed out and not complete.
    outstanding: usize,
    /// Tasks that nothing stood in the way of when they were inserted.
    inserted_free: u64,
    batch_max: usize,
}

impl Scheduler {
    /// An empty lock table.
    ///
    /// # Panics
    /// If `threads` is not in 1 to 64, `batch_max` is 0, or `accesses_max` is 2^24 or more.
    pub fn new(config: Config) -> Self {
        assert!(
            (1..=THREADS_MAX).contains(&config.threads),
            "threads must be in 1 to 64"
        );
        assert!(config.batch_max > 0, "batch_max must be at least 1");
        Self {
            locks: LockTable::new(config.accesses_max),
            tasks: Tasks::new(config.tasks_max, config.threads),
            cost: CostLimits::new(config.account_cost_max, config.slot_cost_max),
            threads: vec![Thread::default(); config.threads],
            active_threads: config.threads,
            outstanding: 0,
            inserted_free: 0,
            batch_max: config.batch_max,
        }
    }

    /// Makes room for account indices below `count`, so that none of them makes `insert` allocate.
    pub fn reserve_accounts(&mut self, count: usize) {
        self.locks.grow(count);
        self.cost.grow(count);
    }

    /// Where an account's locks are, which `insert` of a task that names it will touch: a caller that
    /// knows its tasks some time before may have that loaded.
    #[inline]
    pub fn locks_of(&self, account: AccountIndex) -> Option<&AccountLocks> {
        self.locks.locks_of(account)
    }

    /// Appends a task to the serial order. `accesses` must not name an account twice. `user` comes back
    /// from `next_batch`: the caller's own handle of the task.
    ///
    /// # Errors
    /// If there is no room, or a cost limit would be exceeded; then nothing has changed.
    ///
    /// # Panics
    /// If `accesses` names an account twice.
    #[inline]
    pub fn insert(
        &mut self,
        accesses: &[Access],
        cost: u64,
        user: u32,
    ) -> Result<TaskId, InsertError> {
        let Some(task) = self.tasks.next_unused() else {
            return Err(InsertError::Full);
        };
        if accesses.len() > self.locks.room() {
            return Err(InsertError::Full);
        }
        for access in accesses {
            if access.account as usize >= self.locks.accounts_len() {
                self.reserve_accounts((access.account as usize + 1).next_power_of_two());
            }
        }
        self.cost.charge(accesses, cost)?;
        let enqueued = self.locks.enqueue(task, accesses, &mut self.tasks);
        let free = self
            .tasks
            .insert(user, enqueued.first, enqueued.standing, enqueued.alone);
        self.inserted_free += u64::from(free);
        Ok(TaskId(task))
    }

    /// Moves the tasks that `thread` may run now, in the order in which it must run them, into `batch`
    /// (cleared first); at most `batch_max`. A task in it may conflict with tasks before it in this
    /// batch or in earlier batches of the same thread, never with another thread's.
    ///
    /// Ask for idle threads first: what is free is shared out in the order of asking. An empty batch
    /// means that nothing changes for this thread before the next `insert` or `complete`, unless
    /// another thread is handed something.
    pub fn next_batch(&mut self, thread: ThreadIndex, batch: &mut Vec<(TaskId, u32)>) {
        batch.clear();
        let mut free_left = self.tasks.free_len().div_ceil(self.active_threads);
        let share = self.share(thread);
        let mut chain_open = true;
        while batch.len() < self.batch_max {
            let free = self.tasks.first_free().filter(|_| free_left > 0);
            let chained = self.tasks.first_chained(thread).filter(|_| chain_open);
            let task = match (chained, free) {
                (Some(chained), free) if free.is_none_or(|free| self.is_older(chained, free)) => {
                    if self.waits_too_long(chained, thread, share) {
                        // More tasks in front of it will not shorten its wait.
                        chain_open = false;
                        continue;
                    }
                    chained
                }
                (_, Some(free)) => {
                    free_left -= 1;
                    free
                }
                (_, None) => return,
            };
            let user = self.dispatch(task, thread);
            batch.push((TaskId(task), user));
        }
    }

    /// The task has run: its locks go to its successors.
    ///
    /// # Panics
    /// If the task was not handed out or is complete already.
    #[inline]
    pub fn complete(&mut self, task: TaskId) {
        let (thread, first_access) = self.tasks.dispatched(task.0);
        self.threads[usize::from(thread)].outstanding -= 1;
        self.outstanding -= 1;
        self.locks.release(first_access, &mut self.tasks);
        self.tasks.remove(task.0);
    }

    /// From now on only threads below `count` will be asked for: what is free is shared out among these,
    /// and no task stays for the others' sake. What another thread has outstanding it still completes; asked
    /// all the same, it gets what it would.
    ///
    /// # Panics
    /// If `count` is not in 1 to the number of threads.
    pub fn set_active_threads(&mut self, count: usize) {
        assert!(
            (1..=self.threads.len()).contains(&count),
            "active threads must be some of the threads"
        );
        self.active_threads = count;
    }

    /// Tasks inserted and not completed.
    pub fn in_flight(&self) -> usize {
        self.tasks.len()
    }

    /// Tasks inserted and not yet handed out by `next_batch`.
    pub fn waiting(&self) -> usize {
        self.tasks.len() - self.outstanding
    }

    /// Tasks handed to this thread and not completed.
    #[inline]
    pub fn outstanding(&self, thread: ThreadIndex) -> usize {
        self.threads[thread].outstanding
    }

    /// Tasks, since the beginning, that nothing stood in the way of when they were inserted.
    #[inline]
    pub fn inserted_free(&self) -> u64 {
        self.inserted_free
    }

    /// Whether no task in flight names this account.
    pub fn is_idle(&self, account: AccountIndex) -> bool {
        self.locks.is_idle(account)
    }

    /// Forgets the cost and the chains counted for an idle account: its index goes back, and will name
    /// another account.
    ///
    /// # Panics
    /// If a task in flight names this account.
    pub fn forget(&mut self, account: AccountIndex) {
        self.locks.forget(account);
        self.cost.forget(account);
    }

    /// A new slot: the cost counters start again.
    pub fn start_slot(&mut self) {
        self.cost.start_slot();
    }

    /// Length, in tasks, of the longest chain of conflicts seen since `reset_longest_chain`: no number
    /// of threads can run the tasks inserted since then in less than the time of that many.
    pub fn longest_chain(&self) -> u64 {
        u64::from(self.locks.longest_chain())
    }

    /// Starts measuring the longest chain again.
    pub fn reset_longest_chain(&mut self) {
        self.locks.reset_longest_chain();
    }

    fn is_older(&self, task: u32, other: u32) -> bool {
        self.tasks.get(task).order < self.tasks.get(other).order
    }

    /// How many tasks the thread may have outstanding before a chained task might wait too long. While
    /// no other thread idles, it may as well wait here.
    fn share(&self, thread: ThreadIndex) -> usize {
        let mut active = self.threads[..self.active_threads].iter().enumerate();
        if active.all(|(other, state)| other == thread || state.outstanding > 0) {
            return usize::MAX;
        }
        SHARE_MIN.max(self.outstanding / self.active_threads)
    }

    /// Whether a task of the thread's chain queue would wait there for more than `share` others that it
    /// does not conflict with.
    fn waits_too_long(&self, chained: u32, thread: ThreadIndex, share: usize) -> bool {
        let Thread {
            outstanding,
            handed_out,
        } = self.threads[thread];
        if outstanding <= share {
            return false;
        }
        let first_access = self.tasks.get(chained).first_access;
        self.locks.tasks_since_holder(first_access, handed_out) as usize > share
    }

    /// Hands a task to a thread; gives the caller's handle.
    #[inline]
    fn dispatch(&mut self, task: u32, thread: ThreadIndex) -> u32 {
        let state = &mut self.threads[thread];
        state.outstanding += 1;
        state.handed_out = state.handed_out.wrapping_add(1);
        self.outstanding += 1;
        let (thread, handed_out) = (thread as u8, state.handed_out);
        let &Task {
            user,
            first_access,
            alone,
            ..
        } = self.tasks.dispatch(task, thread, handed_out);
        if !alone {
            self.locks
                .grant(first_access, thread, handed_out, &mut self.tasks);
        }
        user
    }
}
