//! Random transactions that are well formed, the state that they look addresses up in, and random changes
//! to their bytes.

use super::super::fixture::FakeState;
use super::super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use solana_address_lookup_table_interface::state::{AddressLookupTable, LookupTableMeta};
use solana_hash::Hash;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_message::v0::MessageAddressTableLookup;
use solana_message::{MessageHeader, VersionedMessage, legacy, v0, v1};
use solana_sdk_ids::{address_lookup_table, compute_budget};
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use std::ops::Range;

/// Addresses in each lookup table of `state_with_tables`.
const TABLE_LEN: u8 = 12;

pub(super) fn plain(i: u8) -> Pubkey {
    let mut bytes = [i; 32];
    bytes[0] = 0xe0;
    Pubkey::new_from_array(bytes)
}

/// Address of lookup table `t`.
pub(super) fn table(t: u8) -> Pubkey {
    Pubkey::new_from_array([0xd0 + t; 32])
}

/// What table `t` holds at `i`: mostly keys of its own, some that static keys have too.
pub(super) fn entry(t: u8, i: u8) -> Pubkey {
    match i {
        0 => plain(t),
        1 => bpf_loader_upgradeable::ID,
        2 => solana_sdk_ids::sysvar::rent::ID,
        _ => plain(100 + TABLE_LEN * t + i),
    }
}

pub(super) fn state_with_tables() -> FakeState {
    let accounts = (0..3).map(|t| {
        let addresses: Vec<_> = (0..TABLE_LEN).map(|i| entry(t, i)).collect();
        let table_state = AddressLookupTable {
            meta: LookupTableMeta::default(),
            addresses: addresses.into(),
        };
        (
            table(t),
            (
                address_lookup_table::ID,
                table_state.serialize_for_tests().unwrap(),
            ),
        )
    });
    FakeState {
        accounts: accounts.collect(),
        slot: 9,
        ..FakeState::default()
    }
}

fn any_key() -> impl Strategy<Value = Pubkey> {
    let special = prop::sample::select(vec![
        system_program::ID,
        compute_budget::ID,
        solana_sdk_ids::sysvar::clock::ID,
        solana_sdk_ids::vote::ID,
        solana_sdk_ids::ed25519_program::ID,
        solana_sdk_ids::secp256k1_program::ID,
        solana_sdk_ids::secp256r1_program::ID,
        bpf_loader_upgradeable::ID,
    ]);
    prop_oneof![2 => (0..60_u8).prop_map(plain), 1 => special]
}

/// Data of an instruction: anything, or something that Compute Budget or System knows.
fn any_data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => vec(any::<u8>(), 0..20),
        1 => vec(any::<u8>(), 120..140),
        2 => any::<u32>().prop_map(|v| [&[2][..], &v.to_le_bytes()].concat()),
        1 => any::<u64>().prop_map(|v| [&[3][..], &v.to_le_bytes()].concat()),
        1 => any::<u32>().prop_map(|v| [&[4][..], &v.to_le_bytes()].concat()),
        2 => Just(vec![4, 0, 0, 0]),
    ]
}

pub(super) fn small_or_any() -> impl Strategy<Value = u8> {
    prop_oneof![2 => 0..5_u8, 1 => any::<u8>()]
}

/// A well-formed transaction, with junk for signatures.
pub(super) fn any_transaction() -> impl Strategy<Value = VersionedTransaction> {
    let instruction = (any::<u8>(), vec(any::<u8>(), 0..6), any_data());
    let lookup = (0..3_u8, vec(0..TABLE_LEN, 0..3), vec(0..TABLE_LEN, 0..3));
    (
        any::<bool>(),
        vec(any_key(), 2..10),
        any::<[u8; 3]>(),
        any::<[u8; 32]>(),
        vec(instruction, 0..5),
        vec(lookup, 0..3),
        any::<[u8; 32]>(),
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(versioned, keys, header, blockhash, instructions, lookups, junk, nonce)| {
                let (mut keys, mut instructions) = (keys, instructions);
                if nonce && let Some((program, _, data)) = instructions.first_mut() {
                    keys[1] = system_program::ID;
                    (*program, *data) = (0, vec![4, 0, 0, 0]);
                }
                let statics = keys.len() as u8;
                let required = 1 + header[0] % statics.min(3);
                let header = MessageHeader {
                    num_required_signatures: required,
                    num_readonly_signed_accounts: header[1] % required,
                    num_readonly_unsigned_accounts: header[2] % (statics - required + 1),
                };
                let address_table_lookups: Vec<_> = lookups
                    .into_iter()
                    .filter(|(_, writable, readonly)| writable.len() + readonly.len() > 0)
                    .map(
                        |(t, writable_indexes, readonly_indexes)| MessageAddressTableLookup {
                            account_key: table(t),
                            writable_indexes,
                            readonly_indexes,
                        },
                    )
                    .collect();
                let loaded: usize = address_table_lookups
                    .iter()
                    .map(|lookup| lookup.writable_indexes.len() + lookup.readonly_indexes.len())
                    .sum();
                let accounts = if versioned {
                    statics + loaded as u8
                } else {
                    statics
                };
                let instructions = instructions
                    .into_iter()
                    .map(|(program, named, data)| CompiledInstruction {
                        program_id_index: 1 + program % (statics - 1),
                        accounts: named.into_iter().map(|i| i % accounts).collect(),
                        data,
                    })
                    .collect();
                let recent_blockhash = Hash::new_from_array(blockhash);
                let message = if versioned {
                    VersionedMessage::V0(v0::Message {
                        header,
                        account_keys: keys,
                        recent_blockhash,
                        instructions,
                        address_table_lookups,
                    })
                } else {
                    VersionedMessage::Legacy(legacy::Message {
                        header,
                        account_keys: keys,
                        recent_blockhash,
                        instructions,
                    })
                };
                let signatures = (0..required)
                    .map(|i| Signature::from([junk[usize::from(i)]; 64]))
                    .collect();
                VersionedTransaction {
                    signatures,
                    message,
                }
            },
        )
        .prop_filter("fits in a packet", |transaction| {
            wire(transaction).len() <= 1_232
        })
}

/// A well-formed transaction of version 1, with junk for signatures.
pub(super) fn any_version_1() -> impl Strategy<Value = VersionedTransaction> {
    let instruction = || (any::<u8>(), vec(any::<u8>(), 0..6), any_data());
    // Many, of which none is there twice, as most of so many from `any_key` would be.
    let many = prop::sample::subsequence((0..200).map(plain).collect::<Vec<_>>(), 10..65);
    let keys = prop_oneof![4 => vec(any_key(), 2..10).boxed(), 1 => many.boxed()];
    (
        keys,
        any::<[u8; 3]>(),
        any_config(),
        any::<[u8; 32]>(),
        prop_oneof![4 => vec(instruction(), 0..5), 1 => vec(instruction(), 0..65)],
        any::<[u8; 32]>(),
    )
        .prop_map(
            |(account_keys, header, config, blockhash, instructions, junk)| {
                let statics = account_keys.len() as u8;
                let required = 1 + header[0] % statics.min(12);
                let header = MessageHeader {
                    num_required_signatures: required,
                    num_readonly_signed_accounts: header[1] % required,
                    num_readonly_unsigned_accounts: header[2] % (statics - required + 1),
                };
                let instructions = instructions
                    .into_iter()
                    .map(|(program, named, data)| CompiledInstruction {
                        program_id_index: 1 + program % (statics - 1),
                        accounts: named.into_iter().map(|i| i % statics).collect(),
                        data,
                    })
                    .collect();
                let signatures = (0..required)
                    .map(|i| Signature::from([junk[usize::from(i)]; 64]))
                    .collect();
                VersionedTransaction {
                    signatures,
                    message: VersionedMessage::V1(v1::Message {
                        header,
                        config,
                        lifetime_specifier: Hash::new_from_array(blockhash),
                        account_keys,
                        instructions,
                    }),
                }
            },
        )
        .prop_filter("is short enough", |transaction| {
            wire(transaction).len() <= v1::MAX_TRANSACTION_SIZE
        })
}

fn any_config() -> impl Strategy<Value = v1::TransactionConfig> {
    use prop::option::of;
    let number = || prop_oneof![Just(0), 1..2_000_000_u32, any::<u32>()];
    (
        of(any::<u64>()),
        of(number()),
        of(number()),
        of((32..=256_u32).prop_map(|kibibytes| kibibytes * 1024)),
    )
        .prop_map(
            |(priority_fee, compute_unit_limit, loaded_accounts_data_size_limit, heap_size)| {
                v1::TransactionConfig {
                    priority_fee,
                    compute_unit_limit,
                    loaded_accounts_data_size_limit,
                    heap_size,
                }
            },
        )
}

/// What is done to which byte.
pub(super) type Change = (prop::sample::Index, u8, u8);

pub(super) fn any_changes() -> impl Strategy<Value = Vec<Change>> {
    vec(
        (any::<prop::sample::Index>(), small_or_any(), 0..6_u8),
        0..4,
    )
}

/// The bytes changed. `head`: where numbers are that decide much.
pub(super) fn changed(mut bytes: Vec<u8>, head: Range<usize>, changes: Vec<Change>) -> Vec<u8> {
    for (index, value, how) in changes {
        let at = index.index(bytes.len());
        match how {
            0 => bytes[at] = value,
            1 => bytes[at] ^= 1 << (value % 8),
            2 => bytes.insert(at, value),
            3 => bytes.truncate(at.max(1)),
            4 => bytes[(head.start + at % head.len()).min(at)] = value,
            // A byte that may be a length, in one byte more than it takes.
            _ => {
                bytes[at] |= 0x80;
                bytes.insert(at + 1, 0);
            }
        }
    }
    bytes
}

/// The transaction on the wire.
pub(super) fn wire(transaction: &VersionedTransaction) -> Vec<u8> {
    if !matches!(transaction.message, VersionedMessage::V1(_)) {
        return bincode::serialize(transaction).unwrap();
    }
    // serde's format of version 1 is not that of the wire.
    let signatures = transaction.signatures.iter().map(AsRef::<[u8]>::as_ref);
    let signatures: Vec<_> = signatures.collect();
    [transaction.message.serialize(), signatures.concat()].concat()
}
