//! Random operations of all roles, interleaved on one thread, against a naive oracle: one whole map of the
//! accounts per entry.
#![cfg(not(feature = "shuttle"))]
#![allow(unsafe_code)]

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sealane_accounts_db::{
    AccountIndex, Accounts, BankingAccess, DbLimits, EntryNumber, EntryWrites, Interner, Pin,
    Publisher, open,
};
use sealane_sdk::{AccountState, Pubkey};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};

const KEYS: u8 = 40;
const LIMITS: DbLimits = DbLimits {
    accounts_max: KEYS as usize * 4,
    pins_max: 4,
    pinned_bytes_max: usize::MAX,
};
const BANKING_THREADS: usize = 3;

type State = BTreeMap<Pubkey, AccountState>;

fn key(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

struct Model {
    random: StdRng,
    accounts: Arc<Accounts>,
    interner: Interner,
    banking: Vec<BankingAccess>,
    publisher: Publisher,
    /// Tasks in flight: the accounts they lock for writing.
    tasks: Vec<Vec<(Pubkey, AccountIndex)>>,
    /// The entry that is being executed, its writes so far and those of entries not yet published.
    entry: EntryNumber,
    unpublished: VecDeque<(EntryNumber, Vec<EntryWrites>, State)>,
    writes: Vec<EntryWrites>,
    working: State,
    published: State,
    pins: Vec<(Pin, State)>,
    /// All data that was ever written.
    data: Vec<Weak<[u8]>>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut data = Vec::new();
        let genesis: State = (0..KEYS / 2)
            .map(|n| (key(n), random_state(&mut random, &mut data)))
            .collect();
        let genesis: State = genesis
            .into_iter()
            .filter(|(_, state)| !state.is_absent())
            .collect();
        let opened = open(LIMITS, BANKING_THREADS, genesis.clone());
        let (accounts, interner, banking, publisher) = opened.expect("genesis fits");
        Self {
            random,
            accounts,
            interner,
            banking,
            publisher,
            tasks: Vec::new(),
            entry: 1,
            unpublished: VecDeque::new(),
            writes: Vec::new(),
            working: genesis.clone(),
            published: genesis,
            pins: Vec::new(),
            data,
        }
    }

    fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..25 => self.insert_task(),
            25..65 => self.complete_task(),
            65..73 => self.close_entry(),
            73..82 => self.publish(),
            82..88 => self.pin(),
            88..92 => self.check_pin(),
            92..95 => self.unpin(),
            _ => self.reclaim(),
        }
    }

    fn intern(&mut self, key: &Pubkey) -> AccountIndex {
        let index = self.interner.intern(key, self.accounts.hash_key(key));
        let index = index.expect("there is room for every key, and for what pins keep");
        assert_eq!(self.interner.key(index), *key);
        for &(other, other_index) in self.tasks.iter().flatten() {
            assert_eq!(other == *key, other_index == index, "{other} and {key}");
        }
        index
    }

    fn is_idle(&self, account: AccountIndex) -> bool {
        self.tasks
            .iter()
            .flatten()
            .all(|(_, index)| *index != account)
    }

    fn insert_task(&mut self) {
        let keys: Vec<_> = (0..self.random.random_range(1..4))
            .map(|_| key(self.random.random_range(0..KEYS)))
            .filter(|key| self.tasks.iter().flatten().all(|(taken, _)| taken != key))
            .collect();
        let mut task = Vec::new();
        for key in keys {
            let index = self.intern(&key);
            if task.iter().all(|(other, _)| *other != key) {
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
            if self.random.random_bool(0.7) {
                let state = random_state(&mut self.random, &mut self.data);
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
        self.publisher.publish(entry, &mut writes.into_iter());
        self.published = state;
        assert_eq!(self.accounts.visible(), entry);
        assert_eq!(self.accounts.len(), self.published.len());
    }

    fn pin(&mut self) {
        match self.accounts.pin() {
            Ok(pin) => self.pins.push((pin, self.published.clone())),
            Err(_) => assert_eq!(self.pins.len(), LIMITS.pins_max),
        }
    }

    fn check_pin(&mut self) {
        let Some((pin, expected)) = self.pins.choose(&mut self.random) else {
            return;
        };
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

    fn unpin(&mut self) {
        if !self.pins.is_empty() {
            self.pins
                .swap_remove(self.random.random_range(0..self.pins.len()));
        }
    }

    fn reclaim(&mut self) {
        let tasks = &self.tasks;
        self.interner
            .reclaim(&mut |account| tasks.iter().flatten().all(|(_, index)| *index != account));
    }

    /// Brings everything to rest; then all that is not in the newest state must have gone.
    fn finish(mut self) {
        while !self.tasks.is_empty() {
            self.complete_task();
        }
        self.close_entry();
        while !self.unpublished.is_empty() {
            self.publish();
        }
        for (pin, expected) in self.pins.drain(..) {
            let mut count = 0;
            pin.all(&mut |key, state| {
                assert_eq!(expected.get(key), Some(state));
                count += 1;
            })
            .unwrap();
            assert_eq!(count, expected.len());
        }
        self.close_entry();
        self.publish();
        self.reclaim();
        self.reclaim();
        let free = LIMITS.accounts_max - self.published.len();
        for n in 0..free {
            let mut bytes = [0xff; 32];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            self.intern(&Pubkey::new_from_array(bytes));
        }
        let one_more = Pubkey::new_from_array([0xfe; 32]);
        assert!(
            self.interner
                .intern(&one_more, self.accounts.hash_key(&one_more))
                .is_err()
        );

        let data = std::mem::take(&mut self.data);
        self.working.clear();
        let kept = self
            .published
            .values()
            .filter(|state| !state.data.is_empty())
            .count();
        self.published.clear();
        let alive = || data.iter().filter(|data| data.strong_count() > 0).count();
        assert_eq!(alive(), kept, "the data of the newest state");
        drop(self);
        assert_eq!(alive(), 0, "data after the database is gone");
    }
}

fn owner(n: u8) -> Pubkey {
    // 0 is the System program.
    Pubkey::new_from_array([n; 32])
}

fn random_state(random: &mut StdRng, data: &mut Vec<Weak<[u8]>>) -> AccountState {
    if random.random_bool(0.3) {
        return AccountState::default();
    }
    let bytes: Arc<[u8]> = vec![random.random(); random.random_range(0..4)].into();
    if !bytes.is_empty() {
        data.push(Arc::downgrade(&bytes));
    }
    AccountState {
        lamports: random.random_range(1..1_000_000),
        owner: owner(random.random_range(0..4)),
        executable: random.random(),
        data: bytes.into(),
    }
}

#[test]
fn random_operations_match_a_map_per_entry() {
    for seed in 0..60 {
        println!("seed {seed}");
        let mut model = Model::new(seed);
        for _ in 0..1_500 {
            model.step();
        }
        model.finish();
    }
}
