//! Agave's bank, and its banking stage, on the transactions that `banking-bench` ran and exported.
//!
//! What is measured of the bank is `load_execute_and_commit_transactions` over batches of 64, which it locks, loads, executes and
//! commits, on one thread or several, each of which takes the next batch; what finds an account in use tries again. Its
//! settings are the fastest it has: nothing is recorded (no logs, no balances, no history), accounts lie in its write cache,
//! nothing is frozen, rooted or flushed meanwhile. Without `--signatures`, transactions are deserialised and sanitised before
//! the clock starts; with it, the clock has in it wire bytes, sanitising and each signature. What is measured of the banking
//! stage begins with packets (`stage`): so parsing is always in it, and signatures with `--signatures`.

mod bank;
mod chain;
#[path = "../../src/compute.rs"]
mod compute;
#[path = "../../src/exported.rs"]
mod exported;
#[path = "../../src/figures.rs"]
mod figures;
mod stage;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use exported::Exported;
use figures::{Figures, Sealane};
use solana_transaction::versioned::VersionedTransaction;
use std::path::PathBuf;

/// The allocator that Sealane's benchmark uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    version,
    about = "Measures Agave's bank and banking stage beside Sealane on the same transactions"
)]
struct Arguments {
    /// What `banking-bench --export` wrote
    #[arg(long)]
    workload: PathBuf,
    /// What `banking-bench --json` wrote in the same run
    #[arg(long)]
    sealane: PathBuf,
    /// What `banking-bench --dump-accounts` wrote in the same run
    #[arg(long)]
    accounts: PathBuf,
    /// Threads that process batches in the bank, one row for each
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Workers of the banking stage, one row for each
    #[arg(long, value_delimiter = ',', default_value = "2")]
    workers: Vec<usize>,
    /// From wire bytes, signatures checked
    #[arg(long)]
    signatures: bool,
    /// Runs; the figure is of the median one
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// A file to which each row is added as a line of JSON
    #[arg(long)]
    rows: Option<PathBuf>,
}

/// What is measured.
#[derive(Clone, Copy)]
enum Part {
    Bank { threads: usize },
    Stage { workers: usize },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let workload = Exported::read(&arguments.workload)?;
    let sealane = Sealane::read(&arguments.sealane)?;
    ensure!(
        sealane.signatures == arguments.signatures,
        "Sealane checked signatures: {}; with --signatures Agave does too",
        sealane.signatures
    );
    let rows = arguments.rows.as_deref();
    sealane.print_title();
    sealane.row("Sealane", &sealane.figures, rows)?;
    let banks = arguments.threads.iter();
    let mut workers = arguments.workers.as_slice();
    if workload.transactions.len() > stage::TRANSACTIONS_MAX {
        eprintln!(
            "its banking stage is left out: it takes at most {} transactions",
            stage::TRANSACTIONS_MAX
        );
        workers = &[];
    }
    let stages = workers.iter();
    let parts = banks
        .map(|&threads| Part::Bank { threads })
        .chain(stages.map(|&workers| Part::Stage { workers }));
    for part in parts {
        let name = match part {
            Part::Bank { threads } => format!("Agave 4.2 bank, {threads} thread(s)"),
            Part::Stage { workers } => format!("Agave 4.2 banking stage, {workers} worker(s)"),
        };
        let mut rates = Vec::new();
        // Run 0 warms up and is not counted, as with Sealane.
        for run in 0..=arguments.runs.max(1) {
            let (bank, forks) = chain::bank(&workload)?;
            let (elapsed, failed) = match part {
                Part::Bank { threads } => {
                    bank::measure(&bank, &workload, threads, arguments.signatures)?
                }
                Part::Stage { workers } => {
                    stage::measure(&bank, &forks, &workload, workers, arguments.signatures)?
                }
            };
            let tps = workload.transactions.len() as f64 / elapsed.as_secs_f64();
            eprintln!("{name}, run {run}: {tps:.0} transactions a second, {failed} failed");
            match run {
                0 => {
                    let balance = |address: &_| bank.get_balance(address);
                    workload.compare_balances("agave", balance, &arguments.accounts)?;
                }
                _ => rates.push(tps),
            }
        }
        sealane.row(&name, &Figures::of(rates), rows)?;
    }
    Ok(())
}

fn decode(bytes: &[u8]) -> Result<VersionedTransaction> {
    wincode::deserialize(bytes).context("not a transaction")
}
