//! One run through the pipeline, held against the serial oracle.

use crate::{ConflictGraph, Overlaps, filler_config, mixer, overlaps};
use sealane_runtime::{BankingThreads, Fault, Runtime, RuntimeConfig};
use sealane_sdk::{AccountState, Pubkey};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// Banking threads.
    pub threads: usize,
    /// Transactions handed in at once.
    pub batch: usize,
    /// Length of a slot.
    pub slot: Duration,
    /// Longest time an entry stays open.
    pub entry: Duration,
    /// A deliberate fault.
    pub fault: Option<Fault>,
}

/// What a run found.
#[derive(Debug)]
pub struct RunReport {
    /// Charged transactions.
    pub charged: u64,
    /// Of those, failed.
    pub failed: u64,
    /// Dropped by the bank.
    pub dropped: u64,
    /// Refused at admission.
    pub refused: u64,
    /// Entries published.
    pub entries: u64,
    /// Slots that opened.
    pub slots: u64,
    /// Instructions of the mixer in the pipeline, and how many began while another ran.
    pub overlaps: Overlaps,
    /// In words, how the pipeline's results or accounts differ from the serial run's. Empty if not.
    pub differences: Vec<String>,
}

impl RunReport {
    /// A thread of the pipeline ended by a broken invariant.
    fn broken() -> Self {
        let differences = vec!["a broken invariant ended the run".to_owned()];
        let overlaps = Overlaps {
            calls: 0,
            overlapping: 0,
        };
        let (charged, failed, dropped, refused, entries, slots) = (0, 0, 0, 0, 0, 0);
        Self {
            charged,
            failed,
            dropped,
            refused,
            entries,
            slots,
            overlaps,
            differences,
        }
    }
}

/// Runs the graph's transactions (made with `GENESIS_HASH`).
pub fn run(graph: &ConflictGraph, options: RunOptions) -> RunReport {
    let mut config = filler_config([mixer()]);
    config.genesis_accounts = graph.genesis.clone();
    config.banking_threads = BankingThreads::Fixed(options.threads);
    config.slot_duration = options.slot;
    config.entry_interval = options.entry;
    config.record_order = true;
    config.fault = options.fault;
    run_config(graph, config, options.batch)
}

/// Runs do not overlap each other, so that the count of overlapping calls is one run's.
static ONE_RUN: Mutex<()> = Mutex::new(());

fn run_config(graph: &ConflictGraph, config: RuntimeConfig, batch: usize) -> RunReport {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let before = overlaps();
    let runtime = Runtime::start(config.clone()).expect("the genesis fits");
    let reader = runtime.reader();
    let events = reader.listen();
    let ingest = runtime.ingest();
    for transactions in graph.transactions.chunks(batch) {
        if ingest.submit(transactions.to_vec()).is_err() {
            return RunReport::broken();
        }
        while events.try_recv().is_ok() {}
    }
    while reader.counters().settled() < graph.transactions.len() as u64 {
        if !runtime.is_healthy() {
            return RunReport::broken();
        }
        // Refusals make no event, so it also looks from time to time.
        let _ = events.recv_timeout(Duration::from_millis(10));
    }
    assert!(
        runtime.shutdown(Duration::from_secs(20)),
        "nothing keeps the node from stopping"
    );
    let counters = reader.counters();
    let order = reader.take_order();
    let accounts = accounts_of(&reader);
    let slots = reader.slot().slot;
    let after = overlaps();
    let serial = order.run_serially(&config);
    let mut differences: Vec<String> = serial
        .differences
        .iter()
        .map(|difference| format!("task {}: {}", difference.sequence, difference.what))
        .collect();
    differences.extend(compare(&accounts, &serial.accounts));
    if serial.charged != counters.visible || serial.dropped != counters.dropped {
        differences.push(format!(
            "{counters:?}, serially {} and {}",
            serial.charged, serial.dropped
        ));
    }
    RunReport {
        charged: counters.visible,
        failed: counters.failed,
        dropped: counters.dropped,
        refused: counters.refused,
        entries: counters.entries,
        slots,
        overlaps: Overlaps {
            calls: after.calls - before.calls,
            overlapping: after.overlapping - before.overlapping,
        },
        differences,
    }
}

fn accounts_of(reader: &sealane_runtime::Reader) -> HashMap<Pubkey, AccountState> {
    let mut accounts = HashMap::new();
    let pin = reader.pin().expect("few readers");
    pin.all(&mut |key, state| {
        accounts.insert(*key, state.clone());
    })
    .expect("the pin is young");
    accounts
}

fn compare(
    parallel: &HashMap<Pubkey, AccountState>,
    serial: &HashMap<Pubkey, AccountState>,
) -> Vec<String> {
    let keys = parallel
        .keys()
        .chain(serial.keys().filter(|key| !parallel.contains_key(key)));
    keys.filter_map(|key| {
        let (one, other) = (parallel.get(key), serial.get(key));
        (one != other).then(|| {
            let lamports = |state: Option<&AccountState>| state.map(|state| state.lamports);
            format!(
                "{key}: {:?} lamports, serially {:?}",
                lamports(one),
                lamports(other)
            )
        })
    })
    .take(10)
    .collect()
}
