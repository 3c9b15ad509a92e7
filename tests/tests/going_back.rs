//! A chain for development goes back to snapshots: everything is as it was, in memory, for the oracle, and for a
//! replay of its ledger.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sealane_runtime::{
    BlockLogReader, ChainOrigin, ChainWalk, Disk, DiskFault, MemoryDisk, Notice, Operator,
    OperatorError, Reader, Runtime, RuntimeConfig, TimeTravel, replay_ledger,
};
use sealane_sdk::{AccountState, Pubkey};
use sealane_tests::{
    ConflictGraph, GENESIS_HASH, Shape, all_accounts, chain_config, chain_signer,
    checkpoint_at_each_slot, seeds,
};
use solana_hash::Hash;
use solana_signature::Signature;
use solana_signer::Signer;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

fn config(graph: &ConflictGraph, threads: usize, disk: Option<&MemoryDisk>) -> RuntimeConfig {
    let mut config = chain_config(graph, threads, disk);
    config.slot_duration = Duration::from_millis(50);
    config.record_order = true;
    config.dev = true;
    config.on_notice = Arc::new(|notice: &Notice| panic!("nothing is wrong: {notice}"));
    config.checkpoints = disk.map(|_| checkpoint_at_each_slot());
    config
}

/// Everything that a chain shows.
#[derive(PartialEq)]
struct Shown {
    accounts: HashMap<Pubkey, AccountState>,
    transactions: u64,
    slot: u64,
    time_ms: i64,
    blockhashes: Vec<(Hash, u64)>,
    blocks: Vec<u64>,
    header: Hash,
    found: Vec<bool>,
    of_address: Vec<Signature>,
}

fn shown(reader: &Reader, graph: &ConflictGraph, signatures: &[Signature]) -> Shown {
    let slot = reader.slot();
    let last = slot.slot - 1;
    let (asked, every) = (Instant::now(), (0..slot.slot).collect::<Vec<_>>());
    let mut blocks = Vec::new();
    // The header of the last slot, and what is not in memory of the slots, come soon after it.
    while blocks != every || reader.header(None).is_none_or(|it| it.header.slot < last) {
        assert!(
            asked.elapsed() < DEADLINE,
            "before slot {}: {blocks:?}",
            slot.slot
        );
        blocks = reader.blocks(0, u64::MAX - 1, 1_000_000);
    }
    let found = signatures
        .iter()
        .map(|signature| reader.transaction(signature).unwrap().is_some());
    let address = graph.genesis[0].0;
    let of_address = reader
        .transactions_of(&address, None, None, 10_000)
        .unwrap();
    Shown {
        accounts: all_accounts(reader),
        transactions: reader.transaction_count(),
        slot: slot.slot,
        time_ms: slot.time_ms,
        blockhashes: slot.blockhashes.to_vec(),
        blocks,
        header: reader.header(None).expect("it is there").header.hash(),
        found: found.collect(),
        of_address: of_address
            .iter()
            .map(|it| *it.transaction().signature())
            .collect(),
    }
}

fn assert_same(is: &Shown, was: &Shown, what: &str) {
    assert_eq!((is.slot, is.time_ms), (was.slot, was.time_ms), "{what}");
    assert_eq!(is.transactions, was.transactions, "{what}");
    assert_eq!(is.blockhashes, was.blockhashes, "{what}");
    assert_eq!(is.blocks, was.blocks, "{what}, slot {}", is.slot);
    assert_eq!(is.header, was.header, "{what}");
    assert_eq!(is.found, was.found, "{what}");
    assert_eq!(is.of_address, was.of_address, "{what}");
    assert!(is.accounts == was.accounts, "{what}: accounts differ");
}

fn submit(runtime: &Runtime, transactions: &[bytes::Bytes]) {
    let reader = runtime.reader();
    let total = reader.counters().settled() + transactions.len() as u64;
    for batch in transactions.chunks(20) {
        runtime.ingest().submit(batch.to_vec()).expect("it runs");
    }
    while reader.counters().settled() < total {
        std::thread::yield_now();
    }
}

fn set_some(operator: &Operator, graph: &ConflictGraph, rng: &mut StdRng) {
    for _ in 0..3 {
        let (key, _) = graph.genesis[rng.random_range(0..graph.genesis.len())];
        let lamports = rng.random_range(0..4) * 1_000_000_000;
        let set = move |before: &AccountState| {
            Ok(AccountState {
                lamports,
                ..before.clone()
            })
        };
        operator.set_account(&key, set).expect("it is set");
    }
    let new = Pubkey::new_from_array(rng.random());
    let set = |_: &AccountState| {
        Ok(AccountState {
            lamports: 5,
            data: vec![7; 100].into(),
            ..AccountState::default()
        })
    };
    operator.set_account(&new, set).expect("it is set");
}

/// Takes snapshots and goes back to them at random, and holds what is shown against what was. The reader, and what was
/// shown at the end.
fn wander(
    config: &RuntimeConfig,
    graph: &ConflictGraph,
    seed: u64,
) -> HashMap<Pubkey, AccountState> {
    let runtime = Runtime::start(config.clone()).expect("it starts");
    let (operator, reader) = (runtime.operator().expect("it is"), runtime.reader());
    operator.pause_clock().expect("it stops");
    let mut rng = StdRng::seed_from_u64(seed);
    let signatures: Vec<Signature> = graph
        .transactions
        .iter()
        .map(|wire| Signature::try_from(&wire[1..65]).expect("it has one"))
        .collect();
    let mut snapshots: Vec<(u64, Shown)> = Vec::new();
    let (mut went_back, mut next) = (0, 0);
    let mut chunks: Vec<&[bytes::Bytes]> = graph.transactions.chunks(30).collect();
    for step in 0..60 {
        match rng.random_range(0..10) {
            0..2 => {
                let id = operator.snapshot().expect("there is room");
                snapshots.push((id, shown(&reader, graph, &signatures)));
            }
            2..4 if !snapshots.is_empty() => {
                let at = rng.random_range(0..snapshots.len());
                let (id, was) = snapshots.drain(at..).next().expect("it is there");
                assert!(operator.revert(id).expect("it goes back"));
                let what = format!("seed {seed}, step {step}, back to {id}");
                assert_same(&shown(&reader, graph, &signatures), &was, &what);
                assert!(!operator.revert(id).expect("it is over"), "{what}");
                went_back += 1;
                // What was reverted may be sent again.
                next = rng.random_range(0..=next);
            }
            4 => {
                let to = TimeTravel::Slot(reader.slot().slot + rng.random_range(1..40));
                operator.time_travel(to).expect("it is ahead");
            }
            5 => set_some(&operator, graph, &mut rng),
            _ => {
                if next < chunks.len() {
                    submit(&runtime, chunks[next]);
                    next += 1;
                }
            }
        }
    }
    chunks.clear();
    assert!(went_back > 2, "seed {seed}: {went_back}");
    operator.resume_clock().expect("it goes on");
    let until = reader.slot().slot + 2;
    while reader.slot().slot < until {
        std::thread::yield_now();
    }
    assert!(runtime.shutdown(DEADLINE));
    assert!(reader.is_healthy());
    let serial = reader.take_order().run_serially(config);
    assert_eq!(serial.differences, [], "seed {seed}");
    let mut left = all_accounts(&reader);
    assert!(
        serial.accounts == left,
        "seed {seed}: accounts differ from the serial run"
    );
    assert_eq!(serial.charged, reader.transaction_count(), "seed {seed}");
    left.remove(&chain_signer().pubkey());
    left
}

#[test]
fn in_memory_everything_is_as_it_was() {
    for (seed, shape) in (0..seeds(4)).zip(Shape::ALL.into_iter().cycle()) {
        let graph = ConflictGraph::random(seed, shape, 600, GENESIS_HASH);
        for threads in [1, 3] {
            wander(&config(&graph, threads, None), &graph, seed);
        }
    }
}

#[test]
fn with_a_ledger_everything_is_as_it_was_and_a_replay_agrees() {
    for (seed, shape) in (0..seeds(4)).zip(Shape::ALL.into_iter().cycle()) {
        let what = format!("seed {seed}, {shape:?}");
        let graph = ConflictGraph::random(seed, shape, 600, GENESIS_HASH);
        let disk = MemoryDisk::new();
        let mut first = config(&graph, 3, Some(&disk));
        // Little stays in memory, and the index has runs.
        first.limits.recent_history_bytes_max = 20_000;
        first.limits.archive.batch_transactions_max = 50;
        let left = wander(&first, &graph, seed);
        let log = BlockLogReader::open(Arc::new(disk.clone()), &GENESIS_HASH).expect("a log");
        let origin = ChainOrigin {
            genesis_hash: GENESIS_HASH,
            genesis_time: first.genesis_time,
            identity: chain_signer().pubkey(),
        };
        for step in ChainWalk::new(&log, &origin, &[]).expect("it begins") {
            step.expect(&what);
        }
        for threads in [1, 2] {
            let mut whole = config(&graph, threads, Some(&disk.copy()));
            whole.checkpoints = None;
            replay_ledger(whole.clone()).expect(&what);
            let mut from_checkpoint = config(&graph, threads, Some(&disk.copy()));
            from_checkpoint.record_order = false;
            for config in [whole, from_checkpoint] {
                let runtime = Runtime::start(config).expect(&what);
                let reader = runtime.reader();
                assert!(runtime.shutdown(DEADLINE), "{what}");
                let mut after = all_accounts(&reader);
                after.remove(&chain_signer().pubkey());
                assert!(after == left, "{what}: accounts differ");
            }
        }
    }
}

/// Power goes at any call of the disk while the chain goes back: it has gone back, or it has not.
#[test]
fn after_a_crash_the_chain_has_gone_back_or_has_not() {
    let graph = ConflictGraph::random(5, Shape::Even, 60, GENESIS_HASH);
    let (before, behind) = graph.transactions.split_at(30);
    let key = Pubkey::new_from_array([77; 32]);
    let mark = |lamports: u64| {
        move |_: &AccountState| {
            Ok(AccountState {
                lamports,
                ..AccountState::default()
            })
        }
    };
    let (mut went_back, mut stayed) = (0, 0);
    for call in 1.. {
        let disk = MemoryDisk::new();
        let mut config = config(&graph, 2, Some(&disk));
        config.on_notice = Arc::new(|_: &Notice| ());
        config.slot_duration = Duration::from_secs(60);
        let runtime = Runtime::start(config.clone()).expect("it starts");
        let operator = runtime.operator().expect("it is");
        submit(&runtime, before);
        operator
            .set_account(&key, mark(1_000_000))
            .expect("it is set");
        let id = operator.snapshot().expect("there is room");
        submit(&runtime, behind);
        operator
            .set_account(&key, mark(2_000_000))
            .expect("it is set");
        operator
            .time_travel(TimeTravel::Slot(40))
            .expect("it is ahead");
        disk.fail_call(disk.calls() + call, DiskFault::PowerOff);
        let told = operator.revert(id);
        let done = told == Ok(true);
        assert!(done || told == Err(OperatorError::Stopped), "{told:?}");
        let hit = !runtime.is_healthy() || told.is_err();
        runtime.shutdown(DEADLINE);
        for seed in 0..3 {
            let disk: Arc<dyn Disk> = Arc::new(disk.crash(seed));
            let mut config = config.clone();
            config.ledger = Some(disk);
            let what = format!("call {call}, seed {seed}");
            let runtime = Runtime::start(config).expect(&what);
            let reader = runtime.reader();
            assert!(runtime.shutdown(DEADLINE), "{what}");
            let lamports = all_accounts(&reader)[&key].lamports;
            let transactions = reader.transaction_count();
            match lamports {
                1_000_000 => assert!(transactions <= 30, "{what}"),
                _ => assert!(!done && transactions > 30, "{what}: {lamports}"),
            }
            went_back += u32::from(lamports == 1_000_000);
            stayed += u32::from(lamports != 1_000_000);
        }
        if !hit {
            break;
        }
    }
    println!("went back {went_back} times, stayed {stayed} times");
    assert!(went_back > 0 && stayed > 0);
}

#[test]
fn there_are_so_many_snapshots_and_no_more() {
    let graph = ConflictGraph::random(5, Shape::Even, 1, GENESIS_HASH);
    let mut config = config(&graph, 1, None);
    config.limits.snapshots_max = 3;
    let runtime = Runtime::start(config).expect("it starts");
    let operator = runtime.operator().expect("it is");
    let ids: Vec<u64> = (0..3).map(|_| operator.snapshot().expect("room")).collect();
    let (max, full) = (3, operator.snapshot());
    assert_eq!(full, Err(OperatorError::TooManySnapshots { max }));
    assert!(!operator.revert(99).expect("there is none"));
    assert!(operator.revert(ids[1]).expect("it is there"));
    assert!(!operator.revert(ids[2]).expect("it was taken later"));
    let again = operator.snapshot().expect("there is room again");
    assert!(!ids.contains(&again));
    assert!(runtime.shutdown(DEADLINE));
}

/// Nothing is seen half gone back.
#[test]
fn readers_see_all_of_it_or_nothing() {
    let graph = ConflictGraph::random(5, Shape::Even, 1, GENESIS_HASH);
    let runtime = Runtime::start(config(&graph, 3, None)).expect("it starts");
    let (operator, reader) = (runtime.operator().expect("it is"), runtime.reader());
    let keys: Arc<Vec<Pubkey>> = Arc::new(
        (1..=200)
            .map(|n| {
                Pubkey::new_from_array([[n; 16], [0xab; 16]].concat().try_into().expect("32 bytes"))
            })
            .collect(),
    );
    let id = operator.snapshot().expect("room");
    for key in keys.iter() {
        let set = |_: &AccountState| {
            Ok(AccountState {
                lamports: 1,
                ..AccountState::default()
            })
        };
        operator.set_account(key, set).expect("it is set");
    }
    let (looks, stops) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (seen_keys, seer_looks, seer_stops) = (keys.clone(), looks.clone(), stops.clone());
    let seer = std::thread::spawn(move || {
        while !seer_stops.load(Ordering::Relaxed) {
            let pin = reader.pin().expect("few readers");
            let there = seen_keys
                .iter()
                .filter(|key| pin.get(key).unwrap().is_some());
            let there = there.count();
            assert!(there == 0 || there == 200, "{there}");
            seer_looks.fetch_add(1, Ordering::Relaxed);
        }
    });
    while looks.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    assert!(operator.revert(id).expect("it is there"));
    stops.store(true, Ordering::Relaxed);
    seer.join().expect("it saw nothing half done");
    assert!(runtime.shutdown(DEADLINE));
}
