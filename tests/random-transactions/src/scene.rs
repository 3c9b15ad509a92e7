//! What a generator of transactions sees: the addresses there are, and what lies there now.

use crate::sealane::Sealane;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use sealane_sdk::{AccountState, Pubkey, pubkey};
use solana_sdk_ids::{address_lookup_table, sysvar};

/// The first memo program, of loader v2.
pub const MEMO_1: Pubkey = pubkey!("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo");
/// The one that everybody calls, of loader v2.
pub const MEMO_3: Pubkey = pubkey!("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr");
/// The newest one, of loader v3.
pub const MEMO_4: Pubkey = pubkey!("Memo4c2pN8afCj432Lb7RMVKi9PbQnnW7ewFFaV3oAH");
pub(crate) const SYSTEM: Pubkey = sealane_sdk::system_program::ID;
pub(crate) const LOOKUP: Pubkey = address_lookup_table::ID;

/// Lamports that a signature costs.
pub(crate) const FEE: u64 = 5_000;

/// Lamports that exempt so many bytes from rent.
pub(crate) fn rent(bytes: u64) -> u64 {
    bytes.saturating_add(128).saturating_mul(6_960)
}

/// Addresses that a generator uses.
#[derive(Default)]
pub(crate) struct Cast {
    /// Rich accounts of the System program's.
    pub(crate) wallets: Vec<Pubkey>,
    /// Accounts of the System program's that can just pay, or just not.
    pub(crate) poor: Vec<Pubkey>,
    /// Where accounts are made.
    pub(crate) pool: Vec<Pubkey>,
    /// Nonce accounts, and what looks like some.
    pub(crate) nonces: Vec<Pubkey>,
    /// Lookup tables, and what looks like some.
    pub(crate) tables: Vec<Pubkey>,
    /// Accounts with data.
    pub(crate) data: Vec<Pubkey>,
    /// Addresses that come from wallets', with seeds: base, seed, owner, address.
    pub(crate) seeded: Vec<(Pubkey, &'static str, Pubkey, Pubkey)>,
}

impl Cast {
    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = Pubkey> {
        let lists = [
            &self.wallets,
            &self.poor,
            &self.pool,
            &self.nonces,
            &self.tables,
            &self.data,
        ];
        let seeded = self.seeded.iter().map(|(.., key)| *key);
        lists.into_iter().flatten().copied().chain(seeded)
    }
}

pub(crate) struct Scene<'a> {
    pub(crate) rng: &'a mut StdRng,
    pub(crate) cast: &'a Cast,
    pub(crate) sealane: &'a Sealane,
}

impl Scene<'_> {
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.rng.random_range(0..times) == 0
    }

    pub(crate) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all.choose(self.rng).expect("there is one").clone()
    }

    pub(crate) fn wallet(&mut self) -> Pubkey {
        let cast = self.cast;
        self.one_of(&cast.wallets)
    }

    pub(crate) fn nonce(&mut self) -> Pubkey {
        let cast = self.cast;
        self.one_of(&cast.nonces)
    }

    /// Some account, there or not.
    pub(crate) fn any(&mut self) -> Pubkey {
        let cast = self.cast;
        match self.rng.random_range(0..16) {
            0..4 => self.one_of(&cast.wallets),
            4..7 => self.one_of(&cast.poor),
            7..10 => self.one_of(&cast.pool),
            10 => self.one_of(&cast.nonces),
            11 => self.one_of(&cast.data),
            12 => self.one_of(&cast.seeded).3,
            13 => self.one_of(&cast.tables),
            14 => self.one_of(&[
                sysvar::clock::ID,
                sysvar::rent::ID,
                sysvar::instructions::ID,
                sysvar::recent_blockhashes::ID,
                solana_sdk_ids::incinerator::ID,
                SYSTEM,
                MEMO_3,
                MEMO_4,
                solana_sdk_ids::ed25519_program::ID,
            ]),
            _ => Pubkey::new_from_array(self.rng.random()),
        }
    }

    pub(crate) fn account(&self, key: &Pubkey) -> AccountState {
        self.sealane.account(key)
    }

    /// An amount that decides something for an account which has so many lamports and bytes.
    pub(crate) fn lamports(&mut self, from: &Pubkey, bytes: u64) -> u64 {
        let balance = self.account(from).lamports;
        let near = self.rng.random_range(0..3);
        match self.rng.random_range(0..12) {
            0 => near,
            1 => (balance + near).saturating_sub(1),
            2 => (balance + near).saturating_sub(FEE + 1),
            3 => (balance + near).saturating_sub(2 * FEE + 1),
            4 => (balance + near).saturating_sub(FEE + rent(0) + 1),
            5 => (balance + near).saturating_sub(rent(80) + 1),
            6 => u64::MAX - near,
            7 | 8 => rent(bytes).saturating_add(near) - 1,
            9 => rent(0) + near - 1,
            _ => self.rng.random_range(0..20_000_000),
        }
    }
}
