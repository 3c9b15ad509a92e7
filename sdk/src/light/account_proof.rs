//! Proofs that an account exists with certain contents, or that it does not exist.
//!
//! The state's tree is a binary trie over hashed addresses (`account_path`) in which only branches with
//! two children stand: a leaf for each account, and above it a branch for each bit in which paths below
//! differ from each other. A branch's hash covers its children and that bit's number, its depth; a leaf's
//! covers its path and the contents. So from the root down, the bits of a path at the depths of the
//! branches lead to one leaf. If there is an account with that path at all, it is that leaf: every branch
//! above it is on its way. So to show that leaf is to show the account, or that it does not exist.

use super::{AccountContents, Domain, ProofError};
use crate::{Hash, Pubkey};

/// The state root when no account exists.
pub const EMPTY_STATE_ROOT: Hash = Hash::new_from_array([0; 32]);

const VERSION: u8 = 1;
const STEP_BYTES: usize = 33;
/// As many as a path has bits.
const STEPS_MAX: usize = 256;

/// An address's place in the state's tree. Its bits are counted from the highest of the first byte.
pub fn account_path(key: &Pubkey) -> [u8; 32] {
    Domain::AccountPath.hash_pair(key.as_array(), &[0; 32])
}

/// The leaf at which an address's way down the tree ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// None: no account exists at all.
    Nothing,
    /// The account's.
    Account {
        /// Hash of its contents.
        contents: [u8; 32],
    },
    /// Another account's: the one that was looked for does not exist.
    Other {
        /// Path of that one.
        path: [u8; 32],
        /// Hash of its contents.
        contents: [u8; 32],
    },
}

/// A branch on the way from the leaf to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The bit in which the paths below it differ.
    pub depth: u8,
    /// Hash of the child that is not on the way.
    pub sibling: [u8; 32],
}

/// A proof of what an account is at the end of a slot. Borrows the bytes that it came as.
///
/// They are: version (1: 1), what is found (1: 0 nothing, 1 the account, 2 another one), of another one
/// its path (32), of either the hash of its contents (32), then of each branch from the leaf to the root
/// its depth (1) and the hash of the other child (32). With a million accounts, some 700 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountProof<'a> {
    found: Found,
    steps: &'a [[u8; STEP_BYTES]],
}

impl<'a> AccountProof<'a> {
    /// Reads a proof. No other bytes are read as the same one.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, ProofError> {
        let (version, rest) = bytes.split_first().ok_or(ProofError::Length)?;
        if *version != VERSION {
            return Err(ProofError::Version);
        }
        let (kind, rest) = rest.split_first().ok_or(ProofError::Length)?;
        let (found, rest) = match kind {
            0 => (Found::Nothing, rest),
            1 => {
                let (contents, rest) = rest.split_first_chunk().ok_or(ProofError::Length)?;
                let contents = *contents;
                (Found::Account { contents }, rest)
            }
            2 => {
                let (path, rest) = rest.split_first_chunk().ok_or(ProofError::Length)?;
                let (contents, rest) = rest.split_first_chunk().ok_or(ProofError::Length)?;
                let (path, contents) = (*path, *contents);
                (Found::Other { path, contents }, rest)
            }
            _ => return Err(ProofError::Field),
        };
        let (steps, left_over) = rest.as_chunks::<STEP_BYTES>();
        if !left_over.is_empty() || steps.len() > STEPS_MAX {
            return Err(ProofError::Length);
        }
        if found == Found::Nothing && !steps.is_empty() {
            return Err(ProofError::Length);
        }
        if !steps.is_sorted_by(|below, above| below[0] > above[0]) {
            return Err(ProofError::Order);
        }
        Ok(Self { found, steps })
    }

    /// The bytes of a proof; its steps from the leaf to the root.
    pub fn encode(found: &Found, steps: impl Iterator<Item = Step>) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        match found {
            Found::Nothing => bytes.push(0),
            Found::Account { contents } => {
                bytes.push(1);
                bytes.extend_from_slice(contents);
            }
            Found::Other { path, contents } => {
                bytes.push(2);
                bytes.extend_from_slice(path);
                bytes.extend_from_slice(contents);
            }
        }
        for step in steps {
            bytes.push(step.depth);
            bytes.extend_from_slice(&step.sibling);
        }
        bytes
    }

    /// What the proof says of `key` in the state with this root: the hash of its contents
    /// (`AccountContents::hash`), or `None` if it does not exist. `Err`: it proves nothing of the kind.
    pub fn verify(&self, state_root: &Hash, key: &Pubkey) -> Result<Option<Hash>, ProofError> {
        let path = account_path(key);
        let (leaf, result) = match &self.found {
            Found::Nothing if *state_root == EMPTY_STATE_ROOT => return Ok(None),
            Found::Nothing => return Err(ProofError::WrongRoot),
            Found::Account { contents } => {
                let result = Some(Hash::new_from_array(*contents));
                (Domain::AccountLeaf.hash_pair(&path, contents), result)
            }
            Found::Other {
                path: other,
                contents,
            } => {
                let on_the_way =
                    |step: &[u8; STEP_BYTES]| bit(&path, step[0]) == bit(other, step[0]);
                if *other == path || !self.steps.iter().all(on_the_way) {
                    return Err(ProofError::WrongPlace);
                }
                (Domain::AccountLeaf.hash_pair(other, contents), None)
            }
        };
        let mut hash = leaf;
        for [depth, sibling @ ..] in self.steps {
            let domain = Domain::AccountBranch(*depth);
            hash = if bit(&path, *depth) {
                domain.hash_pair(sibling, &hash)
            } else {
                domain.hash_pair(&hash, sibling)
            };
        }
        if hash == state_root.to_bytes() {
            Ok(result)
        } else {
            Err(ProofError::WrongRoot)
        }
    }

    /// Whether the account is exactly this in the state with this root; `None`: does not exist.
    pub fn verify_contents(
        &self,
        state_root: &Hash,
        key: &Pubkey,
        expected: Option<&AccountContents>,
    ) -> Result<(), ProofError> {
        if self.verify(state_root, key)? == expected.map(AccountContents::hash) {
            Ok(())
        } else {
            Err(ProofError::WrongContents)
        }
    }
}

/// Whether a path goes right at a branch of this depth.
fn bit(path: &[u8; 32], depth: u8) -> bool {
    path[usize::from(depth / 8)] >> (7 - depth % 8) & 1 == 1
}
