//! The state root: one hash over all accounts, that does not depend on history, with proofs.
//!
//! A path-compressed binary Merkle trie over hashed addresses (`sealane_sdk::light` says what is hashed
//! and why its proofs hold). An account takes a leaf of 64 bytes and, but for the first, a branch of 44:
//! path and contents' hash are kept, a leaf's own hash is made anew when its branch changes.
//!
//! Changes are gathered and hashed while a slot goes on (`changes`), sorted by path when it ends, a part at a time
//! (`order`), and taken over. They are parted at the branches until a group of them is small enough for the caches; a
//! group is walked down together, and the branches above its changes are hashed from the deepest up, those of one depth 16 at a time, each once. Where all accounts of a group are there already and stay,
//! which is most often so, that walk is all (`existing`); otherwise the shape changes too (`update`). The cost of a batch
//! grows with the accounts in it, not with those that exist, and a batch that changes nothing is free.
//!
//! This module knows nothing of versions, slots or threads: one owner changes the trie, and whoever may
//! read it meanwhile is the owner's affair.

mod arena;
mod changes;
mod existing;
mod hash;
mod node;
mod order;
mod update;
mod whole;

pub use changes::StateChanges;
pub use whole::WholeState;

use ahash::AHashMap;
use arena::Arena;
use existing::Walk;
use node::{Branch, Kind, Leaf, NodeRef, Path, bit};
use order::Sorting;
use sealane_sdk::light::{AccountProof, EMPTY_STATE_ROOT, Found, Step, account_path};
use sealane_sdk::{Hash, Pubkey};
use update::Change;

/// Fewer changes than that are not taken over by themselves, if there are more.
const TAKEN_OVER_MIN: usize = 2_048;

/// The trie over all accounts.
pub struct StateTrie {
    leaves: Arena<Leaf>,
    branches: Arena<Branch>,
    top: Option<NodeRef>,
    root: Hash,
    /// Branches whose hash is to be made, by depth.
    dirty: Vec<Vec<u32>>,
    /// Kept, as to clear it anew for each group would cost a twentieth. Away while it is in use.
    walk: Option<Box<Walk>>,
}

impl Default for StateTrie {
    fn default() -> Self {
        Self::new()
    }
}

impl StateTrie {
    /// That of no accounts.
    pub fn new() -> Self {
        Self {
            leaves: Arena::new(),
            branches: Arena::new(),
            top: None,
            root: EMPTY_STATE_ROOT,
            dirty: vec![Vec::new(); 256],
            walk: Some(Box::new(Walk::new())),
        }
    }

    /// The root: the same for the same accounts, however they came about.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Accounts in it.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that its nodes take.
    pub fn memory_bytes(&self) -> usize {
        self.leaves.memory_bytes() + self.branches.memory_bytes()
    }

    /// Takes over what changed: the hash of an account's contents (`AccountContents::hash`), or `None`
    /// where it does not exist any more. The last change of a key counts. Returns the new root.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = (Pubkey, Option<Hash>)>) -> Hash {
        let mut gathered = StateChanges::new();
        for (key, contents) in changes {
            gathered.add_hash(&key, contents);
        }
        self.apply_changes(&mut gathered)
    }

    /// The same of changes that were gathered before, of which nothing is left. Their memory is given back part by part.
    pub fn apply_changes(&mut self, changes: &mut StateChanges) -> Hash {
        changes.settle();
        let settled = std::mem::take(&mut changes.settled);
        let mut sorting = Sorting::default();
        let mut sorted = Vec::new();
        let parts = changes.parts.iter_mut();
        for part in parts.filter(|part| !part.is_empty()) {
            sorting.append(&std::mem::take(part), &mut sorted);
            if sorted.len() >= TAKEN_OVER_MIN {
                self.take_over(&mut sorted, &settled);
            }
        }
        self.take_over(&mut sorted, &settled);
        self.root
    }

    /// Leaves none of them.
    fn take_over(&mut self, sorted: &mut Vec<Change>, settled: &AHashMap<Path, [u8; 32]>) {
        if !settled.is_empty() {
            for change in &mut *sorted {
                if change.contents == Change::LATER {
                    change.contents = settled[&change.path];
                }
            }
        }
        self.apply_sorted(sorted);
        sorted.clear();
    }

    /// The bytes of a proof (`AccountProof`) of what `key` is in the state with this root.
    pub fn prove(&self, key: &Pubkey) -> Vec<u8> {
        let path = account_path(key);
        let Some(mut at) = self.top else {
            return AccountProof::encode(&Found::Nothing, std::iter::empty());
        };
        let mut steps = Vec::new();
        let leaf = loop {
            match at.kind() {
                Kind::Leaf(leaf) => break self.leaves.get(leaf),
                Kind::Branch(branch) => {
                    let branch = self.branches.get(branch);
                    let right = usize::from(bit(&path, branch.depth()));
                    at = branch.children[right];
                    steps.push(Step {
                        depth: branch.depth,
                        sibling: self.hash_of(branch.children[1 - right]),
                    });
                }
            }
        };
        let contents = leaf.contents;
        let found = if leaf.path == path {
            Found::Account { contents }
        } else {
            let path = leaf.path;
            Found::Other { path, contents }
        };
        AccountProof::encode(&found, steps.into_iter().rev())
    }
}
