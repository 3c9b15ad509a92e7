//! Snapshots are the accounts of a checkpoint, whatever happens to the files later.

use crate::driver::{Driver, GENESIS, contents, open, sample};
use sealane_accounts_db::{
    Disk, MemoryDisk, OpenedSegments, SegmentError, SegmentOptions, Segments,
};
use std::sync::Arc;

fn open_in(disk: &MemoryDisk, folder: &str) -> Result<OpenedSegments, SegmentError> {
    let options = SegmentOptions {
        folder: format!("{folder}/accounts"),
        ..crate::driver::options()
    };
    Segments::open(Arc::new(disk.clone()), GENESIS, options)
}

fn check(folder: &str, disk: &MemoryDisk, expected: &crate::driver::Mark) {
    let opened = open_in(disk, folder).expect("a snapshot opens");
    assert!(opened.damaged.is_empty());
    let found = opened.checkpoint.as_ref().expect("it has a checkpoint");
    assert!(found.checkpoint().state == expected.state);
    assert!(contents(&opened.segments).expect("it reads") == expected.accounts);
}

#[test]
fn a_snapshot_stays_what_it_was_while_the_node_goes_on() {
    let (disk, mut driver) = sample(1, 30, 50);
    let other = MemoryDisk::new();
    let mut segments = open(&disk).expect("it opens").segments;
    let mut taken = Vec::new();
    for round in 0..12 {
        let kept = segments.kept().last().expect("there is one").clone();
        let mark = driver.acknowledged.clone().expect("there is one");
        // Half of them when there is more in the segment that is written to.
        if round % 2 == 0 {
            driver.change();
            driver.write(&mut segments, true).expect("it writes");
        }
        let folder = format!("snapshots/{round}");
        kept.link_to(&folder).expect("it links");
        // The next life, with whoever made the snapshot still holding the checkpoint.
        driver.live(&mut segments, 20).expect("it lives");
        segments.remove_unused().expect("it removes");
        kept.copy_to(&other, &folder).expect("it copies");
        taken.push((folder, mark));
    }
    for (folder, mark) in &taken {
        check(folder, &disk, mark);
        check(folder, &other, mark);
        // Nothing of the ledger is needed.
        check(folder, &disk.copy(), mark);
    }
}

#[test]
fn a_snapshot_is_all_there_after_a_crash() {
    let (disk, driver) = sample(2, 20, 40);
    let opened = open(&disk).expect("it opens");
    let kept = opened.checkpoint.expect("there is one");
    kept.link_to("snapshots/a").expect("it links");
    kept.copy_to(&disk, "snapshots/b").expect("it copies");
    for seed in 0..50 {
        let after = disk.crash(seed);
        let mark = driver.acknowledged.as_ref().expect("there is one");
        check("snapshots/a", &after, mark);
        check("snapshots/b", &after, mark);
    }
}

#[test]
fn a_snapshot_becomes_a_ledger() {
    let (disk, driver) = sample(3, 20, 40);
    let kept = open(&disk)
        .expect("it opens")
        .checkpoint
        .expect("there is one");
    let new = MemoryDisk::new();
    kept.copy_to(&new, "").expect("it copies");
    let opened = open(&new).expect("it opens");
    let found = driver.expect_one_of_mine(&opened);
    let mut next = Driver::resume(1, 20, found);
    let mut segments = opened.segments;
    next.live(&mut segments, 50).expect("it lives");
    next.expect_one_of_mine(&open(&new).expect("it opens"));
}

#[test]
fn a_snapshot_without_one_of_its_files_is_refused() {
    let (disk, _) = sample(4, 30, 60);
    let kept = open(&disk)
        .expect("it opens")
        .checkpoint
        .expect("there is one");
    kept.copy_to(&disk, "snapshot").expect("it copies");
    let files: Vec<_> = disk.files();
    let files = files
        .iter()
        .filter(|(path, _)| path.starts_with("snapshot/"));
    let mut segments = 0;
    for (path, length) in files {
        let without = disk.copy();
        without.remove(path).expect("it is there");
        match open_in(&without, "snapshot") {
            Err(SegmentError::Missing { file }) => {
                segments += 1;
                assert_eq!(file, *path);
            }
            Err(error) => panic!("{error}"),
            // Not a snapshot any more.
            Ok(opened) => assert!(opened.checkpoint.is_none() && !path.ends_with(".seg")),
        }
        // Cut short anywhere.
        for kept in (0..*length).step_by(97) {
            let cut = disk.copy();
            cut.write(path, &disk.read(path)[..kept as usize]);
            let error = open_in(&cut, "snapshot").err();
            let error = error.expect("a file that is cut short is refused");
            assert!(matches!(error, SegmentError::Corrupted { .. }), "{error}");
        }
    }
    assert!(segments > 1);
}
