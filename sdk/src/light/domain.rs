//! What is hashed, so that no hash of one kind of thing is ever a hash of another.
//!
//! Every hash here is BLAKE3 with a key, and the key names the kind: the kind's name in ASCII, zeros up
//! to byte 30, and in byte 31 a branch's depth. So a branch's input is its two children and nothing else,
//! 64 bytes, one compression.

use crate::Hash;
use blake3::IncrementCounter;
use blake3::platform::{MAX_SIMD_DEGREE, Platform};

/// A kind of thing that is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Domain {
    /// An address, to find its place in the state's tree: the address and 32 zeros.
    AccountPath,
    /// An account but for its address (`AccountContents`).
    AccountContents,
    /// A leaf of the state's tree: path and contents.
    AccountLeaf,
    /// A branch of the state's tree: its children; by the bit of the path in which they differ.
    AccountBranch(u8),
    /// A leaf of the transactions' tree (`TransactionLeaf`).
    TransactionLeaf,
    /// A branch of the transactions' tree: its children.
    TransactionBranch,
    /// A slot's header.
    Header,
}

const KEYED_HASH: u8 = 1 << 4;
const CHUNK_START: u8 = 1 << 0;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;

impl Domain {
    /// The key of its hashes.
    pub const fn key(self) -> [u8; 32] {
        let (name, last): (&[u8], u8) = match self {
            Self::AccountPath => (b"sealane account path", 0),
            Self::AccountContents => (b"sealane account contents", 0),
            Self::AccountLeaf => (b"sealane account leaf", 0),
            Self::AccountBranch(depth) => (b"sealane account branch", depth),
            Self::TransactionLeaf => (b"sealane transaction leaf", 0),
            Self::TransactionBranch => (b"sealane transaction branch", 0),
            Self::Header => (b"sealane header", 0),
        };
        let mut key = [0; 32];
        let mut at = 0;
        while at < name.len() {
            key[at] = name[at];
            at += 1;
        }
        key[31] = last;
        key
    }

    /// Hash of some bytes.
    #[inline]
    pub fn hash(self, bytes: &[u8]) -> Hash {
        Hash::new_from_array(*blake3::keyed_hash(&self.key(), bytes).as_bytes())
    }

    /// Hash of two hashes.
    #[inline]
    pub fn hash_pair(self, left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
        let mut pair = [0; 64];
        pair[..32].copy_from_slice(left);
        pair[32..].copy_from_slice(right);
        *blake3::keyed_hash(&self.key(), &pair).as_bytes()
    }

    /// Hashes of many inputs of one length, as `hash` gives them, up to 16 at a time side by side on the
    /// vector units that the machine has.
    ///
    /// # Panics
    /// Unless there is room in `hashes` for exactly as many, and the length is a multiple of 64 of at most
    /// 1,024 (which the compiler checks).
    pub fn hash_many<const N: usize>(self, inputs: &[[u8; N]], hashes: &mut [[u8; 32]]) {
        const { assert!(N > 0 && N.is_multiple_of(64) && N <= 1024) };
        assert_eq!(inputs.len(), hashes.len(), "one hash for each input");
        let key = self.key();
        let words: [u32; 8] = core::array::from_fn(|i| {
            u32::from_le_bytes([key[4 * i], key[4 * i + 1], key[4 * i + 2], key[4 * i + 3]])
        });
        let platform = Platform::detect();
        let chunks = inputs.chunks(MAX_SIMD_DEGREE);
        for (inputs, hashes) in chunks.zip(hashes.chunks_mut(MAX_SIMD_DEGREE)) {
            // The places beyond the last input repeat it, and are cut off.
            let all: [&[u8; N]; MAX_SIMD_DEGREE] =
                core::array::from_fn(|i| &inputs[i.min(inputs.len() - 1)]);
            let hash = |count: usize, hashes: &mut [[u8; 32]]| {
                platform.hash_many(
                    &all[..count],
                    &words,
                    0,
                    IncrementCounter::No,
                    KEYED_HASH,
                    CHUNK_START,
                    CHUNK_END | ROOT,
                    hashes.as_flattened_mut(),
                );
            };
            // Otherwise fifteen are eight, four, two and one, one after the other, each in nearly as much time as sixteen.
            let count = match inputs.len() {
                3 => 4,
                7 => 8,
                11..=15 => 16,
                count => count,
            };
            if count == inputs.len() {
                hash(count, hashes);
            } else {
                let mut padded = [[0; 32]; MAX_SIMD_DEGREE];
                hash(count, &mut padded);
                hashes.copy_from_slice(&padded[..hashes.len()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const N: usize>(domain: Domain) {
        for count in 0..40_usize {
            let input = |i: usize| core::array::from_fn(|at| (i * 31 + at * 7) as u8);
            let inputs: Vec<[u8; N]> = (0..count).map(input).collect();
            let mut hashes = vec![[0; 32]; count];
            domain.hash_many(&inputs, &mut hashes);
            for (input, hash) in inputs.iter().zip(&hashes) {
                assert_eq!(
                    domain.hash(input).to_bytes(),
                    *hash,
                    "{domain:?}, {N}, {count}"
                );
            }
        }
    }

    #[test]
    fn many_at_once_have_the_hashes_that_each_has_alone() {
        check::<64>(Domain::AccountBranch(77));
        check::<64>(Domain::AccountPath);
        check::<128>(Domain::AccountContents);
        check::<1024>(Domain::TransactionLeaf);
    }

    #[test]
    fn no_two_kinds_share_a_key() {
        let mut keys: Vec<[u8; 32]> = (0..=255)
            .map(|depth| Domain::AccountBranch(depth).key())
            .collect();
        keys.extend([
            Domain::AccountPath.key(),
            Domain::AccountContents.key(),
            Domain::AccountLeaf.key(),
            Domain::TransactionLeaf.key(),
            Domain::TransactionBranch.key(),
            Domain::Header.key(),
        ]);
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
