//! The whole state, in an order that does not depend on how it came about: its hash, its dump, its
//! differences.

use sealane_sdk::{AccountState, Pubkey};
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::fmt;
use std::io::{self, Write};

/// All accounts, sorted by address.
#[derive(Clone, PartialEq, Eq)]
pub struct SortedState(Vec<(Pubkey, AccountState)>);

/// A SHA-256, shown in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateHash([u8; 32]);

impl SortedState {
    /// Sorts `accounts` and leaves out those that do not exist.
    pub fn new(mut accounts: Vec<(Pubkey, AccountState)>) -> Self {
        accounts.retain(|(_, state)| !state.is_absent());
        accounts.sort_unstable_by(|(a, _), (b, _)| a.as_array().cmp(b.as_array()));
        Self(accounts)
    }

    /// SHA-256 over address, lamports (little-endian), owner and SHA-256 of the data of every account, in
    /// the order of addresses. It owes nothing to any root that the runtime keeps.
    pub fn hash(&self) -> StateHash {
        let mut hash = Sha256::new();
        for (key, state) in &self.0 {
            hash.update(key);
            hash.update(state.lamports.to_le_bytes());
            hash.update(state.owner);
            hash.update(Sha256::digest(state.data.as_slice()));
        }
        StateHash(hash.finalize().into())
    }

    /// Writes a line for every account: address, lamports, owner, SHA-256 of the data.
    pub fn dump(&self, out: &mut impl Write) -> io::Result<()> {
        for (key, state) in &self.0 {
            let data = StateHash(Sha256::digest(state.data.as_slice()).into());
            writeln!(out, "{key} {} {} {data}", state.lamports, state.owner)?;
        }
        Ok(())
    }

    /// The accounts in which `self` and `other` differ, in any field, and how many they are; the first
    /// `shown` of them.
    pub fn differences(&self, other: &Self, shown: usize) -> (usize, Vec<Pubkey>) {
        let (mut ours, mut theirs) = (self.0.as_slice(), other.0.as_slice());
        let (mut count, mut first) = (0, Vec::new());
        loop {
            let order = match (ours.first(), theirs.first()) {
                (Some(a), Some(b)) => a.0.as_array().cmp(b.0.as_array()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return (count, first),
            };
            let key = if order == Ordering::Greater {
                theirs[0].0
            } else {
                ours[0].0
            };
            if order != Ordering::Equal || ours[0].1 != theirs[0].1 {
                count += 1;
                if first.len() < shown {
                    first.push(key);
                }
            }
            ours = &ours[usize::from(order != Ordering::Greater)..];
            theirs = &theirs[usize::from(order != Ordering::Less)..];
        }
    }
}

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(key: u8, lamports: u64) -> (Pubkey, AccountState) {
        (
            Pubkey::new_from_array([key; 32]),
            AccountState {
                lamports,
                ..AccountState::default()
            },
        )
    }

    #[test]
    fn the_hash_does_not_depend_on_the_order_of_accounts_but_on_each_of_them() {
        let hash = |accounts: &[_]| SortedState::new(accounts.to_vec()).hash();
        let one = hash(&[account(1, 5), account(2, 6)]);
        assert_eq!(one, hash(&[account(2, 6), account(1, 5), account(3, 0)]));
        assert_ne!(one, hash(&[account(1, 6), account(2, 5)]));
        assert_ne!(one, hash(&[account(1, 5)]));
    }

    #[test]
    fn differences_are_found_on_either_side_and_in_common_accounts() {
        let ours = SortedState::new(vec![account(1, 5), account(2, 6), account(4, 1)]);
        let theirs = SortedState::new(vec![account(2, 7), account(3, 9), account(4, 1)]);
        let keys = [1, 2, 3].map(|key| account(key, 0).0);
        assert_eq!(ours.differences(&theirs, 10), (3, keys.to_vec()));
        assert_eq!(ours.differences(&theirs, 1), (3, keys[..1].to_vec()));
        assert_eq!(ours.differences(&ours, 10), (0, vec![]));
    }
}
