//! Working copies under account locks: the banking threads' role.

use crate::memory::{VersionPointer, is_plain, prefetch_spare};
use crate::spares::Bundle;
use crate::sync::Ordering;
use crate::{AccountIndex, AccountState, Accounts, EntryNumber, NO_ACCOUNT};
use std::cell::Cell;
use std::sync::Arc;

/// A banking thread's handle.
///
/// For a batch, call `prefetch` for all accounts, then `prefetch_state` for all, then run it.
pub struct BankingAccess {
    shared: Arc<Accounts>,
    writes: Vec<Write>,
    spares: Bundle,
    #[cfg(debug_assertions)]
    thread: u32,
}

/// What the publisher has to know of a write.
pub(crate) struct Write {
    pub(crate) account: AccountIndex,
    pub(crate) kind: WriteKind,
    pub(crate) version: VersionPointer,
    pub(crate) previous: VersionPointer,
}

/// What a write found and left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteKind {
    /// A new version of a plain account, which was plain before: nobody need look at either version to know
    /// what else changes with it.
    Plain,
    /// A new version, of whatever kind before and after.
    Other,
    /// No new version: the one that this entry's `Plain` made is not one of a plain account any more. Comes
    /// behind that, as batches that conflict are completed in order.
    NotPlain,
}

/// Spares this far ahead are being loaded.
const SPARES_AHEAD: usize = 4;

impl BankingAccess {
    pub(crate) fn new(shared: Arc<Accounts>, _thread: u32) -> Self {
        Self {
            shared,
            writes: Vec::new(),
            spares: Bundle::new(),
            #[cfg(debug_assertions)]
            thread: _thread,
        }
    }

    /// Starts loading the account's slot.
    #[inline]
    pub fn prefetch(&self, account: AccountIndex) {
        if account == NO_ACCOUNT {
            return;
        }
        crate::memory::prefetch_line(self.shared.slab.slot(account));
    }

    /// Starts loading the account's state; call it when the slot that `prefetch` asked for is there.
    /// Needs no lock: a version that is replaced meanwhile only makes it useless.
    #[inline]
    pub fn prefetch_state(&self, account: AccountIndex) {
        if account == NO_ACCOUNT {
            return;
        }
        self.shared
            .slab
            .slot(account)
            .working
            .load(Ordering::Relaxed)
            .prefetch();
    }

    /// The working copies of a transaction's accounts.
    ///
    /// # Safety
    /// From this call until the guard is dropped the caller holds the lock table's grant for each
    /// `(account, write)`: nobody else has a guard on an account that is `write` here, and nobody has a
    /// writing guard on one that is not. All that earlier holders of these locks did happens before.
    /// Debug builds stamp each working copy and assert this.
    #[allow(unsafe_code)]
    pub unsafe fn lock<'a>(
        &'a mut self,
        accounts: &'a [(AccountIndex, bool)],
    ) -> LockedAccounts<'a> {
        #[cfg_attr(not(debug_assertions), expect(unused_mut))]
        let mut locked = LockedAccounts {
            shared: &self.shared,
            writes: &mut self.writes,
            spares: &mut self.spares,
            accounts,
            saw_absent: Cell::new(false),
            #[cfg(debug_assertions)]
            thread: self.thread,
            #[cfg(debug_assertions)]
            stamped: 0,
        };
        #[cfg(debug_assertions)]
        for &(account, write) in accounts {
            if account == NO_ACCOUNT {
                locked.stamped += 1;
                continue;
            }
            locked
                .shared
                .slab
                .slot(account)
                .stamp
                .take(locked.thread, write);
            locked.stamped += 1;
        }
        locked
    }

    /// The writes of entry `entry` so far, to be handed to the publisher; call it once per batch (a
    /// batch is of one entry).
    pub fn take_writes(&mut self) -> EntryWrites {
        if self.writes.is_empty() {
            return EntryWrites::default();
        }
        let next = Vec::with_capacity(self.writes.len());
        EntryWrites(std::mem::replace(&mut self.writes, next))
    }
}

/// Guard: proof that the lock table granted these accounts to this thread.
pub struct LockedAccounts<'a> {
    shared: &'a Accounts,
    writes: &'a mut Vec<Write>,
    spares: &'a mut Bundle,
    accounts: &'a [(AccountIndex, bool)],
    /// Whether an account was found or left absent.
    saw_absent: Cell<bool>,
    #[cfg(debug_assertions)]
    thread: u32,
    /// How many of `accounts` were stamped.
    #[cfg(debug_assertions)]
    stamped: usize,
}

impl LockedAccounts<'_> {
    /// Working copy of the i-th account; the absent state if it does not exist.
    #[inline]
    pub fn get(&self, i: usize) -> &AccountState {
        let account = self.accounts[i].0;
        if account == NO_ACCOUNT {
            return &self.shared.absent;
        }
        self.check_stamp(i);
        let slot = self.shared.slab.slot(account);
        // Relaxed: the account lock orders it.
        let version = slot.working.load(Ordering::Relaxed).get(self);
        let state = version.map_or(&self.shared.absent, |version| version.state());
        if state.is_absent() {
            self.saw_absent.set(true);
        }
        state
    }

    /// Whether `get` found or `set` left an account that does not exist. Where it says no, all that were
    /// asked for exist.
    #[inline]
    pub fn saw_absent(&self) -> bool {
        self.saw_absent.get()
    }

    /// Replaces the working copy of the i-th account, which must be locked for writing. The first write
    /// in an entry later than the current version's takes a fresh version and leaves the old one frozen.
    /// A state without lamports becomes the default one.
    #[inline]
    pub fn set(&mut self, i: usize, mut state: AccountState, entry: EntryNumber) {
        let (account, write) = self.accounts[i];
        assert!(
            write,
            "account {account} is locked for reading, and written"
        );
        self.check_stamp(i);
        if state.is_absent() {
            self.saw_absent.set(true);
            state = AccountState::default();
        }
        let shared = self.shared;
        let slot = shared.slab.slot(account);
        let working = slot.working.load(Ordering::Relaxed);
        let before = working.get(self);
        let made_in = before.map(|version| version.entry());
        if made_in == Some(entry) {
            debug_assert!(
                entry > shared.visible(),
                "entry {entry} is visible, and written"
            );
            if let Some(version) = before.filter(|version| version.is_recorded_plain())
                && !is_plain(&state)
            {
                let previous = version.previous();
                working.record_plain(false, self);
                self.writes.push(Write {
                    account,
                    kind: WriteKind::NotPlain,
                    version: working,
                    previous,
                });
            }
            return working.replace_state(state, self);
        }
        let before = before.map(|version| version.state());
        assert!(
            made_in < Some(entry),
            "account {account} has a version of {made_in:?} in {entry}"
        );
        if state.is_absent() && before.is_none_or(|before| before.is_absent()) {
            return;
        }
        let plain = is_plain(&state) && before.is_some_and(is_plain);
        if self.spares.is_empty() {
            *self.spares = shared.spares.take();
        }
        if let Some(at) = self.spares.len().checked_sub(SPARES_AHEAD) {
            prefetch_spare(&self.spares[at]);
        }
        let version = match self.spares.pop() {
            Some(spare) => VersionPointer::allocate_in(spare, entry, working, state),
            None => VersionPointer::allocate(entry, working, state),
        };
        if plain {
            version.record_plain(true, self);
        }
        slot.working.store(version, Ordering::Relaxed);
        self.writes.push(Write {
            account,
            kind: if plain {
                WriteKind::Plain
            } else {
                WriteKind::Other
            },
            version,
            previous: working,
        });
    }

    #[inline]
    fn check_stamp(&self, _i: usize) {
        #[cfg(debug_assertions)]
        {
            let (account, write) = self.accounts[_i];
            self.shared
                .slab
                .slot(account)
                .stamp
                .check(self.thread, write);
        }
    }
}

#[cfg(debug_assertions)]
impl Drop for LockedAccounts<'_> {
    fn drop(&mut self) {
        for &(account, write) in &self.accounts[..self.stamped] {
            if account == NO_ACCOUNT {
                continue;
            }
            self.shared
                .slab
                .slot(account)
                .stamp
                .clear(self.thread, write);
        }
    }
}

/// Versions that a batch made, on their way to the publisher. Dropping it without publishing is a bug:
/// readers would see the accounts' next versions, and these as their history, but never these alone.
#[derive(Default)]
pub struct EntryWrites(pub(crate) Vec<Write>);

impl EntryWrites {
    /// Number of accounts that were written, or a few more.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
