//! Token-2022: what it has in common with Token, and sizes of accounts.

use crate::world::{ACCOUNT_BYTES, TOKEN_2022, World};
use rand::Rng;
use sealane_sdk::testing::Harness;
use sealane_sdk::{AccountMeta, Instruction, Pubkey};

/// A token account as it is, or nearly.
struct Account {
    key: Pubkey,
    mint: Pubkey,
    owner: Pubkey,
    amount: u64,
}

fn account(world: &mut World, harness: &Harness, is_fit: impl Fn(&Account) -> bool) -> Account {
    let mut found = None;
    for _ in 0..20 {
        let key = world.in_pool();
        let state = harness.account(&key);
        let data = state.data.as_slice();
        let address = |at: usize| {
            let bytes = data.get(at..at + 32)?;
            Pubkey::try_from(bytes).ok()
        };
        let account = Account {
            key,
            mint: address(0).unwrap_or_default(),
            owner: address(32).unwrap_or_default(),
            amount: data
                .get(64..72)
                .and_then(<[u8]>::first_chunk)
                .map_or(0, |it| u64::from_le_bytes(*it)),
        };
        let is_right = data.len() >= ACCOUNT_BYTES && data[108] == 1 && is_fit(&account);
        found = Some(account);
        if is_right {
            break;
        }
    }
    found.expect("there was a choice")
}

pub(crate) fn some(world: &mut World, harness: &Harness) -> Instruction {
    let from = account(world, harness, |it| it.amount > 0);
    let any = account(world, harness, |_| true);
    let to = account(world, harness, |it| it.mint == from.mint);
    let (wallet, authority) = (world.wallet(), world.wallets[0]);
    let amount = world
        .rng
        .random_range(0..=from.amount.saturating_mul(2).min(1 << 40));
    let with_amount = |tag: u8| [&[tag][..], &amount.to_le_bytes()].concat();
    let checked = |tag: u8| [&with_amount(tag)[..], &[6]].concat();
    let with_key = |head: &[u8], key: &Pubkey| [head, key.as_ref()].concat();
    let (w, r) = (
        |key: Pubkey| AccountMeta::new(key, false),
        |key: Pubkey| AccountMeta::new_readonly(key, false),
    );
    let s = |key: Pubkey| AccountMeta::new_readonly(key, true);
    let mint = world.mint().0;
    let fresh = world.in_pool();
    let (data, accounts) = match world.rng.random_range(0..20) {
        0..4 => (with_key(&[18], &wallet), vec![w(fresh), r(mint)]),
        4..7 => (
            [&[7][..], &(amount + 1_000).to_le_bytes()].concat(),
            vec![w(any.mint), w(any.key), s(authority)],
        ),
        7 => (with_amount(3), vec![w(from.key), w(to.key), s(from.owner)]),
        8 | 9 => (
            checked(12),
            vec![w(from.key), r(from.mint), w(to.key), s(from.owner)],
        ),
        10 => (with_amount(4), vec![w(from.key), r(wallet), s(from.owner)]),
        11 => (vec![5], vec![w(from.key), s(from.owner)]),
        12 => (
            with_key(&[6, world.one_of(&[2, 3]), 1], &wallet),
            vec![w(any.key), s(any.owner)],
        ),
        13 => (checked(15), vec![w(from.key), w(from.mint), s(from.owner)]),
        14 => (vec![9], vec![w(any.key), w(wallet), s(any.owner)]),
        15 => (
            vec![world.one_of(&[10, 11])],
            vec![w(any.key), r(any.mint), s(authority)],
        ),
        16 => (vec![21], vec![r(mint)]),
        17 => (checked(23), vec![r(mint)]),
        18 => (
            vec![29, 7, 0, 8, 0],
            vec![
                w(any.key),
                AccountMeta::new(wallet, true),
                r(Pubkey::default()),
                s(any.owner),
            ],
        ),
        _ => {
            let len = world.rng.random_range(1..60);
            let mut data: Vec<u8> = (0..len).map(|_| world.rng.random()).collect();
            data[0] %= 48;
            (data, vec![w(any.key), w(any.mint), s(any.owner), s(wallet)])
        }
    };
    Instruction::new_with_bytes(TOKEN_2022, &data, accounts)
}
