//! The trie and the newest headers: what readers prove things with.

use crate::Limits;
use crate::sync::{Arc, RwLock};
use sealane_accounts_db::{Accounts, ReadError, StateChanges, StateTrie, WholeState};
use sealane_sdk::Pubkey;
use sealane_sdk::light::{SlotHeader, TransactionLeaf, TransactionsRoot};
use solana_hash::Hash;
use solana_signature::Signature;
use std::collections::VecDeque;

/// A slot's header, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeader {
    /// It.
    pub header: SlotHeader,
    /// The identity's signature of its hash.
    pub signature: Signature,
}

/// A proof and the header that it is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenBytes {
    /// The header.
    pub signed: SignedHeader,
    /// The proof, for `AccountProof` or `TransactionProof` of the SDK.
    pub proof: Vec<u8>,
}

/// Why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoProof {
    /// This node makes no headers.
    #[error("this node keeps no state root")]
    Off,
    /// No such transaction is remembered.
    #[error("no such transaction is known")]
    Unknown,
    /// The transaction is in the ledger, and cannot be read.
    #[error("the transaction cannot be read from the ledger")]
    Unreadable,
    /// The slot has no header yet; it comes soon after the slot has ended.
    #[error("slot {slot} has no header yet")]
    NotYet {
        /// The slot.
        slot: u64,
    },
    /// What is needed to prove it is not kept any more.
    #[error("slot {slot} is too old to be proven")]
    TooOld {
        /// The slot.
        slot: u64,
    },
}

/// The trie as of the newest header, and the headers that are kept. Written by the header stage alone.
pub(crate) struct Headers {
    kept: RwLock<Kept>,
    headers_max: usize,
    tree_bytes_max: usize,
}

struct Kept {
    trie: StateTrie,
    /// One for each slot, in order.
    headers: VecDeque<SignedHeader>,
    /// The transactions' trees of the newest of them, in order.
    trees: VecDeque<Arc<TransactionsRoot>>,
    /// Transactions in the trees.
    transactions: usize,
}

impl Headers {
    /// Over what the database holds before anything executes.
    pub(crate) fn new(accounts: &Arc<Accounts>, limits: &Limits) -> Result<Self, ReadError> {
        let mut state = WholeState::new();
        let pin = accounts.pin().expect("nobody reads before the start");
        pin.all(&mut |key, account| state.add(key, account))?;
        let kept = Kept {
            trie: state.into_trie(),
            headers: VecDeque::new(),
            trees: VecDeque::new(),
            transactions: 0,
        };
        Ok(Self {
            kept: RwLock::new(kept),
            headers_max: limits.headers_max.max(1),
            tree_bytes_max: limits.transaction_trees_bytes_max,
        })
    }

    /// Headers that are kept.
    pub(crate) fn headers_max(&self) -> u64 {
        self.headers_max as u64
    }

    /// The root of all accounts.
    pub(crate) fn state_root(&self) -> Hash {
        let kept = self.kept.read().expect("no holder of this lock panics");
        kept.trie.root()
    }

    /// Ends a slot: takes over what it changed, of which nothing is left then, and keeps the header that `make` makes with
    /// the new root. Returns what else that returned.
    pub(crate) fn add<R>(
        &self,
        changes: &mut StateChanges,
        tree: Arc<TransactionsRoot>,
        make: impl FnOnce(Hash) -> (SignedHeader, R),
    ) -> R {
        // Large accounts are hashed before readers have to wait.
        changes.settle();
        let mut kept = self.kept.write().expect("no holder of this lock panics");
        let root = kept.trie.apply_changes(changes);
        let (header, result) = make(root);
        kept.headers.push_back(header);
        kept.transactions += tree.len();
        kept.trees.push_back(tree);
        while kept.headers.len() > self.headers_max {
            kept.headers.pop_front();
        }
        while kept.trees.len() > kept.headers.len() || kept.tree_bytes() > self.tree_bytes_max {
            let oldest = kept.trees.pop_front().expect("they have bytes");
            kept.transactions -= oldest.len();
        }
        result
    }

    /// Slots from `first` on are not any more: of what they wrote, `changes` say what was there before, when the root
    /// was `root_before`.
    pub(crate) fn go_back(&self, first: u64, changes: &mut StateChanges, root_before: Hash) {
        changes.settle();
        let mut kept = self.kept.write().expect("no holder of this lock panics");
        let root = kept.trie.apply_changes(changes);
        while let Some(newest) = kept.headers.back()
            && newest.header.slot >= first
        {
            kept.headers.pop_back();
            if let Some(tree) = kept.trees.pop_back() {
                kept.transactions -= tree.len();
            }
        }
        assert_eq!(
            root, root_before,
            "with all accounts as they were, the state root is what it was"
        );
    }

    /// The header of `slot`, or the newest.
    pub(crate) fn get(&self, slot: Option<u64>) -> Option<SignedHeader> {
        let kept = self.kept.read().expect("no holder of this lock panics");
        match slot {
            None => kept.headers.back().cloned(),
            Some(slot) => kept.find(slot).ok().map(|(header, _)| header.clone()),
        }
    }

    pub(crate) fn prove_account(&self, key: &Pubkey) -> Result<ProvenBytes, NoProof> {
        let kept = self.kept.read().expect("no holder of this lock panics");
        let newest = kept.headers.back().ok_or(NoProof::NotYet { slot: 0 })?;
        Ok(ProvenBytes {
            signed: newest.clone(),
            proof: kept.trie.prove(key),
        })
    }

    pub(crate) fn prove_transaction(
        &self,
        slot: u64,
        leaf: &TransactionLeaf,
    ) -> Result<ProvenBytes, NoProof> {
        let (signed, tree) = {
            let kept = self.kept.read().expect("no holder of this lock panics");
            let (header, tree) = kept.find(slot)?;
            let tree = tree.ok_or(NoProof::TooOld { slot })?;
            (header.clone(), tree.clone())
        };
        let proof = tree
            .prove(leaf)
            .expect("what a slot's entries hold is in its tree");
        Ok(ProvenBytes { signed, proof })
    }
}

impl Kept {
    fn tree_bytes(&self) -> usize {
        self.transactions * size_of::<Hash>()
    }

    /// The header of `slot`, and its transactions' tree if that is kept.
    fn find(&self, slot: u64) -> Result<(&SignedHeader, Option<&Arc<TransactionsRoot>>), NoProof> {
        let newest = self.headers.back().ok_or(NoProof::NotYet { slot })?;
        let before_newest = newest.header.slot.checked_sub(slot);
        let before_newest = before_newest.ok_or(NoProof::NotYet { slot })?;
        let place = |kept: usize| kept.checked_sub(1 + usize::try_from(before_newest).ok()?);
        let header = place(self.headers.len()).and_then(|place| self.headers.get(place));
        let header = header.ok_or(NoProof::TooOld { slot })?;
        let tree = place(self.trees.len()).and_then(|place| self.trees.get(place));
        Ok((header, tree))
    }
}
