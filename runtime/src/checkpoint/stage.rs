//! The checkpoint stage: one thread behind the header stage, where there are account files.
//!
//! The header stage hands on what each slot wrote, and what the chain was at its end. Nobody else waits for
//! this thread: while a checkpoint is written, a few slots gather in its queue. Where the disk is slower than
//! that, the header stage waits, and with it, at last, admission.

use super::{Checkpoints, EndedSlot};
use crate::headers::Written;
use crate::sync::{Arc, AtomicU64, Mutex, Ordering, Receiver};
use sealane_accounts_db::KeptCheckpoint;
use std::time::Instant;

/// A slot that ended.
#[derive(Default)]
pub(crate) struct SlotEnd {
    /// What it wrote, by entry.
    pub(crate) written: Vec<Written>,
    /// It, and the record of its first entry; `None` if nothing was in it.
    pub(crate) began: Option<(u64, u64)>,
    /// The chain at its end, where a record of the block log opens the next slot: a replay can go on there.
    pub(crate) ended: Option<EndedSlot>,
    /// Slots from this one on are not any more.
    pub(crate) reverts: Option<u64>,
}

/// What others may know of the checkpoints, from any thread.
#[derive(Default)]
pub(crate) struct CheckpointWatch {
    newest: Mutex<Option<Arc<KeptCheckpoint>>>,
    /// Number of the oldest record of the block log that a start may need; 0: all of them.
    log_needed_from: AtomicU64,
}

impl CheckpointWatch {
    /// The newest durable checkpoint.
    pub(crate) fn newest(&self) -> Option<Arc<KeptCheckpoint>> {
        self.newest
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }

    /// Number of the oldest record of the block log that a start may need; 0: all of them.
    pub(crate) fn log_needed_from(&self) -> u64 {
        // Acquire: what made the number so is on the disk.
        self.log_needed_from.load(Ordering::Acquire)
    }

    /// As if checkpoints had made it so.
    #[cfg(test)]
    pub(crate) fn set_log_needed_from(&self, record: u64) {
        self.log_needed_from.store(record, Ordering::Release);
    }

    fn update(&self, checkpoints: &Checkpoints) {
        *self.newest.lock().expect("no holder of this lock panics") = checkpoints.newest();
        let needed = checkpoints.log_needed_from().unwrap_or(0);
        self.log_needed_from.store(needed, Ordering::Release);
    }
}

/// What the thread owns.
pub(crate) struct CheckpointStage {
    pub(crate) queue: Receiver<SlotEnd>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) watch: Arc<CheckpointWatch>,
}

impl CheckpointStage {
    /// Runs until the queue is closed.
    pub(crate) fn run(mut self) {
        self.watch.update(&self.checkpoints);
        while let Ok(end) = self.queue.recv() {
            for entry in end.written {
                self.checkpoints.note(entry);
            }
            if let Some(first) = end.reverts {
                self.checkpoints.go_back(first);
                // Those that there are may be of what was gone back behind.
                *self
                    .watch
                    .newest
                    .lock()
                    .expect("no holder of this lock panics") = None;
            }
            if let (Some((slot, record)), None) = (end.began, &end.ended) {
                self.checkpoints.note_slot(slot, record);
            }
            if let Some(ended) = end.ended
                && self.checkpoints.slot_ended(ended, Instant::now())
            {
                self.watch.update(&self.checkpoints);
            }
        }
        self.checkpoints.finish();
        self.watch.update(&self.checkpoints);
    }
}
