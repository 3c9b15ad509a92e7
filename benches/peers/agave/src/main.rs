//! Agave's bank on the transactions that `banking-bench` ran and exported.
//!
//! What is measured of it is `load_execute_and_commit_transactions` over batches of 64, which it locks, loads, executes and
//! commits, on one thread or several, each of which takes the next batch; what finds an account in use tries again. Its
//! settings are the fastest it has: nothing is recorded (no logs, no balances, no history), accounts lie in its write cache,
//! nothing is frozen, rooted or flushed meanwhile. Without `--signatures`, transactions are deserialised and sanitised before
//! the clock starts; with it, the clock has in it wire bytes, sanitising and each signature.

#[path = "../../src/exported.rs"]
mod exported;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use exported::Exported;
use solana_account::AccountSharedData;
use solana_leader_schedule::SlotLeader;
use solana_runtime::bank::Bank;
use solana_runtime::bank_forks::BankForks;
use solana_runtime::genesis_utils::{GenesisConfigInfo, create_genesis_config};
use solana_runtime_transaction::runtime_transaction::RuntimeTransaction;
use solana_svm::transaction_processor::ExecutionRecordingConfig;
use solana_svm_timings::ExecuteTimings;
use solana_transaction::TransactionVerificationMode;
use solana_transaction::sanitized::SanitizedTransaction;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// The allocator that Sealane's benchmark uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Transactions in a batch, as Agave's banking stage takes them.
const BATCH: usize = 64;
/// What a signature costs, as on a cluster and with Sealane.
const LAMPORTS_PER_SIGNATURE: u64 = 5_000;

type Sanitized = RuntimeTransaction<SanitizedTransaction>;

#[derive(Parser)]
#[command(
    version,
    about = "Measures Agave's bank beside Sealane on the same transactions"
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
    /// Threads that process batches, one row for each
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// From wire bytes, signatures checked
    #[arg(long)]
    signatures: bool,
    /// Runs; the figure is of the median one
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let workload = Exported::read(&arguments.workload)?;
    let sealane: serde_json::Value = serde_json::from_slice(&fs::read(&arguments.sealane)?)?;
    let of_sealane = |name: &str| sealane[name].as_f64().with_context(|| format!("no {name}"));
    let signed = sealane["sigverify"] == "on";
    ensure!(
        signed == arguments.signatures,
        "Sealane checked signatures: {signed}; with --signatures Agave does too"
    );
    println!(
        "{}: {} transactions, {} accounts, signatures {}",
        sealane["workload"].as_str().context("no workload")?,
        of_sealane("transactions")?,
        of_sealane("accounts")?,
        if signed {
            "checked"
        } else {
            "checked beforehand"
        }
    );
    println!(
        "  {:<26}{:>12}{:>12}{:>12}{:>10}",
        "", "median", "min", "max", "ratio"
    );
    let median = of_sealane("tps_median")?;
    let row = |name: &str, [median, min, max]: [f64; 3], ratio: f64| {
        println!("  {name:<26}{median:>12.0}{min:>12.0}{max:>12.0}{ratio:>10.2}");
    };
    row(
        "Sealane",
        [median, of_sealane("tps_min")?, of_sealane("tps_max")?],
        1.0,
    );
    for threads in &arguments.threads {
        let mut rates = Vec::new();
        // Run 0 warms up and is not counted, as with Sealane.
        for run in 0..=arguments.runs.max(1) {
            let (bank, _forks) = bank(&workload)?;
            let (elapsed, failed) = measure(&bank, &workload, *threads, signed)?;
            let tps = workload.transactions.len() as f64 / elapsed.as_secs_f64();
            eprintln!(
                "agave, {threads} threads, run {run}: {tps:.0} transactions a second, {failed} failed"
            );
            match run {
                0 => {
                    let balance = |address: &_| bank.get_balance(address);
                    workload.compare_balances("agave", balance, &arguments.accounts)?;
                }
                _ => rates.push(tps),
            }
        }
        rates.sort_by(f64::total_cmp);
        let figures = [rates[rates.len() / 2], rates[0], rates[rates.len() - 1]];
        let name = format!("Agave's bank, {threads} thread(s)");
        row(&name, figures, median / figures[0]);
    }
    Ok(())
}

/// The second bank of a chain whose genesis has the workload's accounts.
fn bank(workload: &Exported) -> Result<(Arc<Bank>, Arc<RwLock<BankForks>>)> {
    let GenesisConfigInfo {
        mut genesis_config, ..
    } = create_genesis_config(1_000_000_000_000);
    genesis_config
        .fee_rate_governor
        .target_lamports_per_signature = LAMPORTS_PER_SIGNATURE;
    genesis_config.fee_rate_governor.lamports_per_signature = LAMPORTS_PER_SIGNATURE;
    let (genesis, forks) = Bank::new_for_benches(&genesis_config).wrap_with_bank_forks_for_tests();
    for accounts in workload.accounts.chunks(1 << 14) {
        let accounts: Vec<_> = accounts
            .iter()
            .map(|(address, account)| (*address, AccountSharedData::from(account.clone())))
            .collect();
        let accounts: Vec<_> = accounts
            .iter()
            .map(|(key, account)| (key, account))
            .collect();
        genesis.store_accounts((genesis.slot(), &accounts[..]), None);
    }
    genesis.freeze();
    let bank = Bank::new_from_parent(genesis, SlotLeader::default(), 1);
    let bank = forks.write().expect("nobody panicked with it").insert(bank);
    let bank = bank.clone_without_scheduler();
    let first = workload.transactions.first().context("no transactions")?;
    let blockhash = *decode(first)?.message.recent_blockhash();
    bank.register_recent_blockhash_for_test(&blockhash, Some(LAMPORTS_PER_SIGNATURE));
    Ok((bank, forks))
}

fn decode(bytes: &[u8]) -> Result<VersionedTransaction> {
    Ok(wincode::deserialize(bytes)?)
}

/// Processes them all; how long that took, and how many failed.
fn measure(
    bank: &Bank,
    workload: &Exported,
    threads: usize,
    signatures: bool,
) -> Result<(Duration, usize)> {
    let hashed = TransactionVerificationMode::HashOnly;
    let checked = TransactionVerificationMode::FullVerification;
    let sanitized =
        |bytes: &[Vec<u8>], mode: TransactionVerificationMode| -> Result<Vec<Sanitized>> {
            let each = bytes.iter();
            each.map(|bytes| Ok(bank.verify_transaction(decode(bytes)?, mode)?))
                .collect()
        };
    let batches: Vec<&[Vec<u8>]> = workload.transactions.chunks(BATCH).collect();
    let ready: Vec<Vec<Sanitized>> = match signatures {
        true => Vec::new(),
        false => batches
            .iter()
            .map(|it| sanitized(it, hashed))
            .collect::<Result<_>>()?,
    };
    let next = AtomicUsize::new(0);
    let work = || -> Result<usize> {
        let mut failed = 0;
        loop {
            // Relaxed: each number goes to one thread, and nothing else follows.
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(bytes) = batches.get(at) else {
                return Ok(failed);
            };
            failed += match signatures {
                true => process(bank, &sanitized(bytes, checked)?),
                false => process(bank, &ready[at]),
            };
        }
    };
    let start = Instant::now();
    let failed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let failed = threads
            .into_iter()
            .map(|it| it.join().expect("no thread panics"));
        failed.sum::<Result<usize>>()
    })?;
    Ok((start.elapsed(), failed))
}

/// Processes a batch until none of it finds an account in use; how many failed.
fn process(bank: &Bank, transactions: &[Sanitized]) -> usize {
    let mut failed = 0;
    let mut again: Vec<Sanitized>;
    let mut turn = transactions;
    loop {
        let batch = bank.prepare_sanitized_batch(turn);
        let (results, _) = bank.load_execute_and_commit_transactions(
            &batch,
            ExecutionRecordingConfig::new_single_setting(false),
            &mut ExecuteTimings::default(),
            None,
        );
        drop(batch);
        let mut in_use = Vec::new();
        for (transaction, result) in turn.iter().zip(results) {
            match result {
                Err(TransactionError::AccountInUse) => in_use.push(transaction.clone()),
                Err(_) => failed += 1,
                Ok(committed) => failed += usize::from(committed.status.is_err()),
            }
        }
        if in_use.is_empty() {
            return failed;
        }
        again = in_use;
        turn = &again;
    }
}
