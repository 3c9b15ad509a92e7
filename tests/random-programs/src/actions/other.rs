//! Memos, lookup tables, and calls of whatever.

use super::Action;
use crate::scene::{
    LOOKUP, MEMO_1, MEMO_3, MEMO_4, MEMO_FIRST_LOADER, SYSTEM, Scene, TOKEN, TOKEN_2022, call,
    readonly, writable,
};
use rand::{Rng, RngCore};
use sealane_sdk::{AccountMeta, Instruction, Pubkey};

pub(crate) const ACTIONS: &[Action] = &[
    memo,
    memo,
    create_table,
    create_table,
    extend_table,
    extend_table,
    freeze_table,
    deactivate_table,
    close_table,
    close_table,
    many_memos,
    nonsense,
];

fn memo(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let program = scene.one_of(&[MEMO_1, MEMO_3, MEMO_4, MEMO_FIRST_LOADER]);
    let max = scene.one_of(&[20, 100, 100, 300, 3_000]);
    let mut data = scene.text(max).into_bytes();
    if scene.once_in(6) {
        data.push(scene.one_of(&[0xff, 0xc3, 0x80]));
    }
    let count = scene.rng.random_range(0..4);
    let accounts = (0..count).map(|_| AccountMeta::new_readonly(scene.wallet(), true));
    Some(vec![call(program, data, accounts.collect())])
}

/// As many instructions as a transaction may have, and more.
fn many_memos(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let count = scene.one_of(&[20, 60, 64, 65]);
    let memo = call(
        scene.one_of(&[MEMO_1, MEMO_3]),
        scene.text(100).into_bytes(),
        vec![],
    );
    scene.once_in(4).then(|| vec![memo; count])
}

fn create_table(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let slot = scene.sealane.sysvars().clock.slot - scene.one_of(&[0, 1, 1, 5, 100, 511, 600]);
    let (authority, payer) = (scene.wallet(), scene.wallet());
    let seeds = [authority.as_ref(), &slot.to_le_bytes()];
    let (table, bump) = Pubkey::find_program_address(&seeds, &LOOKUP);
    if !scene.cast.derived.contains(&table) {
        scene.cast.derived.push(table);
    }
    let data = [&0u32.to_le_bytes()[..], &slot.to_le_bytes(), &[bump]].concat();
    let accounts = vec![
        writable(table),
        AccountMeta::new_readonly(authority, scene.once_in(2)),
        AccountMeta::new(payer, true),
        readonly(SYSTEM),
    ];
    Some(vec![call(LOOKUP, data, accounts)])
}

/// A table, who may change it, and whether it goes away.
fn table(scene: &mut Scene<'_>, is_deactivated: bool) -> Option<(Pubkey, Pubkey)> {
    let found = scene.find(|key, state| {
        let data = state.data.as_slice();
        let is_one = state.owner == LOOKUP && data.len() >= 56 && data[0] == 1;
        if !is_one || (data[4..12] != [255; 8]) != is_deactivated {
            return None;
        }
        let authority = (data[21] == 1).then(|| Pubkey::try_from(&data[22..54]).ok());
        Some((*key, authority.flatten()))
    });
    let (key, authority) = found?;
    Some((key, authority.unwrap_or_else(|| scene.wallet())))
}

fn extend_table(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (table, authority) = table(scene, false)?;
    let count = scene.rng.random_range(0..8u64);
    let mut data = [&2u32.to_le_bytes()[..], &count.to_le_bytes()].concat();
    for _ in 0..count {
        data.extend_from_slice(scene.any().as_array());
    }
    let mut accounts = vec![writable(table), AccountMeta::new_readonly(authority, true)];
    if !scene.once_in(10) {
        accounts.push(AccountMeta::new(scene.wallet(), true));
        accounts.push(readonly(SYSTEM));
    }
    Some(vec![call(LOOKUP, data, accounts)])
}

fn change_table(scene: &mut Scene<'_>, tag: u32, is_deactivated: bool) -> Option<Instruction> {
    let (table, authority) = table(scene, is_deactivated)?;
    let accounts = vec![writable(table), AccountMeta::new_readonly(authority, true)];
    Some(call(LOOKUP, tag.to_le_bytes().to_vec(), accounts))
}

fn freeze_table(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let is_deactivated = scene.once_in(5);
    scene.once_in(4).then_some(())?;
    change_table(scene, 1, is_deactivated).map(|it| vec![it])
}

fn deactivate_table(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let is_deactivated = scene.once_in(5);
    change_table(scene, 3, is_deactivated).map(|it| vec![it])
}

fn close_table(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let is_deactivated = !scene.once_in(5);
    let mut close = change_table(scene, 4, is_deactivated)?;
    close.accounts.push(writable(scene.wallet()));
    Some(vec![close])
}

/// Random bytes and accounts for a program.
fn nonsense(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let programs = [
        TOKEN,
        TOKEN_2022,
        crate::scene::ASSOCIATED,
        LOOKUP,
        solana_sdk_ids::config::ID,
        solana_sdk_ids::stake::ID,
        solana_sdk_ids::feature::ID,
    ];
    let program = scene.one_of(&programs);
    let mut data = vec![0; scene.rng.random_range(0..80)];
    scene.rng.fill_bytes(&mut data);
    if let Some(first) = data.first_mut() {
        *first %= 50;
    }
    let count = scene.rng.random_range(0..6);
    let accounts = (0..count).map(|_| AccountMeta {
        pubkey: scene.any(),
        is_signer: scene.once_in(2),
        is_writable: scene.once_in(2),
    });
    Some(vec![call(program, data, accounts.collect())])
}
