//! The same with a ledger: memory is small, the archive lags behind, old files go, the disk fails. Whatever
//! the ledger keeps is found, in memory or on the disk, and nobody can tell in which.

use super::*;
use crate::block_log::{BlockLogConfig, BlockLogWriter, BlockRecord, SlotOpened};
use crate::checkpoint::CheckpointWatch;
use crate::history::open::{HistoryThreads, OpenArchive};
use crate::history::{HistoryMessage, HistoryQueue, RememberedEntry};
use crate::log_stage::opened;
use crate::notice::Notice;
use crate::start::ChainStart;
use crate::sync::{AtomicBool, Mutex, Ordering};
use crate::task::SlotOpening;
use crate::{ArchiveLimits, BlockLogReader, RecordPosition, RuntimeConfig, SlotWatch, slot};
use sealane_accounts_db::{DbLimits, Disk, DiskFile, DiskRead, MemoryDisk};
use sealane_sdk::Programs;
use std::io;
use std::time::Duration;

/// A disk on which no file of the history can be made for a while.
struct Failing {
    inner: MemoryDisk,
    fails: AtomicBool,
}

impl Disk for Failing {
    fn create_directory(&self, path: &str) -> io::Result<()> {
        self.inner.create_directory(path)
    }
    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        if path.starts_with("history/") && self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("as the test wants it"));
        }
        self.inner.create(path)
    }
    fn open(&self, path: &str) -> io::Result<std::sync::Arc<dyn DiskRead>> {
        self.inner.open(path)
    }
    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.inner.list(path)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }
    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.link(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)
    }
    fn sync_directory(&self, path: &str) -> io::Result<()> {
        self.inner.sync_directory(path)
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.inner.free_bytes()
    }
}

/// A log, an archive that is told of it when the test says so, and all that was ever in it.
struct Ledger {
    run: Run,
    disk: Arc<Failing>,
    log: BlockLogWriter,
    queue: HistoryQueue,
    threads: HistoryThreads,
    /// Sent and not taken, about.
    waiting: usize,
    entries: u64,
    tip: Hash,
    /// For each slot the file in which it opens.
    slot_files: Vec<u64>,
    checkpoints: Arc<CheckpointWatch>,
    notices: Arc<Mutex<Vec<Notice>>>,
}

const FILE_BYTES: u64 = 20_000;

fn limits() -> Limits {
    Limits {
        recent_history_bytes_max: 25_000,
        archive: ArchiveLimits {
            batch_transactions_max: 60,
            batch_log_bytes_max: 60_000,
            batch_slots_max: 40,
            run_transactions_max: 10_000,
        },
        ..Limits::default()
    }
}

impl Ledger {
    fn new(seed: u64, limits: Limits) -> Self {
        let mut run = Run::new(seed, &limits);
        let disk = Arc::new(Failing {
            inner: MemoryDisk::new(),
            fails: AtomicBool::new(false),
        });
        let genesis_hash = run.context.blockhash();
        let programs = Arc::new(Programs::builtin());
        let mut config = RuntimeConfig::new(programs, genesis_hash, Pubkey::default());
        config.genesis_time = run.context.sysvars.clock.unix_timestamp;
        config.slot_duration = Duration::from_secs(1);
        config.limits = limits;
        config.ledger = Some(disk.clone());
        let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
        let heard = notices.clone();
        config.on_notice = Arc::new(move |notice| heard.lock().unwrap().push(notice.clone()));
        let log = BlockLogConfig {
            file_bytes_max: FILE_BYTES,
            ..BlockLogConfig::default()
        };
        let (log, _) = BlockLogWriter::open(disk.clone(), &genesis_hash, log).unwrap();
        let db_limits = DbLimits {
            accounts_max: 16,
            pins_max: 1,
            pinned_bytes_max: 1,
        };
        let (accounts, ..) = sealane_accounts_db::open(db_limits, 1, Vec::new()).unwrap();
        let slots = SlotWatch::new(run.context.clone());
        let archive = OpenArchive::of(&config, &accounts, &slots).unwrap();
        let archived = Some(archive.archived.clone());
        run.history = Arc::new(History::new(
            &config.limits,
            &ChainStart::first(run.context.clone()),
            archived,
        ));
        let checkpoints = Arc::new(CheckpointWatch::default());
        let (queue, threads) = archive.wire(&config, &run.history, &Arc::default(), &checkpoints);
        Self {
            run,
            disk,
            log,
            queue,
            threads,
            waiting: 0,
            entries: 0,
            tip: genesis_hash,
            slot_files: vec![0],
            checkpoints,
            notices,
        }
    }

    fn append(&mut self) {
        let past = self.run.entry();
        self.entries += 1;
        self.tip = slot::tip_after(&self.tip, past.signatures());
        let mut record = None;
        if past.logged_items().next().is_some() {
            let items = past.logged_items();
            record = Some(self.log.append_entry(self.entries, items).unwrap());
            self.log.sync().unwrap();
        }
        let remembered = self.run.history.append(past.clone());
        let entry = RememberedEntry {
            remembered,
            entry: self.entries,
            record,
            tip: self.tip,
            past,
        };
        self.send(HistoryMessage::Entry(entry));
    }

    fn open_slot(&mut self) {
        let open = &self.run.context;
        let seconds = open.sysvars.clock.unix_timestamp;
        let blockhash = slot::blockhash(&open.blockhash(), open.slot, seconds, &self.tip);
        self.run.open_slot_with(blockhash);
        let context = self.run.context.clone();
        let opened: SlotOpened = opened(&context);
        let record = BlockRecord::SlotOpened(opened);
        let record: RecordPosition = self.log.append(&record).unwrap();
        self.log.sync().unwrap();
        self.slot_files.push(record.file);
        let record = Some(record);
        self.send(HistoryMessage::Slot(SlotOpening {
            context,
            record,
            passed: None,
        }));
    }

    fn send(&mut self, message: HistoryMessage) {
        if self.waiting > 200 {
            self.take_all();
        }
        self.queue.send(&self.run.history, || message);
        self.waiting += 1;
    }

    /// The history stage works, and then the keeper.
    fn take(&mut self, count: usize) {
        for _ in 0..count {
            let Ok(message) = self.threads.stage.queue.try_recv() else {
                self.waiting = 0;
                break;
            };
            self.waiting = self.waiting.saturating_sub(1);
            self.threads.stage.take(&message);
        }
        while let Ok(tick) = self.threads.keeper.ticks.try_recv() {
            self.threads.keeper.look(&tick);
        }
    }

    fn take_all(&mut self) {
        self.take(usize::MAX);
    }

    /// The oldest file that is there.
    fn first_file(&self) -> u64 {
        let disk: Arc<dyn Disk> = self.disk.clone();
        crate::block_log::first_log_file(&*disk).unwrap()
    }

    /// The transactions that are to be found.
    fn kept(&self) -> &[Known] {
        let first_file = self.first_file();
        let is_kept = |known: &&Known| {
            // A transaction goes with its slot.
            let file = self.slot_files[known.slot as usize];
            let recent = self.run.history.find_recent(&signature(known.number));
            file >= first_file || recent.is_some()
        };
        let gone = self.run.known.iter().take_while(|known| !is_kept(known));
        let gone = gone.count();
        &self.run.known[gone..]
    }

    fn check_transactions(&mut self) {
        let known = self.run.known.len();
        let kept = known - self.kept().len();
        for _ in 0..5 {
            let at = self.run.rng.random_range(0..known);
            let known = &self.run.known[at];
            let found = self.run.history.find(&signature(known.number), 0).unwrap();
            let found = found.map(|found| (found.number(), found.slot()));
            let expected = (at >= kept).then_some((known.number, known.slot));
            assert_eq!(
                found,
                expected,
                "transaction {at} of {}",
                self.run.known.len()
            );
        }
        let nobody = signature(u64::MAX);
        assert!(self.run.history.find(&nobody, 0).unwrap().is_none());
    }

    fn check_address(&mut self) {
        let kept: Vec<(u64, Vec<u8>)> = self
            .kept()
            .iter()
            .map(|known| (known.number, known.names.clone()))
            .collect();
        self.run.check_address_among(&kept);
    }

    /// All that was told is in the archive.
    fn check_blocks(&mut self) {
        self.take_all();
        let (history, open) = (&self.run.history, self.run.context.slot);
        let first_file = self.first_file();
        let archived = self.slot_files.iter().position(|file| *file >= first_file);
        let recent = history.recent.first_available_block();
        let first = archived.map_or(recent, |slot| recent.min(slot as u64));
        assert_eq!(history.first_available_block(), first);
        let all: Vec<u64> = (first..open).collect();
        assert_eq!(history.blocks(0, u64::MAX, usize::MAX), all);
        let some: Vec<u64> = (first..open).take(3).collect();
        assert_eq!(history.blocks(0, open, 3), some);
        for slot in 0..open + 2 {
            let block = history.block(slot);
            let time = history.block_time(slot);
            if slot >= open {
                assert_eq!(block.err(), Some(NoBlock::NotYet));
                assert_eq!(time, Err(NoBlock::NotYet));
            } else if slot < first {
                let expected = NoBlock::CleanedUp {
                    first_available: first,
                };
                assert_eq!(block.err(), Some(expected.clone()), "slot {slot}");
                assert_eq!(time, Err(expected));
            } else {
                let block = block.unwrap();
                let at = slot as usize;
                assert_eq!(block.previous_blockhash, self.run.blockhashes[at]);
                assert_eq!(block.blockhash, self.run.blockhashes[at + 1]);
                assert_eq!(time, Ok(1_000 + slot as i64));
                assert_eq!(block.block_time, 1_000 + slot as i64);
                let found = block.transactions().map(|found| found.unwrap());
                let found: Vec<_> = found
                    .map(|found| (found.number(), found.position()))
                    .collect();
                let known = self.run.known.iter().filter(|known| known.slot == slot);
                let places = known
                    .zip(0..)
                    .map(|(known, index)| (known.number, (slot, index)));
                assert_eq!(found, places.collect::<Vec<_>>());
            }
        }
    }

    fn bytes(&self) -> u64 {
        let files = self.disk.inner.files();
        let is_pruned = |path: &str| path.ends_with(".log") || path.ends_with(".run");
        let of = files.iter().filter(|(path, _)| is_pruned(path));
        of.map(|(_, bytes)| bytes).sum()
    }

    fn step(&mut self) {
        match self.run.rng.random_range(0..12) {
            0..=5 => self.append(),
            6 => self.open_slot(),
            7 => (0..self.run.rng.random_range(1..9)).for_each(|_| self.open_slot()),
            8 | 9 => {
                let count = self.run.rng.random_range(1..40);
                self.take(count);
            }
            _ if self.run.known.is_empty() => {}
            10 => self.check_transactions(),
            _ => self.check_address(),
        }
    }
}

#[test]
fn memory_and_archive_together_find_what_a_model_that_keeps_everything_finds() {
    for seed in 0..40 {
        println!("seed {seed}");
        let mut ledger = Ledger::new(seed, limits());
        for round in 1..=600 {
            ledger.step();
            if round % 150 == 0 {
                ledger.check_blocks();
            }
        }
        assert_eq!(*ledger.notices.lock().unwrap(), []);
        let recent = ledger.run.recent_count();
        assert!(
            recent * 4 < ledger.run.known.len(),
            "{recent} are still in memory"
        );
    }
}

#[test]
fn old_files_go_as_far_as_nobody_needs_them_and_what_was_in_them_is_not_there() {
    for seed in 0..12 {
        println!("seed {seed}");
        let mut limits = limits();
        let bound = 20 * FILE_BYTES;
        match seed % 2 {
            0 => limits.ledger_bytes_max = Some(bound),
            _ => limits.ledger_age_max = Some(Duration::from_secs(50)),
        }
        let mut ledger = Ledger::new(seed, limits);
        for _ in 0..400 {
            ledger.step();
        }
        assert_eq!(ledger.first_file(), 0, "all of it is needed");
        for round in 0..1_200 {
            if round % 10 == 0 {
                let records = ledger.log.last_record();
                let needed = records.saturating_sub(20).max(1);
                ledger.checkpoints.set_log_needed_from(needed);
                let disk: Arc<dyn Disk> = ledger.disk.clone();
                let log = BlockLogReader::open(disk, &ledger.run.blockhashes[0]).unwrap();
                let read = log.records_from(needed).unwrap().map(Result::unwrap);
                assert_eq!(read.count() as u64, records + 1 - needed);
            }
            ledger.step();
            if round % 300 == 299 {
                ledger.check_blocks();
                let mut oldest = ledger.slot_files.iter();
                let oldest = oldest.position(|file| *file > ledger.first_file()).unwrap();
                if seed % 2 == 0 {
                    // A file, and what the archive has of it.
                    let bytes = ledger.bytes();
                    assert!(bytes <= bound + 3 * FILE_BYTES, "{bytes} bytes");
                } else {
                    let age = ledger.run.context.slot - oldest as u64;
                    assert!(age <= 50 + SLOTS_BETWEEN_LOOKS, "{age} slots");
                }
            }
        }
        assert!(ledger.first_file() > 3, "some went");
        assert!(ledger.run.history.first_available_block() > 0);
        assert_eq!(*ledger.notices.lock().unwrap(), []);
    }
}

#[test]
fn an_archive_that_could_not_be_written_catches_up_from_the_log() {
    for seed in 0..6 {
        println!("seed {seed}");
        let mut ledger = Ledger::new(seed, limits());
        for _ in 0..100 {
            ledger.step();
        }
        ledger.disk.fails.store(true, Ordering::SeqCst);
        for _ in 0..200 {
            ledger.append();
            ledger.open_slot();
            ledger.take(3);
        }
        let told = ledger.notices.lock().unwrap().clone();
        assert!(
            matches!(&told[..], [Notice::HistoryBehind { .. }]),
            "it is said once: {told:?}"
        );
        ledger.disk.fails.store(false, Ordering::SeqCst);
        for _ in 0..SLOTS_BETWEEN_LOOKS {
            ledger.append();
            ledger.open_slot();
            ledger.take(2);
        }
        ledger.take_all();
        let told = ledger.notices.lock().unwrap().clone();
        assert_eq!(told.last(), Some(&Notice::HistoryCaughtUp));
        ledger.check_blocks();
        for _ in 0..200 {
            ledger.step();
            ledger.check_transactions();
            ledger.check_address();
        }
        ledger.check_blocks();
    }
}

#[test]
fn what_is_damaged_is_told_and_never_taken_for_something_else() {
    let mut ledger = Ledger::new(1, limits());
    for _ in 0..300 {
        ledger.append();
        ledger.open_slot();
        ledger.take_all();
    }
    let history = ledger.run.history.clone();
    let mut damaged = 0;
    for known in ledger.run.known.iter().take(50) {
        let path = format!("blocks/{:010}.log", 0);
        let bytes = ledger.disk.inner.read(&path);
        let signature = signature(known.number);
        let at = bytes
            .windows(64)
            .position(|window| window == signature.as_ref())
            .unwrap();
        for byte in [at + 3, at + 100, at + 150] {
            let mut changed = bytes.clone();
            changed[byte] ^= 4;
            ledger.disk.inner.write(&path, &changed);
            assert!(history.find(&signature, 0).is_err(), "byte {byte}");
            let block = history.block(known.slot).unwrap();
            let unreadable = |it| matches!(it, Err(NoBlock::Unreadable(_)));
            assert!(block.transactions().any(unreadable));
            damaged += 1;
        }
        ledger.disk.inner.write(&path, &bytes);
        assert!(history.find(&signature, 0).unwrap().is_some());
    }
    assert_eq!(damaged, 150);
}
