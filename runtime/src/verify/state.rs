//! What verify reads of the node's state. A seam: the tests have a map in its place.

use crate::SlotWatch;
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
