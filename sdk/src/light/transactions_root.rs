//! The tree over a slot's charged transactions, as the node builds it.
//!
//! Leaves in the order of the block. Of each level neighbours are paired, a last one without a neighbour
//! goes up as it is, until one is left: the root. Nothing is repeated to fill a level, so a root and a
//! count belong to one list of leaves only.

use super::{Domain, TransactionProof};
use crate::Hash;
use solana_signature::Signature;

/// The transactions' root of a slot without any.
pub const EMPTY_TRANSACTIONS_ROOT: Hash = Hash::new_from_array([0; 32]);

/// Leaves that are hashed together.
const TOGETHER: usize = 16;

/// What a slot's header says of one of its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionLeaf {
    /// Its first signature.
    pub signature: Signature,
    /// Its place among the slot's charged transactions, from 0.
    pub index: u64,
    /// Whether it failed (its fee was charged all the same).
    pub failed: bool,
    /// Plain BLAKE3 of its record: fee, compute units, balances, logs, error.
    pub record_hash: Hash,
}

impl TransactionLeaf {
    /// That of a transaction with this record.
    pub fn new(signature: Signature, index: u64, failed: bool, record: &[u8]) -> Self {
        Self {
            signature,
            index,
            failed,
            record_hash: Hash::new_from_array(*blake3::hash(record).as_bytes()),
        }
    }

    /// What is hashed: signature (64), index (8, little-endian), failed (1: 0 or 1), zeros (23), hash of
    /// the record (32).
    #[inline]
    pub fn to_bytes(&self) -> [u8; 128] {
        let mut bytes = [0; 128];
        bytes[..64].copy_from_slice(self.signature.as_array());
        bytes[64..72].copy_from_slice(&self.index.to_le_bytes());
        bytes[72] = self.failed.into();
        bytes[96..].copy_from_slice(self.record_hash.as_bytes());
        bytes
    }
}

/// The tree of one slot: 32 bytes for each transaction.
#[derive(Clone, Debug, Default)]
pub struct TransactionsRoot {
    leaves: Vec<[u8; 32]>,
}

impl TransactionsRoot {
    /// That of no transactions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Transactions in it.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Appends transactions; cheapest with many at once.
    pub fn extend(&mut self, leaves: impl IntoIterator<Item = TransactionLeaf>) {
        let mut leaves = leaves.into_iter();
        loop {
            let mut inputs = [[0; 128]; TOGETHER];
            let mut filled = 0;
            for (input, leaf) in inputs.iter_mut().zip(leaves.by_ref()) {
                *input = leaf.to_bytes();
                filled += 1;
            }
            let at = self.leaves.len();
            self.leaves.resize(at + filled, [0; 32]);
            Domain::TransactionLeaf.hash_many(&inputs[..filled], &mut self.leaves[at..]);
            if filled < TOGETHER {
                return;
            }
        }
    }

    /// The root. Linear in the number of transactions: once per slot.
    pub fn root(&self) -> Hash {
        if self.leaves.is_empty() {
            return EMPTY_TRANSACTIONS_ROOT;
        }
        let mut level = self.leaves.clone();
        while level.len() > 1 {
            level = level_above(&level);
        }
        Hash::new_from_array(level[0])
    }

    /// The bytes of a proof that this transaction is in the slot; `None` if it is not at its index.
    /// Linear in the number of transactions.
    pub fn prove(&self, leaf: &TransactionLeaf) -> Option<Vec<u8>> {
        let mut at = usize::try_from(leaf.index).ok()?;
        if *self.leaves.get(at)? != Domain::TransactionLeaf.hash(&leaf.to_bytes()).to_bytes() {
            return None;
        }
        let mut siblings = Vec::new();
        let mut level = self.leaves.clone();
        while level.len() > 1 {
            siblings.extend(level.get(at ^ 1).copied());
            level = level_above(&level);
            at /= 2;
        }
        Some(TransactionProof::encode(leaf, &siblings))
    }
}

fn level_above(level: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let (pairs, last) = level.as_flattened().as_chunks::<64>();
    let mut above = vec![[0; 32]; pairs.len()];
    Domain::TransactionBranch.hash_many(pairs, &mut above);
    if !last.is_empty() {
        above.extend(level.last());
    }
    above
}
