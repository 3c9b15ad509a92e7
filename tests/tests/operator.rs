//! What the operator of a chain for development does is in the serial order and in the log: the oracle and a
//! replay on any number of threads come to the same.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sealane_runtime::{
    BlockLogReader, ChainItem, ChainOrigin, ChainWalk, MemoryDisk, NoBlock, Operator,
    OperatorError, Reader, Runtime, RuntimeConfig, TimeTravel, replay_ledger,
};
use sealane_sdk::{AccountState, Pubkey};
use sealane_tests::{
    ConflictGraph, GENESIS_HASH, Shape, all_accounts, chain_config, chain_signer,
    checkpoint_at_each_slot, seeds,
};
use solana_hash::Hash;
use solana_signer::Signer;
use std::collections::HashMap;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

fn config(graph: &ConflictGraph, threads: usize, disk: &MemoryDisk) -> RuntimeConfig {
    let mut config = chain_config(graph, threads, Some(disk));
    config.slot_duration = Duration::from_millis(40);
    config.record_order = true;
    config.dev = true;
    config
}

/// Everything that a chain shows, but for the account that fees go to.
#[derive(PartialEq)]
struct State {
    accounts: HashMap<Pubkey, AccountState>,
    transactions: u64,
}

fn state(reader: &Reader) -> State {
    let mut accounts = all_accounts(reader);
    accounts.remove(&chain_signer().pubkey());
    State {
        accounts,
        transactions: reader.transaction_count(),
    }
}

/// Makes of one of the graph's accounts what nobody could by a transaction.
fn set_one(operator: &Operator, graph: &ConflictGraph, rng: &mut StdRng) {
    let (key, _) = graph.genesis[rng.random_range(0..graph.genesis.len())];
    let byte: u8 = rng.random();
    let set = move |before: &AccountState| {
        let mut state = before.clone();
        match byte % 8 {
            // It goes, and may come back.
            0 => return Ok(AccountState::default()),
            1 => return Err("not this one".to_owned()),
            _ => state.lamports = state.lamports.saturating_add(1_000_000 + u64::from(byte)),
        }
        let mut data = state.data.read(..).into_owned();
        if let Some(first) = data.first_mut() {
            *first ^= byte;
        }
        state.data = data.into();
        Ok(state)
    };
    match (operator.set_account(&key, set), byte % 8) {
        (Ok(_), 0 | 2..) => {}
        (Err(OperatorError::Refused(reason)), 1) => assert_eq!(reason, "not this one"),
        (outcome, byte) => panic!("{byte}: {outcome:?}"),
    }
}

/// Runs the graph, sets accounts and moves the clock meanwhile, and stops; the state and the last slots.
fn run(config: &RuntimeConfig, graph: &ConflictGraph, seed: u64) -> (State, Vec<(Hash, u64)>) {
    let runtime = Runtime::start(config.clone()).expect("it starts");
    let operator = runtime.operator().expect("it is for development");
    let reader = runtime.reader();
    let mut rng = StdRng::seed_from_u64(seed);
    for (number, batch) in graph.transactions.chunks(40).enumerate() {
        runtime.ingest().submit(batch.to_vec()).expect("it runs");
        set_one(&operator, graph, &mut rng);
        let open = reader.slot();
        match number % 9 {
            3 => {
                let to = TimeTravel::Slot(open.slot + rng.random_range(1..6));
                operator.time_travel(to).expect("it is ahead");
            }
            5 => {
                let to = TimeTravel::Time(open.time_ms.unsigned_abs() + 1_234_567);
                let after = operator.time_travel(to).expect("it is ahead");
                assert!(after.time_ms >= open.time_ms + 1_234_567);
            }
            7 => {
                operator.pause_clock().expect("it stops");
                set_one(&operator, graph, &mut rng);
                operator.resume_clock().expect("it goes on");
            }
            _ => {}
        }
    }
    while reader.counters().settled() < graph.transactions.len() as u64 {
        std::thread::yield_now();
    }
    if seed == 0 {
        // Over an epoch's end.
        let epoch = operator.time_travel(TimeTravel::Epoch(1)).expect("far");
        assert_eq!((epoch.slot, epoch.sysvars.clock.epoch), (432_000, 1));
        set_one(&operator, graph, &mut rng);
    }
    let far = TimeTravel::Slot(reader.slot().slot + 7_000);
    operator.time_travel(far).expect("it is ahead");
    assert!(runtime.shutdown(DEADLINE));
    assert!(reader.is_healthy());
    let serial = reader.take_order().run_serially(config);
    assert_eq!(serial.differences, [], "seed {seed}");
    let mut accounts = serial.accounts;
    accounts.remove(&chain_signer().pubkey());
    let state = state(&reader);
    assert!(accounts == state.accounts, "seed {seed}: accounts differ");
    (state, reader.slot().blockhashes.to_vec())
}

#[test]
fn the_oracle_and_a_replay_come_to_what_the_operator_left() {
    for (seed, shape) in (0..seeds(4)).zip(Shape::ALL.into_iter().cycle()) {
        let what = format!("seed {seed}, {shape:?}");
        let graph = ConflictGraph::random(seed, shape, 1_200, GENESIS_HASH);
        let disk = MemoryDisk::new();
        let (before, blockhashes) = run(&config(&graph, 3, &disk), &graph, seed);
        for threads in [1, 2, 8] {
            let config = config(&graph, threads, &disk.copy());
            // Every header that was logged, with its state root, is compared.
            let replayed = replay_ledger(config.clone()).expect(&what);
            assert!(replayed.progress.headers > 0, "{what}");
            let runtime = Runtime::start(config.clone()).expect(&what);
            let reader = runtime.reader();
            assert!(runtime.shutdown(DEADLINE), "{what}");
            assert!(state(&reader) == before, "{what}, {threads} threads");
            let after = reader.slot();
            let newest = after
                .blockhashes
                .iter()
                .position(|it| *it == blockhashes[0]);
            let newest = newest.expect("its blockhashes go on");
            let common = after.blockhashes.len() - newest;
            assert_eq!(after.blockhashes[newest..], blockhashes[..common], "{what}");
            let serial = reader.take_order().run_serially(&config);
            assert_eq!(serial.differences, [], "{what}");
        }
    }
}

#[test]
fn slots_that_passed_at_once_are_blocks_like_others_in_memory_and_in_the_ledger() {
    let graph = ConflictGraph::random(1, Shape::Even, 40, GENESIS_HASH);
    let disk = MemoryDisk::new();
    let config = config(&graph, 2, &disk);
    let runtime = Runtime::start(config.clone()).expect("it starts");
    let operator = runtime.operator().expect("it is for development");
    let reader = runtime.reader();
    operator.pause_clock().expect("it stops");
    runtime
        .ingest()
        .submit(graph.transactions.clone())
        .expect("it runs");
    while reader.counters().settled() < graph.transactions.len() as u64 {
        std::thread::yield_now();
    }
    let full = reader.slot();
    let to = full.slot + 20_000;
    let open = operator
        .time_travel(TimeTravel::Slot(to))
        .expect("it is ahead");
    assert_eq!((open.slot, reader.slot().slot), (to, to));
    let step = open.time_ms - full.time_ms;
    assert_eq!(step, 20_000 * 40, "time goes with the slots");
    let (mut asked, mut previous) = (vec![], full.blockhash());
    for slot in full.slot..to {
        if slot < full.slot + 3 || slot % 4_096 < 2 || slot + 160 > to {
            asked.push(slot);
        }
    }
    let check = |reader: &Reader| {
        for slot in &asked {
            let block = reader.block(*slot).expect("no slot is skipped");
            let is_full = *slot == full.slot;
            assert_eq!(block.transactions().count() > 0, is_full, "slot {slot}");
            let next = reader.block(slot + 1);
            if let Ok(next) = &next {
                assert_eq!(next.previous_blockhash, block.blockhash, "slot {slot}");
            }
            if let Some((hash, _)) = open.blockhashes.iter().find(|(_, of)| of == slot) {
                assert_eq!(*hash, block.blockhash, "slot {slot}");
            }
            let passed_ms = (slot - full.slot) as i64 * 40;
            assert_eq!(
                block.block_time,
                (full.time_ms + passed_ms).div_euclid(1_000)
            );
        }
        let all = reader.blocks(full.slot, to - 1, 100_000);
        assert_eq!(all, (full.slot..to).collect::<Vec<_>>());
    };
    let first = reader.block(full.slot).expect("it is sealed");
    assert_eq!(
        std::mem::replace(&mut previous, first.blockhash),
        first.previous_blockhash
    );
    assert_eq!(reader.block(to).err(), Some(NoBlock::NotYet));
    check(&reader);
    // The header chain goes through all of them.
    while reader.header(Some(to - 1)).is_none() {
        std::thread::yield_now();
    }
    let (last, before) = (reader.header(Some(to - 1)), reader.header(Some(to - 2)));
    let (last, before) = (last.expect("it is there"), before.expect("it is kept"));
    assert_eq!(last.header.parent, before.header.hash());
    assert_eq!(last.header.blockhash, open.blockhash());
    assert!(runtime.shutdown(DEADLINE));

    // From the archive: memory knows none of it after a start.
    let mut config = config;
    config.checkpoints = Some(checkpoint_at_each_slot());
    for _ in 0..2 {
        let runtime = Runtime::start(config.clone()).expect("it starts again");
        check(&runtime.reader());
        assert!(runtime.shutdown(DEADLINE));
    }
    let log = BlockLogReader::open(config.ledger.clone().unwrap(), &GENESIS_HASH).expect("a log");
    let origin = ChainOrigin {
        genesis_hash: GENESIS_HASH,
        genesis_time: config.genesis_time,
        identity: chain_signer().pubkey(),
    };
    let steps = ChainWalk::new(&log, &origin, &[]).expect("it begins");
    let steps: Vec<_> = steps.map(|step| step.expect("it follows")).collect();
    let opened: Vec<u64> = steps
        .iter()
        .flat_map(|step| step.opened.iter().map(|opened| opened.slot))
        .collect();
    assert!(opened.iter().copied().eq(0..opened.len() as u64));
}

#[test]
fn a_long_run_of_idle_slots_is_looked_at_in_parts() {
    let graph = ConflictGraph::random(1, Shape::Even, 1, GENESIS_HASH);
    let disk = MemoryDisk::new();
    let config = config(&graph, 1, &disk);
    let runtime = Runtime::start(config.clone()).expect("it starts");
    let operator = runtime.operator().expect("it is for development");
    operator.pause_clock().expect("it stops");
    let slots = 2_000_000;
    let open = operator
        .time_travel(TimeTravel::Slot(slots))
        .expect("it is ahead");
    assert_eq!(open.slot, slots);
    operator
        .set_account(&Pubkey::new_from_array([8; 32]), |_| {
            Ok(AccountState {
                lamports: 1_000_000,
                ..AccountState::default()
            })
        })
        .expect("it is set");
    assert!(runtime.shutdown(DEADLINE));
    let log = BlockLogReader::open(config.ledger.clone().unwrap(), &GENESIS_HASH).expect("a log");
    assert!(log.bytes() < 10_000, "one record for all of them");
    let origin = ChainOrigin {
        genesis_hash: GENESIS_HASH,
        genesis_time: config.genesis_time,
        identity: chain_signer().pubkey(),
    };
    let (mut next, mut largest, mut set) = (0, 0, Vec::new());
    for step in ChainWalk::new(&log, &origin, &[]).expect("it begins") {
        let step = step.expect("it follows");
        largest = largest.max(step.opened.len());
        for opened in &step.opened {
            assert_eq!(opened.slot, next);
            next += 1;
        }
        for item in step.items {
            if let ChainItem::AccountSet { key, state } = item {
                set.push((step.slot, key.as_array()[0], state.lamports));
            }
        }
    }
    assert!(next > slots && largest <= 1 << 16, "{next}, {largest}");
    assert_eq!(set, [(Some(slots), 8, 1_000_000)]);
    replay_ledger(config).expect("it comes to the same");
}

#[test]
fn while_the_clock_is_paused_no_slot_turns_and_blockhashes_stay_valid() {
    let graph = ConflictGraph::random(3, Shape::Zipf, 200, GENESIS_HASH);
    let mut config = config(&graph, 2, &MemoryDisk::new());
    config.ledger = None;
    // A blockhash lasts for 1.5 s.
    config.slot_duration = Duration::from_millis(10);
    let runtime = Runtime::start(config).expect("it starts");
    let operator = runtime.operator().expect("it is for development");
    let reader = runtime.reader();
    let open = operator.pause_clock().expect("it stops");
    assert!(
        open.blockhash_slot(&GENESIS_HASH).is_some(),
        "the start took too long"
    );
    let (paused, mut rng) = (Instant::now(), StdRng::seed_from_u64(3));
    while paused.elapsed() < Duration::from_millis(1_600) {
        set_one(&operator, &graph, &mut rng);
    }
    runtime
        .ingest()
        .submit(graph.transactions.clone())
        .expect("it runs");
    while reader.counters().settled() < graph.transactions.len() as u64 {
        std::thread::yield_now();
    }
    assert_eq!(reader.slot().slot, open.slot);
    assert_eq!(reader.counters().refused, 0, "none is too old");
    operator.resume_clock().expect("it goes on");
    while reader.slot().slot < open.slot + 3 {
        std::thread::yield_now();
    }
    // From where it was: the time that passed meanwhile does not count.
    let after = reader.slot();
    let slots = (after.slot - open.slot) as i64;
    assert_eq!(after.time_ms, open.time_ms + 10 * slots);
    assert!(runtime.shutdown(DEADLINE));
}

#[test]
fn what_cannot_be_is_refused() {
    let graph = ConflictGraph::random(3, Shape::Even, 1, GENESIS_HASH);
    let mut config = config(&graph, 1, &MemoryDisk::new());
    config.ledger = None;
    config.limits.travel_slots_max = 1_000;
    let mut closed = config.clone();
    closed.dev = false;
    assert!(
        Runtime::start(closed)
            .expect("it starts")
            .operator()
            .is_none()
    );
    let runtime = Runtime::start(config).expect("it starts");
    let operator = runtime.operator().expect("it is for development");
    let open = operator.pause_clock().expect("it stops");
    let clock = sealane_sdk::pubkey!("SysvarC1ock11111111111111111111111111111111");
    let virtual_account = operator.set_account(&clock, |state| Ok(state.clone()));
    assert_eq!(virtual_account, Err(OperatorError::Virtual(clock)));
    let key = Pubkey::new_from_array([8; 32]);
    let large = operator.set_account(&key, |_| {
        Ok(AccountState {
            lamports: 1,
            data: vec![0; (10 << 20) + 1].into(),
            ..AccountState::default()
        })
    });
    assert!(matches!(large, Err(OperatorError::Refused(_))), "{large:?}");
    let panics = operator.set_account(&key, |_| panic!("asked to"));
    assert!(
        matches!(panics, Err(OperatorError::Refused(_))),
        "{panics:?}"
    );
    for to in [
        TimeTravel::Slot(open.slot + 1_001),
        TimeTravel::Epoch(1),
        TimeTravel::Time(u64::MAX),
    ] {
        let far = operator.time_travel(to);
        assert!(matches!(far, Err(OperatorError::TooFar { .. })), "{far:?}");
    }
    let there = operator
        .time_travel(TimeTravel::Slot(open.slot + 1_000))
        .expect("far enough");
    let back = operator.time_travel(TimeTravel::Slot(open.slot));
    assert!(matches!(back, Err(OperatorError::Past { .. })), "{back:?}");
    let back = operator.time_travel(TimeTravel::Time(open.time_ms.unsigned_abs()));
    assert!(matches!(back, Err(OperatorError::Past { .. })), "{back:?}");
    assert_eq!(operator.pause_clock().expect("it is").slot, there.slot);
    assert!(runtime.is_healthy());
    assert!(runtime.shutdown(DEADLINE));
    assert_eq!(operator.pause_clock().err(), Some(OperatorError::Stopped));
}
