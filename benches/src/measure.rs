//! One run: start a runtime, feed it, wait until everything is visible.
//!
//! The clock runs from just before the first byte is handed in until the last transaction is visible.
//! The thread that feeds only hands batches in and reads the runtime's counters in between. Where it feeds at a
//! rate, another reads them more often.

use crate::pace::{Curve, Latencies, Pace};
use crate::stages::StageTimes;
use crate::workload::Workload;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use sealane_runtime::{
    BankingThreads, CheckpointConfig, Counters, Ingest, Limits, Reader, Runtime, RuntimeConfig,
    WaitHistogram,
};
use sealane_sdk::{Programs, Pubkey};
use solana_keypair::Keypair;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Transactions handed in at a time.
const FEED_BATCH: usize = 256;
/// How often the counters are read once everything is handed in.
const POLL_INTERVAL: Duration = Duration::from_micros(500);
/// A run that has not moved for this long has lost a transaction.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// Where fees go: an account of its own, so that it conflicts with nothing.
const IDENTITY: Pubkey = Pubkey::new_from_array(*b"sealane bench: identity of leade");

/// How a run is set up, beside its workload.
#[derive(Clone, Copy, Debug)]
pub struct RunSettings {
    /// Banking threads.
    pub banking_threads: BankingThreads,
    /// Verify threads.
    pub verify_threads: usize,
    /// Check signatures.
    pub check_signatures: bool,
    /// Length of a slot.
    pub slot_duration: Duration,
    /// Keep the state root and sign a header for each slot.
    pub state_root: bool,
    /// Bytes of accounts in memory; the rest is read from account files, which need a ledger.
    pub accounts_memory: Option<u64>,
    /// Transactions a second that are handed in; `None`: as fast as the runtime takes them.
    pub rate: Option<u64>,
}

/// What a run took.
#[derive(Clone, Debug)]
pub struct Measured {
    /// From the first byte handed in until everything was visible.
    pub elapsed: Duration,
    /// Nanoseconds on a processor, by stage.
    pub stages: Vec<(String, u64)>,
    /// How long transactions waited for their locks and their turn: from their insertion into the serial
    /// order until a banking thread got them.
    pub waits: WaitHistogram,
    /// The runtime's counters at the end.
    pub counters: Counters,
    /// From bytes in to visible, where transactions were handed in at a rate.
    pub latencies: Option<Latencies>,
}

/// The runtime's configuration for a workload.
pub fn configuration(workload: &Workload, settings: &RunSettings) -> RuntimeConfig {
    let mut programs = Programs::builtin();
    workload
        .programs
        .iter()
        .for_each(|program| programs.add(program.clone()));
    let mut limits = Limits::default();
    limits.accounts_memory_max = settings.accounts_memory;
    let signs = settings.state_root || settings.accounts_memory.is_some();
    RuntimeConfig {
        limits,
        checkpoints: settings
            .accounts_memory
            .map(|_| CheckpointConfig::default()),
        genesis_accounts: workload.genesis.clone(),
        genesis_time: 1_700_000_000,
        banking_threads: settings.banking_threads,
        verify_threads: settings.verify_threads,
        check_signatures: settings.check_signatures,
        slot_duration: settings.slot_duration,
        record_order: true,
        header_signer: signs.then(|| Arc::new(Keypair::new())),
        ..RuntimeConfig::new(Arc::new(programs), workload.blockhash, IDENTITY)
    }
}

/// Starts a runtime, feeds the workload, and waits until all of it is visible. `progress` hears now and
/// then how many transactions are through.
pub fn measure(
    workload: &Workload,
    config: RuntimeConfig,
    rate: Option<u64>,
    progress: &mut dyn FnMut(u64),
) -> Result<(Measured, Runtime)> {
    let bound = config.limits.accounts_memory_max;
    let runtime = Runtime::start(config).context("the runtime did not start")?;
    let (ingest, reader) = (runtime.ingest(), runtime.reader());
    // What began in memory goes to the account files first.
    while bound.is_some_and(|bound| reader.counters().resident_bytes > bound) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let batches = workload
        .transactions
        .batches(rate.map_or(FEED_BATCH, Pace::batch));
    let before = StageTimes::now();
    let (elapsed, latencies) = match rate {
        None => (feed(&ingest, &reader, batches, None, progress)?, None),
        Some(rate) => {
            let (elapsed, latencies) = feed_paced(&ingest, &reader, batches, rate, progress)?;
            (elapsed, Some(latencies))
        }
    };
    let stages = StageTimes::now().since(&before);
    let (waits, counters) = (reader.waits(), reader.counters());
    Ok((
        Measured {
            elapsed,
            stages,
            waits,
            counters,
            latencies,
        },
        runtime,
    ))
}

fn feed_paced(
    ingest: &Ingest,
    reader: &Reader,
    batches: Vec<Vec<Bytes>>,
    rate: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(Duration, Latencies)> {
    let total = batches.iter().map(|batch| batch.len() as u64).sum();
    let mut handed_in = Curve::with_capacity(batches.len());
    let ends = AtomicBool::new(false);
    let pace = Pace::start(rate);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| pace.watch(reader, total, &ends));
        let paced = Some((&pace, &mut handed_in));
        let fed = feed(ingest, reader, batches, paced, progress);
        // Relaxed: the watcher only has to end.
        ends.store(fed.is_err(), Ordering::Relaxed);
        let settled = watcher.join().expect("it only reads");
        Ok((fed?, pace.latencies(&handed_in, &settled)))
    })
}

fn feed(
    ingest: &Ingest,
    reader: &Reader,
    batches: Vec<Vec<Bytes>>,
    mut paced: Option<(&Pace, &mut Curve)>,
    progress: &mut dyn FnMut(u64),
) -> Result<Duration> {
    let mut handed_in = 0;
    let start = Instant::now();
    for batch in batches {
        if let Some((pace, _)) = &paced {
            pace.wait(handed_in);
        }
        handed_in += batch.len() as u64;
        if let Some((pace, curve)) = &mut paced {
            curve.push((pace.elapsed(), handed_in));
        }
        ingest
            .submit(batch)
            .context("the runtime takes no transactions")?;
        progress(reader.counters().settled());
    }
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let counters = reader.counters();
        let (settled, now) = (counters.settled(), start.elapsed());
        progress(settled);
        if settled >= handed_in {
            return Ok(now);
        }
        if settled > last {
            (last, moved) = (settled, Instant::now());
        } else if moved.elapsed() > STALLED_AFTER {
            bail!(
                "{} transactions are lost: {counters:?}",
                handed_in - settled
            );
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
