//! The System program, called by the transaction itself.

use super::Action;
use crate::scene::{LOOKUP, MINT_BYTES, SYSTEM, Scene, TOKEN, TOKEN_2022};
use rand::Rng;
use sealane_sdk::{Instruction, Pubkey, system_instruction};

pub(crate) const ACTIONS: &[Action] = &[
    transfer,
    in_steps,
    with_seed,
    with_seed,
    create_nonce,
    use_nonce,
    use_nonce,
    use_nonce,
    create_prefunded,
];

/// Bytes of a nonce account.
const NONCE_BYTES: usize = 80;

fn transfer(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (from, to) = (scene.wallet(), scene.any());
    let lamports = scene.rng.random_range(0..20_000_000);
    Some(vec![system_instruction::transfer(&from, &to, lamports)])
}

/// Accounts that are made in steps, and left half made.
fn in_steps(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let key = scene.vacant()?;
    let (from, lamports) = (scene.wallet(), scene.rng.random_range(1_000_000..8_000_000));
    let bytes = scene.one_of(&[0, 82, 165, 170, 182, 355, 10_000]);
    let owner = scene.one_of(&[TOKEN, TOKEN_2022, LOOKUP, SYSTEM]);
    let mut instructions = vec![
        system_instruction::transfer(&from, &key, lamports),
        system_instruction::allocate(&key, bytes),
        system_instruction::assign(&key, &owner),
    ];
    instructions.truncate(scene.rng.random_range(1..=3));
    Some(instructions)
}

/// An account whose address comes from a wallet's: made, given away, or taken from.
fn with_seed(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (base, payer) = (scene.wallet(), scene.wallet());
    let seed = scene.one_of(&["", "a", "0123456789", "01234567890123456789012345678901"]);
    let owner = scene.one_of(&[TOKEN, TOKEN_2022, SYSTEM, SYSTEM]);
    let key = Pubkey::create_with_seed(&base, seed, &owner).ok()?;
    if !scene.cast.derived.contains(&key) {
        scene.cast.derived.push(key);
    }
    let bytes = scene.one_of(&[0, MINT_BYTES as u64, 200]);
    let lamports = scene.rng.random_range(0..5_000_000);
    Some(vec![match scene.rng.random_range(0..5) {
        0 => system_instruction::create_account_with_seed(
            &payer, &key, &base, seed, lamports, bytes, &owner,
        ),
        1 => system_instruction::allocate_with_seed(&key, &base, seed, bytes, &owner),
        2 => system_instruction::assign_with_seed(&key, &base, seed, &owner),
        3 => system_instruction::transfer(&payer, &key, lamports),
        _ => system_instruction::transfer_with_seed(
            &key,
            &base,
            seed.to_owned(),
            &owner,
            &payer,
            lamports,
        ),
    }])
}

fn create_nonce(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let key = scene.vacant()?;
    let (payer, authority) = (scene.wallet(), scene.wallet());
    let lamports = scene.one_of(&[1_000_000, 1_447_680, 1_447_680, 5_000_000]);
    Some(system_instruction::create_nonce_account(
        &payer, &key, &authority, lamports,
    ))
}

fn use_nonce(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (key, authority, lamports) = scene.find(|key, state| {
        let data = state.data.as_slice();
        let is_one = state.owner == SYSTEM && data.len() == NONCE_BYTES;
        let authority = Pubkey::try_from(data.get(8..40)?).ok()?;
        is_one.then_some((*key, authority, state.lamports))
    })?;
    let (other, amount) = (scene.wallet(), scene.amount(lamports));
    Some(vec![match scene.rng.random_range(0..5) {
        0 => system_instruction::withdraw_nonce_account(&key, &authority, &other, amount),
        1 => system_instruction::withdraw_nonce_account(&key, &authority, &other, lamports),
        2 => system_instruction::authorize_nonce_account(&key, &authority, &other),
        3 => system_instruction::upgrade_nonce_account(key),
        _ => system_instruction::advance_nonce_account(&key, &authority),
    }])
}

/// An account that may have lamports before it is made.
fn create_prefunded(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let (key, payer) = (scene.vacant()?, scene.wallet());
    let owner = scene.one_of(&[TOKEN, TOKEN_2022]);
    let rent = scene.sealane.sysvars().rent.minimum_balance(MINT_BYTES);
    let before = scene.one_of(&[0, 1, 1_000_000]);
    let gift = system_instruction::transfer(&payer, &key, before);
    let from = Some((&payer, rent - before));
    let from = from.filter(|_| !scene.once_in(5));
    let bytes = MINT_BYTES as u64;
    let create = system_instruction::create_account_allow_prefund(&key, from, bytes, &owner);
    Some(vec![gift, create])
}
