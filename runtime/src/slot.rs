//! What every transaction of one slot sees alike.
//!
//! A context is made when its slot opens and never changes. Making one serialises the sysvar
//! accounts and indexes the blockhashes, some tens of microseconds, so that a transaction only
//! looks things up. It knows no transactions and no accounts of the database.

mod idle;
mod saved;

pub(crate) use idle::{IdleSlots, MILESTONE};
pub(crate) use saved::Input;

use crate::block_log::SlotOpened;
use sealane_accounts_db::{Pin, ReadError};
use sealane_sdk::{AccountState, Pubkey, Sysvars};
use solana_clock::Clock;
use solana_epoch_schedule::EpochSchedule;
use solana_hash::Hash;
use solana_nonce::state::DurableNonce;
use solana_rent::Rent;
use solana_sdk_ids::{compute_budget, native_loader, system_program, sysvar};
use solana_signature::Signature;
use solana_slot_hashes::SlotHashes;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, RwLock};

/// Slots for which a blockhash stays valid.
pub const BLOCKHASH_AGE_MAX: u64 = 150;

/// Blockhashes that a slot accepts: the newest has age 0.
const BLOCKHASHES_MAX: usize = BLOCKHASH_AGE_MAX as usize + 1;

/// Entries of the RecentBlockhashes sysvar.
const RECENT_BLOCKHASHES_MAX: usize = 150;

/// Solana's fee for a signature.
const LAMPORTS_PER_SIGNATURE: u64 = 5_000;

/// The state of a slot that transactions depend on; fixed when the slot opens.
#[derive(Clone, Debug)]
pub struct SlotContext {
    /// The slot.
    pub slot: u64,
    /// Its nominal time in Unix milliseconds; the Clock sysvar has the whole seconds of it.
    pub time_ms: i64,
    /// Sysvars of the slot.
    pub sysvars: Sysvars,
    /// Recent blockhashes with the slot that made them, newest first; at most `BLOCKHASH_AGE_MAX +
    /// 1`.
    pub blockhashes: Arc<Vec<(Hash, u64)>>,
    /// Lamports per signature.
    pub lamports_per_signature: u64,
    /// `blockhashes`, by hash.
    blockhash_slots: Arc<HashMap<Hash, u64, BuildHasherDefault<FirstBytes>>>,
    durable_nonce: DurableNonce,
    virtual_accounts: Arc<VirtualAccounts>,
}

impl SlotContext {
    /// Slot 0, with Solana's defaults for rent, epochs (432,000 slots, no warm-up) and fees. The
    /// genesis hash is its only blockhash.
    pub fn genesis(genesis_hash: Hash, unix_timestamp: i64) -> Self {
        Self::genesis_with(
            genesis_hash,
            unix_timestamp,
            EpochSchedule::without_warmup(),
        )
    }

    /// The same with epochs of another length.
    pub fn genesis_with(
        genesis_hash: Hash,
        unix_timestamp: i64,
        epoch_schedule: EpochSchedule,
    ) -> Self {
        let clock = Clock {
            slot: 0,
            epoch_start_timestamp: unix_timestamp,
            epoch: 0,
            leader_schedule_epoch: epoch_schedule.get_leader_schedule_epoch(0),
            unix_timestamp,
        };
        Self::assemble(
            clock,
            epoch_schedule,
            Rent::default(),
            SlotHashes::new(&[]),
            vec![(genesis_hash, 0)],
            LAMPORTS_PER_SIGNATURE,
            unix_timestamp * 1_000,
        )
    }

    /// The slot after this one, once this one's `blockhash` is known; `unix_timestamp` is the new
    /// slot's nominal time.
    pub fn next(&self, blockhash: Hash, unix_timestamp: i64) -> Self {
        self.after(blockhash, unix_timestamp * 1_000)
    }

    /// The same; the new slot's nominal time is in milliseconds.
    pub(crate) fn after(&self, blockhash: Hash, time_ms: i64) -> Self {
        let first = SlotOpened {
            slot: self.slot + 1,
            time_ms,
            parent_blockhash: blockhash,
        };
        // How long it is, and what is in the last of them, does not matter.
        let one = IdleSlots::new(first, 1, 0);
        self.after_idle(&one, &Hash::default())
    }

    /// What is seen at the end of this slot, which `next` follows: its own sysvars, but its own blockhash is there
    /// already, as with a bank of Agave that is frozen.
    pub(crate) fn at_end(&self, next: &Self) -> Self {
        Self::assemble(
            self.sysvars.clock.clone(),
            self.sysvars.epoch_schedule.clone(),
            self.sysvars.rent.clone(),
            SlotHashes::new(self.sysvars.slot_hashes.slot_hashes()),
            next.blockhashes.to_vec(),
            self.lamports_per_signature,
            self.time_ms,
        )
    }

    fn assemble(
        clock: Clock,
        epoch_schedule: EpochSchedule,
        rent: Rent,
        slot_hashes: SlotHashes,
        blockhashes: Vec<(Hash, u64)>,
        lamports_per_signature: u64,
        time_ms: i64,
    ) -> Self {
        let recent_blockhashes = blockhashes
            .iter()
            .take(RECENT_BLOCKHASHES_MAX)
            .map(|(hash, _)| (*hash, lamports_per_signature))
            .collect();
        let sysvars = Sysvars {
            clock,
            rent,
            epoch_schedule,
            slot_hashes: Arc::new(slot_hashes),
            last_restart_slot: 0,
            recent_blockhashes: Arc::new(recent_blockhashes),
        };
        Self {
            slot: sysvars.clock.slot,
            time_ms,
            virtual_accounts: Arc::new(VirtualAccounts::new(&sysvars)),
            sysvars,
            blockhash_slots: Arc::new(blockhashes.iter().copied().collect()),
            durable_nonce: DurableNonce::from_blockhash(&blockhashes[0].0),
            blockhashes: Arc::new(blockhashes),
            lamports_per_signature,
        }
    }

    /// The newest blockhash.
    pub fn blockhash(&self) -> Hash {
        self.blockhashes[0].0
    }

    /// The slot that made this blockhash, if a transaction may still use it.
    pub fn blockhash_slot(&self, blockhash: &Hash) -> Option<u64> {
        self.blockhash_slots.get(blockhash).copied()
    }

    /// The durable nonce that AdvanceNonceAccount stores in this slot.
    pub fn durable_nonce(&self) -> Hash {
        *self.durable_nonce.as_hash()
    }

    /// State of an account that is in no table because the slot makes it: a sysvar, or the program
    /// account of System or Compute Budget. The Instructions sysvar is absent here: a transaction that
    /// names it gets its own.
    #[inline]
    pub fn virtual_account(&self, key: &Pubkey) -> Option<&AccountState> {
        self.virtual_accounts.get(key)
    }

    /// The account as it is found in this slot: one that the slot makes, others as of the pin.
    pub fn account(&self, pin: &Pin, key: &Pubkey) -> Result<Option<AccountState>, ReadError> {
        match self.virtual_account(key) {
            Some(state) => Ok((!state.is_absent()).then(|| state.clone())),
            None => pin.get(key),
        }
    }
}

/// The blockhash of a slot: it covers the one before, and by the tip all entries that were visible when
/// the slot was sealed.
pub(crate) fn blockhash(parent: &Hash, slot: u64, unix_timestamp: i64, tip: &Hash) -> Hash {
    solana_sha256_hasher::hashv(&[
        parent.as_ref(),
        &slot.to_le_bytes(),
        &unix_timestamp.to_le_bytes(),
        tip.as_ref(),
    ])
}

/// The tip once an entry with these charged transactions (their first signatures) is chained onto `tip`:
/// BLAKE3 of the tip and the signatures. An entry without any leaves it as it is.
pub(crate) fn tip_after<'a>(tip: &Hash, signatures: impl Iterator<Item = &'a Signature>) -> Hash {
    // In one piece, as BLAKE3 hashes many kilobytes several times faster than many small pieces.
    let mut bytes = Vec::with_capacity(32 + 64 * signatures.size_hint().1.unwrap_or_default());
    bytes.extend_from_slice(tip.as_ref());
    signatures.for_each(|signature| bytes.extend_from_slice(signature.as_ref()));
    if bytes.len() == size_of::<Hash>() {
        return *tip;
    }
    Hash::new_from_array(*blake3::hash(&bytes).as_bytes())
}

/// A blockhash is a hash already: its first bytes do. Asking for a made-up one finds at worst one
/// of the 151 that are there.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Accounts that exist because the runtime says so. They are never writable.
#[derive(Debug)]
struct VirtualAccounts {
    /// Bit `b` is set if some key begins with byte `b`: what turns most other keys away at once.
    first_bytes: [u64; 4],
    accounts: Vec<(Pubkey, AccountState)>,
}

impl VirtualAccounts {
    fn new(sysvars: &Sysvars) -> Self {
        // The System program first: nearly every transaction names it.
        let builtins = [
            (system_program::ID, builtin_account(b"system_program")),
            (
                compute_budget::ID,
                builtin_account(b"compute_budget_program"),
            ),
        ];
        // Its data are each transaction's own; as in Agave it does not exist otherwise.
        let introspection = AccountState {
            owner: sysvar::ID,
            ..AccountState::default()
        };
        let introspection = [(sysvar::instructions::ID, introspection)];
        let sysvars = Sysvars::IDS
            .iter()
            .filter_map(|id| Some((*id, sysvars.account(id)?)));
        let accounts: Vec<_> = builtins
            .into_iter()
            .chain(introspection)
            .chain(sysvars)
            .collect();
        let mut first_bytes = [0; 4];
        for (key, _) in &accounts {
            let byte = key.as_array()[0];
            first_bytes[usize::from(byte / 64)] |= 1 << (byte % 64);
        }
        Self {
            first_bytes,
            accounts,
        }
    }

    #[inline]
    fn get(&self, key: &Pubkey) -> Option<&AccountState> {
        let byte = key.as_array()[0];
        if self.first_bytes[usize::from(byte / 64)] & (1 << (byte % 64)) == 0 {
            return None;
        }
        self.accounts
            .iter()
            .find(|(id, _)| id == key)
            .map(|(_, state)| state)
    }
}

/// The account of a program that is part of the runtime, as Agave makes it.
fn builtin_account(name: &[u8]) -> AccountState {
    AccountState {
        lamports: 1,
        owner: native_loader::ID,
        executable: true,
        data: name.into(),
    }
}

/// Where the open slot is found. A node has two: verify's, which moves when the slot opens, and the
/// readers', which moves behind the last entry of the slot before it, and once the slot is durable.
#[derive(Clone)]
pub struct SlotWatch(Arc<RwLock<Arc<SlotContext>>>);

impl SlotWatch {
    /// A watch that shows `first`.
    pub fn new(first: Arc<SlotContext>) -> Self {
        Self(Arc::new(RwLock::new(first)))
    }

    /// The open slot.
    pub fn get(&self) -> Arc<SlotContext> {
        self.0
            .read()
            .expect("no holder of this lock panics")
            .clone()
    }

    /// Opens the next slot.
    pub fn set(&self, next: Arc<SlotContext>) {
        *self.0.write().expect("no holder of this lock panics") = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(slot: u64) -> Hash {
        solana_sha256_hasher::hash(&slot.to_le_bytes())
    }

    /// The context of `slot`, where slot `s` made `hash(s)` and lasted 1 s.
    fn at(slot: u64) -> SlotContext {
        let mut context = SlotContext::genesis(Hash::new_from_array([7; 32]), 1_000);
        for made in 0..slot {
            context = context.next(hash(made), 1_001 + made as i64);
        }
        context
    }

    #[test]
    fn a_blockhash_stays_valid_for_150_slots_after_the_first_that_sees_it() {
        let context = at(400);
        assert_eq!(context.blockhash(), hash(399));
        assert_eq!(context.blockhash_slot(&hash(399)), Some(399));
        assert_eq!(context.blockhash_slot(&hash(249)), Some(249), "age 150");
        assert_eq!(context.blockhash_slot(&hash(248)), None, "age 151");
        assert_eq!(context.blockhash_slot(&hash(400)), None, "of the open slot");
        assert_eq!(context.blockhashes.len(), 151);
    }

    #[test]
    fn the_genesis_hash_is_valid_like_any_other() {
        let genesis = Hash::new_from_array([7; 32]);
        assert_eq!(at(0).blockhash_slot(&genesis), Some(0));
        assert_eq!(at(150).blockhash_slot(&genesis), Some(0));
        assert_eq!(at(151).blockhash_slot(&genesis), None);
    }

    #[test]
    fn slot_hashes_are_the_newest_512_with_the_parent_first() {
        let hashes = at(600).sysvars.slot_hashes;
        assert_eq!(hashes.slot_hashes().len(), 512);
        assert_eq!(hashes.slot_hashes()[0], (599, hash(599)));
        assert_eq!(hashes.slot_hashes()[511], (88, hash(88)));
    }

    #[test]
    fn recent_blockhashes_are_the_newest_150() {
        let context = at(300);
        assert_eq!(context.sysvars.recent_blockhashes.len(), 150);
        assert_eq!(context.sysvars.recent_blockhashes[0], (hash(299), 5_000));
    }

    #[test]
    fn the_clock_counts_slots_and_epochs() {
        let mut context = at(3);
        let clock = &context.sysvars.clock;
        assert_eq!(
            (clock.slot, clock.epoch, clock.leader_schedule_epoch),
            (3, 0, 1)
        );
        assert_eq!(
            (clock.unix_timestamp, clock.epoch_start_timestamp),
            (1_003, 1_000)
        );

        // The last slot of epoch 0, without waiting for it.
        context.slot = 431_999;
        context.sysvars.clock.slot = 431_999;
        let clock = context.next(hash(431_999), 9_000).sysvars.clock;
        assert_eq!(
            (clock.slot, clock.epoch, clock.leader_schedule_epoch),
            (432_000, 1, 2)
        );
        assert_eq!(
            (clock.unix_timestamp, clock.epoch_start_timestamp),
            (9_000, 9_000)
        );
    }

    #[test]
    fn the_durable_nonce_follows_the_newest_blockhash() {
        let context = at(5);
        let expected = DurableNonce::from_blockhash(&hash(4));
        assert_eq!(context.durable_nonce(), *expected.as_hash());
    }

    #[test]
    fn sysvars_and_builtin_programs_are_accounts_of_the_slot() {
        let context = at(2);
        for id in Sysvars::IDS {
            let state = context.virtual_account(id).expect("a sysvar");
            assert_eq!(Some(state), context.sysvars.account(id).as_ref(), "{id}");
        }
        let system = context
            .virtual_account(&system_program::ID)
            .expect("System");
        assert!(system.executable && system.owner == native_loader::ID && system.lamports == 1);
        assert!(context.virtual_account(&compute_budget::ID).is_some());
        assert!(
            context
                .virtual_account(&Pubkey::new_from_array([6; 32]))
                .is_none()
        );
        assert!(
            context
                .virtual_account(&Pubkey::new_from_array([0xaa; 32]))
                .is_none()
        );
    }
}
