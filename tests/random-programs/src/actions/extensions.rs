//! What Token-2022 adds: extensions of mints and accounts, as they are used and changed.

use super::Action;
use crate::scene::{
    SYSTEM, Scene, TOKEN_2022, TokenAccount, call, extensions, non_zero, optional, readonly,
    writable,
};
use rand::Rng;
use sealane_sdk::{AccountMeta, Instruction, Pubkey};

pub(crate) const ACTIONS: &[Action] = &[
    transfer_with_fee,
    transfer_with_fee,
    withdraw_from_mint,
    withdraw_from_accounts,
    harvest,
    set_fee,
    default_state,
    reallocate,
    memo_transfer,
    cpi_guard,
    interest_rate,
    use_permanent_delegate,
    pointers,
    scaled_amount,
    pause,
    set_extension_authority,
    close_mint,
    harvest_and_close,
];

const FEE: u16 = 1;
const CLOSE_AUTHORITY: u16 = 3;
const INTEREST: u16 = 10;
const DELEGATE: u16 = 12;
const HOOK: u16 = 14;
const SCALED: u16 = 25;
const PAUSABLE: u16 = 26;

/// The address at a place of an extension's value, if it is not zero; else some wallet.
fn authority_at(scene: &mut Scene<'_>, value: &[u8], at: usize) -> Pubkey {
    let key = Pubkey::try_from(&value[at..at + 32]).expect("there are 32 bytes");
    if key == Pubkey::default() {
        scene.wallet()
    } else {
        key
    }
}

fn on_mint(
    scene: &mut Scene<'_>,
    mint: Pubkey,
    authority: Pubkey,
    data: Vec<u8>,
) -> Vec<Instruction> {
    let mut accounts = vec![writable(mint)];
    accounts.extend(scene.signers(authority));
    vec![call(TOKEN_2022, data, accounts)]
}

/// The fee that a transfer pays now, if no newer one is coming.
fn fee(value: &[u8], amount: u64) -> u64 {
    let newer = &value[90..];
    let max = u64::from_le_bytes(*newer[8..].first_chunk().expect("there are 8 bytes"));
    let points = u16::from_le_bytes([newer[16], newer[17]]);
    let fee = (u128::from(amount) * u128::from(points)).div_ceil(10_000);
    max.min(fee as u64)
}

fn transfer_with_fee(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, value) = scene.mint_with(FEE)?;
    let from = scene.token_account(|account| account.mint == mint.key && account.amount > 0)?;
    let to = scene.token_account(|to| to.mint == mint.key && to.key != from.key)?;
    let amount = scene.amount(from.amount);
    let wrong = u64::from(scene.once_in(6));
    let fee = fee(&value, amount).wrapping_add(wrong);
    let decimals = scene.decimals(&mint);
    let data = [
        &[26, 1],
        &amount.to_le_bytes()[..],
        &[decimals],
        &fee.to_le_bytes(),
    ]
    .concat();
    let mut accounts = vec![writable(from.key), readonly(mint.key), writable(to.key)];
    accounts.extend(scene.signers(from.owner));
    Some(vec![call(TOKEN_2022, data, accounts)])
}

fn withdraw_from_mint(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, value) = scene.mint_with(FEE)?;
    let to = scene.token_account(|to| to.mint == mint.key)?;
    let authority = authority_at(scene, &value, 32);
    let mut accounts = vec![writable(mint.key), writable(to.key)];
    accounts.extend(scene.signers(authority));
    Some(vec![call(TOKEN_2022, vec![26, 2], accounts)])
}

fn accounts_of(scene: &mut Scene<'_>, mint: Pubkey) -> Vec<AccountMeta> {
    let count = scene.rng.random_range(0..4);
    let found = (0..count).filter_map(|_| scene.token_account(|account| account.mint == mint));
    found.map(|account| writable(account.key)).collect()
}

fn withdraw_from_accounts(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, value) = scene.mint_with(FEE)?;
    let to = scene.token_account(|to| to.mint == mint.key)?;
    let authority = authority_at(scene, &value, 32);
    let sources = accounts_of(scene, mint.key);
    let mut accounts = vec![readonly(mint.key), writable(to.key)];
    accounts.extend(scene.signers(authority));
    let data = vec![26, 3, sources.len() as u8];
    accounts.extend(sources);
    Some(vec![call(TOKEN_2022, data, accounts)])
}

fn harvest(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, _) = scene.mint_with(FEE)?;
    let mut accounts = vec![writable(mint.key)];
    accounts.extend(accounts_of(scene, mint.key));
    Some(vec![call(TOKEN_2022, vec![26, 4], accounts)])
}

/// An account that has withheld something can be closed after that.
fn harvest_and_close(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let account =
        scene.token_account(|account| account.program == TOKEN_2022 && account.amount == 0)?;
    let harvested = vec![writable(account.mint), writable(account.key)];
    let mut closed = vec![writable(account.key), writable(scene.wallet())];
    let authority = account.close_authority.unwrap_or(account.owner);
    closed.extend(scene.signers(authority));
    Some(vec![
        call(TOKEN_2022, vec![26, 4], harvested),
        call(TOKEN_2022, vec![9], closed),
    ])
}

fn set_fee(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, value) = scene.mint_with(FEE)?;
    let authority = authority_at(scene, &value, 0);
    let points = scene.one_of(&[0u16, 10, 2_500, 10_000, 10_001]);
    let max = scene.one_of(&[0u64, 10, 1 << 30, u64::MAX]);
    let data = [&[26, 5][..], &points.to_le_bytes()[..], &max.to_le_bytes()].concat();
    Some(on_mint(scene, mint.key, authority, data))
}

fn default_state(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, _) = scene.mint_with(6)?;
    let authority = mint.freeze_authority.unwrap_or_else(|| scene.wallet());
    let state = scene.one_of(&[1, 1, 2, 0, 3]);
    Some(on_mint(scene, mint.key, authority, vec![28, 1, state]))
}

fn some_account(scene: &mut Scene<'_>) -> Option<TokenAccount> {
    scene.token_account(|account| account.program == TOKEN_2022)
}

/// Makes room for extensions.
fn reallocate(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let account = some_account(scene)?;
    let mut data = vec![29];
    for _ in 0..scene.rng.random_range(1..4) {
        let kind = scene.one_of(&[7u16, 8, 8, 11, 11, 2, 13, 1]);
        data.extend_from_slice(&kind.to_le_bytes());
    }
    let mut accounts = vec![
        writable(account.key),
        AccountMeta::new(scene.wallet(), true),
        readonly(SYSTEM),
    ];
    accounts.extend(scene.signers(account.owner));
    Some(vec![call(TOKEN_2022, data, accounts)])
}

/// Turns an extension of an account on or off, and makes room for it if there is none.
fn toggle(scene: &mut Scene<'_>, tag: u8, kind: u16) -> Option<Vec<Instruction>> {
    let account = some_account(scene)?;
    let state = scene.sealane.get(&account.key)?;
    let has_it = extensions(state).iter().any(|(of, _)| *of == kind);
    let mut instructions = vec![];
    if !has_it && !scene.once_in(10) {
        let mut accounts = vec![
            writable(account.key),
            AccountMeta::new(scene.wallet(), true),
            readonly(SYSTEM),
        ];
        accounts.extend(scene.signers(account.owner));
        let data = [&[29][..], &kind.to_le_bytes()[..]].concat();
        instructions.push(call(TOKEN_2022, data, accounts));
    }
    let mut accounts = vec![writable(account.key)];
    accounts.extend(scene.signers(account.owner));
    let sub = scene.one_of(&[0, 1]);
    instructions.push(call(TOKEN_2022, vec![tag, sub], accounts));
    Some(instructions)
}

fn memo_transfer(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    toggle(scene, 30, 8)
}

fn cpi_guard(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    toggle(scene, 34, 11)
}

fn interest_rate(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, value) = scene.mint_with(INTEREST)?;
    let authority = authority_at(scene, &value, 0);
    let rate: i16 = scene.rng.random();
    let data = [&[33, 1][..], &rate.to_le_bytes()[..]].concat();
    Some(on_mint(scene, mint.key, authority, data))
}

/// A permanent delegate moves or burns what is not its own.
fn use_permanent_delegate(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, value) = scene.mint_with(DELEGATE)?;
    let from = scene.token_account(|account| account.mint == mint.key && account.amount > 0)?;
    let authority = authority_at(scene, &value, 0);
    let amount = scene.amount(from.amount).to_le_bytes();
    let (tag, mut accounts) = if scene.once_in(3) {
        (15, vec![writable(from.key), writable(mint.key)])
    } else {
        let to = scene.token_account(|to| to.mint == mint.key)?;
        let accounts = vec![writable(from.key), readonly(mint.key), writable(to.key)];
        (12, accounts)
    };
    accounts.extend(scene.signers(authority));
    let data = [&[tag][..], &amount[..], &[mint.decimals]].concat();
    Some(vec![call(TOKEN_2022, data, accounts)])
}

/// Where metadata, groups and members are said to be, and the transfer hook.
fn pointers(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (tag, kind) = scene.one_of(&[(36, HOOK), (39, 18), (40, 20), (41, 22)]);
    let (mint, value) = scene.mint_with(kind)?;
    let authority = authority_at(scene, &value, 0);
    let target = match scene.rng.random_range(0..4) {
        0 => None,
        1 => Some(scene.any()),
        _ => Some(mint.key).filter(|_| tag != 36),
    };
    let data = [&[tag, 1][..], &*non_zero(target)].concat();
    Some(on_mint(scene, mint.key, authority, data))
}

fn scaled_amount(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, value) = scene.mint_with(SCALED)?;
    let authority = authority_at(scene, &value, 0);
    let multiplier = scene.one_of(&[1.0f64, 3.5, 1e-3, f64::INFINITY, -1.0, 1e300]);
    let now = scene.sealane.sysvars().clock.unix_timestamp;
    let from = now + scene.rng.random_range(-100..1_000);
    let data = [
        &[43, 1][..],
        &multiplier.to_le_bytes()[..],
        &from.to_le_bytes(),
    ]
    .concat();
    Some(on_mint(scene, mint.key, authority, data))
}

fn pause(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, value) = scene.mint_with(PAUSABLE)?;
    let authority = authority_at(scene, &value, 0);
    let sub = scene.one_of(&[1, 2, 2]);
    Some(on_mint(scene, mint.key, authority, vec![44, sub]))
}

/// `SetAuthority` of what extensions have.
fn set_extension_authority(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (kind, extension, at) = scene.one_of(&[
        (4, FEE, 0),
        (5, FEE, 32),
        (6, CLOSE_AUTHORITY, 0),
        (7, INTEREST, 0),
        (8, DELEGATE, 0),
        (10, HOOK, 0),
        (12, 18, 0),
        (13, 20, 0),
        (14, 22, 0),
        (15, SCALED, 0),
        (16, PAUSABLE, 1),
    ]);
    let (mint, value) = scene.mint_with(extension)?;
    let at = if kind == 16 { 0 } else { at };
    let authority = authority_at(scene, &value, at);
    let new = scene.maybe_owner(TOKEN_2022);
    let data = [&[6, kind][..], &*optional(new)].concat();
    Some(on_mint(scene, mint.key, authority, data))
}

fn close_mint(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, value) = scene.mint_with(CLOSE_AUTHORITY)?;
    let authority = authority_at(scene, &value, 0);
    let mut accounts = vec![writable(mint.key), writable(scene.wallet())];
    accounts.extend(scene.signers(authority));
    Some(vec![call(TOKEN_2022, vec![9], accounts)])
}
