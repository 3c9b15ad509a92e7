//! Where the newest record of each key lies: a sharded open-addressing table of 20-byte cells.
//!
//! A cell has no key but 72 bits of a keyed 128-bit hash, and its shard is another 6 bits of it: that two
//! keys of a million are confused has a chance of one in 10^11, and nobody can make up two. The last record
//! of a deleted key is in here too, until compaction drops it. Cells fill a shard to one half to three
//! quarters, so a key takes 27 to 40 bytes.
//!
//! One thread changes the table, others look up at the same moment, each under the lock of one shard for
//! a few hundred nanoseconds, or as long as it takes to make that shard half as large again. While
//! segments are loaded, many threads put keys in.

use super::format::Place;
use crate::Pubkey;
use crate::sync::{RwLock, read, write};
use ahash::RandomState;
use std::hash::{BuildHasher, Hasher};

const SHARD_BITS: u32 = 6;
/// Parts of the table, each with a lock.
pub(super) const SHARDS: usize = 1 << SHARD_BITS;
const CELLS_MIN: usize = 8;

/// A record: where it is, how large, and whether it says that the account was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) place: Place,
    pub(super) size: u64,
    pub(super) tombstone: bool,
}

/// What the table knows of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyHash {
    shard: usize,
    /// What cells are searched for; its high bits say where the search starts.
    tag: u64,
    /// Eight more bits of the tag, where the segment's number leaves room for them.
    tag_rest: u32,
}

impl KeyHash {
    /// Which part of the table it is in, below `SHARDS`.
    pub(super) fn shard(&self) -> usize {
        self.shard
    }
}

/// What became of a record that was put in while segments are loaded.
pub(super) enum Loaded {
    /// It is the newest so far, and the first or newer than this one.
    Newest(Option<Location>),
    /// There is a newer one.
    Superseded,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    tag: [u32; 2],
    /// Number of the segment in the low 24 bits, `tag_rest` above.
    segment: u32,
    /// In units of 8 bytes.
    offset: u32,
    /// In units of 8 bytes, times two, plus one for a tombstone. Zero: the cell is empty.
    size: u32,
}

const _: () = assert!(size_of::<Cell>() == 20);

#[derive(Default)]
struct Shard {
    cells: Box<[Cell]>,
    used: usize,
}

pub(super) struct LocationIndex {
    hashers: [RandomState; 2],
    shards: Box<[RwLock<Shard>]>,
}

impl LocationIndex {
    /// An empty table with room for `keys`.
    pub(super) fn with_room_for(keys: u64) -> Self {
        let each = usize::try_from(keys).expect("as many keys as fit in memory") / SHARDS;
        // Shards differ by chance.
        let cells = (each + each / 32 + 8) * 4 / 3;
        Self {
            hashers: [RandomState::new(), RandomState::new()],
            shards: (0..SHARDS)
                .map(|_| RwLock::new(Shard::with_cells(cells)))
                .collect(),
        }
    }

    pub(super) fn hash(&self, key: &Pubkey) -> KeyHash {
        let [tag, other] = [0, 1].map(|which| {
            let mut hasher: ahash::AHasher = self.hashers[which].build_hasher();
            hasher.write(key.as_array());
            hasher.finish()
        });
        KeyHash {
            shard: other as usize % SHARDS,
            tag,
            tag_rest: (other >> 56) as u32,
        }
    }

    pub(super) fn get(&self, key: KeyHash) -> Option<Location> {
        let shard = read(&self.shards[key.shard]);
        let at = shard.find(key).ok()?;
        Some(shard.cells[at].location())
    }

    /// Sets where the key's newest record lies; returns where the one before does.
    pub(super) fn set(&self, key: KeyHash, location: Location) -> Option<Location> {
        let mut shard = write(&self.shards[key.shard]);
        let replaced = shard.find(key).ok().map(|at| shard.cells[at].location());
        shard.put(key, location);
        replaced
    }

    /// Starts loading where `get` and `set` will look for this key, if nobody changes its shard right now.
    pub(super) fn prefetch(&self, key: KeyHash) {
        if let Ok(shard) = self.shards[key.shard].try_read() {
            shard.prefetch(key);
        }
    }

    /// Puts in records of one shard, each of which may be older than the one that is there, and says for
    /// each what became of it.
    pub(super) fn load(
        &self,
        records: &[(KeyHash, Location)],
        mut each: impl FnMut(&Location, Loaded),
    ) {
        let Some((first, _)) = records.first() else {
            return;
        };
        let mut shard = write(&self.shards[first.shard]);
        records.iter().for_each(|(key, _)| shard.prefetch(*key));
        for (key, location) in records {
            debug_assert_eq!(key.shard, first.shard);
            let found = shard.find(*key).ok().map(|at| shard.cells[at].location());
            if found.is_some_and(|found| found.place > location.place) {
                each(location, Loaded::Superseded);
            } else {
                shard.put(*key, *location);
                each(location, Loaded::Newest(found));
            }
        }
    }

    /// Keeps the items that are at the place of their key's newest record, all of one shard.
    pub(super) fn retain_newest<T>(&self, items: &mut Vec<(KeyHash, Place, T)>) {
        let Some((first, ..)) = items.first() else {
            return;
        };
        let shard = read(&self.shards[first.shard]);
        items.iter().for_each(|(key, ..)| shard.prefetch(*key));
        items.retain(|(key, place, _)| {
            let found = shard.find(*key).ok();
            found.is_some_and(|at| shard.cells[at].location().place == *place)
        });
    }

    /// Appends what a shard has at this moment.
    pub(super) fn copy_shard(&self, number: usize, to: &mut Vec<(KeyHash, Location)>) {
        let shard = read(&self.shards[number]);
        let cells = shard.cells.iter().filter(|cell| !cell.is_empty());
        to.extend(cells.map(|cell| {
            let hash = KeyHash {
                shard: number,
                tag: cell.tag(),
                tag_rest: cell.segment >> 24,
            };
            (hash, cell.location())
        }));
    }

    /// Forgets a key.
    pub(super) fn remove(&self, key: KeyHash) {
        write(&self.shards[key.shard]).remove(key);
    }
}

impl Shard {
    fn with_cells(cells: usize) -> Self {
        Self {
            cells: vec![Cell::default(); cells.max(CELLS_MIN)].into(),
            used: 0,
        }
    }

    /// Where the search for this tag starts.
    fn home(&self, tag: u64) -> usize {
        ((u128::from(tag) * self.cells.len() as u128) >> 64) as usize
    }

    /// Starts loading the cells where the search for this key starts.
    fn prefetch(&self, key: KeyHash) {
        crate::memory::prefetch_line(&raw const self.cells[self.home(key.tag)]);
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.cells.len() {
            0
        } else {
            at + 1
        }
    }

    /// The key's cell, or the empty one where it would go.
    fn find(&self, key: KeyHash) -> Result<usize, usize> {
        let mut at = self.home(key.tag);
        loop {
            let cell = &self.cells[at];
            if cell.is_empty() {
                return Err(at);
            }
            if cell.tag() == key.tag && cell.segment >> 24 == key.tag_rest {
                return Ok(at);
            }
            at = self.after(at);
        }
    }

    fn put(&mut self, key: KeyHash, location: Location) {
        let at = match self.find(key) {
            Ok(at) => at,
            Err(vacant) => {
                self.used += 1;
                if self.used * 4 <= self.cells.len() * 3 {
                    vacant
                } else {
                    self.grow();
                    self.find(key).expect_err("the key is new")
                }
            }
        };
        self.cells[at] = Cell::new(key, location);
    }

    fn grow(&mut self) {
        let grown = Self::with_cells(self.cells.len() + self.cells.len() / 2);
        let old = std::mem::replace(&mut self.cells, grown.cells);
        for cell in old.iter().filter(|cell| !cell.is_empty()) {
            let mut at = self.home(cell.tag());
            while !self.cells[at].is_empty() {
                at = self.after(at);
            }
            self.cells[at] = *cell;
        }
    }

    fn remove(&mut self, key: KeyHash) {
        let Ok(mut gap) = self.find(key) else { return };
        self.used -= 1;
        // Cells behind move up, those whose search would otherwise end at the gap.
        let mut at = gap;
        loop {
            at = self.after(at);
            let cell = self.cells[at];
            if cell.is_empty() {
                break;
            }
            let length = self.cells.len();
            let distance = |from: usize| (at + length - from) % length;
            if distance(self.home(cell.tag())) >= distance(gap) {
                self.cells[gap] = cell;
                gap = at;
            }
        }
        self.cells[gap] = Cell::default();
    }
}

impl Cell {
    fn new(key: KeyHash, location: Location) -> Self {
        let units = |bytes: u64| u32::try_from(bytes / 8).expect("a segment has at most 32 GiB");
        Self {
            tag: [key.tag as u32, (key.tag >> 32) as u32],
            segment: key.tag_rest << 24 | location.place.segment,
            offset: units(location.place.offset),
            size: units(location.size) << 1 | u32::from(location.tombstone),
        }
    }

    fn is_empty(&self) -> bool {
        self.size == 0
    }

    fn tag(&self) -> u64 {
        u64::from(self.tag[1]) << 32 | u64::from(self.tag[0])
    }

    fn location(&self) -> Location {
        Location {
            place: Place {
                segment: self.segment & 0xff_ffff,
                offset: u64::from(self.offset) * 8,
            },
            size: u64::from(self.size >> 1) * 8,
            tombstone: self.size & 1 == 1,
        }
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use std::collections::HashMap;

    #[test]
    fn random_changes_agree_with_a_map() {
        for seed in 0..20 {
            println!("seed {seed}");
            let mut random = StdRng::seed_from_u64(seed);
            let index = LocationIndex::with_room_for(0);
            let mut model = HashMap::new();
            // Few shards and tags close to each other, at the table's end too: long searches.
            let key = |n: u64| KeyHash {
                shard: (n % 2) as usize,
                tag: u64::MAX - (n % 100) / 3 * 1000,
                tag_rest: (n % 3) as u32 * 100,
            };
            for step in 0..3_000_u64 {
                let n: u64 = random.random_range(0..100);
                let location = Location {
                    place: Place {
                        segment: random.random_range(0..10),
                        offset: step * 8,
                    },
                    size: random.random_range(8..1 << 20) * 8,
                    tombstone: random.random(),
                };
                match random.random_range(0..3) {
                    0 => {
                        index.remove(key(n));
                        model.remove(&n);
                    }
                    1 => assert_eq!(index.set(key(n), location), model.insert(n, location)),
                    _ => index.load(&[(key(n), location)], |_, loaded| match loaded {
                        Loaded::Newest(older) => assert_eq!(older, model.insert(n, location)),
                        Loaded::Superseded => assert!(model[&n].place > location.place),
                    }),
                }
                let n: u64 = random.random_range(0..100);
                assert_eq!(index.get(key(n)), model.get(&n).copied());
            }
            assert!(model.len() > 20);
        }
    }
}
