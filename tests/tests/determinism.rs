//! Any number of banking threads leaves what a serial run of the recorded order leaves.
//!
//! `SEALANE_SEEDS=200 cargo test --release -p sealane-tests --test determinism` is the long run.

use sealane_runtime::Fault;
use sealane_tests::{ConflictGraph, RunOptions, RunReport, Shape, run, seeds};
use solana_hash::Hash;
use std::time::Duration;

const TRANSACTIONS: usize = 4_000;

fn run_graph(seed: u64, shape: Shape, threads: usize, fault: Option<Fault>) -> RunReport {
    let graph = ConflictGraph::random(seed, shape, TRANSACTIONS, Hash::new_from_array([9; 32]));
    // Short slots and entries, so that many turn in between; every third run has long ones.
    let (slot, entry) = if seed % 3 == 2 {
        (400, 5_000)
    } else {
        (20, 200)
    };
    let options = RunOptions {
        threads,
        batch: 64,
        slot: Duration::from_millis(slot),
        entry: Duration::from_micros(entry),
        fault,
    };
    run(&graph, options)
}

fn check(seed: u64, shape: Shape, threads: usize) -> RunReport {
    let report = run_graph(seed, shape, threads, None);
    assert!(
        report.differences.is_empty(),
        "seed {seed}, {shape:?}, {threads} threads: {:#?}",
        report.differences
    );
    report
}

fn check_all_shapes(threads: usize) {
    let (mut charged, mut failed, mut dropped, mut slots) = (0, 0, 0, 0);
    let (mut calls, mut overlapping) = (0, 0);
    for seed in 0..seeds(3) {
        for shape in Shape::ALL {
            let report = check(seed, shape, threads);
            charged += report.charged;
            failed += report.failed;
            dropped += report.dropped;
            slots += report.slots;
            calls += report.overlaps.calls;
            overlapping += report.overlaps.overlapping;
        }
    }
    println!(
        "{threads} threads: {charged} charged, {failed} failed, {dropped} dropped, {slots} slots; \
         {overlapping} of {calls} calls of the program overlapped another"
    );
    assert!(
        failed > 0 && dropped > 0 && slots > 0,
        "the workload has failures, drops and slots"
    );
    assert_eq!(
        overlapping > 0,
        threads > 1,
        "tasks overlap where there are threads for it"
    );
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

#[cfg(debug_assertions)]
/// A fault in the pipeline must show, as a difference or as a broken invariant, within a few runs.
fn check_is_found(fault: Fault) {
    let found = (0..20).find_map(|seed| {
        let shape = Shape::ALL[seed as usize % 4];
        let report = run_graph(seed, shape, 3, Some(fault));
        (!report.differences.is_empty()).then_some((seed, report.differences))
    });
    let (seed, differences) = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
    println!("{fault:?} was found with seed {seed}: {}", differences[0]);
}

#[cfg(debug_assertions)]
mod mutants {
    use super::*;

    #[test]
    fn a_reader_that_does_not_wait_is_found() {
        check_is_found(Fault::ReaderDoesNotWait);
    }

    #[test]
    fn an_early_release_is_found() {
        check_is_found(Fault::EarlyRelease);
    }

    #[test]
    fn a_swapped_insertion_is_found() {
        check_is_found(Fault::SwappedInsertion);
    }

    #[test]
    fn a_reward_of_more_than_was_earned_is_found() {
        check_is_found(Fault::GenerousReward);
    }

    #[test]
    fn a_lost_undo_is_found() {
        check_is_found(Fault::LostUndo);
    }
}
