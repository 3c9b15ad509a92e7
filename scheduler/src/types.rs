//! The words that the lock table and its caller share.

/// Dense index of an account, as the accounts database hands them out. The lock table is an array
/// under it, 32 bytes an account.
pub type AccountIndex = u32;

/// Number of a banking thread, from 0.
pub type ThreadIndex = usize;

/// A task's handle: dense, reused after `complete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u32);

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
    /// Banking threads, 1 to 64.
    pub threads: usize,
    /// Tasks inserted and not completed, at most.
    pub tasks_max: usize,
    /// Accesses of all those tasks, at most.
    pub accesses_max: usize,
    /// Tasks in one batch, at most; at least 1.
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

impl std::fmt::Display for InsertError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full => write!(formatter, "the lock table is full"),
            Self::SlotCost => write!(formatter, "the slot's cost limit is reached"),
            Self::AccountCost(account) => {
                write!(formatter, "the cost limit of account {account} is reached")
            }
        }
    }
}

impl std::error::Error for InsertError {}
