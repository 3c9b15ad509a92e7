//! Metadata and groups that Token-2022 keeps in mints, by the interfaces' own discriminators.

use super::Action;
use crate::scene::{Scene, TOKEN_2022, call, non_zero, readonly, writable};
use rand::Rng;
use sealane_sdk::{AccountMeta, Instruction, Pubkey};

pub(crate) const ACTIONS: &[Action] = &[
    initialize_metadata,
    initialize_metadata,
    update_field,
    update_field,
    remove_key,
    update_metadata_authority,
    emit,
    initialize_group,
    group_size,
    group_authority,
    initialize_member,
];

/// The first bytes of the hashes of `spl_token_metadata_interface:initialize_account` and its like.
pub(crate) const INITIALIZE_METADATA: [u8; 8] = [210, 225, 30, 162, 88, 184, 77, 141];
pub(crate) const UPDATE_FIELD: [u8; 8] = [221, 233, 49, 45, 181, 202, 220, 200];
pub(crate) const REMOVE_KEY: [u8; 8] = [234, 18, 32, 56, 89, 141, 37, 181];
pub(crate) const UPDATE_AUTHORITY: [u8; 8] = [215, 228, 166, 228, 84, 100, 86, 123];
pub(crate) const EMIT: [u8; 8] = [250, 166, 180, 250, 13, 12, 184, 70];
/// And of `spl_token_group_interface:initialize_token_group` and its like.
pub(crate) const INITIALIZE_GROUP: [u8; 8] = [121, 113, 108, 39, 54, 51, 0, 4];
pub(crate) const GROUP_SIZE: [u8; 8] = [108, 37, 171, 143, 248, 30, 18, 110];
pub(crate) const GROUP_AUTHORITY: [u8; 8] = [161, 105, 88, 1, 237, 221, 216, 203];
pub(crate) const INITIALIZE_MEMBER: [u8; 8] = [152, 32, 222, 176, 223, 237, 116, 134];

const METADATA_POINTER: u16 = 18;
const METADATA: u16 = 19;
const GROUP_POINTER: u16 = 20;
const GROUP: u16 = 21;
const MEMBER_POINTER: u16 = 22;

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn initialize_metadata(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, _) = scene.mint_with(METADATA_POINTER)?;
    let (name, symbol, uri) = (scene.text(12), scene.text(5), scene.text(40));
    let data = [
        &INITIALIZE_METADATA[..],
        &string(&name),
        &string(&symbol),
        &string(&uri),
    ]
    .concat();
    let authority = mint.authority.unwrap_or_else(|| scene.wallet());
    let accounts = vec![
        writable(mint.key),
        readonly(scene.wallet()),
        readonly(mint.key),
        AccountMeta::new_readonly(authority, true),
    ];
    Some(vec![call(TOKEN_2022, data, accounts)])
}

/// A mint with metadata, and who may change them.
fn described(scene: &mut Scene<'_>) -> Option<(Pubkey, Pubkey)> {
    let (mint, value) = scene.mint_with(METADATA)?;
    let authority = Pubkey::try_from(value.get(..32)?).ok()?;
    Some((mint.key, authority))
}

fn key(scene: &mut Scene<'_>) -> &'static str {
    scene.one_of(&["colour", "size", "a", "", "字"])
}

fn update_field(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, authority) = described(scene)?;
    let field = match scene.rng.random_range(0..7) {
        kind @ 0..3 => vec![kind],
        _ => [&[3][..], &*string(key(scene))].concat(),
    };
    let value = scene.text(60);
    let data = [&UPDATE_FIELD[..], &field, &string(&value)].concat();
    let accounts = vec![writable(mint), AccountMeta::new_readonly(authority, true)];
    Some(vec![call(TOKEN_2022, data, accounts)])
}

fn remove_key(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, authority) = described(scene)?;
    let is_idempotent = scene.rng.random_range(0..2);
    let data = [&REMOVE_KEY[..], &[is_idempotent], &string(key(scene))].concat();
    let accounts = vec![writable(mint), AccountMeta::new_readonly(authority, true)];
    Some(vec![call(TOKEN_2022, data, accounts)])
}

fn update_metadata_authority(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, authority) = described(scene)?;
    let new = scene.maybe_owner(TOKEN_2022);
    let data = [&UPDATE_AUTHORITY[..], &non_zero(new)].concat();
    let accounts = vec![writable(mint), AccountMeta::new_readonly(authority, true)];
    Some(vec![call(TOKEN_2022, data, accounts)])
}

/// Metadata in the return data.
fn emit(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, _) = described(scene)?;
    let mut data = EMIT.to_vec();
    for _ in 0..2 {
        match scene.rng.random_range(0..3) {
            0 => {
                data.push(1);
                data.extend_from_slice(&scene.amount(100).to_le_bytes());
            }
            _ => data.push(0),
        }
    }
    Some(vec![call(TOKEN_2022, data, vec![readonly(mint)])])
}

fn initialize_group(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (mint, _) = scene.mint_with(GROUP_POINTER)?;
    let update = scene.maybe_owner(TOKEN_2022);
    let max: u64 = scene.one_of(&[0, 1, 3, u64::MAX]);
    let data = [&INITIALIZE_GROUP[..], &non_zero(update), &max.to_le_bytes()].concat();
    let authority = mint.authority.unwrap_or_else(|| scene.wallet());
    let accounts = vec![
        writable(mint.key),
        readonly(mint.key),
        AccountMeta::new_readonly(authority, true),
    ];
    Some(vec![call(TOKEN_2022, data, accounts)])
}

fn group(scene: &mut Scene<'_>) -> Option<(Pubkey, Pubkey)> {
    let (mint, value) = scene.mint_with(GROUP)?;
    let authority = Pubkey::try_from(value.get(..32)?).ok()?;
    Some((mint.key, authority))
}

fn group_size(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (group, authority) = group(scene)?;
    let max: u64 = scene.one_of(&[0, 1, 5, u64::MAX]);
    let data = [&GROUP_SIZE[..], &max.to_le_bytes()].concat();
    let accounts = vec![writable(group), AccountMeta::new_readonly(authority, true)];
    Some(vec![call(TOKEN_2022, data, accounts)])
}

fn group_authority(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (group, authority) = group(scene)?;
    let new = scene.maybe_owner(TOKEN_2022);
    let data = [&GROUP_AUTHORITY[..], &non_zero(new)].concat();
    let accounts = vec![writable(group), AccountMeta::new_readonly(authority, true)];
    Some(vec![call(TOKEN_2022, data, accounts)])
}

fn initialize_member(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (group, group_authority) = group(scene)?;
    let (mint, pointer) = scene.mint_with(MEMBER_POINTER)?;
    let authority = mint.authority.unwrap_or_else(|| scene.wallet());
    let mut instructions = vec![];
    if pointer[32..] != mint.key.as_array()[..] {
        // A member is in the mint only if the pointer says so.
        let pointer_authority = Pubkey::try_from(&pointer[..32]).ok()?;
        let data = [&[41, 1][..], mint.key.as_array().as_slice()].concat();
        let mut accounts = vec![writable(mint.key)];
        accounts.extend(scene.signers(pointer_authority));
        instructions.push(call(TOKEN_2022, data, accounts));
    }
    let accounts = vec![
        writable(mint.key),
        readonly(mint.key),
        AccountMeta::new_readonly(authority, true),
        writable(group),
        AccountMeta::new_readonly(group_authority, true),
    ];
    instructions.push(call(TOKEN_2022, INITIALIZE_MEMBER.to_vec(), accounts));
    Some(instructions)
}
