//! Cost limits: cost units of a slot, and of the write locks on one account within a slot.
//!
//! Costs are declared, never measured, so a replay takes the same decisions. A new slot costs nothing:
//! an account's counter carries the number of the slot that it counts for. A limit that is off costs
//! neither memory nor time.

use crate::types::{Access, AccountIndex, InsertError};

/// Cost units of the write locks granted on one account in slot `slot`.
#[derive(Clone, Copy, Default)]
struct AccountCost {
    slot: u64,
    cost_units: u64,
}

/// The counters of the open slot.
#[derive(Clone)]
pub(crate) struct CostLimits {
    account_cost_max: Option<u64>,
    slot_cost_max: Option<u64>,
    /// Counts the slots; 0 is never open, so that a fresh counter is an old one.
    slot: u64,
    slot_cost_units: u64,
    accounts: Vec<AccountCost>,
}

impl CostLimits {
    pub(crate) fn new(account_cost_max: Option<u64>, slot_cost_max: Option<u64>) -> Self {
        Self {
            account_cost_max,
            slot_cost_max,
            slot: 1,
            slot_cost_units: 0,
            accounts: Vec::new(),
        }
    }

    /// All counters start again.
    pub(crate) fn start_slot(&mut self) {
        self.slot += 1;
        self.slot_cost_units = 0;
    }

    /// Makes room for accounts below `count`.
    pub(crate) fn grow(&mut self, count: usize) {
        if self.account_cost_max.is_some() && count > self.accounts.len() {
            self.accounts.resize(count, AccountCost::default());
        }
    }

    /// Counts a task, or says which limit it would exceed and counts nothing. `grow` has covered its
    /// accounts.
    #[inline]
    pub(crate) fn charge(&mut self, accesses: &[Access], cost: u64) -> Result<(), InsertError> {
        let slot_cost_units = self.slot_cost_units.saturating_add(cost);
        if self
            .slot_cost_max
            .is_some_and(|limit| slot_cost_units > limit)
        {
            return Err(InsertError::SlotCost);
        }
        if let Some(limit) = self.account_cost_max {
            self.charge_accounts(accesses, cost, limit)?;
        }
        self.slot_cost_units = slot_cost_units;
        Ok(())
    }

    /// Forgets what was counted for an account.
    pub(crate) fn forget(&mut self, account: AccountIndex) {
        if let Some(counter) = self.accounts.get_mut(account as usize) {
            *counter = AccountCost::default();
        }
    }

    fn charge_accounts(
        &mut self,
        accesses: &[Access],
        cost: u64,
        limit: u64,
    ) -> Result<(), InsertError> {
        for access in accesses.iter().filter(|access| access.write) {
            let counter = &mut self.accounts[access.account as usize];
            if counter.slot != self.slot {
                *counter = AccountCost {
                    slot: self.slot,
                    cost_units: 0,
                };
            }
            if counter.cost_units.saturating_add(cost) > limit {
                return Err(InsertError::AccountCost(access.account));
            }
        }
        for access in accesses.iter().filter(|access| access.write) {
            let counter = &mut self.accounts[access.account as usize];
            counter.cost_units = counter.cost_units.saturating_add(cost);
        }
        Ok(())
    }
}
