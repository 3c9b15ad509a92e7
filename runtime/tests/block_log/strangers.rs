//! Files and records that are whole and yet not what should be there: cut, moved, missing, another
//! history's, another chain's, a newer release's.

use crate::damage::refused;
use crate::records::{closed_log, genesis, open, read, read_with_positions, shared, small_files};
use sealane_accounts_db::{Disk, MemoryDisk};
use sealane_runtime::{BlockLogReader, BlockLogWriter, LogError, LoggedItemRef, RecordPosition};
use solana_hash::Hash;
use xxhash_rust::xxh3::xxh3_64;

const CLOSED: &str = "blocks/closed";

#[test]
fn a_file_that_is_cut_or_longer_or_another_is_told() {
    let (disk, _) = closed_log(7, 40);
    let files = disk.files();
    for (path, length) in &files {
        for cut in 0..*length {
            let cut_disk = disk.copy();
            cut_disk.write(path, &disk.read(path)[..cut as usize]);
            let error = refused(&cut_disk);
            assert!(
                matches!(&error, LogError::Corrupted { file, .. } if file == path),
                "{error}"
            );
        }
    }
    // The last of the log's files, and the mark. Behind the records of older files lies what a crash left.
    for (path, _) in files.iter().rev().take(2) {
        let longer = disk.copy();
        let mut bytes = disk.read(path);
        bytes.push(0);
        longer.write(path, &bytes);
        let error = refused(&longer);
        assert!(
            matches!(&error, LogError::Corrupted { file, .. } if file == path),
            "{error}"
        );
    }
    let swapped = disk.copy();
    let (first, second) = (&files[0].0, &files[1].0);
    swapped.write(first, &disk.read(second));
    swapped.write(second, &disk.read(first));
    let error = refused(&swapped);
    assert!(
        error.to_string().contains("its head says that it is"),
        "{error}"
    );
}

#[test]
fn a_record_that_strayed_is_told() {
    let (disk, _) = closed_log(8, 60);
    let (records, end) = read_with_positions(&disk).unwrap();
    let mut moved = 0;
    for pair in records.windows(3) {
        let [one, two, three] = [0, 1, 2].map(|i| pair[i].0);
        let length = two.offset.wrapping_sub(one.offset);
        if one.file != three.file || three.offset - two.offset != length {
            continue;
        }
        // Two records of one length: the second is overwritten with the first.
        let path = format!("blocks/{:010}.log", one.file);
        let mut bytes = disk.read(&path);
        bytes.copy_within(
            one.offset as usize..two.offset as usize,
            two.offset as usize,
        );
        let strayed = disk.copy();
        strayed.write(&path, &bytes);
        let error = refused(&strayed);
        assert!(
            matches!(error, LogError::Corrupted { offset, .. } if offset == two.offset),
            "{error}"
        );
        moved += 1;
    }
    assert!(moved > 0, "of {} records", end.record);
}

#[test]
fn a_record_or_file_of_another_history_of_the_chain_is_told() {
    // Two logs of the same shape: what lies where and has which number is the same, the records are not.
    let [one, other] = [1, 2].map(|lamports| {
        let disk = MemoryDisk::new();
        let (mut log, _) = open(&disk).unwrap();
        for entry in 1..=200 {
            log.append_entry(entry, [LoggedItemRef::FeeReward { lamports }])
                .unwrap();
            log.sync().unwrap();
        }
        disk
    });
    for (path, _) in &one.files()[1..] {
        let mixed = one.copy();
        mixed.write(path, &other.read(path));
        let error = refused(&mixed);
        assert!(matches!(error, LogError::Corrupted { .. }), "{error}");
    }
    let (records, _) = read_with_positions(&one).unwrap();
    let range = records[5].0.offset as usize..records[6].0.offset as usize;
    let path = "blocks/0000000000.log";
    let mut bytes = one.read(path);
    bytes[range.clone()].copy_from_slice(&other.read(path)[range.clone()]);
    let mixed = one.copy();
    mixed.write(path, &bytes);
    let error = refused(&mixed);
    assert!(
        matches!(error, LogError::Corrupted { offset, .. } if offset == range.start as u64),
        "{error}"
    );
}

#[test]
fn a_record_inside_a_transaction_is_none() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk).unwrap();
    let item = LoggedItemRef::FeeReward { lamports: 9 };
    let outer = log.append_entry(1, [item]).unwrap();
    log.sync().unwrap();
    let written = disk.read("blocks/0000000000.log");
    let wire = &written[outer.offset as usize..];
    let around = LoggedItemRef::Transaction {
        wire,
        loaded: &[],
        record: &[],
    };
    let place = log.append_entry(2, [around]).unwrap().first_item();
    log.close().unwrap();
    let written = disk.read("blocks/0000000000.log");
    let at = written
        .windows(wire.len())
        .rposition(|part| part == wire)
        .unwrap() as u64;
    assert!(at > place.offset);
    let reader = BlockLogReader::open(shared(&disk), &genesis()).unwrap();
    reader.record_at(outer).unwrap();
    reader.item_at(outer.first_item()).unwrap();
    let inner = RecordPosition {
        offset: at,
        ..outer
    };
    let error = reader.record_at(inner).unwrap_err();
    assert!(matches!(error, LogError::NotThere { .. }), "{error}");
    let error = reader.item_at(inner.first_item()).unwrap_err();
    assert!(matches!(error, LogError::NotThere { .. }), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let (disk, _) = closed_log(9, 120);
    let files = disk.files();
    let logs: Vec<_> = files.iter().filter(|(path, _)| path != CLOSED).collect();
    assert!(logs.len() > 4);
    for (path, _) in &logs[1..] {
        let without = disk.copy();
        without.remove(path).unwrap();
        let error = refused(&without);
        assert!(
            matches!(&error, LogError::MissingFile { file } if file == path),
            "{error}"
        );
        let error = open(&without).err().expect("it is missing");
        assert!(
            matches!(&error, LogError::MissingFile { file } if file == path),
            "{error}"
        );
        assert!(error.to_string().contains("put it back"), "{error}");
    }
    let without_all = disk.copy();
    for (path, _) in &logs {
        without_all.remove(path).unwrap();
    }
    let error = refused(&without_all);
    assert!(matches!(error, LogError::MissingFile { .. }), "{error}");
}

#[test]
fn another_chain_and_a_newer_format_are_refused_before_anything_is_changed() {
    let (disk, _) = closed_log(10, 10);
    let other = Hash::new_from_array([8; 32]);
    let before = disk.files();
    let error = BlockLogReader::open(shared(&disk), &other).err().unwrap();
    assert!(
        matches!(error, LogError::OtherGenesis { expected, found, .. }
            if expected == other && found == genesis()),
        "{error}"
    );
    let opened = BlockLogWriter::open(shared(&disk), &other, small_files());
    assert!(matches!(
        opened.err().unwrap(),
        LogError::OtherGenesis { .. }
    ));
    for (path, _) in &before {
        let newer = disk.copy();
        let mut bytes = disk.read(path);
        bytes[8] = 2;
        let head = if path == CLOSED { 96 } else { 88 };
        let checksum = xxh3_64(&bytes[..head - 8]);
        bytes[head - 8..head].copy_from_slice(&checksum.to_le_bytes());
        newer.write(path, &bytes);
        for error in [read(&newer).err(), open(&newer).err()] {
            let error = error.expect("it is newer");
            assert!(
                matches!(&error, LogError::NewerVersion { file, version: 2, .. } if file == path),
                "{error}"
            );
            assert!(error.to_string().contains("run the release"), "{error}");
        }
        assert_eq!(newer.files(), before);
    }
}
