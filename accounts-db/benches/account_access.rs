//! What an account costs: finding its index, changing its working copy, making it visible, reading it.
//!
//! `cargo bench -p sealane-accounts-db`

#![allow(missing_docs)]
// One thread is all there is, so every grant of the lock table would hold: see the uses.
#![allow(unsafe_code)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sealane_accounts_db::{
    AccountIndex, Accounts, BankingAccess, DbLimits, Interner, Publisher, open,
};
use sealane_sdk::{AccountState, Pubkey};
use std::hint::black_box;
use std::sync::Arc;

const ACCOUNTS: u64 = 1_000_000;
/// Accounts of one measured round.
const ROUND: u64 = 4_096;

struct Database {
    accounts: Arc<Accounts>,
    interner: Interner,
    banking: BankingAccess,
    publisher: Publisher,
    entry: u64,
}

fn key(i: u64) -> Pubkey {
    let mut bytes = [0; 32];
    for (chunk, salt) in bytes.chunks_mut(8).zip(1_u64..) {
        let word = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ (salt * i);
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    Pubkey::new_from_array(bytes)
}

fn database() -> Database {
    let limits = DbLimits {
        accounts_max: 2_000_000,
        pins_max: 4,
        pinned_bytes_max: 1 << 30,
    };
    let state = AccountState {
        lamports: 1_000_000,
        ..AccountState::default()
    };
    let genesis = (0..ACCOUNTS).map(|i| (key(i), state.clone()));
    let (accounts, interner, mut banking, publisher) =
        open(limits, 1, genesis).expect("a million accounts are below the limit");
    let banking = banking.pop().expect("one banking thread was asked for");
    Database {
        accounts,
        interner,
        banking,
        publisher,
        entry: 0,
    }
}

/// Keys that lie far apart in the order of genesis.
fn scattered(round: u64) -> impl Iterator<Item = u64> {
    (0..ROUND).map(move |i| ((round * ROUND + i) * 618_041) % ACCOUNTS)
}

fn account_access(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("account access");
    group.throughput(Throughput::Elements(ROUND));
    let mut database = database();
    let mut round = 0;

    group.bench_function("hash and intern", |bencher| {
        bencher.iter_batched(
            || {
                round += 1;
                scattered(round).map(key).collect::<Vec<_>>()
            },
            |keys| intern_round(&mut database, &keys),
            criterion::BatchSize::LargeInput,
        );
    });

    group.bench_function("lock, read, write, publish", |bencher| {
        bencher.iter_batched(
            || {
                round += 1;
                scattered(round)
                    .map(|i| i as AccountIndex)
                    .collect::<Vec<_>>()
            },
            |indices| write_round(&mut database, &indices),
            criterion::BatchSize::LargeInput,
        );
    });

    group.bench_function("pin and read", |bencher| {
        bencher.iter_batched(
            || {
                round += 1;
                scattered(round).map(key).collect::<Vec<_>>()
            },
            |keys| read_round(&database, &keys),
            criterion::BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn intern_round(database: &mut Database, keys: &[Pubkey]) {
    for chunk in keys.chunks(16) {
        let mut hashes = [0; 16];
        for (key, hash) in chunk.iter().zip(&mut hashes) {
            *hash = database.accounts.hash_key(key);
            database.interner.prefetch(*hash);
        }
        for (key, hash) in chunk.iter().zip(hashes) {
            black_box(database.interner.intern(key, hash).is_ok());
        }
    }
}

fn read_round(database: &Database, keys: &[Pubkey]) {
    let pin = database
        .accounts
        .pin()
        .expect("no other reader holds a pin");
    for key in keys {
        black_box(pin.get(key).is_ok());
    }
}

/// Adds a lamport to every account, as one entry.
fn write_round(database: &mut Database, indices: &[AccountIndex]) {
    database.entry += 1;
    for batch in indices.chunks(64) {
        for index in batch {
            database.banking.prefetch(*index);
        }
        for index in batch {
            let wanted = [(*index, true)];
            // SAFETY: this thread alone has a handle, and the guard is gone before the next one.
            let mut locked = unsafe { database.banking.lock(&wanted) };
            let mut state = locked.get(0).clone();
            state.lamports += 1;
            locked.set(0, state, database.entry);
        }
    }
    let writes = database.banking.take_writes();
    database
        .publisher
        .publish(database.entry, &mut std::iter::once(writes));
}

criterion_group!(benches, account_access);
criterion_main!(benches);
