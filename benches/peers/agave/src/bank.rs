//! The bank by itself: batches through `load_execute_and_commit_transactions`.

use crate::decode;
use crate::exported::Exported;
use anyhow::Result;
use solana_runtime::bank::Bank;
use solana_runtime_transaction::runtime_transaction::RuntimeTransaction;
use solana_svm::transaction_processor::ExecutionRecordingConfig;
use solana_svm_timings::ExecuteTimings;
use solana_transaction::TransactionVerificationMode;
use solana_transaction::sanitized::SanitizedTransaction;
use solana_transaction_error::TransactionError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Transactions in a batch, as Agave's banking stage takes them.
const BATCH: usize = 64;

type Sanitized = RuntimeTransaction<SanitizedTransaction>;

/// Processes them all; how long that took, and how many failed.
pub(crate) fn measure(
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
