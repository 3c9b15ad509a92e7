//! Accounts and their versions, in memory.
//!
//! Four roles, each with a handle of its own so that the type says who may call what:
//! the scheduler thread interns keys (`Interner`), a banking thread changes working copies under the
//! locks it was granted (`BankingAccess`), the publisher makes an entry's versions visible
//! (`Publisher`), and anybody reads published versions (`Accounts`, `Pin`).
//!
//! This crate knows no transactions and no programs.

use sealane_sdk::{AccountState, Pubkey};
use std::sync::Arc;

/// Dense index of an account that exists or that a transaction in flight names.
pub type AccountIndex = u32;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// `pins_max` readers hold a pin; try again.
    #[error("too many readers at once")]
    TooManyPins,
    /// The pin was held while too much was superseded; pin again.
    #[error("the pinned state is too old")]
    PinExpired,
}

/// The database was full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for another account")]
pub struct AccountsFull;

/// The shared part: what readers use, from any thread. Clone the `Arc`.
pub struct Accounts(());

/// Makes a database that holds `genesis`, and the handles of its roles.
pub fn open(
    _limits: DbLimits,
    _banking_threads: usize,
    _genesis: impl IntoIterator<Item = (Pubkey, AccountState)>,
) -> Result<(Arc<Accounts>, Interner, Vec<BankingAccess>, Publisher), AccountsFull> {
    todo!() as Result<_, _>
}

impl Accounts {
    /// Keyed hash of a pubkey: computed once, in verify, and handed to `Interner`.
    pub fn hash_key(&self, _key: &Pubkey) -> u64 {
        todo!()
    }
    /// Pins the newest visible entry.
    pub fn pin(self: &Arc<Self>) -> Result<Pin, ReadError> {
        todo!()
    }
    /// The newest visible entry.
    pub fn visible(&self) -> EntryNumber {
        todo!()
    }
    /// Number of accounts that exist, as published.
    pub fn len(&self) -> usize {
        todo!()
    }
    /// Whether no account exists.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One reader's hold on the state as of one entry. Reading takes no lock that a banking thread or the
/// scheduler can wait on.
pub struct Pin(());

impl Pin {
    /// The entry it reads as of.
    pub fn entry(&self) -> EntryNumber {
        todo!()
    }
    /// The account, `None` if it does not exist at this entry.
    pub fn get(&self, _key: &Pubkey) -> Result<Option<AccountState>, ReadError> {
        todo!()
    }
    /// All accounts owned by `owner` at this entry, in no particular order, through the owner index
    /// (the System program's accounts are not indexed: they are found by a scan).
    pub fn owned_by(
        &self,
        _owner: &Pubkey,
        _each: &mut dyn FnMut(&Pubkey, &AccountState),
    ) -> Result<(), ReadError> {
        todo!()
    }
    /// All accounts at this entry, in no particular order.
    pub fn all(&self, _each: &mut dyn FnMut(&Pubkey, &AccountState)) -> Result<(), ReadError> {
        todo!()
    }
}

/// Keys to indices: the scheduler thread's handle.
pub struct Interner(());

impl Interner {
    /// Starts loading the cache lines that `intern` of this hash will touch.
    pub fn prefetch(&self, _hash: u64) {
        todo!()
    }
    /// The account's index; a new one if the key has none. The index stays valid until `release`d.
    pub fn intern(&mut self, _key: &Pubkey, _hash: u64) -> Result<AccountIndex, AccountsFull> {
        todo!()
    }
    /// No task in flight names this account any more (the caller asked the lock table): if the account
    /// does not exist either, its index goes back. Call it for the accounts that a completed task left
    /// absent.
    pub fn release(&mut self, _account: AccountIndex) {
        todo!()
    }
    /// Takes back the indices of accounts that were deleted and are published as such and idle
    /// (`is_idle`: ask the lock table). Call it once per entry.
    pub fn reclaim(&mut self, _is_idle: &mut dyn FnMut(AccountIndex) -> bool) {
        todo!()
    }
    /// Key of an index in use.
    pub fn key(&self, _account: AccountIndex) -> Pubkey {
        todo!()
    }
}

/// A banking thread's handle.
pub struct BankingAccess(());

impl BankingAccess {
    /// Starts loading the account's cache lines.
    pub fn prefetch(&self, _account: AccountIndex) {
        todo!()
    }
    /// The working copies of a transaction's accounts.
    ///
    /// # Safety
    /// From this call until the guard is dropped the caller holds the lock table's grant for each
    /// `(account, write)`: nobody else has a guard on an account that is `write` here, and nobody has a
    /// writing guard on one that is not. Debug builds stamp each working copy and assert this.
    #[allow(unsafe_code)]
    pub unsafe fn lock<'a>(&'a mut self, _accounts: &'a [(AccountIndex, bool)]) -> LockedAccounts<'a> {
        todo!()
    }
    /// The writes of entry `entry` so far, to be handed to the publisher; call it once per batch (a
    /// batch is of one entry).
    pub fn take_writes(&mut self) -> EntryWrites {
        todo!()
    }
}

/// Guard: proof that the lock table granted these accounts to this thread.
pub struct LockedAccounts<'a>(&'a ());

impl LockedAccounts<'_> {
    /// Working copy of the i-th account; the absent state if it does not exist.
    pub fn get(&self, _i: usize) -> &AccountState {
        let _ = self.0;
        todo!()
    }
    /// Replaces the working copy of the i-th account, which must be locked for writing. The first write
    /// in an entry later than the current version's takes a fresh version and leaves the old one frozen.
    pub fn set(&mut self, _i: usize, _state: AccountState, _entry: EntryNumber) {
        todo!()
    }
}

/// Versions that a batch made, on their way to the publisher. Dropping it without publishing is a bug.
#[derive(Default)]
pub struct EntryWrites(());

/// Makes entries visible: the publisher thread's handle.
pub struct Publisher(());

impl Publisher {
    /// Makes `entry` visible: all its writes, from all banking threads, at once. Entries come in order.
    pub fn publish(&mut self, _entry: EntryNumber, _writes: &mut dyn Iterator<Item = EntryWrites>) {
        todo!()
    }
}
