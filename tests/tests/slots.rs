//! What readers see of slots.

use sealane_runtime::{BankingThreads, Event, Runtime, RuntimeConfig};
use sealane_sdk::{Programs, Pubkey};
use sealane_tests::{ConflictGraph, Shape, mixer};
use solana_hash::Hash;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const BLOCKHASH: Hash = Hash::new_from_array([9; 32]);

#[test]
fn a_sealed_slot_is_named_only_when_all_that_was_in_it_is_visible() {
    let graph = ConflictGraph::random(7, Shape::Zipf, 4_000, BLOCKHASH);
    let mut programs = Programs::builtin();
    programs.add(mixer());
    let identity = Pubkey::new_from_array([5; 32]);
    let mut config = RuntimeConfig::new(Arc::new(programs), BLOCKHASH, identity);
    config.genesis_accounts = graph.genesis.clone();
    config.banking_threads = BankingThreads::Fixed(2);
    config.check_signatures = false;
    // Short enough that slots turn while entries wait for the publisher, long enough that the blockhash
    // lasts.
    config.slot_duration = Duration::from_millis(10);
    config.entry_interval = Duration::from_micros(200);
    config.limits.listener_events_max = 1 << 20;
    let runtime = Runtime::start(config).expect("the genesis fits");
    let reader = runtime.reader();
    let events = reader.listen();

    // (open slot as readers see it, transactions visible afterwards)
    let mut seen = Vec::new();
    let mut look = || {
        let slot = reader.slot().slot;
        seen.push((slot, reader.counters().visible));
    };
    for batch in graph.transactions.chunks(16) {
        runtime.ingest().submit(batch.to_vec()).expect("it runs");
        look();
    }
    while reader.counters().settled() < graph.transactions.len() as u64 {
        look();
    }
    let last = reader.slot().slot;
    while reader.slot().slot == last {
        std::thread::yield_now();
    }
    look();
    assert!(runtime.shutdown(Duration::from_secs(20)));

    let mut by_slot: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events.try_iter() {
        if let Event::Entry {
            slot, transactions, ..
        } = event
        {
            *by_slot.entry(slot).or_default() += transactions.len() as u64;
        }
    }
    assert!(by_slot.len() > 1, "slots turned under load");
    for (open, visible) in seen {
        let sealed: u64 = by_slot.range(..open).map(|(_, count)| count).sum();
        assert!(
            visible >= sealed,
            "slot {open} was open with {visible} of the {sealed} transactions before it"
        );
    }
}
