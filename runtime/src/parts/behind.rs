//! What lies behind the schedule stage, wired: the log stage where there is a ledger, the publisher, and
//! behind it the stages that sign headers and make checkpoints.

use super::Common;
use crate::checkpoint::{CheckpointStage, Checkpoints, SlotEnd};
use crate::headers::{HeaderLog, HeaderQueue, HeaderStage};
use crate::history::{Archived, EntryOrder, HistoryQueue, HistoryThreads, OpenArchive};
use crate::log_stage::LogStage;
use crate::publish::PublishStage;
use crate::replay::{REPLAY_QUEUE_MAX, Replay, ReplayReport};
use crate::schedule::Replaying;
use crate::start::ChainStart;
use crate::sync::{Arc, Receiver, Sender, bounded};
use crate::task::PublisherMessage;
use crate::{Limits, RuntimeConfig};
use sealane_accounts_db::{Disk, Publisher, StateChanges};

/// The stages behind the schedule stage.
pub(super) struct Behind {
    /// With a ledger: the thread that writes it, and the source of the replay.
    pub(super) log: Option<(LogStage, Replay)>,
    pub(super) publish: PublishStage,
    pub(super) headers: Option<HeaderStage>,
    pub(super) checkpoints: Option<CheckpointStage>,
    pub(super) history: Option<HistoryThreads>,
    /// For the schedule stage: what it begins with, where there is a ledger.
    pub(super) replaying: Option<Replaying>,
    /// The schedule stage's way to the first of them.
    pub(super) queue: Sender<PublisherMessage>,
}

/// The log stage, and who feeds it.
struct WiredLog {
    stage: LogStage,
    replay: Replay,
    replaying: Replaying,
    /// The schedule stage's way to the publisher.
    sender: Sender<PublisherMessage>,
}

impl Common {
    pub(super) fn wire_behind(
        &self,
        config: &RuntimeConfig,
        start: &ChainStart,
        publisher: Publisher,
        checkpoints: Option<Checkpoints>,
        archive: Option<OpenArchive>,
    ) -> Behind {
        let (sender, queue) = bounded(config.limits.publisher_messages_max);
        let (checkpoint_queue, checkpoints) = self.wire_checkpoints(&config.limits, checkpoints);
        let archived = archive.as_ref().map(|archive| archive.archived.clone());
        let (archive_queue, history) = self.wire_history(config, archive);
        let (log, replaying, queue_to_first, reports) = match &config.ledger {
            None => (None, None, sender, None),
            Some(disk) => {
                let wired = self.wire_log(config, disk.clone(), start, sender, archived);
                let reports = (wired.stage.headers.clone(), wired.replaying.report.clone());
                let log = (wired.stage, wired.replay);
                (
                    Some(log),
                    Some(wired.replaying),
                    wired.sender,
                    Some(reports),
                )
            }
        };
        let replay = reports.as_ref().map(|(_, report)| report.clone());
        let (header_queue, headers) = self.wire_headers(config, start, checkpoint_queue, reports);
        Behind {
            log,
            publish: PublishStage {
                replay,
                ..self.publish_stage(config, start, queue, publisher, header_queue, archive_queue)
            },
            headers,
            checkpoints,
            history,
            replaying,
            queue: queue_to_first,
        }
    }

    /// Puts the log stage in front of the publisher.
    fn wire_log(
        &self,
        config: &RuntimeConfig,
        disk: std::sync::Arc<dyn Disk>,
        start: &ChainStart,
        publisher: Sender<PublisherMessage>,
        archived: Option<Arc<Archived>>,
    ) -> WiredLog {
        let (sender, queue) = bounded(config.limits.publisher_messages_max);
        let (start_sender, log_start) = bounded(1);
        let (replay_sender, replay_queue) = bounded(REPLAY_QUEUE_MAX);
        let report = ReplayReport::default();
        let headers = Arc::new(start.header_log());
        let stage = LogStage {
            queue,
            publisher,
            start: log_start,
            health: self.ledger.clone(),
            on_failure: config.on_ledger_failure.clone(),
            scheduler: self.scheduler.clone(),
            slot_ms: config.slot_duration.as_millis() as u64,
            keep_contexts: config.record_order,
            headers: headers.clone(),
        };
        let replay = Replay {
            disk,
            genesis_hash: config.genesis_hash,
            start: start.clone(),
            queue: replay_sender,
            scheduler: self.scheduler.clone(),
            report: report.clone(),
            headers,
            makes_headers: self.headers.is_some(),
            verifier: self.verifier_maker(config, &self.slots)(false),
            log: start_sender,
            on_replay: config.on_replay.clone(),
            replay_only: config.replay_only,
            last_record: config.trace.as_ref().map(|trace| trace.record),
            file_bytes_max: config.limits.log_file_bytes_max,
            archived,
        };
        let replaying = Replaying {
            queue: replay_queue,
            report,
            entry: None,
            ending: None,
            is_announced: false,
        };
        WiredLog {
            stage,
            replay,
            replaying,
            sender,
        }
    }

    /// The stage that makes checkpoints, and the header stage's way to it, where there are account files.
    fn wire_checkpoints(
        &self,
        limits: &Limits,
        checkpoints: Option<Checkpoints>,
    ) -> (Option<Sender<SlotEnd>>, Option<CheckpointStage>) {
        let Some(checkpoints) = checkpoints else {
            return (None, None);
        };
        let (sender, queue) = bounded(limits.checkpoint_slots_max);
        let stage = CheckpointStage {
            queue,
            checkpoints,
            watch: self.checkpoints.clone(),
        };
        (Some(sender), Some(stage))
    }

    /// The stage that signs headers, and the publisher's way to it, where headers are wanted.
    fn wire_headers(
        &self,
        config: &RuntimeConfig,
        start: &ChainStart,
        checkpoints: Option<Sender<SlotEnd>>,
        log: Option<(Arc<HeaderLog>, ReplayReport)>,
    ) -> (HeaderQueue, Option<HeaderStage>) {
        match self.headers.clone().zip(config.header_signer.clone()) {
            Some((headers, signer)) => {
                let (sender, queue) = bounded(config.limits.header_messages_max);
                let keeps_written = checkpoints.is_some();
                let stage = HeaderStage::new(queue, headers, signer, start, checkpoints, log);
                (HeaderQueue::new(sender, keeps_written), Some(stage))
            }
            None => (HeaderQueue::none(), None),
        }
    }

    /// The threads that feed and keep the archive, and the publisher's way to them, where there is one.
    fn wire_history(
        &self,
        config: &RuntimeConfig,
        archive: Option<OpenArchive>,
    ) -> (HistoryQueue, Option<HistoryThreads>) {
        match archive {
            Some(archive) => {
                let (queue, threads) =
                    archive.wire(config, &self.history, &self.stopping, &self.checkpoints);
                (queue, Some(threads))
            }
            None => (HistoryQueue::none(), None),
        }
    }

    fn publish_stage(
        &self,
        config: &RuntimeConfig,
        start: &ChainStart,
        queue: Receiver<PublisherMessage>,
        publisher: Publisher,
        headers: HeaderQueue,
        archive: HistoryQueue,
    ) -> PublishStage {
        PublishStage {
            queue,
            publisher,
            history: self.history.clone(),
            listeners: self.listeners.clone(),
            scheduler: self.scheduler.clone(),
            tip: self.tip.clone(),
            slots: self.visible_slots.clone(),
            sealed: self.sealed.clone(),
            counters: self.counters.clone(),
            headers,
            changes: StateChanges::new(),
            archive,
            journals: self.journals.clone(),
            snapshots: Vec::new(),
            reverting: None,
            order: self.order.clone(),
            order_entries: EntryOrder::new(start.context.slot, start.tip, config.record_order),
            replay: None,
        }
    }
}
