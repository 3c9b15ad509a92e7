//! Mints, accounts and multisigs of both token programs come into being.

use super::Action;
use crate::scene::{
    ACCOUNT_BYTES, MEMO_4, MINT_BYTES, MULTISIG_BYTES, NATIVE_MINT, NATIVE_MINT_2022, RENT, SYSTEM,
    Scene, TOKEN, TOKEN_2022, call, extensions, non_zero, optional, readonly, writable,
};
use rand::Rng;
use sealane_sdk::{AccountMeta, Instruction, Pubkey};
use solana_sdk_ids::compute_budget;

pub(crate) const ACTIONS: &[Action] = &[
    mint,
    mint,
    mint_with_extensions,
    mint_with_extensions,
    mint_with_extensions,
    account,
    account,
    account,
    account,
    native_account,
    native_account,
    multisig,
    native_mint_2022,
];

/// `InitializeMint` or `InitializeMint2`.
fn initialize_mint(scene: &mut Scene<'_>, key: Pubkey, program: Pubkey) -> Instruction {
    let authority = scene.owner(program);
    let freeze = scene.maybe_owner(program);
    let decimals = scene.one_of(&[0, 2, 6, 9, 9, 18]);
    let has_rent = scene.once_in(2);
    let tag = if has_rent { 0 } else { 20 };
    let data = [
        &[tag, decimals][..],
        authority.as_array(),
        &optional(freeze),
    ]
    .concat();
    let mut accounts = vec![writable(key)];
    accounts.extend(has_rent.then(|| readonly(RENT)));
    call(program, data, accounts)
}

fn mint(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let key = scene.vacant()?;
    let program = scene.program();
    let create = scene.create(key, MINT_BYTES, program);
    Some(vec![create, initialize_mint(scene, key, program)])
}

/// An extension of a mint: its bytes, and what initializes it.
fn extension(scene: &mut Scene<'_>, kind: u16, mint: Pubkey) -> (usize, Vec<u8>) {
    let (a, b) = (scene.maybe_owner(TOKEN_2022), scene.maybe_owner(TOKEN_2022));
    let pair = |tag: u8| [&[tag, 0][..], &non_zero(a), &non_zero(b)].concat();
    match kind {
        1 => {
            let points = scene.one_of(&[0u16, 1, 100, 5_000, 10_000, 10_001]);
            let max = scene.one_of(&[0u64, 1, 1_000, u64::MAX]);
            let fee = [&points.to_le_bytes()[..], &max.to_le_bytes()].concat();
            (
                108,
                [&[26, 0][..], &*optional(a), &optional(b), &fee].concat(),
            )
        }
        3 => (32, [&[25][..], &*optional(a)].concat()),
        4 => (65, [&[27, 0][..], &*non_zero(a), &[1], &[0; 32]].concat()),
        6 => (1, vec![28, 0, scene.one_of(&[1, 2, 2, 0])]),
        9 => (0, vec![32]),
        10 => {
            let rate: i16 = scene.rng.random();
            (
                52,
                [&[33, 0][..], &*non_zero(a), &rate.to_le_bytes()].concat(),
            )
        }
        12 => (
            32,
            [&[35][..], scene.wallet().as_array().as_slice()].concat(),
        ),
        14 => {
            // Compute Budget takes any call, the others refuse what a hook is told.
            let hooks = [
                None,
                Some(compute_budget::ID),
                Some(MEMO_4),
                Some(TOKEN_2022),
                Some(SYSTEM),
            ];
            let hook = scene.one_of(&hooks);
            (64, [&[36, 0][..], &non_zero(a), &non_zero(hook)].concat())
        }
        18 => (64, [&[39, 0][..], &*non_zero(a), mint.as_array()].concat()),
        20 => (64, [&[40, 0][..], &*non_zero(a), mint.as_array()].concat()),
        22 => (64, pair(41)),
        25 => {
            let multiplier = scene.one_of(&[1.0f64, 0.5, 2.0, 1e9, 1e-9, 0.0, f64::NAN]);
            let multiplier = multiplier.to_le_bytes();
            (56, [&[43, 0][..], &*non_zero(a), &multiplier].concat())
        }
        26 => {
            let authority = a.unwrap_or_default();
            (33, [&[44, 0][..], authority.as_array().as_slice()].concat())
        }
        _ => unreachable!("there is no such extension here"),
    }
}

fn mint_with_extensions(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let key = scene.vacant()?;
    let kinds = [1, 3, 4, 6, 9, 10, 12, 14, 18, 20, 22, 25, 26];
    let mut chosen: Vec<u16> = Vec::new();
    for _ in 0..scene.rng.random_range(1..=4) {
        let kind = scene.one_of(&kinds);
        // Those that only get in the way of everything else are rarer.
        let is_rare = [4, 9, 14, 25].contains(&kind) && !scene.once_in(3);
        if !chosen.contains(&kind) && !is_rare {
            chosen.push(kind);
        }
    }
    let mut bytes = ACCOUNT_BYTES + 1;
    let mut instructions = Vec::new();
    for kind in chosen {
        let (len, data) = extension(scene, kind, key);
        bytes += 4 + len;
        instructions.push(call(TOKEN_2022, data, vec![writable(key)]));
    }
    if instructions.is_empty() {
        bytes = MINT_BYTES;
    }
    if scene.once_in(20) {
        bytes += 1;
    }
    instructions.insert(0, scene.create(key, bytes, TOKEN_2022));
    instructions.push(initialize_mint(scene, key, TOKEN_2022));
    Some(instructions)
}

/// `InitializeAccount`, 2 or 3.
fn initialize_account(
    scene: &mut Scene<'_>,
    key: Pubkey,
    mint: Pubkey,
    program: Pubkey,
) -> Instruction {
    let owner = scene.owner(program);
    let (mut data, mut accounts) = (vec![], vec![writable(key), readonly(mint)]);
    match scene.rng.random_range(0..4) {
        0 => {
            data.push(1);
            accounts.extend([readonly(owner), readonly(RENT)]);
        }
        1 => {
            data.push(16);
            data.extend_from_slice(owner.as_array());
            accounts.push(readonly(RENT));
        }
        _ => {
            data.push(18);
            data.extend_from_slice(owner.as_array());
        }
    }
    call(program, data, accounts)
}

/// Bytes of an account of a mint, by the mint's extensions.
fn account_bytes(scene: &Scene<'_>, mint: Pubkey, is_immutable: bool) -> usize {
    let kinds: Vec<u16> = scene
        .sealane
        .get(&mint)
        .map(|state| extensions(state).iter().map(|(kind, _)| *kind).collect())
        .unwrap_or_default();
    let mut bytes = 0;
    for kind in kinds {
        bytes += match kind {
            // A fee that is withheld.
            1 => 4 + 8,
            // Marks of accounts that cannot be transferred from, and are their owner's for good.
            9 => 8,
            14 => 4 + 1,
            26 => 4,
            _ => 0,
        };
        if kind == 9 && is_immutable {
            bytes -= 4;
        }
    }
    if is_immutable {
        bytes += 4;
    }
    ACCOUNT_BYTES + if bytes > 0 { bytes + 1 } else { 0 }
}

fn account(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let key = scene.vacant()?;
    let mint = scene.mint(|_| true)?;
    let is_immutable = mint.program == TOKEN_2022 && scene.once_in(3);
    let bytes = account_bytes(scene, mint.key, is_immutable);
    let create = scene.create(key, bytes, mint.program);
    let mut instructions = vec![create];
    if is_immutable || scene.once_in(20) {
        instructions.push(call(mint.program, vec![22], vec![writable(key)]));
    }
    instructions.push(initialize_account(scene, key, mint.key, mint.program));
    Some(instructions)
}

/// An account of wrapped lamports.
fn native_account(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let key = scene.vacant()?;
    let (program, mint) = scene.one_of(&[
        (TOKEN, NATIVE_MINT),
        (TOKEN, NATIVE_MINT),
        (TOKEN_2022, *NATIVE_MINT_2022),
    ]);
    let create = scene.create(key, ACCOUNT_BYTES, program);
    Some(vec![create, initialize_account(scene, key, mint, program)])
}

/// Wrapped lamports of Token-2022: made once, by anybody.
fn native_mint_2022(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    if scene.sealane.get(&NATIVE_MINT_2022).is_some() && !scene.once_in(20) {
        return None;
    }
    let accounts = vec![
        AccountMeta::new(scene.wallet(), true),
        writable(*NATIVE_MINT_2022),
        readonly(SYSTEM),
    ];
    Some(vec![call(TOKEN_2022, vec![31], accounts)])
}

/// `InitializeMultisig` or `InitializeMultisig2`.
fn multisig(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let key = scene.vacant()?;
    let program = scene.program();
    let create = scene.create(key, MULTISIG_BYTES, program);
    let count: u8 = scene.one_of(&[1, 2, 3, 3, 5, 11, 12]);
    let needed = scene.rng.random_range(1..=count);
    let has_rent = scene.once_in(2);
    let mut accounts = vec![writable(key)];
    accounts.extend(has_rent.then(|| readonly(RENT)));
    accounts.extend((0..count).map(|_| readonly(scene.wallet())));
    let tag = if has_rent { 2 } else { 19 };
    Some(vec![create, call(program, vec![tag, needed], accounts)])
}
