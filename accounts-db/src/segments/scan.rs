//! Reading a segment from its start to its durable end, record by record, checking each.

use super::error::SegmentError;
use super::format::{
    HEAD_BYTES, HEADER_BYTES, Place, Record, SEGMENT_MAGIC, check_header, claimed_size,
};
use crate::disk::DiskRead;
use crate::sync::AtomicBool;
use sealane_sdk::Hash;
use std::sync::Arc;

/// Bytes read at a time.
const WINDOW_BYTES: u64 = 1 << 20;

/// A segment file, open. Whoever holds it keeps the file from being removed.
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) path: String,
    pub(super) file: Arc<dyn DiskRead>,
    /// Nothing more is appended to it.
    pub(super) sealed: AtomicBool,
}

impl Segment {
    /// Refuses a file that is not this segment, or that is shorter than `length`.
    pub(super) fn check(&self, genesis: &Hash, length: u64) -> Result<(), SegmentError> {
        let found = self
            .file
            .len()
            .map_err(SegmentError::io("ask for the length of", &self.path))?;
        if found < length {
            return Err(SegmentError::corrupted(
                &self.path,
                found,
                "the file is shorter than its checkpoint says",
            ));
        }
        let mut header = [0; HEADER_BYTES];
        self.file
            .read_at(0, &mut header)
            .map_err(SegmentError::read(&self.path, 0))?;
        let number = self.number.into();
        check_header(&header, SEGMENT_MAGIC, genesis, number, &self.path)
    }

    /// One record, of which the size is known.
    pub(super) fn read(&self, offset: u64, size: u64) -> Result<Vec<u8>, SegmentError> {
        let mut bytes = vec![0; size as usize];
        self.file
            .read_at(offset, &mut bytes)
            .map_err(SegmentError::read(&self.path, offset))?;
        self.check_record(&bytes, offset)?;
        Ok(bytes)
    }

    /// The record that these bytes at `offset` are, all of them.
    pub(super) fn check_record<'a>(
        &self,
        bytes: &'a [u8],
        offset: u64,
    ) -> Result<Record<'a>, SegmentError> {
        if claimed_size(bytes) != bytes.len() {
            let what = "the record has another size";
            return Err(SegmentError::corrupted(&self.path, offset, what));
        }
        Record::check(bytes, self.place(offset))
            .map_err(|what| SegmentError::corrupted(&self.path, offset, what))
    }

    pub(super) fn place(&self, offset: u64) -> Place {
        Place {
            segment: self.number,
            offset,
        }
    }
}

/// A walk over a segment's records.
pub(super) struct Scan {
    segment: Arc<Segment>,
    /// Of the next record.
    offset: u64,
    end: u64,
    window: Vec<u8>,
    window_start: u64,
}

impl Scan {
    /// From the first record to `end`, where one must end.
    pub(super) fn new(segment: Arc<Segment>, end: u64) -> Self {
        Self {
            segment,
            offset: HEADER_BYTES as u64,
            end,
            window: Vec::new(),
            window_start: 0,
        }
    }

    pub(super) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The next record and its place.
    pub(super) fn next(&mut self) -> Result<Option<(Place, Record<'_>)>, SegmentError> {
        if self.offset == self.end {
            return Ok(None);
        }
        let size = self.load_next()?;
        let offset = self.offset;
        self.offset += size as u64;
        self.loaded(offset, size).map(Some)
    }

    /// The next records, as many as are in memory after the first of them was read: `most` at most, and no more
    /// once they have `bytes`. None at the end.
    pub(super) fn next_few(
        &mut self,
        most: usize,
        bytes: u64,
    ) -> Result<Vec<(Place, Record<'_>)>, SegmentError> {
        let start = self.offset;
        let mut found = Vec::with_capacity(most);
        while found.len() < most && self.offset < self.end && self.offset - start < bytes {
            if !found.is_empty() && !self.has_next() {
                break;
            }
            let size = self.load_next()?;
            found.push((self.offset, size));
            self.offset += size as u64;
        }
        let found = found.into_iter();
        found
            .map(|(offset, size)| self.loaded(offset, size))
            .collect()
    }

    /// Reads the next record, if it is not in memory; its size.
    fn load_next(&mut self) -> Result<usize, SegmentError> {
        let size = claimed_size(self.window(HEAD_BYTES)?);
        self.window(size)?;
        Ok(size)
    }

    /// Whether the next record is in memory.
    fn has_next(&self) -> bool {
        let ahead = &self.window[(self.offset - self.window_start) as usize..];
        ahead.len() >= HEAD_BYTES && ahead.len() >= claimed_size(ahead)
    }

    /// A record that is in memory, checked.
    fn loaded(&self, offset: u64, size: usize) -> Result<(Place, Record<'_>), SegmentError> {
        let place = self.segment.place(offset);
        let at = (offset - self.window_start) as usize;
        let record = Record::check(&self.window[at..at + size], place)
            .map_err(|what| SegmentError::corrupted(&self.segment.path, offset, what))?;
        Ok((place, record))
    }

    /// The next `size` bytes.
    fn window(&mut self, size: usize) -> Result<&[u8], SegmentError> {
        let at = (self.offset - self.window_start) as usize;
        if at + size <= self.window.len() {
            return Ok(&self.window[at..at + size]);
        }
        let left = self.end - self.offset;
        if size as u64 > left {
            let what = "a record reaches beyond the segment's end";
            return Err(SegmentError::corrupted(
                &self.segment.path,
                self.offset,
                what,
            ));
        }
        self.window
            .resize(left.min(WINDOW_BYTES.max(size as u64)) as usize, 0);
        self.window_start = self.offset;
        let read = self.segment.file.read_at(self.offset, &mut self.window);
        read.map_err(SegmentError::read(&self.segment.path, self.offset))?;
        Ok(&self.window[..size])
    }
}
