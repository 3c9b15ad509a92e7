//! Checkpoints of a running chain: the accounts on the disk, a second or two behind the block log.
//!
//! Whoever sees slots end, in order and behind the log's sync, tells what each wrote ([`Checkpoints::note`])
//! and what the chain was at its end ([`Checkpoints::slot_ended`]). The newest state of each account is
//! kept until it is time to write: states are shared with the versions in memory, not copied. Then the
//! accounts and a checkpoint are written, compaction does as much as was written, and what is no longer
//! needed is removed; all on the calling thread, which is nobody's that a banking thread waits for.
//!
//! Checkpoints are a cache of the log. An error is told and leaves the chain as it was: where the disk was
//! full, what was to be written is kept and written later; after a failed sync, or when a file is found
//! damaged, nothing more is written, and a start replays more of the log.

mod chain_state;
mod stage;

pub use chain_state::ChainState;
pub(crate) use stage::{CheckpointStage, CheckpointWatch, SlotEnd};

use crate::headers::Written;
use ahash::AHashMap;
use sealane_accounts_db::{
    AccountStream, Accounts, CheckpointState, Disk, EntryNumber, KeptCheckpoint, LogPosition,
    SegmentError, SegmentOptions, SegmentReader, Segments,
};
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes that a step of compaction reads and writes.
const COMPACTION_STEP_BYTES: u64 = 1 << 20;
/// Bytes that are compacted after a checkpoint even when less was written.
const COMPACTION_BYTES_MIN: u64 = 4 << 20;
/// A checkpoint begins at the earliest this many times as long after the last one as that took.
const REST_FACTOR: u32 = 5;

/// Called with what went wrong, from the thread that makes checkpoints. Must not block.
pub type OnCheckpointError = Arc<dyn Fn(&SegmentError) + Send + Sync>;

/// When checkpoints are made.
#[derive(Clone)]
pub struct CheckpointConfig {
    /// Least time between the starts of two. A disk that takes long gets four times as long to rest.
    pub interval: Duration,
    /// The same while nothing is written: only the log grows, by records of idle slots.
    pub idle_interval: Duration,
    /// Accounts that wait to be written, from which on no interval is waited for.
    pub accounts_max: usize,
    /// Nothing is removed at the start.
    pub reads_only: bool,
    /// The files.
    pub segments: SegmentOptions,
    /// Hears of errors.
    pub on_error: Option<OnCheckpointError>,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            idle_interval: Duration::from_secs(60),
            accounts_max: 1 << 20,
            reads_only: false,
            segments: SegmentOptions::default(),
            on_error: None,
        }
    }
}

/// A slot that ended.
#[derive(Clone, Debug)]
pub struct EndedSlot {
    /// The chain at its end. `recent` is ignored: it is kept here.
    pub chain: ChainState,
    /// The last entry so far.
    pub entry: EntryNumber,
    /// Root of all accounts.
    pub state_root: Hash,
    /// The record of its first entry; `None` if nothing was in it.
    pub began: Option<u64>,
    /// The first record that is not in the accounts: a replay goes on with it.
    pub log: LogPosition,
}

/// What the newest good checkpoint holds, beside the accounts.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What was told of the slot.
    pub slot: EndedSlot,
    /// Accounts that exist.
    pub account_count: u64,
}

/// Why a chain does not start from its account files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The files.
    #[error(transparent)]
    Files(#[from] SegmentError),
    /// The files are whole, but what they say of the chain makes no sense to this build.
    #[error(
        "checkpoint {number} is of a build that this one does not understand: use that build, or move \
         the accounts folder away so that the whole block log is replayed"
    )]
    Context {
        /// Its number.
        number: u64,
    },
}

/// The account files of a running chain.
pub struct Checkpoints {
    config: CheckpointConfig,
    segments: Segments,
    /// What the open slot wrote so far, by entry.
    open: Vec<Written>,
    /// The newest states as of the end of the last slot that ended, unless they were written.
    pending: AHashMap<Pubkey, AccountState>,
    /// The last slot that ended, unless a checkpoint of it was made.
    ended: Option<EndedSlot>,
    recent: Vec<(u64, u64)>,
    last: Option<Instant>,
    /// How long it took.
    took: Duration,
    /// Nothing more is written.
    stopped: bool,
    /// Hears what the files have.
    accounts: Option<Arc<Accounts>>,
}

impl Checkpoints {
    /// Opens the account files in a ledger's folder. Also returns what their newest good checkpoint holds,
    /// `None` in a new folder, and what is wrong with others.
    pub fn open(
        disk: Arc<dyn Disk>,
        genesis_hash: Hash,
        config: CheckpointConfig,
    ) -> Result<(Self, Option<Restored>, Vec<SegmentError>), RestoreError> {
        let opened = Segments::open(disk, genesis_hash, config.segments.clone())?;
        let restored = opened.checkpoint.as_deref().map(restore).transpose()?;
        let mut segments = opened.segments;
        // What a crash left. The damaged are left to be looked at until the next checkpoint.
        if opened.damaged.is_empty() && !config.reads_only {
            segments.remove_unused()?;
        }
        let recent = restored
            .as_ref()
            .map(|restored| restored.slot.chain.recent.clone());
        let checkpoints = Self {
            config,
            segments,
            open: Vec::new(),
            pending: AHashMap::new(),
            ended: None,
            recent: recent.unwrap_or_default(),
            last: None,
            took: Duration::ZERO,
            stopped: false,
            accounts: None,
        };
        Ok((checkpoints, restored, opened.damaged))
    }

    /// Tells the accounts database what the files have, as that grows.
    pub(crate) fn telling(self, accounts: Arc<Accounts>) -> Self {
        let accounts = Some(accounts);
        Self { accounts, ..self }
    }

    /// The accounts of the newest checkpoint: give them to `sealane_accounts_db::open`, then ask `finish`
    /// whether they were all.
    pub fn accounts(&self) -> AccountStream<'_> {
        self.segments.accounts()
    }

    /// Reads accounts as of the last `note` that was written.
    pub fn reader(&self) -> SegmentReader {
        self.segments.reader()
    }

    /// The newest durable checkpoint, to make a snapshot of on any thread.
    pub fn newest(&self) -> Option<Arc<KeptCheckpoint>> {
        self.segments.kept().last().cloned()
    }

    /// Number of the oldest record of the block log that a start may need.
    pub fn log_needed_from(&self) -> Option<u64> {
        let kept = self.segments.kept().first()?;
        let state = &kept.checkpoint().state;
        let chain = ChainState::decode(&state.context)?;
        Some(chain.ids_from().unwrap_or(state.log.record))
    }

    /// An entry was published, which left these accounts so; an absent state says that one was deleted.
    pub fn note(&mut self, written: Vec<(Pubkey, AccountState)>) {
        if !self.stopped {
            self.open.push(written);
        }
    }

    /// A slot with something in it ended where no checkpoint can be: its first entry is in this record.
    pub(crate) fn note_slot(&mut self, slot: u64, record: u64) {
        ChainState::add_recent(&mut self.recent, slot, Some(record));
    }

    /// Slots from `first` on are not any more: the next one that ends makes a checkpoint. What they wrote is noted
    /// as it was before, behind this.
    pub(crate) fn go_back(&mut self, first: u64) {
        (self.ended, self.last) = (None, None);
        self.recent.retain(|(slot, _)| *slot < first);
    }

    /// A slot ended, all of whose entries were noted, and none after it. Makes a checkpoint if it is time;
    /// whether it did.
    pub fn slot_ended(&mut self, ended: EndedSlot, now: Instant) -> bool {
        if self.stopped {
            return false;
        }
        for written in self.open.drain(..) {
            self.pending.extend(written);
        }
        ChainState::add_recent(&mut self.recent, ended.chain.context.slot, ended.began);
        self.ended = Some(ended);
        let rest = match self.pending.is_empty() {
            true => self.config.idle_interval,
            false => self.config.interval.max(self.took * REST_FACTOR),
        };
        let is_time = self
            .last
            .is_none_or(|last| now.duration_since(last) >= rest);
        if !is_time && self.pending.len() < self.config.accounts_max {
            return false;
        }
        self.last = Some(now);
        let started = Instant::now();
        let made = self.make();
        self.took = started.elapsed();
        made
    }

    /// The chain stops: makes a checkpoint of the last slot that ended; what was noted since comes from the
    /// log. Returns the newest durable one.
    pub fn close(mut self) -> Option<Arc<KeptCheckpoint>> {
        self.finish();
        self.newest()
    }

    /// Makes a checkpoint of the last slot that ended, if there is none.
    pub(crate) fn finish(&mut self) {
        if !self.stopped {
            self.make();
        }
    }

    /// Makes a checkpoint of the last slot that ended, now.
    fn make(&mut self) -> bool {
        let Some(ended) = self.ended.take() else {
            return false;
        };
        match self.write(&ended) {
            Ok(()) => true,
            Err(error) => {
                if let Some(on_error) = &self.config.on_error {
                    on_error(&error);
                }
                if matches!(error, SegmentError::Io { .. }) {
                    // Tried again when the next slot has ended and it is time.
                    self.ended = Some(ended);
                } else {
                    self.stopped = true;
                    (self.open, self.pending) = Default::default();
                }
                false
            }
        }
    }

    fn write(&mut self, ended: &EndedSlot) -> Result<(), SegmentError> {
        let before = self.segments.total_bytes();
        let mut chain = ended.chain.clone();
        chain.recent.clone_from(&self.recent);
        let slot = chain.context.slot;
        self.segments.write(slot, &self.pending)?;
        if let Some(accounts) = &self.accounts {
            accounts.files_have(ended.entry);
        }
        self.segments.checkpoint(CheckpointState {
            log: ended.log,
            slot,
            entry: ended.entry,
            state_root: ended.state_root,
            context: chain.encode(),
        })?;
        // As many may follow; what a burst took more goes back.
        let count = self.pending.len();
        self.pending.clear();
        self.pending.shrink_to(count);
        let written = self.segments.total_bytes().saturating_sub(before);
        let mut left = (2 * written).max(COMPACTION_BYTES_MIN);
        while left > 0 && self.segments.compact_step(COMPACTION_STEP_BYTES)? {
            left = left.saturating_sub(COMPACTION_STEP_BYTES);
        }
        self.segments.remove_unused()
    }
}

fn restore(kept: &KeptCheckpoint) -> Result<Restored, RestoreError> {
    let checkpoint = kept.checkpoint();
    let state = &checkpoint.state;
    let chain = ChainState::decode(&state.context).ok_or(RestoreError::Context {
        number: checkpoint.number,
    })?;
    Ok(Restored {
        slot: EndedSlot {
            chain,
            entry: state.entry,
            state_root: state.state_root,
            began: None,
            log: state.log,
        },
        account_count: checkpoint.account_count,
    })
}
