//! Guards of an account's data and balance: they keep the borrow flags of the frame.

use super::AccountInfo;
use crate::AccountData;
use crate::frame::AccountCell;
use std::borrow::Cow;
use std::cell::{Ref, RefMut};
use std::ops::{Deref, DerefMut};

/// Shared guard of account data. Others may read meanwhile; nobody may write.
pub struct DataRef<'a>(pub(super) Shared<'a>);

pub(super) enum Shared<'a> {
    /// Read where it was loaded, or from a joined copy; the flag keeps writers away.
    Loaded(
        Cow<'a, [u8]>,
        #[expect(dead_code, reason = "held for its flag")] Flag<'a>,
    ),
    Written(Ref<'a, [u8]>),
}

pub(super) type Flag<'a> = Ref<'a, Option<AccountData>>;

/// Exclusive guard of account data.
pub struct DataMut<'a>(pub(super) Exclusive<'a>);

pub(super) enum Exclusive<'a> {
    InPlace(RefMut<'a, [u8]>),
    /// A range across pages of a large account: written back when the guard is dropped.
    Pages {
        data: RefMut<'a, AccountData>,
        start: usize,
        bytes: Vec<u8>,
    },
}

/// Shared guard of a balance.
pub struct LamportsRef<'a> {
    pub(super) cell: &'a AccountCell<'a>,
    pub(super) value: u64,
}

/// Exclusive guard of a balance. What was written takes effect when the guard is dropped, and if that
/// breaks a rule, the instruction fails then.
pub struct LamportsMut<'a> {
    pub(super) info: AccountInfo<'a>,
    pub(super) value: u64,
}

impl Deref for DataRef<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Shared::Loaded(bytes, _) => bytes,
            Shared::Written(bytes) => bytes,
        }
    }
}

impl Deref for DataMut<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Exclusive::InPlace(bytes) => bytes,
            Exclusive::Pages { bytes, .. } => bytes,
        }
    }
}

impl DerefMut for DataMut<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Exclusive::InPlace(bytes) => bytes,
            Exclusive::Pages { bytes, .. } => bytes,
        }
    }
}

impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        if let Self::Pages { data, start, bytes } = self {
            data.write(*start, bytes);
        }
    }
}

impl Deref for LamportsRef<'_> {
    type Target = u64;
    fn deref(&self) -> &u64 {
        &self.value
    }
}

impl Drop for LamportsRef<'_> {
    fn drop(&mut self) {
        self.cell
            .lamports_guards
            .set(self.cell.lamports_guards.get() - 1);
    }
}

impl Deref for LamportsMut<'_> {
    type Target = u64;
    fn deref(&self) -> &u64 {
        &self.value
    }
}

impl DerefMut for LamportsMut<'_> {
    fn deref_mut(&mut self) -> &mut u64 {
        &mut self.value
    }
}

impl Drop for LamportsMut<'_> {
    fn drop(&mut self) {
        self.info.cell().lamports_guards.set(0);
        if let Err(error) = self.info.put_lamports(self.value) {
            self.info.frame.state.doom(error);
        }
    }
}
