//! The running pipeline: starts its threads, hands out its handles, stops it.

use crate::counters::StageCounters;
use crate::history::HistoryThreads;
use crate::ingest::{Ingest, IngestBatch};
use crate::operator::Operator;
use crate::parts::Parts;
use crate::reader::Reader;
use crate::sync::{Arc, AtomicBool, Builder, JoinHandle, Ordering, Sender, Thread};
use crate::watchdog::Watchdog;
use crate::{RuntimeConfig, StartError};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long the threads of a start that failed may take to end.
const FAILED_START_DEADLINE: Duration = Duration::from_secs(5);

/// A running pipeline. Dropping it leaves its threads to end by themselves; `shutdown` waits for them.
pub struct Runtime {
    ingest: Ingest,
    reader: Reader,
    operator: Option<Operator>,
    draining: Arc<AtomicBool>,
    scheduler: Arc<OnceLock<Thread>>,
    /// Ends with this.
    _watchdog: WatchdogThread,
    verify_threads: Vec<PipelineThread>,
    other_threads: Vec<PipelineThread>,
}

impl Runtime {
    /// Starts the threads, and with a ledger replays it. `Err` where genesis has more accounts than
    /// `Limits::accounts_max`, or the ledger could not be replayed.
    pub fn start(config: RuntimeConfig) -> Result<Self, StartError> {
        Self::run(Parts::new(&config)?)
    }

    /// The same with parts that are made.
    pub(crate) fn run(parts: Parts) -> Result<Self, StartError> {
        let counters = parts.ingest.counters.clone();
        let spawn = move |name: String, body: Box<dyn FnOnce() + Send>| {
            PipelineThread::spawn(name, counters.clone(), body)
        };
        let mut other_threads = Vec::new();
        for (index, banking) in parts.banking.into_iter().enumerate() {
            let name = format!("banking-{index}");
            other_threads.push(spawn(name, Box::new(move || banking.run())));
        }
        let replay = parts.log.map(|(log, replay)| {
            other_threads.push(spawn("log".into(), Box::new(move || log.run())));
            replay
        });
        let publish = parts.publish;
        other_threads.push(spawn("publish".into(), Box::new(move || publish.run())));
        if let Some(headers) = parts.headers {
            other_threads.push(spawn("headers".into(), Box::new(move || headers.run())));
        }
        if let Some(checkpoints) = parts.checkpoints {
            let run = Box::new(move || checkpoints.run());
            other_threads.push(spawn("checkpoints".into(), run));
        }
        if let Some(HistoryThreads { stage, keeper }) = parts.history {
            other_threads.push(spawn("history".into(), Box::new(move || stage.run())));
            let run = Box::new(move || keeper.run());
            other_threads.push(spawn("history-keeper".into(), run));
        }
        if let Some(fetch) = parts.fetch {
            other_threads.push(spawn("fetch".into(), Box::new(move || fetch.run())));
        }
        let (schedule, handle) = (parts.schedule, parts.scheduler.clone());
        let run = move || {
            // Only this thread sets it, once.
            let _ = handle.set(crate::sync::current());
            schedule.run();
        };
        other_threads.push(spawn("schedule".into(), Box::new(run)));
        let verify_threads = parts.verify.into_iter().enumerate().map(|(index, verify)| {
            spawn(format!("verify-{index}"), Box::new(move || verify.run()))
        });
        let runtime = Self {
            _watchdog: WatchdogThread::spawn(parts.watchdog),
            ingest: parts.ingest,
            reader: parts.reader,
            operator: parts.operator,
            draining: parts.draining,
            scheduler: parts.scheduler,
            verify_threads: verify_threads.collect(),
            other_threads,
        };
        if let Some(replay) = replay
            && let Err(error) = replay.run(&|| !runtime.is_healthy())
        {
            // So that nobody still uses the disk.
            runtime.shutdown(FAILED_START_DEADLINE);
            return Err(error.into());
        }
        Ok(runtime)
    }

    /// Hands transactions in.
    pub fn ingest(&self) -> Ingest {
        self.ingest.clone()
    }

    /// Reads what is visible.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// In a chain for development (`RuntimeConfig::dev`), what its operator may do.
    pub fn operator(&self) -> Option<Operator> {
        self.operator.clone()
    }

    /// What `Reader::is_healthy` says.
    pub fn is_healthy(&self) -> bool {
        self.reader.is_healthy()
    }

    /// Refuses new work, lets what was accepted finish and become visible, and stops the threads.
    /// `false`: the deadline passed with a program still running; its thread is left behind.
    pub fn shutdown(mut self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        // Release: pairs with the acquire of the stages.
        self.ingest.stopping.store(true, Ordering::Release);
        let verify_threads = std::mem::take(&mut self.verify_threads);
        let other_threads = std::mem::take(&mut self.other_threads);
        for _ in &verify_threads {
            if !send_until(&self.ingest.queue, until) {
                return false;
            }
        }
        if !join_until(verify_threads, until) {
            return false;
        }
        self.drain();
        join_until(other_threads, until)
    }

    /// Nothing comes in any more: what is in is finished, and the threads end.
    fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        if let Some(scheduler) = self.scheduler.get() {
            scheduler.unpark();
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.ingest.stopping.store(true, Ordering::Release);
        self.drain();
    }
}

/// Asks one verify thread to end, if there is room in the queue before `until`.
fn send_until(queue: &Sender<IngestBatch>, until: Instant) -> bool {
    while queue.try_send(IngestBatch::Stop).is_err() {
        if Instant::now() >= until {
            return false;
        }
        crate::sync::park_timeout(Duration::from_millis(1));
    }
    true
}

/// Waits for threads to end. They are not woken by time, so it looks every millisecond.
fn join_until(threads: Vec<PipelineThread>, until: Instant) -> bool {
    for thread in threads {
        while !thread.has_ended() {
            if Instant::now() >= until {
                return false;
            }
            crate::sync::park_timeout(Duration::from_millis(1));
        }
        if thread.handle.join().is_err() {
            return false;
        }
    }
    true
}

/// The watchdog's thread, which ends when this is dropped, without being waited for. The model checker's
/// builds have none: in the model no time passes.
struct WatchdogThread {
    stopping: Arc<AtomicBool>,
    thread: Option<Thread>,
}

impl WatchdogThread {
    fn spawn(watchdog: Watchdog) -> Self {
        let stopping = watchdog.stopping.clone();
        let thread = (!cfg!(feature = "shuttle")).then(|| {
            let handle = Builder::new()
                .name("watchdog".into())
                .spawn(move || watchdog.run())
                .expect("the system can start a thread");
            handle.thread().clone()
        });
        Self { stopping, thread }
    }
}

impl Drop for WatchdogThread {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

/// A thread of the pipeline, and whether it has ended: by itself, or by a broken invariant.
struct PipelineThread {
    handle: JoinHandle<()>,
    ended: Arc<AtomicBool>,
}

impl PipelineThread {
    fn spawn(name: String, counters: Arc<StageCounters>, body: Box<dyn FnOnce() + Send>) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let sets_at_end = SetsAtEnd(ended.clone(), counters);
        let run = move || {
            let _sets_at_end = sets_at_end;
            body();
        };
        let handle = Builder::new()
            .name(name)
            .spawn(run)
            .expect("the system can start a thread");
        Self { handle, ended }
    }

    fn has_ended(&self) -> bool {
        // Acquire: pairs with the release of `SetsAtEnd`.
        self.ended.load(Ordering::Acquire)
    }
}

/// Sets its flag when it is dropped, also when its thread unwinds.
struct SetsAtEnd(Arc<AtomicBool>, Arc<StageCounters>);

impl Drop for SetsAtEnd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.1.broken_threads.add(1);
        }
        self.0.store(true, Ordering::Release);
    }
}
