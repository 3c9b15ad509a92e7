//! Any number of banking threads leaves what a serial run of the recorded order leaves.
//!
//! `SEALANE_SEEDS=200 cargo test --release -p sealane-tests --test determinism` is the long run.

use sealane_tests::{ConflictGraph, RunOptions, RunReport, Shape, overlaps, run};
use solana_hash::Hash;
use std::time::Duration;

const TRANSACTIONS: usize = 4_000;

fn seeds() -> u64 {
    std::env::var("SEALANE_SEEDS").map_or(3, |seeds| seeds.parse().expect("SEALANE_SEEDS: a number"))
}

fn check(seed: u64, shape: Shape, threads: usize) -> RunReport {
    let graph =
        ConflictGraph::random(seed, shape, TRANSACTIONS, Hash::new_from_array([9; 32]));
    // Short slots and entries, so that many turn in between; every third run has long ones.
    let (slot, entry) = if seed % 3 == 2 { (400, 5_000) } else { (20, 200) };
    let options = RunOptions {
        threads,
        batch: 64,
        slot: Duration::from_millis(slot),
        entry: Duration::from_micros(entry),
    };
    let report = run(&graph, options);
    assert!(
        report.differences.is_empty(),
        "seed {seed}, {shape:?}, {threads} threads: {:#?}",
        report.differences
    );
    report
}

fn check_all_shapes(threads: usize) {
    let (mut charged, mut failed, mut dropped, mut slots) = (0, 0, 0, 0);
    for seed in 0..seeds() {
        for shape in Shape::ALL {
            let report = check(seed, shape, threads);
            charged += report.charged;
            failed += report.failed;
            dropped += report.dropped;
            slots += report.slots;
        }
    }
    let overlaps = overlaps();
    println!(
        "{threads} threads: {charged} charged, {failed} failed, {dropped} dropped, {slots} slots; \
         {} of {} calls overlapped another, so far in this process",
        overlaps.overlapping, overlaps.calls
    );
    assert!(failed > 0 && dropped > 0 && slots > 0, "the workload has failures, drops and slots");
}

#[test]
fn one_thread_leaves_what_a_serial_run_leaves() {
    check_all_shapes(1);
}

#[test]
fn two_threads_leave_what_a_serial_run_leaves() {
    check_all_shapes(2);
}

#[test]
fn three_threads_leave_what_a_serial_run_leaves() {
    check_all_shapes(3);
}

#[test]
fn eight_threads_leave_what_a_serial_run_leaves() {
    check_all_shapes(8);
}
