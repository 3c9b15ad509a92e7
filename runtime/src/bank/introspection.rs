//! The Instructions sysvar: an account in which a program reads the other instructions of its
//! transaction. It differs from transaction to transaction, so it is made only where it is named.
//! The executor keeps its last two bytes, the index of the instruction that runs.
//!
//! As in Agave it has no lamports and counts nothing towards the loaded data: the slot has an empty
//! account for it (`SlotContext::virtual_account`), and its data are made here.

use crate::VerifiedTransaction;
use sealane_sdk::AccountData;
use solana_sdk_ids::sysvar;

const IS_SIGNER: u8 = 1;
const IS_WRITABLE: u8 = 2;

/// Index and data of the sysvar, if the transaction names it.
#[inline]
pub(super) fn data(transaction: &VerifiedTransaction) -> Option<(usize, AccountData)> {
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
    let index = candidates.find(is_it)?;
    Some((index, serialize(transaction).into()))
}

/// The layout of solana-instructions-sysvar: a count, where each instruction begins, and of each
/// its accounts (flags, key), program and data; numbers have two bytes.
fn serialize(transaction: &VerifiedTransaction) -> Vec<u8> {
    let count = transaction.instructions().count();
    let mut data = Vec::with_capacity(2 * transaction.bytes().len());
    put_u16(&mut data, count);
    data.resize(2 + 2 * count, 0);
    for (nth, instruction) in transaction.instructions().enumerate() {
        let start = data.len() as u16;
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
    data
}

fn put_u16(data: &mut Vec<u8>, value: usize) {
    data.extend_from_slice(&(value as u16).to_le_bytes());
}
