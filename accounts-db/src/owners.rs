//! Which accounts a program owns: what getProgramAccounts asks.
//!
//! The index has every account of which some version that a reader can still reach is owned by the
//! program: an owner is added before the version becomes visible, and taken out when no pin is older
//! than the version that ended it. So what a reader finds is a superset for its pin, and the version at its
//! pin decides. An account can come and go several times within the reach of pins: hence the counts.
//! Accounts of the System program are not indexed.

use crate::{AccountIndex, AccountState, Pubkey};
use ahash::AHashMap;

/// Owner to accounts.
#[derive(Default)]
pub(crate) struct OwnerIndex(AHashMap<Pubkey, AHashMap<AccountIndex, u32>>);

impl OwnerIndex {
    pub(crate) fn add(&mut self, owner: &Pubkey, account: AccountIndex) {
        *self
            .0
            .entry(*owner)
            .or_default()
            .entry(account)
            .or_default() += 1;
    }

    pub(crate) fn remove(&mut self, owner: &Pubkey, account: AccountIndex) {
        let accounts = self
            .0
            .get_mut(owner)
            .expect("an owner is added before it is removed");
        let count = accounts
            .get_mut(&account)
            .expect("an account is added before it is removed");
        *count -= 1;
        if *count == 0 {
            accounts.remove(&account);
            if accounts.is_empty() {
                self.0.remove(owner);
            }
        }
    }

    /// Accounts that may be `owner`'s.
    pub(crate) fn candidates(&self, owner: &Pubkey) -> Vec<AccountIndex> {
        self.0
            .get(owner)
            .map(|accounts| accounts.keys().copied().collect())
            .unwrap_or_default()
    }
}

/// The System program's address: 32 zero bytes.
pub(crate) const SYSTEM_PROGRAM: Pubkey = Pubkey::new_from_array([0; 32]);

/// The owner under which an account is indexed: none if it does not exist or is the System program's.
pub(crate) fn indexed_owner(state: Option<&AccountState>) -> Option<&Pubkey> {
    let state = state.filter(|state| !state.is_absent())?;
    Some(&state.owner).filter(|owner| **owner != SYSTEM_PROGRAM)
}
