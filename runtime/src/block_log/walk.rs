//! Going through the records of a log, one after the other, and judging its end.
//!
//! Every record says how far the log was durable when it was written (`durable`). So where a record is not
//! as it was written, either something behind it says that it had been durable, and the log is corrupted,
//! or nothing does, and the tail is torn: as a crash leaves it, no more than was never acknowledged.

use super::error::LogError;
use super::files::{LogFiles, OpenFile, Segment};
use super::format::{
    FILE_HEADER_BYTES, PAYLOAD_BYTES_MAX, RECORD_HEADER_BYTES, RECORD_MAGIC, RecordHeader,
    file_path, payload_checksum,
};
use super::reader::{LogEnd, RecordPosition, TornTail};
use bytes::Bytes;
use std::sync::Arc;

/// Looked through at once for records behind a damaged one.
const SEARCH_BYTES: u64 = 1 << 20;

/// A place in the log, between two records.
pub(super) struct Walk {
    files: Arc<LogFiles>,
    segments: Vec<Segment>,
    /// Of `segments`, the one that `file` is.
    segment: usize,
    file: Option<OpenFile>,
    offset: u64,
    /// Number of the next record, and checksum of the one before it.
    number: u64,
    link: u64,
}

/// A record as it lies there.
pub(super) struct RawRecord {
    pub(super) position: RecordPosition,
    pub(super) kind: u8,
    /// Number of the last record that a sync covered when this one was appended.
    pub(super) durable: u64,
    /// Checked and there if it was asked for.
    pub(super) payload: Bytes,
}

pub(super) enum Step {
    Record(RawRecord),
    End(LogEnd),
}

impl Walk {
    /// From the oldest record.
    pub(super) fn new(files: Arc<LogFiles>) -> Self {
        let segments = files.segments();
        Self::from_segment(files, segments, 0)
    }

    /// From the beginning of the last file that counts.
    pub(super) fn of_last_file(files: Arc<LogFiles>) -> Self {
        let segments = files.segments();
        let last = segments.len().saturating_sub(1);
        Self::from_segment(files, segments, last)
    }

    /// From the beginning of the file that has a record, or would have it; `Pruned` if that is gone.
    pub(super) fn of_record(files: Arc<LogFiles>, record: u64) -> Result<Self, LogError> {
        let segments = files.segments();
        let oldest = segments
            .first()
            .map_or(1, |segment| segment.header.first_record);
        if record < oldest {
            return Err(LogError::Pruned { record, oldest });
        }
        let at = segments.partition_point(|segment| segment.end <= record);
        Ok(Self::from_segment(files, segments, at))
    }

    fn from_segment(files: Arc<LogFiles>, segments: Vec<Segment>, segment: usize) -> Self {
        let first = segments.get(segment).map(|segment| segment.header);
        Self {
            files,
            segments,
            segment,
            file: None,
            offset: FILE_HEADER_BYTES as u64,
            number: first.map_or(1, |header| header.first_record),
            link: first.map_or(0, |header| header.link),
        }
    }

    /// Number of the record that is next, if there is one.
    pub(super) fn next_number(&self) -> u64 {
        self.number
    }

    /// Number of the file of the next record, if there is any file.
    pub(super) fn file_number(&self) -> Option<u64> {
        let segment = self.segments.get(self.segment)?;
        Some(segment.header.number)
    }

    /// Where the last record ends in its file, and its checksum.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.offset, self.link)
    }

    /// The next record; its payload is read and checked `with_payload` only.
    pub(super) fn step(&mut self, with_payload: bool) -> Result<Step, LogError> {
        let Some(mut segment) = self.segments.get(self.segment).copied() else {
            return self.end(None);
        };
        if self.number == segment.end {
            self.segment += 1;
            segment = self.segments[self.segment];
            self.file = None;
            self.offset = FILE_HEADER_BYTES as u64;
            if segment.header.link != self.link {
                let what = "it does not follow the record before it";
                let path = file_path(segment.header.number);
                return Err(LogError::corrupted(&path, 64, what));
            }
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.files.open(segment.header.number)?,
        };
        let outcome = self.record(&mut file, with_payload);
        let file = self.file.insert(file);
        match outcome? {
            Ok(record) => Ok(Step::Record(record)),
            Err(what) if segment.end == u64::MAX => self.end(what),
            Err(what) => {
                let what = what.unwrap_or("it ends too early");
                let text = format!("record {} should be here, but {what}", self.number);
                Err(LogError::corrupted(&file.path, self.offset, text))
            }
        }
    }

    /// The record here; or what is wrong, `None` if the file ends.
    fn record(
        &mut self,
        file: &mut OpenFile,
        with_payload: bool,
    ) -> Result<Result<RawRecord, Option<&'static str>>, LogError> {
        let offset = self.offset;
        if offset == file.bytes {
            return Ok(Err(None));
        }
        let Some(head) = file.exactly::<RECORD_HEADER_BYTES>(offset)? else {
            return Ok(Err(Some("the file ends within its head")));
        };
        let Some((header, checksum)) = RecordHeader::decode(&head, file.number, offset) else {
            return Ok(Err(Some("the checksum of its head is wrong")));
        };
        if header.number != self.number || header.link != self.link {
            return Ok(Err(Some("there is one that follows another record")));
        }
        let payload_at = offset + RECORD_HEADER_BYTES as u64;
        let payload_bytes = header.payload_bytes as usize;
        let payload_end = payload_at + u64::from(header.payload_bytes);
        if payload_bytes > PAYLOAD_BYTES_MAX || payload_end > file.bytes {
            return Ok(Err(Some("the file ends within it")));
        }
        let mut payload = Bytes::new();
        if with_payload {
            payload = file.slice(payload_at, payload_bytes)?.unwrap_or_default();
            if payload_checksum(&payload) != header.payload_checksum {
                return Ok(Err(Some("its checksum is wrong")));
            }
        }
        self.offset = payload_end;
        self.number += 1;
        self.link = checksum;
        Ok(Ok(RawRecord {
            position: RecordPosition {
                file: file.number,
                offset,
                number: header.number,
            },
            kind: header.kind,
            durable: header.durable,
            payload,
        }))
    }

    /// Judges the place behind the last record, where the last file ends or something is wrong.
    fn end(&self, wrong: Option<&'static str>) -> Result<Step, LogError> {
        let Some(segment) = self.segments.last() else {
            // Files without a head at most.
            self.check_for_later_records(None, wrong)?;
            return Ok(self.end_here(None));
        };
        let path = file_path(segment.header.number);
        if let Some(closed) = &self.files.closed {
            if let Some(what) = wrong {
                return Err(LogError::corrupted(&path, self.offset, what));
            }
            if (closed.record, closed.link) != (self.number - 1, self.link) {
                let what = format!("the log was closed with record {}", closed.record);
                return Err(LogError::corrupted(&path, self.offset, what));
            }
        }
        self.check_for_later_records(Some(segment), wrong)?;
        Ok(self.end_here(wrong.map(|_| {
            TornTail {
                file: segment.header.number,
                offset: self.offset,
                bytes: self
                    .file
                    .as_ref()
                    .map_or(0, |file| file.bytes - self.offset),
            }
        })))
    }

    fn end_here(&self, torn: Option<TornTail>) -> Step {
        Step::End(LogEnd {
            record: self.number - 1,
            link: self.link,
            is_closed: self.files.closed.is_some(),
            torn,
        })
    }

    /// An error if a record behind this place says that this place was durable.
    fn check_for_later_records(
        &self,
        last: Option<&Segment>,
        wrong: Option<&'static str>,
    ) -> Result<(), LogError> {
        let last_file = last.map(|segment| segment.header.number);
        for file in self.files.files.iter().rev() {
            let from = match last_file {
                Some(last_file) if file.number < last_file => break,
                Some(last_file) if file.number == last_file => self.offset + 1,
                _ => 0,
            };
            let is_last = last_file == Some(file.number);
            let Some((offset, durable)) = self.later_mark(file.number, from, is_last)? else {
                continue;
            };
            let told = format!(
                "byte {offset} of {} says that record {durable} was durable",
                file_path(file.number),
            );
            // A file behind the last that counts is itself what is damaged, unless more is.
            let (number, offset, what) = match (file.header, last_file) {
                (Ok(_), Some(last_file)) | (Err(_), Some(last_file)) if wrong.is_some() => {
                    (last_file, self.offset, wrong)
                }
                (Err(what), _) => (file.number, 0, Some(what)),
                (Ok(_), _) => (file.number, self.offset, wrong),
            };
            let what = format!("{}, and {told}", what.unwrap_or("it ends too early"));
            return Err(LogError::corrupted(&file_path(number), offset, what));
        }
        Ok(())
    }

    /// A record of a file, from an offset on, that was written when this place was durable: where, and up
    /// to which record it says that the log was. A file without a whole head was durable itself when one of
    /// its records says so of another.
    fn later_mark(
        &self,
        number: u64,
        from: u64,
        has_header: bool,
    ) -> Result<Option<(u64, u64)>, LogError> {
        let mut file = self.files.open(number)?;
        let mut start = from;
        let mut smallest = u64::MAX;
        while start < file.bytes {
            let length = SEARCH_BYTES.min(file.bytes - start) as usize;
            let Some(part) = file.slice(start, length)? else {
                break;
            };
            for (i, magic) in part.windows(RECORD_MAGIC.len()).enumerate() {
                if magic != RECORD_MAGIC {
                    continue;
                }
                let offset = start + i as u64;
                let Some(head) = file.exactly::<RECORD_HEADER_BYTES>(offset)? else {
                    continue;
                };
                let Some((header, _)) = RecordHeader::decode(&head, number, offset) else {
                    continue;
                };
                smallest = smallest.min(header.number);
                if header.durable >= self.number || (!has_header && header.durable >= smallest) {
                    return Ok(Some((offset, header.durable)));
                }
            }
            // The next part begins with what may be the beginning of a magic.
            let step = length - (RECORD_MAGIC.len() - 1).min(length - 1);
            start += step as u64;
        }
        Ok(None)
    }
}
