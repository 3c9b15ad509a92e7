//! Loading: reading all segments of a checkpoint at once, and finding the newest record of each key.

use super::error::SegmentError;
use super::format::Place;
use super::index::{Loaded as Put, Location, LocationIndex, SHARDS};
use super::scan::{Scan, Segment};
use super::snapshot::KeptCheckpoint;
use super::writer::Part;
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Records that go into a shard of the index at once.
const GATHERED: usize = 32;

/// What the segments of a checkpoint hold.
pub(super) struct Loaded {
    pub(super) index: LocationIndex,
    pub(super) parts: BTreeMap<u32, Part>,
    /// Accounts that exist.
    pub(super) accounts: u64,
}

/// What one thread found to be live, less what it found to be so no more.
#[derive(Clone, Copy, Default)]
struct Tally {
    live: i64,
    tombstones: i64,
    accounts: i64,
}

impl Tally {
    fn add(&mut self, location: &Location, sign: i64) {
        let size = location.size as i64 * sign;
        if location.tombstone {
            self.tombstones += size;
        } else {
            self.live += size;
            self.accounts += sign;
        }
    }
}

/// Reads the checkpoint's segments on up to `threads` threads.
pub(super) fn load(kept: &KeptCheckpoint, threads: usize) -> Result<Loaded, SegmentError> {
    let segments: Vec<_> = kept.segments().collect();
    let account_count = kept.checkpoint().account_count;
    // A count that a few bytes claim must not take memory that nothing backs.
    let most = kept.checkpoint().segment_bytes() / super::format::HEAD_BYTES as u64;
    let index = LocationIndex::with_room_for(account_count.min(most));
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let work = || {
        let mut tallies = vec![Tally::default(); segments.len()];
        loop {
            // Relaxed: only the number matters.
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((segment, length)) = segments.get(at) else {
                return tallies;
            };
            if let Err(error) = read_segment(&segments, segment, *length, &index, &mut tallies) {
                lock(&failed).get_or_insert(error);
                next.store(segments.len(), Ordering::Relaxed);
            }
        }
    };
    let tallies: Vec<Vec<Tally>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(segments.len()))
            .map(|_| scope.spawn(work))
            .collect();
        let mine = work();
        let join = |other: std::thread::ScopedJoinHandle<'_, _>| {
            other
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        std::iter::once(mine)
            .chain(others.into_iter().map(join))
            .collect()
    });
    if let Some(error) = lock(&failed).take() {
        return Err(error);
    }
    let mut parts = BTreeMap::new();
    let mut accounts = 0;
    for (at, (segment, length)) in segments.iter().enumerate() {
        let sum = |of: fn(&Tally) -> i64| {
            let sum: i64 = tallies.iter().map(|thread| of(&thread[at])).sum();
            u64::try_from(sum).expect("what is taken away was added")
        };
        accounts += sum(|tally| tally.accounts);
        let part = Part {
            segment: Arc::clone(segment),
            length: *length,
            live: sum(|tally| tally.live),
            tombstones: sum(|tally| tally.tombstones),
        };
        parts.insert(segment.number, part);
    }
    Ok(Loaded {
        index,
        parts,
        accounts,
    })
}

fn read_segment(
    segments: &[(&Arc<Segment>, u64)],
    segment: &Arc<Segment>,
    length: u64,
    index: &LocationIndex,
    tallies: &mut [Tally],
) -> Result<(), SegmentError> {
    let at = |place: Place| {
        segments
            .binary_search_by_key(&place.segment, |(segment, _)| segment.number)
            .expect("a location is in a segment of the checkpoint")
    };
    let mut put = |records: &mut Vec<_>| {
        index.load(records, |location, loaded| {
            if let Put::Newest(older) = loaded {
                tallies[at(location.place)].add(location, 1);
                if let Some(older) = older {
                    tallies[at(older.place)].add(&older, -1);
                }
            }
        });
        records.clear();
    };
    // Gathered by shard, so that a lock is taken, and memory waited for, once for many.
    let mut gathered: Vec<Vec<_>> = (0..SHARDS).map(|_| Vec::with_capacity(GATHERED)).collect();
    let mut scan = Scan::new(Arc::clone(segment), length);
    while let Some((place, record)) = scan.next()? {
        let location = Location {
            place,
            size: record.size() as u64,
            tombstone: record.is_tombstone(),
        };
        let hash = index.hash(&record.key());
        let records = &mut gathered[hash.shard()];
        records.push((hash, location));
        if records.len() == GATHERED {
            put(records);
        }
    }
    gathered.iter_mut().for_each(put);
    Ok(())
}
