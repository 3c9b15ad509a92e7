//! Flipped bits are found, wherever they are.

use crate::driver::{Driver, GENESIS, Mark, contents, open, sample};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sealane_accounts_db::{MemoryDisk, SegmentError, verify_account_files};

/// How often to do something: with `SEALANE_FLIPS` set, `full` times.
pub(crate) fn effort(normal: u64, full: u64) -> u64 {
    if std::env::var_os("SEALANE_FLIPS").is_some() {
        full
    } else {
        normal
    }
}

/// Files with two checkpoints and nothing beside, who wrote them, and what the older one holds.
fn two_checkpoints(seed: u64, keys: u64, steps: usize) -> (MemoryDisk, Driver, Mark) {
    let (disk, mut driver) = sample(seed, keys, steps);
    let before = driver.acknowledged.clone().expect("it ends with one");
    // In a process of its own, so that the newer one has a segment of its own.
    let mut segments = open(&disk).expect("it opens").segments;
    driver.change();
    driver.checkpoint(&mut segments).expect("it writes");
    segments.remove_unused().expect("it removes");
    (disk, driver, before)
}

/// With this bit flipped: the damage is told, and what is found is a whole checkpoint or nothing.
/// Returns whether the older one was.
fn check_flip(
    disk: &MemoryDisk,
    driver: &Driver,
    before: &Mark,
    path: &str,
    bit: u64,
) -> Result<bool, SegmentError> {
    let disk = disk.copy();
    disk.flip_bit(path, bit);
    let verified = verify_account_files(&disk, &GENESIS, "accounts", &mut |_| {});
    let told = verified.expect_err("a flipped bit is found");
    assert!(
        matches!(told, SegmentError::Corrupted { .. }),
        "{path}, bit {bit}: {told}"
    );
    let opened = match open(&disk) {
        Err(error @ SegmentError::Corrupted { .. }) => return Err(error),
        Err(error) => panic!("{path}, bit {bit}: {error}"),
        Ok(opened) => opened,
    };
    let found = opened.checkpoint.as_ref().expect("there was one");
    let contents = contents(&opened.segments).expect("what was opened can be read");
    if found.checkpoint().state == before.state {
        assert!(!opened.damaged.is_empty(), "{path}, bit {bit}");
        assert!(contents == before.accounts);
        return Ok(true);
    }
    // The damage is in what only the older one needs.
    let newest = driver.acknowledged.as_ref().expect("there is one");
    assert!(found.checkpoint().state == newest.state);
    assert!(contents == newest.accounts);
    Ok(false)
}

#[test]
fn every_flipped_bit_of_small_files_is_found() {
    let (disk, driver, before) = two_checkpoints(1, 12, 3);
    let mut found = [0; 3];
    let files = disk.files();
    println!("{files:?}");
    for (path, length) in &files {
        for bit in 0..length * 8 {
            let outcome = match check_flip(&disk, &driver, &before, path, bit) {
                Err(_) => 0,
                Ok(true) => 1,
                Ok(false) => 2,
            };
            found[outcome] += 1;
        }
    }
    println!(
        "refused {}, older {}, newest {}",
        found[0], found[1], found[2]
    );
    assert!(found.iter().all(|count| *count > 100), "{found:?}");
}

#[test]
fn random_flips_of_larger_files_are_found() {
    let (disk, driver, before) = two_checkpoints(2, 60, 200);
    let files: Vec<_> = disk.files();
    let bits: u64 = files.iter().map(|(_, length)| length * 8).sum();
    println!("{bits} bits");
    let mut random = StdRng::seed_from_u64(9);
    for _ in 0..effort(500, 100_000) {
        let mut bit = random.random_range(0..bits);
        let (path, _) = files
            .iter()
            .find(|(_, length)| {
                let here = bit < length * 8;
                if !here {
                    bit -= length * 8;
                }
                here
            })
            .expect("a bit is in a file");
        let _ = check_flip(&disk, &driver, &before, path, bit);
    }
}

#[test]
fn a_flipped_bit_is_found_by_who_reads_an_account() {
    let (disk, driver) = sample(3, 10, 30);
    let opened = open(&disk).expect("it opens");
    let reader = opened.segments.reader();
    let segments: Vec<_> = disk
        .files()
        .into_iter()
        .filter(|(path, _)| path.ends_with(".seg"))
        .collect();
    let mut found = 0;
    for (path, length) in segments {
        for bit in (0..length * 8).step_by(5) {
            disk.flip_bit(&path, bit);
            for (key, state) in &driver.accounts {
                match reader.get(key) {
                    Ok(read) => assert_eq!(read.as_ref(), Some(state)),
                    Err(SegmentError::Corrupted { .. }) => found += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            disk.flip_bit(&path, bit);
        }
    }
    assert!(found > 100, "{found}");
}
