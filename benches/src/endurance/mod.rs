//! Whether a node holds its rate: signed transfers, from wire bytes to durable and visible, for minutes on end.
//!
//! Transfers are signed while it runs, by one thread that hands them in as fast as the node takes them, with the
//! newest blockhash. The run is cut into segments: between two, the node finishes what it has, and it is measured how
//! many signatures the same cores verify when they do nothing else. A segment is held against what was measured
//! right before and right after it, as machines become slower and faster within minutes. In the end every
//! balance must be what all transfers together leave, and so again when the node was started anew from its
//! ledger.

mod alone;
mod source;

use crate::finish;
use crate::measure::{RunSettings, configuration};
use crate::process::{processor_time, resident_bytes};
use crate::stages::StageTimes;
pub use alone::Alone;
use alone::alone;
use anyhow::{Context, Result, ensure};
use rustix::time::ClockId;
use sealane_runtime::{
    BankingThreads, CheckpointConfig, Ingest, Reader, RealDisk, Runtime, RuntimeConfig,
};
use source::Transfers;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Transfers of that, in all threads.
const ALONE_BATCHES: usize = 64;
/// How often memory and index are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How a run is set up.
#[derive(Clone, Debug)]
pub struct EnduranceOptions {
    /// Accounts; half of them pay the other half.
    pub accounts: u64,
    /// Segments of the run.
    pub segments: u64,
    /// Length of a segment.
    pub lasts: Duration,
    /// How long signatures are verified alone, each time.
    pub alone_lasts: Duration,
    /// Verify threads, and threads that verify alone.
    pub verify_threads: usize,
    /// Keep the state root, sign a header for each slot, and write account files, as a node does.
    pub state_root: bool,
    /// Bytes that the ledger may have.
    pub ledger_bytes_max: Option<u64>,
    /// A folder that is made, with the ledger.
    pub ledger: PathBuf,
    /// Seed of the keys.
    pub seed: u64,
}

/// A part of the run.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Transfers that became visible a second, from the first that was handed in until the last was visible.
    pub visible: f64,
    /// Signatures that the same cores verify a second alone: the mean of right before and right after.
    pub alone: Alone,
    /// Cores that the thread kept busy that signs and hands in.
    pub signer_cores: f64,
    /// Most memory that the process had.
    pub resident_bytes: u64,
    /// Most entries that were visible and not in the history's index yet.
    pub unindexed_entries: u64,
    /// Nanoseconds on a processor for a transfer, by stage.
    pub stages: Vec<(String, u64)>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Endurance {
    /// The parts.
    pub segments: Vec<Segment>,
    /// Transfers in all.
    pub transfers: u64,
    /// Cores of the machine.
    pub cores: usize,
    /// How long the start from the ledger took.
    pub restart: Duration,
}

impl Endurance {
    /// Runs all of it. `progress` hears of each segment.
    pub fn run(options: &EnduranceOptions, progress: &dyn Fn(&str)) -> Result<Self> {
        progress("making keys and accounts ...");
        let mut source = Transfers::new(options.accounts, options.seed);
        let config = with_ledger(options, &source)?;
        // They verify for ever, whatever blockhash they carry.
        let unsent: Vec<_> = {
            let mut source =
                Transfers::new(2 * (ALONE_BATCHES * alone::BATCH) as u64, options.seed ^ 1);
            (0..ALONE_BATCHES)
                .map(|_| source.next(alone::BATCH, &config.genesis_hash))
                .collect()
        };
        let measure_alone = || alone(&unsent, options.verify_threads, options.alone_lasts);
        let runtime = Runtime::start(config.clone()).context("the runtime did not start")?;
        let mut before = measure_alone()?;
        let mut segments = Vec::new();
        for number in 1..=options.segments {
            let mut segment = run_segment(&runtime, &mut source, options.lasts)?;
            let after = measure_alone()?;
            segment.alone = before.between(after);
            before = after;
            progress(&format!("{number} of {}: {segment}", options.segments));
            segments.push(segment);
        }
        source.check(&runtime.reader())?;
        finish::stop(runtime)?;
        progress("every balance is right; starting from the ledger ...");
        let started = Instant::now();
        let again = RuntimeConfig {
            genesis_accounts: if options.state_root {
                Vec::new()
            } else {
                config.genesis_accounts.clone()
            },
            ..config
        };
        let runtime = Runtime::start(again).context("the runtime did not start again")?;
        let restart = started.elapsed();
        source.check(&runtime.reader())?;
        finish::stop(runtime)?;
        Ok(Self {
            segments,
            transfers: source.made(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            restart,
        })
    }
}

fn with_ledger(options: &EnduranceOptions, source: &Transfers) -> Result<RuntimeConfig> {
    let settings = RunSettings {
        banking_threads: BankingThreads::Auto,
        verify_threads: options.verify_threads,
        check_signatures: true,
        slot_duration: Duration::from_millis(400),
        state_root: options.state_root,
        accounts_memory: None,
        rate: None,
    };
    let mut config = configuration(&source.ground(), &settings);
    config.record_order = false;
    config.limits.ledger_bytes_max = options.ledger_bytes_max;
    config.checkpoints = options.state_root.then(CheckpointConfig::default);
    config.ledger = Some(Arc::new(RealDisk::open(&options.ledger)?));
    Ok(config)
}

/// Hands in for so long, and waits until all is visible.
fn run_segment(runtime: &Runtime, source: &mut Transfers, lasts: Duration) -> Result<Segment> {
    let (ingest, reader) = (runtime.ingest(), runtime.reader());
    let before = source.made();
    let stages_before = StageTimes::now();
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&reader, &ends));
        let started = Instant::now();
        let signer_before = processor_time(ClockId::ThreadCPUTime);
        let fed = feed(source, lasts, &ingest, &reader);
        let signed = processor_time(ClockId::ThreadCPUTime) - signer_before;
        let finished = fed.and_then(|()| all_visible(&reader, source.made()));
        let elapsed = started.elapsed().as_secs_f64();
        // Relaxed: the watcher only has to end.
        ends.store(true, Ordering::Relaxed);
        let seen = watcher.join().expect("it only reads");
        finished?;
        let count = source.made() - before;
        let mut stages = StageTimes::now().since(&stages_before);
        stages.iter_mut().for_each(|(_, ns)| *ns /= count.max(1));
        let (resident_bytes, unindexed_entries) = seen?;
        Ok(Segment {
            visible: count as f64 / elapsed,
            alone: Alone {
                zebra: 0.0,
                ours: 0.0,
            },
            signer_cores: signed.as_secs_f64() / elapsed,
            resident_bytes,
            unindexed_entries,
            stages,
        })
    })
}

fn feed(source: &mut Transfers, lasts: Duration, ingest: &Ingest, reader: &Reader) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < lasts {
        let blockhash = reader.slot().blockhash();
        ingest
            .submit(source.next(alone::BATCH, &blockhash))
            .context("the runtime takes no transactions")?;
    }
    Ok(())
}

/// Waits until all that was handed in is visible, none of it failed.
fn all_visible(reader: &Reader, handed_in: u64) -> Result<()> {
    let counters = finish::settled(reader, handed_in)?;
    ensure!(
        counters.visible == handed_in && counters.failed == 0,
        "not all of {handed_in} were executed: {counters:?}"
    );
    Ok(())
}

/// Most memory that the process had, and most entries that the index did not.
fn watch(reader: &Reader, ends: &AtomicBool) -> Result<(u64, u64)> {
    let mut most = (0, 0);
    // Relaxed: nothing follows from the flag but the end.
    while !ends.load(Ordering::Relaxed) {
        most.0 = resident_bytes()?.max(most.0);
        most.1 = reader.unindexed_entries().max(most.1);
        std::thread::sleep(LOOK_INTERVAL);
    }
    Ok(most)
}

impl Segment {
    /// Share of what the cores verify alone, by ed25519-zebra.
    pub fn share(&self) -> f64 {
        self.visible / self.alone.zebra
    }

    /// Share of what they verify alone by the node's own code.
    pub fn share_of_ours(&self) -> f64 {
        self.visible / self.alone.ours
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} a second, {:.1}% of {:.0} verified alone by ed25519-zebra, {:.1}% of {:.0} by ours; the signer {:.2} cores; \
             {} MB resident; {} entries not indexed;",
            self.visible,
            100.0 * self.share(),
            self.alone.zebra,
            100.0 * self.share_of_ours(),
            self.alone.ours,
            self.signer_cores,
            self.resident_bytes / 1_000_000,
            self.unindexed_entries
        )?;
        let stages = self
            .stages
            .iter()
            .map(|(stage, ns)| format!(" {stage} {ns}"));
        write!(f, "{} ns", stages.collect::<Vec<_>>().join(","))
    }
}

impl fmt::Display for Endurance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = |of: &dyn Fn(&Segment) -> f64| {
            self.segments.iter().map(of).sum::<f64>() / self.segments.len().max(1) as f64
        };
        let visible = mean(&|of| of.visible);
        writeln!(
            f,
            "{} transfers, {visible:.0} a second durable and visible",
            self.transfers,
        )?;
        // What the cores could verify beside the signer.
        let left = 1.0 - mean(&|of| of.signer_cores) / self.cores as f64;
        for (by, alone) in [
            ("ed25519-zebra's batches", mean(&|of| of.alone.zebra)),
            ("the node's own code", mean(&|of| of.alone.ours)),
        ] {
            writeln!(
                f,
                "{:.1}% of the {alone:.0} signatures a second that {} cores verify alone by {by}, {:.1}% of what the \
                 signer leaves of them",
                100.0 * visible / alone,
                self.cores,
                100.0 * visible / (alone * left)
            )?;
        }
        let resident = self.segments.iter().map(|of| of.resident_bytes / 1_000_000);
        writeln!(
            f,
            "MB resident, by segments: {:?}",
            resident.collect::<Vec<_>>()
        )?;
        let unindexed = self.segments.iter().map(|of| of.unindexed_entries);
        writeln!(
            f,
            "entries not indexed, at most: {:?}",
            unindexed.collect::<Vec<_>>()
        )?;
        write!(
            f,
            "every balance is right, and again after a start from the ledger in {:.1} s",
            self.restart.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(folder: &std::path::Path, state_root: bool) -> EnduranceOptions {
        EnduranceOptions {
            accounts: 2_000,
            segments: 2,
            lasts: Duration::from_millis(200),
            alone_lasts: Duration::from_millis(50),
            verify_threads: 2,
            state_root,
            ledger_bytes_max: None,
            ledger: folder.join("ledger"),
            seed: 3,
        }
    }

    #[test]
    fn what_is_handed_in_is_durable_with_and_without_account_files() {
        for state_root in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let endured = Endurance::run(&options(folder.path(), state_root), &|_| ()).unwrap();
            assert_eq!(endured.segments.len(), 2);
            assert!(endured.transfers >= 2 * alone::BATCH as u64);
            assert!(
                endured
                    .segments
                    .iter()
                    .all(|of| of.alone.zebra > 0.0 && of.alone.ours > 0.0 && of.visible > 0.0)
            );
        }
    }

    #[test]
    fn a_transfer_that_never_came_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path(), false);
        let mut source = Transfers::new(options.accounts, options.seed);
        let runtime = Runtime::start(with_ledger(&options, &source).unwrap()).unwrap();
        let reader = runtime.reader();
        source.check(&reader).unwrap();
        let blockhash = reader.slot().blockhash();
        runtime.ingest().submit(source.next(9, &blockhash)).unwrap();
        all_visible(&reader, 9).unwrap();
        source.check(&reader).unwrap();
        source.next(1, &blockhash);
        let error = source.check(&reader).unwrap_err().to_string();
        assert!(error.contains("lamports, and should have"), "{error}");
        drop(reader);
        finish::stop(runtime).unwrap();
    }
}
