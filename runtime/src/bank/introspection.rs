//! The Instructions sysvar: an account in which a program reads the other instructions of its
//! transaction. It differs from transaction to transaction, so it is made only where it is named.
//! The executor keeps its last two bytes, the index of the instruction that runs.
//!
//! As in Agave it has no lamports and counts nothing towards the loaded data: the slot has an empty
//! account for it (`SlotContext::virtual_account`), and its data are made here. The places of the instructions
//! have two bytes. A transaction of version 1 may have more in it than these can say; Agave cannot load such a
//! one, and counts that as too much loaded data.

use crate::VerifiedTransaction;
use sealane_sdk::AccountData;
use solana_sdk_ids::sysvar;
use solana_transaction_error::TransactionError;

const IS_SIGNER: u8 = 1;
const IS_WRITABLE: u8 = 2;

/// Index and data of the sysvar, if the transaction names it.
///
/// # Errors
/// There is more in it than can be told.
#[inline]
pub(super) fn data(
    transaction: &VerifiedTransaction,
) -> Result<Option<(usize, AccountData)>, TransactionError> {
    // The payer signs, which nobody can for a sysvar.
    let is_it = |i: &usize| *transaction.key(*i) == sysvar::instructions::ID;
    // It is reserved, so never writable: few keys are to be looked at.
    let mut readonly = !transaction.writable & !1;
    if let Some(beyond) = u64::MAX.checked_shl(transaction.account_count() as u32) {
        readonly &= !beyond;
    }
    let mut candidates = std::iter::from_fn(|| {
        let index = readonly.trailing_zeros();
        readonly &= readonly.wrapping_sub(1);
        (index < u64::BITS).then_some(index as usize)
    });
    let Some(index) = candidates.find(is_it) else {
        return Ok(None);
    };
    let data = serialize(transaction).ok_or(TransactionError::MaxLoadedAccountsDataSizeExceeded)?;
    Ok(Some((index, data.into())))
}

/// The layout of solana-instructions-sysvar: a count, where each instruction begins, and of each
/// its accounts (flags, key), program and data; numbers have two bytes. `None`: an instruction begins beyond
/// what two bytes can say.
fn serialize(transaction: &VerifiedTransaction) -> Option<Vec<u8>> {
    let count = transaction.instructions().count();
    let mut data = Vec::with_capacity(2 * transaction.bytes().len());
    put_u16(&mut data, count);
    data.resize(2 + 2 * count, 0);
    for (nth, instruction) in transaction.instructions().enumerate() {
        let start = u16::try_from(data.len()).ok()?;
        data[2 + 2 * nth..][..2].copy_from_slice(&start.to_le_bytes());
        put_u16(&mut data, instruction.accounts.len());
        for i in instruction.accounts.iter().copied().map(usize::from) {
            let signer = if transaction.is_signer(i) {
                IS_SIGNER
            } else {
                0
            };
            let writable = if transaction.is_writable(i) {
                IS_WRITABLE
            } else {
                0
            };
            data.push(signer | writable);
            data.extend_from_slice(transaction.key(i).as_array());
        }
        data.extend_from_slice(transaction.key(usize::from(instruction.program)).as_array());
        put_u16(&mut data, instruction.data.len());
        data.extend_from_slice(instruction.data);
    }
    // The index of the instruction that runs.
    put_u16(&mut data, 0);
    Some(data)
}

fn put_u16(data: &mut Vec<u8>, value: usize) {
    data.extend_from_slice(&(value as u16).to_le_bytes());
}
