//! Snapshots: a checkpoint and its segments in a folder of their own.

use super::checkpoint::{Checkpoint, segment_path};
use super::error::SegmentError;
use super::scan::Segment;
use crate::disk::Disk;
use crate::sync::Ordering;
use sealane_sdk::Hash;
use std::sync::Arc;

/// Bytes copied at a time.
const COPY_BYTES: u64 = 1 << 20;

/// A durable checkpoint. As long as somebody holds it, its segments are not removed.
pub struct KeptCheckpoint {
    disk: Arc<dyn Disk>,
    genesis: Hash,
    checkpoint: Checkpoint,
    /// Those that the checkpoint names, in that order.
    segments: Vec<Arc<Segment>>,
}

impl KeptCheckpoint {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        genesis: Hash,
        checkpoint: Checkpoint,
        segments: Vec<Arc<Segment>>,
    ) -> Self {
        Self {
            disk,
            genesis,
            checkpoint,
            segments,
        }
    }

    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Its segments, with how many of their bytes count.
    pub(super) fn segments(&self) -> impl Iterator<Item = (&Arc<Segment>, u64)> {
        let lengths = self.checkpoint.segments.iter().map(|(_, length)| *length);
        self.segments.iter().zip(lengths)
    }

    /// Makes a snapshot in a folder of the same disk, mostly of second names for the segments' files, so
    /// that it takes next to no time and room. `folder` is to account files what a ledger's is: they lie
    /// in `folder/accounts`, and `Segments::open` opens them there, or where the folder was copied to.
    ///
    /// May be called from any thread while the node runs. A folder without a checkpoint in it is a
    /// snapshot that was not finished.
    pub fn link_to(&self, folder: &str) -> Result<(), SegmentError> {
        self.make(&*self.disk, folder, true)
    }

    /// Like `link_to`, as a copy on any disk.
    pub fn copy_to(&self, disk: &dyn Disk, folder: &str) -> Result<(), SegmentError> {
        self.make(disk, folder, false)
    }

    fn make(&self, disk: &dyn Disk, folder: &str, link: bool) -> Result<(), SegmentError> {
        let accounts = match folder {
            "" => "accounts".to_owned(),
            folder => format!("{folder}/accounts"),
        };
        make_durable_folder(disk, &accounts)?;
        for (segment, length) in self.segments() {
            let path = segment_path(&accounts, segment.number);
            let is_whole = segment.sealed.load(Ordering::Acquire)
                && segment.file.len().is_ok_and(|found| found == length);
            // Where the system has no links, there is a copy.
            if !(link && is_whole && disk.link(&segment.path, &path).is_ok()) {
                copy(segment, length, disk, &path)?;
            }
        }
        disk.sync_directory(&accounts)
            .map_err(SegmentError::sync(&accounts))?;
        self.checkpoint.write(disk, &accounts, &self.genesis)
    }
}

/// The first `length` bytes of a segment, durably.
fn copy(segment: &Segment, length: u64, disk: &dyn Disk, path: &str) -> Result<(), SegmentError> {
    let mut file = disk
        .create(path)
        .map_err(SegmentError::io("create", path))?;
    let mut bytes = Vec::new();
    let mut offset = 0;
    while offset < length {
        bytes.resize((length - offset).min(COPY_BYTES) as usize, 0);
        segment
            .file
            .read_at(offset, &mut bytes)
            .map_err(SegmentError::read(&segment.path, offset))?;
        file.append(&bytes)
            .map_err(SegmentError::io("write", path))?;
        offset += bytes.len() as u64;
    }
    file.sync().map_err(SegmentError::sync(path))
}

/// Makes a folder and those above it, with durable names.
pub(super) fn make_durable_folder(disk: &dyn Disk, folder: &str) -> Result<(), SegmentError> {
    disk.create_directory(folder)
        .map_err(SegmentError::io("make", folder))?;
    let mut above = folder;
    while !above.is_empty() {
        above = above.rsplit_once('/').map_or("", |(above, _)| above);
        disk.sync_directory(above)
            .map_err(SegmentError::sync(folder))?;
    }
    Ok(())
}
