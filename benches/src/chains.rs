//! The longest chain of conflicts in a serial order: how much of a workload cannot run side by side.

use sealane_sdk::Pubkey;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Follows a serial order and measures its longest chain.
///
/// Two transactions conflict when one writes an account that the other names. A transaction's depth is one
/// more than the deepest earlier transaction that it conflicts with.
#[derive(Default)]
pub struct ConflictChains {
    depths: HashMap<Pubkey, Depths, BuildHasherDefault<KeyHasher>>,
    longest: u64,
}

#[derive(Clone, Copy, Default)]
struct Depths {
    last_write: u64,
    deepest_read: u64,
}

/// Addresses are random already: eight of their bytes are their hash.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = self.0.rotate_left(23) ^ u64::from_le_bytes(*first);
        }
    }
}

impl ConflictChains {
    /// The next transaction of the order, by its accounts and whether it writes them.
    pub fn add(&mut self, accounts: &[(Pubkey, bool)]) {
        let mut depth = 0;
        for (key, write) in accounts {
            let before = self.depths.get(key).copied().unwrap_or_default();
            depth = depth.max(before.last_write);
            if *write {
                depth = depth.max(before.deepest_read);
            }
        }
        depth += 1;
        for (key, write) in accounts {
            let depths = self.depths.entry(*key).or_default();
            if *write {
                depths.last_write = depth;
            } else {
                depths.deepest_read = depths.deepest_read.max(depth);
            }
        }
        self.longest = self.longest.max(depth);
    }

    /// Transactions in the longest chain.
    pub fn longest(&self) -> u64 {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(transactions: &[&[(u8, bool)]], longest: u64) {
        let mut chains = ConflictChains::default();
        for accounts in transactions {
            let key = |&(key, write): &(u8, bool)| (Pubkey::new_from_array([key; 32]), write);
            chains.add(&accounts.iter().map(key).collect::<Vec<_>>());
        }
        assert_eq!(chains.longest(), longest, "{transactions:?}");
    }

    #[test]
    fn writers_form_chains_and_readers_do_not() {
        check(&[], 0);
        check(&[&[(1, true)], &[(2, true)]], 1);
        check(&[&[(1, true)], &[(1, true)], &[(1, true)]], 3);
        check(&[&[(1, false)], &[(1, false)], &[(1, false)]], 1);
        check(&[&[(1, false)], &[(1, false)], &[(1, true)]], 2);
        check(
            &[&[(1, true)], &[(1, false)], &[(1, false)], &[(1, true)]],
            3,
        );
        check(
            &[
                &[(1, true), (2, true)],
                &[(2, true), (3, true)],
                &[(3, false)],
            ],
            3,
        );
    }
}
