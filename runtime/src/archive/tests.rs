//! The archive against a model of plain lists, under random entries, merges, prunings and reopenings, and on
//! disks that lose, flip and fail.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sealane_accounts_db::{Fault, MemoryDisk};
use sealane_sdk::Pubkey;
use solana_signature::Signature;

const ADDRESSES: u8 = 20;
const KEY: [u8; 16] = [3; 16];
const SLOT_MS: u64 = 400;

fn address(n: u8) -> Pubkey {
    Pubkey::new_from_array([n + 1; 32])
}

fn signature(n: u32) -> Signature {
    let mut bytes = [5; 64];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    bytes.into()
}

/// A transaction as the model has it: its signature follows from its number.
#[derive(Clone)]
struct Known {
    names: Vec<u8>,
    found: ArchivedTransaction,
}

/// What was told to the archive, as a log would hold it.
#[derive(Clone)]
enum Record {
    Slot(OpenedSlot),
    Entry(EntryAt, std::ops::Range<usize>),
}

struct Model {
    rng: StdRng,
    records: Vec<Record>,
    transactions: Vec<Known>,
    slots: Vec<OpenedSlot>,
    tip: Hash,
    at: LogPosition,
    entries: u64,
    index: u32,
    first_file: u32,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut model = Self {
            rng: StdRng::seed_from_u64(seed),
            records: Vec::new(),
            transactions: Vec::new(),
            slots: Vec::new(),
            tip: Hash::default(),
            at: LogPosition {
                file: 1,
                offset: 64,
            },
            entries: 0,
            index: 0,
            first_file: 0,
        };
        model.open_slot();
        model
    }

    fn open_slot(&mut self) {
        let parent_blockhash = self
            .slots
            .last()
            .map_or(Hash::new_from_array([9; 32]), |last| {
                let seconds = last.time_ms.div_euclid(1_000);
                crate::slot::blockhash(&last.parent_blockhash, last.slot, seconds, &self.tip)
            });
        let slot = self.slots.len() as u64;
        let opened = OpenedSlot {
            slot,
            time_ms: 1_000_000 + (slot * SLOT_MS) as i64,
            slot_ms: SLOT_MS,
            parent_blockhash,
            file: self.at.file,
        };
        self.index = 0;
        self.slots.push(opened);
        self.records.push(Record::Slot(opened));
    }

    fn entry(&mut self) {
        if self.rng.random_bool(0.05) {
            self.at = LogPosition {
                file: self.at.file + 1,
                offset: 64,
            };
        }
        self.entries += 1;
        let (at, first) = (self.at, self.transactions.len());
        self.at.offset += 100;
        for _ in 0..self.rng.random_range(0..5) {
            let names = (0..ADDRESSES)
                .filter(|_| self.rng.random_bool(0.1))
                .collect();
            let slot = self.slots.len() as u64 - 1;
            let found = ArchivedTransaction {
                at: self.at,
                slot,
                index: self.index,
            };
            self.transactions.push(Known { names, found });
            self.index += 1;
            self.at.offset += self.rng.random_range(50..900);
        }
        self.tip = Hash::new_from_array([self.rng.random(); 32]);
        let record = self.records.len() as u64 + 1;
        let bytes = self.at.offset - at.offset;
        let entry = EntryAt {
            entry: self.entries,
            record,
            at,
            bytes,
            tip: self.tip,
        };
        self.records
            .push(Record::Entry(entry, first..self.transactions.len()));
    }

    /// Tells the archive what comes behind its mark, and some of what is before.
    fn feed(&mut self, writer: &mut Writer) -> Result<(), ArchiveError> {
        let again = self.rng.random_range(0..5);
        let from = (writer.mark().record as usize).saturating_sub(again);
        for (number, record) in self.records.iter().enumerate().skip(from) {
            match record {
                Record::Slot(opened) => writer.open_slot(*opened)?,
                Record::Entry(entry, range) => {
                    let known = range.clone().map(|n| {
                        let names = self.transactions[n].names.iter();
                        let addresses: Vec<Pubkey> = names.map(|name| address(*name)).collect();
                        let offset = self.transactions[n].found.at.offset;
                        (signature(n as u32), addresses, offset)
                    });
                    let known: Vec<_> = known.collect();
                    let transactions =
                        known
                            .iter()
                            .map(|(signature, addresses, offset)| TransactionAt {
                                signature,
                                addresses,
                                offset: *offset,
                            });
                    writer.append(*entry, transactions)?;
                }
            }
            writer.pass(number as u64 + 1);
        }
        Ok(())
    }

    fn is_kept(&self, known: &Known) -> bool {
        known.found.at.file >= self.first_file
    }

    fn check(&mut self, archive: &Archive) {
        for _ in 0..10 {
            let n = self.rng.random_range(0..self.transactions.len() + 3);
            let first_slot = match self.rng.random_bool(0.5) {
                true => 0,
                false => self.rng.random_range(0..self.slots.len() as u64),
            };
            let known = self.transactions.get(n).filter(|known| self.is_kept(known));
            let known = known.filter(|known| known.found.slot >= first_slot);
            let expected: Vec<_> = known.map(|known| known.found).into_iter().collect();
            assert_eq!(
                archive
                    .of_signature(&signature(n as u32), first_slot)
                    .unwrap(),
                expected
            );
        }
        for _ in 0..10 {
            let name = self.rng.random_range(0..=ADDRESSES);
            let slots = self.slots.len() as u64;
            let before = self.rng.random_bool(0.6).then(|| {
                (
                    self.rng.random_range(0..slots + 1),
                    self.rng.random_range(0..6),
                )
            });
            let limit = self.rng.random_range(1..30);
            let expected = self.transactions.iter().rev().filter(|known| {
                let place = (known.found.slot, known.found.index);
                known.names.contains(&name)
                    && self.is_kept(known)
                    && before.is_none_or(|before| place < before)
            });
            let expected: Vec<_> = expected.map(|known| known.found).take(limit).collect();
            let mut found = Vec::new();
            let take = |transaction| {
                found.push(transaction);
                Ok(found.len() < limit)
            };
            archive.of_address(&address(name), before, take).unwrap();
            assert_eq!(found, expected, "address {name} before {before:?}");
        }
        for _ in 0..10 {
            let slot = self.rng.random_range(0..self.slots.len() as u64 + 2);
            let opened = self.slots.get(slot as usize);
            let expected = opened.filter(|opened| opened.file >= self.first_file);
            let expected = expected.map(|opened| ArchivedSlot {
                time_ms: opened.time_ms,
                parent_blockhash: opened.parent_blockhash,
            });
            assert_eq!(archive.slot(slot).unwrap(), expected, "slot {slot}");
            let known = self.transactions.iter();
            let known = known.filter(|known| known.found.slot == slot && self.is_kept(known));
            let expected: Vec<_> = known.map(|known| known.found).collect();
            assert_eq!(archive.of_slot(slot).unwrap(), expected, "slot {slot}");
        }
        let kept = self
            .slots
            .iter()
            .find(|opened| opened.file >= self.first_file);
        assert_eq!(
            archive.first_slot().unwrap(),
            kept.map(|opened| opened.slot)
        );
        let file = self.rng.random_range(self.first_file..=self.at.file + 1);
        let first = self.slots.iter().find(|opened| opened.file >= file);
        assert_eq!(
            archive.first_slot_of(file).unwrap(),
            first.map(|opened| (opened.slot, opened.time_ms))
        );
    }
}

fn limits() -> ArchiveLimits {
    ArchiveLimits {
        batch_transactions_max: 20,
        batch_log_bytes_max: 40_000,
        batch_slots_max: 25,
        run_transactions_max: 10_000,
    }
}

fn open(disk: &MemoryDisk) -> (Arc<Archive>, Writer) {
    Archive::open(Arc::new(disk.clone()), limits(), KEY, Hash::default()).unwrap()
}

#[test]
fn the_archive_finds_what_a_model_finds() {
    let (mut merges, mut reopenings, mut prunings) = (0, 0, 0);
    for seed in 0..40 {
        println!("seed {seed}");
        let mut model = Model::new(seed);
        let mut disk = MemoryDisk::new();
        let (mut archive, mut writer) = open(&disk);
        for _ in 0..800 {
            match model.rng.random_range(0..100) {
                0..=59 => model.entry(),
                60..=79 => (0..model.rng.random_range(1..5)).for_each(|_| model.open_slot()),
                80..=84 => merges += u32::from(archive.maintain().unwrap()),
                85 => writer.flush().unwrap(),
                86 => {
                    model.first_file = model.rng.random_range(model.first_file..=model.at.file);
                    archive.prune(model.first_file).unwrap();
                    prunings += 1;
                }
                87..=88 => {
                    let lost = model.rng.random_bool(0.5);
                    let crash_seed = model.rng.random();
                    disk = if lost {
                        disk.crash(crash_seed)
                    } else {
                        disk.copy()
                    };
                    (archive, writer) = open(&disk);
                    archive.prune(model.first_file).unwrap();
                    model.feed(&mut writer).unwrap();
                    reopenings += 1;
                }
                _ => {
                    model.feed(&mut writer).unwrap();
                    model.check(&archive);
                }
            }
        }
        model.feed(&mut writer).unwrap();
        model.check(&archive);
        archive.check().unwrap();
    }
    println!("{merges} merges, {reopenings} reopenings, {prunings} prunings");
    assert!(merges > 50 && reopenings > 100 && prunings > 50);
}

#[test]
fn merging_leaves_few_runs_and_pruning_frees_the_disk() {
    let mut model = Model::new(1);
    let disk = MemoryDisk::new();
    let (archive, mut writer) = open(&disk);
    for _ in 0..4_000 {
        model.entry();
        if model.entries.is_multiple_of(10) {
            model.open_slot();
        }
        model.feed(&mut writer).unwrap();
        while archive.maintain().unwrap() {}
    }
    let (runs, _) = archive.size();
    assert!(
        runs <= 3 * 8,
        "{runs} runs of {} transactions",
        model.transactions.len()
    );
    let before = archive.bytes();
    model.first_file = model.at.file;
    archive.prune(model.first_file).unwrap();
    model.check(&archive);
    assert!(
        archive.bytes() < before / 4,
        "{} of {before} bytes",
        archive.bytes()
    );
    let on_disk: u64 = disk.files().iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(on_disk, archive.bytes() + 24, "runs and the key");
}

#[test]
fn idle_slots_take_one_row() {
    let mut model = Model::new(1);
    let disk = MemoryDisk::new();
    let (archive, mut writer) = open(&disk);
    model.entry();
    (0..5_000).for_each(|_| model.open_slot());
    model.feed(&mut writer).unwrap();
    assert_eq!(archive.size().0, 0, "nothing was written yet");
    writer.flush().unwrap();
    model.check(&archive);
    assert!(archive.bytes() < 40_000, "{} bytes", archive.bytes());
}

/// A small archive of several runs, cleanly stopped.
fn small(model: &mut Model) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (_, mut writer) = open(&disk);
    for _ in 0..40 {
        model.entry();
        model.open_slot();
    }
    model.feed(&mut writer).unwrap();
    writer.flush().unwrap();
    disk
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let mut model = Model::new(2);
    let disk = small(&mut model);
    let mark = open(&disk.copy()).1.mark();
    let files = verify_history_files(&disk, &mut |_| {}).unwrap();
    assert_eq!(files.mark, mark);
    let looked = disk.calls();
    for (path, bytes) in disk.files() {
        println!("{path}: {bytes} bytes");
        // Every bit of the last page's head and of its checksum, and one in 61 of the others.
        let (bits, page) = (bytes * 8, 8 * pages::PAGE_BYTES as u64);
        let last = bits.saturating_sub(page);
        let others = (0..bits).step_by(61);
        for bit in others
            .chain(last..(last + 8 * 180).min(bits))
            .chain(bits - 64..bits)
        {
            let flipped = disk.copy();
            flipped.flip_bit(&path, bit);
            let told = verify_history_files(&flipped, &mut |_| {}).err();
            let is_told = told.is_some_and(|told| told.to_string().contains(&path));
            assert!(is_told, "bit {bit} of {path}");
            let (archive, mut writer) = open(&flipped);
            let is_noticed = writer.mark() != mark || archive.check().is_err();
            assert!(is_noticed, "bit {bit} of {path}");
            if bit % 97 == 0 && writer.mark() != mark {
                model.feed(&mut writer).unwrap();
                model.check(&archive);
            }
        }
    }
    assert_eq!(disk.calls(), looked, "who verifies changes nothing");
}

#[test]
fn a_power_loss_at_any_call_costs_at_most_what_is_read_from_the_log_again() {
    let mut model = Model::new(3);
    for _ in 0..250 {
        model.entry();
        model.open_slot();
    }
    let work = |disk: &MemoryDisk, model: &mut Model| -> Result<(), ArchiveError> {
        let disk = Arc::new(disk.clone());
        let (archive, mut writer) = Archive::open(disk, limits(), KEY, Hash::default())?;
        model.feed(&mut writer)?;
        while archive.maintain()? {}
        archive.prune(model.first_file)?;
        writer.flush()
    };
    let whole = MemoryDisk::new();
    work(&whole, &mut model).unwrap();
    let calls = whole.calls();
    println!("{calls} calls");
    assert!(calls > 60);
    for call in 1..=calls {
        for fault in [Fault::PowerOff, Fault::Io, Fault::NoSpace] {
            let disk = MemoryDisk::new();
            disk.fail_call(call, fault);
            assert!(work(&disk, &mut model).is_err(), "call {call}");
            let after = if fault == Fault::PowerOff {
                disk.crash(call)
            } else {
                disk.copy()
            };
            let (archive, mut writer) = open(&after);
            model.feed(&mut writer).unwrap();
            model.check(&archive);
            archive.check().unwrap();
        }
    }
}

#[test]
fn what_could_not_be_written_is_found_and_written_later() {
    for fault in [Fault::Io, Fault::NoSpace] {
        let mut model = Model::new(5);
        let disk = MemoryDisk::new();
        let (archive, mut writer) = open(&disk);
        model.entry();
        model.feed(&mut writer).unwrap();
        // The head of the file is there, the rest of it not.
        disk.fail_call(disk.calls() + 3, fault);
        assert!(writer.flush().is_err());
        model.check(&archive);
        model.entry();
        model.feed(&mut writer).unwrap();
        writer.flush().unwrap();
        assert_eq!(archive.size(), (1, 0));
        model.check(&archive);
        let (archive, _) = open(&disk);
        model.check(&archive);
    }
}

#[test]
fn a_merge_that_is_given_up_leaves_the_runs_as_they_are() {
    let mut model = Model::new(6);
    let disk = small(&mut model);
    let (archive, mut writer) = open(&disk);
    while archive.size().0 < 8 {
        model.entry();
        model.feed(&mut writer).unwrap();
        writer.flush().unwrap();
    }
    let before = archive.size();
    archive.interrupt();
    assert!(matches!(archive.maintain(), Err(ArchiveError::Interrupted)));
    assert_eq!(archive.size(), before);
    model.check(&archive);
    let (archive, _) = open(&disk);
    assert!(archive.maintain().unwrap());
    model.check(&archive);
}

#[test]
fn a_run_of_another_version_is_refused() {
    let name = RunName { first: 0, end: 1 };
    let mut model = Model::new(4);
    let disk = small(&mut model);
    let path = name.path();
    let mut bytes = disk.read(&path);
    let last = bytes.len() - pages::PAGE_BYTES;
    bytes[last + 8] = 2;
    let page = &mut bytes[last..];
    let salt = xxhash_rust::xxh3::xxh3_64(name.file().as_bytes());
    let number = (last / pages::PAGE_BYTES) as u64;
    let seed = salt.wrapping_add(number);
    let checksum =
        xxhash_rust::xxh3::xxh3_64_with_seed(&page[..pages::PAYLOAD_BYTES], seed).to_le_bytes();
    page[pages::PAYLOAD_BYTES..].copy_from_slice(&checksum);
    disk.write(&path, &bytes);
    let opened = Archive::open(Arc::new(disk.clone()), limits(), KEY, Hash::default());
    assert!(matches!(
        opened,
        Err(ArchiveError::Version { version: 2, .. })
    ));
}
