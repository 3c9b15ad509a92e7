//! Proofs that a transaction is in a slot.

use super::{Domain, ProofError, TransactionLeaf};
use crate::Hash;
use solana_signature::Signature;

const VERSION: u8 = 1;
/// Version, failed, index, hash of the record.
const HEAD_BYTES: usize = 1 + 1 + 8 + 32;
/// A tree of 2^64 leaves is this high.
const SIBLINGS_MAX: usize = 64;

/// A proof that a transaction is in a slot. Borrows the bytes that it came as.
///
/// They are: version (1: 1), failed (1: 0 or 1), index (8, little-endian), hash of the record (32), and
/// the hashes (32 each) of the neighbours on the way from the leaf to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionProof<'a> {
    proven: ProvenTransaction,
    siblings: &'a [[u8; 32]],
}

/// What a proof says of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvenTransaction {
    /// Its place among the slot's charged transactions, from 0.
    pub index: u64,
    /// Whether it failed.
    pub failed: bool,
    /// Plain BLAKE3 of its record.
    pub record_hash: Hash,
}

impl<'a> TransactionProof<'a> {
    /// Reads a proof. No other bytes are read as the same one.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, ProofError> {
        let (head, rest) = bytes
            .split_first_chunk::<HEAD_BYTES>()
            .ok_or(ProofError::Length)?;
        let [version, failed, rest_of_head @ ..] = head;
        if *version != VERSION {
            return Err(ProofError::Version);
        }
        let failed = match failed {
            0 => false,
            1 => true,
            _ => return Err(ProofError::Field),
        };
        let (mut index, mut record_hash) = ([0; 8], [0; 32]);
        index.copy_from_slice(&rest_of_head[..8]);
        record_hash.copy_from_slice(&rest_of_head[8..]);
        let (siblings, left_over) = rest.as_chunks::<32>();
        if !left_over.is_empty() || siblings.len() > SIBLINGS_MAX {
            return Err(ProofError::Length);
        }
        let proven = ProvenTransaction {
            index: u64::from_le_bytes(index),
            failed,
            record_hash: Hash::new_from_array(record_hash),
        };
        Ok(Self { proven, siblings })
    }

    pub(super) fn encode(leaf: &TransactionLeaf, siblings: &[[u8; 32]]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + 32 * siblings.len());
        bytes.extend_from_slice(&[VERSION, leaf.failed.into()]);
        bytes.extend_from_slice(&leaf.index.to_le_bytes());
        bytes.extend_from_slice(leaf.record_hash.as_bytes());
        bytes.extend_from_slice(siblings.as_flattened());
        bytes
    }

    /// What the proof says of the transaction with this first signature in a slot whose header has this
    /// root and count. `Err`: it proves nothing of the kind.
    pub fn verify(
        &self,
        transactions_root: &Hash,
        transaction_count: u64,
        signature: &Signature,
    ) -> Result<ProvenTransaction, ProofError> {
        let ProvenTransaction {
            index,
            failed,
            record_hash,
        } = self.proven;
        if index >= transaction_count {
            return Err(ProofError::WrongPlace);
        }
        let leaf = TransactionLeaf {
            signature: *signature,
            index,
            failed,
            record_hash,
        };
        let mut hash = Domain::TransactionLeaf.hash(&leaf.to_bytes()).to_bytes();
        let (mut at, mut last) = (index, transaction_count - 1);
        let mut siblings = self.siblings.iter();
        while last > 0 {
            // A last one without a neighbour goes up as it is.
            if at % 2 == 1 || at < last {
                let sibling = siblings.next().ok_or(ProofError::Length)?;
                hash = if at % 2 == 1 {
                    Domain::TransactionBranch.hash_pair(sibling, &hash)
                } else {
                    Domain::TransactionBranch.hash_pair(&hash, sibling)
                };
            }
            (at, last) = (at / 2, last / 2);
        }
        if siblings.next().is_some() {
            return Err(ProofError::Length);
        }
        if hash == transactions_root.to_bytes() {
            Ok(self.proven)
        } else {
            Err(ProofError::WrongRoot)
        }
    }
}
