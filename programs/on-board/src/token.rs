//! Token: its address, its accounts at genesis, and how it is called.

use sealane_sdk::{AccountMeta, AccountState, Instruction, Pubkey, Rent, pubkey};

/// Its address.
pub const ID: Pubkey = pubkey!("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");

/// Lamports of the accounts made here: more than their rent.
const LAMPORTS: u64 = 10_000_000;

/// The program's account, and the one that has its file.
///
/// # Panics
/// Never: the crate that brings the files has it.
pub fn program() -> Vec<(Pubkey, AccountState)> {
    let found = solana_program_binaries::by_id(&ID, &Rent::default());
    let accounts = found.expect("the crate has Token").into_iter();
    accounts
        .map(|(key, account)| (key, super::state(account.into())))
        .collect()
}

fn owned(data: Vec<u8>) -> AccountState {
    AccountState {
        lamports: LAMPORTS,
        owner: ID,
        executable: false,
        data: data.into(),
    }
}

/// A mint with a supply, an authority, six decimals, and nobody who may freeze (Token's `Mint`).
pub fn mint(authority: &Pubkey, supply: u64) -> AccountState {
    let parts: [&[u8]; 5] = [
        &[1, 0, 0, 0],
        authority.as_array(),
        &supply.to_le_bytes(),
        &[6, 1],
        &[0; 36],
    ];
    owned(parts.concat())
}

/// An account that holds tokens of a mint for an owner: no delegate, initialised, not native (Token's `Account`).
pub fn account(mint: &Pubkey, owner: &Pubkey, amount: u64) -> AccountState {
    let parts: [&[u8]; 6] = [
        mint.as_array(),
        owner.as_array(),
        &amount.to_le_bytes(),
        &[0; 36],
        &[1],
        &[0; 56],
    ];
    owned(parts.concat())
}

/// Token's `Transfer`, which the owner signs.
pub fn transfer(from: Pubkey, to: Pubkey, owner: Pubkey, amount: u64) -> Instruction {
    Instruction {
        program_id: ID,
        accounts: vec![
            AccountMeta::new(from, false),
            AccountMeta::new(to, false),
            AccountMeta::new_readonly(owner, true),
        ],
        data: [&[3][..], &amount.to_le_bytes()].concat(),
    }
}
