//! Appending records: the segment that is written to, and what is known of the others.

use super::Segments;
use super::checkpoint::{open, segment_path};
use super::error::SegmentError;
use super::format::{
    HEADER_BYTES, Place, Record, SEGMENT_MAGIC, SEGMENTS_MAX, append_record, header,
};
use super::index::{KeyHash, Location};
use super::scan::Segment;
use crate::Pubkey;
use crate::disk::DiskFile;
use crate::sync::{AtomicBool, Ordering, write};
use sealane_sdk::AccountState;
use std::borrow::Borrow;
use std::sync::Arc;

/// Bytes gathered before they are appended to the file.
const BUFFER_BYTES: usize = 1 << 20;

/// Keys this far ahead are being looked for.
const PREFETCH_AHEAD: usize = 16;

/// A segment of the next checkpoint.
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    /// Bytes up to the end of its last good record.
    pub(super) length: u64,
    /// Bytes of the newest records of accounts that exist.
    pub(super) live: u64,
    /// Bytes of the newest records of accounts that do not.
    pub(super) tombstones: u64,
}

/// The segment that is written to.
pub(super) struct Active {
    file: Box<dyn DiskFile>,
    number: u32,
    /// Bytes that are in the file.
    written: u64,
    /// Bytes that are not yet.
    buffer: Vec<u8>,
    /// Their records.
    pending: Vec<(KeyHash, Location)>,
}

impl Active {
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Bytes that are in the file, and those that are not yet.
    pub(super) fn end(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    pub(super) fn sync(&mut self) -> std::io::Result<()> {
        self.file.sync()
    }
}

impl Segments {
    /// Appends the newest states of accounts as of `slot`, each account once; an absent state says that
    /// the account was deleted. They count from the next checkpoint on, and `SegmentReader::get` finds
    /// them at once.
    ///
    /// After an error some of them were written and others were not: before the next checkpoint, write
    /// all of them again, or what they have become since.
    pub fn write<K, S>(
        &mut self,
        slot: u64,
        accounts: impl IntoIterator<Item = (K, S)>,
    ) -> Result<(), SegmentError>
    where
        K: Borrow<Pubkey>,
        S: Borrow<AccountState>,
    {
        self.check_not_stopped()?;
        for (key, state) in accounts {
            let (key, state) = (key.borrow(), state.borrow());
            let hash = self.shared.index.hash(key);
            let is_there = || self.shared.index.get(hash).is_some_and(|at| !at.tombstone);
            // Who came and went between two checkpoints leaves no trace.
            if state.is_absent() && !is_there() {
                continue;
            }
            let place = self.next_place()?;
            let active = self.active.as_mut().expect("a place is in it");
            let size = append_record(&mut active.buffer, place, key, state, slot) as u64;
            let tombstone = state.is_absent();
            active.pending.push((
                hash,
                Location {
                    place,
                    size,
                    tombstone,
                },
            ));
            self.flush_when_full()?;
        }
        self.flush()
    }

    /// Appends a record that lies elsewhere and is its key's newest.
    pub(super) fn write_moved(
        &mut self,
        hash: KeyHash,
        record: &Record<'_>,
    ) -> Result<(), SegmentError> {
        let place = self.next_place()?;
        let active = self.active.as_mut().expect("a place is in it");
        record.append_moved(&mut active.buffer, place);
        active.pending.push((
            hash,
            Location {
                place,
                size: record.size() as u64,
                tombstone: record.is_tombstone(),
            },
        ));
        self.flush_when_full()
    }

    /// Where the next record goes.
    fn next_place(&mut self) -> Result<Place, SegmentError> {
        let full = self.segment_bytes();
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.end() >= full)
        {
            self.flush()?;
            self.seal();
        }
        if self.active.is_none() {
            self.active = Some(self.create_segment()?);
        }
        let active = self.active.as_ref().expect("just made");
        Ok(Place {
            segment: active.number,
            offset: active.end(),
        })
    }

    /// Nothing more goes into the segment that is written to.
    pub(super) fn seal(&mut self) {
        if let Some(active) = self.active.take() {
            assert!(active.buffer.is_empty(), "sealed with records at hand");
            let part = &self.parts[&active.number];
            part.segment.sealed.store(true, Ordering::Release);
            self.unsynced.push((part.segment.path.clone(), active.file));
        }
    }

    fn create_segment(&mut self) -> Result<Active, SegmentError> {
        let number = self.next_segment;
        assert!(number < SEGMENTS_MAX, "16 million segments were written");
        // A number is not used again, whatever becomes of this.
        self.next_segment += 1;
        let path = segment_path(&self.folder, number);
        let disk = &self.shared.disk;
        let file = disk
            .create(&path)
            .map_err(SegmentError::io("create", &path))?;
        self.names_changed = true;
        let segment = Arc::new(Segment {
            number,
            file: open(&**disk, &path)?,
            path,
            sealed: AtomicBool::new(false),
        });
        write(&self.shared.segments).insert(number, Arc::clone(&segment));
        self.parts.insert(
            number,
            Part {
                segment,
                length: 0,
                live: 0,
                tombstones: 0,
            },
        );
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 8);
        buffer.extend_from_slice(&header(SEGMENT_MAGIC, &self.genesis, number.into()));
        debug_assert_eq!(buffer.len(), HEADER_BYTES);
        Ok(Active {
            file,
            number,
            written: 0,
            buffer,
            pending: Vec::new(),
        })
    }

    fn flush_when_full(&mut self) -> Result<(), SegmentError> {
        let active = self.active.as_ref();
        if active.is_some_and(|active| active.buffer.len() >= BUFFER_BYTES) {
            self.flush()?;
        }
        Ok(())
    }

    /// Appends what was gathered, and then says where it is.
    pub(super) fn flush(&mut self) -> Result<(), SegmentError> {
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        if active.pending.is_empty() {
            return Ok(());
        }
        if let Err(error) = active.file.append(&active.buffer) {
            return Err(self.abandon_segment(error));
        }
        active.written += active.buffer.len() as u64;
        active.buffer.clear();
        active.buffer.shrink_to(2 * BUFFER_BYTES);
        let (number, written) = (active.number, active.written);
        let pending = std::mem::take(&mut active.pending);
        self.part_mut(number).length = written;
        for (i, (hash, location)) in pending.iter().enumerate() {
            if let Some((ahead, _)) = pending.get(i + PREFETCH_AHEAD) {
                self.shared.index.prefetch(*ahead);
            }
            let replaced = self.shared.index.set(*hash, *location);
            self.count(location, replaced);
        }
        // Its memory is used again.
        if let Some(active) = &mut self.active {
            active.pending = pending;
            active.pending.clear();
        }
        Ok(())
    }

    /// After an append failed nobody knows what is behind the last good record: the segment ends there,
    /// and what was gathered is forgotten.
    fn abandon_segment(&mut self, error: std::io::Error) -> SegmentError {
        let active = self.active.take().expect("its append failed");
        let part = &self.parts[&active.number];
        let path = part.segment.path.clone();
        part.segment.sealed.store(true, Ordering::Release);
        if active.written == 0 {
            self.parts.remove(&active.number);
        } else {
            self.unsynced.push((path.clone(), active.file));
        }
        SegmentError::io("write", &path)(error)
    }

    /// Keeps the counts when `location` takes the place of `replaced`.
    fn count(&mut self, location: &Location, replaced: Option<Location>) {
        let part = self.part_mut(location.place.segment);
        if location.tombstone {
            part.tombstones += location.size;
        } else {
            part.live += location.size;
            self.accounts += 1;
        }
        if let Some(replaced) = replaced {
            self.discount(&replaced);
        }
    }

    /// Keeps the counts when a record is not its key's newest any more.
    pub(super) fn discount(&mut self, replaced: &Location) {
        let part = self.part_mut(replaced.place.segment);
        if replaced.tombstone {
            part.tombstones -= replaced.size;
        } else {
            part.live -= replaced.size;
            self.accounts -= 1;
        }
    }

    fn part_mut(&mut self, number: u32) -> &mut Part {
        self.parts
            .get_mut(&number)
            .expect("a segment with newest records is part of the next checkpoint")
    }
}
