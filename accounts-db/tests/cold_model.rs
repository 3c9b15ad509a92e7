//! Random operations of all roles where memory is bounded, so that most accounts are on the disk most of the
//! time, interleaved on one thread, against a naive oracle: one whole map of the accounts per entry.
#![cfg(not(feature = "shuttle"))]
#![allow(unsafe_code)]

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sealane_accounts_db::{
    AccountIndex, Accounts, BankingAccess, CheckpointState, DbLimits, EntryNumber, EntryWrites,
    Fetched, Interner, LogPosition, MemoryBound, MemoryDisk, NotInterned, Pin, Publisher,
    SegmentOptions, Segments, open_bounded,
};
use sealane_sdk::{AccountState, Hash, Pubkey};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

const KEYS: u8 = 60;
const LIMITS: DbLimits = DbLimits {
    accounts_max: KEYS as usize * 4,
    pins_max: 6,
    pinned_bytes_max: usize::MAX,
};
const BANKING_THREADS: usize = 3;

type State = BTreeMap<Pubkey, AccountState>;

fn key(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

/// What happened, so that the test says that it tested something.
#[derive(Default, Debug)]
struct Counts {
    evicted: usize,
    installed: usize,
    stale: usize,
    cold_reads: u64,
}

struct Model {
    random: StdRng,
    accounts: Arc<Accounts>,
    interner: Interner,
    banking: Vec<BankingAccess>,
    publisher: Publisher,
    segments: Segments,
    /// What was published and is not in the files.
    noted: State,
    /// What was fetched, some time ago.
    fetched: HashMap<Pubkey, Fetched>,
    /// Tasks in flight: the accounts they lock for writing.
    tasks: Vec<Vec<(Pubkey, AccountIndex)>>,
    /// The entry that is being executed, its writes so far and those of entries not yet published.
    entry: EntryNumber,
    unpublished: VecDeque<(EntryNumber, Vec<EntryWrites>, State)>,
    writes: Vec<EntryWrites>,
    working: State,
    published: State,
    pins: Vec<(Pin, State)>,
    counts: Counts,
}

impl Model {
    /// Half of the seeds begin with accounts that are in the files, half with a genesis that is not.
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut genesis = State::new();
        for n in 0..KEYS / 2 {
            let state = random_state(&mut random);
            if !state.is_absent() {
                genesis.insert(key(n), state);
            }
        }
        let options = SegmentOptions {
            segment_bytes_min: 2_048,
            segment_bytes_max: 4_096,
            ..SegmentOptions::default()
        };
        let disk = Arc::new(MemoryDisk::new());
        let opened = Segments::open(disk, Hash::default(), options).expect("it is empty");
        let mut segments = opened.segments;
        let mut noted = genesis.clone();
        if seed.is_multiple_of(2) {
            segments.write(0, &noted).expect("the disk is good");
            noted.clear();
        }
        let bound = MemoryBound {
            bytes_max: random.random_range(0..8_000),
            files: segments.reader(),
            in_files: noted.is_empty().then_some(0),
            kept: vec![key(1)],
        };
        let opened = open_bounded(LIMITS, BANKING_THREADS, genesis.clone(), Some(bound));
        let (accounts, interner, banking, publisher) = opened.expect("genesis fits");
        assert_eq!(accounts.len(), genesis.len());
        Self {
            random,
            accounts,
            interner,
            banking,
            publisher,
            segments,
            noted,
            fetched: HashMap::new(),
            tasks: Vec::new(),
            entry: 1,
            unpublished: VecDeque::new(),
            writes: Vec::new(),
            working: genesis.clone(),
            published: genesis,
            pins: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn step(&mut self) {
        match self.random.random_range(0..120) {
            0..25 => self.insert_task(),
            25..55 => self.complete_task(),
            55..63 => self.close_entry(),
            63..72 => self.publish(),
            72..76 => self.pin(),
            76..80 => self.check_pin(),
            80..85 => self.unpin(),
            85..90 => self.write_files(),
            90..104 => self.evict(),
            104..112 => self.fetch_some(),
            _ => self.reclaim(),
        }
    }

    /// Fetches a key now; it is used some time later, or never.
    fn fetch_some(&mut self) {
        let key = key(self.random.random_range(0..KEYS));
        self.fetch(&key);
    }

    fn fetch(&mut self, key: &Pubkey) {
        if let Ok(pin) = self.accounts.pin()
            && let Some(fetched) = pin.fetch(key, self.accounts.hash_key(key)).unwrap()
        {
            self.fetched.insert(*key, fetched);
        }
    }

    /// `None` where it is cold, and there is no room for a pin to fetch it.
    fn intern(&mut self, key: &Pubkey) -> Option<AccountIndex> {
        let hash = self.accounts.hash_key(key);
        let had_index = self.interner.find(key, hash).is_some();
        let fetched = self.fetched.remove(key);
        let mut interned = self
            .interner
            .intern_fetched(key, hash, fetched.as_ref(), false);
        if interned == Err(NotInterned::Cold) {
            self.counts.stale += usize::from(fetched.is_some());
            self.fetch(key);
            let fetched = self.fetched.remove(key)?;
            interned = self
                .interner
                .intern_fetched(key, hash, Some(&fetched), false);
        }
        self.counts.installed += usize::from(!had_index);
        let index = interned.expect("there is room for every key, and it was just fetched");
        assert_eq!(self.interner.key(index), *key);
        for &(other, other_index) in self.tasks.iter().flatten() {
            assert_eq!(other == *key, other_index == index, "{other} and {key}");
        }
        Some(index)
    }

    fn is_idle(&self, account: AccountIndex) -> bool {
        is_idle(&self.tasks, account)
    }

    fn insert_task(&mut self) {
        let keys: Vec<_> = (0..self.random.random_range(1..4))
            .map(|_| key(self.random.random_range(0..KEYS)))
            .filter(|key| self.tasks.iter().flatten().all(|(taken, _)| taken != key))
            .collect();
        let mut task = Vec::new();
        for key in keys {
            if task.iter().any(|(other, _)| *other == key) {
                continue;
            }
            if let Some(index) = self.intern(&key) {
                task.push((key, index));
            }
        }
        self.tasks.push(task);
    }

    fn complete_task(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let task = self
            .tasks
            .swap_remove(self.random.random_range(0..self.tasks.len()));
        let locks: Vec<_> = task.iter().map(|(_, index)| (*index, true)).collect();
        let banking = &mut self.banking[self.random.random_range(0..BANKING_THREADS)];
        // SAFETY: tasks in flight share no account, and one guard lives at a time.
        let mut locked = unsafe { banking.lock(&locks) };
        for (i, (key, _)) in task.iter().enumerate() {
            let expected = self.working.get(key).cloned().unwrap_or_default();
            assert_eq!(*locked.get(i), expected, "working copy of {key}");
            if self.random.random_bool(0.5) {
                let state = random_state(&mut self.random);
                locked.set(i, state.clone(), self.entry);
                if state.is_absent() {
                    self.working.remove(key);
                } else {
                    self.working.insert(*key, state);
                }
            }
        }
        drop(locked);
        self.writes.push(banking.take_writes());
        for (key, index) in task {
            if !self.working.contains_key(&key) && self.is_idle(index) {
                self.interner.release(index);
            }
        }
    }

    fn close_entry(&mut self) {
        let writes = std::mem::take(&mut self.writes);
        self.unpublished
            .push_back((self.entry, writes, self.working.clone()));
        self.entry += self.random.random_range(1..3);
    }

    fn publish(&mut self) {
        let Some((entry, writes, state)) = self.unpublished.pop_front() else {
            return;
        };
        let noted = &mut self.noted;
        self.publisher
            .publish_noting(entry, &mut writes.into_iter(), |key, state, _| {
                noted.insert(*key, state.to_state());
            });
        self.published = state;
        assert_eq!(self.accounts.len(), self.published.len());
    }

    /// The files get all that was published; sometimes the power of saying so is left out for a while.
    fn write_files(&mut self) {
        let noted = std::mem::take(&mut self.noted);
        self.segments.write(1, &noted).expect("the disk is good");
        let entry = self.accounts.visible();
        if self.random.random_bool(0.2) {
            return;
        }
        self.accounts.files_have(entry);
        let state = CheckpointState {
            log: LogPosition {
                record: 1,
                file: 0,
                offset: 0,
            },
            slot: 1,
            entry,
            state_root: Hash::default(),
            context: Vec::new(),
        };
        self.segments.checkpoint(state).expect("the disk is good");
        while self.segments.compact_step(1_000).expect("it is good") {}
        self.segments.remove_unused().expect("the disk is good");
    }

    fn evict(&mut self) {
        let tasks = &self.tasks;
        let slots = self.random.random_range(1..200);
        let mut evicted = Vec::new();
        self.interner
            .evict(slots, &mut |account| is_idle(tasks, account), &mut evicted);
        self.counts.evicted += evicted.len();
    }

    fn pin(&mut self) {
        if self.pins.len() + 2 < LIMITS.pins_max {
            let pin = self.accounts.pin().expect("there is a cell");
            self.pins.push((pin, self.published.clone()));
        }
    }

    fn check_pin(&mut self) {
        let Some((pin, expected)) = self.pins.choose(&mut self.random) else {
            return;
        };
        check(pin, expected);
    }

    fn unpin(&mut self) {
        if !self.pins.is_empty() {
            self.pins
                .swap_remove(self.random.random_range(0..self.pins.len()));
        }
    }

    fn reclaim(&mut self) {
        let tasks = &self.tasks;
        self.interner
            .reclaim(&mut |account| is_idle(tasks, account));
    }

    /// Brings everything to rest; then nothing but what is kept needs to be in memory.
    fn finish(mut self) -> Counts {
        while !self.tasks.is_empty() {
            self.complete_task();
        }
        self.close_entry();
        while !self.unpublished.is_empty() {
            self.publish();
        }
        for (pin, expected) in self.pins.drain(..) {
            check(&pin, &expected);
        }
        self.close_entry();
        self.publish();
        let noted = std::mem::take(&mut self.noted);
        self.segments.write(1, &noted).expect("the disk is good");
        self.accounts.files_have(self.accounts.visible());
        for _ in 0..4 {
            self.interner.evict(10_000, &mut |_| true, &mut Vec::new());
            self.reclaim();
        }
        check(&self.accounts.pin().unwrap(), &self.published);
        self.counts.cold_reads = self.accounts.cold_reads();
        self.counts
    }
}

fn is_idle(tasks: &[Vec<(Pubkey, AccountIndex)>], account: AccountIndex) -> bool {
    tasks.iter().flatten().all(|(_, index)| *index != account)
}

fn check(pin: &Pin, expected: &State) {
    for key in (0..KEYS).map(key) {
        assert_eq!(
            pin.get(&key).unwrap().as_ref(),
            expected.get(&key),
            "{key} at a pin"
        );
    }
    let mut all = State::new();
    pin.all(&mut |key, state| assert_eq!(all.insert(*key, state.clone()), None))
        .unwrap();
    assert_eq!(all, *expected, "all at a pin");
    for owner in (0..4).map(owner) {
        let mut owned = State::new();
        pin.owned_by(&owner, &mut |key, state| {
            assert_eq!(owned.insert(*key, state.clone()), None);
        })
        .unwrap();
        let mut expected = expected.clone();
        expected.retain(|_, state| state.owner == owner);
        assert_eq!(owned, expected, "owned by {owner} at a pin");
    }
}

fn owner(n: u8) -> Pubkey {
    // 0 is the System program.
    Pubkey::new_from_array([n; 32])
}

fn random_state(random: &mut StdRng) -> AccountState {
    if random.random_bool(0.3) {
        return AccountState::default();
    }
    let lamports = random.random_range(1..1_000_000);
    if random.random_bool(0.5) {
        // As most are: of the System program, without data.
        return AccountState {
            lamports,
            ..AccountState::default()
        };
    }
    let bytes: Vec<u8> = vec![random.random(); random.random_range(0..200)];
    AccountState {
        lamports,
        owner: owner(random.random_range(0..4)),
        executable: random.random(),
        data: bytes.into(),
    }
}

#[test]
fn random_operations_on_mostly_cold_accounts_match_a_map_per_entry() {
    let mut total = Counts::default();
    for seed in 0..100 {
        println!("seed {seed}");
        let mut model = Model::new(seed);
        for _ in 0..1_500 {
            model.step();
        }
        let counts = model.finish();
        total.evicted += counts.evicted;
        total.installed += counts.installed;
        total.stale += counts.stale;
        total.cold_reads += counts.cold_reads;
    }
    println!("{total:?}");
    assert!(total.evicted > 1_000 && total.installed > 1_000 && total.stale > 100);
}

#[test]
fn resident_bytes_are_those_of_what_an_entry_left() {
    let data = |len: usize, owner: Pubkey| AccountState {
        lamports: 5,
        owner,
        data: vec![1; len].into(),
        ..AccountState::default()
    };
    let states = [
        data(0, owner(0)),
        data(0, owner(1)),
        data(30, owner(0)),
        data(70, owner(1)),
        AccountState::default(),
    ];
    let opened = Segments::open(
        Arc::new(MemoryDisk::new()),
        Hash::default(),
        SegmentOptions::default(),
    );
    let bound = MemoryBound {
        bytes_max: u64::MAX,
        files: opened.expect("it is empty").segments.reader(),
        in_files: None,
        kept: Vec::new(),
    };
    let genesis = [(key(1), states[0].clone())];
    let opened = open_bounded(LIMITS, 1, genesis, Some(bound));
    let (accounts, mut interner, mut banking, mut publisher) = opened.expect("genesis fits");
    let index = interner.find(&key(1), accounts.hash_key(&key(1)));
    let locks = [(index.expect("it is resident"), true)];
    let expected = accounts.resident_bytes();
    let mut entry = 0;
    let mut write = |states: &[&AccountState]| {
        entry += 1;
        // SAFETY: one thread, one guard.
        let mut locked = unsafe { banking[0].lock(&locks) };
        for state in states {
            locked.set(0, (*state).clone(), entry);
        }
        drop(locked);
        let mut noted = Vec::new();
        let writes = [banking[0].take_writes()];
        publisher.publish_noting(entry, &mut writes.into_iter(), |key, state, _| {
            noted.push((*key, state.to_state()));
        });
        let last = *states.last().expect("there is one");
        assert_eq!(noted, [(key(1), last.clone())]);
        let data_bytes = last.data.len() as u64;
        assert_eq!(accounts.resident_bytes(), expected + data_bytes);
    };
    // Every way from each state over another to a third, within one entry.
    for before in &states {
        for first in &states[..4] {
            for (second, end) in states
                .iter()
                .flat_map(|a| states.iter().map(move |b| (a, b)))
            {
                if !before.is_absent() {
                    write(&[before]);
                }
                write(&[first, second, end]);
            }
        }
    }
}
