//! How long a chain with many accounts takes until it serves again, after a clean stop and after a crash, and how
//! much memory it has then.
//!
//! A node with account files runs transfers. While it does, its ledger is copied, file by file, which is what a
//! crash may leave; then it stops cleanly. Each of the two ledgers is started from in a process of its own.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use sealane_benches::{
    RunSettings, Workload, WorkloadKind, WorkloadOptions, configuration, measure, resident_bytes,
};
use sealane_runtime::{BankingThreads, CheckpointConfig, RealDisk, Runtime, RuntimeConfig};
use solana_keypair::Keypair;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a runtime may take to stop.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(60);

/// When memory is looked at a second time.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

#[derive(Parser)]
#[command(
    version,
    about = "Measures starts of a chain with many accounts, after a clean stop and after a crash"
)]
struct Arguments {
    /// Where the ledgers are kept meanwhile
    dir: PathBuf,
    /// Accounts at genesis, without data
    #[arg(long, default_value_t = 1_000_000)]
    accounts: u64,
    /// Transfers before the stop
    #[arg(long, default_value_t = 300_000)]
    transactions: u64,
    /// How many of them a second: so slow that checkpoints are made meanwhile
    #[arg(long, default_value_t = 60_000)]
    rate: u64,
    /// Only start from this ledger, and tell: what the program runs itself with
    #[arg(long, hide = true)]
    serve: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let options = WorkloadOptions {
        kind: WorkloadKind::Transfer,
        transactions: arguments.transactions,
        accounts: arguments.accounts,
        seed: 1,
        real_signatures: false,
    };
    if let Some(ledger) = &arguments.serve {
        return serve(&options, ledger);
    }
    let folder = arguments
        .dir
        .join(format!("restart-bench-{}", std::process::id()));
    let (clean, crashed) = (folder.join("clean"), folder.join("crashed"));
    let workload = Workload::generate(&options);
    let config = with_ledger(configuration(&workload, &settings()), &clean)?;
    let (measured, runtime) = measure(&workload, config, Some(arguments.rate), &mut |_| ())?;
    let rate = arguments.transactions as f64 / measured.elapsed.as_secs_f64();
    println!("{rate:.0} transfers a second, with account files and state root");
    ensure!(
        runtime.reader().newest_checkpoint().is_some(),
        "no checkpoint was made: hand in more transactions, or fewer a second"
    );
    copy(&clean, &crashed).context("the ledger cannot be copied")?;
    if !runtime.shutdown(SHUTDOWN_DEADLINE) {
        bail!("the runtime did not stop within {SHUTDOWN_DEADLINE:?}");
    }
    for (title, ledger) in [("clean stop", &clean), ("crash", &crashed)] {
        println!("after a {title}:");
        let status = Command::new(std::env::current_exe()?)
            .arg(&arguments.dir)
            .args(["--accounts", &arguments.accounts.to_string()])
            .arg("--serve")
            .arg(ledger)
            .status()?;
        ensure!(status.success(), "it did not start: {status}");
    }
    fs::remove_dir_all(&folder).with_context(|| format!("cannot delete {}", folder.display()))
}

fn settings() -> RunSettings {
    RunSettings {
        banking_threads: BankingThreads::Auto,
        verify_threads: 1,
        check_signatures: false,
        slot_duration: Duration::from_millis(400),
        state_root: true,
        accounts_memory: None,
        rate: None,
    }
}

fn with_ledger(config: RuntimeConfig, folder: &Path) -> Result<RuntimeConfig> {
    Ok(RuntimeConfig {
        ledger: Some(Arc::new(RealDisk::open(folder)?)),
        checkpoints: Some(CheckpointConfig::default()),
        header_signer: Some(Arc::new(Keypair::new_from_array([7; 32]))),
        record_order: false,
        ..config
    })
}

/// Starts from a ledger, and prints how long that took and how much memory it takes.
fn serve(options: &WorkloadOptions, ledger: &Path) -> Result<()> {
    // What the chain began with is in the ledger's account files.
    let blank = Workload::generate(&WorkloadOptions {
        transactions: 1,
        accounts: 1,
        ..options.clone()
    });
    let mut config = with_ledger(configuration(&blank, &settings()), ledger)?;
    config.genesis_accounts = Vec::new();
    let replayed = Arc::new(AtomicU64::new(0));
    let note = replayed.clone();
    config.on_replay = Some(Arc::new(move |progress| {
        // Relaxed: read when the start is over.
        note.store(progress.transactions, Ordering::Relaxed);
    }));
    let start = Instant::now();
    let runtime = Runtime::start(config)?;
    let elapsed = start.elapsed();
    let replayed = replayed.load(Ordering::Relaxed);
    give_freed_memory_back();
    let at_first = resident_bytes()?;
    let reader = runtime.reader();
    let mut accounts = 0u64;
    reader.pin()?.all(&mut |_, _| accounts += 1)?;
    drop(reader);
    std::thread::sleep(SETTLES_WITHIN);
    let settled = resident_bytes()?;
    let of_each = |bytes: u64| bytes / accounts.max(1);
    println!(
        "serves after {:.2} s, {replayed} transactions replayed, {accounts} accounts; resident {at_first} bytes at first, {settled} after {} s, {} and {} for each account",
        elapsed.as_secs_f64(),
        SETTLES_WITHIN.as_secs(),
        of_each(at_first),
        of_each(settled)
    );
    runtime.shutdown(SHUTDOWN_DEADLINE);
    Ok(())
}

/// As `sealane-validator` does when it has started.
#[allow(unsafe_code)]
fn give_freed_memory_back() {
    // SAFETY: any thread may call it at any time.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// Copies a folder as it is at this moment, more or less, as a crash leaves it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut entries = fs::read_dir(from)?.collect::<std::io::Result<Vec<_>>>()?;
    // The accounts before the blocks: no checkpoint may know of more than the log.
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else if let Err(error) = fs::copy(&from, &to) {
            // Old files go while the node runs.
            ensure!(error.kind() == std::io::ErrorKind::NotFound, "{error}");
        }
    }
    Ok(())
}
