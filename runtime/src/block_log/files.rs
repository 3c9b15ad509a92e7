//! Which files a log has, and which of their records count.
//!
//! A file that was to be made when the power went may have no whole head: nothing in it counts, and the
//! file after it says so. Of the others, a file's records count up to the first of any later file.

use super::error::LogError;
use super::format::{self, CLOSED_PATH, ClosedMark, FILE_HEADER_BYTES, FOLDER, FileHeader};
use bytes::Bytes;
use sealane_accounts_db::{Disk, DiskRead};
use solana_hash::Hash;
use std::io::ErrorKind;
use std::sync::Arc;

/// Read at once when going through a file.
const WINDOW_BYTES: u64 = 1 << 20;

/// The files of a log, as they were when they were surveyed.
pub(super) struct LogFiles {
    pub(super) disk: Arc<dyn Disk>,
    /// Without a gap, by number.
    pub(super) files: Vec<LogFile>,
    pub(super) closed: Option<ClosedMark>,
}

pub(super) struct LogFile {
    pub(super) number: u64,
    pub(super) bytes: u64,
    /// Or what is wrong with it.
    pub(super) header: Result<FileHeader, &'static str>,
}

/// Records of a file that count: from `first` up to, without, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) header: FileHeader,
    pub(super) end: u64,
}

impl LogFiles {
    pub(super) fn none(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            files: Vec::new(),
            closed: None,
        }
    }

    pub(super) fn survey(disk: Arc<dyn Disk>, genesis: &Hash) -> Result<Self, LogError> {
        let names = match disk.list(FOLDER) {
            Ok(names) => names,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(LogError::io("list", FOLDER)(error)),
        };
        let numbers = log_files(&names);
        let mut files: Vec<LogFile> = Vec::with_capacity(numbers.len());
        for number in numbers {
            if let Some(before) = files.last()
                && before.number + 1 != number
            {
                return Err(missing(before.number + 1));
            }
            files.push(LogFile::survey(&*disk, number, genesis)?);
        }
        for pair in files.windows(2) {
            check_neighbours(&pair[0], &pair[1])?;
        }
        let closed_name = &CLOSED_PATH[FOLDER.len() + 1..];
        let closed = if names.iter().any(|name| name == closed_name) {
            let mark = OpenFile::open(&*disk, CLOSED_PATH, 0)?.all()?;
            Some(ClosedMark::decode(&mark, genesis)?)
        } else {
            None
        };
        let found = Self {
            disk,
            files,
            closed,
        };
        found.check_closed()?;
        Ok(found)
    }

    /// What counts, oldest first. All but the last have at least one record.
    pub(super) fn segments(&self) -> Vec<Segment> {
        let mut end = u64::MAX;
        let mut segments = Vec::new();
        for file in self.files.iter().rev() {
            let Ok(header) = file.header else { continue };
            if header.first_record < end {
                segments.push(Segment { header, end });
                end = header.first_record;
            }
        }
        segments.reverse();
        segments
    }

    pub(super) fn open(&self, number: u64) -> Result<OpenFile, LogError> {
        OpenFile::open(&*self.disk, &format::file_path(number), number)
    }

    /// What the mark of a clean stop says of the last file is so.
    fn check_closed(&self) -> Result<(), LogError> {
        let Some(closed) = &self.closed else {
            return Ok(());
        };
        let Some(last) = self.files.last().filter(|last| last.number >= closed.file) else {
            return Err(missing(closed.file));
        };
        if last.number > closed.file {
            let what = format!("{} is newer", format::file_path(last.number));
            return Err(LogError::corrupted(CLOSED_PATH, 48, what));
        }
        let path = format::file_path(last.number);
        match last.header {
            Err(what) => return Err(LogError::corrupted(&path, 0, what)),
            Ok(header) if header.checksum() != closed.file_checksum => {
                let what = "it is not the file that was closed";
                return Err(LogError::corrupted(&path, 0, what));
            }
            Ok(_) => {}
        }
        if last.bytes != closed.file_bytes {
            let what = format!(
                "it has {} bytes and was closed with {}",
                last.bytes, closed.file_bytes
            );
            return Err(LogError::corrupted(
                &path,
                last.bytes.min(closed.file_bytes),
                what,
            ));
        }
        Ok(())
    }
}

/// Removes the files of a log before the one with number `file`, whose records nobody needs any more; how
/// many they were. Usable while the log is written and read.
///
/// The oldest goes first, and each durably before the next: so there is never a gap.
pub fn remove_log_files_before(disk: &dyn Disk, file: u64) -> Result<usize, LogError> {
    let names = disk.list(FOLDER).map_err(LogError::io("list", FOLDER))?;
    let mut numbers = log_files(&names);
    // The last one tells how the log goes on.
    numbers.pop();
    numbers.retain(|number| *number < file);
    for number in &numbers {
        let path = format::file_path(*number);
        disk.remove(&path).map_err(LogError::io("remove", &path))?;
        disk.sync_directory(FOLDER)
            .map_err(LogError::io("sync", FOLDER))?;
    }
    Ok(numbers.len())
}

/// Number of the oldest file of a log; 0 if there is none.
pub fn first_log_file(disk: &dyn Disk) -> Result<u64, LogError> {
    match disk.list(FOLDER) {
        Ok(names) => Ok(log_files(&names).first().copied().unwrap_or(0)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(LogError::io("list", FOLDER)(error)),
    }
}

impl LogFile {
    fn survey(disk: &dyn Disk, number: u64, genesis: &Hash) -> Result<Self, LogError> {
        let path = format::file_path(number);
        let mut file = OpenFile::open(disk, &path, number)?;
        let header = match file.exactly::<FILE_HEADER_BYTES>(0)? {
            Some(bytes) => FileHeader::decode(&bytes, &path, genesis)?,
            None => Err("it ends within its head"),
        };
        Ok(Self {
            number,
            bytes: file.bytes,
            header,
        })
    }
}

/// A file knows whether the one before it has a head.
fn check_neighbours(before: &LogFile, file: &LogFile) -> Result<(), LogError> {
    let Ok(header) = file.header else {
        return Ok(());
    };
    let expected = before.header.map_or(0, |before| before.checksum());
    if header.previous_file == expected {
        return Ok(());
    }
    let (path, what) = match before.header {
        Err(what) => (format::file_path(before.number), what),
        Ok(_) => {
            let what = "it, or the file before it, is not the one that was written there";
            (format::file_path(file.number), what)
        }
    };
    Err(LogError::corrupted(&path, 0, what))
}

/// Numbers of the files among these names, ascending.
fn log_files(names: &[String]) -> Vec<u64> {
    let mut numbers: Vec<u64> = names
        .iter()
        .filter_map(|name| format::file_number(name))
        .collect();
    numbers.sort_unstable();
    numbers
}

fn missing(number: u64) -> LogError {
    LogError::MissingFile {
        file: format::file_path(number),
    }
}

/// A file that is being gone through.
pub(super) struct OpenFile {
    pub(super) number: u64,
    pub(super) path: String,
    pub(super) bytes: u64,
    read: Arc<dyn DiskRead>,
    /// A part of it, from `window_at` on.
    window: Bytes,
    window_at: u64,
}

impl OpenFile {
    pub(super) fn open(disk: &dyn Disk, path: &str, number: u64) -> Result<Self, LogError> {
        let read = disk.open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => LogError::MissingFile {
                file: path.to_string(),
            },
            _ => LogError::io("open", path)(error),
        })?;
        Ok(Self {
            number,
            path: path.to_string(),
            bytes: read.len().map_err(LogError::io("measure", path))?,
            read,
            window: Bytes::new(),
            window_at: 0,
        })
    }

    /// Bytes of it; `None` if it ends before.
    pub(super) fn slice(&mut self, offset: u64, length: usize) -> Result<Option<Bytes>, LogError> {
        let end = offset.saturating_add(length as u64);
        if end > self.bytes {
            return Ok(None);
        }
        if offset < self.window_at || end > self.window_at + self.window.len() as u64 {
            let wanted = (length as u64).max(WINDOW_BYTES).min(self.bytes - offset);
            let mut window = vec![0; wanted as usize];
            self.read
                .read_at(offset, &mut window)
                .map_err(LogError::io("read", &self.path))?;
            self.window = window.into();
            self.window_at = offset;
        }
        let start = (offset - self.window_at) as usize;
        Ok(Some(self.window.slice(start..start + length)))
    }

    /// Like `slice`, of a length known beforehand.
    pub(super) fn exactly<const LENGTH: usize>(
        &mut self,
        offset: u64,
    ) -> Result<Option<[u8; LENGTH]>, LogError> {
        let slice = self.slice(offset, LENGTH)?;
        Ok(slice.map(|bytes| bytes[..].try_into().expect("the length asked for")))
    }

    fn all(&mut self) -> Result<Bytes, LogError> {
        let length = usize::try_from(self.bytes)
            .unwrap_or(usize::MAX)
            .min(WINDOW_BYTES as usize);
        Ok(self.slice(0, length)?.unwrap_or_default())
    }

    /// To be read from by many at once.
    pub(super) fn into_read(self) -> Arc<dyn DiskRead> {
        self.read
    }

    /// Makes durable what is in it.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        self.read.sync().map_err(LogError::io("sync", &self.path))
    }
}
