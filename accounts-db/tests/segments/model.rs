//! Random batches, checkpoints, compactions and reopenings against a map.

use crate::driver::{Driver, contents, key, names, open};
use rand::Rng;
use sealane_accounts_db::{MemoryDisk, Segments};
use sealane_sdk::AccountState;

fn check(seed: u64, keys: u64, lives: usize, steps: usize) {
    println!("seed {seed}, {keys} keys");
    let disk = MemoryDisk::new();
    let mut driver = Driver::new(seed, keys);
    for _ in 0..lives {
        let mut opened = open(&disk).expect("it opens");
        assert!(opened.damaged.is_empty());
        let found = driver.expect_one_of_mine(&opened);
        assert_eq!(found.is_some(), driver.acknowledged.is_some());
        // What came after the last checkpoint is lost with the process.
        driver = Driver::resume(driver.random.random(), keys, found);
        if driver.random.random() {
            opened.segments.remove_unused().expect("it removes");
        }
        let mut segments = opened.segments;
        driver.live(&mut segments, steps).expect("it lives");
        check_reads(&driver, &segments, keys);
        assert!(contents(&segments).expect("it reads") == driver.accounts);
        driver.change();
        driver.write(&mut segments, true).expect("it writes");
        check_reads(&driver, &segments, keys);
    }
}

fn check_reads(driver: &Driver, segments: &Segments, keys: u64) {
    let reader = segments.reader();
    for key in (0..keys + 3).map(key) {
        let expected = driver.accounts.get(&key);
        assert_eq!(reader.get(&key).expect("it reads").as_ref(), expected);
        assert_eq!(reader.contains(&key), expected.is_some());
    }
}

#[test]
fn the_files_hold_what_a_map_holds() {
    for seed in 0..60 {
        check(seed, 10 + seed * 3, 5, 40);
    }
    check(1_000, 1_000, 20, 400);
}

#[test]
fn files_stay_within_a_bound_however_long_accounts_are_written() {
    let full = crate::driver::options().segment_bytes_max;
    let disk = MemoryDisk::new();
    let mut driver = Driver::new(3, 100);
    for _ in 0..30 {
        let mut segments = open(&disk).expect("it opens").segments;
        for _ in 0..20 {
            driver.change();
            driver.checkpoint(&mut segments).expect("it writes");
            while segments.compact_step(3_000).expect("it compacts") {}
            let bound = 2 * segments.live_bytes() + 2 * full;
            assert!(
                segments.total_bytes() <= bound,
                "{}",
                segments.total_bytes()
            );
        }
        // What the checkpoint before the last one needed is no longer needed after two more.
        for _ in 0..2 {
            driver.checkpoint(&mut segments).expect("it writes");
        }
        segments.remove_unused().expect("it removes");
        let on_disk: u64 = disk.files().iter().map(|(_, length)| length).sum();
        let bound = 2 * segments.live_bytes() + 3 * full;
        assert!(on_disk <= bound, "{on_disk} bytes in {:?}", names(&disk));
    }
    assert!(names(&disk).len() < 20, "{:?}", names(&disk));
}

#[test]
fn accounts_that_come_and_go_leave_nothing_behind() {
    let disk = MemoryDisk::new();
    let mut segments = open(&disk).expect("it opens").segments;
    let mut driver = Driver::new(4, 1);
    let state = AccountState {
        lamports: 1,
        ..Default::default()
    };
    for round in 0..200_u64 {
        let keys = || (round * 50..round * 50 + 50).map(key);
        let born = keys().map(|key| (key, state.clone()));
        segments.write(round, born).expect("it writes");
        let gone = keys().map(|key| (key, AccountState::default()));
        segments.write(round, gone).expect("it writes");
        driver.checkpoint(&mut segments).expect("it writes");
        while segments.compact_step(10_000).expect("it compacts") {}
        segments.remove_unused().expect("it removes");
    }
    assert_eq!(segments.account_count(), 0);
    let full = crate::driver::options().segment_bytes_min;
    assert!(
        segments.total_bytes() <= 3 * full,
        "{}",
        segments.total_bytes()
    );
    let opened = open(&disk).expect("it opens");
    assert!(contents(&opened.segments).expect("it reads").is_empty());
}
