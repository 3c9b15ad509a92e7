//! Every case of 3 tasks over 3 accounts, each not used, read or written, on 1, 2 and 3 threads, under
//! every order in which threads can ask and tasks can complete.

mod oracle;

use std::rc::Rc;

use oracle::{Oracle, config};
use sealane_scheduler::{Access, Scheduler};

const ACCOUNTS: u32 = 3;
const TASKS: usize = 3;

/// The access sets over three accounts.
fn access_sets() -> Vec<Rc<[Access]>> {
    let set = |number: u32| {
        let digit = |account: u32| number / 3u32.pow(account) % 3;
        let access = |account| Access {
            account,
            write: digit(account) == 2,
        };
        (0..ACCOUNTS)
            .filter(|&account| digit(account) > 0)
            .map(access)
            .collect()
    };
    (0..27).map(set).collect()
}

/// A state of the machine and of what is known about it.
#[derive(Clone)]
struct State {
    scheduler: Scheduler,
    oracle: Oracle,
    inserted: usize,
    /// Threads that ever had a task.
    used: usize,
}

struct Search<'a> {
    tasks: [&'a Rc<[Access]>; TASKS],
    /// Whether threads may ask before all tasks are inserted.
    interleave_inserts: bool,
    states: usize,
    ends: usize,
}

impl Search<'_> {
    fn explore(&mut self, state: State) {
        self.states += 1;
        let mut stuck = true;
        if state.inserted < TASKS {
            stuck = false;
            self.insert(state.clone());
            if !self.interleave_inserts {
                return;
            }
        }
        // Threads that never had a task are alike: one of them is enough.
        let threads = state.oracle.threads.len().min(state.used + 1);
        for thread in 0..threads {
            let mut next = state.clone();
            let mut batch = Vec::new();
            next.scheduler.next_batch(thread, &mut batch);
            if batch.is_empty() {
                assert_eq!(
                    state.oracle.ready(),
                    None,
                    "kept from {thread}: {:?}",
                    self.tasks
                );
            } else {
                stuck = false;
                let judged = next.oracle.hand_out(thread, &batch);
                assert_eq!(judged, Ok(()), "{:?}", self.tasks);
                next.used = next.used.max(thread + 1);
                self.explore(next);
            }
            if !state.oracle.threads[thread].is_empty() {
                stuck = false;
                self.complete(state.clone(), thread);
            }
        }
        if stuck {
            self.ends += 1;
            assert_eq!(state.oracle.completed, TASKS, "stuck: {:?}", self.tasks);
            assert_eq!(state.scheduler.in_flight(), 0);
            assert_eq!(state.scheduler.waiting(), 0);
            assert!(
                (0..ACCOUNTS).all(|account| state.scheduler.is_idle(account)),
                "a lock is left"
            );
        }
    }

    fn insert(&mut self, mut state: State) {
        let user = state.inserted as u32;
        let accesses = self.tasks[state.inserted];
        state
            .scheduler
            .insert(accesses, 1, user)
            .expect("there is room");
        state.oracle.insert(Rc::clone(accesses), user);
        state.inserted += 1;
        self.explore(state);
    }

    fn complete(&mut self, mut state: State, thread: usize) {
        let task = state
            .oracle
            .complete(thread)
            .expect("the thread has a task");
        state.scheduler.complete(task);
        assert_eq!(
            state.scheduler.in_flight() + state.oracle.completed,
            state.inserted
        );
        self.explore(state);
    }
}

/// Explores all cases that `wanted` accepts; gives states and ends.
fn check(
    threads: usize,
    batch_max: usize,
    interleave_inserts: bool,
    wanted: impl Fn([usize; TASKS]) -> bool,
) -> (usize, usize) {
    let sets = access_sets();
    let (mut states, mut ends) = (0, 0);
    for case in 0..sets.len().pow(3) {
        let numbers = [case / 729, case / 27 % 27, case % 27];
        if !wanted(numbers) {
            continue;
        }
        let tasks = numbers.map(|number| &sets[number]);
        let mut search = Search {
            tasks,
            interleave_inserts,
            states: 0,
            ends: 0,
        };
        search.explore(State {
            scheduler: Scheduler::new(config(threads, TASKS, 9, batch_max)),
            oracle: Oracle::new(threads),
            inserted: 0,
            used: 0,
        });
        states += search.states;
        ends += search.ends;
    }
    println!("{threads} threads, batches of {batch_max}: {states} states, {ends} ends");
    (states, ends)
}

/// Of the cases that differ only by the accounts' names, the one whose accounts are in order.
fn accounts_in_order(numbers: [usize; TASKS]) -> bool {
    let column = |account: u32| numbers.map(|number| number / 3usize.pow(account) % 3);
    column(0) <= column(1) && column(1) <= column(2)
}

#[test]
fn one_thread_runs_every_case_in_order() {
    let (_, ends) = check(1, 64, false, |_| true);
    assert_eq!(
        ends,
        27 * 27 * 27,
        "one thread has one way to take a batch and run it"
    );
    check(1, 1, false, |_| true);
}

#[test]
fn two_threads_keep_every_case_in_order_under_every_completion_order() {
    check(2, 1, false, |_| true);
    check(2, 64, false, |_| true);
}

#[test]
fn three_threads_keep_every_case_in_order_under_every_completion_order() {
    check(3, 1, false, |_| true);
    check(3, 64, false, |_| true);
}

#[test]
fn tasks_that_arrive_while_others_run_keep_every_case_in_order() {
    check(2, 1, true, accounts_in_order);
    check(2, 64, true, accounts_in_order);
}
