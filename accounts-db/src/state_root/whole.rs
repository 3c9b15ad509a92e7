//! The trie of a whole state, whose accounts come in any order.

use super::StateTrie;
use super::changes::{StateChanges, is_large};
use sealane_sdk::light::AccountContents;
use sealane_sdk::{AccountState, Pubkey};

/// A state on its way into a trie. It takes 64 bytes an account, and gives them back part by part while the trie grows:
/// as one batch it would take three times as much at once.
#[derive(Default)]
pub struct WholeState(StateChanges);

impl WholeState {
    /// Of no accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an account, each once. One that does not exist is left out.
    pub fn add(&mut self, key: &Pubkey, state: &AccountState) {
        if is_large(state) {
            // It comes once, and is not kept until all are there.
            let contents = AccountContents::of(state);
            self.0
                .add_hash(key, contents.map(|contents| contents.hash()));
        } else {
            self.0.add(key, state);
        }
    }

    /// The trie of all that were added.
    pub fn into_trie(mut self) -> StateTrie {
        let mut trie = StateTrie::new();
        trie.apply_changes(&mut self.0);
        trie
    }
}
