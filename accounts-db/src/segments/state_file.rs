//! All accounts in one file: what `--state FILE` saves and loads.
//!
//! The file is a segment that holds every account once, then a checkpoint that names it, then where the
//! checkpoint begins.

use super::checkpoint::{Checkpoint, CheckpointState, TEMPORARY, open};
use super::error::SegmentError;
use super::format::{HEADER_BYTES, Place, SEGMENT_MAGIC, append_record, checksum, header, u64_at};
use super::scan::Segment;
use super::stream::AccountStream;
use crate::Pubkey;
use crate::disk::{Disk, DiskFile};
use crate::sync::AtomicBool;
use sealane_sdk::{AccountState, Hash};
use std::borrow::Borrow;
use std::sync::Arc;

/// Bytes gathered before they are appended to the file.
const BUFFER_BYTES: usize = 1 << 20;
/// Bytes at the file's end that say where the checkpoint begins.
const TRAILER_BYTES: u64 = 16;
/// Number of the one segment and the one checkpoint.
const NUMBER: u32 = 0;

/// Writes a state file, durably: it is there whole or not at all, and takes the place of one that was there.
/// Each account comes once; absent ones are left out.
pub fn write_state_file<K, S>(
    disk: &dyn Disk,
    path: &str,
    genesis: &Hash,
    state: CheckpointState,
    accounts: impl IntoIterator<Item = (K, S)>,
) -> Result<(), SegmentError>
where
    K: Borrow<Pubkey>,
    S: Borrow<AccountState>,
{
    let temporary = format!("{path}{TEMPORARY}");
    // Left behind by a try that failed; what is not there need not go.
    let _ = disk.remove(&temporary);
    let written = (|| {
        let file = disk
            .create(&temporary)
            .map_err(SegmentError::io("create", &temporary))?;
        write(file, &temporary, genesis, state, accounts)?;
        disk.rename(&temporary, path)
            .map_err(SegmentError::io("rename", &temporary))
    })();
    if written.is_err() {
        let _ = disk.remove(&temporary);
    }
    written?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    disk.sync_directory(folder)
        .map_err(SegmentError::sync(path))
}

fn write<K: Borrow<Pubkey>, S: Borrow<AccountState>>(
    mut file: Box<dyn DiskFile>,
    path: &str,
    genesis: &Hash,
    state: CheckpointState,
    accounts: impl IntoIterator<Item = (K, S)>,
) -> Result<(), SegmentError> {
    let mut buffer = header(SEGMENT_MAGIC, genesis, NUMBER.into()).to_vec();
    let mut written = 0;
    let mut account_count = 0;
    for (key, account) in accounts {
        if account.borrow().is_absent() {
            continue;
        }
        let place = Place {
            segment: NUMBER,
            offset: written + buffer.len() as u64,
        };
        append_record(
            &mut buffer,
            place,
            key.borrow(),
            account.borrow(),
            state.slot,
        );
        account_count += 1;
        if buffer.len() >= BUFFER_BYTES {
            file.append(&buffer)
                .map_err(SegmentError::io("write", path))?;
            written += buffer.len() as u64;
            buffer.clear();
        }
    }
    let length = written + buffer.len() as u64;
    let checkpoint = Checkpoint {
        number: NUMBER.into(),
        account_count,
        state,
        segments: vec![(NUMBER, length)],
    };
    buffer.extend_from_slice(&checkpoint.encode(genesis));
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&trailer_checksum(length).to_le_bytes());
    file.append(&buffer)
        .map_err(SegmentError::io("write", path))?;
    file.sync().map_err(SegmentError::sync(path))
}

fn trailer_checksum(length: u64) -> u64 {
    checksum(&length.to_le_bytes(), NUMBER.into(), 0)
}

/// A state file, open.
pub struct StateFile {
    segment: Arc<Segment>,
    checkpoint: Checkpoint,
}

impl StateFile {
    /// Opens the state file of the chain with this genesis hash.
    pub fn open(disk: &dyn Disk, path: &str, genesis: &Hash) -> Result<Self, SegmentError> {
        let file = open(disk, path)?;
        let length = file
            .len()
            .map_err(SegmentError::io("ask for the length of", path))?;
        let segment = Arc::new(Segment {
            number: NUMBER,
            path: path.to_owned(),
            file,
            sealed: AtomicBool::new(true),
        });
        segment.check(genesis, HEADER_BYTES as u64)?;
        let read = |offset: u64, end: u64| {
            let mut bytes = vec![0; (end - offset) as usize];
            let read = segment.file.read_at(offset, &mut bytes);
            read.map_err(SegmentError::read(path, offset))?;
            Ok(bytes)
        };
        let corrupted = |offset, what| Err(SegmentError::corrupted(path, offset, what));
        let Some(checkpoint_end) = length.checked_sub(TRAILER_BYTES) else {
            return corrupted(length, "the file is too short");
        };
        let trailer = read(checkpoint_end, length)?;
        let segment_end = u64_at(&trailer, 0);
        if trailer_checksum(segment_end) != u64_at(&trailer, 8) {
            return corrupted(
                checkpoint_end,
                "the file was cut short, or its end is damaged",
            );
        }
        if segment_end > checkpoint_end {
            return corrupted(checkpoint_end, "the file was cut short");
        }
        let bytes = read(segment_end, checkpoint_end)?;
        let checkpoint = Checkpoint::decode(&bytes, genesis, NUMBER.into(), path, segment_end)?;
        if checkpoint.segments != [(NUMBER, segment_end)] {
            return corrupted(segment_end, "the checkpoint is of another file");
        }
        Ok(Self {
            segment,
            checkpoint,
        })
    }

    /// What its checkpoint says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// All accounts.
    pub fn accounts(&self) -> AccountStream<'_> {
        let length = self.checkpoint.segment_bytes();
        let segment = (Arc::clone(&self.segment), length);
        AccountStream::new(vec![segment], None, self.checkpoint.account_count, 1)
    }
}
