//! Calls that fail: a full disk, errors of the disk.

use crate::driver::{Driver, contents, open};
use sealane_accounts_db::{Fault, MemoryDisk, SegmentError, Segments};

/// What the user of account files does about errors: after a failed sync it starts again, else it goes on.
fn live_on(disk: &MemoryDisk, driver: &mut Driver, rounds: usize) -> [u64; 2] {
    let mut errors = [0; 2];
    let mut segments: Option<Segments> = None;
    for _ in 0..rounds {
        let Some(files) = &mut segments else {
            match open(disk) {
                Ok(opened) => {
                    let found = driver.expect_one_of_mine(&opened);
                    let seed = driver.accounts.len() as u64;
                    *driver = Driver::resume(seed, 20, found);
                    segments = Some(opened.segments);
                }
                Err(SegmentError::Io { .. } | SegmentError::Sync { .. }) => errors[0] += 1,
                Err(error) => panic!("{error}"),
            }
            continue;
        };
        match driver.live(files, 10) {
            Ok(()) => assert!(contents(files).expect("it reads") == driver.accounts),
            // The next checkpoint writes again what may not have been written.
            Err(SegmentError::Io { .. }) => errors[0] += 1,
            Err(SegmentError::Sync { .. }) => {
                errors[1] += 1;
                let state = Default::default();
                let stopped = files.checkpoint(state).err().expect("it is stopped");
                assert!(matches!(stopped, SegmentError::Stopped));
                segments = None;
            }
            Err(error) => panic!("{error}"),
        }
    }
    errors
}

#[test]
fn an_error_at_any_call_loses_nothing_that_was_acknowledged() {
    for fault in [Fault::Io, Fault::NoSpace] {
        let disk = MemoryDisk::new();
        live_on(&disk, &mut Driver::new(1, 20), 10);
        let calls = disk.calls();
        assert!(calls > 50, "{calls} calls");
        let mut errors = [0; 2];
        for call in 1..=calls {
            println!("{fault:?} at call {call}");
            let disk = MemoryDisk::new();
            disk.fail_call(call, fault);
            let mut driver = Driver::new(1, 20);
            let one = live_on(&disk, &mut driver, 12);
            errors = [errors[0] + one[0], errors[1] + one[1]];
            let opened = open(&disk).expect("it opens");
            driver.expect_one_of_mine(&opened);
            for seed in 0..4 {
                let opened = open(&disk.crash(seed)).expect("it opens");
                driver.expect_one_of_mine(&opened);
            }
        }
        println!("{} errors, {} failed syncs", errors[0], errors[1]);
        assert!(errors[0] > 20 && errors[1] > 10);
    }
}

#[test]
fn a_failed_read_is_an_error_and_no_empty_account() {
    let (disk, driver) = crate::driver::sample(2, 20, 60);
    let reads = disk.reads();
    let opened = open(&disk).expect("it opens");
    let opening = disk.reads() - reads;
    drop(opened);
    for read in 1..=opening {
        let disk = disk.copy();
        disk.fail_read(read, Fault::Io);
        let failed = open(&disk).err().expect("a read failed");
        assert!(matches!(failed, SegmentError::Io { .. }), "{failed}");
    }
    let opened = open(&disk).expect("it opens");
    let key = driver.accounts.keys().next().expect("some account");
    disk.fail_read(disk.reads() + 1, Fault::Io);
    assert!(opened.segments.reader().get(key).is_err());
    assert!(
        opened
            .segments
            .reader()
            .get(key)
            .expect("the next one is good")
            .is_some()
    );
}

#[test]
fn a_full_disk_stops_checkpoints_and_room_lets_them_go_on() {
    let disk = MemoryDisk::new();
    let mut driver = Driver::new(6, 20);
    let mut segments = open(&disk).expect("it opens").segments;
    driver.live(&mut segments, 20).expect("there is room");
    let used: u64 = disk.files().iter().map(|(_, length)| length).sum();
    let mut refused = 0;
    for room in (0..12_000).step_by(200) {
        disk.set_capacity(Some(used + room));
        driver.change();
        match driver.checkpoint(&mut segments) {
            Ok(()) => {}
            Err(SegmentError::Io { source, .. }) => {
                assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
                refused += 1;
                driver.expect_one_of_mine(&open(&disk).expect("it opens"));
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 3, "{refused} times");
    disk.set_capacity(None);
    driver.live(&mut segments, 20).expect("there is room again");
    assert!(contents(&segments).expect("it reads") == driver.accounts);
    driver.expect_one_of_mine(&open(&disk).expect("it opens"));
}
