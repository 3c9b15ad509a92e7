//! Checking every byte of the account files: what `ledger verify` does.

use super::checkpoint::{Checkpoint, Name, open, segment_path};
use super::error::SegmentError;
use super::scan::{Scan, Segment};
use crate::disk::Disk;
use crate::sync::AtomicBool;
use sealane_sdk::Hash;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

/// Checks all checkpoints in a folder of account files and every byte that they name, and changes nothing.
/// `progress` is told how many bytes were checked since it was last called. Returns the checkpoints, the
/// oldest first; the first thing that is wrong is the error.
pub fn verify_account_files(
    disk: &dyn Disk,
    genesis: &Hash,
    folder: &str,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Checkpoint>, SegmentError> {
    let checkpoints = read_checkpoints(disk, genesis, folder)?;
    let mut lengths = BTreeMap::new();
    for (number, length) in checkpoints.iter().flat_map(|it| &it.segments) {
        let longest = lengths.entry(*number).or_insert(*length);
        *longest = (*longest).max(*length);
    }
    for (number, length) in lengths {
        let path = segment_path(folder, number);
        let segment = Arc::new(Segment {
            number,
            file: open(disk, &path)?,
            path,
            sealed: AtomicBool::new(true),
        });
        segment.check(genesis, length)?;
        let mut scan = Scan::new(segment, length);
        while let Some((_, record)) = scan.next()? {
            progress(record.size() as u64);
        }
    }
    Ok(checkpoints)
}

/// The checkpoints in a folder of account files, the oldest first, without their segments. None where there is
/// no such folder.
pub fn read_checkpoints(
    disk: &dyn Disk,
    genesis: &Hash,
    folder: &str,
) -> Result<Vec<Checkpoint>, SegmentError> {
    let names = match disk.list(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(SegmentError::io("list", folder))?,
    };
    let numbers = names.iter().filter_map(|name| match Name::parse(name) {
        Name::Checkpoint(number) => Some(number),
        _ => None,
    });
    let checkpoints = numbers.map(|number| Checkpoint::read(disk, folder, genesis, number));
    let mut checkpoints = checkpoints.collect::<Result<Vec<_>, _>>()?;
    checkpoints.sort_by_key(|checkpoint| checkpoint.number);
    Ok(checkpoints)
}
