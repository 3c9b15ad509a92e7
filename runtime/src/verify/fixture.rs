//! Verify over a map in place of the database, for unit tests of this crate.

use super::state::State;
use super::{Core, MessageHasher, Verified};
use crate::Limits;
use bytes::Bytes;
use sealane_accounts_db::ReadError;
use sealane_sdk::Pubkey;
use solana_slot_hashes::SlotHashes;
use std::collections::HashMap;
use std::sync::Arc;

/// A state that a test lays out.
#[derive(Default)]
pub(crate) struct FakeState {
    /// Owner and data.
    pub(crate) accounts: HashMap<Pubkey, (Pubkey, Vec<u8>)>,
    pub(crate) slot: u64,
    pub(crate) slot_hashes: Arc<SlotHashes>,
}

impl State for FakeState {
    fn hash_key(&self, key: &Pubkey) -> u64 {
        hash_key(key)
    }
    fn read(&mut self, key: &Pubkey, see: &mut dyn FnMut(&Pubkey, &[u8])) -> Result<(), ReadError> {
        if let Some((owner, data)) = self.accounts.get(key) {
            see(owner, data);
        }
        Ok(())
    }
    fn slot(&mut self) -> (u64, Arc<SlotHashes>) {
        (self.slot, Arc::clone(&self.slot_hashes))
    }
}

/// The hash that `FakeState` gives a key. Weak, so that different keys do collide.
pub(crate) fn hash_key(key: &Pubkey) -> u64 {
    u64::from(key.as_array()[0] & 0x3f) | u64::from(key.as_array()[31]) << 32
}

/// A verifier core with the default limits.
pub(super) fn core() -> Core {
    Core::new(&Limits::default(), MessageHasher::new(hash_key))
}

/// Everything but signatures, over this state.
pub(crate) fn trusted(bytes: impl Into<Bytes>, state: &mut FakeState) -> Verified {
    core().prepare(bytes.into(), state, None)
}
