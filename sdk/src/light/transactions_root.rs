//! The tree over a slot's charged transactions, as the node builds it.
//!
//! Leaves in the order of the block. Of each level neighbours are paired, a last one without a neighbour
//! goes up as it is, until one is left: the root. Nothing is repeated to fill a level, so a root and a
//! count belong to one list of leaves only.

use super::short::hash_each;
use super::{Domain, TransactionProof};
use crate::Hash;
use solana_signature::Signature;

/// The transactions' root of a slot without any.
pub const EMPTY_TRANSACTIONS_ROOT: Hash = Hash::new_from_array([0; 32]);

/// Leaves that are hashed together.
const TOGETHER: usize = 16;

/// Leaves below one branch of that height, 32 KiB: what is above them is hashed while the caches have them.
const BLOCK: usize = 1_024;

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
        let record_hash = self.record_hash.as_bytes();
        write_leaf(
            &mut bytes,
            &self.signature,
            self.index,
            self.failed,
            record_hash,
        );
        bytes
    }
}

/// Writes what is hashed over zeros, or over another one.
#[inline]
fn write_leaf(
    bytes: &mut [u8; 128],
    signature: &Signature,
    index: u64,
    failed: bool,
    record_hash: &[u8; 32],
) {
    bytes[..64].copy_from_slice(signature.as_array());
    // In one piece: of a single byte among others the compiler makes copies that wait for each other.
    let middle = u128::from(index) | u128::from(failed) << 64;
    bytes[64..80].copy_from_slice(&middle.to_le_bytes());
    bytes[96..].copy_from_slice(record_hash);
}

/// A charged transaction with its record, whose hash its leaf has.
#[derive(Clone, Copy, Debug)]
pub struct ExecutedTransaction<'a> {
    /// Its first signature.
    pub signature: &'a Signature,
    /// Its place among the slot's charged transactions, from 0.
    pub index: u64,
    /// Whether it failed (its fee was charged all the same).
    pub failed: bool,
    /// Its record.
    pub record: &'a [u8],
}

/// The tree of one slot: 32 bytes for each transaction, and 32 for each 1,024.
#[derive(Clone, Debug, Default)]
pub struct TransactionsRoot {
    /// Leaves, of which each block but the last has `BLOCK`.
    blocks: Vec<Vec<[u8; 32]>>,
    /// The hash above each full block.
    tops: Vec<[u8; 32]>,
}

impl TransactionsRoot {
    /// That of no transactions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Transactions in it.
    pub fn len(&self) -> usize {
        match self.blocks.split_last() {
            Some((last, full)) => full.len() * BLOCK + last.len(),
            None => 0,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends transactions; cheapest with many at once.
    pub fn extend(&mut self, leaves: impl IntoIterator<Item = TransactionLeaf>) {
        let mut leaves = leaves.into_iter();
        let mut inputs = [[0; 128]; TOGETHER];
        loop {
            let mut filled = 0;
            for (input, leaf) in inputs.iter_mut().zip(leaves.by_ref()) {
                *input = leaf.to_bytes();
                filled += 1;
            }
            self.append(&inputs[..filled]);
            if filled < TOGETHER {
                return;
            }
        }
    }

    /// Appends transactions by their records; cheapest with many at once.
    pub fn extend_executed<'a>(
        &mut self,
        transactions: impl IntoIterator<Item = ExecutedTransaction<'a>>,
    ) {
        let mut transactions = transactions.into_iter();
        let mut group = Vec::with_capacity(TOGETHER);
        let mut records: [&[u8]; TOGETHER] = [&[]; TOGETHER];
        let mut inputs = [[0; 128]; TOGETHER];
        loop {
            group.clear();
            group.extend(transactions.by_ref().take(TOGETHER));
            if group.is_empty() {
                return;
            }
            for (record, transaction) in records.iter_mut().zip(&group) {
                *record = transaction.record;
            }
            let hashes = hash_each(&records[..group.len()]);
            for (input, (transaction, hash)) in inputs.iter_mut().zip(group.iter().zip(&hashes)) {
                let ExecutedTransaction {
                    signature,
                    index,
                    failed,
                    ..
                } = *transaction;
                write_leaf(input, signature, index, failed, hash);
            }
            self.append(&inputs[..group.len()]);
        }
    }

    /// Appends leaves, at most `TOGETHER`.
    fn append(&mut self, inputs: &[[u8; 128]]) {
        let mut hashes = [[0; 32]; TOGETHER];
        let hashes = &mut hashes[..inputs.len()];
        Domain::TransactionLeaf.hash_many(inputs, hashes);
        let mut left = &*hashes;
        while !left.is_empty() {
            let last = self.last_with_room();
            let here;
            (here, left) = left.split_at(left.len().min(BLOCK - last.len()));
            last.extend_from_slice(here);
            if last.len() == BLOCK {
                let top = top_of(last);
                self.tops.push(top);
            }
        }
    }

    fn last_with_room(&mut self) -> &mut Vec<[u8; 32]> {
        // Each full one has its top.
        if self.blocks.len() == self.tops.len() {
            // Of most slots the first is the only one, and has few.
            let room = if self.tops.is_empty() { 0 } else { BLOCK };
            self.blocks.push(Vec::with_capacity(room));
        }
        self.blocks.last_mut().expect("there is one now")
    }

    /// The hash above each block. As a block has as many leaves as one branch of its height, this level of the tree
    /// is made of blocks, whatever the last one has.
    fn all_tops(&self) -> Vec<[u8; 32]> {
        let mut tops = self.tops.clone();
        tops.extend(self.blocks.get(tops.len()).map(|last| top_of(last)));
        tops
    }

    /// The root. Linear in the number of transactions / 1,024.
    pub fn root(&self) -> Hash {
        if self.is_empty() {
            return EMPTY_TRANSACTIONS_ROOT;
        }
        Hash::new_from_array(top_of(&self.all_tops()))
    }

    /// The bytes of a proof that this transaction is in the slot; `None` if it is not at its index.
    /// Linear in the number of transactions / 1,024.
    pub fn prove(&self, leaf: &TransactionLeaf) -> Option<Vec<u8>> {
        let at = usize::try_from(leaf.index).ok()?;
        let block = self.blocks.get(at / BLOCK)?;
        if *block.get(at % BLOCK)? != Domain::TransactionLeaf.hash(&leaf.to_bytes()).to_bytes() {
            return None;
        }
        let mut siblings = Vec::new();
        add_siblings(&mut siblings, block, at % BLOCK);
        add_siblings(&mut siblings, &self.all_tops(), at / BLOCK);
        Some(TransactionProof::encode(leaf, &siblings))
    }
}

/// Adds the neighbours on the way from `at` up to what is above all of a level, of which there is some.
fn add_siblings(siblings: &mut Vec<[u8; 32]>, level: &[[u8; 32]], mut at: usize) {
    let mut level = level.to_vec();
    while level.len() > 1 {
        siblings.extend(level.get(at ^ 1).copied());
        level = level_above(&level);
        at /= 2;
    }
}

/// What is above all of a level, of which there is some.
fn top_of(level: &[[u8; 32]]) -> [u8; 32] {
    let mut level = level;
    let mut above;
    while level.len() > 1 {
        above = level_above(level);
        level = &above;
    }
    level[0]
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
