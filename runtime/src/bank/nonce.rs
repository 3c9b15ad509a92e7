//! Durable nonces: transactions that outlive their blockhash.
//!
//! A transaction whose first instruction advances a nonce account may carry the value stored there
//! in place of a recent blockhash. Advancing makes the value unusable, also when the transaction
//! fails, so that its fee is not taken again and again.

use crate::{SlotContext, VerifiedTransaction};
use sealane_sdk::{AccountData, AccountState};
use solana_nonce::state::{Data, DurableNonce, State};
use solana_nonce::versions::Versions;
use solana_sdk_ids::system_program;

/// The nonce account that a transaction lives on, advanced: what is committed if it fails.
pub(super) struct AdvancedNonce {
    /// Index of the account.
    pub(super) index: usize,
    /// Its data after the advance.
    pub(super) data: AccountData,
}

/// Checks that the transaction's blockhash is a durable nonce that it may use now.
#[cold]
pub(super) fn advance<'t>(
    slot: &SlotContext,
    transaction: &VerifiedTransaction,
    states: impl Fn(usize) -> &'t AccountState,
) -> Option<AdvancedNonce> {
    let blockhash = transaction.recent_blockhash();
    // What this slot stores is spent until the next: a nonce advances once per blockhash.
    let next = slot.durable_nonce();
    if *blockhash == next {
        return None;
    }
    let index = transaction.nonce_account()?;
    let account = states(index);
    if account.is_absent() || account.owner != system_program::ID {
        return None;
    }
    let versions: Versions = bincode::deserialize(account.data.as_slice()).ok()?;
    let stored = versions.verify_recent_blockhash(blockhash)?;
    let first = transaction.instructions().next()?;
    let is_authority = |i: &u8| {
        let i = usize::from(*i);
        transaction.is_signer(i) && *transaction.key(i) == stored.authority
    };
    if !first.accounts.iter().any(is_authority) {
        return None;
    }
    let data = store(account.data.as_slice(), stored, slot)?;
    Some(AdvancedNonce { index, data })
}

/// `before` with the slot's nonce over `stored`.
fn store(before: &[u8], stored: &Data, slot: &SlotContext) -> Option<AccountData> {
    let durable_nonce = DurableNonce::from_blockhash(&slot.blockhash());
    let lamports_per_signature = slot.lamports_per_signature;
    let state = State::new_initialized(&stored.authority, durable_nonce, lamports_per_signature);
    let mut data = before.to_vec();
    bincode::serialize_into(data.as_mut_slice(), &Versions::new(state)).ok()?;
    Some(data.into())
}

/// Whether these are the data of a nonce account (of either version) that was initialised.
pub(super) fn is_initialized(data: &[u8]) -> bool {
    let initialized = |versions: Versions| matches!(versions.state(), State::Initialized(_));
    data.len() == State::size() && bincode::deserialize(data).is_ok_and(initialized)
}
