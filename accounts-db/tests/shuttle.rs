//! The roles on threads of their own, under a model checker that tries many interleavings. Freed
//! versions are marked, and using one fails the test.
//!
//! `tests/model-check` runs them.
#![cfg(feature = "shuttle")]
#![allow(unsafe_code)]

use sealane_accounts_db::{
    AccountIndex, Accounts, BankingAccess, DbLimits, EntryNumber, EntryWrites, GraceFault,
    Interner, MemoryBound, MemoryDisk, NotInterned, Pin, SegmentOptions, Segments, open,
    open_bounded,
};
use sealane_sdk::{AccountState, Hash, Pubkey};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::mpsc;
use shuttle::{Config, Runner, thread};
use std::sync::Arc;

const TOTAL: u64 = 100;
const OWNERS: [Pubkey; 2] = [key(101), key(102)];

/// The System program: an account of it without data is plain.
const PLAIN: Pubkey = key(0);

const fn key(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

fn state(lamports: u64, owner: usize) -> AccountState {
    AccountState {
        lamports,
        owner: OWNERS[owner],
        ..AccountState::default()
    }
}

fn plain(lamports: u64) -> AccountState {
    AccountState {
        lamports,
        owner: PLAIN,
        ..AccountState::default()
    }
}

/// Runs `test` under random schedules and under schedules with few preemptions at odd places.
fn check(iterations: usize, test: fn()) {
    let mut config = Config::new();
    config.silence_warnings = true;
    Runner::new(RandomScheduler::new(iterations), config.clone()).run(test);
    Runner::new(PctScheduler::new(3, iterations), config).run(test);
}

/// The scheduler thread and the only banking thread in one.
struct Writer {
    accounts: Arc<Accounts>,
    interner: Interner,
    banking: BankingAccess,
    publisher: mpsc::Sender<(EntryNumber, EntryWrites)>,
}

impl Writer {
    fn intern(&mut self, n: u8) -> AccountIndex {
        loop {
            match self
                .interner
                .intern(&key(n), self.accounts.hash_key(&key(n)))
            {
                Ok(index) => return index,
                Err(_) => {
                    thread::yield_now();
                    self.interner.reclaim(&mut |_| true);
                }
            }
        }
    }

    /// Writes an entry and sends it to the publisher.
    fn entry(&mut self, entry: EntryNumber, changes: &[(u8, AccountState)]) {
        let indices: Vec<_> = changes
            .iter()
            .map(|(n, _)| (self.intern(*n), true))
            .collect();
        write(&mut self.banking, &indices, entry, changes);
        let writes = self.banking.take_writes();
        self.publisher
            .send((entry, writes))
            .expect("the publisher listens");
    }
}

/// Writes accounts twice in an entry: what the first write leaves is plain, and never seen.
fn write(
    banking: &mut BankingAccess,
    indices: &[(AccountIndex, bool)],
    entry: EntryNumber,
    changes: &[(u8, AccountState)],
) {
    // SAFETY: the only banking thread, one guard at a time.
    let mut locked = unsafe { banking.lock(indices) };
    for (i, (_, state)) in changes.iter().enumerate() {
        locked.set(i, plain(1), entry);
        locked.set(i, state.clone(), entry);
    }
}

/// Starts a publisher; `write` is the writer's thread; `read` runs in two threads meanwhile.
fn run(
    limits: DbLimits,
    genesis: &[(u8, AccountState)],
    write: impl FnOnce(Writer) + Send + 'static,
    read: fn(Pin),
) {
    let genesis = genesis.iter().map(|(n, state)| (key(*n), state.clone()));
    let (accounts, interner, mut banking, mut publisher) = open(limits, 1, genesis).unwrap();
    let (sender, entries) = mpsc::channel();
    let banking = banking.pop().unwrap();
    let writer = Writer {
        accounts: Arc::clone(&accounts),
        interner,
        banking,
        publisher: sender,
    };
    let mut threads = vec![
        thread::spawn(move || write(writer)),
        thread::spawn(move || {
            for (entry, writes) in entries {
                publisher.publish(entry, &mut [writes].into_iter());
            }
        }),
    ];
    for _ in 0..2 {
        let accounts = Arc::clone(&accounts);
        threads.push(thread::spawn(move || {
            for _ in 0..2 {
                read(accounts.pin().expect("there are cells enough"));
            }
        }));
    }
    drop(accounts);
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("no thread fails"));
}

fn lamports(pin: &Pin, n: u8) -> u64 {
    pin.with(&key(n), |state| state.map_or(0, |state| state.lamports))
        .expect("not expired")
}

const LIMITS: DbLimits = DbLimits {
    accounts_max: 2,
    pins_max: 3,
    pinned_bytes_max: 1 << 20,
};

/// Moves lamports between accounts 1 and 2, deletes 1, gives its index to 3 and takes it back.
fn write_entries(mut writer: Writer) {
    writer.entry(1, &[(1, state(60, 0)), (2, state(40, 1))]);
    writer.entry(2, &[(1, state(0, 0)), (2, state(TOTAL, 0))]);
    writer.entry(3, &[(2, state(30, 1)), (3, state(70, 0))]);
    writer.entry(4, &[(2, state(TOTAL, 0)), (3, state(0, 0))]);
    writer.entry(5, &[(2, state(1, 0)), (1, state(99, 1))]);
}

fn genesis() -> [(u8, AccountState); 2] {
    [(1, state(50, 0)), (2, state(50, 0))]
}

/// Keys, read one by one, while an index goes from one account to another.
fn keys() {
    run(LIMITS, &genesis(), write_entries, |pin| {
        let sum = (1..4).map(|n| lamports(&pin, n)).sum::<u64>();
        assert_eq!(sum, TOTAL, "as of entry {}", pin.entry());
    });
}

/// Keys, while one account comes and goes and its index is asked back at once.
fn comes_and_goes() {
    const THREE_ACCOUNTS: DbLimits = DbLimits {
        accounts_max: 3,
        ..LIMITS
    };
    fn write(mut writer: Writer) {
        for entry in 1..6 {
            let lamports = if entry % 2 == 0 { 50 } else { 0 };
            writer.entry(
                entry,
                &[(1, state(lamports, 0)), (2, state(TOTAL - lamports, 1))],
            );
            writer.interner.reclaim(&mut |_| true);
        }
    }
    run(THREE_ACCOUNTS, &genesis(), write, |pin| {
        let sum = lamports(&pin, 1) + lamports(&pin, 2);
        assert_eq!(sum, TOTAL, "as of entry {}", pin.entry());
    });
}

/// A scan over all accounts.
fn scan() {
    run(LIMITS, &genesis(), write_entries, |pin| {
        let mut sum = 0;
        pin.all(&mut |_, state| sum += state.lamports)
            .expect("not expired");
        assert_eq!(sum, TOTAL, "as of entry {}", pin.entry());
    });
}

/// Keys, while accounts are plain, are not, do not exist, and are again.
fn plain_keys() {
    fn write(mut writer: Writer) {
        writer.entry(1, &[(1, plain(60)), (2, plain(40))]);
        writer.entry(2, &[(1, plain(0)), (2, plain(TOTAL))]);
        writer.entry(3, &[(2, state(30, 1)), (3, plain(70))]);
        writer.entry(4, &[(2, plain(50)), (3, plain(50))]);
        writer.entry(5, &[(2, plain(TOTAL)), (3, plain(0))]);
    }
    let genesis = [(1, plain(50)), (2, plain(50))];
    run(LIMITS, &genesis, write, |pin| {
        let sum = (1..4).map(|n| lamports(&pin, n)).sum::<u64>();
        assert_eq!(sum, TOTAL, "as of entry {}", pin.entry());
    });
}

/// The owner index, while accounts change owners.
fn owners() {
    run(LIMITS, &genesis(), write_entries, |pin| {
        let mut sum = 0;
        for owner in OWNERS {
            pin.owned_by(&owner, &mut |_, state| sum += state.lamports)
                .expect("not expired");
        }
        assert_eq!(sum, TOTAL, "as of entry {}", pin.entry());
    });
}

/// Keys, while the key table is replaced.
fn tables() {
    const MORE_ACCOUNTS: DbLimits = DbLimits {
        accounts_max: 40,
        ..LIMITS
    };
    fn intern_many(mut writer: Writer) {
        for n in 10..16 {
            writer.intern(n);
        }
        writer.entry(1, &[(1, state(60, 0)), (2, state(40, 1))]);
        for n in 16..30 {
            let index = writer.intern(n);
            writer.interner.release(index);
        }
        writer.entry(2, &[(1, state(10, 0)), (2, state(90, 0))]);
        writer.interner.reclaim(&mut |_| true);
    }
    run(MORE_ACCOUNTS, &genesis(), intern_many, |pin| {
        let sum = lamports(&pin, 1) + lamports(&pin, 2);
        assert_eq!(sum, TOTAL, "as of entry {}", pin.entry());
    });
}

/// Writes entries and evicts, while a thread publishes and writes the files, and two read.
fn run_bounded(read: fn(Pin)) {
    const LIMITS_BOUNDED: DbLimits = DbLimits {
        accounts_max: 6,
        pins_max: 4,
        ..LIMITS
    };
    let genesis = [(key(1), plain(50)), (key(2), plain(50))];
    let disk = Arc::new(MemoryDisk::new());
    let opened = Segments::open(disk, Hash::default(), SegmentOptions::default());
    let mut segments = opened.expect("it is empty").segments;
    segments.write(0, genesis.clone()).expect("it is good");
    let bound = MemoryBound {
        bytes_max: 0,
        files: segments.reader(),
        in_files: Some(0),
        kept: Vec::new(),
    };
    let opened = open_bounded(LIMITS_BOUNDED, 1, genesis, Some(bound));
    let (accounts, mut interner, mut banking, mut publisher) = opened.unwrap();
    let (sender, entries) = mpsc::channel::<(EntryNumber, EntryWrites)>();
    let mut banking = banking.pop().unwrap();
    let shared = Arc::clone(&accounts);
    let writer = move || {
        let changes = [
            [(1, plain(60)), (2, state(40, 1))],
            [(1, plain(0)), (2, plain(TOTAL))],
            [(2, plain(30)), (3, state(70, 0))],
            [(2, state(TOTAL, 0)), (3, plain(0))],
            [(2, plain(1)), (1, plain(99))],
        ];
        for (entry, changes) in (1..).zip(changes) {
            let indices = [changes[0].0, changes[1].0].map(|n| {
                let index = intern_bounded(&shared, &mut interner, n);
                (index, true)
            });
            write(&mut banking, &indices, entry, &changes);
            let writes = banking.take_writes();
            sender.send((entry, writes)).expect("the publisher listens");
            interner.evict(16, &mut |_| true, &mut Vec::new());
            interner.reclaim(&mut |_| true);
        }
    };
    let shared = Arc::clone(&accounts);
    let publish = move || {
        for (entry, writes) in entries {
            let mut noted = Vec::new();
            publisher.publish_noting(entry, &mut [writes].into_iter(), |key, state, _| {
                noted.push((*key, state.to_state()));
            });
            segments.write(entry, noted).expect("the disk is good");
            shared.files_have(entry);
        }
    };
    let mut threads = vec![thread::spawn(writer), thread::spawn(publish)];
    for _ in 0..2 {
        let accounts = Arc::clone(&accounts);
        threads.push(thread::spawn(move || {
            for _ in 0..2 {
                read(accounts.pin().expect("there are cells enough"));
            }
        }));
    }
    drop(accounts);
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("no thread fails"));
}

fn intern_bounded(accounts: &Arc<Accounts>, interner: &mut Interner, n: u8) -> AccountIndex {
    let hash = accounts.hash_key(&key(n));
    let mut fetched = None;
    loop {
        match interner.intern_fetched(&key(n), hash, fetched.as_ref(), false) {
            Ok(index) => return index,
            Err(NotInterned::Cold) => {
                let pin = accounts.pin().expect("there are cells enough");
                fetched = pin.fetch(&key(n), hash).expect("the disk is good");
            }
            Err(NotInterned::Full(_)) => {
                thread::yield_now();
                interner.reclaim(&mut |_| true);
            }
        }
    }
}

/// Keys, while their accounts go to the disk and come back.
fn cold_keys() {
    run_bounded(|pin| {
        let sum = (1..4).map(|n| lamports(&pin, n)).sum::<u64>();
        assert_eq!(sum, TOTAL, "as of entry {}", pin.entry());
    });
}

/// A scan over all accounts, while they go to the disk and come back.
fn cold_scan() {
    run_bounded(|pin| {
        let mut sum = 0;
        pin.all(&mut |_, state| sum += state.lamports)
            .expect("not expired");
        assert_eq!(sum, TOTAL, "as of entry {}", pin.entry());
    });
}

#[test]
fn keys_read_at_a_pin_are_of_one_entry_while_accounts_go_to_the_disk_and_come_back() {
    check(2_000, cold_keys);
}

#[test]
fn a_scan_at_a_pin_is_of_one_entry_while_accounts_go_to_the_disk_and_come_back() {
    check(2_000, cold_scan);
}

#[test]
fn keys_read_at_a_pin_are_of_one_entry_while_indices_change_hands() {
    check(4_000, keys);
}

#[test]
fn an_account_that_comes_and_goes_is_not_taken_back_from_under_a_reader() {
    check(4_000, comes_and_goes);
}

#[test]
fn a_scan_at_a_pin_is_of_one_entry_while_indices_change_hands() {
    check(4_000, scan);
}

#[test]
fn keys_read_at_a_pin_are_of_one_entry_while_plain_accounts_change() {
    check(4_000, plain_keys);
}

#[test]
fn the_owner_index_has_all_accounts_at_a_pin_while_owners_change() {
    check(4_000, owners);
}

#[test]
fn readers_find_keys_while_the_table_is_replaced() {
    check(1_000, tables);
}

#[test]
fn a_pin_that_expires_fails_and_is_not_left_with_freed_versions() {
    const FEW_BYTES: DbLimits = DbLimits {
        pinned_bytes_max: 200,
        ..LIMITS
    };
    check(2_000, || {
        run(FEW_BYTES, &genesis(), write_entries, |pin| {
            let read = |n| pin.with(&key(n), |state| state.map_or(0, |state| state.lamports));
            let sum = (1..4).map(read).sum::<Result<u64, _>>();
            assert!(
                sum.is_err() || sum == Ok(TOTAL),
                "{sum:?} as of entry {}",
                pin.entry()
            );
        });
    });
}

/// Each fault is committed in each model until one fails.
#[test]
fn what_is_freed_too_early_is_found() {
    let models: [(&str, fn()); 8] = [
        ("keys", keys),
        ("plain keys", plain_keys),
        ("comes and goes", comes_and_goes),
        ("scan", scan),
        ("owners", owners),
        ("tables", tables),
        ("cold keys", cold_keys),
        ("a cold scan", cold_scan),
    ];
    for fault in GraceFault::ALL {
        GraceFault::commit(Some(fault));
        let found = models
            .iter()
            .find(|(_, model)| std::panic::catch_unwind(|| check(4_000, *model)).is_err());
        GraceFault::commit(None);
        let (name, _) = found.unwrap_or_else(|| panic!("{fault:?} is found by no model"));
        println!("{fault:?} is found by the model of {name}");
    }
}
