//! Checking every byte of the account files: what `ledger verify` does.

use super::checkpoint::{Checkpoint, Name, open, segment_path};
use super::error::SegmentError;
use super::scan::{Scan, Segment};
use crate::disk::Disk;
use crate::sync::AtomicBool;
use sealane_sdk::Hash;
use std::collections::BTreeMap;
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
    let names = disk
        .list(folder)
        .map_err(SegmentError::io("list", folder))?;
    let mut checkpoints = Vec::new();
    let mut lengths = BTreeMap::new();
    for name in &names {
        if let Name::Checkpoint(number) = Name::parse(name) {
            let checkpoint = Checkpoint::read(disk, folder, genesis, number)?;
            for (number, length) in &checkpoint.segments {
                let longest = lengths.entry(*number).or_insert(*length);
                *longest = (*longest).max(*length);
            }
            checkpoints.push(checkpoint);
        }
    }
    checkpoints.sort_by_key(|checkpoint| checkpoint.number);
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
