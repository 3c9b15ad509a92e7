//! The power goes at every call of a run, and at random ones of long runs.

use crate::driver::{Driver, GENESIS, Mark, open};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sealane_accounts_db::{Fault, MemoryDisk, SegmentError, verify_account_files};

/// Two processes one after the other, the second of which begins with removing what is not needed.
fn run(disk: &MemoryDisk, driver: &mut Driver, steps: usize) -> Result<(), SegmentError> {
    for _ in 0..2 {
        let mut opened = open(disk)?;
        driver.accounts = driver
            .expect_one_of_mine(&opened)
            .map_or_else(Default::default, |mark| mark.accounts);
        opened.segments.remove_unused()?;
        driver.live(&mut opened.segments, steps)?;
    }
    Ok(())
}

/// After a crash one of two checkpoints is there, and life goes on from it.
fn check_crash(driver: &Driver, disk: &MemoryDisk, crash_seed: u64) -> Option<Mark> {
    let after = disk.crash(crash_seed);
    let opened = open(&after).unwrap_or_else(|error| panic!("{error}"));
    assert!(opened.damaged.is_empty(), "{:?}", opened.damaged);
    let found = driver.expect_one_of_mine(&opened);
    drop(opened);
    // Those that were on their way out, too, have all that they name.
    let verified = verify_account_files(&after, &GENESIS, "accounts", &mut |_| {});
    assert!(!matches!(verified, Err(SegmentError::Missing { .. })));
    let mut next = Driver::resume(crash_seed, 20, found.clone());
    run(&after, &mut next, 6).expect("nothing is wrong with the disk any more");
    let opened = open(&after).expect("it opens");
    next.expect_one_of_mine(&opened);
    found
}

fn calls_of(seed: u64, steps: usize) -> u64 {
    let disk = MemoryDisk::new();
    run(&disk, &mut Driver::new(seed, 20), steps).expect("nothing is wrong with the disk");
    disk.calls()
}

fn crash_at(seed: u64, steps: usize, call: u64, crash_seeds: std::ops::Range<u64>) -> [u64; 2] {
    let disk = MemoryDisk::new();
    disk.fail_call(call, Fault::PowerOff);
    let mut driver = Driver::new(seed, 20);
    let failed = run(&disk, &mut driver, steps);
    assert!(failed.is_err(), "call {call} has no effect");
    let mut found = [0; 2];
    for crash_seed in crash_seeds {
        println!("seed {seed}, call {call}, crash {crash_seed}");
        let mark = check_crash(&driver, &disk, crash_seed);
        let is_newest = mark.map(|mark| mark.state) != driver.acknowledged.clone().map(|m| m.state);
        found[usize::from(is_newest)] += 1;
    }
    found
}

#[test]
fn after_a_crash_at_any_call_a_whole_checkpoint_is_there() {
    let mut found = [0; 2];
    for seed in 0..3 {
        let calls = calls_of(seed, 30);
        assert!(calls > 50, "{calls} calls");
        for call in 1..=calls {
            let one = crash_at(seed, 30, call, 0..6);
            found = [found[0] + one[0], found[1] + one[1]];
        }
    }
    println!("acknowledged {}, begun {}", found[0], found[1]);
    assert!(found.iter().all(|count| *count > 10), "{found:?}");
}

#[test]
fn after_a_crash_at_a_random_call_a_whole_checkpoint_is_there() {
    let runs = crate::flips::effort(150, 20_000);
    let mut random = StdRng::seed_from_u64(5);
    for run in 0..runs {
        let seed = 100 + run / 50;
        let call = random.random_range(1..=calls_of(seed, 120));
        crash_at(seed, 120, call, run..run + 2);
    }
}

#[test]
fn a_killed_process_leaves_a_whole_checkpoint() {
    for seed in 0..3 {
        let calls = calls_of(seed, 30);
        for call in 1..=calls {
            let disk = MemoryDisk::new();
            disk.fail_call(call, Fault::PowerOff);
            let mut driver = Driver::new(seed, 20);
            run(&disk, &mut driver, 30).expect_err("the process ends");
            println!("seed {seed}, call {call}");
            // Nothing of what the system was given is lost, and little of it is durable.
            disk.clear_faults();
            let opened = open(&disk).unwrap_or_else(|error| panic!("{error}"));
            let found = driver.expect_one_of_mine(&opened);
            drop(opened);
            let mut next = Driver::resume(seed, 20, found);
            run(&disk, &mut next, 6).expect("nothing is wrong with the disk");
            check_crash(&next, &disk, seed);
        }
    }
}
