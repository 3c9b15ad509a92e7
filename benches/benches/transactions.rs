//! What a transaction costs on its own: parsing and hashing its keys; a transfer, a counter and a mixed
//! transaction in the bank, from loaded accounts to what would be committed.
//!
//! `cargo bench -p sealane-benches`

#![allow(missing_docs)]

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sealane_benches::{RunSettings, Workload, WorkloadKind, WorkloadOptions, configuration};
use sealane_runtime::{
    Bank, BankingThreads, Reader, Runtime, RuntimeConfig, SlotContext, VerifiedTransaction,
};
use sealane_sdk::{AccountState, Pubkey, TransactionAccounts};
use std::collections::HashMap;
use std::time::Duration;

const TRANSACTIONS: u64 = 1_024;

/// A workload, and a runtime that knows its accounts and has nothing to do.
struct Ground {
    config: RuntimeConfig,
    workload: Workload,
    runtime: Runtime,
}

fn ground(kind: WorkloadKind) -> Ground {
    let workload = Workload::generate(&WorkloadOptions {
        kind,
        transactions: TRANSACTIONS,
        accounts: 20_000,
        seed: 1,
        real_signatures: true,
    });
    let settings = RunSettings {
        banking_threads: BankingThreads::Fixed(1),
        verify_threads: 1,
        check_signatures: true,
        slot_duration: Duration::from_secs(3_600),
        state_root: false,
        accounts_memory: None,
        rate: None,
    };
    let config = configuration(&workload, &settings);
    let runtime = Runtime::start(config.clone()).expect("few accounts fit");
    Ground {
        config,
        workload,
        runtime,
    }
}

fn verify_all(
    reader: &Reader,
    transactions: Vec<Bytes>,
    check_signatures: bool,
) -> Vec<VerifiedTransaction> {
    let mut all = Vec::with_capacity(transactions.len());
    for bytes in transactions {
        all.push(verify(reader, bytes, check_signatures));
    }
    all
}

fn verify(reader: &Reader, bytes: Bytes, check_signatures: bool) -> VerifiedTransaction {
    *reader
        .verify(bytes, check_signatures)
        .expect("a workload is valid")
}

fn process_all(
    bank: &mut Bank,
    slot: &SlotContext,
    verified: &[VerifiedTransaction],
    states: &[Vec<&AccountState>],
    record: &mut Vec<u8>,
) {
    for (transaction, states) in verified.iter().zip(states) {
        let mut accounts = TransactionAccounts::new();
        let mut processed = bank
            .process(slot, transaction, |i| states[i], &mut accounts)
            .expect("payers can pay");
        record.clear();
        processed.encode_record(record);
        for i in 0..states.len() {
            std::hint::black_box(processed.take_change(i));
        }
    }
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    group.throughput(Throughput::Elements(TRANSACTIONS));
    for kind in [WorkloadKind::Transfer, WorkloadKind::Mix] {
        let ground = ground(kind);
        let reader = ground.runtime.reader();
        for (what, check_signatures) in [("parse", false), ("parse and one signature", true)] {
            let name = BenchmarkId::new(kind.name(), what);
            group.bench_function(name, |bencher| {
                bencher.iter_batched(
                    || {
                        ground
                            .workload
                            .transactions
                            .batches(TRANSACTIONS as usize)
                            .remove(0)
                    },
                    |batch| verify_all(&reader, batch, check_signatures),
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

fn processing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bank");
    group.throughput(Throughput::Elements(TRANSACTIONS));
    for kind in [
        WorkloadKind::Transfer,
        WorkloadKind::Counter,
        WorkloadKind::Mix,
    ] {
        let ground = ground(kind);
        let reader = ground.runtime.reader();
        let slot = reader.slot();
        let batch = ground
            .workload
            .transactions
            .batches(TRANSACTIONS as usize)
            .remove(0);
        let verified: Vec<_> = batch
            .into_iter()
            .map(|bytes| verify(&reader, bytes, false))
            .collect();
        let mut accounts: HashMap<Pubkey, AccountState> =
            ground.workload.genesis.iter().cloned().collect();
        let pin = reader.pin().expect("nobody else reads");
        for program in ground.config.programs.iter() {
            let state = pin
                .get(&program.id)
                .expect("the pin is fresh")
                .unwrap_or_default();
            accounts.insert(program.id, state);
        }
        let states: Vec<Vec<&AccountState>> = verified
            .iter()
            .map(|transaction| {
                (0..transaction.account_count())
                    .map(|i| &accounts[transaction.key(i)])
                    .collect()
            })
            .collect();
        let mut bank = Bank::new(ground.config.programs.clone(), &ground.config.limits);
        let mut record = Vec::new();
        group.bench_function(kind.name(), |bencher| {
            bencher.iter(|| process_all(&mut bank, &slot, &verified, &states, &mut record));
        });
    }
    group.finish();
}

criterion_group!(benches, parsing, processing);
criterion_main!(benches);
