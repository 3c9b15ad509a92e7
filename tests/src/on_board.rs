//! The programs that Solana's clients expect, as their authors built them, and accounts of Token's.

use sealane_sdk::{AccountState, Pubkey, Rent};
use solana_account::ReadableAccount;

/// The Token program.
pub const TOKEN_ID: Pubkey = Pubkey::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");

/// Accounts of all programs of the crate `solana-program-binaries`.
pub fn on_board() -> Vec<(Pubkey, AccountState)> {
    let rent = Rent::default();
    let spl = solana_program_binaries::spl_programs(&rent);
    let core = solana_program_binaries::core_bpf_programs(&rent, |_| true);
    let accounts = spl.into_iter().chain(core).map(|(key, account)| {
        let state = AccountState {
            lamports: account.lamports(),
            owner: *account.owner(),
            executable: account.executable(),
            data: account.data().into(),
        };
        (key, state)
    });
    accounts.collect()
}

/// An account of Token's with these bytes.
fn tokens(data: Vec<u8>) -> AccountState {
    AccountState {
        lamports: 10_000_000,
        owner: TOKEN_ID,
        executable: false,
        data: data.into(),
    }
}

/// A mint with a supply, an authority and six decimals (Token's `Mint`).
pub fn mint(authority: &Pubkey, supply: u64) -> AccountState {
    let parts: [&[u8]; 7] = [
        &[1, 0, 0, 0],
        authority.as_array(),
        &supply.to_le_bytes(),
        &[6, 1],
        &[0; 4],
        &[0; 32],
        &[],
    ];
    tokens(parts.concat())
}

/// An account that holds tokens of a mint for an owner (Token's `Account`).
pub fn token_account(mint: &Pubkey, owner: &Pubkey, amount: u64) -> AccountState {
    let parts: [&[u8]; 6] = [
        mint.as_array(),
        owner.as_array(),
        &amount.to_le_bytes(),
        &[0; 36],
        &[1],
        &[0; 56],
    ];
    tokens(parts.concat())
}
