//! The mix of transactions that Firedancer measured on Solana's mainnet (slots 406,545,575 to
//! 406,546,575, 1.24 million transactions; `src/flamenco/accdb/bench_accdb_txn.c`): how many accounts
//! a transaction reads and writes, how large accounts are, how often it fails.
//!
//! What is ours: the payer counts as one of the writes, the program comes on top of the reads; accounts
//! are drawn uniformly; a program folds what it reads into what it writes, so that any reordering shows.
//! A transaction of more than 30 accounts does not fit a packet by itself: it is a v0 message that draws
//! its accounts from one lookup table of 255 addresses.

use crate::keyring::{Keyring, address};
use crate::programs::{TOUCH_ID, touch_program};
use crate::random::SplitMix64;
use crate::workload::{Draft, Ground, OTHER_LAMPORTS, Plan};
use sealane_sdk::{AccountData, AccountState, Pubkey};
use solana_address_lookup_table_interface::program::ID as LOOKUP_TABLE_PROGRAM;
use solana_address_lookup_table_interface::state::{AddressLookupTable, LookupTableMeta};
use solana_instruction::{AccountMeta, Instruction};
use solana_message::{AddressLookupTableAccount, Message, VersionedMessage, v0};
use std::borrow::Cow;

/// Transactions with this many reads and writes (the payer's among them).
struct Archetype {
    reads: usize,
    writes: usize,
    /// Share of all transactions, in 10,000ths.
    weight: u64,
    /// Share of them that fail, in 10,000ths.
    failing: u64,
}

#[rustfmt::skip]
const ARCHETYPES: [Archetype; 8] = [
    Archetype { reads:  0, writes:  1, weight:   300, failing:    25 },
    Archetype { reads:  1, writes:  2, weight: 5_930, failing:    25 },
    Archetype { reads:  2, writes:  3, weight:   330, failing:   400 },
    Archetype { reads:  4, writes:  4, weight:   370, failing:   600 },
    Archetype { reads:  6, writes:  6, weight:   505, failing:   700 },
    Archetype { reads: 12, writes: 12, weight: 1_354, failing: 2_700 },
    Archetype { reads: 24, writes: 24, weight:   891, failing: 3_400 },
    Archetype { reads:  2, writes: 48, weight:   320, failing: 1_700 },
];

/// Bytes of an account and the share of accounts that have as many, in 1,000ths.
const SIZES: [(u64, usize); 5] = [(670, 165), (200, 82), (50, 512), (40, 2_048), (40, 8_192)];

/// Accounts that fit a packet without a lookup table.
const STATIC_ACCOUNTS_MAX: usize = 30;
/// Addresses of a lookup table.
const TABLE_ADDRESSES: u64 = 255;
/// The fewest accounts with which the mix makes sense.
const ACCOUNTS_MIN: u64 = 4 * TABLE_ADDRESSES;

const PURPOSE_ACCOUNT: u64 = 0xacc;
const PURPOSE_TABLE: u64 = 0x7ab;
const PURPOSE_SIZE: u64 = 0x512e;
const PURPOSE_TRANSACTION: u64 = 0x313;

/// The mix, over as many accounts as were asked for.
pub(crate) fn plan(ground: &Ground<'_>) -> Plan {
    let (seed, blockhash) = (ground.options.seed, ground.blockhash);
    let asked = ground.options.accounts.saturating_sub(ground.keyring.len());
    // Whole tables only, and room for the tables' own accounts.
    let tables = (asked.max(ACCOUNTS_MIN)) / (TABLE_ADDRESSES + 1);
    let pool = tables * TABLE_ADDRESSES;
    let tables: Vec<_> = (0..tables).map(|table| lookup_table(seed, table)).collect();
    let mut accounts = data_accounts(seed, pool);
    accounts.extend(tables.iter().map(|table| (table.key, table_state(table))));

    let draft: Draft = Box::new(move |i, keyring: &Keyring| {
        let mut random = SplitMix64::new(seed, PURPOSE_TRANSACTION, i);
        let archetype = draw_archetype(&mut random);
        let fails = random.below(10_000) < archetype.failing;
        let drawn = archetype.reads + archetype.writes - 1;
        let small = drawn < STATIC_ACCOUNTS_MAX;
        let table = &tables[random.below(tables.len() as u64) as usize];
        let mut metas = vec![AccountMeta::new(keyring.key(i % keyring.len()), true)];
        while metas.len() <= drawn {
            let key = if small {
                address(seed, PURPOSE_ACCOUNT, random.below(pool))
            } else {
                table.addresses[random.below(TABLE_ADDRESSES) as usize]
            };
            if metas.iter().all(|meta| meta.pubkey != key) {
                let is_writable = metas.len() < archetype.writes;
                metas.push(AccountMeta {
                    pubkey: key,
                    is_signer: false,
                    is_writable,
                });
            }
        }
        // The number of the transaction makes its message unique.
        let mut data = vec![u8::from(fails)];
        data.extend_from_slice(&i.to_le_bytes());
        let instruction = Instruction::new_with_bytes(TOUCH_ID, &data, metas);
        let payer = keyring.key(i % keyring.len());
        let message = if small {
            let message = Message::new_with_blockhash(&[instruction], Some(&payer), &blockhash);
            VersionedMessage::Legacy(message)
        } else {
            let tables = std::slice::from_ref(table);
            let message = v0::Message::try_compile(&payer, &[instruction], tables, blockhash);
            VersionedMessage::V0(message.expect("51 accounts are fewer than 256"))
        };
        (i % keyring.len(), message)
    });
    Plan {
        accounts,
        programs: vec![touch_program()],
        draft,
    }
}

fn draw_archetype(random: &mut SplitMix64) -> &'static Archetype {
    let mut at = random.below(10_000);
    for archetype in &ARCHETYPES {
        match at.checked_sub(archetype.weight) {
            Some(rest) => at = rest,
            None => return archetype,
        }
    }
    &ARCHETYPES[1]
}

fn data_accounts(seed: u64, count: u64) -> Vec<(Pubkey, AccountState)> {
    let account = |i| {
        let mut at = SplitMix64::new(seed, PURPOSE_SIZE, i).below(1_000);
        let mut size = SIZES[0].1;
        for (weight, bytes) in SIZES {
            size = bytes;
            match at.checked_sub(weight) {
                Some(rest) => at = rest,
                None => break,
            }
        }
        let data = AccountData::from(vec![i as u8; size]);
        let state = AccountState {
            lamports: OTHER_LAMPORTS,
            owner: TOUCH_ID,
            data,
            ..AccountState::default()
        };
        (address(seed, PURPOSE_ACCOUNT, i), state)
    };
    (0..count).map(account).collect()
}

fn lookup_table(seed: u64, table: u64) -> AddressLookupTableAccount {
    let first = table * TABLE_ADDRESSES;
    let addresses = (first..first + TABLE_ADDRESSES).map(|i| address(seed, PURPOSE_ACCOUNT, i));
    AddressLookupTableAccount {
        key: address(seed, PURPOSE_TABLE, table),
        addresses: addresses.collect(),
    }
}

fn table_state(table: &AddressLookupTableAccount) -> AccountState {
    // Addresses that were added in the open slot cannot be looked up, and genesis is slot 0: the last
    // extension, an empty one, began behind the last address.
    let meta = LookupTableMeta {
        last_extended_slot_start_index: TABLE_ADDRESSES as u8,
        ..LookupTableMeta::default()
    };
    let state = AddressLookupTable {
        meta,
        addresses: Cow::Borrowed(&table.addresses),
    };
    let data = state
        .serialize_for_tests()
        .expect("the layout of a table has no failing case");
    AccountState {
        lamports: OTHER_LAMPORTS,
        owner: LOOKUP_TABLE_PROGRAM,
        data: data.into(),
        ..AccountState::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Workload, WorkloadKind, WorkloadOptions};
    use solana_transaction::versioned::VersionedTransaction;
    use std::collections::BTreeMap;

    #[test]
    fn weights_sum_to_the_whole() {
        assert_eq!(
            ARCHETYPES
                .iter()
                .map(|archetype| archetype.weight)
                .sum::<u64>(),
            10_000
        );
        assert_eq!(SIZES.iter().map(|(weight, _)| weight).sum::<u64>(), 1_000);
    }

    #[test]
    fn transactions_have_the_accounts_of_their_archetype_in_its_share() {
        let options = WorkloadOptions {
            kind: WorkloadKind::Mix,
            transactions: 10_000,
            accounts: 5_000,
            seed: 5,
            real_signatures: false,
        };
        let mut seen = BTreeMap::new();
        for bytes in Workload::generate(&options).transactions.iter() {
            let transaction: VersionedTransaction = bincode::deserialize(bytes).unwrap();
            let message = transaction.message;
            let looked_up = message.address_table_lookups().unwrap_or_default();
            let written: usize = looked_up
                .iter()
                .map(|table| table.writable_indexes.len())
                .sum();
            let read: usize = looked_up
                .iter()
                .map(|table| table.readonly_indexes.len())
                .sum();
            let header = message.header();
            let read_only = usize::from(header.num_readonly_unsigned_accounts);
            let writes = message.static_account_keys().len() - read_only + written;
            // The program is among the read-only accounts and not among the reads.
            *seen.entry((read_only - 1 + read, writes)).or_insert(0_u64) += 1;
        }
        for archetype in &ARCHETYPES {
            let count = seen
                .remove(&(archetype.reads, archetype.writes))
                .unwrap_or(0);
            let (least, most) = (archetype.weight * 8 / 10, archetype.weight * 12 / 10);
            assert!(
                (least..most).contains(&count),
                "{} of {}",
                count,
                archetype.weight
            );
        }
        assert!(seen.is_empty(), "unexpected: {seen:?}");
    }
}
