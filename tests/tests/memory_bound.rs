//! Accounts whose memory is bounded so that most are on the disk most of the time: the same results as a serial
//! run, on any number of banking threads, and after a crash.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sealane_runtime::{Counters, Disk, MemoryDisk, Reader, Runtime, RuntimeConfig, StartError};
use sealane_sdk::{AccountState, Pubkey};
use sealane_tests::{
    ConflictGraph, GENESIS_HASH, Shape, accounts_at, chain_config, chain_signer,
    checkpoint_at_each_slot,
};
use solana_signer::Signer;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);
const TRANSACTIONS: usize = 1_000;
/// Of the 120 accounts at genesis some dozens fit, of the large ones none.
const BYTES_MAX: u64 = 12_000;
/// What is beyond it when all is at rest: the leader's account, one that was evicted last, and the table.
const SLACK: u64 = 4_000;

/// A node that makes a checkpoint at each slot's end that can have one.
fn config(graph: &ConflictGraph, threads: usize, disk: &MemoryDisk) -> RuntimeConfig {
    let mut config = chain_config(graph, threads, Some(disk));
    config.slot_duration = Duration::from_millis(5);
    config.checkpoints = Some(checkpoint_at_each_slot());
    config.limits.accounts_memory_max = Some(BYTES_MAX);
    config.limits.in_flight_max = 8;
    config.limits.fetches_max = 4;
    config
}

fn accounts(reader: &Reader) -> HashMap<Pubkey, AccountState> {
    let pin = reader.pin().expect("few readers");
    let accounts = accounts_at(&pin);
    assert!(accounts.len() <= TRANSACTIONS);
    // One by one they are the same.
    for (key, state) in &accounts {
        assert_eq!(pin.get(key).expect("as above").as_ref(), Some(state));
    }
    accounts
}

/// Hands a batch in when the one before is done, so that slots end in between. In large ones most wait for their
/// turn, and what was read of their accounts is old by then, or dropped with what waits by priority.
fn submit(runtime: &Runtime, transactions: &[bytes::Bytes], mut look: impl FnMut()) {
    let reader = runtime.reader();
    let mut sent = reader.counters().settled();
    for (i, batch) in transactions.chunks(50).enumerate() {
        if i % 3 == 0 {
            for transaction in batch {
                let transaction = transaction.clone();
                runtime.ingest().submit_one(transaction, Box::new(|_| ()));
            }
        } else {
            runtime.ingest().submit(batch.to_vec()).expect("it runs");
        }
        sent += batch.len() as u64;
        while reader.counters().settled() < sent {
            assert!(runtime.is_healthy());
            look();
            std::thread::yield_now();
        }
    }
}

/// Waits until no more is in memory than may be.
fn wait_for_the_bound(reader: &Reader) {
    while reader.counters().resident_bytes > BYTES_MAX + SLACK {
        std::thread::yield_now();
    }
}

fn check(seed: u64, shape: Shape, threads: usize) -> Counters {
    let what = format!("seed {seed}, {shape:?}, {threads} threads");
    let graph = ConflictGraph::random(seed, shape, TRANSACTIONS, GENESIS_HASH);
    let mut config = config(&graph, threads, &MemoryDisk::new());
    config.record_order = true;
    let runtime = Runtime::start(config.clone()).expect(&what);
    let reader = runtime.reader();
    wait_for_the_bound(&reader);
    submit(&runtime, &graph.transactions, || ());
    wait_for_the_bound(&reader);
    assert!(runtime.shutdown(DEADLINE), "{what}");
    let counters = reader.counters();
    let serial = reader.take_order().run_serially(&config);
    assert!(
        serial.differences.is_empty(),
        "{what}: {:#?}",
        serial.differences
    );
    let found = accounts(&reader);
    assert!(found == serial.accounts, "{what}");
    assert_eq!(serial.charged, counters.visible, "{what}");
    counters
}

fn check_all_shapes(threads: usize) {
    let (mut cold_reads, mut bounces, mut visible) = (0, 0, 0);
    for (seed, shape) in (0..).zip(Shape::ALL) {
        let counters = check(seed, shape, threads);
        cold_reads += counters.cold_reads;
        bounces += counters.bounces;
        visible += counters.visible;
    }
    println!("{threads} threads: {visible} visible, {cold_reads} cold reads, {bounces} bounces");
    assert!(cold_reads > 1_000, "most accounts are cold");
    assert!(bounces > 50, "what waits is fetched again");
}

#[test]
fn one_thread_leaves_what_a_serial_run_leaves() {
    check_all_shapes(1);
}

#[test]
fn two_threads_leave_what_a_serial_run_leaves() {
    check_all_shapes(2);
}

#[test]
fn three_threads_leave_what_a_serial_run_leaves() {
    check_all_shapes(3);
}

#[test]
fn eight_threads_leave_what_a_serial_run_leaves() {
    check_all_shapes(8);
}

/// Starts on the disk and stops at once; the accounts, without the leader's, and the count of transactions.
fn start_and_stop(config: RuntimeConfig) -> (HashMap<Pubkey, AccountState>, u64) {
    let runtime = Runtime::start(config).expect("it starts");
    let reader = runtime.reader();
    assert!(runtime.shutdown(DEADLINE));
    let mut accounts = accounts(&reader);
    // The fees of the last slot are paid in the slot after it, which may not have opened.
    accounts.remove(&chain_signer().pubkey());
    (accounts, reader.transaction_count())
}

/// The same on a copy of the disk, without its account files and without a bound.
fn replay_all(config: &RuntimeConfig, disk: &MemoryDisk) -> (HashMap<Pubkey, AccountState>, u64) {
    let mut config = config.clone();
    let disk: Arc<dyn Disk> = Arc::new(disk.copy());
    config.ledger = Some(disk);
    config.checkpoints = None;
    config.limits.accounts_memory_max = None;
    start_and_stop(config)
}

#[test]
fn after_a_crash_at_any_moment_a_bounded_start_and_the_whole_log_agree() {
    for seed in 0..6u64 {
        let what = format!("seed {seed}");
        println!("{what}");
        let mut random = StdRng::seed_from_u64(seed);
        let shape = Shape::ALL[seed as usize % 4];
        let graph = ConflictGraph::random(seed, shape, TRANSACTIONS, GENESIS_HASH);
        let mut disk = MemoryDisk::new();
        // Crashed more than once: the second start is from what the first left.
        for life in 0..3 {
            let mut config = config(&graph, 1 + seed as usize % 3, &disk);
            let runtime = Runtime::start(config.clone()).expect(&what);
            let reader = runtime.reader();
            let part = graph.transactions.chunks(300).nth(life).expect("three");
            let crash_at = reader.transaction_count() + random.random_range(0..part.len() as u64);
            let mut crashed = None;
            submit(&runtime, part, || {
                let visible = reader.transaction_count();
                if crashed.is_none() && visible >= crash_at {
                    crashed = Some((disk.crash(seed), visible));
                }
            });
            let at_the_end = || (disk.crash(seed), reader.transaction_count());
            let (after, visible) = crashed.unwrap_or_else(at_the_end);
            assert!(runtime.shutdown(DEADLINE), "{what}");
            disk = after;

            let whole = replay_all(&config, &disk);
            let copy: Arc<dyn Disk> = Arc::new(disk.copy());
            config.ledger = Some(copy);
            let bounded = start_and_stop(config);
            assert!(whole == bounded, "{what}, life {life}");
            assert!(whole.1 >= visible, "{what}, life {life}");
        }
    }
}

#[test]
fn a_bound_without_account_files_is_refused() {
    let graph = ConflictGraph::random(1, Shape::Even, 1, GENESIS_HASH);
    let mut config = config(&graph, 2, &MemoryDisk::new());
    config.ledger = None;
    let error = Runtime::start(config).err().expect("it is refused");
    assert!(matches!(error, StartError::NoAccountFiles), "{error}");
}

#[test]
fn a_transaction_whose_accounts_cannot_be_read_is_refused_and_says_why() {
    let graph = ConflictGraph::random(3, Shape::Even, 200, GENESIS_HASH);
    let disk = MemoryDisk::new();
    let runtime = Runtime::start(config(&graph, 2, &disk)).expect("it starts");
    let reader = runtime.reader();
    wait_for_the_bound(&reader);
    for (name, bytes) in disk.files() {
        if name.ends_with(".seg") {
            // Each record from the second on has at least one of these.
            for byte in (200..bytes).step_by(64) {
                disk.flip_bit(&name, byte * 8);
            }
        }
    }
    let (sender, told) = std::sync::mpsc::channel();
    for transaction in &graph.transactions {
        let sender = sender.clone();
        let on_admission = Box::new(move |result: Result<_, sealane_runtime::Refusal>| {
            let _ = sender.send(result.map_err(|refusal| refusal.to_string()));
        });
        runtime
            .ingest()
            .submit_one(transaction.clone(), on_admission);
    }
    drop(sender);
    let refused: Vec<String> = told.iter().filter_map(Result::err).collect();
    println!("{} refused: {:?}", refused.len(), refused.first());
    let named = |told: &&String| told.contains("accounts/") && told.contains("damaged at byte");
    assert!(refused.iter().filter(named).count() > 50);
    assert!(runtime.is_healthy());
    assert!(runtime.shutdown(DEADLINE));
}
