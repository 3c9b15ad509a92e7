//! Keys to indices, and indices back: the scheduler thread's role.

use crate::evict::Residents;
#[cfg(feature = "shuttle")]
use crate::fault::GraceFault;
use crate::key_table::{KeyTable, Vacancy};
use crate::memory::VersionPointer;
use crate::slab::Slot;
use crate::sync::{Ordering, lock};
use crate::{AccountIndex, Accounts, AccountsFull, EntryNumber, Pubkey};
use std::sync::Arc;

/// Keys to indices: the scheduler thread's handle.
///
/// For a batch, call `prefetch` for all hashes, then `prefetch_slot` for all; then, where that gave an
/// index, `is_key_of`, and otherwise `intern`.
pub struct Interner {
    pub(crate) shared: Arc<Accounts>,
    /// Slots that nobody has in hand.
    free: Vec<AccountIndex>,
    /// Accounts that were published as deleted and were not taken back yet.
    deleted: Vec<AccountIndex>,
    /// Whether an account is in `deleted`, so that it is there once.
    listed: Vec<bool>,
    /// Keys in the table.
    pub(crate) keys: usize,
    /// Cells of the table that are in use or were.
    cells_used: usize,
    /// Where memory is bounded.
    pub(crate) residents: Option<Box<Residents>>,
}

impl Interner {
    /// `kept`: the accounts that are never evicted, where memory is bounded.
    pub(crate) fn new(shared: Arc<Accounts>, kept: Vec<Pubkey>) -> Self {
        let residents = shared.is_bounded().then(|| Box::new(Residents::new(kept)));
        Self {
            residents,
            shared,
            free: Vec::new(),
            deleted: Vec::new(),
            listed: Vec::new(),
            keys: 0,
            cells_used: 0,
        }
    }

    /// Starts loading the cache line of the table that `intern` of this hash will touch.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        self.table().prefetch(hash);
    }

    /// Starts loading the slot that `intern` of this hash will touch; call it when the line that
    /// `prefetch` asked for is there. Gives the index that the key most likely has, if it has one.
    #[inline]
    pub fn prefetch_slot(&self, hash: u64) -> Option<AccountIndex> {
        let index = self.table().likely(hash)?;
        crate::memory::prefetch_line(self.shared.slab.slot(index));
        Some(index)
    }

    /// Whether an index that `prefetch_slot` gave, however long ago, is the key's now: `intern` would
    /// give it too.
    #[inline]
    pub fn is_key_of(&self, account: AccountIndex, key: &Pubkey) -> bool {
        let slot = self.shared.slab.slot(account);
        slot.has_key(key) && slot.is_in_use()
    }

    /// The account's index; a new one if the key has none. The index stays valid until `release`d.
    #[inline]
    pub fn intern(&mut self, key: &Pubkey, hash: u64) -> Result<AccountIndex, AccountsFull> {
        let slab = &self.shared.slab;
        match self
            .table()
            .find(hash, |index| slab.slot(index).has_key(key))
        {
            Ok(index) => Ok(index),
            Err(vacancy) => self.intern_new(key, hash, vacancy, VersionPointer::NULL),
        }
    }

    #[cold]
    pub(crate) fn intern_new(
        &mut self,
        key: &Pubkey,
        hash: u64,
        vacancy: Vacancy,
        first: VersionPointer,
    ) -> Result<AccountIndex, AccountsFull> {
        let index = self.take_slot()?;
        let slot = self.shared.slab.slot(index);
        slot.occupy(key);
        if !first.is_null() {
            slot.working.store(first, Ordering::Relaxed);
            // Release: the version comes with it, and the key. Before the key table has it, so that no reader
            // finds the account without what it is.
            slot.published.store(first, Ordering::Release);
        }
        if let Some(cold) = &self.shared.cold {
            cold.add_bytes(size_of::<Slot>());
        }
        let was_empty = self.table().insert(vacancy, hash, index);
        self.keys += 1;
        self.cells_used += usize::from(was_empty);
        if self.cells_used >= self.table().room() {
            self.rebuild_table();
        }
        Ok(index)
    }

    fn take_slot(&mut self) -> Result<AccountIndex, AccountsFull> {
        if let Some(index) = self.free.pop() {
            return Ok(index);
        }
        if let Ok(index) = self.shared.slab.hand_out() {
            return Ok(index);
        }
        self.drain_limbo();
        self.free.pop().ok_or(AccountsFull)
    }

    /// Makes another table, with room for half as many keys again: of a full one, one twice as large. Readers go on in
    /// the old one, which is right for them: every key that their entry has was in it, and it does not change any more.
    pub(crate) fn rebuild_table(&mut self) {
        let table = KeyTable::with_room_for((self.keys * 3 / 2).max(16));
        for (index, slot) in self.shared.slab.iter() {
            if slot.is_in_use() {
                let hash = self.shared.hash_key(&slot.key());
                let Err(vacancy) = table.find(hash, |_| false) else {
                    unreachable!("no key matches")
                };
                table.insert(vacancy, hash, index);
            }
        }
        self.cells_used = self.keys;
        if let Some(cold) = &self.shared.cold {
            let grown = table.bytes().wrapping_sub(self.table().bytes());
            cold.add_bytes(grown);
        }
        let replaced = self.shared.table.replace(table);
        #[cfg(feature = "shuttle")]
        if GraceFault::TableFreedAtOnce.is() {
            return drop(replaced);
        }
        lock(&self.shared.limbo).push_table(replaced);
    }

    /// No task in flight names this account any more (the caller asked the lock table): if the account
    /// does not exist either, its index goes back. Call it for the accounts that a completed task left
    /// absent.
    pub fn release(&mut self, account: AccountIndex) {
        let slot = self.shared.slab.slot(account);
        // An account that has a version is published first; if then it is absent, `reclaim` gets it.
        if slot.is_in_use() && slot.working.load(Ordering::Relaxed).is_null() {
            self.take_back(account, VersionPointer::NULL);
        }
    }

    /// Takes back the indices of accounts that were deleted and are published as such and idle
    /// (`is_idle`: ask the lock table). Call it once per entry.
    pub fn reclaim(&mut self, is_idle: &mut dyn FnMut(AccountIndex) -> bool) {
        self.list_deleted();
        if !self.deleted.is_empty() {
            let mut readable_from = self.readable_from();
            if let Some(cold) = &self.shared.cold {
                // Before the files have the tombstone, they have what was before it.
                let written_below = cold.written_below();
                #[cfg(feature = "shuttle")]
                let written_below = match GraceFault::TombstoneIgnoresFiles.is() {
                    true => EntryNumber::MAX,
                    false => written_below,
                };
                match written_below.checked_sub(1) {
                    Some(in_files) => readable_from = readable_from.min(in_files),
                    None => return self.drain_limbo(),
                }
            }
            let mut deleted = std::mem::take(&mut self.deleted);
            deleted.retain(|&account| {
                if !is_idle(account) || self.is_held(account) {
                    return true;
                }
                let listed = std::mem::take(&mut self.listed[account as usize]);
                debug_assert!(listed, "account {account} is in the list");
                let slot = self.shared.slab.slot(account);
                let working = slot.working.load(Ordering::Relaxed);
                let tombstone = working
                    .get(self)
                    .filter(|version| slot.is_in_use() && version.state().is_absent());
                // Another task revived it, or its index went back already.
                let Some(tombstone) = tombstone else {
                    return false;
                };
                if tombstone.entry() > readable_from {
                    self.listed[account as usize] = true;
                    return true;
                }
                // A tombstone of a visible entry is published.
                assert!(working == slot.published.load(Ordering::Acquire));
                self.take_back(account, working);
                false
            });
            self.deleted = deleted;
        }
        self.drain_limbo();
    }

    /// Lists what was published as deleted, each account once however often it comes and goes.
    fn list_deleted(&mut self) {
        for account in lock(&self.shared.deleted).drain(..) {
            let at = account as usize;
            if at >= self.listed.len() {
                self.listed.resize((at + 1).next_power_of_two(), false);
            }
            if !std::mem::replace(&mut self.listed[at], true) {
                self.deleted.push(account);
            }
        }
    }

    /// The oldest entry that anybody reads, or will.
    pub(crate) fn readable_from(&self) -> EntryNumber {
        // First `visible`, then the pins.
        let visible = self.shared.visible.0.load(Ordering::SeqCst);
        readable_from(self.shared.pins.oldest(), visible)
    }

    /// Whether somebody holds the key of an account in use.
    fn is_held(&self, account: AccountIndex) -> bool {
        let key = || self.shared.slab.slot(account).key();
        let residents = self.residents.as_deref();
        residents.is_some_and(|residents| residents.is_held(self.shared.hash_key(&key())))
    }

    /// Takes the account's key, and the version that it has if it has one, out of the readers' reach.
    pub(crate) fn take_back(&mut self, account: AccountIndex, version: VersionPointer) {
        let hash = self.shared.hash_key(&self.shared.slab.slot(account).key());
        if self.residents.is_some() {
            self.note_taken(hash, version);
        }
        let emptied = self.table().remove(hash, account);
        self.cells_used -= emptied;
        self.keys -= 1;
        let slot = self.shared.slab.slot(account);
        slot.published
            .store(VersionPointer::NULL, Ordering::Release);
        slot.working.store(VersionPointer::NULL, Ordering::Relaxed);
        slot.vacate();
        lock(&self.shared.limbo).push(account, version);
    }

    pub(crate) fn drain_limbo(&mut self) {
        let shared = &self.shared;
        lock(&shared.limbo).drain(&shared.pins, &shared.visible.0, &mut self.free);
    }

    /// Key of an index in use.
    pub fn key(&self, account: AccountIndex) -> Pubkey {
        self.shared.slab.slot(account).key()
    }

    #[inline]
    fn table(&self) -> &KeyTable {
        self.shared.table.get(self)
    }
}

/// The oldest entry that anybody reads, or will: readers to come have at least `visible`, which was loaded
/// before the pins were looked through.
fn readable_from(oldest_pin: EntryNumber, visible: EntryNumber) -> EntryNumber {
    #[cfg(feature = "shuttle")]
    if GraceFault::TombstoneIgnoresVisible.is() {
        return oldest_pin;
    }
    oldest_pin.min(visible)
}
