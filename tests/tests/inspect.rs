//! A ledger's chain, looked at without running it: what a walk shows is what readers saw, and records that are
//! whole but do not follow from each other are told.

use sealane_runtime::{
    BankingThreads, BlockLogConfig, BlockLogReader, BlockLogWriter, BlockRecord, ChainItem,
    ChainOrigin, ChainStep, ChainWalk, Disk, InspectError, LoggedItem, MemoryDisk, NoBlock, Reader,
    Runtime, RuntimeConfig, SignedHeader, remove_log_files_before,
};
use sealane_sdk::Programs;
use sealane_tests::{ConflictGraph, Shape, mixer};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::sync::Arc;
use std::time::Duration;

const BLOCKHASH: Hash = Hash::new_from_array([9; 32]);
const TIME: i64 = 1_000;
/// Slots that a chain has at least, idle ones at its end among them.
const SLOTS: u64 = 25;

/// A chain that ran and stopped.
struct Chain {
    disk: MemoryDisk,
    origin: ChainOrigin,
    reader: Reader,
    headers: Vec<SignedHeader>,
}

fn config(graph: &ConflictGraph, identity: &Arc<Keypair>, disk: &MemoryDisk) -> RuntimeConfig {
    let mut programs = Programs::builtin();
    programs.add(mixer());
    let mut config = RuntimeConfig::new(Arc::new(programs), BLOCKHASH, identity.pubkey());
    config.header_signer = Some(identity.clone());
    config.genesis_accounts = graph.genesis.clone();
    config.genesis_time = TIME;
    config.banking_threads = BankingThreads::Fixed(2);
    config.check_signatures = false;
    config.slot_duration = Duration::from_millis(10);
    config.entry_interval = Duration::from_micros(300);
    let ledger: Arc<dyn Disk> = Arc::new(disk.clone());
    config.ledger = Some(ledger);
    config
}

fn ran(seed: u64) -> Chain {
    let graph = ConflictGraph::random(seed, Shape::Even, 900, BLOCKHASH);
    let (disk, identity) = (MemoryDisk::new(), Arc::new(Keypair::new()));
    let config = config(&graph, &identity, &disk);
    let runtime = Runtime::start(config).expect("it starts");
    let reader = runtime.reader();
    for batch in graph.transactions.chunks(100) {
        runtime.ingest().submit(batch.to_vec()).expect("it runs");
        let open = reader.slot().slot;
        while reader.slot().slot < open + 1 {
            std::thread::yield_now();
        }
    }
    let settled = || reader.counters().settled() == graph.transactions.len() as u64;
    while !settled() {
        std::thread::yield_now();
    }
    // With idle slots at the end, however long the others took.
    let end = SLOTS.max(reader.slot().slot + 20);
    while reader.slot().slot < end {
        std::thread::yield_now();
    }
    let last = reader.slot().slot - 1;
    while reader.header(None).map(|it| it.header.slot) < Some(last) {
        std::thread::yield_now();
    }
    assert!(runtime.shutdown(Duration::from_secs(20)));
    let headers = (0..=last).filter_map(|slot| reader.header(Some(slot)));
    let headers = headers.collect();
    let origin = ChainOrigin {
        genesis_hash: BLOCKHASH,
        genesis_time: TIME,
        identity: identity.pubkey(),
    };
    Chain {
        disk,
        origin,
        reader,
        headers,
    }
}

/// All steps of a walk through the log on a disk.
fn walk(disk: &MemoryDisk, origin: &ChainOrigin) -> Result<Vec<ChainStep>, InspectError> {
    let log = BlockLogReader::open(Arc::new(disk.clone()), &BLOCKHASH)?;
    let mut walk = ChainWalk::new(&log, origin, &[])?;
    let steps = walk.by_ref().collect::<Result<_, _>>()?;
    assert!(walk.end().is_some());
    Ok(steps)
}

/// Each start seals the slot that was open, with a blockhash that covers all that was visible before.
#[test]
fn a_chain_that_is_killed_and_started_again_and_again_follows_from_itself() {
    let (mut disk, identity) = (MemoryDisk::new(), Arc::new(Keypair::new()));
    let graph = ConflictGraph::random(3, Shape::Even, 3_000, BLOCKHASH);
    let origin = ChainOrigin {
        genesis_hash: BLOCKHASH,
        genesis_time: TIME,
        identity: identity.pubkey(),
    };
    for (start, batch) in graph.transactions.chunks(150).enumerate() {
        let runtime = Runtime::start(config(&graph, &identity, &disk)).expect("it starts");
        let reader = runtime.reader();
        let before = reader.counters().settled();
        runtime.ingest().submit(batch.to_vec()).expect("it runs");
        while reader.counters().settled() < before + batch.len() as u64 {
            std::thread::yield_now();
        }
        let killed = disk.copy();
        assert!(runtime.shutdown(Duration::from_secs(20)));
        disk = killed;
        if let Err(told) = walk(&disk, &origin) {
            panic!("start {start}: {told}");
        }
    }
}

#[test]
fn a_walk_shows_what_readers_saw() {
    let chain = ran(1);
    let calls = chain.disk.calls();
    let steps = walk(&chain.disk, &chain.origin).unwrap();
    assert_eq!(chain.disk.calls(), calls, "nothing is changed");

    let opened: Vec<_> = steps.iter().flat_map(|step| &step.opened).collect();
    assert!(opened.len() as u64 > SLOTS);
    for (slot, opened) in (0..).zip(&opened) {
        assert_eq!(opened.slot, slot);
        match chain.reader.block(slot) {
            Ok(block) => {
                assert_eq!(block.previous_blockhash, opened.parent_blockhash);
                assert_eq!(block.block_time, opened.time_ms.div_euclid(1_000));
            }
            Err(why) => assert_eq!((why, slot), (NoBlock::NotYet, chain.reader.slot().slot)),
        }
    }
    let mut count = 0;
    for step in &steps {
        for item in &step.items {
            let ChainItem::Transaction(logged) = item else {
                continue;
            };
            let signature = logged.transaction.signature();
            let seen = chain
                .reader
                .transaction(signature)
                .expect("it reads")
                .expect("it was published");
            assert_eq!(
                (seen.slot(), seen.index()),
                (step.slot.unwrap(), logged.index)
            );
            assert_eq!(seen.transaction().bytes(), logged.transaction.bytes());
            assert_eq!(seen.record(), logged.record);
            count += 1;
        }
    }
    assert_eq!(count, chain.reader.transaction_count());
    assert!(count > 500, "{count}");
}

fn records(chain: &Chain) -> Vec<BlockRecord> {
    let log = BlockLogReader::open(Arc::new(chain.disk.clone()), &BLOCKHASH).unwrap();
    // The log has the headers of busy slots only: those of all slots take their place.
    let records = log.records().map(|record| record.unwrap().1);
    let records = records.filter(|record| !is_header(record));
    let headers = chain.headers.iter().map(|signed| BlockRecord::Header {
        header: signed.header.clone(),
        signature: signed.signature,
    });
    records.chain(headers).collect()
}

fn log_of(records: &[BlockRecord]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (mut log, _) = BlockLogWriter::open(shared, &BLOCKHASH, BlockLogConfig::default()).unwrap();
    for record in records {
        log.append(record).unwrap();
    }
    log.close().unwrap();
    disk
}

/// The place of the first record behind `from` that is so.
fn find(records: &[BlockRecord], from: usize, is: fn(&BlockRecord) -> bool) -> usize {
    from + records[from..].iter().position(is).expect("there is one")
}

fn is_slot(record: &BlockRecord) -> bool {
    matches!(record, BlockRecord::SlotOpened(_))
}

fn is_entry(record: &BlockRecord) -> bool {
    let BlockRecord::Entry(entry) = record else {
        return false;
    };
    matches!(
        entry.items[..],
        [
            LoggedItem::Transaction { .. },
            LoggedItem::Transaction { .. },
            ..
        ]
    )
}

fn is_run(record: &BlockRecord) -> bool {
    matches!(record, BlockRecord::IdleRun { .. })
}

fn is_header(record: &BlockRecord) -> bool {
    matches!(record, BlockRecord::Header { .. })
}

type Change = fn(&mut Vec<BlockRecord>);

/// What a record may say that no chain says, and what is told then.
const CHANGES: [(Change, &str); 12] = [
    // With the run of idle slots that it ends, where it ends one: else the run is what an entry follows.
    (
        |records| {
            let at = find(records, 9, is_slot);
            let opening = at - usize::from(is_run(&records[at - 1]));
            records.drain(opening..=at);
        },
        "follows slot",
    ),
    (
        |records| {
            let at = find(records, 9, is_slot);
            let BlockRecord::SlotOpened(opened) = &mut records[at] else {
                unreachable!()
            };
            opened.parent_blockhash = Hash::new_from_array([1; 32]);
        },
        "cannot have had",
    ),
    (
        |records| {
            let at = find(records, 9, is_slot);
            let BlockRecord::SlotOpened(opened) = &mut records[at] else {
                unreachable!()
            };
            opened.time_ms = TIME * 1_000;
        },
        "ms follows one at",
    ),
    (
        |records| {
            let at = find(records, 9, is_entry);
            records.insert(at, records[at].clone());
        },
        "follows entry",
    ),
    // Without some transactions a later blockhash is another.
    (
        |records| {
            let at = find(records, 9, is_entry);
            let BlockRecord::Entry(entry) = &mut records[at] else {
                unreachable!()
            };
            entry.items.truncate(1);
        },
        "cannot have had",
    ),
    (
        |records| {
            let at = find(records, 9, is_entry);
            let BlockRecord::Entry(entry) = &mut records[at] else {
                unreachable!()
            };
            let LoggedItem::Transaction { wire, .. } = &mut entry.items[0] else {
                unreachable!()
            };
            *wire = wire.slice(..wire.len() - 1);
        },
        "is no transaction",
    ),
    (
        |records| {
            let at = find(records, 9, is_entry);
            let BlockRecord::Entry(entry) = &mut records[at] else {
                unreachable!()
            };
            let LoggedItem::Transaction { record, .. } = &mut entry.items[0] else {
                unreachable!()
            };
            *record = record.slice(..record.len() - 1);
        },
        "cannot be read by this build",
    ),
    (
        |records| {
            let (run, entry) = (find(records, 9, is_run), find(records, 9, is_entry));
            let BlockRecord::Entry(mut entry) = records[entry].clone() else {
                unreachable!()
            };
            entry.entry = 1 << 40;
            records.insert(run + 1, BlockRecord::Entry(entry));
        },
        "an entry follows a run",
    ),
    (
        |records| {
            let run = find(records, 9, is_run);
            let BlockRecord::IdleRun { count, .. } = &mut records[run] else {
                unreachable!()
            };
            *count = 0;
        },
        "a run of 0 idle slots",
    ),
    (
        |records| {
            let at = find(records, 0, is_header) + 5;
            let BlockRecord::Header { header, .. } = &mut records[at] else {
                unreachable!()
            };
            header.state_root = Hash::new_from_array([1; 32]);
        },
        "is not signed by the node",
    ),
    (
        |records| {
            let at = find(records, 0, is_header);
            let stranger = Keypair::new();
            let BlockRecord::Header { header, signature } = &mut records[at] else {
                unreachable!()
            };
            *signature = stranger.sign_message(header.hash().as_bytes());
        },
        "is not signed by the node",
    ),
    // The result of a transaction is another, as whole as the one before: only the header knows.
    (
        |records| {
            let at = find(records, 9, is_entry);
            let BlockRecord::Entry(entry) = &mut records[at] else {
                unreachable!()
            };
            let LoggedItem::Transaction { record, .. } = &mut entry.items[0] else {
                unreachable!()
            };
            // The first byte of the balances, behind flags, fee, compute units and length of the logs.
            let mut changed = record.to_vec();
            let varints = changed[1..].iter().enumerate();
            let mut ends = varints.filter(|(_, byte)| **byte < 0x80);
            let (last, _) = ends.nth(2).expect("three varints");
            changed[last + 2] ^= 1;
            *record = changed.into();
        },
        "is of another block",
    ),
];

#[test]
fn records_that_contradict_each_other_are_told() {
    let chain = ran(2);
    let whole = records(&chain);
    let steps = walk(&log_of(&whole), &chain.origin).unwrap();
    let headers = steps.iter().filter(|step| step.header.is_some()).count();
    assert!(headers as u64 >= SLOTS, "{headers} headers");
    for (change, expected) in CHANGES {
        let mut records = whole.clone();
        change(&mut records);
        let told = match walk(&log_of(&records), &chain.origin) {
            Err(told @ InspectError::Contradiction { .. }) => told.to_string(),
            Err(other) => panic!("{expected}: {other}"),
            Ok(_) => panic!("{expected}: nothing is told"),
        };
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(told.starts_with("blocks/0000000000.log: record "), "{told}");
    }
}

#[test]
fn a_log_whose_beginning_was_removed_is_followed_from_where_it_begins() {
    let chain = ran(4);
    let whole = records(&chain);
    let (disk, genesis) = (log_of(&whole[..whole.len() / 2]), BLOCKHASH);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (mut log, _) =
        BlockLogWriter::open(shared.clone(), &genesis, BlockLogConfig::default()).unwrap();
    for record in &whole[whole.len() / 2..] {
        log.append(record).unwrap();
    }
    log.close().unwrap();
    let all = walk(&disk, &chain.origin).unwrap();
    assert_eq!(remove_log_files_before(&*shared, 1).unwrap(), 1);

    let rest = walk(&disk, &chain.origin).unwrap();
    assert!(rest.len() > 10 && rest.len() < all.len());
    let seen = |steps: &[ChainStep]| {
        let known = steps.iter().filter(|step| step.slot.is_some());
        let slots = known.map(|step| (step.position, step.slot, step.items.len()));
        slots.collect::<Vec<_>>()
    };
    assert!(seen(&all).ends_with(&seen(&rest)));
}
