//! Logs for tests.

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane_accounts_db::{Disk, MemoryDisk};
use sealane_runtime::{
    BlockLogConfig, BlockLogReader, BlockLogWriter, BlockRecord, LogEnd, LogError, LoggedEntry,
    LoggedItem, RecordPosition, SlotOpened,
};
use sealane_sdk::AccountState;
use sealane_sdk::light::SlotHeader;
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use std::sync::Arc;

/// The chain of all tests but those of another chain.
pub(crate) fn genesis() -> Hash {
    Hash::new_from_array([7; 32])
}

/// Files so small that every few records fill one.
pub(crate) fn small_files() -> BlockLogConfig {
    BlockLogConfig {
        file_bytes_max: 3_000,
        buffer_bytes_max: 2_000,
    }
}

pub(crate) fn shared(disk: &MemoryDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

pub(crate) fn open(disk: &MemoryDisk) -> Result<(BlockLogWriter, LogEnd), LogError> {
    BlockLogWriter::open(shared(disk), &genesis(), small_files())
}

/// Every record that counts, without the `RevertTo`s, and the end.
pub(crate) fn read(disk: &MemoryDisk) -> Result<(Vec<BlockRecord>, LogEnd), LogError> {
    let (records, end) = read_with_positions(disk)?;
    let records = records.into_iter().map(|(_, record)| record);
    let told = records.filter(|record| !matches!(record, BlockRecord::RevertTo { .. }));
    Ok((told.collect(), end))
}

pub(crate) type Positioned = Vec<(RecordPosition, BlockRecord)>;

pub(crate) fn read_with_positions(disk: &MemoryDisk) -> Result<(Positioned, LogEnd), LogError> {
    let reader = BlockLogReader::open(shared(disk), &genesis())?;
    let mut records = reader.records();
    let mut all = Vec::new();
    for record in &mut records {
        all.push(record?);
    }
    let end = records.end().expect("no error, so an end");
    Ok((all, end))
}

/// A random record of a random kind.
pub(crate) fn record(random: &mut SmallRng) -> BlockRecord {
    let opened = SlotOpened {
        slot: random.random(),
        time_ms: random.random(),
        parent_blockhash: hash(random),
    };
    match random.random_range(0..10) {
        0 | 1 => BlockRecord::SlotOpened(opened),
        2 => BlockRecord::IdleRun {
            first: opened,
            count: random.random(),
            slot_ms: random.random(),
        },
        3 => BlockRecord::Header {
            header: SlotHeader {
                slot: random.random(),
                parent: hash(random),
                unix_timestamp: random.random(),
                blockhash: hash(random),
                transactions_root: hash(random),
                transaction_count: random.random(),
                state_root: hash(random),
            },
            signature: Signature::from(random.random::<[u8; 64]>()),
        },
        _ => BlockRecord::Entry(LoggedEntry {
            entry: random.random(),
            items: (0..random.random_range(0..4))
                .map(|_| item(random))
                .collect(),
        }),
    }
}

pub(crate) fn item(random: &mut SmallRng) -> LoggedItem {
    if random.random_range(0..5) == 0 {
        return LoggedItem::FeeReward {
            lamports: random.random(),
        };
    }
    if random.random_range(0..8) == 0 {
        return LoggedItem::AccountSet {
            key: Pubkey::from(random.random::<[u8; 32]>()),
            state: AccountState {
                lamports: random.random(),
                owner: Pubkey::from(random.random::<[u8; 32]>()),
                executable: random.random(),
                data: bytes(random, 400).as_ref().into(),
            },
        };
    }
    let loaded = if random.random_range(0..4) == 0 {
        random.random_range(0..20)
    } else {
        0
    };
    LoggedItem::Transaction {
        wire: bytes(random, 400),
        loaded: (0..loaded)
            .map(|_| Pubkey::from(random.random::<[u8; 32]>()))
            .collect(),
        record: bytes(random, 300),
    }
}

/// Up to `length_max` bytes, some of which look like the beginning of a record.
fn bytes(random: &mut SmallRng, length_max: usize) -> Bytes {
    let length = random.random_range(0..length_max);
    let mut bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
    if length > 10 {
        bytes[3..6].copy_from_slice(b"SLR");
    }
    bytes.into()
}

fn hash(random: &mut SmallRng) -> Hash {
    Hash::new_from_array(random.random())
}

/// A closed log of random records in several files: the disk and the records.
pub(crate) fn closed_log(seed: u64, records: usize) -> (MemoryDisk, Vec<BlockRecord>) {
    let mut random = SmallRng::seed_from_u64(seed);
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk).unwrap();
    let mut written = Vec::new();
    for _ in 0..records {
        let record = record(&mut random);
        log.append(&record).unwrap();
        written.push(record);
        if random.random_range(0..3) == 0 {
            log.sync().unwrap();
        }
    }
    log.close().unwrap();
    (disk, written)
}
