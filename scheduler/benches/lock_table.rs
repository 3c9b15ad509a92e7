//! What a task costs in the lock table: insert, hand out, complete, for two banking threads.
//!
//! `cargo bench -p sealane-scheduler`

#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane_scheduler::{Access, Config, Scheduler};

const TASKS: usize = 8_192;
const BATCH: usize = 64;
const THREADS: usize = 2;
const ACCOUNTS: u32 = 1_000_000;

/// Access sets of three accounts, like a transfer's: payer, recipient, program.
fn access_sets(recipient: impl Fn(&mut SmallRng) -> u32) -> Vec<[Access; 3]> {
    let mut random = SmallRng::seed_from_u64(1);
    let set = |i: usize| {
        let write = |account| Access {
            account,
            write: true,
        };
        let payer = (i as u32 * 61_803) % (ACCOUNTS / 2);
        [
            write(payer),
            write(ACCOUNTS / 2 + recipient(&mut random) % (ACCOUNTS / 2)),
            Access {
                account: ACCOUNTS,
                write: false,
            },
        ]
    };
    (0..TASKS).map(set).collect()
}

fn scheduler() -> Scheduler {
    Scheduler::new(Config {
        threads: THREADS,
        tasks_max: 2_048,
        accesses_max: 8_192,
        batch_max: BATCH,
        account_cost_max: None,
        slot_cost_max: None,
    })
}

/// Inserts in batches and keeps both threads at work, as the scheduler thread does.
fn run(scheduler: &mut Scheduler, sets: &[[Access; 3]]) -> usize {
    let mut done = 0;
    let mut batch = Vec::with_capacity(BATCH);
    for chunk in sets.chunks(BATCH * THREADS) {
        for (user, set) in chunk.iter().enumerate() {
            scheduler
                .insert(set, 1_000, user as u32)
                .expect("the last chunk is complete");
        }
        while scheduler.in_flight() > 0 {
            for thread in 0..THREADS {
                scheduler.next_batch(thread, &mut batch);
                for (task, _) in &batch {
                    scheduler.complete(*task);
                }
                done += batch.len();
            }
        }
    }
    done
}

fn lock_table(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lock table");
    group.throughput(Throughput::Elements(TASKS as u64));
    let cases = [
        ("distinct", access_sets(|random| random.random())),
        ("one recipient", access_sets(|_| 0)),
        (
            "ten recipients",
            access_sets(|random| random.random_range(0..10)),
        ),
    ];
    for (name, sets) in &cases {
        let mut scheduler = scheduler();
        group.bench_with_input(BenchmarkId::from_parameter(name), sets, |bencher, sets| {
            bencher.iter(|| assert_eq!(run(&mut scheduler, sets), TASKS));
        });
    }
    group.finish();
}

criterion_group!(benches, lock_table);
criterion_main!(benches);
