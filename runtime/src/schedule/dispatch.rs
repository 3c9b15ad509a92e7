//! Which task a banking thread gets next: through the lock table, or in order where there is but one
//! thread.

use crate::fault::{self, Fault};
use crate::task::Task;
use sealane_accounts_db::{AccountIndex, NO_ACCOUNT};
use sealane_scheduler::{Access, Config, InsertError, Scheduler, TaskId};
use std::collections::VecDeque;

/// Hands tasks to banking threads.
pub(super) enum Dispatcher {
    /// One thread: insertion order is what the locks would give, so there are none.
    InOrder {
        waiting: VecDeque<Task>,
        batch_max: usize,
    },
    /// Several threads: the lock table.
    Locks(Box<Locks>),
}

/// The lock table and the tasks that wait in it.
pub(super) struct Locks {
    table: Scheduler,
    /// Those not handed out, under their ids.
    tasks: Vec<Option<Task>>,
    accesses: Vec<Access>,
    batch: Vec<(TaskId, u32)>,
    fault: Option<Fault>,
}

impl Dispatcher {
    pub(super) fn new(config: Config, fault: Option<Fault>) -> Self {
        let limited = config.account_cost_max.is_some() || config.slot_cost_max.is_some();
        if config.threads == 1 && !limited {
            return Self::InOrder {
                waiting: VecDeque::new(),
                batch_max: config.batch_max,
            };
        }
        Self::Locks(Box::new(Locks {
            tasks: (0..config.tasks_max).map(|_| None).collect(),
            accesses: Vec::new(),
            batch: Vec::with_capacity(config.batch_max),
            fault,
            table: Scheduler::new(config),
        }))
    }

    /// Appends a task to the serial order. On an error it comes back.
    pub(super) fn insert(&mut self, mut task: Task, cost: u64) -> Result<(), (Task, InsertError)> {
        match self {
            Self::InOrder { waiting, .. } => {
                waiting.push_back(task);
                Ok(())
            }
            Self::Locks(locks) => {
                locks.accesses.clear();
                for &(account, write) in &task.accounts {
                    if account != NO_ACCOUNT {
                        locks.accesses.push(Access { account, write });
                    }
                }
                if fault::is(locks.fault, Fault::ReaderDoesNotWait) {
                    locks.accesses.retain(|access| access.write);
                }
                match locks.table.insert(&locks.accesses, cost, 0) {
                    Ok(id) => {
                        task.id = id;
                        locks.tasks[id.0 as usize] = Some(task);
                        Ok(())
                    }
                    Err(error) => Err((task, error)),
                }
            }
        }
    }

    /// Moves what `thread` may run now, in the order in which it must, to the end of `out`.
    pub(super) fn next_batch(&mut self, thread: usize, out: &mut Vec<Task>) {
        match self {
            Self::InOrder { waiting, batch_max } => {
                let count = waiting.len().min(*batch_max);
                out.extend(waiting.drain(..count));
            }
            Self::Locks(locks) => {
                locks.table.next_batch(thread, &mut locks.batch);
                out.reserve(locks.batch.len());
                for (id, _) in &locks.batch {
                    if fault::is(locks.fault, Fault::EarlyRelease) {
                        locks.table.complete(*id);
                    }
                    let task = locks.tasks[id.0 as usize].take();
                    out.push(task.expect("the lock table hands a task out once"));
                }
            }
        }
    }

    /// Starts loading the account's locks, which `insert` of a task that names it will touch.
    #[inline]
    pub(super) fn prefetch(&self, account: AccountIndex) {
        if let Self::Locks(locks) = self
            && let Some(locks) = locks.table.locks_of(account)
        {
            crate::prefetch::prefetch(locks);
        }
    }

    /// Whether `is_idle` knows. The lock table does, unless a fault keeps accesses from it.
    #[inline]
    pub(super) fn knows_idle_accounts(&self) -> bool {
        matches!(self, Self::Locks(locks) if locks.fault.is_none())
    }

    /// Whether no task in flight names this account, where that is known.
    pub(super) fn is_idle(&self, account: AccountIndex) -> Option<bool> {
        match self {
            Self::Locks(locks) if locks.fault.is_none() => Some(locks.table.is_idle(account)),
            _ => None,
        }
    }

    /// Makes room for the accounts that are there from the beginning.
    pub(super) fn reserve_accounts(&mut self, count: usize) {
        if let Self::Locks(locks) = self {
            locks.table.reserve_accounts(count);
        }
    }

    /// Releases the locks of a task that has run.
    pub(super) fn complete(&mut self, id: TaskId) {
        if let Self::Locks(locks) = self
            && !fault::is(locks.fault, Fault::EarlyRelease)
        {
            locks.table.complete(id);
        }
    }

    /// Only threads below `count` will be asked for.
    pub(super) fn set_active_threads(&mut self, count: usize) {
        if let Self::Locks(locks) = self {
            locks.table.set_active_threads(count);
        }
    }

    /// Tasks that nothing stood in the way of when they were inserted, as far as that is known.
    #[inline]
    pub(super) fn inserted_free(&self) -> u64 {
        match self {
            Self::InOrder { .. } => 0,
            Self::Locks(locks) => locks.table.inserted_free(),
        }
    }

    /// Tasks handed to `thread` and not complete, as far as that matters to the order of asking.
    pub(super) fn outstanding(&self, thread: usize) -> usize {
        match self {
            Self::InOrder { .. } => 0,
            Self::Locks(locks) => locks.table.outstanding(thread),
        }
    }

    /// The index of an idle account goes back: its cost and chain are not the next one's.
    pub(super) fn forget(&mut self, account: AccountIndex) {
        if let Self::Locks(locks) = self {
            locks.table.forget(account);
        }
    }

    /// Whether no task waits and no lock is held.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::InOrder { waiting, .. } => waiting.is_empty(),
            Self::Locks(locks) => locks.table.in_flight() == 0,
        }
    }

    pub(super) fn start_slot(&mut self) {
        if let Self::Locks(locks) = self {
            locks.table.start_slot();
        }
    }

    pub(super) fn longest_chain(&self) -> u64 {
        match self {
            Self::InOrder { .. } => 0,
            Self::Locks(locks) => locks.table.longest_chain(),
        }
    }
}
