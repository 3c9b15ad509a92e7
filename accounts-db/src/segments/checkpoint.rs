//! Checkpoints: which segments hold the accounts as of which place in the block log.
//!
//! A checkpoint is one small file, `accounts/checkpoint-N`, which comes into being by a rename, after all
//! that it names is durable. It is never changed.

use super::error::SegmentError;
use super::format::{
    HEADER_BYTES, SEGMENTS_MAX, array_at, check_header, checksum, header, u32_at, u64_at,
};
use crate::EntryNumber;
use crate::disk::Disk;
use sealane_sdk::Hash;

/// What a checkpoint file begins with.
pub(super) const CHECKPOINT_MAGIC: &[u8; 8] = b"SEALCHKP";
/// Bytes of the fixed fields behind the header.
const FIXED_BYTES: usize = 96;
/// Bytes that name one segment.
const NAME_BYTES: usize = 16;

/// A place in the block log: that of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// Number of the record, counted over the chain's life.
    pub record: u64,
    /// Number of the file that it lies in.
    pub file: u64,
    /// Byte in that file.
    pub offset: u64,
}

/// What the runtime says of the state that a checkpoint holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointState {
    /// Up to where in the block log the accounts hold: replay goes on from here.
    pub log: LogPosition,
    /// The slot that was open.
    pub slot: u64,
    /// The last entry that the accounts contain.
    pub entry: EntryNumber,
    /// Root of all accounts, to be compared by who has the trie.
    pub state_root: Hash,
    /// What else the runtime needs to go on from here.
    pub context: Vec<u8>,
}

/// A checkpoint, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its number: later ones are larger.
    pub number: u64,
    /// Accounts that exist.
    pub account_count: u64,
    /// What the runtime said.
    pub state: CheckpointState,
    /// Numbers of the segments, ascending, with how many of their bytes count.
    pub(super) segments: Vec<(u32, u64)>,
}

impl Checkpoint {
    /// Bytes of the segments that it names.
    pub fn segment_bytes(&self) -> u64 {
        self.segments.iter().map(|(_, length)| length).sum()
    }

    /// The file's bytes.
    pub(super) fn encode(&self, genesis: &Hash) -> Vec<u8> {
        let state = &self.state;
        let mut bytes = header(CHECKPOINT_MAGIC, genesis, self.number).to_vec();
        for field in [
            self.account_count,
            state.slot,
            state.entry,
            state.log.record,
            state.log.file,
            state.log.offset,
        ] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.extend_from_slice(state.state_root.as_bytes());
        bytes.extend_from_slice(&(self.segments.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&(state.context.len() as u64).to_le_bytes());
        for (number, length) in &self.segments {
            bytes.extend_from_slice(&u64::from(*number).to_le_bytes());
            bytes.extend_from_slice(&length.to_le_bytes());
        }
        bytes.extend_from_slice(&state.context);
        let sum = checksum(&bytes[HEADER_BYTES..], self.number, HEADER_BYTES as u64);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// What `bytes` say, if they are checkpoint `number` of this chain. `start` is where in `file` they lie.
    pub(super) fn decode(
        bytes: &[u8],
        genesis: &Hash,
        number: u64,
        file: &str,
        start: u64,
    ) -> Result<Self, SegmentError> {
        let corrupted =
            |offset: usize, what| Err(SegmentError::corrupted(file, start + offset as u64, what));
        let least = HEADER_BYTES + FIXED_BYTES + 8;
        if bytes.len() < HEADER_BYTES {
            return corrupted(bytes.len(), "the file is too short");
        }
        check_header(bytes, CHECKPOINT_MAGIC, genesis, number, file)?;
        if bytes.len() < least {
            return corrupted(bytes.len(), "the file is too short");
        }
        let (content, sum) = bytes.split_at(bytes.len() - 8);
        let content = &content[HEADER_BYTES..];
        if checksum(content, number, HEADER_BYTES as u64) != u64_at(sum, 0) {
            return corrupted(HEADER_BYTES, "checksum of the checkpoint");
        }
        let field = |index: usize| u64_at(content, index * 8);
        let (segment_count, context_length) = (u64_at(content, 80), u64_at(content, 88));
        let names = &content[FIXED_BYTES..];
        let expected = segment_count
            .checked_mul(NAME_BYTES as u64)
            .and_then(|bytes| bytes.checked_add(context_length));
        if expected != Some(names.len() as u64) {
            return corrupted(HEADER_BYTES + 80, "lengths that do not fit the file's");
        }
        let (names, context) = names.split_at(names.len() - context_length as usize);
        let segments: Vec<_> = names
            .chunks_exact(NAME_BYTES)
            .map(|name| (u32_at(name, 0), u64_at(name, 8)))
            .collect();
        let ascending = segments.is_sorted_by(|(a, _), (b, _)| a < b);
        if !ascending || segments.iter().any(|(number, _)| *number >= SEGMENTS_MAX) {
            return corrupted(HEADER_BYTES + FIXED_BYTES, "numbers of segments");
        }
        Ok(Self {
            number,
            account_count: field(0),
            state: CheckpointState {
                log: LogPosition {
                    record: field(3),
                    file: field(4),
                    offset: field(5),
                },
                slot: field(1),
                entry: field(2),
                state_root: Hash::new_from_array(array_at(content, 48)),
                context: context.to_vec(),
            },
            segments,
        })
    }

    /// Reads a checkpoint's file.
    pub(super) fn read(
        disk: &dyn Disk,
        folder: &str,
        genesis: &Hash,
        number: u64,
    ) -> Result<Self, SegmentError> {
        let path = checkpoint_path(folder, number);
        let bytes = read_file(disk, &path)?;
        Self::decode(&bytes, genesis, number, &path, 0)
    }

    /// Writes the checkpoint's file, durably. Everything that it names is durable already.
    pub(super) fn write(
        &self,
        disk: &dyn Disk,
        folder: &str,
        genesis: &Hash,
    ) -> Result<(), SegmentError> {
        let path = checkpoint_path(folder, self.number);
        write_file(disk, folder, &path, &self.encode(genesis))
    }
}

/// Where a checkpoint's file is.
pub(super) fn checkpoint_path(folder: &str, number: u64) -> String {
    format!("{folder}/checkpoint-{number}")
}

/// Where a segment's file is.
pub(super) fn segment_path(folder: &str, number: u32) -> String {
    format!("{folder}/{number:010}.seg")
}

/// What a name in the folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Segment(u32),
    Checkpoint(u64),
    /// A checkpoint that was not finished.
    Temporary(u64),
    Other,
}

impl Name {
    pub(super) fn parse(name: &str) -> Self {
        if let Some(number) = name.strip_suffix(".seg").and_then(|n| n.parse().ok()) {
            return Self::Segment(number);
        }
        let Some(rest) = name.strip_prefix("checkpoint-") else {
            return Self::Other;
        };
        match rest.strip_suffix(TEMPORARY) {
            Some(number) => number.parse().map_or(Self::Other, Self::Temporary),
            None => rest.parse().map_or(Self::Other, Self::Checkpoint),
        }
    }
}

/// What the name of an unfinished file ends with.
pub(super) const TEMPORARY: &str = ".new";

/// All bytes of a file.
pub(super) fn read_file(disk: &dyn Disk, path: &str) -> Result<Vec<u8>, SegmentError> {
    let file = open(disk, path)?;
    let length = file.len().map_err(SegmentError::read(path, 0))?;
    let mut bytes = vec![0; length as usize];
    let read = file.read_at(0, &mut bytes);
    read.map_err(SegmentError::read(path, 0))?;
    Ok(bytes)
}

/// Opens a file that must be there.
pub(super) fn open(
    disk: &dyn Disk,
    path: &str,
) -> Result<std::sync::Arc<dyn crate::DiskRead>, SegmentError> {
    disk.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => SegmentError::Missing {
            file: path.to_owned(),
        },
        _ => SegmentError::io("open", path)(error),
    })
}

/// Writes a file that is there whole or not at all, durably.
pub(super) fn write_file(
    disk: &dyn Disk,
    folder: &str,
    path: &str,
    bytes: &[u8],
) -> Result<(), SegmentError> {
    let temporary = format!("{path}{TEMPORARY}");
    // Left behind by a try that failed; what is not there need not go.
    let _ = disk.remove(&temporary);
    let written = (|| {
        let create = disk.create(&temporary);
        let mut file = create.map_err(SegmentError::io("create", &temporary))?;
        file.append(bytes)
            .map_err(SegmentError::io("write", &temporary))?;
        file.sync().map_err(SegmentError::sync(&temporary))?;
        drop(file);
        disk.rename(&temporary, path)
            .map_err(SegmentError::io("rename", &temporary))
    })();
    if written.is_err() {
        let _ = disk.remove(&temporary);
    }
    written?;
    disk.sync_directory(folder)
        .map_err(SegmentError::sync(folder))
}
