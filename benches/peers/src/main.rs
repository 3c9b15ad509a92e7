//! LiteSVM on the transactions that `banking-bench` ran and exported, and both figures side by side.
//!
//! What is measured of LiteSVM is `send_transaction`: sanitise, load, execute, commit, one by one on one
//! core. Its settings are the fastest it has: signatures not checked, blockhash not checked, no history
//! (so no check of duplicates either), transactions deserialised before the clock starts. Logs are
//! collected, at most 10,000 bytes, as Sealane does. Sealane's figure has all of those in it but the
//! signatures: parsing, duplicates, age, history.

mod exported;

use anyhow::{Context, Result};
use clap::Parser;
use exported::Exported;
use litesvm::LiteSVM;
use solana_transaction::versioned::VersionedTransaction;
use std::fs;
use std::path::{Path, PathBuf};
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
    /// Runs; the figure is of the median one
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let workload = Exported::read(&arguments.workload)?;
    let mut rates = Vec::new();
    let mut processor_ns = Vec::new();
    // Run 0 warms up and is not counted, as with Sealane.
    for run in 0..=arguments.runs.max(1) {
        let mut svm = machine(&workload)?;
        let transactions = transactions(&workload)?;
        let count = transactions.len() as f64;
        let before = on_processor_ns();
        let (elapsed, failed) = measure(&mut svm, transactions);
        let used_ns = (on_processor_ns() - before) / count;
        let tps = count / elapsed.as_secs_f64();
        eprintln!("litesvm, run {run}: {tps:.0} transactions a second, {failed} failed");
        if run == 0 {
            let balance = |address: &_| svm.get_balance(address).unwrap_or(0);
            workload.compare_balances("litesvm", balance, &arguments.accounts)?;
        } else {
            rates.push(tps);
            processor_ns.push(used_ns);
        }
    }
    rates.sort_by(f64::total_cmp);
    processor_ns.sort_by(f64::total_cmp);
    let litesvm = Figures {
        median: rates[rates.len() / 2],
        min: rates[0],
        max: rates[rates.len() - 1],
        processor_ns: processor_ns[processor_ns.len() / 2],
    };
    let (title, sealane) = sealane(&arguments.sealane)?;
    print_table(&title, &sealane, &litesvm);
    Ok(())
}

fn machine(workload: &Exported) -> Result<LiteSVM> {
    let mut svm = LiteSVM::new()
        .with_sigverify(false)
        .with_blockhash_check(false)
        .with_transaction_history(0);
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

/// How long this thread was on a processor so far, by the kernel's clock: what a busy machine changes
/// least. Zero where there is no such clock.
fn on_processor_ns() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ')
        .next()
        .and_then(|ns| ns.parse().ok())
        .unwrap_or(0.0)
}

struct Figures {
    /// Transactions a second.
    median: f64,
    min: f64,
    max: f64,
    /// Processor time of a transaction, over all threads.
    processor_ns: f64,
}

/// Sealane's figures and what they are of.
fn sealane(path: &Path) -> Result<(String, Figures)> {
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    let number = |name: &str| json[name].as_f64().with_context(|| format!("no {name}"));
    let title = format!(
        "{}: {} transactions, {} accounts",
        json["workload"].as_str().context("no workload")?,
        number("transactions")?,
        number("accounts")?
    );
    let stages = json["stage_ns_per_transaction"]
        .as_object()
        .context("no stages")?;
    let figures = Figures {
        median: number("tps_median")?,
        min: number("tps_min")?,
        max: number("tps_max")?,
        processor_ns: stages.values().filter_map(|ns| ns.as_f64()).sum(),
    };
    Ok((title, figures))
}

fn print_table(title: &str, sealane: &Figures, litesvm: &Figures) {
    println!("{title}");
    println!(
        "  {:<26}{:>36}{:>20}",
        "", "transactions a second", "processor time"
    );
    println!(
        "  {:<26}{:>12}{:>12}{:>12}{:>20}",
        "", "median", "min", "max", "of one"
    );
    for (name, figures) in [("Sealane", sealane), ("LiteSVM 0.17, one core", litesvm)] {
        let Figures {
            median,
            min,
            max,
            processor_ns,
        } = figures;
        println!("  {name:<26}{median:>12.0}{min:>12.0}{max:>12.0}{processor_ns:>17.0} ns");
    }
    let (rate, time) = (
        sealane.median / litesvm.median,
        litesvm.processor_ns / sealane.processor_ns,
    );
    println!("  {:<26}{rate:>12.2}{time:>44.2}", "ratio");
}
