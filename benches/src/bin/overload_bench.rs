//! Offers a node many times more than it can execute, and tells what became of it.

use anyhow::{Result, ensure};
use clap::Parser;
use sealane_benches::{Overload, OverloadOptions};
use sealane_runtime::BankingThreads;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    version,
    about = "Offers a node many times more than it can execute: who is refused, who is told, and how much still runs"
)]
struct Arguments {
    /// How long the program of a transaction takes, in microseconds
    #[arg(long, default_value_t = 200)]
    program_us: u64,
    /// Seconds for which the peak is measured, by a sender that waits, before and after
    #[arg(long, default_value_t = 20)]
    peak_s: u64,
    /// Seconds for which too much is offered
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// How many times the peak is offered; each million transactions take about 300 MB and 10 s to make
    #[arg(long, default_value_t = 10)]
    times: u64,
    /// Banking threads
    #[arg(long, default_value_t = 2)]
    banking_threads: usize,
    /// Verify threads
    #[arg(long, default_value_t = 2)]
    verify_threads: usize,
    /// Seed of the transactions
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let options = OverloadOptions {
        lasts: Duration::from_micros(arguments.program_us),
        peak: Duration::from_secs(arguments.peak_s),
        overload: Duration::from_secs(arguments.seconds),
        times: arguments.times,
        banking_threads: BankingThreads::Fixed(arguments.banking_threads),
        verify_threads: arguments.verify_threads,
        seed: arguments.seed,
    };
    let overload = Overload::run(&options, &|line| eprintln!("{line}"))?;
    println!("{overload}");
    ensure!(
        overload.meanwhile.told.is_complete(),
        "somebody who can be told was not told"
    );
    Ok(())
}
