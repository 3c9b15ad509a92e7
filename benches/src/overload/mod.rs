//! What a node does with many times more than it can execute.
//!
//! First it is given as much as it takes, by a sender who waits: that is its peak. Then a fresh one is offered a
//! multiple of that for some time, by senders who do not wait: one half as the network hands it in, batches that
//! nobody hears of again; the other half one by one, each sender being told. What each transaction offers for a
//! compute unit is random, so who is refused shows whether priority counts.

mod tally;
mod work;

use crate::measure::{RunSettings, configuration};
use crate::pace::Pace;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use sealane_runtime::{BankingThreads, Ingest, Runtime};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tally::{Listener, Senders};
pub use tally::{Share, Told};
use work::{PricedWork, price_of};

/// Transactions are never too old: the window of blockhashes is 150 of these.
const SLOT: Duration = Duration::from_secs(10);
/// How long a node may take to finish what it accepted.
const FINISH_WITHIN: Duration = Duration::from_secs(120);
/// Transactions in a batch of the network.
const BATCH: usize = 64;
/// The shortest time over which a rate is worth telling.
const WINDOW: Duration = Duration::from_secs(10);

/// How a run is set up.
#[derive(Clone, Copy, Debug)]
pub struct OverloadOptions {
    /// How long the program of each transaction takes.
    pub lasts: Duration,
    /// How long the peak is measured.
    pub peak: Duration,
    /// How long it is offered too much.
    pub overload: Duration,
    /// How many times the peak is offered.
    pub times: u64,
    /// Banking threads.
    pub banking_threads: BankingThreads,
    /// Verify threads.
    pub verify_threads: usize,
    /// Seed of the transactions.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Overload {
    /// Executed transactions a second at the peak.
    pub peak: f64,
    /// Transactions a second that were offered, at last.
    pub offered: f64,
    /// Executed transactions a second meanwhile.
    pub goodput: f64,
    /// The same in the worst ten seconds.
    pub goodput_worst: f64,
    /// Share of the offered by tenths of the price, lowest first: how many there were, and how many of them ran.
    pub shares: Vec<Share>,
    /// What senders were told, and what became of it.
    pub told: Told,
    /// Nanoseconds of verify, for each transaction that was offered.
    pub verify_ns: f64,
}

impl Overload {
    /// Runs both parts. `progress` hears what is going on.
    pub fn run(options: &OverloadOptions, progress: &dyn Fn(&str)) -> Result<Self> {
        let work = PricedWork::new(options.seed, options.lasts);
        progress("making the transactions of the peak ...");
        let most = options.peak.as_secs_f64() / options.lasts.as_secs_f64() * 2.0;
        let count = (most * options.verify_threads.max(1) as f64) as u64;
        let peak = peak(options, &work, count, progress)?;
        let offered = options.times as f64 * peak;
        progress(&format!(
            "peak {peak:.0} a second; making {offered:.0} a second for {:?} ...",
            options.overload
        ));
        let total = (offered * options.overload.as_secs_f64()) as u64;
        overload(options, &work, count..count + total, peak, progress)
    }
}

fn start(options: &OverloadOptions, work: &PricedWork) -> Result<Runtime> {
    let settings = RunSettings {
        banking_threads: options.banking_threads,
        verify_threads: options.verify_threads,
        check_signatures: true,
        slot_duration: SLOT,
        state_root: false,
        accounts_memory: None,
        rate: None,
    };
    let mut config = configuration(&work.ground(), &settings);
    config.record_order = false;
    Runtime::start(config).context("the runtime did not start")
}

/// Executed transactions a second, of a sender that waits for room.
fn peak(
    options: &OverloadOptions,
    work: &PricedWork,
    count: u64,
    progress: &dyn Fn(&str),
) -> Result<f64> {
    let transactions = work.transactions(0..count);
    let runtime = start(options, work)?;
    let (ingest, reader) = (runtime.ingest(), runtime.reader());
    progress("measuring the peak ...");
    let started = Instant::now();
    for batch in transactions.batches(BATCH) {
        if started.elapsed() >= options.peak {
            break;
        }
        ingest
            .submit(batch)
            .context("the runtime takes no transactions")?;
    }
    let rate = reader.counters().visible as f64 / started.elapsed().as_secs_f64();
    ensure!(
        started.elapsed() >= options.peak,
        "there were too few transactions to find the peak"
    );
    finish(runtime)?;
    Ok(rate)
}

fn overload(
    options: &OverloadOptions,
    work: &PricedWork,
    numbers: std::ops::Range<u64>,
    peak: f64,
    progress: &dyn Fn(&str),
) -> Result<Overload> {
    let total = numbers.end - numbers.start;
    let transactions = work.transactions(numbers);
    let runtime = start(options, work)?;
    let (ingest, reader) = (runtime.ingest(), runtime.reader());
    let listener = Listener::start(&reader);
    let senders = Arc::new(Senders::default());
    progress("offering too much ...");
    let per_second = (options.times as f64 * peak) as u64;
    let pace = Pace::start(per_second);
    let per_tick = Pace::batch(per_second);
    let mut wire = transactions.iter();
    let mut handed_in = 0;
    let mut windows = vec![(Duration::ZERO, 0)];
    while handed_in < total {
        pace.wait(handed_in);
        let tick: Vec<Bytes> = wire
            .by_ref()
            .take(per_tick)
            .map(Bytes::copy_from_slice)
            .collect();
        handed_in += tick.len() as u64;
        hand_in(&ingest, tick, &senders);
        let (window, now) = (windows[windows.len() - 1].0, pace.elapsed());
        if now >= window + WINDOW {
            let counters = reader.counters();
            windows.push((now, counters.visible));
            progress(&format!(
                "{:.0} s: {} offered, {} executed, {} refused, {} of them shed, {} evicted, {} wait",
                now.as_secs_f64(),
                counters.received,
                counters.visible,
                counters.refused,
                counters.shed,
                counters.evicted,
                counters.queued
            ));
        }
    }
    let elapsed = pace.elapsed();
    let counters = reader.counters();
    let goodput = counters.visible as f64 / elapsed.as_secs_f64();
    let window_rates = windows.windows(2).map(|pair| {
        let (from, to) = (pair[0], pair[1]);
        (to.1 - from.1) as f64 / (to.0 - from.0).as_secs_f64()
    });
    let goodput_worst = window_rates.fold(goodput, f64::min);
    let verify_ns = counters.busy.verify.as_nanos() as f64 / total as f64;
    let until = Instant::now() + FINISH_WITHIN;
    while reader.counters().settled() < total {
        ensure!(
            Instant::now() < until,
            "transactions are lost: {:?}",
            reader.counters()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let counters = reader.counters();
    finish(runtime)?;
    // As long as there is a reader there could be another event.
    drop(reader);
    let heard = listener.join()?;
    Ok(Overload {
        peak,
        offered: total as f64 / elapsed.as_secs_f64(),
        goodput,
        goodput_worst,
        shares: heard.shares(transactions.iter().map(price_of)),
        told: Told::new(&counters, &senders, &heard),
        verify_ns,
    })
}

/// One half as a batch of the network, which is dropped where there is no room, the other half one by one.
fn hand_in(ingest: &Ingest, mut tick: Vec<Bytes>, senders: &Arc<Senders>) {
    let told = tick.split_off(tick.len() / 2);
    for batch in tick.chunks(BATCH) {
        if let Err(batch) = ingest.offer(batch.to_vec()) {
            ingest.give_up(&batch);
            senders.dropped(batch.len());
        }
    }
    for transaction in told {
        let senders = senders.clone();
        senders.sent();
        ingest.submit_one(
            transaction,
            Box::new(move |verdict| senders.told(verdict.is_ok())),
        );
    }
}

fn finish(runtime: Runtime) -> Result<()> {
    ensure!(
        runtime.shutdown(FINISH_WITHIN),
        "the runtime did not stop within {FINISH_WITHIN:?}"
    );
    Ok(())
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: f64, whole: f64| 100.0 * part / whole;
        writeln!(f, "peak        {:>12.0} a second", self.peak)?;
        writeln!(
            f,
            "offered     {:>12.0} a second, {:.1} times the peak",
            self.offered,
            self.offered / self.peak
        )?;
        writeln!(
            f,
            "goodput     {:>12.0} a second, {:.1}% of the peak; in the worst {} s {:.1}%",
            self.goodput,
            percent(self.goodput, self.peak),
            WINDOW.as_secs(),
            percent(self.goodput_worst, self.peak)
        )?;
        writeln!(
            f,
            "verify      {:>12.0} ns for each offered",
            self.verify_ns
        )?;
        let told = &self.told;
        for (name, count, what) in [
            (
                "shed",
                told.shed,
                "refused before their signature was checked",
            ),
            (
                "refused",
                told.refused_late,
                "after it, or one by one as the door was full",
            ),
            (
                "dropped",
                told.dropped,
                "in whole batches, as the door was full",
            ),
            ("evicted", told.evicted, "displaced by a higher price"),
            ("executed", told.executed, ""),
        ] {
            writeln!(f, "{name:<11} {count:>12} {what}")?;
        }
        writeln!(
            f,
            "told        {:>12} of {} who asked, {} of {} evictions",
            told.accepted + told.refused,
            told.sent,
            told.evictions_told,
            told.evicted
        )?;
        write!(f, "executed, by tenths of the price, lowest first:")?;
        for share in &self.shares {
            let part = percent(share.executed as f64, share.offered.max(1) as f64);
            write!(f, " {part:.1}%")?;
        }
        Ok(())
    }
}
