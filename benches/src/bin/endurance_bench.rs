//! Runs signed transfers for minutes on end against a ledger on the disk, and tells what share of the rate of
//! batch verification alone became durable and visible.

use anyhow::{Context, Result};
use clap::Parser;
use sealane_benches::{Endurance, EnduranceOptions};
use std::path::PathBuf;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    version,
    about = "Holds signed, durable transfers for minutes on end against what batch verification alone reaches"
)]
struct Arguments {
    /// Where the ledger is kept meanwhile; a minute at 75,000 a second takes some 2 GB
    dir: PathBuf,
    /// Accounts at genesis
    #[arg(long, default_value_t = 1_000_000)]
    accounts: u64,
    /// Segments of the run, between which batch verification alone is measured
    #[arg(long, default_value_t = 10)]
    segments: u64,
    /// Length of a segment in seconds
    #[arg(long, default_value_t = 60)]
    segment_s: u64,
    /// Verify threads; without it, one for each core
    #[arg(long)]
    verify_threads: Option<usize>,
    /// No state root, no headers and no account files: only the block log and the history
    #[arg(long)]
    no_state_root: bool,
    /// Bytes that the ledger may have; without it, all is kept
    #[arg(long)]
    ledger_bytes: Option<u64>,
    /// Seed of the keys
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let ledger = arguments
        .dir
        .join(format!("endurance-bench-{}", std::process::id()));
    let options = EnduranceOptions {
        accounts: arguments.accounts,
        segments: arguments.segments,
        lasts: Duration::from_secs(arguments.segment_s),
        alone_lasts: Duration::from_secs(2),
        verify_threads: arguments.verify_threads.unwrap_or(cores),
        state_root: !arguments.no_state_root,
        ledger_bytes_max: arguments.ledger_bytes,
        ledger: ledger.clone(),
        seed: arguments.seed,
    };
    let endured = Endurance::run(&options, &|line| eprintln!("{line}"));
    std::fs::remove_dir_all(&ledger)
        .with_context(|| format!("cannot delete {}", ledger.display()))?;
    println!("{}", endured?);
    Ok(())
}
