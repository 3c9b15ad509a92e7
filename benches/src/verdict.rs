//! Whether a run left what a one-thread serial run of its recorded order leaves: every account, every
//! result.

use crate::chains::ConflictChains;
use crate::state::{SortedState, StateHash};
use sealane_runtime::{Counters, Order, RuntimeConfig};

/// Accounts that are named; the rest are counted.
const NAMED_MAX: usize = 5;

/// What came of the comparison.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Hash of the state that the run left.
    pub state_hash: StateHash,
    /// Hash of the state that the serial run left.
    pub serial_state_hash: StateHash,
    /// Transactions in the longest chain of conflicts of the recorded order.
    pub longest_chain: u64,
    /// What differs, in words; empty if nothing does. Not every account that differs has a line.
    pub differences: Vec<String>,
}

impl Verdict {
    /// Runs the recorded order serially and compares. `state` and `counters` are what the run left.
    pub fn reach(
        config: &RuntimeConfig,
        order: &Order,
        state: &SortedState,
        counters: &Counters,
    ) -> Self {
        let serial = order.run_serially(config);
        let mut differences: Vec<String> = Vec::new();
        for difference in &serial.differences {
            differences.push(format!(
                "result {}: {}",
                difference.sequence, difference.what
            ));
        }
        for (what, ours, theirs) in [
            ("visible", counters.visible, serial.charged),
            ("dropped", counters.dropped, serial.dropped),
        ] {
            if ours != theirs {
                differences.push(format!("{ours} transactions are {what}, serially {theirs}"));
            }
        }
        let serial_state = SortedState::new(serial.accounts.into_iter().collect());
        let (count, first) = state.differences(&serial_state, NAMED_MAX);
        if count > 0 {
            differences.push(format!("{count} accounts, among them {first:?}"));
        }
        let (state_hash, serial_state_hash) = (state.hash(), serial_state.hash());
        if count == 0 && state_hash != serial_state_hash {
            differences.push("the hashes of equal states".into());
        }
        Self {
            state_hash,
            serial_state_hash,
            longest_chain: longest_chain(order),
            differences,
        }
    }

    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.state_hash == self.serial_state_hash
    }
}

fn longest_chain(order: &Order) -> u64 {
    let mut chains = ConflictChains::default();
    let mut accounts = Vec::new();
    for transaction in order.transactions() {
        accounts.clear();
        let count = transaction.account_count();
        accounts.extend((0..count).map(|i| (*transaction.key(i), transaction.is_writable(i))));
        chains.add(&accounts);
    }
    chains.longest()
}
