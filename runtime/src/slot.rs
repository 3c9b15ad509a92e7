//! What every transaction of one slot sees alike.

use sealane_sdk::Sysvars;
use solana_hash::Hash;
use std::sync::{Arc, RwLock};

/// Slots for which a blockhash stays valid.
pub const BLOCKHASH_AGE_MAX: u64 = 150;

/// The state of a slot that transactions depend on; fixed when the slot opens.
#[derive(Clone, Debug)]
pub struct SlotContext {
    /// The slot.
    pub slot: u64,
    /// Sysvars of the slot.
    pub sysvars: Sysvars,
    /// Recent blockhashes with the slot that made them, newest first; at most `BLOCKHASH_AGE_MAX + 1`.
    pub blockhashes: Arc<Vec<(Hash, u64)>>,
    /// Lamports per signature.
    pub lamports_per_signature: u64,
}

impl SlotContext {
    /// Slot 0, with Solana's defaults for rent, epochs and fees.
    pub fn genesis(_genesis_hash: Hash, _unix_timestamp: i64) -> Self {
        todo!()
    }
    /// The slot after this one, once this one's `blockhash` is known; `unix_timestamp` is the new slot's
    /// nominal time.
    pub fn next(&self, _blockhash: Hash, _unix_timestamp: i64) -> Self {
        todo!()
    }
    /// State of an account that is in no table because the slot makes it: a sysvar, or the program account
    /// of System or Compute Budget.
    pub fn virtual_account(&self, _key: &sealane_sdk::Pubkey) -> Option<&sealane_sdk::AccountState> {
        todo!()
    }
    /// The newest blockhash.
    pub fn blockhash(&self) -> Hash {
        self.blockhashes[0].0
    }
    /// The slot that made this blockhash, if a transaction may still use it.
    pub fn blockhash_slot(&self, blockhash: &Hash) -> Option<u64> {
        let (_, slot) = self.blockhashes.iter().find(|(hash, _)| hash == blockhash)?;
        (self.slot.saturating_sub(*slot) <= BLOCKHASH_AGE_MAX + 1).then_some(*slot)
    }
    /// The durable nonce that AdvanceNonceAccount stores in this slot.
    pub fn durable_nonce(&self) -> Hash {
        *solana_nonce::state::DurableNonce::from_blockhash(&self.blockhash()).as_hash()
    }
}

/// Where verify, readers and simulation find the open slot.
#[derive(Clone)]
pub struct SlotWatch(Arc<RwLock<Arc<SlotContext>>>);

impl SlotWatch {
    /// A watch that shows `first`.
    pub fn new(first: Arc<SlotContext>) -> Self {
        Self(Arc::new(RwLock::new(first)))
    }
    /// The open slot.
    pub fn get(&self) -> Arc<SlotContext> {
        self.0.read().expect("no holder of this lock panics").clone()
    }
    /// Opens the next slot.
    pub fn set(&self, next: Arc<SlotContext>) {
        *self.0.write().expect("no holder of this lock panics") = next;
    }
}
