//! The programs that Solana's clients expect everywhere, as their authors built them: ELF files, with the accounts
//! that they are kept in.

pub mod token;

use sealane_sdk::{AccountState, Pubkey, Rent};
use solana_account::Account;

/// The accounts of all of them: Token, Token-2022, Associated Token Account, Memo, Address Lookup Table, Config,
/// Feature Gate and Stake; programs, and the accounts that have their files.
pub fn programs() -> Vec<(Pubkey, AccountState)> {
    let rent = Rent::default();
    let spl = solana_program_binaries::spl_programs(&rent);
    // All that were ever built in are ELF files by now.
    let core = solana_program_binaries::core_bpf_programs(&rent, |_| true);
    let accounts = spl.into_iter().chain(core);
    accounts
        .map(|(id, account)| (id, state(account.into())))
        .collect()
}

fn state(account: Account) -> AccountState {
    AccountState {
        lamports: account.lamports,
        owner: account.owner,
        executable: account.executable,
        data: account.data.into(),
    }
}
