//! The trie of a whole state, whose accounts come in any order.

use super::StateTrie;
use super::batch::StateChanges;
use super::update::Change;
use sealane_sdk::{AccountState, Pubkey};

/// Accounts that are hashed at a time.
const TOGETHER: usize = 4_096;

/// A state on its way into a trie. It takes 64 bytes an account, and gives them back part by part while the trie grows:
/// as one batch it would take three times as much at once.
pub struct WholeState {
    /// By the first byte of the path.
    parts: Vec<Vec<Change>>,
    gathered: Vec<(Pubkey, AccountState)>,
}

impl WholeState {
    /// Of about so many accounts.
    pub fn with_room_for(accounts: usize) -> Self {
        let parts = 1 << u8::BITS;
        // Hashes are spread evenly, give or take: what is fuller grows.
        let each = accounts / parts;
        Self {
            parts: (0..parts)
                .map(|_| Vec::with_capacity(each + each / 8 + 8))
                .collect(),
            gathered: Vec::with_capacity(TOGETHER),
        }
    }

    /// Adds an account, each once. One that does not exist is left out.
    pub fn add(&mut self, key: &Pubkey, state: &AccountState) {
        self.gathered.push((*key, state.clone()));
        if self.gathered.len() == TOGETHER {
            self.hash_gathered();
        }
    }

    /// The trie of all that were added.
    pub fn into_trie(mut self) -> StateTrie {
        self.hash_gathered();
        let mut trie = StateTrie::new();
        for mut part in self.parts {
            part.sort_unstable_by_key(|change| change.path);
            trie.apply_sorted(&part);
        }
        trie
    }

    fn hash_gathered(&mut self) {
        let changes = StateChanges::of_states(std::slice::from_ref(&self.gathered));
        self.gathered.clear();
        for change in changes.0 {
            self.parts[usize::from(change.path[0])].push(change);
        }
    }
}
