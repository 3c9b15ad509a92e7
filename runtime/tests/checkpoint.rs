//! Checkpoints of a running chain: what a start finds is a slot's end, whole.

use rand::{Rng, SeedableRng, rngs::StdRng};
use sealane_accounts_db::{Fault, LogPosition, MemoryDisk, SegmentError, SegmentOptions};
use sealane_runtime::{
    BLOCKHASH_AGE_MAX, ChainState, CheckpointConfig, Checkpoints, EndedSlot, Restored, SlotContext,
};
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Accounts = BTreeMap<Pubkey, AccountState>;

const GENESIS: Hash = Hash::new_from_array([7; 32]);
const SLOT: Duration = Duration::from_millis(400);

fn hash(number: u64) -> Hash {
    solana_sha256_hasher::hash(&number.to_le_bytes())
}

fn config(errors: &Arc<Mutex<Vec<String>>>) -> CheckpointConfig {
    let errors = errors.clone();
    CheckpointConfig {
        segments: SegmentOptions {
            segment_bytes_min: 4_096,
            ..SegmentOptions::default()
        },
        on_error: Some(Arc::new(move |error: &SegmentError| {
            errors
                .lock()
                .expect("nobody panics")
                .push(error.to_string());
        })),
        ..CheckpointConfig::default()
    }
}

/// A chain that writes at random, and what it was at the end of each slot.
struct Chain {
    disk: MemoryDisk,
    random: StdRng,
    errors: Arc<Mutex<Vec<String>>>,
    now: Instant,
    context: Arc<SlotContext>,
    record: u64,
    accounts: Accounts,
    ends: Vec<(EndedSlot, Accounts)>,
}

impl Chain {
    fn new(seed: u64) -> Self {
        println!("seed {seed}");
        Self {
            disk: MemoryDisk::new(),
            random: StdRng::seed_from_u64(seed),
            errors: Arc::default(),
            now: Instant::now(),
            context: Arc::new(SlotContext::genesis(GENESIS, 1_000)),
            record: 1,
            accounts: Accounts::new(),
            ends: Vec::new(),
        }
    }

    fn open(&self) -> (Checkpoints, Option<Restored>) {
        let disk = Arc::new(self.disk.clone());
        let opened = Checkpoints::open(disk, GENESIS, config(&self.errors));
        let (checkpoints, restored, damaged) = opened.expect("it opens");
        assert!(damaged.is_empty());
        (checkpoints, restored)
    }

    /// Starts again with what is on the disk: the end of a slot as it was, with that of the last ended one
    /// at most `slots_max` later.
    fn start(&mut self, slots_max: usize) -> Checkpoints {
        let (checkpoints, restored) = self.open();
        let found = restored.map_or(0, |restored| {
            let places = self.ends.iter();
            let mut places = places.map(|(ended, _)| ended.log);
            let place = places.position(|log| log == restored.slot.log);
            let place = place.expect("what is found was once the end of a slot");
            let (ended, accounts) = &self.ends[place];
            assert_same(&restored.slot, ended);
            let mut stream = checkpoints.accounts();
            let found: Accounts = stream.by_ref().collect();
            stream.finish().expect("it reads");
            assert!(found == *accounts);
            assert_eq!(restored.account_count, accounts.len() as u64);
            place + 1
        });
        let lost = self.ends.len() - found;
        assert!(lost <= slots_max, "{lost} slots are to be replayed");
        self.ends.truncate(found);
        let (context, record, accounts) = match self.ends.last() {
            Some((ended, accounts)) => (
                ended.chain.context.clone(),
                ended.log.record,
                accounts.clone(),
            ),
            None => (
                Arc::new(SlotContext::genesis(GENESIS, 1_000)),
                1,
                Accounts::new(),
            ),
        };
        (self.record, self.accounts) = (record, accounts);
        self.context = if self.ends.is_empty() {
            context
        } else {
            Arc::new(context.next(hash(context.slot), 1_000 + context.slot as i64))
        };
        checkpoints
    }

    fn entry(&mut self, checkpoints: &mut Checkpoints) {
        self.record += 1;
        let count = self.random.random_range(0..6);
        let mut written = Vec::new();
        for _ in 0..count {
            let key = Pubkey::new_from_array([self.random.random_range(0..40); 32]);
            let lamports = self.random.random_range(0..4);
            let state = AccountState {
                lamports,
                data: vec![1; if lamports == 0 { 0 } else { 50 }].into(),
                ..AccountState::default()
            };
            if state.is_absent() {
                self.accounts.remove(&key);
                written.push((key, AccountState::default()));
            } else {
                self.accounts.insert(key, state.clone());
                written.push((key, state));
            }
        }
        checkpoints.note(written);
    }

    fn slot(&mut self, checkpoints: &mut Checkpoints) {
        let began = self.record;
        for _ in 0..self.random.random_range(1..5) {
            self.entry(checkpoints);
        }
        self.record += 1;
        let slot = self.context.slot;
        let ended = EndedSlot {
            chain: ChainState {
                context: self.context.clone(),
                tip: hash(self.record),
                header: hash(self.record + 1),
                transaction_count: self.record * 3,
                recent: Vec::new(),
            },
            entry: self.record * 2,
            state_root: hash(self.record + 2),
            began: Some(began),
            log: LogPosition {
                record: self.record,
                file: self.record / 50,
                offset: self.record * 100,
            },
        };
        self.ends.push((ended.clone(), self.accounts.clone()));
        self.now += SLOT;
        checkpoints.slot_ended(ended, self.now);
        let next = self.context.next(hash(slot), 1_000 + slot as i64);
        self.context = Arc::new(next);
    }
}

fn assert_same(found: &EndedSlot, expected: &EndedSlot) {
    assert_eq!(found.entry, expected.entry);
    assert_eq!(found.state_root, expected.state_root);
    assert_eq!(found.log, expected.log);
    let (found, expected) = (&found.chain, &expected.chain);
    assert_eq!((found.tip, found.header), (expected.tip, expected.header));
    assert_eq!(found.transaction_count, expected.transaction_count);
    let (found, expected) = (&found.context, &expected.context);
    assert_eq!(
        (found.slot, found.time_ms),
        (expected.slot, expected.time_ms)
    );
    assert_eq!(found.blockhashes, expected.blockhashes);
    assert_eq!(
        found.lamports_per_signature,
        expected.lamports_per_signature
    );
    assert_eq!(found.durable_nonce(), expected.durable_nonce());
    assert_eq!(
        format!("{:?}", found.sysvars),
        format!("{:?}", expected.sysvars)
    );
    let (oldest, _) = expected.blockhashes[expected.blockhashes.len() - 1];
    assert_eq!(
        found.blockhash_slot(&oldest),
        expected.blockhash_slot(&oldest)
    );
    for (id, _) in [
        (solana_sdk_ids::sysvar::clock::ID, 0),
        (solana_sdk_ids::sysvar::rent::ID, 1),
    ] {
        assert_eq!(found.virtual_account(&id), expected.virtual_account(&id));
    }
}

/// With 400 ms a slot, a checkpoint a second: three slots, and the one that was not written.
const SLOTS_MAX: usize = 3;

#[test]
fn a_start_finds_the_end_of_a_slot_at_most_an_interval_ago() {
    for seed in 0..20 {
        let mut chain = Chain::new(seed);
        for _ in 0..10 {
            let mut checkpoints = chain.start(SLOTS_MAX);
            for _ in 0..chain.random.random_range(0..12) {
                chain.slot(&mut checkpoints);
            }
            // Killed in the middle of a slot, or stopped.
            chain.entry(&mut checkpoints);
            if chain.random.random() {
                let newest = checkpoints.close();
                assert_eq!(newest.is_some(), !chain.ends.is_empty());
                drop(chain.start(0));
            }
        }
    }
}

#[test]
fn the_context_of_a_late_slot_comes_back_whole() {
    let mut chain = Chain::new(1);
    let mut checkpoints = chain.start(0);
    // Beyond the lengths of all lists of hashes.
    for _ in 0..700 {
        chain.slot(&mut checkpoints);
    }
    let began = |slots_ago: usize| {
        let (ended, _) = &chain.ends[chain.ends.len() - 1 - slots_ago];
        ended.began.expect("something is in every slot")
    };
    let oldest = began(BLOCKHASH_AGE_MAX as usize);
    checkpoints.close();
    let (checkpoints, restored) = chain.open();
    let ids_from = restored.expect("there is one").slot.chain.ids_from();
    let ids_from = ids_from.expect("there were slots");
    assert!(ids_from <= oldest && ids_from > began(BLOCKHASH_AGE_MAX as usize + 5));
    let needed = checkpoints.log_needed_from().expect("there is one");
    assert!(needed <= ids_from);
    drop(checkpoints);
    chain.start(0);
}

#[test]
fn a_full_disk_is_told_and_made_up_for() {
    let mut chain = Chain::new(2);
    let mut checkpoints = chain.start(0);
    for _ in 0..10 {
        chain.slot(&mut checkpoints);
    }
    chain.disk.set_capacity(Some(0));
    for _ in 0..10 {
        chain.slot(&mut checkpoints);
    }
    let told = std::mem::take(&mut *chain.errors.lock().expect("nobody panics"));
    assert!(told.len() > 1 && told.iter().all(|error| error.contains("Check free space")));
    chain.disk.set_capacity(None);
    for _ in 0..10 {
        chain.slot(&mut checkpoints);
    }
    assert!(chain.errors.lock().expect("nobody panics").is_empty());
    drop(checkpoints);
    chain.start(SLOTS_MAX);
}

#[test]
fn after_any_failed_call_or_crash_the_end_of_a_slot_is_there() {
    let run = |fault: Option<(u64, Fault)>| {
        let mut chain = Chain::new(3);
        if let Some((call, fault)) = fault {
            chain.disk.fail_call(call, fault);
        }
        let opened =
            Checkpoints::open(Arc::new(chain.disk.clone()), GENESIS, config(&chain.errors));
        if let Ok((mut checkpoints, ..)) = opened {
            for _ in 0..20 {
                chain.slot(&mut checkpoints);
            }
            checkpoints.close();
        }
        chain
    };
    let calls = run(None).disk.calls();
    assert!(calls > 40, "{calls} calls");
    for call in 1..=calls {
        for fault in [Fault::Io, Fault::NoSpace, Fault::PowerOff] {
            println!("{fault:?} at call {call}");
            let mut chain = run(Some((call, fault)));
            for seed in 0..3 {
                let ends = chain.ends.clone();
                let disk = std::mem::replace(&mut chain.disk, MemoryDisk::new());
                chain.disk = disk.crash(seed);
                chain.start(usize::MAX);
                (chain.disk, chain.ends) = (disk, ends);
            }
        }
    }
}
