//! Puts together the accounts that instructions see, and refuses what cannot be executed.
//!
//! What is refused here is charged: the payer could pay, and finding out was work.

use crate::{SlotContext, VerifiedTransaction};
use sealane_sdk::{AccountState, Pubkey, TransactionAccount};
use smallvec::SmallVec;
use solana_sdk_ids::{
    bpf_loader, bpf_loader_deprecated, bpf_loader_upgradeable, loader_v4, native_loader,
};
use solana_transaction_error::TransactionError;

/// Bytes that an account counts beside its data (SIMD-0186).
const ACCOUNT_BASE_BYTES: u64 = 64;

/// Bytes that a lookup table counts, however many addresses it holds (SIMD-0186).
const LOOKUP_TABLE_BYTES: u64 = 8_248;

/// The owners of what may be called, native programs first.
const LOADERS: [Pubkey; 5] = [
    native_loader::ID,
    bpf_loader_upgradeable::ID,
    bpf_loader::ID,
    bpf_loader_deprecated::ID,
    loader_v4::ID,
];

/// A transaction's accounts in message order; on the stack, up to the number that may be locked.
pub(super) type Accounts<'a> = SmallVec<[TransactionAccount<'a>; 64]>;

/// States that are not those of the database.
pub(super) struct Made<'a> {
    pub(super) slot: &'a SlotContext,
    /// The payer, once the fee is taken.
    pub(super) payer: &'a AccountState,
    /// The Instructions sysvar and its index, if it is named.
    pub(super) introspection: Option<&'a (usize, AccountState)>,
}

/// Fills in the accounts as the first instruction finds them, and their balances. Returns the bytes
/// that this loads, as SIMD-0186 counts them.
#[inline]
pub(super) fn accounts<'a>(
    into: &mut Accounts<'a>,
    balances: &mut Vec<u64>,
    made: &Made<'a>,
    transaction: &'a VerifiedTransaction,
    states: &[&'a AccountState],
) -> u64 {
    let mut bytes = LOOKUP_TABLE_BYTES * transaction.lookup_table_count() as u64;
    let (statics, loaded) = transaction.keys();
    let mut writable = transaction.writable;
    let signers = transaction.signatures().len();
    for (i, state) in states.iter().enumerate() {
        let key = match statics.get(i) {
            Some(key) => key,
            None => &loaded[i - statics.len()],
        };
        let is_writable = writable & 1 == 1;
        writable >>= 1;
        let state = match i {
            0 => made.payer,
            // What the slot makes is reserved, so never writable: most look-ups are spared.
            _ if is_writable => state,
            _ => made.slot.virtual_account(key).unwrap_or(state),
        };
        // An absent account counts nothing; the payer is there, even if the fee was its last
        // lamport.
        if i == 0 || !state.is_absent() {
            bytes += ACCOUNT_BASE_BYTES + state.data.len() as u64;
        }
        balances.push(state.lamports);
        let is_signer = i < signers;
        into.push(TransactionAccount {
            key,
            state,
            is_signer,
            is_writable,
        });
    }
    if let Some((index, state)) = made.introspection {
        into[*index].state = state;
        balances[*index] = state.lamports;
    }
    bytes
}

/// Whether the transaction can be executed over these accounts.
#[inline]
pub(super) fn check(
    transaction: &VerifiedTransaction,
    accounts: &[TransactionAccount<'_>],
    bytes: u64,
) -> Result<(), TransactionError> {
    if bytes > u64::from(transaction.budget().loaded_data_bytes_max) {
        return Err(TransactionError::MaxLoadedAccountsDataSizeExceeded);
    }
    for place in &transaction.instructions {
        let program = accounts[usize::from(place.program)].state;
        if program.is_absent() {
            return Err(TransactionError::ProgramAccountNotFound);
        }
        if !LOADERS.contains(&program.owner) {
            return Err(TransactionError::InvalidProgramForExecution);
        }
    }
    Ok(())
}
