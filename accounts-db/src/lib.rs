//! Accounts and their versions, in memory.
//!
//! Four roles, each with a handle of its own so that the type says who may call what:
//! the scheduler thread interns keys (`Interner`), a banking thread changes working copies under the
//! locks it was granted (`BankingAccess`), the publisher makes an entry's versions visible
//! (`Publisher`), and anybody reads published versions (`Accounts`, `Pin`).
//!
//! An account takes a slot of 64 bytes, 13 to 39 bytes of the key table and, while it exists, a version
//! of 80 bytes and its data: 157 to 183 bytes without data (`tests/memory.rs` counts them). A version that
//! is not published yet, or that a pin keeps, takes as much as the first one.
//!
//! This crate knows no transactions and no programs, and makes no threads.

mod banking;
mod cold;
mod disk;
mod evict;
#[cfg(feature = "shuttle")]
mod fault;
mod interner;
mod key_hasher;
mod key_table;
mod limbo;
mod memory;
mod owners;
mod pins;
mod publisher;
mod reader;
mod retired;
mod segments;
mod slab;
mod spares;
#[cfg(debug_assertions)]
mod stamp;
mod state_root;
mod sync;

pub use banking::{BankingAccess, EntryWrites, LockedAccounts};
pub use cold::{Fetched, MemoryBound};
pub use disk::{Disk, DiskFile, DiskRead, RealDisk};
#[doc(hidden)]
pub use disk::{Fault, MemoryDisk};
pub use evict::NotInterned;
#[cfg(feature = "shuttle")]
#[doc(hidden)]
pub use fault::GraceFault;
pub use interner::Interner;
pub use publisher::{NotedState, Publisher};
pub use reader::Pin;
pub use segments::{
    AccountStream, Checkpoint, CheckpointState, KeptCheckpoint, LogPosition, OpenedSegments,
    SegmentError, SegmentOptions, SegmentReader, Segments, read_checkpoints, verify_account_files,
};
pub use state_root::{StateChanges, StateTrie, WholeState};

use ahash::RandomState;
use sealane_sdk::{AccountState, Pubkey};
use std::sync::Arc;
use sync::{AtomicU64, AtomicUsize, Mutex, Ordering, OwnLine, RwLock};

/// Accounts whose place in the key table is being loaded while the database is opened.
const OPEN_AHEAD: usize = 32;

/// Dense index of an account that exists or that a transaction in flight names.
pub type AccountIndex = u32;

/// No account: a place in a transaction whose account is in no table. It needs no lock, reads as absent
/// and cannot be written.
pub const NO_ACCOUNT: AccountIndex = AccountIndex::MAX;

/// Number of an entry, counted from 1 over the node's life; 0 is genesis.
pub type EntryNumber = u64;

/// Named limits of the database.
#[derive(Clone, Debug)]
pub struct DbLimits {
    /// Accounts that exist or are in flight, at most.
    pub accounts_max: usize,
    /// Readers that hold a pin at a time, at most.
    pub pins_max: usize,
    /// Bytes of superseded versions kept for pins; beyond, the oldest pins fail.
    pub pinned_bytes_max: usize,
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// `pins_max` readers hold a pin; try again.
    #[error("too many readers at once")]
    TooManyPins,
    /// The pin was held while too much was superseded; pin again.
    #[error("the pinned state is too old")]
    PinExpired,
    /// The node held this state for readers, until more was written since than `pinned_bytes_max`.
    #[error(
        "the state of this slot is no longer held: more was written since than is kept of what was before"
    )]
    NoLongerHeld,
    /// The account is not in memory, and its file could not be read. Says which file, where, and what to do.
    #[error("{0}")]
    Files(Arc<str>),
}

/// The database was full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for another account")]
pub struct AccountsFull;

/// The shared part: what readers use, from any thread. Clone the `Arc`.
pub struct Accounts {
    hasher: key_hasher::KeyHasher,
    pinned_bytes_max: usize,
    slab: slab::Slab,
    table: memory::CurrentTable,
    pins: pins::PinTable,
    owners: RwLock<owners::OwnerIndex>,
    /// The publisher's.
    retired: Mutex<retired::Retired>,
    /// The interner's.
    limbo: Mutex<limbo::Limbo>,
    /// Accounts published as deleted, from the publisher to the interner.
    deleted: Mutex<Vec<AccountIndex>>,
    /// Memory of freed versions, from the publisher to the banking threads.
    spares: spares::Spares,
    /// What an account that does not exist looks like.
    absent: AccountState,
    /// The newest visible entry. SeqCst: see `pins`.
    visible: OwnLine<AtomicU64>,
    /// Accounts that exist.
    accounts: AtomicUsize,
    /// Where memory is bounded.
    cold: Option<Box<cold::Cold>>,
}

/// Makes a database that holds `genesis`, and the handles of its roles. The later of two states of one
/// key counts.
pub fn open(
    limits: DbLimits,
    banking_threads: usize,
    genesis: impl IntoIterator<Item = (Pubkey, AccountState)>,
) -> Result<(Arc<Accounts>, Interner, Vec<BankingAccess>, Publisher), AccountsFull> {
    open_bounded(limits, banking_threads, genesis, None)
}

/// The same; with a bound, accounts that are in files become resident only as far as there is room. Then each
/// key must come once.
pub fn open_bounded(
    limits: DbLimits,
    banking_threads: usize,
    genesis: impl IntoIterator<Item = (Pubkey, AccountState)>,
    bound: Option<MemoryBound>,
) -> Result<(Arc<Accounts>, Interner, Vec<BankingAccess>, Publisher), AccountsFull> {
    let genesis = genesis.into_iter();
    // A quarter more before the table has to grow: a table with room for twice as many is one of which the caches
    // hold half as much.
    let accounts = genesis.size_hint().0;
    let mut room = (accounts + accounts / 4).min(limits.accounts_max);
    let is_in_files = bound.as_ref().is_some_and(|bound| bound.in_files.is_some());
    if is_in_files {
        room = 0;
    }
    let shared = Arc::new(Accounts {
        hasher: key_hasher::KeyHasher::new(&random()),
        pinned_bytes_max: limits.pinned_bytes_max,
        slab: slab::Slab::new(limits.accounts_max),
        table: memory::CurrentTable::new(key_table::KeyTable::with_room_for(room)),
        pins: pins::PinTable::new(limits.pins_max),
        owners: RwLock::default(),
        retired: Mutex::default(),
        limbo: Mutex::default(),
        deleted: Mutex::default(),
        spares: spares::Spares::default(),
        absent: AccountState::default(),
        visible: OwnLine::default(),
        accounts: AtomicUsize::new(0),
        cold: bound.as_ref().map(|bound| Box::new(cold::Cold::new(bound))),
    });
    let kept = bound.map(|bound| bound.kept).unwrap_or_default();
    let mut interner = Interner::new(Arc::clone(&shared), kept);
    let mut genesis = genesis.fuse();
    let mut ahead = Vec::with_capacity(OPEN_AHEAD);
    loop {
        let next = genesis.by_ref().take(OPEN_AHEAD);
        ahead.extend(next.map(|(key, state)| (shared.hash_key(&key), key, state)));
        if ahead.is_empty() {
            break;
        }
        // The table is much larger than the caches.
        ahead.iter().for_each(|(hash, ..)| interner.prefetch(*hash));
        for (hash, key, state) in ahead.drain(..) {
            if is_in_files && !interner.has_room_for(&key, &state) {
                // Relaxed: the handles are handed out later.
                shared.accounts.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            shared.insert_at_genesis(&mut interner, &key, hash, state)?;
        }
    }
    let banking = (0..).take(banking_threads);
    let banking = banking
        .map(|thread| BankingAccess::new(Arc::clone(&shared), thread))
        .collect();
    let publisher = Publisher::new(Arc::clone(&shared));
    Ok((shared, interner, banking, publisher))
}

impl Accounts {
    /// Keyed hash of a pubkey: computed once, in verify, and handed to `Interner`.
    #[inline]
    pub fn hash_key(&self, key: &Pubkey) -> u64 {
        self.hasher.hash(key)
    }

    /// The newest visible entry.
    pub fn visible(&self) -> EntryNumber {
        self.visible.0.load(Ordering::SeqCst)
    }

    /// Number of accounts that exist, as published.
    pub fn len(&self) -> usize {
        self.accounts.load(Ordering::Relaxed)
    }

    /// Whether no account exists.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Nobody else has a handle yet.
    fn insert_at_genesis(
        &self,
        interner: &mut Interner,
        key: &Pubkey,
        hash: u64,
        state: AccountState,
    ) -> Result<(), AccountsFull> {
        if state.is_absent() {
            return Ok(());
        }
        let index = interner.intern(key, hash)?;
        let slot = self.slab.slot(index);
        let mut owners = sync::write(&self.owners);
        let replaced = slot.published.load(Ordering::Relaxed);
        if let Some(replaced_version) = replaced.get(interner) {
            if let Some(owner) = self.indexed_owner(Some(replaced_version.state())) {
                owners.remove(owner, index);
            }
            self.count_bytes(Some(replaced_version), None);
            replaced.free();
        } else {
            // Relaxed: the handles are handed out later.
            self.accounts.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(owner) = self.indexed_owner(Some(&state)) {
            owners.add(owner, index);
        }
        let version = memory::VersionPointer::allocate(0, memory::VersionPointer::NULL, state);
        self.count_bytes(None, version.get(interner));
        slot.working.store(version, Ordering::Relaxed);
        slot.published.store(version, Ordering::Release);
        Ok(())
    }

    /// The owner under which an account is indexed. Where memory is bounded none is: a program's accounts are
    /// found by a scan, as most are on the disk.
    #[inline]
    fn indexed_owner<'a>(&self, state: Option<&'a AccountState>) -> Option<&'a Pubkey> {
        if self.is_bounded() {
            return None;
        }
        owners::indexed_owner(state)
    }

    /// Where memory is bounded, counts that a version took another's place.
    fn count_bytes(&self, before: Option<&memory::Version>, after: Option<&memory::Version>) {
        if let Some(cold) = &self.cold {
            let bytes =
                |version: Option<&memory::Version>| version.map_or(0, memory::Version::bytes);
            cold.add_bytes(bytes(after).wrapping_sub(bytes(before)));
        }
    }
}

/// Where the key hash has its secret words from.
fn random() -> RandomState {
    if cfg!(feature = "shuttle") {
        // The model checker repeats a schedule only if everything else is the same.
        RandomState::with_seeds(1, 2, 3, 4)
    } else {
        RandomState::new()
    }
}

impl Drop for Accounts {
    fn drop(&mut self) {
        for (_, slot) in self.slab.iter() {
            memory::free_slot(&slot.working, &slot.published);
        }
    }
}
