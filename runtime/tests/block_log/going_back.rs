//! A log that goes back to places in it: what lay behind counts for nothing, and nothing is cut off.

use crate::records::{genesis, record, shared, small_files};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane_accounts_db::MemoryDisk;
use sealane_runtime::{BlockLogReader, BlockLogWriter, BlockRecord, RecordPosition};

/// Random records and ways back, some of them to where the log was opened. What counts, with where it lies, and where
/// lies what does not.
fn write(
    random: &mut SmallRng,
    disk: &MemoryDisk,
    counts: &mut Vec<(RecordPosition, BlockRecord)>,
) -> Vec<RecordPosition> {
    let (mut log, end) =
        BlockLogWriter::open(shared(disk), &genesis(), small_files()).expect("it opens");
    assert_eq!(end.record, counts.len() as u64);
    let mut places = vec![(log.place(), counts.len())];
    let mut gone = Vec::new();
    for _ in 0..random.random_range(1..80) {
        match random.random_range(0..14) {
            0 => drop(log.sync().expect("the disk works")),
            1 => places.push((log.place(), counts.len())),
            2 => {
                let at = random.random_range(0..places.len());
                let (place, length) = places[at];
                places.truncate(at + 1);
                let position = log.revert_to(place).expect("the disk works");
                gone.extend(counts.drain(length..).map(|(position, _)| position));
                let record = length as u64;
                assert_eq!(position.number, record + 1);
                assert_eq!(log.durable_record(), record + 1);
                counts.push((position, BlockRecord::RevertTo { record }));
            }
            _ => {
                let record = record(random);
                let position = log.append(&record).expect("it fits");
                counts.push((position, record));
            }
        }
    }
    match random.random_range(0..2) {
        0 => log.close().expect("the disk works"),
        _ => drop(log.sync().expect("the disk works")),
    }
    gone
}

#[test]
fn what_was_gone_back_behind_counts_for_nothing() {
    let mut went_back = 0;
    for seed in 0..300 {
        let mut random = SmallRng::seed_from_u64(seed);
        let disk = MemoryDisk::new();
        let mut counts = Vec::new();
        for _ in 0..3 {
            let files: Vec<(String, u64)> = disk.files().into_iter().collect();
            let gone = write(&mut random, &disk, &mut counts);
            for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".log")) {
                let is = disk.files().into_iter().find(|(it, _)| it == name);
                assert!(
                    is.is_some_and(|(_, is)| is >= *bytes),
                    "seed {seed}: {name} was cut"
                );
            }
            let log = BlockLogReader::open(shared(&disk), &genesis()).expect("it opens");
            let read: Vec<_> = log.records().map(|it| it.expect("it is whole")).collect();
            assert!(read == counts, "seed {seed}");
            for position in &gone {
                assert!(
                    log.is_reverted(position.file, position.number),
                    "seed {seed}"
                );
            }
            for (position, _) in &counts {
                assert!(
                    !log.is_reverted(position.file, position.number),
                    "seed {seed}"
                );
                let from = log.records_from(position.number).expect("it is there");
                let first = from.into_iter().next().expect("it is one");
                assert_eq!(first.expect("it is whole").0, *position, "seed {seed}");
            }
            went_back += gone.len();
        }
    }
    assert!(went_back > 1_000, "{went_back}");
}
