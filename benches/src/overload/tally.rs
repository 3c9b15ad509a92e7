//! Who heard what, and what ran.

use super::work::{PRICES, price_of};
use anyhow::{Result, anyhow};
use sealane_runtime::{Counters, Event, Reader};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Prices are told apart by tenths of their range.
const SHARES: usize = 10;

/// Of the transactions with a price in one tenth of the range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many were offered.
    pub offered: u64,
    /// How many of them ran.
    pub executed: u64,
}

/// What senders were told, and what became of all that were offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Handed in by senders who want to hear.
    pub sent: u64,
    /// Of these, told that it has a place.
    pub accepted: u64,
    /// Of these, told that it has none.
    pub refused: u64,
    /// Of the others, dropped as a whole batch because the door was full.
    pub dropped: u64,
    /// Of all, refused before their signature was checked.
    pub shed: u64,
    /// Of all, refused after it was, or handed in one by one and refused because the door was full.
    pub refused_late: u64,
    /// Of all, displaced by a higher price after they were accepted.
    pub evicted: u64,
    /// How many of these their subscribers heard of.
    pub evictions_told: u64,
    /// Of all, executed.
    pub executed: u64,
}

impl Told {
    pub(super) fn new(counters: &Counters, senders: &Senders, heard: &Heard) -> Self {
        // Relaxed: every thread that counted has ended.
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let dropped = read(&senders.dropped);
        let sent = read(&senders.sent);
        Self {
            sent,
            accepted: read(&senders.accepted),
            refused: read(&senders.refused),
            dropped,
            shed: counters.shed,
            refused_late: counters.refused - counters.shed - dropped,
            evicted: counters.evicted,
            evictions_told: heard.evicted,
            executed: counters.visible,
        }
    }

    /// Whether everybody who can be told was told, once.
    pub fn is_complete(&self) -> bool {
        self.accepted + self.refused == self.sent && self.evictions_told == self.evicted
    }
}

/// Counts for those who hand in one by one, and for the network.
#[derive(Default)]
pub(super) struct Senders {
    sent: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
}

impl Senders {
    // Relaxed throughout: they are read when all is over.
    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn told(&self, is_accepted: bool) {
        let counter = if is_accepted {
            &self.accepted
        } else {
            &self.refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Hears all that became visible or was displaced.
pub(super) struct Listener(JoinHandle<Heard>);

/// What it heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    executed: [u64; SHARES],
    evicted: u64,
}

impl Listener {
    pub(super) fn start(reader: &Reader) -> Self {
        let events = reader.listen();
        Self(std::thread::spawn(move || {
            let mut heard = Heard::default();
            for event in events {
                match event {
                    Event::Entry { transactions, .. } => {
                        for transaction in transactions.iter() {
                            heard.executed[share(price_of(transaction.transaction().bytes()))] += 1;
                        }
                    }
                    Event::Dropped { error: None, .. } => heard.evicted += 1,
                    _ => {}
                }
            }
            heard
        }))
    }

    /// To be called when the runtime has stopped.
    pub(super) fn join(self) -> Result<Heard> {
        self.0.join().map_err(|_| anyhow!("the listener failed"))
    }
}

impl Heard {
    /// By tenths of the price, given the prices of all that were offered.
    pub(super) fn shares(&self, prices: impl Iterator<Item = u64>) -> Vec<Share> {
        let mut shares = self.executed.map(|executed| Share {
            offered: 0,
            executed,
        });
        for price in prices {
            shares[share(price)].offered += 1;
        }
        shares.to_vec()
    }
}

fn share(price: u64) -> usize {
    (price * SHARES as u64 / PRICES) as usize
}
