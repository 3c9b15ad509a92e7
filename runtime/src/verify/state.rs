//! What verify reads of the node's state. A seam: the tests have a map in its place.

use super::{VerifyError, lookup};
use crate::verified::Layout;
use crate::{SlotContext, SlotWatch};
use sealane_accounts_db::{Accounts, Pin, ReadError};
use sealane_sdk::Pubkey;
use solana_slot_hashes::SlotHashes;
use std::sync::Arc;

/// The state as one batch sees it.
pub(super) trait State {
    /// Keyed hash of a key.
    fn hash_key(&self, key: &Pubkey) -> u64;
    /// Shows `see` owner and data of an account as it is visible now; does nothing if it is absent.
    fn read(&mut self, key: &Pubkey, see: &mut dyn FnMut(&Pubkey, &[u8])) -> Result<(), ReadError>;
    /// The open slot and the hashes of those before it.
    fn slot(&mut self) -> (u64, Arc<SlotHashes>);
    /// The addresses that a transaction looks up: all writable ones, then all read-only ones.
    #[inline]
    fn resolve(&mut self, layout: &Layout, bytes: &[u8]) -> Result<Box<[Pubkey]>, VerifyError>
    where
        Self: Sized,
    {
        lookup::resolve(layout, bytes, self)
    }
}

/// The real state. Nothing is pinned before the first read: few transactions use lookup tables.
pub(super) struct Visible<'a> {
    accounts: &'a Arc<Accounts>,
    slots: &'a SlotWatch,
    pin: Option<Pin>,
}

impl<'a> Visible<'a> {
    pub(super) fn new(accounts: &'a Arc<Accounts>, slots: &'a SlotWatch) -> Self {
        Self {
            accounts,
            slots,
            pin: None,
        }
    }
}

impl State for Visible<'_> {
    fn hash_key(&self, key: &Pubkey) -> u64 {
        self.accounts.hash_key(key)
    }

    fn read(&mut self, key: &Pubkey, see: &mut dyn FnMut(&Pubkey, &[u8])) -> Result<(), ReadError> {
        let pin = match self.pin.take() {
            Some(pin) => pin,
            None => self.accounts.pin()?,
        };
        let (pin, account) = match pin.get(key) {
            // A pin lives as long as a batch; one that did not last is replaced once.
            Err(ReadError::PinExpired) => {
                drop(pin);
                let pin = self.accounts.pin()?;
                let account = pin.get(key)?;
                (pin, account)
            }
            account => (pin, account?),
        };
        self.pin = Some(pin);
        if let Some(account) = account {
            see(&account.owner, account.data.as_slice());
        }
        Ok(())
    }

    fn slot(&mut self) -> (u64, Arc<SlotHashes>) {
        let slot = self.slots.get();
        (slot.slot, Arc::clone(&slot.sysvars.slot_hashes))
    }
}

/// A state of the past, which somebody holds.
pub(super) struct Pinned<'a> {
    pub(super) accounts: &'a Accounts,
    pub(super) slot: &'a SlotContext,
    pub(super) pin: &'a Pin,
}

impl State for Pinned<'_> {
    fn hash_key(&self, key: &Pubkey) -> u64 {
        self.accounts.hash_key(key)
    }

    fn read(&mut self, key: &Pubkey, see: &mut dyn FnMut(&Pubkey, &[u8])) -> Result<(), ReadError> {
        if let Some(account) = self.pin.get(key)? {
            see(&account.owner, account.data.as_slice());
        }
        Ok(())
    }

    fn slot(&mut self) -> (u64, Arc<SlotHashes>) {
        (self.slot.slot, Arc::clone(&self.slot.sysvars.slot_hashes))
    }
}

/// A state of which nothing is read, because it was read when the transaction was recorded.
pub(super) struct Recorded<'a> {
    accounts: &'a Accounts,
    loaded: Box<[Pubkey]>,
}

impl<'a> Recorded<'a> {
    /// `loaded`: what the transaction's lookup tables gave.
    pub(super) fn new(accounts: &'a Accounts, loaded: Box<[Pubkey]>) -> Self {
        Self { accounts, loaded }
    }
}

impl State for Recorded<'_> {
    fn hash_key(&self, key: &Pubkey) -> u64 {
        self.accounts.hash_key(key)
    }

    fn read(&mut self, _: &Pubkey, _: &mut dyn FnMut(&Pubkey, &[u8])) -> Result<(), ReadError> {
        Ok(())
    }

    fn slot(&mut self) -> (u64, Arc<SlotHashes>) {
        (0, Arc::new(SlotHashes::new(&[])))
    }

    fn resolve(&mut self, layout: &Layout, _: &[u8]) -> Result<Box<[Pubkey]>, VerifyError> {
        recorded(layout, &mut self.loaded)
    }
}

/// A recorded transaction's state where there is no node: keys are hashed by their first bytes, which tells
/// them apart well enough to look at one transaction.
pub(super) struct Unhashed(pub(super) Box<[Pubkey]>);

impl State for Unhashed {
    fn hash_key(&self, key: &Pubkey) -> u64 {
        let [first, ..] = key.as_array().as_chunks::<8>().0 else {
            return 0;
        };
        u64::from_le_bytes(*first)
    }

    fn read(&mut self, _: &Pubkey, _: &mut dyn FnMut(&Pubkey, &[u8])) -> Result<(), ReadError> {
        Ok(())
    }

    fn slot(&mut self) -> (u64, Arc<SlotHashes>) {
        (0, Arc::new(SlotHashes::new(&[])))
    }

    fn resolve(&mut self, layout: &Layout, _: &[u8]) -> Result<Box<[Pubkey]>, VerifyError> {
        recorded(layout, &mut self.0)
    }
}

/// The addresses that were recorded, if they are as many as the transaction looks up.
fn recorded(layout: &Layout, loaded: &mut Box<[Pubkey]>) -> Result<Box<[Pubkey]>, VerifyError> {
    let named = usize::from(layout.loaded_writable) + usize::from(layout.loaded_readonly);
    if named != loaded.len() {
        return Err(VerifyError::Malformed("other addresses than it looks up"));
    }
    Ok(std::mem::take(loaded))
}
