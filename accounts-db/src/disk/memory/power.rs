//! What is left of a [`MemoryDisk`](super::MemoryDisk) when the power goes.
//!
//! Of names: any subset of the changes that no `sync_directory` covered. A rename is one change, as on a
//! file system with a journal. Of a file: all that was synced; of the rest nothing, all, a part up to any
//! byte, or some of its sectors of 512 or 4,096 bytes and in place of the others zeros, what a sector of
//! that file held before, or noise. Files are decided on one by one, so what was written later may be
//! there without what was written earlier.

use super::state::{self, Calls, File, Folder, Node, State};
use super::{join, split};
use std::collections::BTreeMap;
use std::ops::Range;

impl State {
    /// As it may be after the power was lost.
    pub(super) fn crash(&self, random: &mut Random) -> Self {
        let names_kept = random.below(4);
        let mut kept = BTreeMap::new();
        let folders = self.folders.iter().map(|(path, folder)| {
            let mut names = folder.durable.clone();
            for change in &folder.pending {
                let is_kept = *kept
                    .entry(change.number)
                    .or_insert_with(|| match names_kept {
                        0 => false,
                        1 => true,
                        _ => random.below(2) == 0,
                    });
                if is_kept {
                    for (name, node) in &change.names {
                        state::set(&mut names, name, *node);
                    }
                }
            }
            (path.clone(), names)
        });
        let folders: BTreeMap<_, _> = folders.collect();
        let files = self.files.iter().map(|file| file.crash(random)).collect();
        Self::durable(files, &folders, self.capacity)
    }

    /// As it is, with all of it durable.
    pub(super) fn settled(&self) -> Self {
        let files = self.files.iter().map(|file| file.bytes.clone()).collect();
        let now = |(path, folder): (&String, &Folder)| (path.clone(), folder.now.clone());
        let folders = self.folders.iter().map(now).collect();
        Self::durable(files, &folders, self.capacity)
    }

    fn durable(
        files: Vec<Vec<u8>>,
        folders: &BTreeMap<String, BTreeMap<String, Node>>,
        capacity: Option<u64>,
    ) -> Self {
        let mut durable = Self {
            files: Vec::new(),
            folders: BTreeMap::new(),
            calls: Calls::default(),
            reads: Calls::default(),
            changes: 0,
            is_off: false,
            capacity,
            used: 0,
        };
        // Only what has a name, in a folder that has one. Folders come before what is in them.
        let mut named = vec![false; files.len()];
        for (path, names) in folders {
            if !path.is_empty() && !durable.has_folder(path) {
                continue;
            }
            for node in names.values() {
                if let Node::File(id) = node {
                    named[*id] = true;
                }
            }
            let folder = Folder {
                now: names.clone(),
                durable: names.clone(),
                pending: Vec::new(),
            };
            durable.folders.insert(path.clone(), folder);
        }
        // A folder whose name is durable is there, if only as an empty one.
        let nested: Vec<String> = durable
            .folders
            .iter()
            .flat_map(|(path, folder)| {
                let is_folder = |(_, node): &(_, &Node)| matches!(node, Node::Folder);
                let names = folder.now.iter().filter(is_folder);
                names.map(move |(name, _)| join(path, name))
            })
            .collect();
        for path in nested {
            durable.folders.entry(path).or_default();
        }
        for (bytes, is_named) in files.into_iter().zip(named) {
            let bytes = if is_named { bytes } else { Vec::new() };
            durable.used += bytes.len() as u64;
            durable.files.push(File {
                synced: bytes.len(),
                bytes,
                doubtful: Vec::new(),
            });
        }
        durable
    }

    fn has_folder(&self, path: &str) -> bool {
        let (above, name) = split(path);
        let names = self.folders.get(above).map(|folder| &folder.now);
        matches!(names.and_then(|names| names.get(name)), Some(Node::Folder))
    }
}

impl File {
    fn crash(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for doubtful in &self.doubtful {
            self.tear(doubtful.clone(), &mut bytes, random);
        }
        let unsynced = (self.bytes.len() - self.synced) as u64;
        match random.below(4) {
            0 => bytes.truncate(self.synced),
            1 => {}
            2 => bytes.truncate(self.synced + random.below(unsynced + 1) as usize),
            _ => {
                self.tear(self.synced..bytes.len(), &mut bytes, random);
                if random.below(2) == 0 {
                    bytes.truncate(self.synced + random.below(unsynced + 1) as usize);
                }
            }
        }
        bytes
    }

    /// Loses some sectors of `range`.
    fn tear(&self, range: Range<usize>, bytes: &mut [u8], random: &mut Random) {
        let sector = if random.below(2) == 0 { 512 } else { 4096 };
        // Of some tears little is lost, of others most.
        let lost_in_8 = 1 + random.below(7);
        let filling = random.below(4);
        for start in (range.start / sector * sector..range.end).step_by(sector) {
            if random.below(8) >= lost_in_8 {
                continue;
            }
            let lost = start.max(range.start)..(start + sector).min(range.end);
            let older = random.below(start as u64 / sector as u64 + 1) as usize * sector;
            for at in lost {
                bytes[at] = match filling {
                    0 | 1 => 0,
                    2 => self.bytes[older + at % sector],
                    _ => random.next() as u8,
                };
            }
        }
    }
}

/// SplitMix64: the same seed, the same crash, whatever version of whatever crate.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`; 0 if that is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}
