//! The folder as a whole: opening it, checkpoints, and what may be removed.

use super::checkpoint::{
    Checkpoint, CheckpointState, Name, TEMPORARY, checkpoint_path, open, segment_path,
};
use super::compact::Compaction;
use super::error::SegmentError;
use super::index::LocationIndex;
use super::load;
use super::reader::SegmentReader;
use super::scan::Segment;
use super::snapshot::{KeptCheckpoint, make_durable_folder};
use super::stream::AccountStream;
use super::writer::{Active, Part};
use crate::disk::{Disk, DiskFile};
use crate::sync::{AtomicBool, AtomicUsize, RwLock, read, write};
use sealane_sdk::Hash;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

/// Checkpoints that are kept.
const KEPT_MAX: usize = 2;
/// A segment is full at this share of all live bytes, so that there are a few dozen.
const SEGMENTS_AIM: u64 = 16;

/// Settings of account files.
#[derive(Clone, Debug)]
pub struct SegmentOptions {
    /// The folder of the account files.
    pub folder: String,
    /// A segment is full at this size at least; it may be larger by a record.
    pub segment_bytes_min: u64,
    /// A segment is full at this size at most. Between the two it is a sixteenth of all accounts.
    pub segment_bytes_max: u64,
    /// Threads that load.
    pub threads: usize,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self {
            folder: "accounts".to_owned(),
            segment_bytes_min: 8 << 20,
            segment_bytes_max: 1 << 30,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// Account files, with the right to write them: one thread's.
pub struct Segments {
    pub(super) shared: Arc<Shared>,
    pub(super) folder: String,
    pub(super) genesis: Hash,
    options: SegmentOptions,
    /// Segments of the next checkpoint.
    pub(super) parts: BTreeMap<u32, Part>,
    /// The one of them that is written to.
    pub(super) active: Option<Active>,
    /// Files that are full and were not synced yet.
    pub(super) unsynced: Vec<(String, Box<dyn DiskFile>)>,
    /// A segment's name may not be durable yet.
    pub(super) names_changed: bool,
    pub(super) next_segment: u32,
    next_checkpoint: u64,
    /// Durable checkpoints, at most two, the newest last.
    kept: Vec<Arc<KeptCheckpoint>>,
    pub(super) compaction: Option<Compaction>,
    /// Accounts that exist.
    pub(super) accounts: u64,
    stopped: bool,
}

/// What readers use.
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) index: LocationIndex,
    /// All segments that were not removed.
    pub(super) segments: RwLock<BTreeMap<u32, Arc<Segment>>>,
    /// Scans that keep tombstones from being dropped.
    pub(super) scans: AtomicUsize,
}

/// What was found in the folder.
pub struct OpenedSegments {
    /// The files.
    pub segments: Segments,
    /// The newest good checkpoint, whose accounts these are; `None` in a new folder.
    pub checkpoint: Option<Arc<KeptCheckpoint>>,
    /// What was wrong with checkpoints that cannot be used: newer ones, which were passed over, and the one
    /// before, which is not needed now. To be told to the operator.
    pub damaged: Vec<SegmentError>,
}

impl Segments {
    /// Opens the account files of the chain with this genesis hash, as of the newest checkpoint that is
    /// good: all its segments are read and checked, on several threads. A checkpoint that is damaged, or
    /// whose segments are, is passed over for the one before. Changes nothing but an absent folder.
    pub fn open(
        disk: Arc<dyn Disk>,
        genesis: Hash,
        options: SegmentOptions,
    ) -> Result<OpenedSegments, SegmentError> {
        let folder = options.folder.clone();
        let names = match list(&*disk, &folder) {
            Err(SegmentError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                make_durable_folder(&*disk, &folder)?;
                Vec::new()
            }
            listed => listed?,
        };
        let mut numbers: Vec<u64> = Vec::new();
        let mut next_segment = 0;
        for name in &names {
            match name {
                Name::Checkpoint(number) => numbers.push(*number),
                Name::Segment(number) => next_segment = next_segment.max(number + 1),
                Name::Temporary(_) | Name::Other => {}
            }
        }
        numbers.sort_unstable();
        let mut segments = Self {
            shared: Arc::new(Shared {
                disk,
                index: LocationIndex::with_room_for(0),
                segments: RwLock::default(),
                scans: AtomicUsize::new(0),
            }),
            folder,
            genesis,
            options,
            parts: BTreeMap::new(),
            active: None,
            unsynced: Vec::new(),
            names_changed: false,
            next_segment,
            next_checkpoint: numbers.last().map_or(1, |newest| newest + 1),
            kept: Vec::new(),
            compaction: None,
            accounts: 0,
            stopped: false,
        };
        let mut damaged = Vec::new();
        while let Some(number) = numbers.pop() {
            match segments.load(number) {
                Ok(()) => break,
                Err(error @ SegmentError::Corrupted { .. }) => damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        if segments.kept.is_empty() && !damaged.is_empty() {
            return Err(damaged.swap_remove(0));
        }
        segments.keep_one_before(&numbers, &mut damaged)?;
        Ok(OpenedSegments {
            checkpoint: segments.kept.last().cloned(),
            segments,
            damaged,
        })
    }

    /// Takes over what checkpoint `number` names.
    fn load(&mut self, number: u64) -> Result<(), SegmentError> {
        let kept = Arc::new(self.open_checkpoint(number, &BTreeMap::new())?);
        let checkpoint = kept.checkpoint();
        let loaded = load::load(&kept, self.options.threads)?;
        if loaded.accounts != checkpoint.account_count {
            let file = checkpoint_path(&self.folder, number);
            let what = "its segments hold another number of accounts";
            return Err(SegmentError::corrupted(&file, 64, what));
        }
        let open = kept
            .segments()
            .map(|(segment, _)| (segment.number, Arc::clone(segment)));
        self.shared = Arc::new(Shared {
            disk: Arc::clone(&self.shared.disk),
            index: loaded.index,
            segments: RwLock::new(open.collect()),
            scans: AtomicUsize::new(0),
        });
        self.parts = loaded.parts;
        self.accounts = loaded.accounts;
        self.next_segment = self
            .parts
            .keys()
            .next_back()
            .map_or(self.next_segment, |last| self.next_segment.max(last + 1));
        self.kept = vec![kept];
        Ok(())
    }

    /// Keeps the checkpoint before the one that was loaded, if it can still be used.
    fn keep_one_before(
        &mut self,
        older: &[u64],
        damaged: &mut Vec<SegmentError>,
    ) -> Result<(), SegmentError> {
        let Some(number) = older.last() else {
            return Ok(());
        };
        let open = read(&self.shared.segments).clone();
        match self.open_checkpoint(*number, &open) {
            Ok(kept) => {
                let mut segments = write(&self.shared.segments);
                for (segment, _) in kept.segments() {
                    segments
                        .entry(segment.number)
                        .or_insert_with(|| Arc::clone(segment));
                }
                self.kept.insert(0, Arc::new(kept));
            }
            // It is there, perhaps, and must not be removed.
            Err(error @ SegmentError::Io { .. }) => return Err(error),
            Err(error) => damaged.push(error),
        }
        Ok(())
    }

    /// Reads a checkpoint's file and opens its segments.
    pub(super) fn open_checkpoint(
        &self,
        number: u64,
        open_already: &BTreeMap<u32, Arc<Segment>>,
    ) -> Result<KeptCheckpoint, SegmentError> {
        let disk = &self.shared.disk;
        let checkpoint = Checkpoint::read(&**disk, &self.folder, &self.genesis, number)?;
        let mut segments = Vec::new();
        for (number, length) in &checkpoint.segments {
            let segment = if let Some(segment) = open_already.get(number) {
                Arc::clone(segment)
            } else {
                let path = segment_path(&self.folder, *number);
                Arc::new(Segment {
                    number: *number,
                    file: open(&**disk, &path)?,
                    path,
                    sealed: AtomicBool::new(true),
                })
            };
            segment.check(&self.genesis, *length)?;
            segments.push(segment);
        }
        let disk = Arc::clone(disk);
        let genesis = self.genesis;
        Ok(KeptCheckpoint::new(disk, genesis, checkpoint, segments))
    }

    /// All accounts, in no particular order, read on several threads.
    pub fn accounts(&self) -> AccountStream<'_> {
        let parts = self.parts.values();
        let segments = parts.map(|part| (Arc::clone(&part.segment), part.length));
        AccountStream::new(
            segments.collect(),
            Arc::clone(&self.shared),
            self.accounts,
            self.options.threads,
        )
    }

    /// A handle to read accounts by key.
    pub fn reader(&self) -> SegmentReader {
        SegmentReader(Arc::clone(&self.shared))
    }

    /// Accounts that exist.
    pub fn account_count(&self) -> u64 {
        self.accounts
    }

    /// The durable checkpoints that are kept, the oldest first. Of the block log, what lies behind the oldest
    /// one's place is still needed.
    pub fn kept(&self) -> &[Arc<KeptCheckpoint>] {
        &self.kept
    }

    /// Bytes of the newest records, tombstones included.
    pub fn live_bytes(&self) -> u64 {
        let parts = self.parts.values();
        parts.map(|part| part.live + part.tombstones).sum()
    }

    /// Bytes of all segments of the next checkpoint.
    pub fn total_bytes(&self) -> u64 {
        self.parts.values().map(|part| part.length).sum()
    }

    /// Size at which a segment is full.
    pub(super) fn segment_bytes(&self) -> u64 {
        let aim = self.live_bytes() / SEGMENTS_AIM;
        aim.max(self.options.segment_bytes_min)
            .min(self.options.segment_bytes_max)
    }

    /// Makes all that was written durable and names it in a checkpoint. When it returns, the checkpoint
    /// is durable; `remove_unused` then takes away what is not needed any more.
    ///
    /// After a failed sync nothing more is written. After another error the call can be made again; the
    /// checkpoint before holds.
    pub fn checkpoint(
        &mut self,
        state: CheckpointState,
    ) -> Result<Arc<KeptCheckpoint>, SegmentError> {
        self.check_not_stopped()?;
        self.flush()?;
        let written = self.write_checkpoint(state);
        if let Err(SegmentError::Sync { .. }) = written {
            self.stopped = true;
        }
        let kept = Arc::new(written?);
        self.kept.push(Arc::clone(&kept));
        if self.kept.len() > KEPT_MAX {
            self.kept.remove(0);
        }
        Ok(kept)
    }

    fn write_checkpoint(&mut self, state: CheckpointState) -> Result<KeptCheckpoint, SegmentError> {
        if let Some(active) = &mut self.active {
            let path = &self.parts[&active.number()].segment.path;
            active.sync().map_err(SegmentError::sync(path))?;
        }
        for (path, file) in &mut self.unsynced {
            file.sync().map_err(SegmentError::sync(path))?;
        }
        self.unsynced.clear();
        let disk = &self.shared.disk;
        if self.names_changed {
            disk.sync_directory(&self.folder)
                .map_err(SegmentError::sync(&self.folder))?;
            self.names_changed = false;
        }
        // A number is not used again, whatever becomes of this.
        let number = self.next_checkpoint;
        self.next_checkpoint += 1;
        let parts = self.parts.iter().filter(|(_, part)| part.length > 0);
        let checkpoint = Checkpoint {
            number,
            account_count: self.accounts,
            state,
            segments: parts
                .clone()
                .map(|(number, part)| (*number, part.length))
                .collect(),
        };
        let segments = parts.map(|(_, part)| Arc::clone(&part.segment)).collect();
        checkpoint.write(&**disk, &self.folder, &self.genesis)?;
        let disk = Arc::clone(disk);
        Ok(KeptCheckpoint::new(
            disk,
            self.genesis,
            checkpoint,
            segments,
        ))
    }

    /// Removes what no kept checkpoint names, the next one will not, and nobody holds. Call it after each
    /// checkpoint, and after `open` for what a crash left. After an error it can be called again.
    pub fn remove_unused(&mut self) -> Result<(), SegmentError> {
        self.check_not_stopped()?;
        let mut open = write(&self.shared.segments);
        let parts = &self.parts;
        // One holder is this table itself.
        open.retain(|number, segment| parts.contains_key(number) || Arc::strong_count(segment) > 1);
        let mut segments = Vec::new();
        let mut others = Vec::new();
        for name in list(&*self.shared.disk, &self.folder)? {
            match name {
                Name::Segment(number) if !open.contains_key(&number) => {
                    segments.push(segment_path(&self.folder, number));
                }
                Name::Checkpoint(number)
                    if !self
                        .kept
                        .iter()
                        .any(|kept| kept.checkpoint().number == number) =>
                {
                    others.push(checkpoint_path(&self.folder, number));
                }
                Name::Temporary(number) => {
                    others.push(checkpoint_path(&self.folder, number) + TEMPORARY);
                }
                Name::Segment(_) | Name::Checkpoint(_) | Name::Other => {}
            }
        }
        drop(open);
        self.remove(&others)?;
        if !others.is_empty() && !segments.is_empty() {
            // No checkpoint may come back after a segment of its went.
            let synced = self.shared.disk.sync_directory(&self.folder);
            if let Err(error) = synced {
                self.stopped = true;
                return Err(SegmentError::sync(&self.folder)(error));
            }
        }
        self.remove(&segments)
    }

    fn remove(&self, paths: &[String]) -> Result<(), SegmentError> {
        for path in paths {
            let removed = self.shared.disk.remove(path);
            removed.map_err(SegmentError::io("remove", path))?;
        }
        Ok(())
    }

    pub(super) fn check_not_stopped(&self) -> Result<(), SegmentError> {
        if self.stopped {
            Err(SegmentError::Stopped)
        } else {
            Ok(())
        }
    }
}

fn list(disk: &dyn Disk, folder: &str) -> Result<Vec<Name>, SegmentError> {
    let names = disk
        .list(folder)
        .map_err(SegmentError::io("list", folder))?;
    Ok(names.iter().map(|name| Name::parse(name)).collect())
}
