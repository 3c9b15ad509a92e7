//! A node that keeps its history on the disk: what is no longer in memory is found as it was, after a restart
//! too; the archive of a node is what anybody makes of its log; what goes by idle leaves little.

use sealane_runtime::{
    Archive, ArchiveLimits, BLOCKHASH_AGE_MAX, BlockLogReader, CheckpointConfig, Disk, Event,
    HistoryFeed, MemoryDisk, NoBlock, Reader, Runtime, RuntimeConfig, SlotOpened,
    TransactionRecord,
};
use sealane_sdk::Pubkey;
use sealane_tests::{ConflictGraph, GENESIS_HASH, Shape, filler_config, mixer};
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Slots between lots of transactions.
const IDLE: [u64; 3] = [1, 0, 5];
const DEADLINE: Duration = Duration::from_secs(20);
/// Transactions are valid for 150 of them.
const SLOT: Duration = Duration::from_millis(20);

fn config(graph: &ConflictGraph, disk: &MemoryDisk) -> RuntimeConfig {
    let mut config = filler_config([mixer()]);
    config.genesis_accounts = graph.genesis.clone();
    config.slot_duration = SLOT;
    config.entry_interval = Duration::from_micros(300);
    config.limits.recent_history_bytes_max = 30_000;
    config.limits.listener_events_max = 1 << 20;
    config.limits.archive = archive_limits();
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    config.ledger = Some(disk);
    config
}

fn archive_limits() -> ArchiveLimits {
    let mut limits = ArchiveLimits::default();
    limits.batch_transactions_max = 100;
    limits
}

/// What was seen of a transaction when it became visible.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    signature: Signature,
    slot: u64,
    index: u32,
    keys: Vec<Pubkey>,
    record: TransactionRecord,
}

impl Seen {
    fn of(published: &sealane_runtime::PublishedTransaction) -> Self {
        Self {
            signature: *published.transaction().signature(),
            slot: published.slot(),
            index: published.index(),
            keys: published.keys(),
            record: published.record(),
        }
    }
}

/// Sends transactions a few at a time, with so many slots between them in turn; what became visible.
fn send(runtime: &Runtime, transactions: &[bytes::Bytes], slots: [u64; 3]) -> Vec<Seen> {
    let reader = runtime.reader();
    let events = reader.listen();
    let mut sent = reader.counters().settled();
    for (lot, batch) in transactions.chunks(40).enumerate() {
        runtime.ingest().submit(batch.to_vec()).expect("it runs");
        sent += batch.len() as u64;
        wait_for(|| reader.counters().settled() >= sent);
        let next = reader.slot().slot + slots[lot % 3];
        wait_for(|| reader.slot().slot >= next);
    }
    let mut seen = Vec::new();
    for event in events.try_iter() {
        if let Event::Entry { transactions, .. } = event {
            seen.extend(transactions.iter().map(Seen::of));
        }
    }
    seen
}

fn wait_for(mut holds: impl FnMut() -> bool) {
    while !holds() {
        std::thread::yield_now();
    }
}

/// Everything that was ever seen is there, and nothing else.
fn check(reader: &Reader, seen: &[Seen]) {
    let last = seen.last().expect("something was sent").slot;
    // The last block is in the archive, or the first that is not is in memory.
    wait_for(|| reader.slot().slot > last + 1 && reader.block(last).is_ok());
    let mut blocks: BTreeMap<u64, Vec<Seen>> = BTreeMap::new();
    for it in seen {
        let found = reader.transaction(&it.signature).unwrap();
        assert_eq!(found.as_ref().map(Seen::of).as_ref(), Some(it));
        let status = reader.status_since(&it.signature, 0).unwrap().unwrap();
        assert_eq!((status.slot, &status.status), (it.slot, &it.record.status));
        assert_eq!(
            reader.status_since(&it.signature, it.slot).unwrap(),
            Some(status)
        );
        blocks.entry(it.slot).or_default().push(it.clone());
    }
    assert_eq!(reader.first_available_block(), 0);
    let mut previous = GENESIS_HASH;
    for slot in 0..=last {
        let block = reader.block(slot).unwrap();
        let found = block.transactions().map(|found| Seen::of(&found.unwrap()));
        let expected = blocks.remove(&slot).unwrap_or_default();
        assert_eq!(found.collect::<Vec<_>>(), expected, "slot {slot}");
        assert_eq!(block.previous_blockhash, previous, "slot {slot}");
        previous = block.blockhash;
        assert_eq!(reader.block_time(slot), Ok(block.block_time));
    }
    let all: Vec<u64> = (0..=last).collect();
    assert_eq!(reader.blocks(0, last, usize::MAX), all);
    let mut addresses: Vec<Pubkey> = seen.iter().flat_map(|it| it.keys.clone()).collect();
    addresses.sort();
    addresses.dedup();
    for address in addresses.iter().step_by(5) {
        let names = |it: &&Seen| it.keys.contains(address);
        let newest_first: Vec<Signature> = seen
            .iter()
            .rev()
            .filter(names)
            .map(|it| it.signature)
            .collect();
        let find = |before: Option<usize>, until: Option<usize>, limit: usize| {
            let signature = |at: usize| &newest_first[at];
            let found = reader
                .transactions_of(address, before.map(signature), until.map(signature), limit)
                .unwrap();
            let found = found.iter().map(|found| *found.transaction().signature());
            found.collect::<Vec<_>>()
        };
        let length = newest_first.len();
        assert_eq!(find(None, None, usize::MAX), newest_first);
        for (from, to) in [
            (0, length - 1),
            (length / 3, length / 2),
            (length - 1, length - 1),
        ] {
            let between = &newest_first[(from + 1).min(to.max(from))..to.max(from)];
            assert_eq!(find(Some(from), Some(to), usize::MAX), between);
            assert_eq!(find(Some(from), None, usize::MAX), newest_first[from + 1..]);
            assert_eq!(find(None, Some(to), usize::MAX), newest_first[..to]);
            assert_eq!(find(None, None, to + 1), newest_first[..=to]);
        }
    }
}

#[test]
fn what_is_no_longer_in_memory_is_found_as_it_was_and_after_each_restart() {
    for (seed, shape) in (0..).zip([Shape::Even, Shape::Zipf]) {
        println!("seed {seed}");
        let graph = ConflictGraph::random(seed, shape, 1_200, GENESIS_HASH);
        let mut disk = MemoryDisk::new();
        let mut seen = Vec::new();
        for (round, transactions) in graph.transactions.chunks(400).enumerate() {
            let runtime = Runtime::start(config(&graph, &disk)).expect("it starts");
            let reader = runtime.reader();
            if !seen.is_empty() {
                check(&reader, &seen);
            }
            seen.extend(send(&runtime, transactions, IDLE));
            check(&reader, &seen);
            let recent = seen
                .iter()
                .filter(|it| reader.recent_status(&it.signature).is_some());
            let recent = recent.count();
            assert!(recent * 2 < seen.len(), "{recent} are still in memory");
            if round == 1 {
                disk = disk.crash(seed);
                drop(runtime);
            } else {
                assert!(runtime.shutdown(DEADLINE));
            }
        }
    }
}

/// An archive of its own, made from the records from where it wants them on.
fn indexed(history: &MemoryDisk, log: &MemoryDisk) -> (Arc<Archive>, HistoryFeed) {
    let history: Arc<dyn Disk> = Arc::new(history.clone());
    let (archive, writer) =
        Archive::open(history, archive_limits(), [7; 16], GENESIS_HASH).unwrap();
    let genesis = SlotOpened {
        slot: 0,
        time_ms: 0,
        parent_blockhash: GENESIS_HASH,
    };
    let mut feed = HistoryFeed::new(writer, &genesis, SLOT.as_millis() as u64).unwrap();
    let log = BlockLogReader::open(Arc::new(log.clone()), &GENESIS_HASH).unwrap();
    for record in log.records_from(feed.wants_from()).unwrap() {
        let (position, record) = record.unwrap();
        feed.index(position, &record).unwrap();
    }
    (archive, feed)
}

#[test]
fn an_archive_made_from_the_log_answers_as_the_one_that_was_fed_live() {
    let graph = ConflictGraph::random(3, Shape::Even, 800, GENESIS_HASH);
    let disk = MemoryDisk::new();
    let mut seen = Vec::new();
    // Archives as they were at some moments, all behind the log.
    let mut behind = vec![MemoryDisk::new()];
    for transactions in graph.transactions.chunks(400) {
        let runtime = Runtime::start(config(&graph, &disk)).expect("it starts");
        seen.extend(send(&runtime, &transactions[..200], IDLE));
        behind.push(disk.copy());
        seen.extend(send(&runtime, &transactions[200..], IDLE));
        let idle_until = runtime.reader().slot().slot + 40;
        wait_for(|| runtime.reader().slot().slot >= idle_until);
        behind.push(disk.copy());
        assert!(runtime.shutdown(DEADLINE));
    }
    let fed: Arc<dyn Disk> = Arc::new(disk.clone());
    let (live, writer) = Archive::open(fed, archive_limits(), [8; 16], GENESIS_HASH).unwrap();
    let live_open = writer.mark().slot.unwrap();
    for history in behind {
        let (archive, feed) = indexed(&history, &disk);
        // Of the run of idle slots at the end nobody can say how long it was.
        let open = feed.open_slot();
        assert!(live_open - open <= 16, "{live_open}, {open}");
        for slot in 0..=open {
            assert_eq!(
                live.slot(slot).unwrap(),
                archive.slot(slot).unwrap(),
                "slot {slot}"
            );
            assert_eq!(live.of_slot(slot).unwrap(), archive.of_slot(slot).unwrap());
        }
        assert_eq!(live.first_slot().unwrap(), archive.first_slot().unwrap());
        for it in &seen {
            let found = live.of_signature(&it.signature, 0).unwrap();
            assert_eq!((found[0].slot, found[0].index), (it.slot, it.index));
            assert_eq!(found, archive.of_signature(&it.signature, 0).unwrap());
            for key in &it.keys {
                let of = |archive: &Archive| {
                    let mut found = Vec::new();
                    let take = |transaction| {
                        found.push(transaction);
                        Ok(true)
                    };
                    archive.of_address(key, None, take).unwrap();
                    found
                };
                assert_eq!(of(&live), of(&archive));
            }
        }
    }
}

#[test]
fn a_lost_archive_is_made_anew_at_the_next_start() {
    let graph = ConflictGraph::random(4, Shape::Even, 400, GENESIS_HASH);
    let disk = MemoryDisk::new();
    let runtime = Runtime::start(config(&graph, &disk)).expect("it starts");
    let seen = send(&runtime, &graph.transactions, IDLE);
    assert!(runtime.shutdown(DEADLINE));
    for (path, _) in disk.files() {
        if path.starts_with("history/") {
            disk.remove(&path).unwrap();
        }
    }
    let runtime = Runtime::start(config(&graph, &disk)).expect("it starts");
    check(&runtime.reader(), &seen);
    assert!(runtime.shutdown(DEADLINE));
}

/// Bytes of the log and the archive.
fn bytes(disk: &MemoryDisk) -> u64 {
    let files = disk.files();
    let of_history = |path: &str| path.starts_with("blocks/") || path.starts_with("history/");
    let counted = files.iter().filter(|(path, _)| of_history(path));
    counted.map(|(_, bytes)| bytes).sum()
}

#[test]
fn five_thousand_idle_slots_leave_less_than_a_megabyte() {
    let disk = MemoryDisk::new();
    let graph = ConflictGraph::random(5, Shape::Even, 1, GENESIS_HASH);
    let mut config = config(&graph, &disk);
    config.slot_duration = Duration::from_millis(1);
    config.limits = sealane_runtime::Limits::default();
    let runtime = Runtime::start(config).expect("it starts");
    let before = bytes(&disk);
    wait_for(|| runtime.reader().slot().slot >= 5_000);
    assert!(runtime.shutdown(DEADLINE));
    let grown = bytes(&disk) - before;
    println!("{grown} bytes");
    assert!(grown < 1_000_000, "{grown} bytes");
}

#[test]
fn a_ledger_with_a_bound_stays_within_it_and_says_what_it_still_has() {
    const FILE_BYTES: u64 = 40_000;
    const BOUND: u64 = 24 * FILE_BYTES;
    let graph = ConflictGraph::random(6, Shape::Even, 3_000, GENESIS_HASH);
    let disk = MemoryDisk::new();
    let mut config = config(&graph, &disk);
    config.limits.ledger_bytes_max = Some(BOUND);
    config.limits.log_file_bytes_max = FILE_BYTES;
    let signer = Arc::new(Keypair::new());
    config.identity = signer.pubkey();
    config.header_signer = Some(signer);
    config.checkpoints = Some(CheckpointConfig {
        interval: Duration::ZERO,
        idle_interval: Duration::ZERO,
        ..CheckpointConfig::default()
    });
    let runtime = Runtime::start(config.clone()).expect("it starts");
    let reader = runtime.reader();
    let seen = send(&runtime, &graph.transactions, [1; 3]);
    let last = seen.last().expect("some were charged");
    wait_for(|| reader.first_available_block() > seen[0].slot);
    // Until then, ids of what was charged are needed by a start.
    wait_for(|| reader.slot().slot > last.slot + 2 * BLOCKHASH_AGE_MAX);
    let first_available = reader.first_available_block();
    let gone = seen[0].slot;
    let missing = NoBlock::CleanedUp { first_available };
    assert_eq!(reader.block(gone).err(), Some(missing.clone()));
    assert_eq!(reader.block_time(gone), Err(missing));
    assert!(reader.transaction(&seen[0].signature).unwrap().is_none());
    let found = reader.transaction(&last.signature).unwrap();
    assert_eq!(found.map(|found| Seen::of(&found)).as_ref(), Some(last));
    assert_eq!(reader.blocks(0, u64::MAX, 1), [first_available]);
    for address in &last.keys {
        let found = reader
            .transactions_of(address, None, None, usize::MAX)
            .unwrap();
        let names = seen.iter().rev().filter(|it| it.keys.contains(address));
        let newest = names.map(|it| it.signature).take(found.len());
        let found = found.iter().map(|found| *found.transaction().signature());
        assert!(found.eq(newest), "the newest are kept, without a gap");
    }
    assert!(runtime.shutdown(DEADLINE));
    let kept = bytes(&disk);
    println!("{kept} bytes");
    // A file, what the archive has of it, and the run that was written at the end.
    assert!(kept <= BOUND + FILE_BYTES + 100_000, "{kept} bytes");

    // What went was needed by nobody.
    let runtime = Runtime::start(config).expect("it starts");
    let reader = runtime.reader();
    assert_eq!(reader.transaction_count(), seen.len() as u64);
    let found = reader.transaction(&last.signature).unwrap();
    assert_eq!(found.map(|found| Seen::of(&found)).as_ref(), Some(last));
    assert!(runtime.shutdown(DEADLINE));
}
