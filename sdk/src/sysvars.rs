//! Sysvars: views of the slot's state that programs read.
//!
//! The accounts have exactly Solana's layouts (bincode, padded with zeros to the size that Agave gives
//! them). `StakeHistory` is empty and `EpochRewards` inactive, for there is no stake; `SlotHistory` is
//! made for clients alone. The Instructions sysvar belongs to a transaction: see `instructions_sysvar`.

use crate::{
    AccountState, EpochRewards, EpochSchedule, Hash, InstructionInput, Pubkey, Rent, SlotHashes,
    TransactionAccount,
};
use serde::Serialize;
use solana_sdk_ids::sysvar as ids;
use std::sync::Arc;

/// The sysvars of one slot. `Clock::get()` and its like read these; the accounts of the same names are
/// made from them by `account`.
#[derive(Clone, Debug)]
pub struct Sysvars {
    /// Slot, epoch and nominal time.
    pub clock: crate::Clock,
    /// Rent parameters.
    pub rent: Rent,
    /// Slots per epoch.
    pub epoch_schedule: EpochSchedule,
    /// The newest 512 slots and their blockhashes, newest first.
    pub slot_hashes: Arc<SlotHashes>,
    /// The slot of the last restart.
    pub last_restart_slot: u64,
    /// Blockhashes, newest first, and the fee of a signature: what RecentBlockhashes and nonces see.
    pub recent_blockhashes: Arc<Vec<(Hash, u64)>>,
}

/// Slot 0 with the rent and the epochs of Solana's clusters, and one blockhash, all zero.
impl Default for Sysvars {
    fn default() -> Self {
        Self {
            clock: crate::Clock::default(),
            rent: Rent::default(),
            epoch_schedule: EpochSchedule::without_warmup(),
            slot_hashes: Arc::new(SlotHashes::new(&[])),
            last_restart_slot: 0,
            recent_blockhashes: Arc::new(vec![(Hash::default(), 5_000)]),
        }
    }
}

/// Bytes of the accounts whose content grows, as Agave allocates them.
const SLOT_HASHES_LEN: usize = 8 + 512 * 40;
const RECENT_BLOCKHASHES_MAX: usize = 150;
const RECENT_BLOCKHASHES_LEN: usize = 8 + RECENT_BLOCKHASHES_MAX * 40;
const STAKE_HISTORY_LEN: usize = 8 + 512 * 32;

impl Sysvars {
    /// The ids of the sysvar accounts that `account` knows.
    pub const IDS: &'static [Pubkey] = &[
        ids::clock::ID,
        ids::rent::ID,
        ids::epoch_schedule::ID,
        ids::slot_hashes::ID,
        ids::recent_blockhashes::ID,
        ids::last_restart_slot::ID,
        ids::epoch_rewards::ID,
        ids::stake_history::ID,
    ];

    /// The sysvar account with this id, in Solana's layout, owned by the sysvar program.
    pub fn account(&self, id: &Pubkey) -> Option<AccountState> {
        let data = match *id {
            ids::clock::ID => encode(&self.clock, 0),
            ids::rent::ID => encode(&self.rent, 0),
            ids::epoch_schedule::ID => encode(&self.epoch_schedule, 0),
            ids::slot_hashes::ID => encode(&*self.slot_hashes, SLOT_HASHES_LEN),
            ids::recent_blockhashes::ID => {
                let count = self.recent_blockhashes.len().min(RECENT_BLOCKHASHES_MAX);
                encode(&self.recent_blockhashes[..count], RECENT_BLOCKHASHES_LEN)
            }
            ids::last_restart_slot::ID => encode(&self.last_restart_slot, 0),
            ids::epoch_rewards::ID => encode(&EpochRewards::default(), 0),
            ids::stake_history::ID => vec![0; STAKE_HISTORY_LEN],
            _ => return None,
        };
        Some(AccountState {
            lamports: self.rent.minimum_balance(data.len()).max(1),
            owner: ids::ID,
            executable: false,
            data: data.into(),
        })
    }
}

fn encode<T: Serialize + ?Sized>(value: &T, len_min: usize) -> Vec<u8> {
    let mut bytes = bincode::serialize(value).expect("sysvars serialise");
    bytes.resize(bytes.len().max(len_min), 0);
    bytes
}

/// The Instructions sysvar's account of a transaction, in Solana's layout. The executor keeps the index of
/// the current instruction, its last two bytes, up to date.
///
/// `accounts` are the transaction's; the states do not matter.
pub fn instructions_sysvar<'i>(
    accounts: &[TransactionAccount<'_>],
    instructions: impl Iterator<Item = InstructionInput<'i>> + Clone,
) -> AccountState {
    let count = instructions.clone().count();
    let mut bytes = Vec::new();
    put(&mut bytes, count);
    bytes.resize(2 + 2 * count, 0);
    for (place, instruction) in instructions.enumerate() {
        let offset = (bytes.len() as u16).to_le_bytes();
        bytes[2 + 2 * place..][..2].copy_from_slice(&offset);
        put(&mut bytes, instruction.accounts.len());
        for &index in instruction.accounts {
            let account = &accounts[usize::from(index)];
            bytes.push(u8::from(account.is_signer) | u8::from(account.is_writable) << 1);
            bytes.extend_from_slice(account.key.as_ref());
        }
        bytes.extend_from_slice(accounts[usize::from(instruction.program)].key.as_ref());
        put(&mut bytes, instruction.data.len());
        bytes.extend_from_slice(instruction.data);
    }
    put(&mut bytes, 0);
    AccountState {
        lamports: 0,
        owner: ids::ID,
        executable: false,
        data: bytes.into(),
    }
}

/// What does not fit the bank refuses before anything runs: here it is cut.
fn put(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&(number as u16).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysvar_accounts_have_solanas_sizes() {
        let lens = [40, 17, 33, 20_488, 6_008, 8, 81, 16_392];
        for (id, len) in Sysvars::IDS.iter().zip(lens) {
            let account = Sysvars::default().account(id).unwrap();
            assert_eq!((account.data.len(), account.owner), (len, ids::ID), "{id}");
        }
        assert_eq!(Sysvars::default().account(&Pubkey::default()), None);
    }

    #[test]
    fn sysvar_accounts_decode_as_the_ecosystems_types() {
        let mut sysvars = Sysvars::default();
        sysvars.clock.slot = 77;
        sysvars.slot_hashes = Arc::new(SlotHashes::new(&[(76, Hash::new_from_array([5; 32]))]));
        sysvars.recent_blockhashes = Arc::new(vec![(Hash::new_from_array([6; 32]), 5_000)]);
        let data = |id: &Pubkey| sysvars.account(id).unwrap().data.as_slice().to_vec();
        let clock: crate::Clock = bincode::deserialize(&data(&ids::clock::ID)).unwrap();
        assert_eq!(clock, sysvars.clock);
        let rent: Rent = bincode::deserialize(&data(&ids::rent::ID)).unwrap();
        assert_eq!(rent, sysvars.rent);
        let hashes: SlotHashes = bincode::deserialize(&data(&ids::slot_hashes::ID)).unwrap();
        assert_eq!(hashes, *sysvars.slot_hashes);
        let recent = data(&ids::recent_blockhashes::ID);
        assert_eq!(recent[..8], 1u64.to_le_bytes());
        assert_eq!(recent[8..40], [6; 32]);
        assert_eq!(recent[40..48], 5_000u64.to_le_bytes());
    }
}
