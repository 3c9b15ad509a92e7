//! What was written is read.

use crate::records::{
    closed_log, genesis, item, open, read, read_with_positions, record, shared, small_files,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use sealane_accounts_db::{MemoryDisk, RealDisk};
use sealane_runtime::{
    BlockLogConfig, BlockLogReader, BlockLogWriter, BlockRecord, LogError, LoggedEntry, LoggedItem,
};
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_record_is_read_as_it_was_written_however_it_was_synced_and_reopened(
        steps in prop::collection::vec((any::<u64>(), 0_u8..12), 0..60),
    ) {
        let disk = MemoryDisk::new();
        let (mut log, _) = open(&disk).unwrap();
        let (mut written, mut positions) = (Vec::new(), Vec::new());
        for (seed, then) in steps {
            let record = record(&mut SmallRng::seed_from_u64(seed));
            positions.push(match &record {
                BlockRecord::Entry(entry) if then % 2 == 0 => {
                    let items = entry.items.iter().map(LoggedItem::as_ref);
                    log.append_entry(entry.entry, items).unwrap()
                }
                _ => log.append(&record).unwrap(),
            });
            written.push(record);
            match then {
                0..=4 => prop_assert_eq!(log.sync().unwrap(), written.len() as u64),
                5 => {
                    log.close().unwrap();
                    let (again, end) = open(&disk).unwrap();
                    prop_assert!(end.is_closed);
                    log = again;
                }
                6 => {
                    // Killed, with nothing in the buffer.
                    log.sync().unwrap();
                    let (again, end) = open(&disk).unwrap();
                    prop_assert!(!end.is_closed && end.torn.is_none());
                    log = again;
                }
                _ => {}
            }
            prop_assert_eq!(log.last_record(), written.len() as u64);
        }
        log.close().unwrap();
        let (found, end) = read_with_positions(&disk).unwrap();
        prop_assert!(end.is_closed && end.torn.is_none());
        prop_assert_eq!(end.record, written.len() as u64);
        let expected: Vec<_> = positions.into_iter().zip(written).collect();
        prop_assert_eq!(&found, &expected);
        let reader = BlockLogReader::open(shared(&disk), &genesis()).unwrap();
        for (position, record) in &expected {
            prop_assert_eq!(&reader.record_at(*position).unwrap(), record);
            let BlockRecord::Entry(entry) = record else { continue };
            let mut place = position.first_item();
            for item in &entry.items {
                prop_assert_eq!(&reader.item_at(place).unwrap(), item);
                place.offset += item.as_ref().encoded_bytes() as u64;
            }
        }
        for start in [1, 2, expected.len() / 2, expected.len(), expected.len() + 1] {
            let start = start.max(1);
            if let Ok(records) = reader.records_from(start as u64) {
                let rest: Vec<_> = records.map(Result::unwrap).collect();
                prop_assert_eq!(&rest[..], &expected[start - 1..]);
            } else {
                prop_assert!(start > expected.len() + 1);
            }
        }
    }
}

#[test]
fn a_folder_without_a_log_is_an_empty_log() {
    let disk = MemoryDisk::new();
    let reader = BlockLogReader::open(shared(&disk), &genesis()).unwrap();
    assert_eq!((reader.first_record(), reader.bytes()), (1, 0));
    let mut records = reader.records();
    assert!(records.next().is_none());
    let end = records.end().unwrap();
    assert_eq!((end.record, end.is_closed, end.torn), (0, false, None));
}

#[test]
fn it_is_the_same_on_the_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = SmallRng::seed_from_u64(1);
    let mut written = Vec::new();
    for _ in 0..3 {
        let disk = Arc::new(RealDisk::open(folder.path()).unwrap());
        let (mut log, end) = BlockLogWriter::open(disk, &genesis(), small_files()).unwrap();
        assert_eq!(end.record, written.len() as u64);
        for _ in 0..30 {
            let record = record(&mut random);
            log.append(&record).unwrap();
            log.sync().unwrap();
            written.push(record);
        }
        log.close().unwrap();
    }
    let disk = Arc::new(RealDisk::open(folder.path()).unwrap());
    let reader = BlockLogReader::open(disk, &genesis()).unwrap();
    let found: Vec<_> = reader.records().map(|found| found.unwrap().1).collect();
    assert_eq!(found, written);
    assert!(reader.files().count() > 10);
}

#[test]
fn a_reader_finds_items_in_files_that_are_newer_than_it() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk).unwrap();
    let reader = BlockLogReader::open(shared(&disk), &genesis()).unwrap();
    let mut random = SmallRng::seed_from_u64(2);
    for entry in 1..=100 {
        let item = item(&mut random);
        let position = log.append_entry(entry, [item.as_ref()]).unwrap();
        log.sync().unwrap();
        assert_eq!(reader.item_at(position.first_item()).unwrap(), item);
    }
    assert!(disk.files().len() > 10);
}

#[test]
fn at_a_wrong_position_nothing_is_found() {
    let (disk, written) = closed_log(3, 30);
    let mut items = Vec::new();
    let reader = BlockLogReader::open(shared(&disk), &genesis()).unwrap();
    let (records, _) = read_with_positions(&disk).unwrap();
    for (mut position, _) in records {
        position.offset += 1;
        let error = reader.record_at(position).unwrap_err();
        assert!(matches!(error, LogError::NotThere { .. }), "{error}");
        let mut place = position.first_item();
        // Beyond the end of the file as well.
        for _ in 0..300 {
            let found = reader.item_at(place);
            if let Ok(item) = found {
                items.push(item);
            } else {
                let error = found.unwrap_err();
                assert!(matches!(error, LogError::NotThere { .. }), "{error}");
            }
            place.offset += 1;
        }
    }
    let written = written.into_iter().flat_map(|record| match record {
        BlockRecord::Entry(entry) => entry.items,
        _ => Vec::new(),
    });
    let written: Vec<_> = written.collect();
    assert!(!items.is_empty(), "some are met on the way");
    assert!(
        items.iter().all(|item| written.contains(item)),
        "and only real ones"
    );
}

#[test]
fn records_that_are_not_there_are_told_from_those_that_were() {
    let (disk, written) = closed_log(4, 50);
    let oldest = "blocks/0000000000.log";
    let pruned = disk.copy();
    sealane_accounts_db::Disk::remove(&pruned, oldest).unwrap();
    let reader = BlockLogReader::open(shared(&pruned), &genesis()).unwrap();
    let first = reader.first_record();
    assert!(first > 1);
    let rest: Vec<_> = reader.records().map(|found| found.unwrap().1).collect();
    assert_eq!(rest[..], written[first as usize - 1..]);
    let error = reader.records_from(first - 1).err().unwrap();
    assert!(
        matches!(error, LogError::Pruned { oldest, .. } if oldest == first),
        "{error}"
    );
    reader.records_from(51).unwrap();
    let error = reader.records_from(52).err().unwrap();
    assert!(
        matches!(
            error,
            LogError::Ended {
                record: 52,
                last: 50
            }
        ),
        "{error}"
    );
}

#[test]
fn what_the_format_has_no_room_for_is_refused_and_the_log_goes_on() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk).unwrap();
    let good = BlockRecord::Entry(LoggedEntry {
        entry: 1,
        items: vec![LoggedItem::FeeReward { lamports: 5 }],
    });
    let too_long = BlockRecord::Entry(LoggedEntry {
        entry: 2,
        items: vec![
            LoggedItem::FeeReward { lamports: 6 },
            LoggedItem::Transaction {
                wire: vec![0; 65_536].into(),
                loaded: Vec::new(),
                record: vec![].into(),
            },
        ],
    });
    let too_many = BlockRecord::Entry(LoggedEntry {
        entry: 3,
        items: vec![LoggedItem::Transaction {
            wire: vec![].into(),
            loaded: vec![Default::default(); 256],
            record: vec![].into(),
        }],
    });
    log.append(&good).unwrap();
    for refused in [&too_long, &too_many] {
        let error = log.append(refused).unwrap_err();
        assert!(matches!(error, LogError::TooLarge { .. }), "{error}");
    }
    log.append(&good).unwrap();
    log.close().unwrap();
    assert_eq!(read(&disk).unwrap().0, [good.clone(), good]);
}

#[test]
fn a_large_record_is_written_before_the_sync_and_read_whole() {
    let disk = MemoryDisk::new();
    let config = BlockLogConfig::default();
    let (mut log, _) = BlockLogWriter::open(shared(&disk), &genesis(), config).unwrap();
    let large = BlockRecord::Entry(LoggedEntry {
        entry: 1,
        items: (0..10_000)
            .map(|i| LoggedItem::Transaction {
                wire: vec![i as u8; 1_000].into(),
                loaded: Vec::new(),
                record: vec![1; 50].into(),
            })
            .collect(),
    });
    for _ in 0..8 {
        log.append(&large).unwrap();
        assert_eq!(log.buffered_bytes(), 0, "more than the buffer has room for");
        log.sync().unwrap();
    }
    log.close().unwrap();
    let (found, _) = read(&disk).unwrap();
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|record| *record == large));
    assert_eq!(disk.files().len(), 3, "two files and the mark of the stop");
}
