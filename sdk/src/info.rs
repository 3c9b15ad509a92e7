//! Accounts as a program sees them.

use crate::{ProgramError, ProgramResult, Pubkey};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, RangeBounds};

/// Bytes by which one top-level instruction may grow an account, unless its program was registered
/// with a larger limit.
pub const MAX_PERMITTED_DATA_INCREASE: usize = 10_240;

/// Bytes of an account, at most.
pub const MAX_ACCOUNT_DATA_LEN: usize = 10 * 1024 * 1024;

/// An account as a program sees it: a small Copy, !Send handle bound to the call.
#[derive(Clone, Copy)]
pub struct AccountInfo<'a> {
    /// Address.
    pub key: &'a Pubkey,
    /// Whether the transaction (or the calling program) signed for it.
    pub is_signer: bool,
    /// Whether this instruction may write it.
    pub is_writable: bool,
    _not_send: PhantomData<*const ()>,
}

/// Shared guard of account data. Others may read meanwhile; nobody may write.
pub struct DataRef<'a>(PhantomData<&'a [u8]>);
/// Exclusive guard of account data.
pub struct DataMut<'a>(PhantomData<&'a mut [u8]>);
/// Shared guard of a balance.
pub struct LamportsRef<'a>(PhantomData<&'a u64>);
/// Exclusive guard of a balance; what was written takes effect when it is dropped.
pub struct LamportsMut<'a>(PhantomData<&'a mut u64>);

impl Deref for DataRef<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        todo!()
    }
}
impl Deref for DataMut<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        todo!()
    }
}
impl DerefMut for DataMut<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        todo!()
    }
}
impl Deref for LamportsRef<'_> {
    type Target = u64;
    fn deref(&self) -> &u64 {
        todo!()
    }
}
impl Deref for LamportsMut<'_> {
    type Target = u64;
    fn deref(&self) -> &u64 {
        todo!()
    }
}
impl DerefMut for LamportsMut<'_> {
    fn deref_mut(&mut self) -> &mut u64 {
        todo!()
    }
}

impl<'a> AccountInfo<'a> {
    /// Balance.
    pub fn lamports(&self) -> u64 {
        todo!()
    }
    /// Sets the balance.
    pub fn set_lamports(&self, _lamports: u64) -> ProgramResult {
        todo!()
    }
    /// Adds to the balance; `ArithmeticOverflow` beyond `u64`.
    pub fn add_lamports(&self, _lamports: u64) -> ProgramResult {
        todo!()
    }
    /// Takes from the balance; `ArithmeticOverflow` below zero (as Agave calls it).
    pub fn sub_lamports(&self, _lamports: u64) -> ProgramResult {
        todo!()
    }
    /// Guard of the balance, for ported code.
    pub fn try_borrow_lamports(&self) -> Result<LamportsRef<'a>, ProgramError> {
        todo!()
    }
    /// Guard that changes the balance, for ported code.
    pub fn try_borrow_mut_lamports(&self) -> Result<LamportsMut<'a>, ProgramError> {
        todo!()
    }
    /// The program that owns the account.
    pub fn owner(&self) -> Pubkey {
        todo!()
    }
    /// Whether `program` owns the account.
    pub fn is_owned_by(&self, _program: &Pubkey) -> bool {
        todo!()
    }
    /// Whether the account is a program.
    pub fn executable(&self) -> bool {
        todo!()
    }
    /// Bytes of data.
    pub fn data_len(&self) -> usize {
        todo!()
    }
    /// Whether there is no data.
    pub fn data_is_empty(&self) -> bool {
        self.data_len() == 0
    }
    /// All data. Free, unless pages of a large account were written in this transaction.
    pub fn try_borrow_data(&self) -> Result<DataRef<'a>, ProgramError> {
        todo!()
    }
    /// A range of the data; free within a page or where nothing was written.
    pub fn data(&self, _range: impl RangeBounds<usize>) -> Result<DataRef<'a>, ProgramError> {
        todo!()
    }
    /// A range of the data, to be written. Costs a copy of the pages it touches, once.
    pub fn data_mut(&self, _range: impl RangeBounds<usize>) -> Result<DataMut<'a>, ProgramError> {
        todo!()
    }
    /// All data, to be written. Copies a large account whole, once: prefer `data_mut`.
    pub fn try_borrow_mut_data(&self) -> Result<DataMut<'a>, ProgramError> {
        todo!()
    }
    /// Changes the length; new bytes are zero.
    pub fn resize(&self, _len: usize) -> ProgramResult {
        todo!()
    }
    /// Gives the account to another program.
    pub fn assign(&self, _owner: &Pubkey) -> ProgramResult {
        todo!()
    }
}

/// The next account of an iterator, or `NotEnoughAccountKeys`.
pub fn next_account_info<'s, 'a: 's, I: Iterator<Item = &'s AccountInfo<'a>>>(
    accounts: &mut I,
) -> Result<&'s AccountInfo<'a>, ProgramError> {
    accounts.next().ok_or(ProgramError::NotEnoughAccountKeys)
}
