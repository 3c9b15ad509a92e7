//! What accounts were when snapshots of a running chain were taken.
//!
//! Taking one copies nothing: from then on, the first time that an entry writes an account, what it was before
//! is noted. States are shared with the versions, so a note costs a place in a map. A journal is that of the
//! snapshot before it; what an account was at an older one is in the first journal from there on that has it.
//! The publisher writes it, and the schedule stage reads it while the chain is at rest.

use ahash::AHashMap;
use sealane_sdk::{AccountState, Pubkey};

/// The journals of all snapshots, oldest first.
#[derive(Default)]
pub(crate) struct Journals(Vec<Journal>);

struct Journal {
    snapshot: u64,
    before: AHashMap<Pubkey, AccountState>,
}

impl Journals {
    /// A snapshot is taken.
    pub(crate) fn begin(&mut self, snapshot: u64) {
        self.0.push(Journal {
            snapshot,
            before: AHashMap::new(),
        });
    }

    /// An entry wrote an account, which was this before; `None` if it did not exist.
    pub(crate) fn note(&mut self, key: &Pubkey, before: Option<&AccountState>) {
        if let Some(newest) = self.0.last_mut() {
            let known = newest.before.entry(*key);
            known.or_insert_with(|| before.cloned().unwrap_or_default());
        }
    }

    /// What each account that was written since was at a snapshot, in a fixed order.
    pub(crate) fn since(&self, snapshot: u64) -> Vec<(Pubkey, AccountState)> {
        let mut before = AHashMap::new();
        for journal in self.0.iter().filter(|it| it.snapshot >= snapshot) {
            for (key, state) in &journal.before {
                before.entry(*key).or_insert_with(|| state.clone());
            }
        }
        let mut before: Vec<_> = before.into_iter().collect();
        before.sort_unstable_by_key(|(key, _)| *key);
        before
    }

    /// A snapshot was gone back to: it and the later ones are over.
    pub(crate) fn forget_from(&mut self, snapshot: u64) {
        self.0.retain(|journal| journal.snapshot < snapshot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use std::collections::BTreeMap;

    /// Random writes, snapshots and ways back, against copies of everything.
    #[test]
    fn what_accounts_were_is_what_a_copy_of_all_of_them_says() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut accounts: BTreeMap<Pubkey, u64> = BTreeMap::new();
        let state = |lamports: u64| AccountState {
            lamports,
            ..AccountState::default()
        };
        let (mut journals, mut copies, mut next) = (Journals::default(), Vec::new(), 1);
        let mut went_back = 0;
        for _ in 0..20_000 {
            match rng.random_range(0..100) {
                0..2 if copies.len() < 5 => {
                    journals.begin(next);
                    copies.push((next, accounts.clone()));
                    next += 1;
                }
                2 if !copies.is_empty() => {
                    let at = rng.random_range(0..copies.len());
                    let (snapshot, copy): (u64, BTreeMap<Pubkey, u64>) = copies[at].clone();
                    copies.truncate(at);
                    for (key, before) in journals.since(snapshot) {
                        match before.lamports {
                            0 => accounts.remove(&key),
                            lamports => accounts.insert(key, lamports),
                        };
                    }
                    journals.forget_from(snapshot);
                    assert_eq!(accounts, copy);
                    went_back += 1;
                }
                _ => {
                    let key = Pubkey::new_from_array([rng.random_range(0..40); 32]);
                    let before = accounts.get(&key).map(|lamports| state(*lamports));
                    journals.note(&key, before.as_ref());
                    match rng.random_range(0..4) {
                        0 => accounts.remove(&key),
                        lamports => accounts.insert(key, lamports),
                    };
                }
            }
        }
        assert!(went_back > 100, "{went_back}");
    }
}
