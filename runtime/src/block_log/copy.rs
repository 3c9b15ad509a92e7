//! Copying the part of a log that a snapshot needs, while the log is written.

use super::error::LogError;
use super::files::LogFiles;
use super::format::{CLOSED_PATH, ClosedMark, file_path};
use super::reader::RecordPosition;
use super::walk::{Step, Walk};
use sealane_accounts_db::Disk;
use solana_hash::Hash;
use std::sync::Arc;

/// Copied at a time.
const COPY_BYTES: u64 = 1 << 20;

/// Copies a log into `folder` of the same disk, from the file that has record `first` on, up to record
/// `durable`, which the caller knows to be, or as far as something behind it says that it was durable. The copy is a log that was stopped cleanly: what flips in it is told. Whole files are second names,
/// where the disk has such. Returns the last record.
///
/// Usable from any thread. That a file was removed meanwhile is an error, after which the copy is of no use.
pub(crate) fn copy_log(
    disk: &Arc<dyn Disk>,
    genesis: &Hash,
    first: u64,
    durable: u64,
    folder: &str,
) -> Result<RecordPosition, LogError> {
    let blocks = format!("{folder}/blocks");
    disk.create_directory(&blocks)
        .map_err(LogError::io("make", &blocks))?;
    let files = Arc::new(LogFiles::survey(Arc::clone(disk), genesis)?);
    let mut walk = Walk::of_record(Arc::clone(&files), first)?;
    let first_file = walk.file_number();
    let mut end = None;
    let mut vouched = durable;
    // Records that nothing vouches for yet; a few.
    let mut behind = std::collections::VecDeque::new();
    while let Step::Record(raw) = walk.step(false)? {
        vouched = vouched.max(raw.durable);
        behind.push_back((raw.position, walk.place()));
        while let Some((position, _)) = behind.front()
            && position.number <= vouched
        {
            end = behind.pop_front();
        }
    }
    let Some((last, (bytes, link))) = end.filter(|(last, _)| last.number >= durable) else {
        let last = end.map_or(0, |(last, _)| last.number);
        return Err(LogError::Ended {
            record: durable,
            last,
        });
    };
    let mut checksum = 0;
    for file in &files.files {
        if first_file.is_some_and(|first| file.number < first) || file.number > last.file {
            continue;
        }
        let (from, to) = (
            file_path(file.number),
            format!("{folder}/{}", file_path(file.number)),
        );
        let is_last = file.number == last.file;
        // The last is cut behind its last record.
        if is_last || disk.link(&from, &to).is_err() {
            let length = if is_last { bytes } else { file.bytes };
            copy(&**disk, &from, &to, length)?;
        }
        checksum = file.header.map_or(0, |header| header.checksum());
    }
    let mark = ClosedMark {
        genesis: *genesis,
        file: last.file,
        file_bytes: bytes,
        file_checksum: checksum,
        record: last.number,
        link,
    };
    let closed = format!("{folder}/{CLOSED_PATH}");
    let mut file = disk
        .create(&closed)
        .map_err(LogError::io("create", &closed))?;
    file.append(&mark.encode())
        .map_err(LogError::io("write", &closed))?;
    file.sync().map_err(LogError::io("sync", &closed))?;
    disk.sync_directory(&blocks)
        .map_err(LogError::io("sync", &blocks))?;
    Ok(last)
}

/// The first `length` bytes of a file, durably.
fn copy(disk: &dyn Disk, from: &str, to: &str, length: u64) -> Result<(), LogError> {
    let source = disk.open(from).map_err(LogError::io("open", from))?;
    let mut file = disk.create(to).map_err(LogError::io("create", to))?;
    let mut bytes = Vec::new();
    let mut offset = 0;
    while offset < length {
        bytes.resize((length - offset).min(COPY_BYTES) as usize, 0);
        source
            .read_at(offset, &mut bytes)
            .map_err(LogError::io("read", from))?;
        file.append(&bytes).map_err(LogError::io("write", to))?;
        offset += bytes.len() as u64;
    }
    file.sync().map_err(LogError::io("sync", to))
}
