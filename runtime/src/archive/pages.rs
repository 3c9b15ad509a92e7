//! Files of checked pages: what a run is made of.
//!
//! A page has 4,096 bytes, the last eight of which are a checksum of the others that also covers the file's
//! name and the page's place in it: a page that was flipped, torn, moved or of another file is found out
//! when it is read.

use super::ArchiveError;
use sealane_accounts_db::{Disk, DiskFile, DiskRead};
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

pub(super) const PAGE_BYTES: usize = 4_096;

/// What of a page is the caller's.
pub(super) const PAYLOAD_BYTES: usize = PAGE_BYTES - 8;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 64 * PAGE_BYTES;

pub(super) type Page = [u8; PAGE_BYTES];

fn checksum(page: &Page, salt: u64, number: u64) -> [u8; 8] {
    xxh3_64_with_seed(&page[..PAYLOAD_BYTES], salt.wrapping_add(number)).to_le_bytes()
}

/// Writes a file, page by page.
pub(super) struct PageWriter {
    file: Box<dyn DiskFile>,
    salt: u64,
    buffer: Vec<u8>,
    /// Pages so far.
    pub(super) pages: u64,
}

impl PageWriter {
    /// `name`: the one that the file will have; `path`: where it is written.
    pub(super) fn create(disk: &dyn Disk, path: &str, name: &str) -> Result<Self, ArchiveError> {
        Ok(Self {
            file: disk.create(path)?,
            salt: xxh3_64(name.as_bytes()),
            buffer: Vec::with_capacity(BUFFER_BYTES),
            pages: 0,
        })
    }

    /// Writes a page, whose checksum is added.
    pub(super) fn push(&mut self, page: &mut Page) -> Result<(), ArchiveError> {
        let checksum = checksum(page, self.salt, self.pages);
        page[PAYLOAD_BYTES..].copy_from_slice(&checksum);
        self.buffer.extend_from_slice(page);
        self.pages += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.write_buffer()?;
        }
        Ok(())
    }

    fn write_buffer(&mut self) -> Result<(), ArchiveError> {
        self.file.append(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Makes all of it durable.
    pub(super) fn finish(mut self) -> Result<(), ArchiveError> {
        self.write_buffer()?;
        Ok(self.file.sync()?)
    }
}

/// Reads a file, page by page, from any thread.
pub(super) struct PageReader {
    file: Arc<dyn DiskRead>,
    name: String,
    salt: u64,
    pub(super) pages: u64,
}

impl PageReader {
    pub(super) fn open(disk: &dyn Disk, path: &str, name: &str) -> Result<Self, ArchiveError> {
        let file = disk.open(path)?;
        let bytes = file.len()?;
        let reader = Self {
            file,
            name: name.to_owned(),
            salt: xxh3_64(name.as_bytes()),
            pages: bytes / PAGE_BYTES as u64,
        };
        if bytes == 0 || bytes % PAGE_BYTES as u64 != 0 {
            return Err(reader.damaged(reader.pages));
        }
        Ok(reader)
    }

    pub(super) fn read(&self, number: u64) -> Result<Box<Page>, ArchiveError> {
        let mut page = Box::new([0; PAGE_BYTES]);
        if number >= self.pages {
            return Err(self.damaged(number));
        }
        self.file
            .read_at(number * PAGE_BYTES as u64, &mut page[..])?;
        if page[PAYLOAD_BYTES..] != checksum(&page, self.salt, number) {
            return Err(self.damaged(number));
        }
        Ok(page)
    }

    /// The error that says that this page is not what was written.
    pub(super) fn damaged(&self, page: u64) -> ArchiveError {
        ArchiveError::Damaged {
            file: self.name.clone(),
            offset: page * PAGE_BYTES as u64,
        }
    }
}
