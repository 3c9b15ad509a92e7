//! Reading a block log: all of it in order, or one record or item.
//!
//! A reader sees the files that were there when it was opened, and in them what was there when it comes to
//! them; single records and items are found in newer files as well, so that one reader can serve while the
//! log is written. Usable from any thread.

use super::error::LogError;
use super::files::{LogFiles, OpenFile};
use super::format::{
    FILE_HEADER_BYTES, PAYLOAD_BYTES_MAX, RECORD_HEADER_BYTES, RecordHeader, file_path,
    payload_checksum,
};
use super::payload::{self, ENTRY_HEAD_BYTES, ITEM_HEAD_BYTES};
use super::record::{BlockRecord, LoggedItem};
use super::walk::{Step, Walk};
use crate::sync::Mutex;
use sealane_accounts_db::{Disk, DiskRead};
use solana_hash::Hash;
use std::collections::VecDeque;
use std::sync::Arc;

/// Files that a reader keeps open for single reads.
const OPEN_FILES_MAX: usize = 64;
/// Read at first where an item begins: most are whole in it.
const ITEM_READ_BYTES: u64 = 1024;

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPosition {
    /// Number of its file.
    pub file: u64,
    /// Its first byte there.
    pub offset: u64,
    /// Its number, counted from 1 over the chain's life.
    pub number: u64,
}

impl RecordPosition {
    /// Path of its file in the ledger.
    pub fn path(&self) -> String {
        file_path(self.file)
    }

    /// Where the first item of the entry lies that this record is. The next follows it without a gap
    /// (`LoggedItemRef::encoded_bytes`).
    pub fn first_item(&self) -> ItemPosition {
        ItemPosition {
            file: self.file,
            offset: self.offset + (RECORD_HEADER_BYTES + ENTRY_HEAD_BYTES) as u64,
        }
    }
}

/// Where an item of an entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemPosition {
    /// Number of its file.
    pub file: u64,
    /// Its first byte there.
    pub offset: u64,
}

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// Number of the last record; 0 if there is none.
    pub record: u64,
    /// Its checksum.
    pub(super) link: u64,
    /// Whether it was closed: nothing can be missing then.
    pub is_closed: bool,
    /// What is left of writes that were never acknowledged.
    pub torn: Option<TornTail>,
}

/// Bytes behind the last record that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Number of the file.
    pub file: u64,
    /// Where they begin.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
}

/// Reads a block log.
pub struct BlockLogReader {
    files: Arc<LogFiles>,
    /// Open files for single reads, the one used last at the end.
    open: Mutex<VecDeque<(u64, Arc<dyn DiskRead>)>>,
}

impl BlockLogReader {
    /// Looks at which files there are and at their heads. No log at all is an empty one.
    pub fn open(disk: Arc<dyn Disk>, genesis: &Hash) -> Result<Self, LogError> {
        Ok(Self {
            files: Arc::new(LogFiles::survey(disk, genesis)?),
            open: Mutex::default(),
        })
    }

    /// For `record_at` and `item_at` alone: it looks at no file before it is asked for something in it.
    pub fn of_single_reads(disk: Arc<dyn Disk>) -> Self {
        Self {
            files: Arc::new(LogFiles::none(disk)),
            open: Mutex::default(),
        }
    }

    /// Number of the file that has a record, or would have it; `None` if there is no file.
    pub fn file_of(&self, record: u64) -> Option<u64> {
        let segments = self.files.segments();
        let found = segments.iter().find(|segment| record < segment.end);
        let found = found.or(segments.last());
        found.map(|segment| segment.header.number)
    }

    /// Whether a record that lies in this file or an earlier one was gone back behind: a later file begins with
    /// its number, or a lower one.
    pub fn is_reverted(&self, file: u64, record: u64) -> bool {
        let later = self.files.files.iter().filter(|it| it.number > file);
        let mut heads = later.filter_map(|it| it.header.ok());
        heads.any(|head| head.first_record <= record)
    }

    /// Closes files that are about to be removed: a file that is open keeps its place on the disk.
    pub fn close_files_before(&self, number: u64) {
        let mut open = self.open.lock().expect("no holder of this lock panics");
        open.retain(|(open_number, _)| *open_number >= number);
    }

    /// Number of the oldest record that is kept, or of the first one to come.
    pub fn first_record(&self) -> u64 {
        Walk::new(Arc::clone(&self.files)).next_number()
    }

    /// Length of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.files.iter().map(|file| file.bytes).sum()
    }

    /// Number and length of each file, oldest first.
    pub fn files(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.files
            .files
            .iter()
            .map(|file| (file.number, file.bytes))
    }

    /// All records that count, from the oldest on.
    pub fn records(&self) -> Records {
        Records::new(Walk::new(Arc::clone(&self.files)))
    }

    /// The records that count from number `record` on, which may be the one behind the last. Of those before
    /// it in the same file only the heads are read.
    pub fn records_from(&self, record: u64) -> Result<Records, LogError> {
        let mut walk = Walk::of_record(Arc::clone(&self.files), record)?;
        while walk.next_number() < record {
            if let Step::End(end) = walk.step(false)? {
                if end.record + 1 < record {
                    return Err(LogError::Ended {
                        record,
                        last: end.record,
                    });
                }
                let mut records = Records::new(walk);
                records.end = Some(end);
                return Ok(records);
            }
        }
        Ok(Records::new(walk))
    }

    /// The record that lies at a position; `NotThere` if none does.
    pub fn record_at(&self, position: RecordPosition) -> Result<BlockRecord, LogError> {
        let path = file_path(position.file);
        let not_there = || not_there(&path, position.offset);
        let (read, room) = self.read_from(position.file, position.offset)?;
        if room < RECORD_HEADER_BYTES as u64 || position.offset < FILE_HEADER_BYTES as u64 {
            return Err(not_there());
        }
        let mut head = [0; RECORD_HEADER_BYTES];
        read.read_at(position.offset, &mut head)
            .map_err(LogError::io("read", &path))?;
        let header = RecordHeader::decode(&head, position.file, position.offset);
        let (header, _) = header
            .filter(|(header, _)| header.number == position.number)
            .ok_or_else(not_there)?;
        let payload_bytes = header.payload_bytes as usize;
        let damaged = |what: &str| LogError::corrupted(&path, position.offset, what);
        if payload_bytes > PAYLOAD_BYTES_MAX || RECORD_HEADER_BYTES + payload_bytes > room as usize
        {
            return Err(damaged("the file ends within the record"));
        }
        let mut payload = vec![0; payload_bytes];
        read.read_at(position.offset + RECORD_HEADER_BYTES as u64, &mut payload)
            .map_err(LogError::io("read", &path))?;
        if payload_checksum(&payload) != header.payload_checksum {
            return Err(damaged("the checksum of the record is wrong"));
        }
        payload::decode(header.kind, &payload.into())
            .ok_or_else(|| damaged("the record is of no known kind"))
    }

    /// The item of an entry that lies at a position; `NotThere` if none does, or if it is damaged.
    pub fn item_at(&self, position: ItemPosition) -> Result<LoggedItem, LogError> {
        let path = file_path(position.file);
        let not_there = || not_there(&path, position.offset);
        let (read, room) = self.read_from(position.file, position.offset)?;
        let mut bytes = vec![0; room.min(ITEM_READ_BYTES) as usize];
        read.read_at(position.offset, &mut bytes)
            .map_err(LogError::io("read", &path))?;
        let head = bytes
            .first_chunk::<ITEM_HEAD_BYTES>()
            .ok_or_else(not_there)?;
        let item_bytes = payload::item_bytes(head);
        if item_bytes as u64 > room || item_bytes > PAYLOAD_BYTES_MAX {
            return Err(not_there());
        }
        let had = bytes.len();
        bytes.resize(item_bytes, 0);
        if had < item_bytes {
            read.read_at(position.offset + had as u64, &mut bytes[had..])
                .map_err(LogError::io("read", &path))?;
        }
        payload::decode_item(bytes, position.file, position.offset).ok_or_else(not_there)
    }

    /// An open file, and its bytes from `offset` on; `NotThere` if it ends before.
    fn read_from(&self, file: u64, offset: u64) -> Result<(Arc<dyn DiskRead>, u64), LogError> {
        let path = file_path(file);
        let read = self.read(file)?;
        let length = read.len().map_err(LogError::io("measure", &path))?;
        let room = length.checked_sub(offset);
        Ok((read, room.ok_or_else(|| not_there(&path, offset))?))
    }

    /// An open file.
    fn read(&self, number: u64) -> Result<Arc<dyn DiskRead>, LogError> {
        let mut open = self.open.lock().expect("no holder of this lock panics");
        if let Some(at) = open
            .iter()
            .position(|(open_number, _)| *open_number == number)
            && let Some(found) = open.remove(at)
        {
            open.push_back(found.clone());
            return Ok(found.1);
        }
        let read = OpenFile::open(&*self.files.disk, &file_path(number), number)?.into_read();
        if open.len() == OPEN_FILES_MAX {
            open.pop_front();
        }
        open.push_back((number, Arc::clone(&read)));
        Ok(read)
    }
}

fn not_there(path: &str, offset: u64) -> LogError {
    LogError::NotThere {
        file: path.to_owned(),
        offset,
    }
}

/// Records in order. After an error or the end there are none.
pub struct Records {
    walk: Walk,
    checks_items: bool,
    end: Option<LogEnd>,
    has_failed: bool,
}

impl Records {
    fn new(walk: Walk) -> Self {
        Self {
            walk,
            checks_items: false,
            end: None,
            has_failed: false,
        }
    }

    /// Checks also each item's own checksum, which is for who reads it alone: the record's covers it too.
    #[must_use]
    pub fn checking_items(mut self) -> Self {
        self.checks_items = true;
        self
    }

    /// How the log ends, once all records were taken without an error.
    pub fn end(&self) -> Option<LogEnd> {
        self.end
    }

    fn step(&mut self) -> Result<Option<(RecordPosition, BlockRecord)>, LogError> {
        let raw = match self.walk.step(true)? {
            Step::Record(raw) => raw,
            Step::End(end) => {
                self.end = Some(end);
                return Ok(None);
            }
        };
        let RecordPosition { file, offset, .. } = raw.position;
        let Some(record) = payload::decode(raw.kind, &raw.payload) else {
            let what = format!("the record is of no known kind ({})", raw.kind);
            return Err(LogError::corrupted(&file_path(file), offset, what));
        };
        if self.checks_items && raw.kind == payload::ENTRY {
            let payload_at = offset + RECORD_HEADER_BYTES as u64;
            if let Some(item) = payload::damaged_item(&raw.payload, file, payload_at) {
                let what = "the checksum of an item is wrong, though that of its record is right";
                return Err(LogError::corrupted(&file_path(file), item, what));
            }
        }
        Ok(Some((raw.position, record)))
    }
}

impl Iterator for Records {
    type Item = Result<(RecordPosition, BlockRecord), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed || self.end.is_some() {
            return None;
        }
        let outcome = self.step();
        self.has_failed = outcome.is_err();
        outcome.transpose()
    }
}
