//! Instructions of System, nonce accounts, memo, lookup tables, and of programs that are none.

use crate::scene::{LOOKUP, MEMO_1, MEMO_3, MEMO_4, SYSTEM, Scene, rent};
use crate::{budget, precompiles};
use rand::{Rng, RngCore};
use sealane_sdk::{AccountMeta, Instruction, Pubkey, system_instruction as system};
use solana_address_lookup_table_interface::instruction as lookup;
use solana_sdk_ids::{bpf_loader, bpf_loader_upgradeable, stake, sysvar};

/// Some instructions that belong together, of which the first is to be number `index` of its transaction.
pub(crate) fn some(scene: &mut Scene<'_>, index: usize) -> Vec<Instruction> {
    match scene.rng.random_range(0..64) {
        0..14 => vec![transfer(scene)],
        14..27 => vec![of_system(scene)],
        27..35 => vec![of_nonce(scene)],
        35..44 => vec![memo(scene)],
        44..46 => vec![budget::some(scene)],
        46..57 => precompiles::some(scene, index),
        57..60 => vec![of_tables(scene)],
        60 => vec![of_no_program(scene)],
        _ => make_nonce(scene),
    }
}

pub(crate) fn transfer(scene: &mut Scene<'_>) -> Instruction {
    let from = if scene.once_in(4) {
        scene.any()
    } else {
        scene.wallet()
    };
    let to = scene.any();
    let bytes = scene.account(&to).data.len() as u64;
    let lamports = scene.lamports(&from, bytes);
    if scene.once_in(2) {
        // Enough, and not too much of it.
        return system::transfer(&from, &to, lamports % 1_000_000_000 + rent(bytes));
    }
    system::transfer(&from, &to, lamports)
}

fn space(scene: &mut Scene<'_>) -> u64 {
    if scene.once_in(64) {
        return scene.one_of(&[10 << 20, (10 << 20) + 1, u64::MAX]);
    }
    scene.one_of(&[0, 0, 1, 80, 165, 1_000, 10_240, 10_241])
}

fn owner(scene: &mut Scene<'_>) -> Pubkey {
    let any = scene.any();
    scene.one_of(&[SYSTEM, SYSTEM, MEMO_3, LOOKUP, any])
}

/// Where an account may be made, or is.
fn place(scene: &mut Scene<'_>) -> Pubkey {
    let cast = scene.cast;
    match scene.rng.random_range(0..8) {
        0 => scene.any(),
        1 => scene.one_of(&cast.poor),
        _ => scene.one_of(&cast.pool),
    }
}

fn of_system(scene: &mut Scene<'_>) -> Instruction {
    let (from, to, space) = (scene.wallet(), place(scene), space(scene));
    let enough = rent(space).saturating_add(scene.rng.random_range(0..3));
    let any = scene.lamports(&from, space);
    let lamports = scene.one_of(&[enough, any]);
    let owner = owner(scene);
    let cast = scene.cast;
    let (base, seed, of, key) = scene.one_of(&cast.seeded);
    match scene.rng.random_range(0..12) {
        0..3 => system::create_account(&from, &to, lamports, space, &owner),
        3 => system::create_account_allow_prefund(
            &to,
            (!scene.once_in(4)).then_some((&from, lamports)),
            space,
            &owner,
        ),
        4 => system::assign(&to, &owner),
        5 => system::allocate(&to, space),
        6 => system::create_account_with_seed(&from, &key, &base, seed, lamports, space, &of),
        7 => system::allocate_with_seed(&key, &base, seed, space, &of),
        8 => system::assign_with_seed(&key, &base, seed, &of),
        9 | 10 => {
            let lamports = scene.lamports(&key, 0);
            system::transfer_with_seed(&key, &base, seed.to_owned(), &of, &to, lamports)
        }
        _ => {
            let mut data = vec![0; scene.rng.random_range(0..60)];
            scene.rng.fill_bytes(&mut data);
            if let Some(tag) = data.first_chunk_mut() {
                *tag = scene.rng.random_range(0..16_u32).to_le_bytes();
            }
            let accounts = (0..scene.rng.random_range(0..4))
                .map(|_| meta(scene))
                .collect();
            Instruction {
                program_id: SYSTEM,
                accounts,
                data,
            }
        }
    }
}

fn meta(scene: &mut Scene<'_>) -> AccountMeta {
    AccountMeta {
        pubkey: scene.any(),
        is_signer: scene.once_in(2),
        is_writable: scene.once_in(2),
    }
}

/// The authority of a nonce account, mostly.
pub(crate) fn authority(scene: &mut Scene<'_>, nonce: &Pubkey) -> Pubkey {
    let data = scene.account(nonce).data;
    let stored = data.as_slice().get(8..40);
    let stored = stored.and_then(|bytes| Pubkey::try_from(bytes).ok());
    let other = scene.wallet();
    match stored {
        Some(stored) if !scene.once_in(12) => stored,
        _ => other,
    }
}

fn of_nonce(scene: &mut Scene<'_>) -> Instruction {
    let nonce = if scene.once_in(6) {
        place(scene)
    } else {
        scene.nonce()
    };
    let authority = authority(scene, &nonce);
    let to = scene.any();
    match scene.rng.random_range(0..8) {
        0..3 => system::advance_nonce_account(&nonce, &authority),
        3 | 4 => {
            let lamports = scene.lamports(&nonce, 80);
            system::withdraw_nonce_account(&nonce, &authority, &to, lamports)
        }
        5 => system::authorize_nonce_account(&nonce, &authority, &to),
        6 => system::upgrade_nonce_account(nonce),
        _ => initialize(scene, nonce),
    }
}

fn initialize(scene: &mut Scene<'_>, nonce: Pubkey) -> Instruction {
    let authority = scene.wallet();
    let tag = 6_u32.to_le_bytes();
    Instruction {
        program_id: SYSTEM,
        accounts: vec![
            AccountMeta::new(nonce, false),
            AccountMeta::new_readonly(sysvar::recent_blockhashes::ID, false),
            AccountMeta::new_readonly(sysvar::rent::ID, false),
        ],
        data: [&tag[..], authority.as_ref()].concat(),
    }
}

fn make_nonce(scene: &mut Scene<'_>) -> Vec<Instruction> {
    let (from, nonce) = (scene.wallet(), place(scene));
    let near = scene.rng.random_range(0..3);
    let lamports = rent(80) + near - 1;
    vec![
        system::create_account(&from, &nonce, lamports, 80, &SYSTEM),
        initialize(scene, nonce),
    ]
}

fn memo(scene: &mut Scene<'_>) -> Instruction {
    let mut data = "a memo, ein Mémo, 备忘录".as_bytes().to_vec();
    data.truncate(scene.rng.random_range(0..=data.len()));
    let accounts = (0..scene.one_of(&[0, 0, 1, 2])).map(|_| AccountMeta {
        pubkey: scene.any(),
        is_signer: !scene.once_in(6),
        is_writable: scene.once_in(2),
    });
    Instruction {
        accounts: accounts.collect(),
        program_id: scene.one_of(&[MEMO_1, MEMO_3, MEMO_3, MEMO_4]),
        data,
    }
}

fn of_tables(scene: &mut Scene<'_>) -> Instruction {
    let (payer, other) = (scene.wallet(), scene.wallet());
    let cast = scene.cast;
    let table = scene.one_of(&cast.tables);
    let data = scene.account(&table).data;
    let stored = data.as_slice().get(22..54);
    let stored = stored.and_then(|bytes| Pubkey::try_from(bytes).ok());
    let authority = stored.unwrap_or(other);
    match scene.rng.random_range(0..6) {
        0..2 => {
            let addresses = (0..scene.rng.random_range(0..4)).map(|_| scene.any());
            lookup::extend_lookup_table(table, authority, Some(payer), addresses.collect())
        }
        2 => lookup::deactivate_lookup_table(table, authority),
        3 => lookup::close_lookup_table(table, authority, payer),
        4 => lookup::freeze_lookup_table(table, authority),
        _ => {
            let recent = scene.sealane.slot().slot - scene.rng.random_range(0..4);
            lookup::create_lookup_table(authority, payer, recent).0
        }
    }
}

/// A call of what is no program, or does not take such calls.
fn of_no_program(scene: &mut Scene<'_>) -> Instruction {
    let any = scene.any();
    let programs = [
        any,
        any,
        bpf_loader::ID,
        bpf_loader_upgradeable::ID,
        stake::ID,
        sysvar::clock::ID,
        sysvar::instructions::ID,
        solana_sdk_ids::native_loader::ID,
        Pubkey::new_from_array([9; 32]),
    ];
    let accounts = (0..scene.rng.random_range(0..3))
        .map(|_| meta(scene))
        .collect();
    Instruction {
        program_id: scene.one_of(&programs),
        accounts,
        data: vec![scene.rng.random(); scene.rng.random_range(0..5)],
    }
}
