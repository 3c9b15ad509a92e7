//! A verify thread: takes what came in, verifies it in batches, passes on what is good.
//!
//! A signature is checked for the less, the more there are. So small batches that wait are joined. And while too much
//! waits, of which most is shed, what is left is held until it is a batch, for some milliseconds: its turn is not sooner
//! for being there earlier. What is shed, or wrong at first sight, hears of it at once.

use crate::counters::StageCounters;
use crate::floor::AdmissionFloor;
use crate::ingest::{IngestBatch, OnAdmission};
use crate::prefetch::prefetch_bytes;
use crate::singles::Singles;
use crate::sync::{
    Arc, AtomicBool, Next, Ordering, Patience, Receiver, SendError, Sender, Thread, receive,
    receive_until,
};
use crate::task::{Admission, VerifiedBatch};
use crate::verify::PREFETCH_AHEAD;
use crate::{Refusal, VerifiedTransaction, Verifier, VerifyError};
use bytes::Bytes;
use std::time::{Duration, Instant};

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
    /// Transactions of small batches that are joined.
    pub(crate) joined_max: usize,
    /// The same of batches from senders who wait for room.
    pub(crate) joined_bulk_max: usize,
    /// What those who do not wait for room must pay more than.
    pub(crate) floor: Arc<AdmissionFloor>,
    pub(crate) counters: Arc<StageCounters>,
}

type Verified = Vec<Result<Box<VerifiedTransaction>, VerifyError>>;

/// What is held is verified once it is so many.
const HELD_MAX: usize = 64;
/// How long the first of them is held, but for the batch that is verified or passed on then.
const HELD_FOR: Duration = Duration::from_millis(5);

/// For each transaction of a batch, who hears of it, if somebody does. Shorter, where nobody hears of the rest.
type Senders = Vec<Option<OnAdmission>>;

/// What was not shed, and is held until it is a batch.
#[derive(Default)]
struct Held {
    bytes: Vec<Bytes>,
    /// As long as `bytes`.
    senders: Senders,
    /// When the first came.
    since: Option<Instant>,
}

impl Held {
    fn push(&mut self, bytes: Bytes, sender: Option<OnAdmission>) {
        self.since.get_or_insert_with(Instant::now);
        self.bytes.push(bytes);
        self.senders.push(sender);
    }

    /// When it is verified at the latest; `None`: nothing is held.
    fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + HELD_FOR)
    }
}

/// What was refused of a batch.
#[derive(Default)]
struct Refused {
    count: u64,
    /// Of these, shed.
    shed: u64,
    told: Vec<(OnAdmission, Refusal)>,
}

impl Refused {
    fn push(&mut self, error: VerifyError, sender: Option<OnAdmission>) {
        self.count += 1;
        self.shed += u64::from(error == VerifyError::Shed);
        self.told.extend(sender.map(|on_admission| {
            let refusal = match error {
                VerifyError::Shed => Refusal::Busy,
                error => Refusal::Verify(error),
            };
            (on_admission, refusal)
        }));
    }
}

/// Joins to a batch the ones of its kind that wait behind it, to `max` transactions at most; `put_off` gets what is behind
/// them, if it was received.
fn join(
    mut batch: Vec<Bytes>,
    is_bulk: bool,
    max: usize,
    queue: &Receiver<IngestBatch>,
    put_off: &mut Option<IngestBatch>,
) -> Vec<Bytes> {
    while batch.len() < max {
        match (queue.try_recv(), is_bulk) {
            (Ok(IngestBatch::Bulk(mut more)), true)
            | (Ok(IngestBatch::Offered(mut more)), false)
                if batch.len() + more.len() <= max =>
            {
                batch.append(&mut more);
            }
            (Ok(other), _) => {
                *put_off = Some(other);
                break;
            }
            // A queue that is closed says so again.
            (Err(_), _) => break,
        }
    }
    batch
}

impl VerifyThread {
    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut results = Verified::new();
        let mut patience = Patience::default();
        let mut held = Held::default();
        // What was received and could not be joined.
        let mut put_off = None;
        loop {
            let next = match (put_off.take(), held.due()) {
                (Some(message), _) => Next::Message(message),
                (None, Some(due)) => receive_until(&self.queue, due),
                (None, None) => {
                    receive(&self.queue, &mut patience).map_or(Next::Closed, Next::Message)
                }
            };
            let started = Instant::now();
            let batch = match next {
                // Acquire: pairs with the release in `Runtime::shutdown`.
                Next::Message(first) if self.stopping.load(Ordering::Acquire) => {
                    return self.refuse_what_waits(held, first);
                }
                Next::Message(IngestBatch::Bulk(bytes)) => {
                    let max = self.joined_bulk_max;
                    let bytes = join(bytes, true, max, &self.queue, &mut put_off);
                    self.verify(None, bytes, Senders::new(), true, &mut results)
                }
                Next::Message(IngestBatch::Offered(bytes)) => {
                    // What is held has waited for its turn, and is not made to wait for what comes behind this.
                    let bytes = match self.floor.get() {
                        None if held.bytes.is_empty() => {
                            join(bytes, false, self.joined_max, &self.queue, &mut put_off)
                        }
                        _ => bytes,
                    };
                    self.verify_or_hold(bytes, Senders::new(), &mut held, &mut results)
                }
                Next::Message(IngestBatch::Singles) => {
                    let singles = self.singles.take().into_iter();
                    let (bytes, senders) = singles.map(|(bytes, it)| (bytes, Some(it))).unzip();
                    self.verify_or_hold(bytes, senders, &mut held, &mut results)
                }
                Next::Late => self.verify_held(&mut held, &mut results),
                Next::Message(IngestBatch::Stop) | Next::Closed => {
                    return self.refuse(held.senders);
                }
            };
            self.counters
                .verify_ns
                .add(started.elapsed().as_nanos() as u64);
            if !self.pass_on(batch) {
                self.refuse(held.senders);
                if let Some(batch) = put_off {
                    self.refuse_batch(batch);
                }
                return;
            }
        }
    }

    /// Hands a batch to the schedule stage; `false`: that has ended, and who is in the batch is told.
    fn pass_on(&self, batch: VerifiedBatch) -> bool {
        // Where much is refused, the schedule stage need not be woken for each batch.
        if batch.items.is_empty() {
            return true;
        }
        if let Err(SendError(batch)) = self.verified.send(batch) {
            let senders = batch.items.into_iter().map(|item| item.on_admission);
            self.refuse(senders.collect());
            return false;
        }
        if let Some(scheduler) = self.scheduler.get() {
            scheduler.unpark();
        }
        true
    }

    /// Verifies at once, unless there is a floor: then what is not shed is held until it is a batch.
    fn verify_or_hold(
        &mut self,
        bytes: Vec<Bytes>,
        senders: Senders,
        held: &mut Held,
        results: &mut Verified,
    ) -> VerifiedBatch {
        let Some(floor) = self.floor.get() else {
            return self.verify(None, bytes, senders, false, results);
        };
        let mut refused = Refused::default();
        let mut senders = senders.into_iter();
        for i in 0..bytes.len() {
            if let Some(ahead) = bytes.get(i + PREFETCH_AHEAD) {
                prefetch_bytes(ahead);
            }
            let sender = senders.next().flatten();
            match self.verifier.look_above(floor, &bytes[i]) {
                Ok(()) => held.push(bytes[i].clone(), sender),
                Err(error) => refused.push(error, sender),
            }
        }
        self.tell(refused);
        if held.bytes.len() < HELD_MAX {
            return VerifiedBatch::default();
        }
        self.verify_held(held, results)
    }

    fn verify_held(&mut self, held: &mut Held, results: &mut Verified) -> VerifiedBatch {
        let Held { bytes, senders, .. } = std::mem::take(held);
        self.verify(self.floor.get(), bytes, senders, false, results)
    }

    /// Verifies a batch, of which some may be shed; `bulk`: from a sender who waits for room.
    fn verify(
        &mut self,
        floor: Option<u64>,
        bytes: Vec<Bytes>,
        senders: Senders,
        bulk: bool,
        results: &mut Verified,
    ) -> VerifiedBatch {
        self.verifier.verify_above(floor, bytes, results);
        self.verifier.fetch(results);
        let mut refused = Refused::default();
        let mut items = Vec::with_capacity(results.len());
        let mut senders = senders.into_iter();
        for result in results.drain(..) {
            let sender = senders.next().flatten();
            match result {
                Ok(transaction) => items.push(Admission::new(transaction, sender)),
                Err(error) => refused.push(error, sender),
            }
        }
        self.tell(refused);
        VerifiedBatch { items, bulk }
    }

    /// Counts what was refused, and only then tells those who want to hear.
    fn tell(&self, refused: Refused) {
        if refused.count > 0 {
            self.counters.refused.add(refused.count);
            self.counters.shed.add(refused.shed);
        }
        for (on_admission, refusal) in refused.told {
            on_admission(Err(refusal));
        }
    }

    fn refuse_what_waits(&self, held: Held, first: IngestBatch) {
        self.refuse(held.senders);
        let mut next = Some(first);
        while let Some(batch) = next {
            if !self.refuse_batch(batch) {
                return;
            }
            next = self.queue.recv().ok();
        }
    }

    /// Refuses what is in a batch, as the node stops; `false`: it is the word to stop.
    fn refuse_batch(&self, batch: IngestBatch) -> bool {
        match batch {
            IngestBatch::Singles => {
                let singles = self.singles.take().into_iter();
                self.refuse(singles.map(|(_, sender)| Some(sender)).collect());
            }
            IngestBatch::Bulk(bytes) | IngestBatch::Offered(bytes) => {
                self.counters.refused.add(bytes.len() as u64);
            }
            // One of these for each verify thread: the others wait for theirs.
            IngestBatch::Stop => return false,
        }
        true
    }

    /// The node stops: those who wait hear of it.
    fn refuse(&self, senders: Senders) {
        self.counters.refused.add(senders.len() as u64);
        for on_admission in senders.into_iter().flatten() {
            on_admission(Err(Refusal::ShuttingDown));
        }
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;

    #[test]
    fn small_batches_that_wait_are_joined_and_nothing_behind_them_is_lost() {
        let batch = |count: usize| vec![Bytes::from_static(b"t"); count];
        let offered = |count: usize| IngestBatch::Offered(batch(count));
        let (sender, queue) = crossbeam_channel::bounded(8);
        let send = |batch| assert!(sender.try_send(batch).is_ok());
        let join =
            |count: usize, put_off: &mut _| join(batch(count), false, 200, &queue, put_off).len();
        let mut put_off = None;
        assert_eq!(join(1, &mut put_off), 1, "nothing waits");
        for count in [60, 60, 60, 60] {
            send(offered(count));
        }
        assert_eq!(join(200, &mut put_off), 200, "it is no small one");
        assert!(put_off.is_none());
        assert_eq!(
            join(60, &mut put_off),
            180,
            "no more than there is room for"
        );
        assert!(matches!(put_off.take(), Some(IngestBatch::Offered(next)) if next.len() == 60));
        assert_eq!(queue.len(), 1);
        send(IngestBatch::Stop);
        send(offered(60));
        assert_eq!(join(2, &mut put_off), 62);
        assert!(matches!(put_off, Some(IngestBatch::Stop)));
        assert_eq!(queue.len(), 1, "what is behind it stays there");
        // Those who wait for room are joined with their like.
        assert!(matches!(queue.recv(), Ok(IngestBatch::Offered(_))));
        for next in [IngestBatch::Bulk(batch(60)), offered(60)] {
            send(next);
        }
        let mut put_off = None;
        assert_eq!(
            super::join(batch(60), true, 200, &queue, &mut put_off).len(),
            120
        );
        assert!(matches!(put_off, Some(IngestBatch::Offered(next)) if next.len() == 60));
        drop(sender);
    }
}
