//! Instructions to a message: who pays, what is looked up, how old it is, and what is wrong with all that.

use crate::scene::{MEMO_3, SYSTEM, Scene};
use crate::sealane::blockhash;
use crate::{actions, budget};
use rand::Rng;
use rand::seq::SliceRandom;
use sealane_sdk::{AccountMeta, Hash, Instruction, Pubkey};
use solana_address_lookup_table_interface::state::AddressLookupTable;
use solana_message::{AddressLookupTableAccount, Message, MessageHeader, VersionedMessage, v0, v1};
use solana_nonce::state::State;
use solana_nonce::versions::Versions;
use solana_sdk_ids::bpf_loader_upgradeable;

/// Accounts that a transaction may lock.
const KEYS_MAX: usize = 64;

/// A message that asks for these instructions. `None` if they do not fit one.
pub(crate) fn of(
    scene: &mut Scene<'_>,
    mut instructions: Vec<Instruction>,
) -> Option<VersionedMessage> {
    let payer = payer(scene);
    let blockhash = age(scene, &mut instructions);
    while scene.once_in(10) {
        break_instruction(scene, &mut instructions);
    }
    let mut message = match scene.rng.random_range(0..6) {
        0 | 1 => {
            let compiled = Message::new_with_blockhash(&instructions, Some(&payer), &blockhash);
            VersionedMessage::Legacy(compiled)
        }
        2 | 3 => {
            let tables = tables(scene);
            let compiled = v0::Message::try_compile(&payer, &instructions, &tables, blockhash);
            let mut compiled = compiled.ok()?;
            if scene.once_in(10) {
                look_up_something(scene, &mut compiled);
            }
            VersionedMessage::V0(compiled)
        }
        _ => {
            if scene.once_in(10) {
                // No other version has room for it.
                let text = vec![b'm'; scene.rng.random_range(1_000..4_000)];
                instructions.push(Instruction::new_with_bytes(MEMO_3, &text, vec![]));
            }
            let config = budget::configuration(scene);
            let compile = v1::Message::try_compile_with_config;
            VersionedMessage::V1(compile(&payer, &instructions, blockhash, config).ok()?)
        }
    };
    if scene.once_in(40) {
        break_message(scene, &mut message);
    }
    if scene.once_in(2) {
        ask_for_as_many_bytes_as_it_loads(scene, &mut message);
    }
    // Beyond its own limit Sealane differs on purpose.
    let looked_up = message.address_table_lookups().unwrap_or_default().iter();
    let looked_up = looked_up.map(|it| it.writable_indexes.len() + it.readonly_indexes.len());
    let keys = message.static_account_keys().len() + looked_up.sum::<usize>();
    (keys <= KEYS_MAX).then_some(message)
}

fn payer(scene: &mut Scene<'_>) -> Pubkey {
    let cast = scene.cast;
    match scene.rng.random_range(0..64) {
        0..6 => scene.one_of(&cast.poor),
        6..8 => scene.nonce(),
        8 => scene.one_of(&cast.data),
        9 => scene.one_of(&cast.pool),
        10 => scene.any(),
        _ => scene.wallet(),
    }
}

/// A blockhash, and what goes with it: instructions may be put before the others.
fn age(scene: &mut Scene<'_>, instructions: &mut Vec<Instruction>) -> Hash {
    let slot = scene.sealane.slot();
    let newest = slot.blockhash();
    match scene.rng.random_range(0..64) {
        0..4 => blockhash(slot.slot - scene.rng.random_range(1..=150)),
        4 => blockhash(slot.slot - scene.rng.random_range(149..156)),
        5 => Hash::new_from_array(scene.rng.random()),
        6..16 => durable(scene, instructions),
        16 => {
            // It could live on its nonce, and does not.
            let _ = durable(scene, instructions);
            newest
        }
        _ => newest,
    }
}

/// Advances a nonce account first, mostly, and gives what it holds.
fn durable(scene: &mut Scene<'_>, instructions: &mut Vec<Instruction>) -> Hash {
    let nonce = scene.nonce();
    let authority = actions::authority(scene, &nonce);
    let mut advance = sealane_sdk::system_instruction::advance_nonce_account(&nonce, &authority);
    match scene.rng.random_range(0..32) {
        0 => advance.data.push(0),
        1 => advance.accounts.truncate(scene.rng.random_range(0..3)),
        2 => advance.accounts[0].is_writable = false,
        3 => advance.accounts[2].is_signer = false,
        4 => advance.data[0] = 5,
        _ => (),
    }
    match scene.rng.random_range(0..24) {
        0 => instructions.push(advance),
        1 => (),
        _ => instructions.insert(0, advance),
    }
    let data = scene.account(&nonce).data;
    let stored = bincode::deserialize::<Versions>(data.as_slice());
    match stored.as_ref().map(Versions::state) {
        Ok(State::Initialized(stored)) => stored.blockhash(),
        _ => Hash::new_from_array([3; 32]),
    }
}

/// Tables that the message may look its accounts up in, as they are now.
fn tables(scene: &mut Scene<'_>) -> Vec<AddressLookupTableAccount> {
    if scene.once_in(3) {
        return vec![];
    }
    let mut all = scene.cast.tables.clone();
    all.shuffle(scene.rng);
    all.truncate(scene.rng.random_range(1..=3));
    let table = |key: Pubkey| {
        let state = scene.account(&key);
        let table = AddressLookupTable::deserialize(state.data.as_slice()).ok()?;
        let addresses = table.addresses.to_vec();
        Some(AddressLookupTableAccount { key, addresses })
    };
    all.into_iter().filter_map(table).collect()
}

/// Looks up what no instruction names, or what is not there.
fn look_up_something(scene: &mut Scene<'_>, message: &mut v0::Message) {
    let cast = scene.cast;
    if message.address_table_lookups.is_empty() || scene.once_in(3) {
        let strange = scene.any();
        let table = scene.one_of(&cast.tables);
        message
            .address_table_lookups
            .push(v0::MessageAddressTableLookup {
                account_key: scene.one_of(&[table, table, table, strange]),
                writable_indexes: vec![],
                readonly_indexes: vec![],
            });
    }
    let at = scene
        .rng
        .random_range(0..message.address_table_lookups.len());
    let lookup = &mut message.address_table_lookups[at];
    let index = scene.one_of(&[0, 1, 4, 19, 59, 255]);
    match scene.rng.random_range(0..6) {
        0 => lookup.writable_indexes.clear(),
        1 | 2 => lookup.writable_indexes.push(index),
        _ => lookup.readonly_indexes.push(index),
    }
}

/// Where the bytes that may be loaded are limited: to about those that are.
fn ask_for_as_many_bytes_as_it_loads(scene: &mut Scene<'_>, message: &mut VersionedMessage) {
    const LIMIT: u8 = 4;
    let near = scene.rng.random_range(0..3);
    // One less than nothing is as much as can be asked for.
    let bytes = loaded_bytes(scene, message)
        .saturating_add(near)
        .wrapping_sub(1);
    let instructions = match message {
        VersionedMessage::Legacy(it) => &mut it.instructions,
        VersionedMessage::V0(it) => &mut it.instructions,
        VersionedMessage::V1(it) => {
            if let Some(limit) = &mut it.config.loaded_accounts_data_size_limit {
                *limit = bytes;
            }
            return;
        }
    };
    for instruction in instructions {
        if instruction.data.len() == 5 && instruction.data[0] == LIMIT {
            instruction.data[1..].copy_from_slice(&bytes.to_le_bytes());
        }
    }
}

/// Bytes that a message loads, mostly: programs that it only looks up may be counted twice.
fn loaded_bytes(scene: &Scene<'_>, message: &VersionedMessage) -> u32 {
    const ACCOUNT: usize = 64;
    const TABLE: usize = 8_248;
    let lookups = message.address_table_lookups().unwrap_or_default();
    let looked_up = lookups.iter().flat_map(|lookup| {
        let table = scene.account(&lookup.account_key);
        let table = AddressLookupTable::deserialize(table.data.as_slice()).ok();
        let addresses = table.map(|it| it.addresses.to_vec()).unwrap_or_default();
        let indices = [&lookup.writable_indexes[..], &lookup.readonly_indexes].concat();
        let address = move |index: u8| addresses.get(usize::from(index)).copied();
        indices.into_iter().filter_map(address).collect::<Vec<_>>()
    });
    let keys = message
        .static_account_keys()
        .iter()
        .copied()
        .chain(looked_up);
    let bytes = keys.map(|key| {
        let state = scene.account(&key);
        let file = (state.owner == bpf_loader_upgradeable::ID).then(|| &state.data.as_slice()[4..]);
        let file = file.and_then(|it| Pubkey::try_from(it).ok());
        let file = file.map_or(0, |it| ACCOUNT + scene.account(&it).data.len());
        if state.is_absent() {
            0
        } else {
            ACCOUNT + state.data.len() + file
        }
    });
    u32::try_from(TABLE * lookups.len() + bytes.sum::<usize>()).unwrap_or(u32::MAX)
}

fn break_instruction(scene: &mut Scene<'_>, instructions: &mut [Instruction]) {
    if instructions.is_empty() {
        return;
    }
    let at = scene.rng.random_range(0..instructions.len());
    let stranger = scene.any();
    let instruction = &mut instructions[at];
    let accounts = &mut instruction.accounts;
    let place = (!accounts.is_empty()).then(|| scene.rng.random_range(0..accounts.len()));
    match (scene.rng.random_range(0..9), place) {
        (0, Some(at)) => accounts[at].is_signer ^= true,
        (1, Some(at)) => accounts[at].is_writable ^= true,
        (2, Some(at)) => accounts[at].pubkey = stranger,
        (3, Some(at)) => drop(accounts.remove(at)),
        (4, _) => accounts.push(AccountMeta::new(stranger, false)),
        (5, _) => accounts.push(AccountMeta::new_readonly(stranger, true)),
        (6, _) => instruction.data.truncate(instruction.data.len() / 2),
        (7, _) if !instruction.data.is_empty() => {
            let at = scene.rng.random_range(0..instruction.data.len());
            instruction.data[at] ^= 1 << scene.rng.random_range(0..8);
        }
        _ => instruction.program_id = scene.one_of(&[SYSTEM, SYSTEM, stranger]),
    }
}

/// Breaks what a compiler of messages holds together.
fn break_message(scene: &mut Scene<'_>, message: &mut VersionedMessage) {
    let (header, keys, instructions): (&mut MessageHeader, &mut Vec<Pubkey>, _) = match message {
        VersionedMessage::Legacy(it) => {
            (&mut it.header, &mut it.account_keys, &mut it.instructions)
        }
        VersionedMessage::V0(it) => (&mut it.header, &mut it.account_keys, &mut it.instructions),
        VersionedMessage::V1(it) => (&mut it.header, &mut it.account_keys, &mut it.instructions),
    };
    let near = scene.rng.random_range(0..3_u8);
    let moved = |number: &mut u8| *number = (*number + near).saturating_sub(1);
    let count = keys.len();
    let instruction = instructions.len().checked_sub(1);
    let instruction = instruction.map(|last| scene.rng.random_range(0..=last));
    match (scene.rng.random_range(0..8), instruction) {
        (0, _) => moved(&mut header.num_required_signatures),
        (1, _) => moved(&mut header.num_readonly_signed_accounts),
        (2, _) => moved(&mut header.num_readonly_unsigned_accounts),
        (3, _) => {
            let (from, to) = (
                scene.rng.random_range(0..count),
                scene.rng.random_range(0..count),
            );
            keys[to] = keys[from];
        }
        (4, Some(at)) => {
            instructions[at].program_id_index = scene.rng.random_range(0..count + 2) as u8
        }
        (5, Some(at)) => instructions[at]
            .accounts
            .push(scene.rng.random_range(0..count + 2) as u8),
        (6, Some(at)) => drop(instructions.remove(at)),
        _ => keys.swap(
            scene.rng.random_range(0..count),
            scene.rng.random_range(0..count),
        ),
    }
}
