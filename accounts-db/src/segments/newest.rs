//! A scan of the newest records of all keys, while segments are written and compacted.
//!
//! The index says where they lie. A part of its shards is copied at a time, put in the order of the files, and
//! read in windows; so every key that has a record when its shard is copied comes once. What happens to a
//! key after that is for the caller to find out (`NewestRecord::is_newest`). Small records are not read one by
//! one, and the copy takes at most some megabytes, for which a large state is gone through several times.

use super::error::SegmentError;
use super::format::Record;
use super::index::{KeyHash, Location, SHARDS};
use super::reader::SegmentReader;
use super::store::Shared;
use crate::Pubkey;
use crate::sync::{Ordering, read};
use sealane_sdk::AccountState;

/// Locations that are copied at a time: 48 MiB.
const COPIED_MAX: usize = 1 << 20;
/// Bytes that are read at once, unless one record is larger.
const WINDOW_BYTES: u64 = 256 << 10;
/// Two records with at most so many bytes between them are read together.
const GAP_BYTES: u64 = 16 << 10;

/// A scan. As long as it lives no tombstone is dropped.
pub(crate) struct NewestScan<'a>(&'a Shared);

/// The record of a key.
pub(crate) struct NewestRecord<'a> {
    shared: &'a Shared,
    hash: KeyHash,
    location: Location,
    record: Record<'a>,
}

impl NewestRecord<'_> {
    /// Whether it still is its key's newest.
    pub(crate) fn is_newest(&self) -> bool {
        self.shared.index.get(self.hash) == Some(self.location)
    }

    /// `None` where it says that the account was deleted.
    pub(crate) fn state(&self) -> Option<AccountState> {
        (!self.record.is_tombstone()).then(|| self.record.state())
    }
}

impl SegmentReader {
    /// Begins a scan.
    pub(crate) fn start_scan(&self) -> NewestScan<'_> {
        // SeqCst: what compaction dropped before it saw this was dropped before the scan began.
        self.0.scans.fetch_add(1, Ordering::SeqCst);
        NewestScan(&self.0)
    }
}

impl Drop for NewestScan<'_> {
    fn drop(&mut self) {
        self.0.scans.fetch_sub(1, Ordering::SeqCst);
    }
}

impl NewestScan<'_> {
    /// Shows `each` the record of every key, tombstones included.
    pub(crate) fn for_each<E: From<SegmentError>>(
        &self,
        each: &mut dyn FnMut(&Pubkey, NewestRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut copied = Vec::new();
        for shard in 0..SHARDS {
            self.0.index.copy_shard(shard, &mut copied);
            if copied.len() >= COPIED_MAX || shard + 1 == SHARDS {
                copied.sort_unstable_by_key(|(_, location)| location.place);
                self.read(&copied, each)?;
                copied.clear();
            }
        }
        Ok(())
    }

    fn read<E: From<SegmentError>>(
        &self,
        mut copied: &[(KeyHash, Location)],
        each: &mut dyn FnMut(&Pubkey, NewestRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut window = Vec::new();
        while let Some((hash, first)) = copied.first() {
            let end_of = |location: &Location| location.place.offset + location.size;
            let start = first.place.offset;
            let mut end = end_of(first);
            let mut count = 1;
            for (_, next) in &copied[1..] {
                if next.place.segment != first.place.segment
                    || next.place.offset > end + GAP_BYTES
                    || end_of(next) > start + WINDOW_BYTES
                {
                    break;
                }
                end = end_of(next);
                count += 1;
            }
            let segment = read(&self.0.segments).get(&first.place.segment).cloned();
            let Some(segment) = segment else {
                // Its records moved, and it was removed, after the index was copied.
                self.read_moved(*hash, each)?;
                copied = &copied[1..];
                continue;
            };
            let (these, rest) = copied.split_at(count);
            copied = rest;
            window.resize((end - start) as usize, 0);
            let whole = segment.file.read_at(start, &mut window);
            whole.map_err(SegmentError::read(&segment.path, start))?;
            for (hash, location) in these {
                let at = (location.place.offset - start) as usize;
                let bytes = &window[at..at + location.size as usize];
                let record = segment.check_record(bytes, location.place.offset)?;
                let key = record.key();
                let record = NewestRecord {
                    shared: self.0,
                    hash: *hash,
                    location: *location,
                    record,
                };
                each(&key, record)?;
            }
        }
        Ok(())
    }

    /// Reads the record of one key where it lies now.
    fn read_moved<E: From<SegmentError>>(
        &self,
        hash: KeyHash,
        each: &mut dyn FnMut(&Pubkey, NewestRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let shared = self.0;
        let Some((location, bytes)) = shared.read_newest(hash, |_| true)? else {
            return Ok(());
        };
        let record = Record::of_checked(&bytes);
        let key = record.key();
        let record = NewestRecord {
            shared,
            hash,
            location,
            record,
        };
        each(&key, record)
    }
}
