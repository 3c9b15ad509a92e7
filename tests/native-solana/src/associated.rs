//! Associated Token Account: create, create idempotently, recover what an associated account owns.

use crate::world::{ASSOCIATED, World};
use rand::Rng;
use sealane_sdk::testing::Harness;
use sealane_sdk::{AccountMeta, Instruction, Pubkey};

pub(crate) fn some(world: &mut World, harness: &Harness) -> Instruction {
    if !world.associated.is_empty() && world.once_in(4) {
        return recover(world, harness);
    }
    let wallet = if !world.associated.is_empty() && world.once_in(3) {
        let at = world.rng.random_range(0..world.associated.len());
        world.associated[at][0]
    } else {
        world.wallet()
    };
    let (mint, program) = world.mint();
    let account = associated(&wallet, &mint, &program);
    world.associated.push([account, wallet, mint, program]);
    let accounts = vec![
        AccountMeta::new(world.wallet(), true),
        AccountMeta::new(account, false),
        AccountMeta::new_readonly(wallet, false),
        AccountMeta::new_readonly(mint, false),
        AccountMeta::new_readonly(Pubkey::default(), false),
        AccountMeta::new_readonly(program, false),
    ];
    let data = world.one_of(&[&[][..], &[0], &[1], &[1]]);
    Instruction::new_with_bytes(ASSOCIATED, data, accounts)
}

/// Recovers from one that belongs to another, or so it says.
fn recover(world: &mut World, harness: &Harness) -> Instruction {
    let nested = world.associated.iter().find(|[account, owner, ..]| {
        !world.wallets.contains(owner) && harness.account(account).lamports > 0
    });
    let [account, owner, mint, program] = *nested.unwrap_or(&world.associated[0]);
    let outer = world.associated.iter().find(|[key, ..]| *key == owner);
    let [_, wallet, outer_mint, _] = *outer.unwrap_or(&world.associated[0]);
    let to = associated(&wallet, &mint, &program);
    world.associated.push([to, wallet, mint, program]);
    let accounts = vec![
        AccountMeta::new(account, false),
        AccountMeta::new_readonly(mint, false),
        AccountMeta::new(to, false),
        AccountMeta::new_readonly(owner, false),
        AccountMeta::new_readonly(outer_mint, false),
        AccountMeta::new(wallet, true),
        AccountMeta::new_readonly(program, false),
    ];
    Instruction::new_with_bytes(ASSOCIATED, &[2], accounts)
}

fn associated(wallet: &Pubkey, mint: &Pubkey, program: &Pubkey) -> Pubkey {
    let seeds = [wallet.as_ref(), program.as_ref(), mint.as_ref()];
    Pubkey::find_program_address(&seeds, &ASSOCIATED).0
}
