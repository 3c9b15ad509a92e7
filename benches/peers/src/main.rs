//! LiteSVM on the transactions that `banking-bench` ran and exported, and both figures side by side.
//!
//! What is measured of LiteSVM is `send_transaction`: sanitise, load, execute, commit, one by one on one
//! core. Its settings are the fastest it has: blockhash not checked, no history (so no check of duplicates either),
//! transactions deserialised before the clock starts; signatures only with `--signatures`. Logs are
//! collected, at most 10,000 bytes, as Sealane does. Sealane's figure has all of those in it: parsing, duplicates, age,
//! history.

mod compute;
mod exported;
mod figures;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use exported::Exported;
use figures::{Figures, Sealane};
use litesvm::LiteSVM;
use solana_transaction::versioned::VersionedTransaction;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The allocator that Sealane's benchmark uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    version,
    about = "Measures LiteSVM beside Sealane on the same transactions"
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
    /// Check signatures
    #[arg(long)]
    signatures: bool,
    /// Runs; the figure is of the median one
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// A file to which each row is added as a line of JSON
    #[arg(long)]
    rows: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let workload = Exported::read(&arguments.workload)?;
    let sealane = Sealane::read(&arguments.sealane)?;
    ensure!(
        sealane.signatures == arguments.signatures,
        "Sealane checked signatures: {}; with --signatures LiteSVM does too",
        sealane.signatures
    );
    let mut rates = Vec::new();
    // Run 0 warms up and is not counted, as with Sealane.
    for run in 0..=arguments.runs.max(1) {
        let mut svm = machine(&workload, arguments.signatures)?;
        let transactions = transactions(&workload)?;
        let count = transactions.len() as f64;
        let (elapsed, failed) = measure(&mut svm, transactions);
        let tps = count / elapsed.as_secs_f64();
        eprintln!("litesvm, run {run}: {tps:.0} transactions a second, {failed} failed");
        if run == 0 {
            let balance = |address: &_| svm.get_balance(address).unwrap_or(0);
            workload.compare_balances("litesvm", balance, &arguments.accounts)?;
        } else {
            rates.push(tps);
        }
    }
    let rows = arguments.rows.as_deref();
    sealane.print_title();
    sealane.row("Sealane", &sealane.figures, rows)?;
    sealane.row("LiteSVM 0.17, one core", &Figures::of(rates), rows)
}

fn machine(workload: &Exported, signatures: bool) -> Result<LiteSVM> {
    let mut svm = LiteSVM::new()
        .with_sigverify(signatures)
        .with_blockhash_check(false)
        .with_transaction_history(0);
    svm.add_builtin(compute::ID, compute::REGISTERER);
    for (address, account) in &workload.accounts {
        svm.set_account(*address, account.clone())
            .with_context(|| format!("LiteSVM refuses account {address}"))?;
    }
    Ok(svm)
}

fn transactions(workload: &Exported) -> Result<Vec<VersionedTransaction>> {
    let decode = |bytes: &Vec<u8>| Ok(wincode::deserialize(bytes)?);
    workload.transactions.iter().map(decode).collect()
}

/// Sends them all; how long that took, and how many failed.
fn measure(svm: &mut LiteSVM, transactions: Vec<VersionedTransaction>) -> (Duration, usize) {
    let start = Instant::now();
    let mut failed = 0;
    for transaction in transactions {
        failed += usize::from(svm.send_transaction(transaction).is_err());
    }
    (start.elapsed(), failed)
}
