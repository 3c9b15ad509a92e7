//! Compaction: writing the newest records of mostly outdated segments anew, a bounded piece at a time.
//!
//! A segment is worth it when less than five eighths of it are newest records. A tombstone is one, unless
//! its segment is the oldest, since then nothing older is left that it hides. When tombstones are more
//! than a fifth of all, the oldest segment is taken, whatever is in it, until they are not. So when there
//! is nothing to do, all segments together are at most twice as large as the newest records of accounts,
//! plus two segments. (1.6 × 1.2 = 1.92; the segment that is written to, and a rest.)

use super::Segments;
use super::error::SegmentError;
use super::format::{Place, Record};
use super::index::KeyHash;
use super::scan::Scan;
use crate::sync::Ordering;
use std::sync::Arc;

/// Segments that are not a quarter full (each start begins a new one), at most, before they are joined.
const SMALL_MAX: usize = 8;

/// Records of which it is looked up side by side whether they are their keys' newest.
const LOOKED_UP: usize = 64;

/// A segment that is being taken apart.
pub(super) struct Compaction {
    scan: Scan,
    /// Nothing that its tombstones hide is left.
    is_oldest: bool,
}

impl Segments {
    /// Does a piece of compaction: reads and writes about `bytes_max` bytes, or one record if that is
    /// larger. Returns whether there may be more to do. The room is free once the checkpoints that are
    /// kept do not need it.
    ///
    /// Keeping up takes twice as many bytes as are written.
    pub fn compact_step(&mut self, bytes_max: u64) -> Result<bool, SegmentError> {
        self.check_not_stopped()?;
        let Some(mut compaction) = self.compaction.take().or_else(|| self.choose()) else {
            return Ok(false);
        };
        // After an error it begins anew: what was moved is not this segment's any more.
        let is_done = self.compact(&mut compaction, bytes_max)?;
        if is_done {
            let number = compaction.scan.segment().number;
            let part = self.parts.remove(&number).expect("it is compacted once");
            assert!(
                part.live + part.tombstones == 0,
                "a segment lost a newest record"
            );
        } else {
            self.compaction = Some(compaction);
        }
        Ok(true)
    }

    /// Returns whether the segment's end was reached.
    fn compact(
        &mut self,
        compaction: &mut Compaction,
        bytes_max: u64,
    ) -> Result<bool, SegmentError> {
        let mut bytes = 0;
        while bytes < bytes_max {
            let few = compaction.scan.next_few(LOOKED_UP, bytes_max - bytes)?;
            if few.is_empty() {
                self.flush()?;
                return Ok(true);
            }
            let look_up = |(_, record): &(Place, Record<'_>)| {
                let hash = self.shared.index.hash(&record.key());
                self.shared.index.prefetch(hash);
                hash
            };
            let hashes: Vec<KeyHash> = few.iter().map(look_up).collect();
            for ((place, record), hash) in few.iter().zip(hashes) {
                bytes += record.size() as u64;
                let index = &self.shared.index;
                let Some(location) = index.get(hash).filter(|found| found.place == *place) else {
                    continue;
                };
                // SeqCst: see `start_scan`.
                let is_scanned = || self.shared.scans.load(Ordering::SeqCst) > 0;
                if location.tombstone && compaction.is_oldest && !is_scanned() {
                    index.remove(hash);
                    self.discount(&location);
                } else {
                    self.write_moved(hash, record)?;
                    bytes += record.size() as u64;
                }
            }
        }
        self.flush()?;
        Ok(false)
    }

    /// The segment that is most worth it, if any is.
    fn choose(&mut self) -> Option<Compaction> {
        let full = self.segment_bytes();
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.end() >= full)
        {
            self.seal();
        }
        let active = self.active.as_ref().map(|active| active.number());
        self.parts
            .retain(|number, part| Some(*number) == active || part.live + part.tombstones > 0);
        let sealed = || {
            self.parts
                .iter()
                .filter(|(number, _)| Some(**number) != active)
        };
        let oldest = *self.parts.first_key_value()?.0;
        let newest_records = |number: u32, live: u64, tombstones: u64| {
            live + if number == oldest { 0 } else { tombstones }
        };
        let (live, tombstones) = self
            .parts
            .values()
            .fold((0, 0), |(live, tombstones), part| {
                (live + part.live, tombstones + part.tombstones)
            });
        let outdated = sealed()
            .map(|(number, part)| {
                let newest = newest_records(*number, part.live, part.tombstones);
                (newest * 8, part.length * 5, *number)
            })
            .filter(|(newest, worth, _)| newest < worth)
            .max_by_key(|(newest, worth, _)| (worth - newest, u32::MAX));
        let number = if let Some((.., number)) = outdated {
            number
        } else if tombstones > live / 5 + full / 8 && Some(oldest) != active {
            oldest
        } else {
            let small = || sealed().filter(|(_, part)| part.length < full / 4);
            if small().count() <= SMALL_MAX {
                return None;
            }
            *small().min_by_key(|(_, part)| part.length)?.0
        };
        let part = &self.parts[&number];
        Some(Compaction {
            scan: Scan::new(Arc::clone(&part.segment), part.length),
            is_oldest: number == oldest,
        })
    }
}
