//! Load over the wire: signed transfers sent to a running node from another process, over QUIC or UDP.
//!
//! The node is told apart from this process by nothing but what any client sees: JSON-RPC tells where it takes
//! transactions, pays the payers, and tells afterwards which transactions its blocks have; a WebSocket tells when some
//! that were picked beforehand are confirmed. Where the node has `GET /metrics`, it says also how many it refused, and
//! how much processor time it took. All transactions are made and signed before the first is sent.

mod funding;
mod node;
mod outcome;
mod probes;
mod quic;
mod udp;

use crate::keyring::{Keyring, address};
use crate::pace::Pace;
use crate::process::processor_time;
use crate::transfers;
use crate::wire::WireTransactions;
use crate::workload::Scattered;
use anyhow::{Context, Result, anyhow, ensure};
use funding::Funder;
pub use node::Metrics;
use node::Node;
pub use outcome::{LoadOutcome, Watched};
use probes::Subscribed;
use rustix::time::ClockId;
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often it is asked how many are confirmed, while transactions are sent.
const ASK_INTERVAL: Duration = Duration::from_millis(100);
/// The same when all were sent: then the last one's time matters.
const ASK_INTERVAL_AT_LAST: Duration = Duration::from_millis(5);
/// When in so long less than a thousandth of what was sent is confirmed, no more is waited for.
const SILENCE: Duration = Duration::from_secs(2);
/// A blockhash is good for 150 slots, of 400 ms as a rule; some of it goes by while they are signed.
const BLOCKHASH_LASTS: Duration = Duration::from_secs(50);

/// What carries the transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// A stream for each transaction, as Solana's clients do it; the node slows its senders down.
    Quic,
    /// A datagram for each transaction, on loopback; what the node has no time for is lost.
    Udp,
}

/// What is sent, and where to.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The node's JSON-RPC, such as `http://127.0.0.1:8899`.
    pub url: String,
    /// What carries the transactions.
    pub transport: Transport,
    /// How many there are.
    pub transactions: u64,
    /// How many of them a second; without one, as fast as they can be sent.
    pub rate: Option<u64>,
    /// Who pays for them, in turn.
    pub payers: u64,
    /// Whether all pay one recipient, instead of each one of its own.
    pub hot: bool,
    /// QUIC connections.
    pub connections: usize,
    /// How many transactions' confirmation is awaited by subscription.
    pub watched: u64,
    /// Who pays the payers; without one, the node's faucet does.
    pub funder: Option<PathBuf>,
    /// Seed of the payers' keys.
    pub seed: u64,
}

/// What goes on meanwhile.
#[derive(Clone, Copy, Debug)]
pub enum LoadProgress<'a> {
    /// A step has begun.
    Step(&'a str),
    /// So many were sent and confirmed by now.
    Sent {
        /// Sent.
        sent: u64,
        /// Confirmed.
        confirmed: u64,
    },
}

/// Pays the payers, makes the transactions, sends them, and finds out what became of each.
pub fn load(options: &LoadOptions, progress: &dyn Fn(LoadProgress<'_>)) -> Result<LoadOutcome> {
    let step = |what: &str| progress(LoadProgress::Step(what));
    ensure!(options.transactions > 0, "there must be a transaction");
    ensure!(options.payers > 0, "there must be somebody who pays");
    let payers = options.payers.min(options.transactions);
    let options = &LoadOptions {
        payers,
        ..options.clone()
    };
    if let Some(rate) = options.rate {
        let lasts = Duration::from_secs_f64(options.transactions as f64 / rate.max(1) as f64);
        ensure!(
            rate > 0 && lasts < BLOCKHASH_LASTS,
            "at {rate} a second it takes {lasts:?}, and their blockhash is good for some {BLOCKHASH_LASTS:?}: \
             send fewer, or more a second"
        );
    }
    let node = Node::at(&options.url)?;
    let target = node.takes_transactions_at(options.transport)?;
    let keyring = Keyring::generate(options.seed, options.payers, true);
    let websocket_url = node.websocket_url()?;
    step("looking at the accounts ...");
    let rounds = options.transactions.div_ceil(options.payers);
    let funder = Funder::new(&node, options.funder.as_deref(), options.seed)?;
    funder.fund(&accounts(options, &keyring, rounds), &step)?;

    step("making the transactions ...");
    let blockhash = node.blockhash()?;
    let transactions = signed(options, &keyring, blockhash);
    let watched = options.watched.clamp(1, options.transactions);
    let every = options.transactions / watched;
    let picked = transactions.iter().step_by(every as usize).map(signature);
    let picked: Vec<[u8; 64]> = picked.take(watched as usize).copied().collect();
    let subscribed = Subscribed::to(&websocket_url, &picked)?;
    let first_slot = node.slot()?;
    let count_before = node.transaction_count()?;
    let sender = match options.transport {
        Transport::Udp => Sender::Udp,
        Transport::Quic => Sender::Quic(quic::connect(target, options.connections)?),
    };
    let metrics_before = node.metrics();
    let sent = Sent::new(options.transactions, every, watched);
    let probes = subscribed.start()?;
    let (sent_all, settled) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            // However it ends: nothing more will be sent.
            let _ended = Ended(&sent);
            match sender {
                Sender::Udp => udp::send(target, &transactions, options.rate, &sent),
                Sender::Quic(connected) => connected.send(&transactions, options.rate, &sent),
            }
        });
        let settled = watch(&node, &sent, count_before, progress);
        // Whatever came of it: a QUIC sender stays until then, as what is on its way needs its acknowledgements.
        sent.all_is_over();
        let sent_all = sending.join();
        (sent_all, settled)
    });
    let sent_all = sent_all.map_err(|_| anyhow!("the sender failed"))?;
    sent_all.with_context(|| format!("sending to {target} failed"))?;
    let settled = settled?;
    step("looking for them in the blocks ...");
    let confirmed = node.count_in_blocks(first_slot, &transactions)?;
    Ok(LoadOutcome {
        transport: options.transport,
        target,
        sent: sent.count(),
        sending: sent.last_at(),
        confirmed,
        confirming: settled.last_at,
        latencies: Watched::between(sent.started, &sent.watched_at(), &probes.finish()?),
        node: Metrics::between([metrics_before, settled.metrics_when_sent, settled.metrics]),
        own_processor: settled.own_processor,
    })
}

/// What every account has to have at first, so that all transactions can be paid.
fn accounts(options: &LoadOptions, keyring: &Keyring, rounds: u64) -> Vec<(Pubkey, u64)> {
    let payers = (0..keyring.len()).map(|i| {
        let spends = rounds * (transfers::FEE + rounds);
        (keyring.key(i), funding::RENT_EXEMPT + spends)
    });
    let recipients = if options.hot { 1 } else { options.payers };
    let recipients = (0..recipients).map(|i| (recipient(options, i), funding::RENT_EXEMPT));
    payers.chain(recipients).collect()
}

fn recipient(options: &LoadOptions, i: u64) -> Pubkey {
    address(options.seed, transfers::PURPOSE_RECIPIENT, i)
}

/// Payer `i` pays recipient `i`, or all the first; the amount is the round, so that no two are the same.
fn signed(options: &LoadOptions, keyring: &Keyring, blockhash: Hash) -> WireTransactions {
    let order = Scattered::new(keyring.len());
    WireTransactions::signed(0..options.transactions, keyring, |i| {
        let (pair, round) = order.at(i);
        let to = recipient(options, if options.hot { 0 } else { pair });
        let message = transfers::message(&keyring.key(pair), &to, 1 + round, &blockhash);
        (pair, message)
    })
}

/// Ready to send the first.
enum Sender {
    Udp,
    Quic(quic::Connected),
}

/// Says at its end that no more will be sent.
struct Ended<'a>(&'a Sent);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.has_ended();
    }
}

/// How it stood when no more was to be expected.
struct Settled {
    /// When the last one was confirmed, after the first was sent.
    last_at: Duration,
    /// The node's own count when all were sent.
    metrics_when_sent: Option<(Metrics, Instant)>,
    /// The same when no more was waited for.
    metrics: Option<(Metrics, Instant)>,
    /// Processor time of this process, from the start of sending until the last one was confirmed.
    own_processor: Duration,
}

/// Waits until all that was sent is confirmed, or no more is.
fn watch(
    node: &Node,
    sent: &Sent,
    count_before: u64,
    progress: &dyn Fn(LoadProgress<'_>),
) -> Result<Settled> {
    let processor_before = processor_time(ClockId::ProcessCPUTime);
    let (mut confirmed, mut last, mut metrics_when_sent) = (0, None, None);
    // Since when nearly nothing was confirmed, and what was by then.
    let mut silent = (Instant::now(), 0);
    loop {
        let ended = sent.ended.load(Ordering::Acquire);
        let now = node.transaction_count()?.checked_sub(count_before);
        let now = now.context("the node started anew, or went back, meanwhile")?;
        if now > confirmed || last.is_none() {
            confirmed = now;
            last = Some((
                sent.started.elapsed(),
                processor_time(ClockId::ProcessCPUTime),
            ));
        }
        if ended {
            metrics_when_sent.get_or_insert_with(|| node.metrics());
        }
        let of = sent.total;
        progress(LoadProgress::Sent {
            sent: sent.count(),
            confirmed,
        });
        if !ended || confirmed - silent.1 > of / 1_000 {
            silent = (Instant::now(), confirmed);
        }
        if (ended && confirmed >= of) || silent.0.elapsed() >= SILENCE {
            let (last_at, processor) = last.expect("it was set when first looked at");
            return Ok(Settled {
                last_at,
                metrics_when_sent: metrics_when_sent.flatten(),
                metrics: node.metrics(),
                own_processor: processor.saturating_sub(processor_before),
            });
        }
        std::thread::sleep(if ended {
            ASK_INTERVAL_AT_LAST
        } else {
            ASK_INTERVAL
        });
    }
}

/// Where to send from: any port of any address of the same family.
fn any_address_for(target: SocketAddr) -> SocketAddr {
    let any = match target {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(any, 0)
}

/// How far sending has come, and when those that are watched were sent. The sender's side and the watcher's.
struct Sent {
    /// When the first was about to be sent.
    started: Instant,
    total: u64,
    count: AtomicU64,
    /// Every so many, one is watched.
    every: u64,
    /// When these were sent, in microseconds after the start; 0 before.
    watched: Vec<AtomicU64>,
    last_us: AtomicU64,
    ended: AtomicBool,
    over: AtomicBool,
}

// Relaxed where nothing follows but a figure.
impl Sent {
    fn new(total: u64, every: u64, watched: u64) -> Self {
        Self {
            started: Instant::now(),
            total,
            count: AtomicU64::new(0),
            every,
            watched: (0..watched).map(|_| AtomicU64::new(0)).collect(),
            last_us: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    /// To be called right before transactions `from..to` are handed to the system. Where they were `due` earlier, that is
    /// when those that are watched began to wait.
    fn note(&self, from: u64, to: u64, rate: Option<u64>) {
        let now_us = self.started.elapsed().as_micros() as u64;
        for watched in from.div_ceil(self.every)..to.div_ceil(self.every) {
            let began_us = match rate {
                Some(_) => self.due(watched * self.every, rate).as_micros() as u64,
                None => now_us,
            };
            if let Some(at) = self.watched.get(watched as usize) {
                at.store(began_us.clamp(1, now_us.max(1)), Ordering::Relaxed);
            }
        }
        self.count.fetch_add(to - from, Ordering::Relaxed);
        self.last_us.fetch_max(now_us, Ordering::Relaxed);
    }

    /// When `from` is due at a rate, after the start.
    fn due(&self, from: u64, rate: Option<u64>) -> Duration {
        rate.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64(from as f64 / rate.max(1) as f64)
        })
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn last_at(&self) -> Duration {
        Duration::from_micros(self.last_us.load(Ordering::Relaxed))
    }

    /// Transactions that are handed to the system at a time: those of a millisecond, at a rate.
    fn at_once(rate: Option<u64>, most: usize) -> usize {
        rate.map_or(most, |rate| Pace::batch(rate).min(most))
    }

    /// For each that is watched, when it was sent.
    fn watched_at(&self) -> Vec<Option<Duration>> {
        let at = |it: &AtomicU64| match it.load(Ordering::Relaxed) {
            0 => None,
            us => Some(Duration::from_micros(us)),
        };
        self.watched.iter().map(at).collect()
    }

    /// No more will be sent.
    fn has_ended(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// No more is waited for.
    fn all_is_over(&self) {
        self.over.store(true, Ordering::Release);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

/// The first signature of a transaction with one signer.
fn signature(transaction: &[u8]) -> &[u8; 64] {
    let signature = transaction[1..].first_chunk();
    signature.expect("a signed transaction has a signature")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_watched_are_spread_evenly_and_timed_when_sent() {
        let sent = Sent::new(1_000, 100, 10);
        sent.note(0, 1, None);
        sent.note(1, 100, None);
        sent.note(100, 301, None);
        let at = sent.watched_at();
        assert_eq!(at.iter().filter(|it| it.is_some()).count(), 4);
        assert!(at[..4].iter().all(Option::is_some));
        assert_eq!(sent.count(), 301);
        assert_eq!(sent.due(500, Some(1_000)), Duration::from_millis(500));
        assert_eq!(sent.due(500, None), Duration::ZERO);
    }

    #[test]
    fn this_process_takes_processor_time() {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        assert!(processor_time(ClockId::ProcessCPUTime) > Duration::ZERO);
    }
}
