//! States of accounts that decide something, for the addresses of the cast.

use crate::scene::{FEE, LOOKUP, MEMO_3, SYSTEM, Scene, rent};
use rand::{Rng, RngCore};
use sealane_sdk::{AccountState, Hash, Pubkey};
use solana_address_lookup_table_interface::state::{AddressLookupTable, LookupTableMeta};
use solana_nonce::state::{Data, DurableNonce, State};
use solana_nonce::versions::Versions;

/// Lamports of a rich account.
pub(crate) const RICH_LAMPORTS: u64 = 1_000_000_000_000;

fn plain(lamports: u64) -> AccountState {
    AccountState {
        lamports,
        ..AccountState::default()
    }
}

impl Scene<'_> {
    /// A plain account that can just pay something, or just not.
    pub(crate) fn poor(&mut self) -> AccountState {
        let signatures = self.rng.random_range(0..4);
        let kept = self.one_of(&[0, 0, rent(0), rent(0), 1]);
        let near = self.rng.random_range(0..3);
        let lamports = (signatures * FEE + kept + near).saturating_sub(1);
        plain(lamports)
    }

    /// An account with data.
    pub(crate) fn with_data(&mut self) -> AccountState {
        let bytes = self.one_of(&[0, 1, 80, 80, 200, 5_000]);
        let mut data = vec![0; bytes];
        if self.once_in(2) {
            self.rng.fill_bytes(&mut data);
        }
        let near = self.rng.random_range(0..3);
        let exempt = rent(bytes as u64);
        AccountState {
            lamports: self.one_of(&[exempt, exempt + FEE, exempt / 2, 1_000_000_000]) + near - 1,
            owner: self.one_of(&[SYSTEM, SYSTEM, MEMO_3, Pubkey::new_from_array([5; 32])]),
            executable: false,
            data: data.into(),
        }
    }

    /// A nonce account, or something like it.
    pub(crate) fn nonce_account(&mut self) -> AccountState {
        let newest = self.sealane.slot().blockhash();
        let stored = match self.rng.random_range(0..8) {
            0 => newest,
            1 => Hash::default(),
            _ => Hash::new_from_array(self.rng.random()),
        };
        let data = Data::new(self.wallet(), DurableNonce::from_blockhash(&stored), FEE);
        let versions = match self.rng.random_range(0..16) {
            0 => Versions::new(State::Uninitialized),
            1 => Versions::Legacy(Box::new(State::Initialized(data))),
            2 => Versions::Legacy(Box::new(State::Uninitialized)),
            _ => Versions::new(State::Initialized(data)),
        };
        let mut data = bincode::serialize(&versions).expect("it fits memory");
        data.resize(State::size(), 0);
        match self.rng.random_range(0..32) {
            0 => data.push(0),
            1 => data.truncate(79),
            2 => data.resize(200, 7),
            3 => data.fill(0xff),
            _ => (),
        }
        let exempt = rent(data.len() as u64);
        let near = self.rng.random_range(0..3);
        let other = Pubkey::new_from_array([5; 32]);
        AccountState {
            lamports: self.one_of(&[
                exempt,
                exempt + FEE,
                exempt + 2 * FEE,
                exempt + rent(0),
                exempt / 2,
                1_000_000_000,
            ]) + near
                - 1,
            owner: if self.once_in(24) { other } else { SYSTEM },
            executable: false,
            data: data.into(),
        }
    }

    /// A lookup table, or something like it.
    pub(crate) fn table(&mut self) -> AccountState {
        let count = self.one_of(&[0_usize, 1, 5, 20, 20, 60, 256]);
        let addresses: Vec<_> = (0..count).map(|_| self.any()).collect();
        let slot = self.sealane.slot().slot;
        let deactivation_slot = match self.rng.random_range(0..12) {
            0 => slot,
            1 => slot - self.rng.random_range(1..4),
            2 => slot - self.rng.random_range(500..520),
            _ => u64::MAX,
        };
        let last_extended_slot = match self.rng.random_range(0..6) {
            0 => slot,
            1 => slot - 1,
            _ => 7,
        };
        let meta = LookupTableMeta {
            deactivation_slot,
            last_extended_slot,
            last_extended_slot_start_index: self.rng.random_range(0..=(count + 1).min(255)) as u8,
            authority: (!self.once_in(5)).then(|| self.wallet()),
            ..LookupTableMeta::default()
        };
        let table = AddressLookupTable {
            meta,
            addresses: addresses.into(),
        };
        let mut data = table.serialize_for_tests().expect("it fits memory");
        match self.rng.random_range(0..32) {
            0 => data.truncate(data.len() - 1),
            1 => data.truncate(30),
            2 => data[0] = 0,
            3 => data.clear(),
            _ => (),
        }
        let other = self.one_of(&[SYSTEM, MEMO_3]);
        AccountState {
            lamports: rent(data.len() as u64),
            owner: if self.once_in(24) { other } else { LOOKUP },
            executable: false,
            data: data.into(),
        }
    }
}
