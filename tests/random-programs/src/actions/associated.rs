//! The Associated Token Account program.

use super::Action;
use crate::scene::{
    ASSOCIATED, NATIVE_MINT, NATIVE_MINT_2022, SYSTEM, Scene, TOKEN, TOKEN_2022, associated, call,
    readonly, writable,
};
use sealane_sdk::{AccountMeta, Instruction, Pubkey};

pub(crate) const ACTIONS: &[Action] = &[
    create,
    create,
    create,
    create,
    create_nested,
    recover_nested,
    recover_nested,
    create_many,
];

/// A mint and its program.
fn some_mint(scene: &mut Scene<'_>) -> Option<(Pubkey, Pubkey)> {
    match scene.one_of(&[0, 1, 2, 2, 2, 2, 2, 2]) {
        0 => Some((NATIVE_MINT, TOKEN)),
        1 => Some((*NATIVE_MINT_2022, TOKEN_2022)),
        _ => scene.mint(|_| true).map(|mint| (mint.key, mint.program)),
    }
}

fn create_for(scene: &mut Scene<'_>, wallet: Pubkey, mint: Pubkey, program: Pubkey) -> Instruction {
    let account = associated(&wallet, &mint, &program);
    if !scene.cast.derived.contains(&account) {
        scene.cast.derived.push(account);
    }
    let data = scene.one_of(&[&[][..], &[0], &[1], &[1], &[1]]).to_vec();
    let accounts = vec![
        AccountMeta::new(scene.wallet(), true),
        writable(account),
        readonly(wallet),
        readonly(mint),
        readonly(SYSTEM),
        readonly(program),
    ];
    call(ASSOCIATED, data, accounts)
}

fn create(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, program) = some_mint(scene)?;
    let wallet = scene.owner(program);
    let mut instructions = vec![];
    if scene.once_in(10) {
        // It has lamports before it is made.
        let account = associated(&wallet, &mint, &program);
        let (from, lamports) = (scene.wallet(), scene.amount(4_000_000));
        let gift = sealane_sdk::system_instruction::transfer(&from, &account, lamports);
        instructions.push(gift);
    }
    instructions.push(create_for(scene, wallet, mint, program));
    Some(instructions)
}

/// More calls than a transaction may make, at times.
fn create_many(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    if !scene.once_in(4) {
        return None;
    }
    let count = scene.one_of(&[4, 10, 12, 14]);
    let created = (0..count).map(|_| {
        let (mint, program) = some_mint(scene)?;
        let wallet = scene.owner(program);
        let mut create = create_for(scene, wallet, mint, program);
        create.data = vec![1];
        Some(create)
    });
    created.collect()
}

/// An account that belongs to an associated account.
fn create_nested(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let outer = associated_one(scene)?;
    let (mint, program) = some_mint(scene)?;
    let mut instructions = vec![create_for(scene, outer, mint, program)];
    if scene.once_in(2)
        && let Some(mint) = scene.mint(|found| found.key == mint)
        && let Some(authority) = mint.authority
    {
        let nested = associated(&outer, &mint.key, &program);
        let mut accounts = vec![writable(mint.key), writable(nested)];
        accounts.extend(scene.signers(authority));
        let data = [&[7][..], &1_000u64.to_le_bytes()[..]].concat();
        instructions.push(call(program, data, accounts));
    }
    Some(instructions)
}

/// An associated account of a wallet.
fn associated_one(scene: &mut Scene<'_>) -> Option<Pubkey> {
    let wallets = scene.cast.wallets.clone();
    let found = scene.token_account(|account| {
        wallets.contains(&account.owner)
            && account.key == associated(&account.owner, &account.mint, &account.program)
    });
    found.map(|account| account.key)
}

fn recover_nested(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let derived = scene.cast.derived.clone();
    let nested = scene.token_account(|account| {
        derived.contains(&account.owner)
            && account.key == associated(&account.owner, &account.mint, &account.program)
    })?;
    let outer_state = scene.sealane.get(&nested.owner)?;
    let outer = crate::scene::token_account(&nested.owner, outer_state)?;
    let wallet = outer.owner;
    let mut instructions = vec![];
    let to = associated(&wallet, &nested.mint, &nested.program);
    if !scene.once_in(5) {
        let mut create = create_for(scene, wallet, nested.mint, nested.program);
        create.data = vec![1];
        instructions.push(create);
    }
    let mut accounts = vec![
        writable(nested.key),
        readonly(nested.mint),
        writable(to),
        readonly(outer.key),
        readonly(outer.mint),
        AccountMeta::new(wallet, true),
        readonly(nested.program),
    ];
    if outer.program != nested.program {
        accounts.push(readonly(outer.program));
    }
    instructions.push(call(ASSOCIATED, vec![2], accounts));
    Some(instructions)
}
