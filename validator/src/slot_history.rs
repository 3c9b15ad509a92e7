//! The account of the `SlotHistory` sysvar: which of the newest 1,048,576 slots have a block.
//!
//! No slot is skipped, so all of them up to the sealed one have. With its 131 kB it is made when a client asks for it, and
//! programs do not have it. Source of the format: `solana-slot-history` 3.1, whose type is serialised by bincode.

use sealane_sdk::{AccountState, Rent};
use solana_pubkey::Pubkey;

/// Its address.
pub(crate) const ID: Pubkey = solana_pubkey::pubkey!("SysvarS1otHistory11111111111111111111111111");

/// The owner of accounts of sysvars.
const OWNER: Pubkey = solana_pubkey::pubkey!("Sysvar1111111111111111111111111111111111111");

/// Slots that it tells of.
const SLOTS: u64 = 1024 * 1024;

/// The account where `newest` is the newest sealed slot.
pub(crate) fn account(newest: u64, rent: &Rent) -> AccountState {
    let blocks = SLOTS / 64;
    let full = (newest.saturating_add(1)).min(SLOTS);
    let mut data = Vec::with_capacity(131_097);
    // That there are bits, how many blocks of 64, and after them how many bits.
    data.push(1);
    data.extend_from_slice(&blocks.to_le_bytes());
    for block in 0..blocks {
        let set = full.saturating_sub(block * 64).min(64);
        let bits = u64::MAX.checked_shr(64 - set as u32).unwrap_or(0);
        data.extend_from_slice(&bits.to_le_bytes());
    }
    data.extend_from_slice(&SLOTS.to_le_bytes());
    data.extend_from_slice(&newest.saturating_add(1).to_le_bytes());
    AccountState {
        lamports: rent.minimum_balance(data.len()),
        owner: OWNER,
        executable: false,
        data: data.into(),
    }
}
