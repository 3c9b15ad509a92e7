//! Workloads for the banking pipeline, and how a run of one is measured and checked.
//!
//! The binary `banking-bench` makes a workload, feeds it to the runtime as wire bytes, waits until all
//! of it is visible, and holds state and results against a serial run. This crate sees of the runtime
//! what any embedder sees: it knows nothing of locks, versions or queues.

mod keyring;
mod parallel;
mod random;
mod transfers;
mod wire;
mod workload;

pub use wire::{WireTransactions, export};
pub use workload::{Workload, WorkloadKind, WorkloadOptions};
