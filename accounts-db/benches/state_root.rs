//! What a slot's end costs: making what was written ready for the state trie, and taking it over, among a million accounts.
//!
//! `cargo bench -p sealane-accounts-db --bench state_root`

#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sealane_accounts_db::{StateChanges, StateTrie};
use sealane_sdk::{AccountState, Pubkey};
use std::cell::RefCell;
use std::hint::black_box;

const ACCOUNTS: u64 = 1_000_000;
/// Accounts that a slot changes: a few, those of 50,000 transfers a second, and of 500,000.
const CHANGED: [u64; 3] = [1_000, 40_000, 400_000];
/// Accounts that an entry writes.
const ENTRY: usize = 2_048;

fn written(round: u64, i: u64) -> (Pubkey, AccountState) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(i % ACCOUNTS).to_le_bytes());
    let state = AccountState {
        lamports: 1 + round,
        ..AccountState::default()
    };
    (Pubkey::new_from_array(bytes), state)
}

/// What a slot wrote, entry by entry, of accounts that lie far apart.
fn slot(round: u64, count: u64) -> Vec<Vec<(Pubkey, AccountState)>> {
    let all: Vec<_> = (0..count)
        .map(|i| written(round, (round * count + i) * 618_041))
        .collect();
    all.chunks(ENTRY).map(<[_]>::to_vec).collect()
}

/// Gathers what a slot wrote, as the node does while it goes on.
fn gather(changes: &mut StateChanges, written: &[Vec<(Pubkey, AccountState)>]) {
    for (key, state) in written.iter().flatten() {
        changes.add(key, state);
    }
}

fn state_root(criterion: &mut Criterion) {
    let mut trie = StateTrie::new();
    let mut changes = StateChanges::new();
    gather(&mut changes, &slot(0, ACCOUNTS));
    trie.apply_changes(&mut changes);
    let mut group = criterion.benchmark_group("state root");
    group.sample_size(10);
    for count in CHANGED {
        let mut round = 0;
        group.throughput(Throughput::Elements(count));
        let changes = RefCell::new(StateChanges::new());
        group.bench_function(format!("{count} gathered"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    round += 1;
                    changes.borrow_mut().clear();
                    slot(round, count)
                },
                |written| gather(&mut changes.borrow_mut(), written),
                criterion::BatchSize::PerIteration,
            );
        });
        changes.borrow_mut().clear();
        group.bench_function(format!("{count} taken over"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    round += 1;
                    gather(&mut changes.borrow_mut(), &slot(round, count));
                },
                |()| black_box(trie.apply_changes(&mut changes.borrow_mut())),
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, state_root);
criterion_main!(benches);
