//! What is refused, and what is said about it.

use crate::driver::{Driver, GENESIS, open, options, sample};
use sealane_accounts_db::{Disk, MemoryDisk, SegmentError, Segments};
use sealane_sdk::Hash;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

fn error_of(disk: &MemoryDisk) -> SegmentError {
    open(disk).err().expect("it is refused")
}

#[test]
fn account_files_of_another_chain_are_refused() {
    let (disk, _) = sample(1, 20, 30);
    let other = Hash::new_from_array([8; 32]);
    let opened = Segments::open(Arc::new(disk), other, options());
    let error = opened.err().expect("it is refused");
    assert!(
        matches!(error, SegmentError::OtherGenesis { expected, found, .. }
            if expected == other && found == GENESIS),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("the ledger folder that it came from")
    );
}

/// Gives a file's header another version, with the checksum that belongs to it.
fn set_version(disk: &MemoryDisk, path: &str) {
    let mut bytes = disk.read(path);
    bytes[8] = 2;
    let before = u64::from_le_bytes(bytes[56..64].try_into().expect("eight"));
    let mut old = bytes[..56].to_vec();
    old[8] = 1;
    let sum = before ^ xxh3_64(&old) ^ xxh3_64(&bytes[..56]);
    bytes[56..64].copy_from_slice(&sum.to_le_bytes());
    disk.write(path, &bytes);
}

#[test]
fn files_of_a_newer_format_are_refused_and_not_passed_over() {
    let (disk, _) = sample(2, 20, 60);
    let mut seen = 0;
    for (path, _) in disk.files() {
        let disk = disk.copy();
        set_version(&disk, &path);
        match open(&disk) {
            Err(error @ SegmentError::NewerVersion { version: 2, .. }) => {
                seen += 1;
                assert!(
                    error.to_string().contains("start it with the version"),
                    "{error}"
                );
            }
            Err(error) => panic!("{path}: {error}"),
            Ok(opened) => assert_eq!(opened.damaged.len(), 1, "an older checkpoint's"),
        }
    }
    assert!(seen > 1);
}

#[test]
fn a_missing_segment_is_named() {
    let (disk, _) = sample(3, 30, 60);
    let opened = open(&disk).expect("it opens");
    drop(opened);
    let (path, _) = disk
        .files()
        .into_iter()
        .rfind(|(path, _)| path.ends_with(".seg"))
        .expect("there are some");
    disk.remove(&path).expect("it is there");
    let error = error_of(&disk);
    assert!(
        matches!(&error, SegmentError::Missing { file } if *file == path),
        "{error}"
    );
    assert!(error.to_string().contains("put it back"));
}

#[test]
fn files_of_others_in_the_folder_are_left_alone() {
    let (disk, mut driver) = sample(4, 20, 30);
    let names = [
        "notes.txt",
        "checkpoint-",
        "checkpoint-x",
        "seg",
        "7.segment",
    ];
    for name in names {
        disk.write(&format!("accounts/{name}"), b"mine");
    }
    let mut segments = open(&disk).expect("it opens").segments;
    driver.live(&mut segments, 40).expect("it lives");
    segments.remove_unused().expect("it removes");
    for name in names {
        assert_eq!(disk.read(&format!("accounts/{name}")), b"mine");
    }
}

#[test]
fn what_crashes_left_is_removed() {
    let (disk, driver) = sample(5, 20, 30);
    let names = crate::driver::names(&disk);
    for seed in 0..5 {
        // Killed before its first checkpoint.
        let mut segments = open(&disk).expect("it opens").segments;
        let mut other = Driver::new(seed, 20);
        other.change();
        other.write(&mut segments, true).expect("it writes");
    }
    disk.write("accounts/checkpoint-900.new", b"half of");
    assert!(crate::driver::names(&disk).len() > names.len());
    let mut opened = open(&disk).expect("it opens");
    driver.expect_one_of_mine(&opened);
    opened.segments.remove_unused().expect("it removes");
    assert_eq!(crate::driver::names(&disk), names);
}
