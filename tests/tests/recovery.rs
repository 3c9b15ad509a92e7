//! A chain that is brought back from its block log: the same accounts and results on any number of banking
//! threads, and after a crash at any moment a prefix of what ran, with all in it that was visible.
//!
//! `SEALANE_SEEDS=1000 cargo test -p sealane-tests --test recovery --test checkpoints crash` is the long run.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sealane_runtime::{
    BankingThreads, Disk, Event, LedgerError, MemoryDisk, Reader, Runtime, RuntimeConfig,
    StartError, TransactionRecord,
};
use sealane_sdk::{AccountState, Programs, Pubkey};
use sealane_tests::{ConflictGraph, Shape, mixer, seeds};
use solana_hash::Hash;
use solana_signature::Signature;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const BLOCKHASH: Hash = Hash::new_from_array([9; 32]);
const DEADLINE: Duration = Duration::from_secs(20);

fn config(graph: &ConflictGraph, threads: usize, disk: &MemoryDisk) -> RuntimeConfig {
    let mut programs = Programs::builtin();
    programs.add(mixer());
    let mut config = RuntimeConfig::new(Arc::new(programs), BLOCKHASH, IDENTITY);
    config.genesis_accounts = graph.genesis.clone();
    config.banking_threads = BankingThreads::Fixed(threads);
    config.check_signatures = false;
    // Slots turn, and the blockhash lasts.
    config.slot_duration = Duration::from_millis(40);
    config.entry_interval = Duration::from_micros(300);
    config.record_order = true;
    config.limits.listener_events_max = 1 << 20;
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    config.ledger = Some(disk);
    config
}

const IDENTITY: Pubkey = Pubkey::new_from_array([5; 32]);

/// Everything that a chain shows.
#[derive(PartialEq)]
struct State {
    accounts: HashMap<Pubkey, AccountState>,
    transactions: u64,
    blockhashes: Vec<(Hash, u64)>,
}

fn state(reader: &Reader) -> State {
    let mut accounts = HashMap::new();
    let pin = reader.pin().expect("few readers");
    pin.all(&mut |key, state| {
        accounts.insert(*key, state.clone());
    })
    .expect("the pin is young");
    State {
        accounts,
        transactions: reader.transaction_count(),
        blockhashes: reader.slot().blockhashes.to_vec(),
    }
}

/// Signatures and results in the serial order.
fn results(events: &crossbeam_channel::Receiver<Event>) -> Vec<(Signature, TransactionRecord)> {
    let mut results = Vec::new();
    for event in events.try_iter() {
        if let Event::Entry { transactions, .. } = event {
            let each = transactions.iter();
            results.extend(each.map(|it| (*it.transaction().signature(), it.record())));
        }
    }
    results
}

/// What a chain remembers of these transactions.
fn remembered(reader: &Reader, of: &[(Signature, TransactionRecord)]) -> Vec<bool> {
    of.iter()
        .map(|(signature, record)| {
            let found = reader.transaction(signature).unwrap();
            found.is_some_and(|found| found.record() == *record)
        })
        .collect()
}

fn check_serially(reader: &Reader, config: &RuntimeConfig, what: &str) {
    let state = state(reader);
    let serial = reader.take_order().run_serially(config);
    assert_eq!(serial.differences, [], "{what}");
    assert!(state.accounts == serial.accounts, "{what}: accounts differ");
    assert_eq!(state.transactions, serial.charged, "{what}");
}

#[test]
fn a_replay_on_any_number_of_threads_leaves_the_same_accounts_and_results() {
    for (seed, shape) in (0..).zip(Shape::ALL) {
        let graph = ConflictGraph::random(seed, shape, 1_500, BLOCKHASH);
        let disk = MemoryDisk::new();
        let runtime = Runtime::start(config(&graph, 3, &disk)).expect("it starts");
        let reader = runtime.reader();
        let events = reader.listen();
        for batch in graph.transactions.chunks(50) {
            runtime.ingest().submit(batch.to_vec()).expect("it runs");
        }
        while reader.counters().settled() < graph.transactions.len() as u64 {
            std::thread::yield_now();
        }
        assert!(runtime.shutdown(DEADLINE));
        let (state_before, results) = (state(&reader), results(&events));
        assert_eq!(results.len() as u64, state_before.transactions);
        for threads in [1, 2, 3, 8] {
            let what = format!("seed {seed}, {shape:?}, {threads} threads");
            let config = config(&graph, threads, &disk.copy());
            let runtime = Runtime::start(config.clone()).expect(&what);
            let reader = runtime.reader();
            assert!(runtime.shutdown(DEADLINE), "{what}");
            let mut after = state(&reader);
            // Slots that opened since it started are behind those that were there.
            let newest = state_before.blockhashes[0];
            let old = after.blockhashes.iter().position(|it| *it == newest);
            after
                .blockhashes
                .drain(..old.expect("its blockhashes go on"));
            after.blockhashes.truncate(state_before.blockhashes.len());
            assert!(
                state_before.blockhashes.starts_with(&after.blockhashes),
                "{what}: blockhashes differ"
            );
            // The fees of the last slot are paid in the slot after it, by who opens that.
            let paid = after.accounts.remove(&IDENTITY);
            let mut before = state_before.accounts.clone();
            let unpaid = before.remove(&IDENTITY);
            let lamports = |state: Option<AccountState>| state.map_or(0, |state| state.lamports);
            assert!(lamports(paid) >= lamports(unpaid), "{what}");
            assert!(before == after.accounts, "{what}: accounts differ");
            assert_eq!(state_before.transactions, after.transactions, "{what}");
            assert!(remembered(&reader, &results).iter().all(|it| *it), "{what}");
            check_serially(&reader, &config, &what);
        }
    }
}

#[test]
fn after_a_crash_at_any_moment_a_prefix_is_there_with_all_that_was_visible() {
    let mut prefixes = Vec::new();
    for seed in 0..seeds(12) {
        let mut random = StdRng::seed_from_u64(seed);
        let shape = Shape::ALL[seed as usize % 4];
        let graph = ConflictGraph::random(seed, shape, 1_200, BLOCKHASH);
        let disk = MemoryDisk::new();
        let runtime = Runtime::start(config(&graph, 2, &disk)).expect("it starts");
        let reader = runtime.reader();
        let events = reader.listen();
        let crash_at = random.random_range(0..1_000);
        let mut crashed = None;
        let mut look = || {
            // What anybody was told before the power went.
            let visible = reader.counters().visible;
            if crashed.is_none() && visible >= crash_at {
                crashed = Some((disk.crash(seed), visible));
            }
        };
        for batch in graph.transactions.chunks(20) {
            runtime.ingest().submit(batch.to_vec()).expect("it runs");
            look();
        }
        while reader.counters().settled() < graph.transactions.len() as u64 {
            look();
        }
        look();
        assert!(runtime.shutdown(DEADLINE));
        let results = results(&events);
        let (crashed, visible) = crashed.expect("the power went");

        let what = format!("seed {seed}, {shape:?}");
        let config = config(&graph, 1 + seed as usize % 3, &crashed);
        let runtime = Runtime::start(config.clone()).expect(&what);
        let reader = runtime.reader();
        let found = remembered(&reader, &results);
        let prefix = found.iter().take_while(|it| **it).count();
        assert!(found[prefix..].iter().all(|it| !it), "{what}: not a prefix");
        assert_eq!(reader.transaction_count(), prefix as u64, "{what}");
        assert!(prefix as u64 >= visible, "{what}: {prefix} of {visible}");
        prefixes.push((prefix, results.len()));

        // The rest can be sent again; what is there is refused.
        for batch in graph.transactions.chunks(100) {
            runtime.ingest().submit(batch.to_vec()).expect("it runs");
        }
        let total = graph.transactions.len() as u64;
        while reader.counters().settled() < total {
            std::thread::yield_now();
        }
        // Replay protection knows what ran before: each message runs once. (A graph repeats some.)
        assert!(reader.counters().refused >= prefix as u64, "{what}");
        assert!(runtime.shutdown(DEADLINE), "{what}");
        check_serially(&reader, &config, &what);
    }
    println!("{prefixes:?}");
    assert!(
        prefixes.iter().any(|(prefix, all)| prefix < all),
        "some crash lost what was not visible"
    );
}

#[test]
fn a_log_whose_results_are_others_is_refused_with_the_place() {
    let graph = ConflictGraph::random(3, Shape::Even, 300, BLOCKHASH);
    let disk = MemoryDisk::new();
    let runtime = Runtime::start(config(&graph, 2, &disk)).expect("it starts");
    runtime
        .ingest()
        .submit(graph.transactions.clone())
        .expect("it runs");
    let reader = runtime.reader();
    while reader.counters().settled() < graph.transactions.len() as u64 {
        std::thread::yield_now();
    }
    assert!(runtime.shutdown(DEADLINE));

    // As if another genesis had been under the same log: a payer has one lamport more.
    let mut other = config(&graph, 2, &disk.copy());
    let payer = other.genesis_accounts.last_mut().expect("there are payers");
    payer.1.lamports += 1;
    match Runtime::start(other).err() {
        Some(StartError::Ledger(LedgerError::Differs {
            entry, signature, ..
        })) => assert!(entry > 0 && signature.is_some()),
        other => panic!("{other:?}"),
    }
    // Nothing was written: the right one still starts.
    let runtime = Runtime::start(config(&graph, 2, &disk)).expect("it starts");
    assert!(runtime.shutdown(DEADLINE));
}
