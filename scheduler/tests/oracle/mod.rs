//! What a lock table must do, said naively: an O(n²) conflict check over all tasks in flight, and a
//! queue for each simulated thread, which runs its tasks in the order in which it was given them.

// Each test file uses its part of this.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::rc::Rc;

use sealane_scheduler::{Access, Config, InsertError, Scheduler, TaskId, ThreadIndex};

/// What is tested: the scheduler, or a mutant of it.
pub(crate) trait Machine {
    fn insert(&mut self, accesses: &[Access], user: u32) -> Result<TaskId, InsertError>;
    fn next_batch(&mut self, thread: ThreadIndex, batch: &mut Vec<(TaskId, u32)>);
    fn complete(&mut self, task: TaskId);
    /// Told which threads will be asked for; a mutant need not care.
    fn set_active_threads(&mut self, _: usize) {}
}

impl Machine for Scheduler {
    fn insert(&mut self, accesses: &[Access], user: u32) -> Result<TaskId, InsertError> {
        Scheduler::insert(self, accesses, 1, user)
    }
    fn next_batch(&mut self, thread: ThreadIndex, batch: &mut Vec<(TaskId, u32)>) {
        Scheduler::next_batch(self, thread, batch);
    }
    fn complete(&mut self, task: TaskId) {
        Scheduler::complete(self, task);
    }
    fn set_active_threads(&mut self, count: usize) {
        Scheduler::set_active_threads(self, count);
    }
}

/// A configuration without cost limits.
pub(crate) fn config(
    threads: usize,
    tasks_max: usize,
    accesses_max: usize,
    batch_max: usize,
) -> Config {
    Config {
        threads,
        tasks_max,
        accesses_max,
        batch_max,
        account_cost_max: None,
        slot_cost_max: None,
    }
}

pub(crate) fn read(account: u32) -> Access {
    Access {
        account,
        write: false,
    }
}

pub(crate) fn write(account: u32) -> Access {
    Access {
        account,
        write: true,
    }
}

pub(crate) fn conflict(left: &[Access], right: &[Access]) -> bool {
    left.iter().any(|a| {
        right
            .iter()
            .any(|b| a.account == b.account && (a.write || b.write))
    })
}

/// A task in flight.
#[derive(Clone)]
struct Known {
    user: u32,
    accesses: Rc<[Access]>,
    /// The thread that has it.
    thread: Option<ThreadIndex>,
}

/// The tasks in flight, in the serial order, and who has them.
#[derive(Clone)]
pub(crate) struct Oracle {
    tasks: Vec<Known>,
    pub(crate) threads: Vec<VecDeque<(TaskId, u32)>>,
    pub(crate) completed: usize,
    /// Tasks handed out while another thread had some: proof that the test was about something.
    pub(crate) overlapped: usize,
}

impl Oracle {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            tasks: Vec::new(),
            threads: vec![VecDeque::new(); threads],
            completed: 0,
            overlapped: 0,
        }
    }

    /// `user` is greater than any before.
    pub(crate) fn insert(&mut self, accesses: Rc<[Access]>, user: u32) {
        assert!(
            self.tasks.last().is_none_or(|last| last.user < user),
            "users must ascend"
        );
        self.tasks.push(Known {
            user,
            accesses,
            thread: None,
        });
    }

    /// Judges what `next_batch` gave to `thread`.
    pub(crate) fn hand_out(
        &mut self,
        thread: ThreadIndex,
        batch: &[(TaskId, u32)],
    ) -> Result<(), String> {
        for &(id, user) in batch {
            let Ok(index) = self.tasks.binary_search_by_key(&user, |task| task.user) else {
                return Err(format!("{user} is not in flight"));
            };
            if self.tasks[index].thread.is_some() {
                return Err(format!("{user} handed out twice"));
            }
            let accesses = &self.tasks[index].accesses;
            let bad = |earlier: &&Known| {
                earlier.thread != Some(thread) && conflict(&earlier.accesses, accesses)
            };
            if let Some(earlier) = self.tasks[..index].iter().find(bad) {
                return Err(format!(
                    "{user} handed to {thread} before {}, which is at {:?}",
                    earlier.user, earlier.thread
                ));
            }
            // Later tasks that are out already were judged when they were handed out.
            self.tasks[index].thread = Some(thread);
            self.threads[thread].push_back((id, user));
            self.overlapped += usize::from(
                self.threads
                    .iter()
                    .enumerate()
                    .any(|(at, queue)| at != thread && !queue.is_empty()),
            );
        }
        Ok(())
    }

    /// The first task of a thread's queue has run.
    pub(crate) fn complete(&mut self, thread: ThreadIndex) -> Option<TaskId> {
        let (id, user) = self.threads[thread].pop_front()?;
        let index = self
            .tasks
            .binary_search_by_key(&user, |task| task.user)
            .expect("in flight");
        self.tasks.remove(index);
        self.completed += 1;
        Some(id)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.tasks.len()
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.threads.iter().map(VecDeque::len).sum()
    }

    /// A task that waits although nothing in flight stands in its way: whoever asks must get it.
    pub(crate) fn ready(&self) -> Option<u32> {
        let ready = |&index: &usize| {
            let task = &self.tasks[index];
            let mut earlier = self.tasks[..index].iter();
            task.thread.is_none()
                && !earlier.any(|earlier| conflict(&earlier.accesses, &task.accesses))
        };
        (0..self.tasks.len())
            .find(ready)
            .map(|index| self.tasks[index].user)
    }
}
