//! Accounts that are in the account files and not in memory.
//!
//! Where memory is bounded (`MemoryBound`), an account is *cold* when the key table has no index for it and the
//! files have a record of it, and *resident* when it has an index. The interner alone makes accounts cold
//! (`evict`) and resident (`intern_fetched`). Readers look into the table, then into the files, then into the
//! table again. Without a bound none of this is there.
//!
//! # Why a reader finds what its pin's entry saw
//!
//! *In files* are all writes of the entries before `written_below`: whoever writes the files says so, after the
//! files' index has them. An account is evicted only if its working version is the published one, was written
//! by an entry E that is in files, and no pin is or will be older than E. A tombstone, too, is taken back only
//! when it is in files: else the record that it hides would be read again. So:
//!
//! 1. While an account is cold, the newest record of its key is what it is, and nobody writes it.
//! 2. What an entry newer than a pin wrote stays in the table as long as the pin lives. (The entry of a task that
//!    was inserted after a reader looked is newer than the reader's pin.)
//!
//! A reader at a pin of entry P that misses in the table, reads the record, and misses again: had the account
//! been written in between, then by an entry newer than P, and by 2 the second look would have found it. So the
//! record is the state at P. Where the second look finds it, its versions decide, as for any account: the
//! first version of one that was made resident is the record's state, and counts as written by entry 0, which no
//! pin is older than; by the rule of eviction no pin is older than the entry that really wrote it either.
//! An index whose slot has no published version counts as a miss: it may have been evicted between the look
//! into the table and the one into the slot, or been interned before the account first exists.
//!
//! # What it costs
//!
//! A cold read takes one look into the files' index, one read of a file and a checksum. A scan (`Pin::all`, and
//! `owned_by`, which has no owner index here) reads every newest record in the files, in the order in which they
//! lie, and keeps 40 bytes for each resident account meanwhile.

use crate::reader::Pin;
use crate::sync::{AtomicU64, Ordering, OwnLine};
use crate::{AccountState, Accounts, EntryNumber, Pubkey, ReadError, SegmentError, SegmentReader};
use ahash::AHashSet;

/// How much memory accounts may take, and where those are read from that are not in it.
#[derive(Clone)]
pub struct MemoryBound {
    /// Bytes of slots, versions, data and key table that are aimed at. What was written since the files were,
    /// what a pin keeps and what tasks in flight name is in memory beyond it.
    pub bytes_max: u64,
    /// The account files.
    pub files: SegmentReader,
    /// The accounts that the database is opened with are in the files, as of this entry; `None`: they are not.
    pub in_files: Option<EntryNumber>,
    /// Accounts that always stay in memory: those that are interned without having been fetched.
    pub kept: Vec<Pubkey>,
}

/// The shared part of it.
pub(crate) struct Cold {
    files: SegmentReader,
    pub(crate) bytes_max: u64,
    /// Writes of the entries before this one are in the files.
    written_below: AtomicU64,
    /// Accounts that were taken out of the table so far, but for those that never had a version.
    taken: OwnLine<AtomicU64>,
    /// Bytes of slots in use, the key table, and published versions. The publisher and the interner add to it.
    bytes: OwnLine<AtomicU64>,
    /// Records that were read.
    reads: AtomicU64,
}

impl Cold {
    pub(crate) fn new(bound: &MemoryBound) -> Self {
        Self {
            files: bound.files.clone(),
            bytes_max: bound.bytes_max,
            written_below: AtomicU64::new(bound.in_files.map_or(0, |entry| entry + 1)),
            taken: OwnLine::default(),
            bytes: OwnLine::default(),
            reads: AtomicU64::new(0),
        }
    }

    /// Writes of the entries before this one are in the files.
    pub(crate) fn written_below(&self) -> EntryNumber {
        // Acquire: the files' index comes with it.
        self.written_below.load(Ordering::Acquire)
    }

    /// Accounts that were taken out of the table so far.
    pub(crate) fn taken(&self) -> u64 {
        // Acquire: with the number of an account that was taken out comes that its writes are in the files.
        self.taken.0.load(Ordering::Acquire)
    }

    /// Counts an account that is about to be taken out of the table. The interner's.
    pub(crate) fn count_taken(&self) -> u64 {
        // Relaxed: this thread alone writes it. Release: see `taken`.
        let number = self.taken.0.load(Ordering::Relaxed) + 1;
        self.taken.0.store(number, Ordering::Release);
        number
    }

    pub(crate) fn bytes(&self) -> u64 {
        // Relaxed: a measure, that decides when to look, not what may be done.
        self.bytes.0.load(Ordering::Relaxed)
    }

    /// Relaxed: as above. A difference may be negative: it wraps.
    pub(crate) fn add_bytes(&self, bytes: usize) {
        self.bytes.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn subtract_bytes(&self, bytes: usize) {
        self.bytes.0.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    fn read(&self, key: &Pubkey) -> Result<Option<AccountState>, ReadError> {
        let state = self.files.get(key)?;
        if state.is_some() {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        Ok(state)
    }
}

impl From<SegmentError> for ReadError {
    fn from(error: SegmentError) -> Self {
        Self::Files(error.to_string().into())
    }
}

impl Accounts {
    /// Whether memory is bounded.
    #[inline]
    pub fn is_bounded(&self) -> bool {
        self.cold.is_some()
    }

    /// Says that the files have all writes of the entries up to this one: `SegmentReader::get` finds them, or
    /// newer ones. From the thread that writes the files; the numbers grow. Nothing without a bound.
    pub fn files_have(&self, entry: EntryNumber) {
        if let Some(cold) = &self.cold {
            // Release: pairs with `written_below`.
            cold.written_below.store(entry + 1, Ordering::Release);
        }
    }

    /// Bytes of slots in use, key table, published versions and their data; 0 without a bound.
    pub fn resident_bytes(&self) -> u64 {
        self.cold.as_ref().map_or(0, |cold| cold.bytes())
    }

    /// Accounts that were read from the files, scans not counted.
    pub fn cold_reads(&self) -> u64 {
        let cold = self.cold.as_ref();
        cold.map_or(0, |cold| cold.reads.load(Ordering::Relaxed))
    }
}

/// What the files had of an account that had no index, as of some moment: for `Interner::intern_fetched`.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// How many accounts had been taken out of the table before it was looked into.
    pub(crate) taken: u64,
    /// Absent where the files had none.
    pub(crate) state: AccountState,
}

impl Fetched {
    /// Bytes of data that it keeps in memory.
    pub fn data_bytes(&self) -> usize {
        self.state.data.len()
    }
}

impl Pin {
    /// What the interner needs to intern this key (`hash`: `Accounts::hash_key`): `None` if the account is
    /// resident, or memory is not bounded. May read the disk.
    pub fn fetch(&self, key: &Pubkey, hash: u64) -> Result<Option<Fetched>, ReadError> {
        let Some(cold) = &self.shared.cold else {
            return Ok(None);
        };
        // Before the look, so that whoever takes it out after the look counts as later.
        let taken = cold.taken();
        if self.look(key, hash).is_some() {
            return Ok(None);
        }
        let state = cold.read(key)?.unwrap_or_default();
        Ok(Some(Fetched { taken, state }))
    }

    /// An account that the table did not have at a first look.
    #[cold]
    pub(crate) fn with_cold<R>(
        &self,
        cold: &Cold,
        key: &Pubkey,
        hash: u64,
        read: impl FnOnce(Option<&AccountState>) -> R,
    ) -> Result<R, ReadError> {
        let record = cold.read(key)?;
        Ok(match self.look(key, hash) {
            Some(resident) => read(resident),
            None => read(record.as_ref()),
        })
    }

    /// All accounts at this entry, those on the disk included, each once.
    ///
    /// First the resident ones; then every key in the files that was not among these, through the table, as any
    /// read. An account that exists at the pin and is in no slot when that is passed is cold then, and has a
    /// record, if only a tombstone later: the scan keeps compaction from dropping these.
    pub(crate) fn all_with_cold(
        &self,
        cold: &Cold,
        each: &mut dyn FnMut(&Pubkey, &AccountState),
    ) -> Result<(), ReadError> {
        self.check()?;
        let scan = cold.files.start_scan();
        let mut visited = AHashSet::new();
        for (_, slot) in self.shared.slab.iter() {
            let Some(found) = self.look_into(slot) else {
                continue;
            };
            let key = slot.key();
            // It may be in another slot, when it was evicted and came back since.
            if visited.insert(key)
                && let Some(state) = found
            {
                each(&key, state);
                self.check()?;
            }
        }
        scan.for_each(&mut |key, record| {
            if visited.contains(key) {
                return Ok(());
            }
            let hash = self.shared.hash_key(key);
            if let Some(resident) = self.look(key, hash) {
                resident.inspect(|state| each(key, state));
            } else if record.is_newest() {
                if let Some(state) = record.state() {
                    each(key, &state);
                }
            } else {
                // It was resident, or compaction moved it, when its record was read.
                self.with_cold(cold, key, hash, |state| {
                    state.inspect(|state| each(key, state));
                })?;
            }
            self.check()
        })
    }
}
