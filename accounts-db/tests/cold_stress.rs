//! Accounts that go to the disk and come back, on real threads: one interns, changes and evicts, one publishes,
//! writes the files and compacts them, one fetches ahead, and two count all lamports at a pin.
#![cfg(not(feature = "shuttle"))]
#![allow(unsafe_code)]

use rand::{Rng, SeedableRng, rngs::StdRng};
use sealane_accounts_db::{
    AccountIndex, Accounts, BankingAccess, DbLimits, EntryNumber, EntryWrites, Fetched, Interner,
    MemoryBound, MemoryDisk, NotInterned, Pin, Publisher, SegmentOptions, Segments, open_bounded,
};
use sealane_sdk::{AccountState, Hash, Pubkey};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

const KEYS: u64 = 300;
const LAMPORTS_EACH: u64 = 1_000;
const ENTRIES: EntryNumber = 3_000;
const MOVES_PER_ENTRY: usize = 10;
const LIMITS: DbLimits = DbLimits {
    accounts_max: 2_000,
    pins_max: 8,
    pinned_bytes_max: 1 << 30,
};

fn key(n: u64) -> Pubkey {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    Pubkey::new_from_array(bytes)
}

/// Every third is plain: the System program's, without data.
fn state(lamports: u64) -> AccountState {
    let owner = match lamports % 3 {
        0 => Pubkey::default(),
        n => key(n),
    };
    AccountState {
        lamports,
        owner,
        data: vec![lamports as u8; data_len(lamports)].into(),
        executable: false,
    }
}

fn data_len(lamports: u64) -> usize {
    match lamports % 3 {
        0 => 0,
        _ => 1 + lamports as usize % 50,
    }
}

/// What was fetched ahead, by number of the key.
type Ahead = mpsc::Receiver<(u64, Fetched)>;

struct Writer {
    accounts: Arc<Accounts>,
    interner: Interner,
    banking: BankingAccess,
    random: StdRng,
    evicted: usize,
}

impl Writer {
    /// Interns with what was fetched ahead, and fetches anew where that is old.
    fn intern(&mut self, n: u64, mut fetched: Option<Fetched>) -> AccountIndex {
        let hash = self.accounts.hash_key(&key(n));
        loop {
            let interned = self
                .interner
                .intern_fetched(&key(n), hash, fetched.as_ref(), false);
            match interned {
                Ok(index) => return index,
                Err(NotInterned::Cold) => {
                    let pin = self.accounts.pin().expect("there are cells enough");
                    fetched = pin.fetch(&key(n), hash).expect("the disk is good");
                }
                Err(NotInterned::Full(_)) => {
                    self.interner.reclaim(&mut |_| true);
                    thread::yield_now();
                }
            }
        }
    }

    /// Moves lamports between two accounts, often all of them.
    fn random_move(&mut self, entry: EntryNumber, ahead: &Ahead) {
        let (from, fetched) = match ahead.try_recv() {
            Ok((n, fetched)) => (n, Some(fetched)),
            Err(_) => (self.random.random_range(0..KEYS), None),
        };
        let other = (from + self.random.random_range(1..KEYS)) % KEYS;
        let indices = [self.intern(from, fetched), self.intern(other, None)];
        let locks = indices.map(|index| (index, true));
        // SAFETY: the only banking thread, one guard at a time.
        let mut locked = unsafe { self.banking.lock(&locks) };
        let lamports = [locked.get(0).lamports, locked.get(1).lamports];
        let moved = match self.random.random_bool(0.3) {
            true => lamports[0],
            false => self.random.random_range(0..=lamports[0]),
        };
        locked.set(0, state(lamports[0] - moved), entry);
        locked.set(1, state(lamports[1] + moved), entry);
        drop(locked);
        for index in indices {
            self.interner.release(index);
        }
    }

    fn run(mut self, ahead: &Ahead, to: &mpsc::SyncSender<EntryWrites>) -> usize {
        for entry in 1..=ENTRIES {
            for _ in 0..MOVES_PER_ENTRY {
                self.random_move(entry, ahead);
            }
            to.send(self.banking.take_writes()).expect("it listens");
            let mut evicted = Vec::new();
            // Between two moves nothing is in flight.
            self.interner.evict(1_000, &mut |_| true, &mut evicted);
            self.evicted += evicted.len();
            self.interner.reclaim(&mut |_| true);
        }
        self.evicted
    }
}

/// Publishes, and writes the files every few entries.
fn publish(
    accounts: &Accounts,
    mut publisher: Publisher,
    mut segments: Segments,
    from: &mpsc::Receiver<EntryWrites>,
) {
    let mut noted = std::collections::HashMap::new();
    for entry in 1..=ENTRIES {
        let writes = from.recv().expect("one batch per entry");
        publisher.publish_noting(entry, &mut [writes].into_iter(), |key, state, _| {
            noted.insert(*key, state.to_state());
        });
        if entry % 3 == 0 {
            segments.write(entry, &noted).expect("the disk is good");
            noted.clear();
            accounts.files_have(entry);
            while segments.compact_step(1 << 12).expect("it is good") {}
            segments.remove_unused().expect("the disk is good");
        }
    }
}

fn check(pin: &Pin) {
    let add = |sum: &mut u64, state: &AccountState| {
        let data = state.data.as_slice();
        assert_eq!(data.len(), data_len(state.lamports));
        assert!(data.iter().all(|byte| *byte == state.lamports as u8));
        *sum += state.lamports;
    };
    let (mut scanned, mut looked_up) = (0, 0);
    pin.all(&mut |_, state| add(&mut scanned, state))
        .expect("not expired");
    for n in 0..KEYS {
        if let Some(state) = pin.get(&key(n)).expect("not expired") {
            add(&mut looked_up, &state);
        }
    }
    let total = KEYS * LAMPORTS_EACH;
    assert_eq!([scanned, looked_up], [total; 2], "at {}", pin.entry());
}

/// Ends the readers, also when something fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn all_lamports_are_there_at_every_pin_while_accounts_go_to_the_disk_and_come_back() {
    let options = SegmentOptions {
        segment_bytes_min: 1 << 14,
        segment_bytes_max: 1 << 16,
        ..SegmentOptions::default()
    };
    let opened = Segments::open(Arc::new(MemoryDisk::new()), Hash::default(), options);
    let mut segments = opened.expect("it is empty").segments;
    let genesis: Vec<_> = (0..KEYS).map(|n| (key(n), state(LAMPORTS_EACH))).collect();
    segments.write(0, genesis.clone()).expect("it is good");
    let bound = MemoryBound {
        bytes_max: 20_000,
        files: segments.reader(),
        in_files: Some(0),
        kept: Vec::new(),
    };
    let opened = open_bounded(LIMITS, 1, genesis, Some(bound));
    let (accounts, interner, mut banking, publisher) = opened.expect("genesis fits");
    let seed = 5;
    println!("seed {seed}");
    let writer = Writer {
        accounts: Arc::clone(&accounts),
        interner,
        banking: banking.pop().expect("one thread"),
        random: StdRng::seed_from_u64(seed),
        evicted: 0,
    };
    let done = AtomicBool::new(false);
    let (evicted, pins) = thread::scope(|scope| {
        let (to, from) = mpsc::sync_channel(8);
        let (ahead_to, ahead) = mpsc::sync_channel(16);
        let accounts = &accounts;
        let done = &done;
        let writer = scope.spawn(move || writer.run(&ahead, &to));
        scope.spawn(move || {
            let mut random = StdRng::seed_from_u64(seed + 1);
            loop {
                let n = random.random_range(0..KEYS);
                let pin = accounts.pin().expect("there are cells enough");
                let fetched = pin.fetch(&key(n), accounts.hash_key(&key(n)));
                drop(pin);
                let fetched = fetched.expect("the disk is good");
                let sent = fetched.map_or(Ok(()), |fetched| ahead_to.send((n, fetched)));
                if sent.is_err() || done.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let read = || {
            let mut pins = 0_u64;
            while !done.load(Ordering::Relaxed) {
                check(&accounts.pin().expect("there are cells enough"));
                pins += 1;
            }
            pins
        };
        let readers = [scope.spawn(read), scope.spawn(read)];
        let stop = StopOnDrop(done);
        publish(accounts, publisher, segments, &from);
        drop(stop);
        let evicted = writer.join().expect("it ends well");
        let pins: u64 = readers
            .map(|it| it.join().expect("it ends well"))
            .iter()
            .sum();
        (evicted, pins)
    });
    println!(
        "{pins} pins, {evicted} evicted, {} read",
        accounts.cold_reads()
    );
    assert!(evicted > 1_000);
    check(&accounts.pin().expect("there are cells enough"));
}
