//! Accounts as a program sees them.
//!
//! The access law is enforced here, where an account is borrowed or changed, and what breaks it changes
//! nothing. The rules and their errors are those of Agave's `BorrowedInstructionAccount`; where an error
//! of Solana's has no `ProgramError`, the program is told the nearest one, and if it gives up with that,
//! its instruction fails with the exact one.

mod guards;

pub use guards::{DataMut, DataRef, LamportsMut, LamportsRef};

use crate::frame::{AccountCell, Frame};
use crate::{AccountData, InstructionError, ProgramError, ProgramResult, Pubkey};
use guards::{Exclusive, Flag, Shared};
use std::borrow::Cow;
use std::cell::{Ref, RefMut};
use std::ops::{Range, RangeBounds};

/// Bytes by which one top-level instruction may grow an account, unless its program was registered
/// with a larger limit.
pub const MAX_PERMITTED_DATA_INCREASE: usize = 10_240;

/// Bytes of an account, at most.
pub const MAX_ACCOUNT_DATA_LEN: usize = 10 * 1024 * 1024;

/// Bytes of data that are replaced whole where they are set: one allocation, and one copy.
const WHOLE_DATA_MAX: usize = 8 * 1024;

/// Bytes by which a transaction may grow its accounts, in sum.
const DATA_GROWTH_MAX: i64 = 2 * MAX_ACCOUNT_DATA_LEN as i64;

/// An account as a program sees it: a small Copy, !Send handle bound to the call.
///
/// ```compile_fail
/// fn must_be_send<T: Send>() {}
/// must_be_send::<sealane_sdk::AccountInfo<'static>>();
/// ```
#[derive(Clone, Copy)]
pub struct AccountInfo<'a> {
    /// Address.
    pub key: &'a Pubkey,
    frame: &'a Frame<'a>,
    /// Index among the transaction's accounts.
    pub(crate) index: u8,
    /// Whether the transaction (or the calling program) signed for it.
    pub is_signer: bool,
    /// Whether this instruction may write it.
    pub is_writable: bool,
    /// As granted: the public field is the program's own copy and proves nothing.
    may_write: bool,
}

impl<'a> AccountInfo<'a> {
    #[inline]
    pub(crate) fn new(frame: &'a Frame<'a>, account: crate::frame::InstructionAccount) -> Self {
        Self {
            key: frame.account(account.index).key,
            frame,
            index: account.index,
            is_signer: account.is_signer,
            is_writable: account.is_writable,
            may_write: account.is_writable,
        }
    }

    /// The account, for who asks for anything of it.
    #[inline]
    fn cell(&self) -> &'a AccountCell<'a> {
        let cell = self.frame.account(self.index);
        cell.is_read.set(true);
        cell
    }

    #[cold]
    fn refuse(&self, error: InstructionError) -> ProgramError {
        self.frame.state.refuse(error)
    }

    /// Whether the program that runs owns it.
    #[inline]
    fn is_ours(&self) -> bool {
        self.cell().owner.get() == *self.frame.program_id()
    }

    /// Balance.
    #[inline]
    pub fn lamports(&self) -> u64 {
        self.cell().lamports.get()
    }

    /// Sets the balance. Only the owner may lower it, and only a writable account's changes.
    pub fn set_lamports(&self, lamports: u64) -> ProgramResult {
        if self.cell().lamports_guards.get() != 0 {
            return Err(ProgramError::AccountBorrowFailed);
        }
        self.put_lamports(lamports)
            .map_err(|error| self.refuse(error))
    }

    pub(crate) fn put_lamports(&self, lamports: u64) -> Result<(), InstructionError> {
        let cell = self.cell();
        let old = cell.lamports.get();
        if lamports < old && !self.is_ours() {
            return Err(InstructionError::ExternalAccountLamportSpend);
        }
        if !self.may_write {
            return Err(InstructionError::ReadonlyLamportChange);
        }
        if lamports != old {
            let delta = &self.frame.state.lamports_delta;
            delta.set(delta.get() + i128::from(lamports) - i128::from(old));
            cell.lamports.set(lamports);
            cell.changed.set(true);
        }
        Ok(())
    }

    /// Adds to the balance; `ArithmeticOverflow` beyond `u64`.
    pub fn add_lamports(&self, lamports: u64) -> ProgramResult {
        let sum = self.lamports().checked_add(lamports);
        self.set_lamports(sum.ok_or(ProgramError::ArithmeticOverflow)?)
    }

    /// Takes from the balance; `ArithmeticOverflow` below zero (as Agave calls it).
    pub fn sub_lamports(&self, lamports: u64) -> ProgramResult {
        let rest = self.lamports().checked_sub(lamports);
        self.set_lamports(rest.ok_or(ProgramError::ArithmeticOverflow)?)
    }

    /// Guard of the balance, for ported code.
    pub fn try_borrow_lamports(&self) -> Result<LamportsRef<'a>, ProgramError> {
        let cell = self.cell();
        let guards = cell.lamports_guards.get();
        if guards < 0 {
            return Err(ProgramError::AccountBorrowFailed);
        }
        cell.lamports_guards.set(guards + 1);
        Ok(LamportsRef {
            cell,
            value: cell.lamports.get(),
        })
    }

    /// Guard that changes the balance, for ported code.
    pub fn try_borrow_mut_lamports(&self) -> Result<LamportsMut<'a>, ProgramError> {
        if !self.may_write {
            return Err(self.refuse(InstructionError::ReadonlyLamportChange));
        }
        let cell = self.cell();
        if cell.lamports_guards.get() != 0 {
            return Err(ProgramError::AccountBorrowFailed);
        }
        cell.lamports_guards.set(-1);
        Ok(LamportsMut {
            info: *self,
            value: cell.lamports.get(),
        })
    }

    /// The program that owns the account.
    #[inline]
    pub fn owner(&self) -> Pubkey {
        self.cell().owner.get()
    }

    /// Whether `program` owns the account.
    #[inline]
    pub fn is_owned_by(&self, program: &Pubkey) -> bool {
        self.cell().owner.get() == *program
    }

    /// Whether the account is a program.
    #[inline]
    pub fn executable(&self) -> bool {
        self.cell().executable()
    }

    /// Bytes of data.
    #[inline]
    pub fn data_len(&self) -> usize {
        self.cell().data_len()
    }

    /// Whether there is no data.
    #[inline]
    pub fn data_is_empty(&self) -> bool {
        self.data_len() == 0
    }

    /// All data. Free, unless pages of a large account were written in this transaction: then they are
    /// joined in a copy.
    pub fn try_borrow_data(&self) -> Result<DataRef<'a>, ProgramError> {
        let flag = self.borrow()?;
        Ok(DataRef(match Ref::filter_map(flag, Option::as_ref) {
            Ok(written) => Shared::Written(Ref::map(written, AccountData::as_slice)),
            Err(flag) => Shared::Loaded(self.cell().loaded_data().as_slice().into(), flag),
        }))
    }

    /// A range of the data; free within a page (8 KiB) or where nothing was written in this
    /// transaction, else copied. `AccountDataTooSmall` beyond the end.
    pub fn data(&self, range: impl RangeBounds<usize>) -> Result<DataRef<'a>, ProgramError> {
        let flag = self.borrow()?;
        let loaded = self.cell().loaded_data();
        let range = resolve(flag.as_ref().unwrap_or(loaded), range)?;
        if flag.is_none() {
            return Ok(DataRef(Shared::Loaded(loaded.read(range), flag)));
        }
        let in_place = Ref::filter_map(flag, |written| {
            match written.as_ref()?.read(range.clone()) {
                Cow::Borrowed(bytes) => Some(bytes),
                Cow::Owned(_) => None,
            }
        });
        Ok(DataRef(match in_place {
            Ok(bytes) => Shared::Written(bytes),
            Err(flag) => {
                let bytes = flag.as_ref().map(|data| data.read(range).into_owned());
                Shared::Loaded(bytes.unwrap_or_default().into(), flag)
            }
        }))
    }

    fn borrow(&self) -> Result<Flag<'a>, ProgramError> {
        self.cell()
            .data
            .try_borrow()
            .map_err(|_| ProgramError::AccountBorrowFailed)
    }

    /// A range of the data, to be written. Costs a copy of the pages it touches, once in a transaction.
    /// `AccountDataTooSmall` beyond the end.
    pub fn data_mut(&self, range: impl RangeBounds<usize>) -> Result<DataMut<'a>, ProgramError> {
        let data = self.borrow_mut()?;
        let range = resolve(&data, range)?;
        self.cell().changed.set(true);
        Ok(DataMut(
            match RefMut::filter_map(data, |data| data.slice_mut(range.clone())) {
                Ok(bytes) => Exclusive::InPlace(bytes),
                Err(data) => {
                    let bytes = data.read(range.clone()).into_owned();
                    Exclusive::Pages {
                        data,
                        start: range.start,
                        bytes,
                    }
                }
            },
        ))
    }

    /// All data, to be written. Copies a large account whole, once in a transaction: prefer `data_mut`.
    pub fn try_borrow_mut_data(&self) -> Result<DataMut<'a>, ProgramError> {
        let data = self.borrow_mut()?;
        self.cell().changed.set(true);
        Ok(DataMut(Exclusive::InPlace(RefMut::map(
            data,
            AccountData::as_mut_slice,
        ))))
    }

    /// Our copy of the data, made now if there is none.
    fn borrow_mut(&self) -> Result<RefMut<'a, AccountData>, ProgramError> {
        self.check_data_change()
            .map_err(|error| self.refuse(error))?;
        let cell = self.cell();
        let data = cell
            .data
            .try_borrow_mut()
            .map_err(|_| ProgramError::AccountBorrowFailed)?;
        cell.written_len.set(Some(cell.data_len()));
        Ok(RefMut::map(data, |data| {
            data.get_or_insert_with(|| cell.loaded_data().clone())
        }))
    }

    fn check_data_change(&self) -> Result<(), InstructionError> {
        if !self.may_write {
            return Err(InstructionError::ReadonlyDataModified);
        }
        if !self.is_ours() {
            return Err(InstructionError::ExternalAccountDataModified);
        }
        Ok(())
    }

    /// Changes the length; new bytes are zero. One top-level instruction may grow an account by
    /// `MAX_PERMITTED_DATA_INCREASE`, or by what its program was registered with; a transaction all its
    /// accounts by 20 MiB.
    pub fn resize(&self, len: usize) -> ProgramResult {
        if self.cell().data.try_borrow_mut().is_err() {
            return Err(ProgramError::AccountBorrowFailed);
        }
        let increase_max = self.frame.state.level().data_increase_max;
        self.put_len(len, increase_max)
            .map_err(|error| self.refuse(error))
    }

    /// Changes the length, within `increase_max` bytes of what it was when the top-level instruction began.
    pub(crate) fn put_len(&self, len: usize, increase_max: usize) -> Result<(), InstructionError> {
        let cell = self.cell();
        let old = cell.data_len();
        let growth = len as i64 - old as i64;
        self.check_resize(old, len, growth, increase_max)?;
        if growth == 0 {
            return Ok(());
        }
        let mut data = self
            .borrow_mut()
            .map_err(|_| InstructionError::AccountBorrowFailed)?;
        data.resize(len);
        cell.written_len.set(Some(len));
        cell.changed.set(true);
        cell.resized_from.set(self.length_at_start(old));
        let delta = &self.frame.state.resize_delta;
        delta.set(delta.get() + growth);
        Ok(())
    }

    /// Makes the data these, if they are not.
    pub(crate) fn put_data(&self, new: &[u8]) -> Result<(), InstructionError> {
        let busy = |_| InstructionError::AccountBorrowFailed;
        let common = {
            let old = self.try_borrow_data().map_err(busy)?;
            if *old == *new {
                return Ok(());
            }
            old.len().min(new.len())
        };
        self.put_len(new.len(), usize::MAX)?;
        if new.len() <= WHOLE_DATA_MAX {
            let cell = self.cell();
            let mut data = cell
                .data
                .try_borrow_mut()
                .map_err(|_| InstructionError::AccountBorrowFailed)?;
            *data = Some(new.into());
            cell.written_len.set(Some(new.len()));
            cell.changed.set(true);
            return Ok(());
        }
        // Of a large account, only the pages that differ are copied.
        let differs = {
            let old = self.try_borrow_data().map_err(busy)?;
            let pairs = || old[..common].iter().zip(&new[..common]);
            let first = pairs().position(|(old, new)| old != new);
            let last = pairs().rposition(|(old, new)| old != new);
            first
                .zip(last)
                .map_or(common..common, |(first, last)| first..last + 1)
        };
        for range in [differs, common..new.len()] {
            if !range.is_empty() {
                let mut part = self.data_mut(range.clone()).map_err(busy)?;
                part.copy_from_slice(&new[range]);
            }
        }
        Ok(())
    }

    fn check_resize(
        &self,
        old: usize,
        len: usize,
        growth: i64,
        increase_max: usize,
    ) -> Result<(), InstructionError> {
        if len > MAX_ACCOUNT_DATA_LEN {
            return Err(InstructionError::InvalidRealloc);
        }
        let state = self.frame.state;
        if state.resize_delta.get() + growth > DATA_GROWTH_MAX {
            return Err(InstructionError::MaxAccountsDataAllocationsExceeded);
        }
        self.check_data_change()?;
        let (_, at_start) = self.length_at_start(old);
        if len > old && len > (at_start as usize).saturating_add(increase_max) {
            return Err(InstructionError::InvalidRealloc);
        }
        Ok(())
    }

    /// The top-level instruction, from 1, and the length before it, given the length now.
    fn length_at_start(&self, now: usize) -> (u32, u32) {
        let instruction = self.frame.state.top_level.get() as u32 + 1;
        match self.cell().resized_from.get() {
            (resized_in, len) if resized_in == instruction => (instruction, len),
            _ => (instruction, now as u32),
        }
    }

    /// Gives the account to another program. Only its owner may, and only if its data is zero.
    pub fn assign(&self, owner: &Pubkey) -> ProgramResult {
        drop(self.borrow()?);
        self.put_owner(owner).map_err(|error| self.refuse(error))
    }

    pub(crate) fn put_owner(&self, owner: &Pubkey) -> Result<(), InstructionError> {
        let cell = self.cell();
        let is_zeroed = self
            .borrow()
            .map_err(|_| InstructionError::AccountBorrowFailed)?
            .as_ref()
            .unwrap_or(cell.loaded_data())
            .is_zeroed();
        if !self.is_ours() || !self.may_write || !is_zeroed {
            return Err(InstructionError::ModifiedProgramId);
        }
        if cell.owner.get() != *owner {
            cell.owner.set(*owner);
            cell.changed.set(true);
        }
        Ok(())
    }

    /// Makes the account a program, or one no more, as Solana's loaders do. Only its owner may, and only if the
    /// account is rent-exempt.
    pub fn set_executable(&self, executable: bool) -> ProgramResult {
        let rent = &self.frame.environment.sysvars.rent;
        let is_exempt = rent.is_exempt(self.lamports(), self.data_len());
        let error = if !is_exempt {
            Some(InstructionError::ExecutableAccountNotRentExempt)
        } else if !self.is_ours() || !self.may_write {
            Some(InstructionError::ExecutableModified)
        } else {
            None
        };
        if let Some(error) = error {
            return Err(self.refuse(error));
        }
        let cell = self.cell();
        if cell.executable.replace(executable) != executable {
            cell.changed.set(true);
        }
        Ok(())
    }

    /// Whether a guard lives that would keep a called program from its share of the account.
    pub(crate) fn is_in_use(&self, for_writing: bool) -> bool {
        // Who passes it on has not read it.
        let cell = self.frame.account(self.index);
        if for_writing {
            cell.data.try_borrow_mut().is_err() || cell.lamports_guards.get() != 0
        } else {
            cell.data.try_borrow().is_err() || cell.lamports_guards.get() < 0
        }
    }
}

fn resolve(
    data: &AccountData,
    range: impl RangeBounds<usize>,
) -> Result<Range<usize>, ProgramError> {
    data.resolve(range).ok_or(ProgramError::AccountDataTooSmall)
}

impl std::fmt::Debug for AccountInfo<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountInfo")
            .field("key", self.key)
            .field("is_signer", &self.is_signer)
            .field("is_writable", &self.is_writable)
            .field("lamports", &self.lamports())
            .field("owner", &self.owner())
            .field("data_len", &self.data_len())
            .finish()
    }
}

/// The next account of an iterator, or `NotEnoughAccountKeys`.
pub fn next_account_info<'s, 'a: 's, I: Iterator<Item = &'s AccountInfo<'a>>>(
    accounts: &mut I,
) -> Result<&'s AccountInfo<'a>, ProgramError> {
    accounts.next().ok_or(ProgramError::NotEnoughAccountKeys)
}
