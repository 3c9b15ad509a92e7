//! A verify thread: takes what came in, verifies it in batches, passes on what is good.

use crate::counters::StageCounters;
use crate::floor::AdmissionFloor;
use crate::ingest::IngestBatch;
use crate::singles::Singles;
use crate::sync::{Arc, AtomicBool, Ordering, Patience, Receiver, Sender, Thread, receive};
use crate::task::{Admission, VerifiedBatch};
use crate::{Refusal, VerifiedTransaction, Verifier, VerifyError};
use bytes::Bytes;
use std::time::Instant;

/// What a verify thread owns.
pub(crate) struct VerifyThread {
    pub(crate) queue: Receiver<IngestBatch>,
    pub(crate) verified: Sender<VerifiedBatch>,
    /// The schedule stage, to be woken when a batch was sent.
    pub(crate) scheduler: Arc<std::sync::OnceLock<Thread>>,
    pub(crate) verifier: Verifier,
    /// Set when the node stops: what still comes in is refused.
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) singles: Arc<Singles>,
    /// What those who do not wait for room must pay more than.
    pub(crate) floor: Arc<AdmissionFloor>,
    pub(crate) counters: Arc<StageCounters>,
}

type Verified = Vec<Result<Box<VerifiedTransaction>, VerifyError>>;

impl VerifyThread {
    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut results = Verified::new();
        let mut patience = Patience::default();
        while let Some(first) = receive(&self.queue, &mut patience) {
            // Acquire: pairs with the release in `Runtime::shutdown`.
            if self.stopping.load(Ordering::Acquire) {
                return self.refuse_what_waits(first);
            }
            let started = Instant::now();
            let batch = match first {
                IngestBatch::Bulk(bytes) => self.verify_bulk(bytes, true, &mut results),
                IngestBatch::Offered(bytes) => self.verify_bulk(bytes, false, &mut results),
                IngestBatch::Singles => self.verify_singles(&mut results),
                IngestBatch::Stop => return,
            };
            self.counters
                .verify_ns
                .add(started.elapsed().as_nanos() as u64);
            // Where much is refused, the schedule stage need not be woken for each batch.
            if batch.items.is_empty() {
                continue;
            }
            if self.verified.send(batch).is_err() {
                return;
            }
            if let Some(scheduler) = self.scheduler.get() {
                scheduler.unpark();
            }
        }
    }

    /// Verifies what nobody waits to hear of; `bulk`: it is not shed.
    fn verify_bulk(
        &mut self,
        bytes: Vec<Bytes>,
        bulk: bool,
        results: &mut Verified,
    ) -> VerifiedBatch {
        let floor = if bulk { None } else { self.floor.get() };
        self.verifier.verify_above(floor, bytes, results);
        self.verifier.fetch(results);
        let total = results.len();
        if floor.is_some() {
            self.count_shed(results);
        }
        let mut items = Vec::with_capacity(total);
        let good = results.drain(..).filter_map(Result::ok);
        items.extend(good.map(|transaction| Admission::new(transaction, None)));
        self.counters.refused.add((total - items.len()) as u64);
        VerifiedBatch { items, bulk }
    }

    /// Verifies a group of single transactions.
    fn verify_singles(&mut self, results: &mut Verified) -> VerifiedBatch {
        let (batch, senders): (Vec<_>, Vec<_>) = self.singles.take().into_iter().unzip();
        self.verifier.verify_above(self.floor.get(), batch, results);
        self.verifier.fetch(results);
        self.count_shed(results);
        let mut items = Vec::with_capacity(results.len());
        for (result, on_admission) in results.drain(..).zip(senders) {
            match result {
                Ok(transaction) => items.push(Admission::new(transaction, Some(on_admission))),
                Err(error) => {
                    self.counters.refused.add(1);
                    on_admission(Err(match error {
                        VerifyError::Shed => Refusal::Busy,
                        error => Refusal::Verify(error),
                    }));
                }
            }
        }
        VerifiedBatch { items, bulk: false }
    }

    fn count_shed(&self, results: &Verified) {
        let is_shed = |result: &&_| matches!(result, Err(VerifyError::Shed));
        let shed = results.iter().filter(is_shed).count();
        if shed > 0 {
            self.counters.shed.add(shed as u64);
        }
    }

    fn refuse_what_waits(&self, first: IngestBatch) {
        let mut next = Some(first);
        while let Some(batch) = next {
            match batch {
                IngestBatch::Singles => {
                    for (_, on_admission) in self.singles.take() {
                        on_admission(Err(Refusal::ShuttingDown));
                    }
                }
                IngestBatch::Bulk(bytes) | IngestBatch::Offered(bytes) => {
                    self.counters.refused.add(bytes.len() as u64);
                }
                // One of these for each verify thread: the others wait for theirs.
                IngestBatch::Stop => return,
            }
            next = self.queue.recv().ok();
        }
    }
}
