//! Transfers of tokens between distinct pairs of accounts, by the real Token program: an ELF file in the machine.

use crate::keyring::{Keyring, address};
use crate::workload::{Draft, Ground, OTHER_LAMPORTS, Plan, Scattered};
use sealane_sdk::{AccountMeta, AccountState, Instruction, Pubkey, Rent};
use solana_account::ReadableAccount;
use solana_message::{Message, VersionedMessage};

const TOKEN_ID: Pubkey = Pubkey::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");

const PURPOSE_MINT: u64 = 0x317;
const PURPOSE_SOURCE: u64 = 0x50c;
const PURPOSE_DESTINATION: u64 = 0xde5;

/// Tokens of every source: transfers of millions of rounds.
const AMOUNT: u64 = 1_000_000_000_000;

/// Payer `i` owns source `i` and pays destination `i`: 1 in the first round, 2 in the second.
pub(crate) fn plan(ground: &Ground<'_>) -> Plan {
    let (seed, blockhash) = (ground.options.seed, ground.blockhash);
    let order = Scattered::new(ground.keyring.len());
    let draft: Draft = Box::new(move |i, keyring| {
        let (payer, round) = order.at(i);
        let owner = keyring.key(payer);
        let instruction = transfer(seed, payer, owner, 1 + round);
        let message = Message::new_with_blockhash(&[instruction], Some(&owner), &blockhash);
        (payer, VersionedMessage::Legacy(message))
    });
    Plan {
        accounts: accounts(seed, ground.keyring),
        programs: Vec::new(),
        draft,
    }
}

/// Token's `Transfer`.
fn transfer(seed: u64, pair: u64, owner: Pubkey, amount: u64) -> Instruction {
    Instruction {
        program_id: TOKEN_ID,
        accounts: vec![
            AccountMeta::new(address(seed, PURPOSE_SOURCE, pair), false),
            AccountMeta::new(address(seed, PURPOSE_DESTINATION, pair), false),
            AccountMeta::new_readonly(owner, true),
        ],
        data: [&[3][..], &amount.to_le_bytes()].concat(),
    }
}

fn accounts(seed: u64, keyring: &Keyring) -> Vec<(Pubkey, AccountState)> {
    let mint = address(seed, PURPOSE_MINT, 0);
    let mut accounts = program();
    for pair in 0..keyring.len() {
        let owner = keyring.key(pair);
        let source = address(seed, PURPOSE_SOURCE, pair);
        let destination = address(seed, PURPOSE_DESTINATION, pair);
        accounts.push((source, holding(&mint, &owner, AMOUNT)));
        accounts.push((destination, holding(&mint, &owner, 0)));
    }
    accounts
}

/// The program and the account that has its file.
fn program() -> Vec<(Pubkey, AccountState)> {
    let found = solana_program_binaries::by_id(&TOKEN_ID, &Rent::default());
    let accounts = found.expect("the crate has Token").into_iter();
    let accounts = accounts.map(|(key, account)| {
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

/// Token's `Account`: mint, owner, amount, no delegate, initialised, not native, nothing more.
fn holding(mint: &Pubkey, owner: &Pubkey, amount: u64) -> AccountState {
    let parts: [&[u8]; 6] = [
        mint.as_array(),
        owner.as_array(),
        &amount.to_le_bytes(),
        &[0; 36],
        &[1],
        &[0; 56],
    ];
    AccountState {
        lamports: OTHER_LAMPORTS,
        owner: TOKEN_ID,
        data: parts.concat().into(),
        ..AccountState::default()
    }
}
