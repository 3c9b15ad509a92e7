//! The ledger that a run left, run again: every result and every slot's header, state root included, is
//! compared with what was logged.

use anyhow::{Context, Result, ensure};
use sealane_runtime::{BankingThreads, RuntimeConfig, replay_ledger};
use std::time::{Duration, Instant};

/// What a replay took.
#[derive(Clone, Copy, Debug)]
pub struct Replayed {
    /// Banking threads.
    pub threads: usize,
    /// Transactions that came to the logged results.
    pub transactions: u64,
    /// Slots that came to the logged headers.
    pub headers: u64,
    /// From the start at genesis to the end.
    pub elapsed: Duration,
}

/// Replays the ledger of `config`, from genesis on so many banking threads; the run that wrote it is over.
///
/// # Errors
/// If anything differs from what was logged, or fewer than `transactions` were.
pub fn replay(config: &RuntimeConfig, threads: usize, transactions: u64) -> Result<Replayed> {
    let mut config = config.clone();
    config.checkpoints = None;
    config.limits.accounts_memory_max = None;
    config.record_order = false;
    config.banking_threads = BankingThreads::Fixed(threads);
    let start = Instant::now();
    let summary =
        replay_ledger(config).with_context(|| format!("the replay on {threads} threads"))?;
    let progress = summary.progress;
    ensure!(
        progress.transactions == transactions,
        "{} of {transactions} transactions are in the log",
        progress.transactions
    );
    Ok(Replayed {
        threads,
        transactions,
        headers: progress.headers,
        elapsed: start.elapsed(),
    })
}
