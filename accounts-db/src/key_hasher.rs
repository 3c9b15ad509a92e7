//! The keyed hash of a pubkey.
//!
//! Everybody chooses addresses, so whoever knew the hash could make up keys that meet in the key table.
//! The six secret words are random for each database and never shown. Two keys that were chosen without
//! knowing the first four give the same 128-bit sum with a chance of 2⁻⁶⁴ (it is NH, the hash inside
//! UMAC: Black, Halevi, Krawczyk, Krovetz and Rogaway, 1999); one more multiplication, folded, spreads
//! the sum over 64 bits, of which the table uses the low ones and the high half. Three multiplications
//! in all, of which two do not wait for each other.

use crate::Pubkey;
use ahash::RandomState;

/// The secret words.
pub(crate) struct KeyHasher {
    words: [u64; 4],
    last: [u64; 2],
}

impl KeyHasher {
    /// Secret words out of a source of random ones.
    pub(crate) fn new(random: &RandomState) -> Self {
        Self {
            words: [0, 1, 2, 3].map(|i: u8| random.hash_one(i)),
            last: [4, 5].map(|i: u8| random.hash_one(i)),
        }
    }

    #[inline]
    pub(crate) fn hash(&self, key: &Pubkey) -> u64 {
        let (words, _) = key.as_array().as_chunks::<8>();
        let word = |i: usize| u128::from(u64::from_le_bytes(words[i]).wrapping_add(self.words[i]));
        let sum = (word(0) * word(1)).wrapping_add(word(2) * word(3));
        let [low, high] = [sum as u64 ^ self.last[0], (sum >> 64) as u64 ^ self.last[1]];
        let product = u128::from(low) * u128::from(high);
        product as u64 ^ (product >> 64) as u64
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Keys that differ in one bit, or in one word by a small number, as made-up keys would.
    fn similar_keys() -> Vec<Pubkey> {
        let mut keys = Vec::new();
        for bit in 0..256 {
            let mut key = [0; 32];
            key[bit / 8] |= 1 << (bit % 8);
            keys.push(Pubkey::new_from_array(key));
        }
        for word in 0..4 {
            for n in 0..20_000_u64 {
                let mut key = [7; 32];
                key[word * 8..word * 8 + 8].copy_from_slice(&n.to_be_bytes());
                keys.push(Pubkey::new_from_array(key));
            }
        }
        keys
    }

    #[test]
    fn similar_keys_spread_over_both_halves_of_the_hash() {
        for seed in 0..4 {
            println!("seed {seed}");
            let hasher = KeyHasher::new(&RandomState::with_seeds(seed, 1, 2, 3));
            let keys = similar_keys();
            let hashes: Vec<u64> = keys.iter().map(|key| hasher.hash(key)).collect();
            let distinct: HashSet<u64> = hashes.iter().copied().collect();
            assert_eq!(distinct.len(), keys.len());
            for shift in [0, 16, 32, 48] {
                // As many cells as keys: of random places 63% are taken.
                let part = |hash: &u64| (hash >> shift) as u16;
                let taken: HashSet<u16> = hashes.iter().take(1 << 16).map(part).collect();
                let share = taken.len() as f64 / f64::from(1 << 16);
                assert!((0.62..0.645).contains(&share), "{share} from bit {shift}");
            }
        }
    }

    #[test]
    fn another_database_hashes_otherwise() {
        let key = Pubkey::new_from_array([1; 32]);
        let hash = |seed| KeyHasher::new(&RandomState::with_seeds(seed, 1, 2, 3)).hash(&key);
        assert_ne!(hash(1), hash(2));
    }
}
