//! Workloads for the banking pipeline, and how a run of one is measured and checked.
//!
//! The binary `banking-bench` makes a workload, feeds it to the runtime as wire bytes, waits until all
//! of it is visible, and holds state and results against a serial run. This crate sees of the runtime
//! what any embedder sees: it knows nothing of locks, versions or queues.

mod chains;
mod counters;
mod endurance;
mod finish;
mod keyring;
mod load;
mod measure;
mod mix;
mod overload;
mod pace;
mod parallel;
mod process;
mod programs;
mod random;
mod ranges;
mod replays;
mod report;
mod signing;
mod stages;
mod state;
mod tokens;
mod transfers;
mod verdict;
mod wire;
mod workload;

pub use chains::ConflictChains;
pub use endurance::{Alone, Endurance, EnduranceOptions, Segment};
pub use load::{LoadOptions, LoadOutcome, LoadProgress, Metrics, Transport, Watched, load};
pub use measure::{Measured, RunSettings, configuration, measure};
pub use overload::{Meanwhile, Overload, OverloadOptions, Share, Told};
pub use pace::Latencies;
pub use process::resident_bytes;
pub use programs::{
    COMPUTE_ID, COMPUTE_ROUNDS, TOUCH_FAILED, TOUCH_ID, compute_program, touch_program,
};
pub use replays::{Replayed, replay};
pub use report::Report;
pub use stages::StageTimes;
pub use state::{SortedState, StateHash};
pub use verdict::Verdict;
pub use wire::{WireTransactions, export};
pub use workload::{Workload, WorkloadKind, WorkloadOptions};
