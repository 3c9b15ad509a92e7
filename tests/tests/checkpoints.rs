//! A chain that starts from a checkpoint of its accounts: the same as one whose whole log was replayed.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sealane_runtime::{
    BlockLogReader, BlockRecord, Disk, LedgerError, MemoryDisk, Notice, Reader, Runtime,
    RuntimeConfig, SignedHeader, StartError,
};
use sealane_sdk::{AccountState, Pubkey};
use sealane_tests::{
    ConflictGraph, GENESIS_HASH, Shape, all_accounts, chain_config, chain_signer,
    checkpoint_at_each_slot, seeds,
};
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);

/// A node that makes a checkpoint at each slot's end that can have one.
fn config(graph: &ConflictGraph, threads: usize, disk: &MemoryDisk) -> RuntimeConfig {
    let mut config = chain_config(graph, threads, Some(disk));
    config.slot_duration = Duration::from_millis(5);
    config.checkpoints = Some(checkpoint_at_each_slot());
    config
}

/// What a start says of itself: transactions that were replayed, and notices.
#[derive(Clone, Default)]
struct Told {
    replayed: Arc<AtomicU64>,
    notices: Arc<Mutex<Vec<String>>>,
}

impl Told {
    fn listen(&self, config: &mut RuntimeConfig) {
        let replayed = self.replayed.clone();
        config.on_replay = Some(Arc::new(move |progress| {
            replayed.store(progress.transactions, Ordering::Relaxed);
        }));
        let notices = self.notices.clone();
        config.on_notice = Arc::new(move |notice: &Notice| {
            notices
                .lock()
                .expect("nobody panics")
                .push(notice.to_string());
        });
    }

    fn replayed(&self) -> u64 {
        self.replayed.load(Ordering::Relaxed)
    }
}

fn accounts(reader: &Reader) -> HashMap<Pubkey, AccountState> {
    let mut accounts = all_accounts(reader);
    // The fees of the last slot are paid in the slot after it, which may not have opened.
    accounts.remove(&chain_signer().pubkey());
    accounts
}

fn submit(runtime: &Runtime, graph: &ConflictGraph) {
    let before = runtime.reader().counters().settled();
    for batch in graph.transactions.chunks(20) {
        runtime.ingest().submit(batch.to_vec()).expect("it runs");
    }
    let total = before + graph.transactions.len() as u64;
    while runtime.reader().counters().settled() < total {
        std::thread::yield_now();
    }
}

/// Starts on the disk and stops at once; the accounts and the count of transactions.
fn start_and_stop(config: RuntimeConfig) -> (HashMap<Pubkey, AccountState>, u64) {
    let runtime = Runtime::start(config).expect("it starts");
    let reader = runtime.reader();
    assert!(runtime.shutdown(DEADLINE));
    (accounts(&reader), reader.transaction_count())
}

/// The same on a copy of the disk, without its account files.
fn replay_all(config: &RuntimeConfig, disk: &MemoryDisk) -> (HashMap<Pubkey, AccountState>, u64) {
    let mut config = config.clone();
    let disk: Arc<dyn Disk> = Arc::new(disk.copy());
    config.ledger = Some(disk);
    config.checkpoints = None;
    start_and_stop(config)
}

#[test]
fn a_start_from_a_checkpoint_finds_what_a_replay_of_the_whole_log_finds() {
    for (seed, shape) in (0..).zip(Shape::ALL) {
        let what = format!("seed {seed}, {shape:?}");
        let graph = ConflictGraph::random(seed, shape, 1_500, GENESIS_HASH);
        let disk = MemoryDisk::new();
        let runtime = Runtime::start(config(&graph, 3, &disk)).expect(&what);
        submit(&runtime, &graph);
        let reader = runtime.reader();
        assert!(runtime.shutdown(DEADLINE));
        let (before, charged) = (accounts(&reader), reader.transaction_count());
        assert!(reader.newest_checkpoint().is_some(), "{what}");

        let told = Told::default();
        let mut config = config(&graph, 2, &disk);
        told.listen(&mut config);
        let whole = replay_all(&config, &disk);
        assert!(told.replayed() >= charged, "{what}");
        let from_checkpoint = start_and_stop(config.clone());
        assert!(told.replayed() < charged, "{what}: all was replayed");
        assert_eq!(*told.notices.lock().unwrap(), [""; 0], "{what}");
        assert!(whole == from_checkpoint, "{what}");
        assert!(from_checkpoint == (before, charged), "{what}");

        // What was charged before the checkpoint is refused, and nothing runs twice.
        let runtime = Runtime::start(config.clone()).expect(&what);
        submit(&runtime, &graph);
        let reader = runtime.reader();
        assert!(reader.counters().refused >= charged, "{what}");
        assert!(runtime.shutdown(DEADLINE));
        let goes_on = (accounts(&reader), reader.transaction_count());
        assert!(goes_on == replay_all(&config, &disk), "{what}");
    }
}

#[test]
fn after_a_crash_at_any_moment_a_checkpoint_and_the_whole_log_agree() {
    let mut replayed = Vec::new();
    for seed in 0..seeds(8) {
        let what = format!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let shape = Shape::ALL[seed as usize % 4];
        let graph = ConflictGraph::random(seed, shape, 1_500, GENESIS_HASH);
        let mut disk = MemoryDisk::new();
        // Crashed more than once: the second start is from what the first left.
        for life in 0..3 {
            let told = Told::default();
            let mut config = config(&graph, 1 + seed as usize % 3, &disk);
            told.listen(&mut config);
            let runtime = Runtime::start(config.clone()).expect(&what);
            let reader = runtime.reader();
            assert_eq!(*told.notices.lock().unwrap(), [""; 0], "{what}");
            let part = graph.transactions.chunks(500).nth(life).expect("three");
            let crash_at = random.random_range(0..part.len() as u64);
            let mut crashed = None;
            let before = reader.transaction_count();
            let mut look = || {
                // What anybody was told before the power went.
                let visible = reader.transaction_count();
                if crashed.is_none() && visible - before >= crash_at {
                    crashed = Some((disk.crash(random.random()), visible));
                }
            };
            for (sent, batch) in (0..).step_by(10).zip(part.chunks(10)) {
                // Not all at once, so that slots end meanwhile.
                while reader.counters().settled() < sent {
                    look();
                }
                runtime.ingest().submit(batch.to_vec()).expect("it runs");
            }
            while reader.counters().settled() < part.len() as u64 {
                look();
            }
            look();
            let at_the_end = || (disk.crash(seed), reader.transaction_count());
            let (after, visible) = crashed.unwrap_or_else(at_the_end);
            assert!(runtime.shutdown(DEADLINE), "{what}");
            disk = after;

            let whole = replay_all(&config, &disk);
            let all = told.replayed();
            let copy: Arc<dyn Disk> = Arc::new(disk.copy());
            config.ledger = Some(copy);
            let from_checkpoint = start_and_stop(config);
            assert!(whole == from_checkpoint, "{what}, life {life}");
            assert!(whole.1 >= visible, "{what}, life {life}");
            replayed.push((told.replayed(), all));
        }
    }
    println!("transactions replayed, of all: {replayed:?}");
    assert!(replayed.iter().any(|(some, all)| some < all));
}

#[test]
fn a_damaged_checkpoint_is_told_and_the_one_before_it_is_used() {
    let graph = ConflictGraph::random(7, Shape::Even, 1_500, GENESIS_HASH);
    let disk = MemoryDisk::new();
    let runtime = Runtime::start(config(&graph, 2, &disk)).expect("it starts");
    submit(&runtime, &graph);
    assert!(runtime.shutdown(DEADLINE));
    let checkpoints = || {
        let names = disk.files().into_iter().map(|(name, _)| name);
        let mut numbers: Vec<u64> = names
            .filter_map(|name| name.strip_prefix("accounts/checkpoint-")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers
    };
    let [_, newest] = checkpoints()[..] else {
        panic!("two are kept");
    };
    disk.flip_bit(&format!("accounts/checkpoint-{newest}"), 1_000);
    let told = Told::default();
    let mut config = config(&graph, 2, &disk);
    told.listen(&mut config);
    let whole = replay_all(&config, &disk);
    assert!(start_and_stop(config.clone()) == whole);
    let notices = told.notices.lock().unwrap().clone();
    let expected = format!("checkpoint-{newest} is damaged");
    assert!(
        matches!(&notices[..], [notice] if notice.contains(&expected)),
        "{notices:?}"
    );
    // Made anew meanwhile.
    assert!(start_and_stop(config) == whole);
    assert_eq!(told.notices.lock().unwrap().len(), 1);
}

#[test]
fn a_log_without_its_beginning_and_without_a_checkpoint_is_refused() {
    let graph = ConflictGraph::random(7, Shape::Even, 600, GENESIS_HASH);
    let disk = MemoryDisk::new();
    let runtime = Runtime::start(config(&graph, 2, &disk)).expect("it starts");
    submit(&runtime, &graph);
    assert!(runtime.shutdown(DEADLINE));
    // The second run begins a second file.
    let runtime = Runtime::start(config(&graph, 2, &disk)).expect("it starts");
    assert!(runtime.shutdown(DEADLINE));
    disk.remove("blocks/0000000000.log").expect("it is there");
    let mut config = config(&graph, 2, &disk);
    config.checkpoints = None;
    let error = Runtime::start(config).err().expect("it is refused");
    let told = error.to_string();
    assert!(
        told.contains("begins with record") && told.contains("snapshot"),
        "{told}"
    );
}

#[test]
fn the_log_has_the_header_of_each_slot_with_something_in_it_and_a_replay_compares_them() {
    let graph = ConflictGraph::random(11, Shape::Zipf, 1_500, GENESIS_HASH);
    let disk = MemoryDisk::new();
    let mut config = config(&graph, 2, &disk);
    config.checkpoints = None;
    let runtime = Runtime::start(config.clone()).expect("it starts");
    let reader = runtime.reader();
    for (sent, batch) in (100..).step_by(100).zip(graph.transactions.chunks(100)) {
        runtime.ingest().submit(batch.to_vec()).expect("it runs");
        // In slots of their own.
        let slot = reader.slot().slot;
        while reader.counters().settled() < sent || reader.slot().slot == slot {
            std::thread::yield_now();
        }
    }
    assert!(runtime.shutdown(DEADLINE));
    // Again, so that those of the last slots are written too.
    let runtime = Runtime::start(config.clone()).expect("it starts");
    while runtime.reader().header(None).is_none() {
        std::thread::yield_now();
    }
    assert!(runtime.shutdown(DEADLINE));

    let copy: Arc<dyn Disk> = Arc::new(disk.copy());
    let log = BlockLogReader::open(copy, &GENESIS_HASH).expect("it opens");
    let headers: Vec<SignedHeader> = log
        .records()
        .filter_map(|record| match record.expect("it is whole").1 {
            BlockRecord::Header { header, signature } => Some(SignedHeader { header, signature }),
            _ => None,
        })
        .collect();
    let charged: u64 = headers.iter().map(|it| it.header.transaction_count).sum();
    assert_eq!(charged, reader.transaction_count());
    let shown = headers.iter().filter(|logged| {
        let shown = reader.header(Some(logged.header.slot));
        assert!(shown.is_none_or(|shown| shown == **logged));
        logged.header.transaction_count > 0
    });
    assert!(shown.count() > 3, "slots turned");

    // Another identity signs otherwise.
    config.header_signer = Some(Arc::new(Keypair::new_from_array([6; 32])));
    let error = Runtime::start(config).err().expect("it is refused");
    assert!(
        matches!(
            error,
            StartError::Ledger(LedgerError::HeaderDiffers { slot, .. })
                if slot == headers[0].header.slot
        ),
        "{error}"
    );
}

/// A disk of its own with what is in a folder of another.
fn taken_out(disk: &MemoryDisk, folder: &str) -> MemoryDisk {
    let copy = MemoryDisk::new();
    for (path, _) in disk.files() {
        if let Some(inside) = path
            .strip_prefix(folder)
            .and_then(|it| it.strip_prefix('/'))
        {
            let (parent, _) = inside.rsplit_once('/').expect("all is in folders");
            copy.create_directory(parent).expect("there is room");
            copy.write(inside, &disk.read(&path));
        }
    }
    copy
}

#[test]
fn a_snapshot_made_under_load_starts_as_what_was_durable_then() {
    let mut sizes = Vec::new();
    for seed in 0..4 {
        let graph = ConflictGraph::random(seed, Shape::ALL[seed as usize], 2_000, GENESIS_HASH);
        let disk = MemoryDisk::new();
        let runtime = Runtime::start(config(&graph, 2, &disk)).expect("it starts");
        let reader = runtime.reader();
        let snapshots = reader.snapshots().expect("there is a ledger");
        let mut made = Vec::new();
        for (sent, batch) in (0..).step_by(20).zip(graph.transactions.chunks(20)) {
            while reader.counters().settled() < sent {
                std::thread::yield_now();
            }
            runtime.ingest().submit(batch.to_vec()).expect("it runs");
            if sent % 400 == 200 {
                while snapshots.newest_slot().is_none() {
                    std::thread::yield_now();
                }
                let folder = format!("snapshots/{sent}");
                let visible = reader.transaction_count();
                let snapshot = snapshots.make(&folder).expect("there is room");
                made.push((folder, snapshot, visible));
            }
        }
        assert!(runtime.shutdown(DEADLINE));
        for (folder, snapshot, visible) in made {
            let what = format!("seed {seed}, {folder}");
            let copy = taken_out(&disk, &folder);
            let told = Told::default();
            let mut config = config(&graph, 2, &copy);
            told.listen(&mut config);
            // All slots are young, so the whole log is in it.
            let whole = replay_all(&config, &copy);
            let from_checkpoint = start_and_stop(config);
            assert!(told.replayed() < whole.1.max(1), "{what}");
            assert!(whole == from_checkpoint, "{what}");
            assert!(
                (visible..=reader.transaction_count()).contains(&whole.1),
                "{what}"
            );
            sizes.push((snapshot.slot, visible, whole.1));
            assert_eq!(*told.notices.lock().unwrap(), [""; 0], "{what}");
        }
    }
    println!("slot, transactions visible when it was made, transactions in it: {sizes:?}");
}

#[test]
fn a_flipped_bit_in_a_snapshot_is_told() {
    let graph = ConflictGraph::random(5, Shape::Even, 300, GENESIS_HASH);
    let disk = MemoryDisk::new();
    let runtime = Runtime::start(config(&graph, 2, &disk)).expect("it starts");
    submit(&runtime, &graph);
    let snapshots = runtime.reader().snapshots().expect("there is a ledger");
    assert!(runtime.shutdown(DEADLINE));
    snapshots.make("snapshots/1").expect("there is room");
    let snapshot = taken_out(&disk, "snapshots/1");
    let mut random = StdRng::seed_from_u64(5);
    for (path, length) in snapshot.files() {
        for _ in 0..6 {
            let copy = snapshot.copy();
            let bit = random.random_range(0..length * 8);
            copy.flip_bit(&path, bit);
            let started = Runtime::start(config(&graph, 1, &copy));
            let told = started.err().map(|error| error.to_string());
            // Only one checkpoint is in it: nothing can stand in for it.
            assert!(
                told.as_ref().is_some_and(|told| told.contains("damaged")),
                "bit {bit} of {path}: {told:?}"
            );
        }
    }
}
