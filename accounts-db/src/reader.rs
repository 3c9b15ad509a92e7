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
    shared: Arc<Accounts>,
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
        let slab = &self.shared.slab;
        let table = self.shared.table.get(self);
        let index = table.find(self.shared.hash_key(key), |index| {
            slab.slot(index).has_key(key)
        });
        Ok(read(
            index.ok().and_then(|index| self.state(slab.slot(index))),
        ))
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
        if *owner == SYSTEM_PROGRAM {
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
        self.each(self.shared.slab.iter().map(|(_, slot)| slot), each)
    }

    fn each<'a>(
        &'a self,
        slots: impl Iterator<Item = &'a Slot>,
        each: &mut dyn FnMut(&Pubkey, &AccountState),
    ) -> Result<(), ReadError> {
        self.check()?;
        for slot in slots {
            // The key is read after a version was found: then the slot is this account's for the pin's life.
            if let Some(state) = self.state(slot) {
                each(&slot.key(), state);
                self.check()?;
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ReadError> {
        let expired = self.shared.pins.is_expired(self.cell);
        if expired {
            Err(ReadError::PinExpired)
        } else {
            Ok(())
        }
    }

    /// The account at the pinned entry, if it exists.
    fn state<'a>(&'a self, slot: &Slot) -> Option<&'a AccountState> {
        // Acquire: pairs with the publisher's store.
        let mut version = slot.published.load(Ordering::Acquire);
        let found: &Version = loop {
            let candidate = version.get(self)?;
            if candidate.entry() <= self.entry {
                break candidate;
            }
            version = candidate.previous();
        };
        Some(found.state()).filter(|state| !state.is_absent())
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.shared.pins.release(self.cell);
    }
}
