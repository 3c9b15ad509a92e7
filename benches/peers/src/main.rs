//! LiteSVM on the transactions that `banking-bench` ran and exported, and both figures side by side.
//!
//! What is measured of LiteSVM is `send_transaction`: sanitise, load, execute, commit, one by one on one
//! core. Its settings are the fastest it has: signatures not checked, blockhash not checked, no history
//! (so no check of duplicates either), transactions deserialised before the clock starts. Logs are
//! collected, at most 10,000 bytes, as Sealane does. Sealane's figure has all of those in it but the
//! signatures: parsing, duplicates, age, history.

mod exported;

use anyhow::{Context, Result, bail};
use clap::Parser;
use exported::Exported;
use litesvm::LiteSVM;
use solana_transaction::versioned::VersionedTransaction;
use std::collections::HashMap;
use std::fs;
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
    /// Runs; the figure is of the median one
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let workload = Exported::read(&arguments.workload)?;
    let mut times = Vec::new();
    for run in 1..=arguments.runs.max(1) {
        let mut svm = machine(&workload)?;
        let (elapsed, failed) = measure(&mut svm, transactions(&workload)?);
        let tps = workload.transactions.len() as f64 / elapsed.as_secs_f64();
        eprintln!("litesvm, run {run}: {tps:.0} transactions a second, {failed} failed");
        times.push(tps);
        if run == 1 {
            compare_balances(&svm, &workload, &arguments.accounts)?;
        }
    }
    times.sort_by(f64::total_cmp);
    let litesvm = Figures {
        median: times[times.len() / 2],
        min: times[0],
        max: times[times.len() - 1],
    };
    print_table(&sealane(&arguments.sealane)?, &litesvm);
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

/// Both have done the same work: every account of genesis has the balance that Sealane's dump shows.
fn compare_balances(svm: &LiteSVM, workload: &Exported, dump: &PathBuf) -> Result<()> {
    let dump = fs::read_to_string(dump)?;
    let mut expected = HashMap::new();
    for line in dump.lines() {
        let mut fields = line.split(' ');
        let (Some(address), Some(lamports)) = (fields.next(), fields.next()) else {
            bail!("not a line of a dump: {line}");
        };
        expected.insert(address, lamports.parse::<u64>()?);
    }
    for (address, _) in &workload.accounts {
        let litesvm = svm.get_balance(address).unwrap_or(0);
        let sealane = expected
            .get(address.to_string().as_str())
            .copied()
            .unwrap_or(0);
        if litesvm != sealane {
            bail!("{address} has {litesvm} lamports with LiteSVM and {sealane} with Sealane");
        }
    }
    eprintln!(
        "litesvm: all {} balances equal Sealane's",
        workload.accounts.len()
    );
    Ok(())
}

/// Transactions a second.
struct Figures {
    median: f64,
    min: f64,
    max: f64,
}

/// Sealane's figures, with a title.
struct Sealane {
    title: String,
    figures: Figures,
}

fn sealane(path: &PathBuf) -> Result<Sealane> {
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    let number = |name: &str| json[name].as_f64().with_context(|| format!("no {name}"));
    let text = |name: &str| json[name].as_str().unwrap_or("?");
    let title = format!(
        "{}, {} transactions, {} accounts",
        text("workload"),
        number("transactions")?,
        number("accounts")?
    );
    let figures = Figures {
        median: number("tps_median")?,
        min: number("tps_min")?,
        max: number("tps_max")?,
    };
    Ok(Sealane { title, figures })
}

fn print_table(sealane: &Sealane, litesvm: &Figures) {
    println!("{}; transactions a second", sealane.title);
    println!("  {:<26}{:>12}{:>12}{:>12}", "", "median", "min", "max");
    for (name, figures) in [
        ("Sealane", &sealane.figures),
        ("LiteSVM 0.17, one core", litesvm),
    ] {
        let Figures { median, min, max } = figures;
        println!("  {name:<26}{median:>12.0}{min:>12.0}{max:>12.0}");
    }
    println!(
        "  {:<26}{:>12.2}",
        "ratio of the medians",
        sealane.figures.median / litesvm.median
    );
}
