//! Opening the history of a ledger: the archive as it was left, and who feeds, keeps and reads it.

use super::feed::log_file;
use super::keeper::{HistoryKeeper, Pruner};
use super::stage::{HistoryQueue, HistoryStage, Place};
use super::{Archived, History, HistoryFeed, Unreadable};
use crate::archive::Archive;
use crate::block_log::{BlockLogReader, first_log_file};
use crate::checkpoint::CheckpointWatch;
use crate::log_stage::opened;
use crate::notice::Notice;
use crate::reader::Pool;
use crate::start::genesis_context;
use crate::sync::{Arc, AtomicBool, bounded};
use crate::{RuntimeConfig, SlotWatch, Verifier};
use sealane_accounts_db::{Accounts, Disk};
use std::hash::{BuildHasher, RandomState};

/// The archive of a ledger, before its threads start.
pub(crate) struct OpenArchive {
    pub(crate) archived: Arc<Archived>,
    feed: HistoryFeed,
    disk: std::sync::Arc<dyn Disk>,
}

impl OpenArchive {
    /// That of the configuration's ledger, if it has one. If it cannot be opened, that is said, and what is
    /// in memory is all there is.
    pub(crate) fn of(
        config: &RuntimeConfig,
        accounts: &Arc<Accounts>,
        slots: &SlotWatch,
    ) -> Option<Self> {
        // Who only replays has nothing to be asked.
        let disk = config.ledger.clone().filter(|_| !config.replay_only)?;
        let verifiers = Pool::default();
        let (accounts, slots, limits) = (accounts.clone(), slots.clone(), config.limits.clone());
        let parse = move |bytes, loaded| {
            let make = || Verifier::new(accounts.clone(), slots.clone(), &limits, false);
            verifiers.with(make, |verifier| verifier.parse_recorded(bytes, loaded))
        };
        let open = || -> Result<Self, Unreadable> {
            let limits = config.limits.archive.clone();
            let (archive, writer) =
                Archive::open(disk.clone(), limits, new_key(), config.genesis_hash)?;
            let log = BlockLogReader::of_single_reads(disk.clone());
            let archived = Arc::new(Archived::new(archive, log, Box::new(parse)));
            let mut writer = writer;
            if config.dev {
                let log = BlockLogReader::open(disk.clone(), &config.genesis_hash)?;
                writer.drop_reverted(|file, record| log.is_reverted(file, record))?;
            }
            let slot_ms = config.slot_duration.as_millis() as u64;
            let genesis = opened(&genesis_context(config));
            let feed = HistoryFeed::new(writer, &genesis, slot_ms)?;
            let first_file = first_log_file(&*disk)?;
            archived.forget_before(first_file)?;
            archived.archive().prune(log_file(first_file))?;
            archived.set_open_slot(feed.open_slot());
            let disk = disk.clone();
            Ok(Self {
                archived,
                feed,
                disk,
            })
        };
        match open() {
            Ok(open) => Some(open),
            Err(error) => {
                let reason = error.to_string();
                (config.on_notice)(&Notice::HistoryBehind { reason });
                None
            }
        }
    }

    /// The threads that feed and keep it, and the publisher's way to them.
    pub(crate) fn wire(
        self,
        config: &RuntimeConfig,
        history: &Arc<History>,
        stopping: &Arc<AtomicBool>,
        checkpoints: &Arc<CheckpointWatch>,
    ) -> (HistoryQueue, HistoryThreads) {
        let (sender, queue) = bounded(config.limits.history_messages_max);
        let (ticks, keeper_ticks) = bounded(1);
        let pruner = Pruner::new(
            self.disk.clone(),
            config.genesis_hash,
            &config.limits,
            checkpoints.clone(),
        );
        let stage = HistoryStage {
            queue,
            feed: self.feed,
            history: history.clone(),
            archived: self.archived.clone(),
            disk: self.disk,
            genesis_hash: config.genesis_hash,
            flushes_files: pruner.is_on(),
            ticks,
            stopping: stopping.clone(),
            on_notice: config.on_notice.clone(),
            place: Place::default(),
            reverting: None,
        };
        let keeper = HistoryKeeper {
            ticks: keeper_ticks,
            archived: self.archived,
            pruner,
            on_notice: config.on_notice.clone(),
            has_given_up: false,
            has_failed: false,
        };
        (HistoryQueue::new(sender), HistoryThreads { stage, keeper })
    }
}

/// What the two threads run.
pub(crate) struct HistoryThreads {
    pub(crate) stage: HistoryStage,
    pub(crate) keeper: HistoryKeeper,
}

/// A key that nobody can guess: two hashes under keys of the standard library's, which are random.
fn new_key() -> [u8; 16] {
    let mut key = [0; 16];
    for half in key.chunks_exact_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one(0).to_le_bytes());
    }
    key
}
