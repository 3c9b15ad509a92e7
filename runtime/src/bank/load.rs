//! Puts together the accounts that instructions see, and refuses what cannot be executed.
//!
//! What is refused here is charged: the payer could pay, and finding out was work.

use crate::{SlotContext, VerifiedTransaction};
use sealane_sdk::{AccountState, Pubkey, TransactionAccount, TransactionAccounts};
use sealane_vm::ElfMachine;
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

/// Fills in the accounts as the first instruction finds them, and their balances before the fee. Returns
/// the bytes that this loads, as SIMD-0186 counts them.
#[inline]
pub(super) fn accounts<'a>(
    into: &mut TransactionAccounts<'a>,
    balances: &mut [u64],
    slot: &'a SlotContext,
    transaction: &'a VerifiedTransaction,
    states: impl Fn(usize) -> &'a AccountState,
    payer_lamports: u64,
    machine: Option<&ElfMachine>,
) -> u64 {
    let mut files = false;
    let mut bytes = LOOKUP_TABLE_BYTES * transaction.lookup_table_count() as u64;
    let (statics, loaded) = transaction.keys();
    let signers = transaction.signatures().len();
    let mut writable = transaction.writable;
    for (i, key) in statics.iter().chain(loaded).enumerate() {
        let is_writable = writable & 1 == 1;
        writable >>= 1;
        let mut state = states(i);
        // What the slot makes is reserved, so never writable: most look-ups are spared.
        if !is_writable && let Some(made) = slot.virtual_account(key) {
            state = made;
        }
        // An absent account counts nothing; the payer is there, even if the fee was its last
        // lamport.
        if !state.is_absent() {
            bytes += ACCOUNT_BASE_BYTES + state.data.len() as u64;
            files |= state.executable && state.owner == bpf_loader_upgradeable::ID;
        }
        balances[i] = state.lamports;
        into.push(&TransactionAccount {
            key,
            state,
            lamports: if i == 0 {
                payer_lamports
            } else {
                state.lamports
            },
            is_signer: i < signers,
            is_writable,
        });
    }
    if files && let Some(machine) = machine {
        bytes += file_bytes(into, machine);
    }
    bytes
}

/// What the accounts count that have the files of named programs, each once, if they are not named themselves.
#[inline(never)]
fn file_bytes(accounts: &TransactionAccounts<'_>, machine: &ElfMachine) -> u64 {
    let mut counted: SmallVec<[Pubkey; 4]> = SmallVec::new();
    let mut bytes = 0;
    for i in 0..accounts.len() {
        let state = accounts.loaded(i);
        if !state.executable || state.owner != bpf_loader_upgradeable::ID {
            continue;
        }
        let Some((address, len)) = machine.programdata(accounts.key(i), state) else {
            continue;
        };
        let is_named = (0..accounts.len()).any(|i| *accounts.key(i) == address);
        if !is_named && !counted.contains(&address) {
            counted.push(address);
            bytes += ACCOUNT_BASE_BYTES + len as u64;
        }
    }
    bytes
}

/// Whether the transaction can be executed over these accounts.
#[inline]
pub(super) fn check(
    transaction: &VerifiedTransaction,
    accounts: &TransactionAccounts<'_>,
    bytes: u64,
) -> Result<(), TransactionError> {
    if bytes > u64::from(transaction.budget().loaded_data_bytes_max) {
        return Err(TransactionError::MaxLoadedAccountsDataSizeExceeded);
    }
    for place in &transaction.instructions {
        let index = usize::from(place.program);
        if accounts.lamports(index) == 0 {
            return Err(TransactionError::ProgramAccountNotFound);
        }
        if !LOADERS.contains(&accounts.loaded(index).owner) {
            return Err(TransactionError::InvalidProgramForExecution);
        }
    }
    Ok(())
}
