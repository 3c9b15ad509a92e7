//! A random session with a log, on a disk that may fail at any call, which knows what was acknowledged.

use crate::records::{open, read, record};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane_accounts_db::MemoryDisk;
use sealane_runtime::{BlockRecord, LogError};

/// What the one who writes a log knows of it.
#[derive(Clone, Default)]
pub(crate) struct Session {
    /// Records that were appended, in order, acknowledged or not.
    pub(crate) appended: Vec<BlockRecord>,
    /// How many of them a sync acknowledged.
    pub(crate) acknowledged: usize,
    /// Whether a stop was acknowledged after all that.
    pub(crate) is_closed: bool,
    /// Whether a call failed since the log was opened last: it may have written a part.
    has_failed: bool,
}

impl Session {
    /// Opens the log, appends and syncs, stops cleanly or is killed, some times over; until the disk fails.
    pub(crate) fn run(&mut self, disk: &MemoryDisk, random: &mut SmallRng) -> Result<(), LogError> {
        for _ in 0..random.random_range(1..4) {
            let outcome = self.life(disk, random);
            self.has_failed = outcome.is_err();
            outcome?;
        }
        Ok(())
    }

    fn life(&mut self, disk: &MemoryDisk, random: &mut SmallRng) -> Result<(), LogError> {
        let was_closed = self.is_closed;
        self.is_closed = false;
        let (mut log, end) = open(disk)?;
        assert!(end.is_closed || !was_closed, "it was closed");
        assert!(
            end.torn.is_none() || self.has_failed,
            "only a failure tears"
        );
        let reverts = u64::from(end.torn.is_some());
        assert_eq!(log.durable_record(), end.record + reverts);
        self.recover(disk)?;
        for _ in 0..random.random_range(0..12) {
            let record = record(random);
            self.appended.push(record);
            let record = self.appended.last().expect("just pushed");
            let appended = log.append(record);
            if appended.is_err() {
                return Err(is_dead_after(&mut log, appended.map(|_| ())));
            }
            if random.random_range(0..3) == 0 {
                let synced = log.sync();
                if synced.is_err() {
                    return Err(is_dead_after(&mut log, synced.map(|_| ())));
                }
                self.acknowledged = self.appended.len();
            }
        }
        if random.random_range(0..3) == 0 {
            log.close()?;
            self.is_closed = true;
            self.acknowledged = self.appended.len();
        }
        Ok(())
    }

    /// Reads the log and takes what it holds as acknowledged: that is what a node goes on from.
    pub(crate) fn recover(&mut self, disk: &MemoryDisk) -> Result<(), LogError> {
        let (found, _) = read(disk)?;
        self.check(&found);
        self.appended = found;
        self.acknowledged = self.appended.len();
        Ok(())
    }

    /// What is found is what was appended, up to a place at or after the last acknowledged one.
    pub(crate) fn check(&self, found: &[BlockRecord]) {
        let (acknowledged, appended) = (self.acknowledged, self.appended.len());
        assert!(
            found.len() >= acknowledged,
            "{} of {acknowledged} are left",
            found.len()
        );
        assert!(
            found.len() <= appended,
            "{} of {appended} are found",
            found.len()
        );
        assert!(
            found == &self.appended[..found.len()],
            "others than were appended"
        );
    }
}

/// After a failure nothing can be written any more; the failure.
fn is_dead_after(
    log: &mut sealane_runtime::BlockLogWriter,
    failed: Result<(), LogError>,
) -> LogError {
    let error = failed.expect_err("it failed");
    assert!(matches!(error, LogError::Io { .. }), "{error}");
    let record = BlockRecord::RevertTo { record: 0 };
    for after in [log.append(&record).map(|_| ()), log.sync().map(|_| ())] {
        match after {
            Err(LogError::Dead { reason }) => assert_eq!(reason, error.to_string()),
            other => panic!("a log that failed is dead: {other:?}"),
        }
    }
    error
}

/// How many cases a random test runs.
pub(crate) fn cases(usual: u64) -> u64 {
    let named = std::env::var("SEALANE_SEEDS").ok();
    named.map_or(usual, |text| {
        text.parse().expect("SEALANE_SEEDS is a number")
    })
}

pub(crate) fn seeded(seed: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed)
}
