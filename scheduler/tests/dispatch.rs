//! Who gets what, and in which order: chains, shares, costs, chain length, misuse.

mod oracle;

use oracle::{config, conflict, read, write};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane_scheduler::{Access, Config, InsertError, Scheduler, TaskId};

fn scheduler(threads: usize) -> Scheduler {
    Scheduler::new(config(threads, 20_000, 60_000, 64))
}

/// Inserts tasks with the users from `first` on.
fn insert(scheduler: &mut Scheduler, first: u32, tasks: &[&[Access]]) {
    for (user, accesses) in (first..).zip(tasks) {
        scheduler.insert(accesses, 1, user).expect("there is room");
    }
}

/// Inserts writers of one account with the users from `first` on.
fn insert_chain(scheduler: &mut Scheduler, first: u32, account: u32, count: u32) {
    for user in first..first + count {
        insert(scheduler, user, &[&[write(account)]]);
    }
}

/// Asks for a batch: ids, and the callers' handles.
fn ask(scheduler: &mut Scheduler, thread: usize) -> (Vec<TaskId>, Vec<u32>) {
    let mut batch = Vec::new();
    scheduler.next_batch(thread, &mut batch);
    batch.into_iter().unzip()
}

/// Asks for a batch and compares the callers' handles.
fn check(scheduler: &mut Scheduler, thread: usize, expected: &[u32]) -> Vec<TaskId> {
    let (tasks, users) = ask(scheduler, thread);
    assert_eq!(users, expected, "thread {thread}");
    tasks
}

fn complete(scheduler: &mut Scheduler, tasks: &[TaskId]) {
    for &task in tasks {
        scheduler.complete(task);
    }
}

#[test]
fn a_chain_of_64_goes_out_in_one_batch_in_order() {
    let mut scheduler = scheduler(2);
    insert_chain(&mut scheduler, 0, 7, 64);
    let everything: Vec<u32> = (0..64).collect();
    check(&mut scheduler, 0, &everything);
    check(&mut scheduler, 1, &[]);
}

#[test]
fn a_pure_chain_keeps_its_thread_supplied_however_much_it_has() {
    let mut scheduler = scheduler(4);
    insert_chain(&mut scheduler, 0, 7, 1000);
    let (first, _) = ask(&mut scheduler, 2);
    for start in (64..640).step_by(64) {
        let expected: Vec<u32> = (start..start + 64).collect();
        check(&mut scheduler, 2, &expected);
        check(&mut scheduler, 3, &[]);
    }
    complete(&mut scheduler, &first);
    check(&mut scheduler, 1, &[]);
    assert_eq!(
        (scheduler.outstanding(2), scheduler.outstanding(1)),
        (576, 0)
    );
}

#[test]
fn readers_share_and_a_writer_waits_for_all_of_them() {
    let mut scheduler = scheduler(2);
    insert(
        &mut scheduler,
        0,
        &[&[read(1)], &[read(1)], &[write(1)], &[read(1)]],
    );
    let left = check(&mut scheduler, 0, &[0]);
    let right = check(&mut scheduler, 1, &[1]);
    check(&mut scheduler, 0, &[]);
    complete(&mut scheduler, &right);
    complete(&mut scheduler, &left);
    check(&mut scheduler, 1, &[2, 3]);
}

#[test]
fn a_task_between_two_threads_waits_for_one_and_follows_the_other() {
    let mut scheduler = scheduler(2);
    insert(
        &mut scheduler,
        0,
        &[&[write(1)], &[write(2)], &[write(1), write(2)]],
    );
    let left = check(&mut scheduler, 0, &[0]);
    check(&mut scheduler, 1, &[1]);
    check(&mut scheduler, 0, &[]);
    check(&mut scheduler, 1, &[]);
    complete(&mut scheduler, &left);
    check(&mut scheduler, 0, &[]);
    check(&mut scheduler, 1, &[2]);
}

#[test]
fn free_tasks_are_shared_out() {
    let mut scheduler = scheduler(4);
    for account in 0..16 {
        insert(&mut scheduler, account, &[&[write(account)]]);
    }
    check(&mut scheduler, 0, &[0, 1, 2, 3]);
    check(&mut scheduler, 1, &[4, 5, 6]);
    check(&mut scheduler, 2, &[7, 8, 9]);
    check(&mut scheduler, 3, &[10, 11]);
}

#[test]
fn an_endless_chain_does_not_starve_a_free_task() {
    let mut scheduler = scheduler(1);
    insert_chain(&mut scheduler, 0, 7, 32);
    insert(&mut scheduler, 1000, &[&[write(8)]]);
    let mut users = Vec::new();
    for _ in 0..2 {
        insert_chain(&mut scheduler, 2000, 7, 64);
        users.extend(ask(&mut scheduler, 0).1);
    }
    assert_eq!(
        users.iter().position(|&user| user == 1000),
        Some(32),
        "it has its place in line"
    );
}

#[test]
fn a_chained_task_far_behind_its_holder_is_left_to_an_idle_thread() {
    let mut scheduler = scheduler(2);
    // Thread 0 has the holder of account 0, then 63 others.
    for account in 0..64 {
        insert(&mut scheduler, account, &[&[write(account)]]);
    }
    let mut outstanding = Vec::new();
    while scheduler.waiting() > 0 {
        outstanding.extend(ask(&mut scheduler, 0).0);
    }
    insert(&mut scheduler, 100, &[&[write(0)]]);
    check(&mut scheduler, 0, &[]);
    complete(&mut scheduler, &outstanding[..1]);
    check(&mut scheduler, 1, &[100]);

    // The same without an idle thread.
    insert(&mut scheduler, 101, &[&[write(1)]]);
    check(&mut scheduler, 0, &[101]);
}

#[test]
fn waiting_readers_leave_their_writer_s_thread_when_it_is_complete() {
    let mut scheduler = scheduler(2);
    insert(&mut scheduler, 0, &[&[write(0)]]);
    for user in 1..=8000 {
        insert(&mut scheduler, user, &[&[read(0), write(user)]]);
    }
    let (tasks, users) = ask(&mut scheduler, 0);
    assert!(
        (2..20).contains(&users.len()),
        "a few follow their writer: {}",
        users.len()
    );
    complete(&mut scheduler, &tasks[..1]);
    let (_, users) = ask(&mut scheduler, 1);
    assert_eq!(users.len(), 64, "the others may go anywhere");
}

#[test]
fn a_refused_insertion_changes_nothing() {
    let mut scheduler = Scheduler::new(config(1, 2, 3, 8));
    insert(&mut scheduler, 0, &[&[write(1), write(2)]]);
    assert_eq!(
        scheduler.insert(&[read(1), read(3)], 1, 9),
        Err(InsertError::Full),
        "accesses"
    );
    assert!(scheduler.is_idle(3));
    insert(&mut scheduler, 1, &[&[read(1)]]);
    assert_eq!(scheduler.insert(&[], 1, 9), Err(InsertError::Full), "tasks");
    let tasks = check(&mut scheduler, 0, &[0, 1]);
    complete(&mut scheduler, &tasks);
    insert(&mut scheduler, 2, &[&[write(1), write(2), write(3)], &[]]);
    check(&mut scheduler, 0, &[2, 3]);
}

#[test]
fn cost_limits_hold_within_a_slot_and_start_again_with_the_next() {
    let limits = Config {
        account_cost_max: Some(10),
        slot_cost_max: Some(25),
        ..config(1, 100, 100, 64)
    };
    let mut scheduler = Scheduler::new(limits);
    for _ in 0..2 {
        assert!(scheduler.insert(&[write(1), read(2)], 6, 0).is_ok());
        let refused = Err(InsertError::AccountCost(1));
        assert_eq!(scheduler.insert(&[write(2), write(1)], 5, 0), refused);
        assert!(
            scheduler.insert(&[write(1)], 4, 0).is_ok(),
            "up to the limit"
        );
        assert!(
            scheduler.insert(&[write(2)], 10, 0).is_ok(),
            "what was refused left no cost"
        );
        assert!(
            scheduler.insert(&[read(1)], 5, 0).is_ok(),
            "reads are not limited"
        );
        assert_eq!(scheduler.insert(&[], 1, 0), Err(InsertError::SlotCost));
        assert!(scheduler.insert(&[read(1)], 0, 0).is_ok());
        scheduler.start_slot();
    }
    assert_eq!(
        scheduler.insert(&[write(3)], u64::MAX, 0),
        Err(InsertError::SlotCost)
    );
}

#[test]
fn a_forgotten_account_has_no_cost_and_no_chain() {
    let limits = Config {
        account_cost_max: Some(10),
        ..config(1, 100, 100, 64)
    };
    let mut scheduler = Scheduler::new(limits);
    assert!(scheduler.insert(&[write(1)], 10, 0).is_ok());
    let tasks = check(&mut scheduler, 0, &[0]);
    complete(&mut scheduler, &tasks);
    scheduler.forget(1);
    assert!(scheduler.insert(&[write(1)], 10, 0).is_ok());
    assert_eq!(scheduler.longest_chain(), 1);
}

#[test]
fn the_longest_chain_is_that_of_the_whole_conflict_graph() {
    for seed in 0..20 {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut scheduler = scheduler(2);
        for _ in 0..2 {
            let mut depths: Vec<(Vec<Access>, u64)> = Vec::new();
            for user in 0..200 {
                let mut accesses: Vec<Access> = Vec::new();
                for account in 0..20 {
                    if random.random_ratio(1, 10) {
                        accesses.push(Access {
                            account,
                            write: random.random(),
                        });
                    }
                }
                let before = depths
                    .iter()
                    .filter(|(other, _)| conflict(other, &accesses));
                let depth = 1 + before.map(|(_, depth)| *depth).max().unwrap_or(0);
                scheduler.insert(&accesses, 1, user).expect("there is room");
                depths.push((accesses, depth));
                let longest = depths.iter().map(|(_, depth)| *depth).max();
                assert_eq!(Some(scheduler.longest_chain()), longest, "seed {seed}");
            }
            scheduler.reset_longest_chain();
            assert_eq!(scheduler.longest_chain(), 0);
        }
    }
}

#[test]
fn a_chain_is_not_remembered_across_a_full_turn_of_the_epochs() {
    let mut scheduler = scheduler(1);
    insert_chain(&mut scheduler, 0, 1, 5);
    for _ in 0..1 << 16 {
        scheduler.reset_longest_chain();
    }
    insert(&mut scheduler, 5, &[&[write(1)]]);
    assert_eq!(scheduler.longest_chain(), 1);
}

#[test]
#[should_panic(expected = "complete or was not handed out")]
fn completing_twice_is_noticed() {
    let mut scheduler = scheduler(1);
    insert(&mut scheduler, 0, &[&[write(1)]]);
    let tasks = check(&mut scheduler, 0, &[0]);
    complete(&mut scheduler, &tasks);
    complete(&mut scheduler, &tasks);
}

#[test]
#[should_panic(expected = "complete or was not handed out")]
fn completing_a_waiting_task_is_noticed() {
    let mut scheduler = scheduler(1);
    let task = scheduler.insert(&[write(1)], 1, 0).expect("there is room");
    scheduler.complete(task);
}

#[test]
#[should_panic(expected = "account 1 twice")]
fn an_account_twice_in_a_set_is_noticed() {
    let _ = scheduler(1).insert(&[write(1), read(2), read(1)], 1, 0);
}

#[test]
#[should_panic(expected = "is in use")]
fn forgetting_an_account_in_use_is_noticed() {
    let mut scheduler = scheduler(1);
    insert(&mut scheduler, 0, &[&[read(1)]]);
    scheduler.forget(1);
}
