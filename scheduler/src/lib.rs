//! The lock table: which transaction may run next, and on which banking thread.
//!
//! A plain state machine. It knows task ids, account indices and costs: no accounts, no threads, no
//! clock, no IO. Every call returns at once.

/// Dense index of an account, as the accounts database hands them out.
pub type AccountIndex = u32;

/// A task's handle: dense, reused after `complete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u32);

/// Number of a banking thread, from 0.
pub type ThreadIndex = usize;

/// One access: an account and whether it may be written. An access set has no account twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The account.
    pub account: AccountIndex,
    /// Write or read.
    pub write: bool,
}

/// Fixed sizes of a scheduler. Nothing is allocated after `new`, except when an account index larger
/// than any before arrives.
#[derive(Clone, Debug)]
pub struct Config {
    /// Banking threads, at most 64.
    pub threads: usize,
    /// Tasks inserted and not completed, at most.
    pub tasks_max: usize,
    /// Accesses of all those tasks, at most.
    pub accesses_max: usize,
    /// Tasks in one batch, at most.
    pub batch_max: usize,
    /// Cost units of the write locks on one account within a slot, if limited.
    pub account_cost_max: Option<u64>,
    /// Cost units of a slot, if limited.
    pub slot_cost_max: Option<u64>,
}

/// Why a task was not inserted. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertError {
    /// `tasks_max` or `accesses_max` reached: complete something first.
    Full,
    /// The slot's cost limit would be exceeded: try in the next slot.
    SlotCost,
    /// An account's cost limit would be exceeded: try in the next slot.
    AccountCost(AccountIndex),
}

/// The lock table.
pub struct Scheduler(());

impl Scheduler {
    /// An empty lock table.
    pub fn new(_config: Config) -> Self {
        todo!()
    }
    /// Appends a task to the serial order. `accesses` must not name an account twice. `user` comes back
    /// from `next_batch`: the caller's own handle of the task.
    pub fn insert(&mut self, _accesses: &[Access], _cost: u64, _user: u32) -> Result<TaskId, InsertError> {
        todo!()
    }
    /// Moves the tasks that `thread` may run now, in the order in which it must run them, into `batch`
    /// (cleared first); at most `batch_max`. A task in it may conflict with tasks before it in this
    /// batch or in earlier batches of the same thread, never with another thread's.
    pub fn next_batch(&mut self, _thread: ThreadIndex, _batch: &mut Vec<(TaskId, u32)>) {
        todo!()
    }
    /// The task has run: its locks go to its successors.
    pub fn complete(&mut self, _task: TaskId) {
        todo!()
    }
    /// Tasks inserted and not completed.
    pub fn in_flight(&self) -> usize {
        todo!()
    }
    /// Tasks inserted and not yet handed out by `next_batch`.
    pub fn waiting(&self) -> usize {
        todo!()
    }
    /// Whether no task in flight names this account.
    pub fn is_idle(&self, _account: AccountIndex) -> bool {
        todo!()
    }
    /// A new slot: the cost counters start again.
    pub fn start_slot(&mut self) {
        todo!()
    }
    /// Length, in tasks, of the longest chain of conflicts seen since `reset_longest_chain`.
    pub fn longest_chain(&self) -> u64 {
        todo!()
    }
    /// Starts measuring the longest chain again.
    pub fn reset_longest_chain(&mut self) {
        todo!()
    }
}

/// The bounded buffer in front of the lock table: highest fee per compute unit first, then arrival.
/// When full, the lowest priority is refused (the newcomer or the one it displaces).
pub struct PriorityBuffer<T>(Vec<T>);

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

impl<T> PriorityBuffer<T> {
    /// A buffer of at most `capacity` items.
    pub fn new(_capacity: usize) -> Self {
        todo!()
    }
    /// Adds an item. `priority`: micro-lamports per compute unit, or any scale where more is first.
    pub fn push(&mut self, _priority: u64, _item: T) -> Pushed<T> {
        todo!()
    }
    /// The highest priority, the oldest among equals.
    pub fn pop(&mut self) -> Option<T> {
        todo!()
    }
    /// Items held.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
