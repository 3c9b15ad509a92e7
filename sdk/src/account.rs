//! The value of one account.

use crate::{AccountData, Pubkey};

/// The state of one account, as a transaction leaves it for the next.
///
/// An account with no lamports does not exist: its state is the default one (`is_absent`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    /// Balance in lamports.
    pub lamports: u64,
    /// The program that may change the data and take lamports.
    pub owner: Pubkey,
    /// Whether the account holds a program.
    pub executable: bool,
    /// The bytes.
    pub data: AccountData,
}

impl AccountState {
    /// Whether the account does not exist.
    pub fn is_absent(&self) -> bool {
        self.lamports == 0
    }
}
