//! Writing a block log.
//!
//! Records are appended to one buffer, which `sync` writes and makes durable. A writer always begins a file
//! of its own: what older files hold is only read. After any failure of the disk it is dead, because nobody
//! knows what the disk has; the next one that is opened finds out. One thread has it.

use super::error::LogError;
use super::files::LogFiles;
use super::format::{
    CLOSED_NEW_PATH, CLOSED_PATH, ClosedMark, FOLDER, FileHeader, PAYLOAD_BYTES_MAX,
    RECORD_HEADER_BYTES, RecordHeader, file_path, payload_checksum,
};
use super::payload::{ENTRY, LoggedItemRef, Output};
use super::reader::{LogEnd, RecordPosition};
use super::record::BlockRecord;
use super::walk::{Step, Walk};
use sealane_accounts_db::{Disk, DiskFile};
use solana_hash::Hash;
use std::io::ErrorKind;
use std::sync::Arc;

/// How a log is written.
#[derive(Clone, Debug)]
pub struct BlockLogConfig {
    /// A file that has as many bytes is followed by a new one.
    pub file_bytes_max: u64,
    /// A buffer that has as many bytes is written before the next sync. A record is in the buffer as a whole.
    pub buffer_bytes_max: usize,
}

impl Default for BlockLogConfig {
    fn default() -> Self {
        Self {
            file_bytes_max: 64 << 20,
            buffer_bytes_max: 8 << 20,
        }
    }
}

/// A place in a log: behind one of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPlace {
    record: u64,
    link: u64,
}

/// Writes a block log, from the end that was found on.
pub struct BlockLogWriter {
    disk: Arc<dyn Disk>,
    genesis: Hash,
    config: BlockLogConfig,
    /// The head of the file that is written to.
    header: FileHeader,
    /// It, once it was made.
    file: Option<Box<dyn DiskFile>>,
    /// Whether its name is durable.
    is_named: bool,
    /// Its bytes that were written, and those that follow.
    written: u64,
    buffer: Vec<u8>,
    /// The last record that was appended, and its checksum.
    record: u64,
    link: u64,
    /// The last record that a sync covered.
    durable: u64,
    /// Why nothing can be written any more.
    dead: Option<String>,
}

impl BlockLogWriter {
    /// Opens a ledger's log to go on where it ends, or begins one. All that counts is durable when this
    /// returns. Fails if the last file is corrupted; whether older ones are, a reader says.
    pub fn open(
        disk: Arc<dyn Disk>,
        genesis: &Hash,
        config: BlockLogConfig,
    ) -> Result<(Self, LogEnd), LogError> {
        disk.create_directory(FOLDER)
            .map_err(LogError::io("make", FOLDER))?;
        sync_directory(&*disk, "")?;
        let files = Arc::new(LogFiles::survey(Arc::clone(&disk), genesis)?);
        let mut walk = Walk::of_last_file(Arc::clone(&files));
        let end = loop {
            if let Step::End(end) = walk.step(true)? {
                break end;
            }
        };
        settle(&files)?;
        let last = files.files.last();
        let header = FileHeader {
            genesis: *genesis,
            number: last.map_or(0, |last| last.number + 1),
            first_record: end.record + 1,
            link: end.link,
            previous_file: last
                .and_then(|last| last.header.ok())
                .map_or(0, |header| header.checksum()),
        };
        let mut writer = Self {
            disk,
            genesis: *genesis,
            config,
            header,
            file: None,
            is_named: false,
            written: 0,
            buffer: header.encode().to_vec(),
            record: end.record,
            link: end.link,
            durable: end.record,
            dead: None,
        };
        if end.torn.is_some() {
            writer.append(&BlockRecord::RevertTo { record: end.record })?;
        }
        writer.sync()?;
        Ok((writer, end))
    }

    /// Appends a record. It is durable after the next `sync`.
    pub fn append(&mut self, record: &BlockRecord) -> Result<RecordPosition, LogError> {
        self.append_with(|output| output.record(record))
    }

    /// Appends the record of an entry, copying each part of its items once.
    pub fn append_entry<'i>(
        &mut self,
        entry: u64,
        items: impl IntoIterator<Item = LoggedItemRef<'i>>,
    ) -> Result<RecordPosition, LogError> {
        self.append_with(|output| output.entry(entry, items).map(|()| ENTRY))
    }

    /// Makes all durable that was appended; the number of the last record.
    pub fn sync(&mut self) -> Result<u64, LogError> {
        self.alive()?;
        if self.is_named && self.durable == self.record {
            return Ok(self.durable);
        }
        let outcome = self.sync_all();
        self.or_die(outcome)?;
        self.durable = self.record;
        Ok(self.durable)
    }

    /// Number of the last record that was appended; 0 if there is none.
    pub fn last_record(&self) -> u64 {
        self.record
    }

    /// Number of the last record that is durable.
    pub fn durable_record(&self) -> u64 {
        self.durable
    }

    /// Bytes that wait for a write.
    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The place behind the last record that was appended.
    pub fn place(&self) -> LogPlace {
        LogPlace {
            record: self.record,
            link: self.link,
        }
    }

    /// Goes back to a place of this log: the records behind it count for nothing from now on. They stay where they
    /// are; a new file, whose first record is a `RevertTo`, says so. Durable when this returns; until then they
    /// count.
    pub fn revert_to(&mut self, place: LogPlace) -> Result<RecordPosition, LogError> {
        self.sync()?;
        self.begin_file(place);
        (self.record, self.link, self.durable) = (place.record, place.link, place.record);
        let position = self.append(&BlockRecord::RevertTo {
            record: place.record,
        })?;
        self.sync()?;
        Ok(position)
    }

    /// Makes all durable, and the log a closed one: from then on, nothing can be missing without notice.
    pub fn close(mut self) -> Result<(), LogError> {
        self.sync()?;
        let mark = ClosedMark {
            genesis: self.genesis,
            file: self.header.number,
            file_bytes: self.written,
            file_checksum: self.header.checksum(),
            record: self.record,
            link: self.link,
        };
        let mut file = self
            .disk
            .create(CLOSED_NEW_PATH)
            .map_err(LogError::io("create", CLOSED_NEW_PATH))?;
        file.append(&mark.encode())
            .map_err(LogError::io("write", CLOSED_NEW_PATH))?;
        file.sync().map_err(LogError::io("sync", CLOSED_NEW_PATH))?;
        self.disk
            .rename(CLOSED_NEW_PATH, CLOSED_PATH)
            .map_err(LogError::io("rename", CLOSED_NEW_PATH))?;
        sync_directory(&*self.disk, FOLDER)
    }

    fn append_with(
        &mut self,
        write: impl FnOnce(&mut Output<'_>) -> Result<u8, LogError>,
    ) -> Result<RecordPosition, LogError> {
        self.alive()?;
        self.begin_file_if_full();
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; RECORD_HEADER_BYTES]);
        let mut output = Output {
            bytes: &mut self.buffer,
            file: self.header.number,
            origin: self.written,
        };
        let kind = match write(&mut output) {
            Ok(kind) => kind,
            Err(error) => {
                self.buffer.truncate(start);
                return Err(error);
            }
        };
        let payload = &self.buffer[start + RECORD_HEADER_BYTES..];
        debug_assert!(
            payload.len() <= PAYLOAD_BYTES_MAX,
            "what writes it bounds it"
        );
        let header = RecordHeader {
            kind,
            payload_bytes: payload.len() as u32,
            number: self.record + 1,
            durable: self.durable,
            link: self.link,
            payload_checksum: payload_checksum(payload),
        };
        let offset = self.written + start as u64;
        let (head, checksum) = header.encode(self.header.number, offset);
        self.buffer[start..start + RECORD_HEADER_BYTES].copy_from_slice(&head);
        self.record = header.number;
        self.link = checksum;
        if self.buffer.len() >= self.config.buffer_bytes_max {
            let outcome = self.write_buffer();
            self.or_die(outcome)?;
        }
        Ok(RecordPosition {
            file: self.header.number,
            offset,
            number: header.number,
        })
    }

    /// Only where all is durable, so that the head of a file vouches for what is before it.
    fn begin_file_if_full(&mut self) {
        if self.durable != self.record || self.written < self.config.file_bytes_max {
            return;
        }
        self.begin_file(self.place());
    }

    /// What is appended next is in a file of its own, and follows this place.
    fn begin_file(&mut self, place: LogPlace) {
        self.header = FileHeader {
            genesis: self.genesis,
            number: self.header.number + 1,
            first_record: place.record + 1,
            link: place.link,
            previous_file: self.header.checksum(),
        };
        self.file = None;
        self.is_named = false;
        self.written = 0;
        self.buffer.extend_from_slice(&self.header.encode());
    }

    fn write_buffer(&mut self) -> Result<(), LogError> {
        let path = || file_path(self.header.number);
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let made = self.disk.create(&path());
                self.file
                    .insert(made.map_err(|e| LogError::io("create", &path())(e))?)
            }
        };
        file.append(&self.buffer)
            .map_err(|e| LogError::io("write", &path())(e))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn sync_all(&mut self) -> Result<(), LogError> {
        if !self.buffer.is_empty() {
            self.write_buffer()?;
        }
        if let Some(file) = &mut self.file {
            let failed = |e| LogError::io("sync", &file_path(self.header.number))(e);
            file.sync().map_err(failed)?;
        }
        if !self.is_named {
            sync_directory(&*self.disk, FOLDER)?;
            self.is_named = true;
        }
        Ok(())
    }

    fn alive(&self) -> Result<(), LogError> {
        match &self.dead {
            None => Ok(()),
            Some(reason) => Err(LogError::Dead {
                reason: reason.clone(),
            }),
        }
    }

    fn or_die(&mut self, outcome: Result<(), LogError>) -> Result<(), LogError> {
        if let Err(error) = &outcome {
            self.dead = Some(error.to_string());
        }
        outcome
    }
}

/// Makes durable what was found, and takes the mark of a clean stop away: the log goes on.
fn settle(files: &LogFiles) -> Result<(), LogError> {
    if let Some(segment) = files.segments().last() {
        files.open(segment.header.number)?.sync()?;
    }
    for path in [CLOSED_PATH, CLOSED_NEW_PATH] {
        match files.disk.remove(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(LogError::io("remove", path)(error));
            }
            _ => {}
        }
    }
    sync_directory(&*files.disk, FOLDER)
}

fn sync_directory(disk: &dyn Disk, path: &str) -> Result<(), LogError> {
    let name = if path.is_empty() {
        "the ledger's folder"
    } else {
        path
    };
    disk.sync_directory(path)
        .map_err(LogError::io("sync", name))
}
