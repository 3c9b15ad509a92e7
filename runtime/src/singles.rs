//! Transactions that come one by one, gathered into groups on their way to verify.
//!
//! Each has a sender who hears what became of it, so none comes in a batch; but signatures are checked best in
//! batches, and a queue with a place for each would be full in a moment. So they wait in a list of their own, and
//! what is queued is that there is a group of them. There are never more of them than the queued groups hold: who
//! adds one that no group has room for queues another first, and where the queue has no room there is none for it.
//!
//! The lock is held for as long as it takes to add one or to take a group out, and for nothing else.

use crate::ingest::{IngestBatch, OnAdmission};
use crate::sync::{Mutex, Sender, TrySendError};
use bytes::Bytes;
use std::collections::VecDeque;

/// Bytes of a transaction, and who hears of it.
pub(crate) type Single = (Bytes, OnAdmission);

/// Those that wait.
pub(crate) struct Singles {
    waiting: Mutex<Waiting>,
    group_max: usize,
}

#[derive(Default)]
struct Waiting {
    singles: VecDeque<Single>,
    /// Groups in the queue.
    groups: usize,
}

impl Singles {
    /// In groups of at most so many.
    pub(crate) fn new(group_max: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            group_max: group_max.max(1),
        }
    }

    /// Adds one. `Err`: there is no room for another group, or nobody takes it; it comes back.
    pub(crate) fn add(
        &self,
        single: Single,
        queue: &Sender<IngestBatch>,
    ) -> Result<(), (Single, TrySendError<()>)> {
        let mut waiting = self.waiting.lock().expect("no holder of this lock panics");
        if waiting.singles.len() == waiting.groups * self.group_max {
            if let Err(error) = queue.try_send(IngestBatch::Singles) {
                return Err((
                    single,
                    match error {
                        TrySendError::Full(_) => TrySendError::Full(()),
                        TrySendError::Disconnected(_) => TrySendError::Disconnected(()),
                    },
                ));
            }
            waiting.groups += 1;
        }
        waiting.singles.push_back(single);
        Ok(())
    }

    /// Takes out the group that was met in the queue: the oldest, of which others may have had all.
    pub(crate) fn take(&self) -> Vec<Single> {
        let mut waiting = self.waiting.lock().expect("no holder of this lock panics");
        waiting.groups -= 1;
        let count = waiting.singles.len().min(self.group_max);
        waiting.singles.drain(..count).collect()
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;
    use crate::sync::bounded;

    fn single(number: u8) -> Single {
        (Bytes::copy_from_slice(&[number]), Box::new(|_| ()))
    }

    fn numbers(group: &[Single]) -> Vec<u8> {
        group.iter().map(|(bytes, _)| bytes[0]).collect()
    }

    #[test]
    fn groups_fill_up_and_the_queue_bounds_them() {
        let (sender, queue) = bounded(2);
        let singles = Singles::new(3);
        for number in 0..6 {
            assert!(singles.add(single(number), &sender).is_ok(), "{number}");
        }
        let ((bytes, _), error) = singles.add(single(6), &sender).expect_err("no room");
        assert_eq!((bytes[0], error), (6, TrySendError::Full(())));
        assert!(matches!(queue.recv(), Ok(IngestBatch::Singles)));
        assert_eq!(numbers(&singles.take()), [0, 1, 2]);
        // One more group has room, and the last begins it.
        assert!(singles.add(single(7), &sender).is_ok());
        assert_eq!(queue.len(), 2);
        assert!(queue.recv().is_ok() && queue.recv().is_ok());
        assert_eq!(numbers(&singles.take()), [3, 4, 5]);
        // It still fills up after its place in the queue was met.
        assert!(singles.add(single(8), &sender).is_ok());
        assert_eq!(numbers(&singles.take()), [7, 8]);
        drop(queue);
        let (_, error) = singles.add(single(9), &sender).expect_err("it is closed");
        assert_eq!(error, TrySendError::Disconnected(()));
    }
}
