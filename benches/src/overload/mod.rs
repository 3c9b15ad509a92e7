//! What a node does with many times more than it can execute.
//!
//! First it is given as much as it takes, by a sender who waits: that is its peak. Then a fresh one is offered a
//! multiple of that for some time, by senders who do not wait: one half as the network hands it in, batches that
//! nobody hears of again; the other half one by one, each sender being told. What each transaction offers for a
//! compute unit is random, so who is refused shows whether priority counts.
//!
//! The peak is measured right before and right after, each time of a fresh node, as machines become slower and faster
//! within minutes: all transactions are made before, for which a shorter trial tells how many they have to be. What
//! the node executes under too much is held against the higher of the two.

mod tally;
mod work;

use crate::finish;
use crate::measure::{RunSettings, configuration};
use crate::pace::Pace;
use crate::wire::WireTransactions;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use sealane_runtime::{BankingThreads, Ingest, Runtime};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tally::{Listener, Senders};
pub use tally::{Share, Told};
use work::{PricedWork, price_of};

/// Transactions are never too old: the window of blockhashes is 150 of these.
const SLOT: Duration = Duration::from_secs(10);
/// Transactions in a batch of the network.
const BATCH: usize = 64;
/// How long the trial is that tells how many transactions have to be made.
const TRIAL: Duration = Duration::from_secs(5);
/// More transactions than wait in a node's queues while a sender waits for room.
const QUEUED_MOST: u64 = 50_000;
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
    /// Executed transactions a second at the peak, right before.
    pub peak_before: f64,
    /// The same right after.
    pub peak_after: f64,
    /// What came of offering too much.
    pub meanwhile: Meanwhile,
}

/// What came of offering too much.
#[derive(Clone, Debug)]
pub struct Meanwhile {
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
    /// Runs all parts. `progress` hears what is going on.
    pub fn run(options: &OverloadOptions, progress: &dyn Fn(&str)) -> Result<Self> {
        let work = PricedWork::new(options.seed, options.lasts);
        let mut numbers = Numbers::default();
        progress("making the transactions of a trial ...");
        let trial = work.transactions(numbers.next(most(options, TRIAL)));
        progress("trying ...");
        let about = peak(options, &work, &trial, TRIAL)?;
        let offered = options.times as f64 * about;
        progress(&format!(
            "about {about:.0} a second; making those of the peaks, and {offered:.0} a second for {:?} ...",
            options.overload
        ));
        let mut of_a_peak = || work.transactions(numbers.next(most(options, options.peak)));
        let (before, after) = (of_a_peak(), of_a_peak());
        let total = (offered * options.overload.as_secs_f64()) as u64;
        let offers = work.transactions(numbers.next(total));
        progress("measuring the peak ...");
        let peak_before = peak(options, &work, &before, options.peak)?;
        progress(&format!("{peak_before:.0} a second; offering too much ..."));
        let meanwhile = overload(options, &work, &offers, offered as u64, progress)?;
        progress("measuring the peak again ...");
        let peak_after = peak(options, &work, &after, options.peak)?;
        Ok(Self {
            peak_before,
            peak_after,
            meanwhile,
        })
    }

    /// Executed transactions a second at the higher of the two peaks.
    pub fn peak(&self) -> f64 {
        self.peak_before.max(self.peak_after)
    }
}

/// Numbers for transactions, each given once.
#[derive(Default)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, count: u64) -> Range<u64> {
        let first = self.0;
        self.0 += count;
        first..self.0
    }
}

/// More than what can be taken meanwhile: executed, were there nothing to do but to run the programs, or left waiting.
fn most(options: &OverloadOptions, meanwhile: Duration) -> u64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let executed = cores as f64 * meanwhile.as_secs_f64() / options.lasts.as_secs_f64();
    (1.5 * executed) as u64 + QUEUED_MOST
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

/// Executed transactions a second for so long, of a sender that waits for room.
fn peak(
    options: &OverloadOptions,
    work: &PricedWork,
    transactions: &WireTransactions,
    lasts: Duration,
) -> Result<f64> {
    let runtime = start(options, work)?;
    let (ingest, reader) = (runtime.ingest(), runtime.reader());
    let started = Instant::now();
    for batch in transactions.batches(BATCH) {
        if started.elapsed() >= lasts {
            break;
        }
        ingest
            .submit(batch)
            .context("the runtime takes no transactions")?;
    }
    let rate = reader.counters().visible as f64 / started.elapsed().as_secs_f64();
    ensure!(
        started.elapsed() >= lasts,
        "there were too few transactions to find the peak"
    );
    finish::stop(runtime)?;
    Ok(rate)
}

fn overload(
    options: &OverloadOptions,
    work: &PricedWork,
    transactions: &WireTransactions,
    per_second: u64,
    progress: &dyn Fn(&str),
) -> Result<Meanwhile> {
    let total = transactions.len() as u64;
    let runtime = start(options, work)?;
    let (ingest, reader) = (runtime.ingest(), runtime.reader());
    let listener = Listener::start(&reader);
    let senders = Arc::new(Senders::default());
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
    let counters = finish::settled(&reader, total)?;
    finish::stop(runtime)?;
    // As long as there is a reader there could be another event.
    drop(reader);
    let heard = listener.join()?;
    Ok(Meanwhile {
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

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: f64, whole: f64| 100.0 * part / whole;
        let (peak, meanwhile) = (self.peak(), &self.meanwhile);
        writeln!(
            f,
            "peak        {peak:>12.0} a second: {:.0} before, {:.0} after",
            self.peak_before, self.peak_after
        )?;
        writeln!(
            f,
            "offered     {:>12.0} a second, {:.1} times the peak",
            meanwhile.offered,
            meanwhile.offered / peak
        )?;
        writeln!(
            f,
            "goodput     {:>12.0} a second, {:.1}% of the peak; in the worst {} s {:.1}%",
            meanwhile.goodput,
            percent(meanwhile.goodput, peak),
            WINDOW.as_secs(),
            percent(meanwhile.goodput_worst, peak)
        )?;
        writeln!(
            f,
            "verify      {:>12.0} ns for each offered",
            meanwhile.verify_ns
        )?;
        let told = &meanwhile.told;
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
        for share in &meanwhile.shares {
            let part = percent(share.executed as f64, share.offered.max(1) as f64);
            write!(f, " {part:.1}%")?;
        }
        Ok(())
    }
}
