//! Published versions, read as of one entry: anybody's role.

use crate::memory::Version;
use crate::owners::SYSTEM_PROGRAM;
use crate::slab::Slot;
use crate::sync::{Ordering, read};
use crate::{AccountState, Accounts, EntryNumber, Pubkey, ReadError};
use std::sync::Arc;

/// One reader's hold on the state as of one entry. Reading takes no lock that a banking thread or the
/// scheduler can wait on.
///
/// A pin keeps the versions that later entries supersede. When it keeps more than
/// `DbLimits::pinned_bytes_max`, it expires: its next call fails, and what it keeps is freed when it is
/// dropped, and an entry is published.
pub struct Pin {
    pub(crate) shared: Arc<Accounts>,
    cell: usize,
    entry: EntryNumber,
}

impl Accounts {
    /// Pins the newest visible entry.
    pub fn pin(self: &Arc<Self>) -> Result<Pin, ReadError> {
        let (cell, entry) = self.pins.acquire(&self.visible.0)?;
        Ok(Pin {
            shared: Arc::clone(self),
            cell,
            entry,
        })
    }
}

impl Pin {
    /// The entry it reads as of.
    pub fn entry(&self) -> EntryNumber {
        self.entry
    }

    /// The account, `None` if it does not exist at this entry. The data is shared, not copied.
    pub fn get(&self, key: &Pubkey) -> Result<Option<AccountState>, ReadError> {
        self.with(key, |state| state.cloned())
    }

    /// What `read` makes of the account, `None` if it does not exist at this entry. Touches no reference
    /// count.
    pub fn with<R>(
        &self,
        key: &Pubkey,
        read: impl FnOnce(Option<&AccountState>) -> R,
    ) -> Result<R, ReadError> {
        self.check()?;
        let hash = self.shared.hash_key(key);
        match (self.look(key, hash), &self.shared.cold) {
            (None, Some(cold)) => self.with_cold(cold, key, hash, read),
            (found, _) => Ok(read(found.flatten())),
        }
    }

    /// The account at the pinned entry, as the table has it; `None` if it has none, or nothing was published.
    #[inline]
    pub(crate) fn look(&self, key: &Pubkey, hash: u64) -> Option<Option<&AccountState>> {
        let slab = &self.shared.slab;
        let table = self.shared.table.get(self);
        let index = table.find(hash, |index| slab.slot(index).has_key(key));
        self.look_into(slab.slot(index.ok()?))
    }

    /// All accounts owned by `owner` at this entry, in no particular order, through the owner index
    /// (the System program's accounts are not indexed: they are found by a scan).
    ///
    /// The list of candidates is copied under a lock that the publisher may wait on.
    pub fn owned_by(
        &self,
        owner: &Pubkey,
        each: &mut dyn FnMut(&Pubkey, &AccountState),
    ) -> Result<(), ReadError> {
        if *owner == SYSTEM_PROGRAM || self.shared.is_bounded() {
            return self.all(&mut |key, state| {
                if state.owner == *owner {
                    each(key, state);
                }
            });
        }
        let mut candidates = read(&self.shared.owners).candidates(owner);
        // In the order in which they lie in memory.
        candidates.sort_unstable();
        let slots = candidates
            .into_iter()
            .map(|index| self.shared.slab.slot(index));
        self.each(slots, &mut |key, state| {
            if state.owner == *owner {
                each(key, state);
            }
        })
    }

    /// All accounts at this entry, in no particular order.
    pub fn all(&self, each: &mut dyn FnMut(&Pubkey, &AccountState)) -> Result<(), ReadError> {
        match &self.shared.cold {
            Some(cold) => self.all_with_cold(cold, each),
            None => self.each(self.shared.slab.iter().map(|(_, slot)| slot), each),
        }
    }

    fn each<'a>(
        &'a self,
        slots: impl Iterator<Item = &'a Slot>,
        each: &mut dyn FnMut(&Pubkey, &AccountState),
    ) -> Result<(), ReadError> {
        self.check()?;
        for slot in slots {
            // The key is read after a version was found: then the slot is this account's for the pin's life.
            if let Some(Some(state)) = self.look_into(slot) {
                each(&slot.key(), state);
                self.check()?;
            }
        }
        Ok(())
    }

    /// Whether it keeps too much, so that nothing more can be read.
    pub fn is_expired(&self) -> bool {
        self.shared.pins.is_expired(self.cell)
    }

    pub(crate) fn check(&self) -> Result<(), ReadError> {
        if self.is_expired() {
            Err(ReadError::PinExpired)
        } else {
            Ok(())
        }
    }

    /// The slot's account at the pinned entry, if it exists; `None` if nothing was published.
    #[inline]
    pub(crate) fn look_into(&self, slot: &Slot) -> Option<Option<&AccountState>> {
        // Acquire: pairs with the publisher's store, and the interner's.
        let newest: &Version = slot.published.load(Ordering::Acquire).get(self)?;
        let mut found = newest;
        while found.entry() > self.entry {
            match found.previous().get(self) {
                Some(older) => found = older,
                None => return Some(None),
            }
        }
        Some(Some(found.state()).filter(|state| !state.is_absent()))
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.shared.pins.release(self.cell);
    }
}
