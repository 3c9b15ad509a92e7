//! A random user of account files, who knows what must be in them.

use rand::{Rng, SeedableRng, rngs::StdRng};
use sealane_accounts_db::{
    CheckpointState, Disk, LogPosition, MemoryDisk, OpenedSegments, SegmentError, SegmentOptions,
    Segments,
};
use sealane_sdk::{AccountState, Hash, Pubkey};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) type Model = BTreeMap<Pubkey, AccountState>;

pub(crate) const GENESIS: Hash = Hash::new_from_array([7; 32]);

pub(crate) fn options() -> SegmentOptions {
    SegmentOptions {
        segment_bytes_min: 4_096,
        segment_bytes_max: 16_384,
        threads: 2,
        ..SegmentOptions::default()
    }
}

pub(crate) fn open(disk: &MemoryDisk) -> Result<OpenedSegments, SegmentError> {
    Segments::open(Arc::new(disk.clone()), GENESIS, options())
}

/// All accounts, each once.
pub(crate) fn contents(segments: &Segments) -> Result<Model, SegmentError> {
    let mut stream = segments.accounts();
    let mut model = Model::new();
    for (key, state) in stream.by_ref() {
        assert!(!state.is_absent());
        assert!(model.insert(key, state).is_none(), "{key} came twice");
    }
    stream.finish()?;
    assert_eq!(model.len() as u64, segments.account_count());
    Ok(model)
}

pub(crate) fn key(n: u64) -> Pubkey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    bytes[31] = 1;
    Pubkey::new_from_array(bytes)
}

pub(crate) fn random_state(random: &mut StdRng) -> AccountState {
    let length = match random.random_range(0..20) {
        0..10 => 0,
        10..18 => random.random_range(1..200),
        18 => random.random_range(1..9_000),
        _ => 8_192,
    };
    let data: Vec<u8> = (0..length).map(|_| random.random()).collect();
    let owner = if random.random_range(0..3) == 0 {
        key(random.random_range(0..5))
    } else {
        Pubkey::default()
    };
    AccountState {
        lamports: random.random_range(1..1 << 40),
        owner,
        executable: random.random_range(0..10) == 0,
        data: data.into(),
    }
}

/// A checkpoint that was asked for.
#[derive(Clone)]
pub(crate) struct Mark {
    pub(crate) accounts: Model,
    pub(crate) state: CheckpointState,
}

/// Who writes account files.
pub(crate) struct Driver {
    pub(crate) random: StdRng,
    /// What the accounts are now.
    pub(crate) accounts: Model,
    /// What was changed since the last good checkpoint began.
    dirty: BTreeSet<Pubkey>,
    /// The last good checkpoint.
    pub(crate) acknowledged: Option<Mark>,
    /// A later one that was begun.
    pub(crate) begun: Option<Mark>,
    slot: u64,
    keys: u64,
}

impl Driver {
    pub(crate) fn new(seed: u64, keys: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            accounts: Model::new(),
            dirty: BTreeSet::new(),
            acknowledged: None,
            begun: None,
            slot: 0,
            keys,
        }
    }

    /// One who goes on from what was found.
    pub(crate) fn resume(seed: u64, keys: u64, found: Option<Mark>) -> Self {
        let mut driver = Self::new(seed, keys);
        driver.slot = found.as_ref().map_or(0, |mark| mark.state.slot);
        driver.accounts = found
            .as_ref()
            .map_or(Model::new(), |mark| mark.accounts.clone());
        driver.acknowledged = found;
        driver
    }

    /// Changes some accounts.
    pub(crate) fn change(&mut self) {
        for _ in 0..self.random.random_range(1..12) {
            let key = key(self.random.random_range(0..self.keys));
            self.dirty.insert(key);
            if self.random.random_range(0..3) == 0 {
                self.accounts.remove(&key);
            } else {
                let state = random_state(&mut self.random);
                self.accounts.insert(key, state);
            }
        }
    }

    /// Writes some of what was changed, or all.
    pub(crate) fn write(&mut self, segments: &mut Segments, all: bool) -> Result<(), SegmentError> {
        let chosen: Vec<_> = self
            .dirty
            .iter()
            .filter(|_| all || self.random.random())
            .copied()
            .collect();
        let state = |key| self.accounts.get(key).cloned().unwrap_or_default();
        segments.write(self.slot, chosen.iter().map(|key| (key, state(key))))
    }

    /// Writes what was changed, and a checkpoint.
    pub(crate) fn checkpoint(&mut self, segments: &mut Segments) -> Result<(), SegmentError> {
        self.slot += 1;
        let context = self.random.random_range(0..40);
        let mark = Mark {
            accounts: self.accounts.clone(),
            state: CheckpointState {
                log: LogPosition {
                    record: self.slot * 10,
                    file: self.slot / 7,
                    offset: self.slot * 1_000,
                },
                slot: self.slot,
                entry: self.slot * 3,
                state_root: Hash::new_from_array([self.slot as u8; 32]),
                context: vec![5; context],
            },
        };
        self.begun = Some(mark.clone());
        self.write(segments, true)?;
        let kept = segments.checkpoint(mark.state.clone())?;
        assert_eq!(kept.checkpoint().state, mark.state);
        self.acknowledged = Some(mark);
        self.begun = None;
        self.dirty.clear();
        Ok(())
    }

    /// Some steps of a life, ending with a checkpoint.
    pub(crate) fn live(
        &mut self,
        segments: &mut Segments,
        steps: usize,
    ) -> Result<(), SegmentError> {
        for _ in 0..steps {
            match self.random.random_range(0..8) {
                0..3 => self.change(),
                3 => self.write(segments, false)?,
                4 => self.checkpoint(segments)?,
                5 => segments.remove_unused()?,
                _ => {
                    let bytes_max = self.random.random_range(1..20_000);
                    segments.compact_step(bytes_max)?;
                }
            }
        }
        self.change();
        self.checkpoint(segments)
    }

    /// Which checkpoint was found, if it is one that may be there: the last good one, or the one begun after
    /// it. Anything else fails the test.
    pub(crate) fn expect_one_of_mine(&self, opened: &OpenedSegments) -> Option<Mark> {
        let found = opened.checkpoint.as_ref();
        let found = found.map(|kept| &kept.checkpoint().state);
        let marks = [&self.acknowledged, &self.begun];
        let mark = marks
            .into_iter()
            .find(|mark| mark.as_ref().map(|mark| &mark.state) == found)
            .unwrap_or_else(|| panic!("found {found:?}"));
        let expected = mark.as_ref().map(|mark| &mark.accounts);
        let contents = contents(&opened.segments).expect("what was opened can be read");
        assert!(contents == expected.cloned().unwrap_or_default());
        mark.clone()
    }
}

/// A disk with account files that saw a few dozen steps, and who wrote them.
pub(crate) fn sample(seed: u64, keys: u64, steps: usize) -> (MemoryDisk, Driver) {
    let disk = MemoryDisk::new();
    let mut driver = Driver::new(seed, keys);
    let mut segments = open(&disk).expect("an empty folder opens").segments;
    driver
        .live(&mut segments, steps)
        .expect("nothing is wrong with the disk");
    segments
        .remove_unused()
        .expect("nothing is wrong with the disk");
    (disk, driver)
}

/// Files in the folder of account files.
pub(crate) fn names(disk: &MemoryDisk) -> Vec<String> {
    disk.list("accounts").expect("the folder is there")
}
