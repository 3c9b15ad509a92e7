//! Transfers of tokens between distinct pairs of accounts, by the real Token program: an ELF file in the machine.

use crate::keyring::{Keyring, address};
use crate::workload::{Draft, Ground, OTHER_LAMPORTS, Plan, Scattered};
use sealane_on_board::token;
use sealane_sdk::{AccountState, Pubkey};
use solana_message::{Message, VersionedMessage};

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
        let (from, to) = pair(seed, payer);
        let instruction = token::transfer(from, to, owner, 1 + round);
        let message = Message::new_with_blockhash(&[instruction], Some(&owner), &blockhash);
        (payer, VersionedMessage::Legacy(message))
    });
    Plan {
        accounts: accounts(seed, ground.keyring),
        programs: Vec::new(),
        draft,
    }
}

/// Source and destination.
fn pair(seed: u64, number: u64) -> (Pubkey, Pubkey) {
    let source = address(seed, PURPOSE_SOURCE, number);
    (source, address(seed, PURPOSE_DESTINATION, number))
}

fn accounts(seed: u64, keyring: &Keyring) -> Vec<(Pubkey, AccountState)> {
    let mint = address(seed, PURPOSE_MINT, 0);
    let mut accounts = token::program();
    for number in 0..keyring.len() {
        let owner = keyring.key(number);
        let (source, destination) = pair(seed, number);
        for (key, amount) in [(source, AMOUNT), (destination, 0)] {
            let state = AccountState {
                lamports: OTHER_LAMPORTS,
                ..token::account(&mint, &owner, amount)
            };
            accounts.push((key, state));
        }
    }
    accounts
}
