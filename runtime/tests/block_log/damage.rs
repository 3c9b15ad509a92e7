//! Bytes that are not as they were written: all is told, nothing is silent, and never a panic.

use crate::records::{closed_log, genesis, open, read, read_with_positions, record, shared};
use crate::session::{cases, seeded};
use proptest::prelude::*;
use rand::Rng;
use sealane_accounts_db::MemoryDisk;
use sealane_runtime::{BlockLogReader, BlockRecord, LogError};

/// Why the log cannot be read.
pub(crate) fn refused(disk: &MemoryDisk) -> LogError {
    match read(disk) {
        Err(error) => error,
        Ok((records, _)) => panic!("{} records are read", records.len()),
    }
}

/// Flips a bit, looks whether reading and opening tell, and flips it back.
fn check_flip(disk: &MemoryDisk, path: &str, bit: u64) {
    disk.flip_bit(path, bit);
    let byte = bit / 8;
    match read(disk) {
        Err(LogError::Corrupted { file, offset, .. }) => {
            assert_eq!(file, path, "bit {bit}");
            assert!(
                offset <= byte,
                "bit {bit} of {path} is told as byte {offset}"
            );
        }
        Err(error) => panic!("bit {bit} of {path}: {error}"),
        Ok(_) => panic!("bit {bit} of {path} is silent"),
    }
    disk.flip_bit(path, bit);
}

#[test]
fn every_bit_that_flips_in_a_small_closed_log_is_told_with_its_file() {
    let mut bits = 0;
    let (small, _) = closed_log(1, 12);
    let (single, _) = closed_log(2, 2);
    // Files without a record among them, and stops that were not clean.
    let (reopened, _) = closed_log(3, 3);
    for _ in 0..3 {
        drop(open(&reopened).unwrap());
    }
    let (mut log, _) = open(&reopened).unwrap();
    log.append(&record(&mut seeded(3))).unwrap();
    log.close().unwrap();
    for disk in [small, single, reopened] {
        for (path, length) in disk.files() {
            for bit in 0..length * 8 {
                check_flip(&disk, &path, bit);
                bits += 1;
            }
        }
        read(&disk).expect("all is as it was");
    }
    assert!(bits > 50_000, "{bits} bits");
}

#[test]
fn random_bits_that_flip_in_a_large_closed_log_are_told_with_their_file() {
    let (disk, written) = closed_log(4, 1_000);
    let files = disk.files();
    let bytes: u64 = files.iter().map(|(_, length)| length).sum();
    assert!(bytes > 300_000);
    let mut random = seeded(5);
    for _ in 0..cases(2_000) {
        let mut byte = random.random_range(0..bytes);
        for (path, length) in &files {
            if byte < *length {
                check_flip(&disk, path, byte * 8 + random.random_range(0..8));
                break;
            }
            byte -= length;
        }
    }
    assert!(read(&disk).unwrap().0 == written);
}

/// A log that was killed: the disk, the records, and how many of them a record behind them says are durable.
fn killed_log(seed: u64) -> (MemoryDisk, Vec<BlockRecord>, usize) {
    let mut random = seeded(seed);
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk).unwrap();
    let (mut written, mut acknowledged, mut marked) = (Vec::new(), 0, 0);
    for _ in 0..random.random_range(3..12) {
        marked = acknowledged;
        for _ in 0..random.random_range(1..4) {
            let record = record(&mut random);
            log.append(&record).unwrap();
            written.push(record);
        }
        log.sync().unwrap();
        acknowledged = written.len();
    }
    (disk, written, marked)
}

#[test]
fn after_a_kill_every_bit_before_the_last_durable_mark_is_told() {
    let (mut before, mut behind) = (0, 0);
    for seed in 0..4 {
        let (disk, written, marked) = killed_log(seed);
        let (positions, _) = read_with_positions(&disk).unwrap();
        let first_unmarked = positions[marked].0;
        for (path, length) in disk.files() {
            let number: u64 = path[7..17].parse().unwrap();
            for bit in 0..length * 8 {
                if (number, bit / 8) < (first_unmarked.file, first_unmarked.offset) {
                    check_flip(&disk, &path, bit);
                    before += 1;
                    continue;
                }
                disk.flip_bit(&path, bit);
                match read(&disk) {
                    Ok((found, end)) => {
                        assert!(found.len() >= marked && found[..] == written[..found.len()]);
                        assert!(end.torn.is_some() || number > first_unmarked.file);
                    }
                    Err(LogError::Corrupted { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                disk.flip_bit(&path, bit);
                behind += 1;
            }
        }
    }
    assert!(
        before > 50_000 && behind > 5_000,
        "{before} before, {behind} behind"
    );
}

#[test]
fn a_damaged_item_is_not_given_out() {
    let (disk, _) = closed_log(6, 20);
    let (records, _) = read_with_positions(&disk).unwrap();
    let reader = BlockLogReader::open(shared(&disk), &genesis()).unwrap();
    let mut flips = 0;
    for (position, record) in records {
        let BlockRecord::Entry(entry) = record else {
            continue;
        };
        let mut place = position.first_item();
        let path = format!("blocks/{:010}.log", place.file);
        for item in entry.items {
            let bytes = item.as_ref().encoded_bytes() as u64;
            for bit in place.offset * 8..(place.offset + bytes) * 8 {
                disk.flip_bit(&path, bit);
                let outcome = reader.item_at(place);
                assert!(
                    matches!(outcome, Err(LogError::NotThere { .. })),
                    "bit {bit}"
                );
                disk.flip_bit(&path, bit);
                flips += 1;
            }
            assert_eq!(reader.item_at(place).unwrap(), item);
            place.offset += bytes;
        }
    }
    assert!(flips > 10_000, "{flips} flips");
}

#[test]
fn a_corrupted_log_is_not_opened_for_writing() {
    let (disk, _, marked) = killed_log(11);
    let (positions, _) = read_with_positions(&disk).unwrap();
    let last_marked = positions[marked - 1].0;
    let path = format!("blocks/{:010}.log", last_marked.file);
    if last_marked.file == positions.last().unwrap().0.file {
        disk.flip_bit(&path, last_marked.offset * 8);
        let before = disk.files();
        let error = open(&disk).err().expect("it is damaged");
        let text = error.to_string();
        assert!(
            text.contains(&path) && text.contains("Put a copy of this file"),
            "{text}"
        );
        assert_eq!(disk.files(), before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_bytes_lie_there_nothing_panics(
        seed in any::<u64>(),
        writes in prop::collection::vec((any::<u64>(), prop::collection::vec(any::<u8>(), 0..40)), 1..8),
    ) {
        let (disk, written) = closed_log(seed, 8);
        let files = disk.files();
        let mut bytes_differ = false;
        for (place, noise) in writes {
            let (path, _) = &files[place as usize % files.len()];
            let mut bytes = disk.read(path);
            let at = (place >> 32) as usize % (bytes.len() + 1);
            let end = (at + noise.len()).min(bytes.len());
            bytes_differ |= bytes[at..end] != noise[..];
            bytes.splice(at..end, noise);
            disk.write(path, &bytes);
        }
        match read(&disk) {
            Ok((found, _)) => prop_assert!(!bytes_differ && found == written),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        let _ = open(&disk);
    }
}
