//! Reading what a transaction's accounts are that are not in memory (`Limits::accounts_memory_max`).
//!
//! Here the pipeline waits for the disk, and nowhere else: in verify, behind the signatures, and in the fetch
//! stage. What is found travels with the transaction; the schedule stage makes it resident, or finds that it
//! may be old and has it fetched again (`schedule/residency.rs`).

use super::{Verified, VerifyError};
use crate::VerifiedTransaction;
use sealane_accounts_db::{Accounts, Fetched};
use std::sync::Arc;

/// Bytes of data that are read ahead for a batch; what is beyond, the schedule stage asks for when it is its turn.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// What the files had of a transaction's accounts, by their places in it.
pub(crate) type FetchedAccounts = Box<[(u8, Fetched)]>;

/// Fetches the accounts of those that were let through. One whose accounts cannot be read is refused.
pub(super) fn fetch_batch(accounts: &Arc<Accounts>, batch: &mut [Verified]) {
    let mut left = BATCH_BYTES_MAX;
    for verified in batch {
        let Ok(transaction) = verified else { continue };
        match fetch(accounts, transaction) {
            Ok(bytes) => left = left.saturating_sub(bytes),
            Err(error) => *verified = Err(error),
        }
        if left == 0 {
            return;
        }
    }
}

/// Fetches a transaction's accounts; the bytes of data that were read.
pub(crate) fn fetch(
    accounts: &Arc<Accounts>,
    transaction: &mut VerifiedTransaction,
) -> Result<usize, VerifyError> {
    // One for each transaction: a pin keeps what is newer in memory.
    let pin = accounts.pin().map_err(VerifyError::Accounts)?;
    let mut fetched = Vec::new();
    let mut bytes = 0;
    for (place, i) in (0..transaction.account_count()).zip(0..) {
        let found = pin.fetch(transaction.key(place), transaction.key_hash(place));
        if let Some(found) = found.map_err(VerifyError::Accounts)? {
            bytes += found.data_bytes();
            fetched.push((i, found));
        }
    }
    transaction.keep_fetched(fetched.into());
    Ok(bytes)
}
