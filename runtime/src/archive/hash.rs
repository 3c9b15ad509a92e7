//! What signatures and addresses are sorted by: SipHash-1-3 under a key of the ledger's own.
//!
//! Keyed, because anybody may name made-up addresses in a transaction and, with an unkeyed hash or a prefix,
//! could put as many as they like beside somebody else's. Ours, because the hash lies on disk: it must be the
//! same in every version, which the hashers of the standard library do not promise.

/// A key of 128 bits.
#[derive(Clone, Copy)]
pub(super) struct KeyHasher {
    key: (u64, u64),
}

impl KeyHasher {
    pub(super) fn new(key: [u8; 16]) -> Self {
        let (low, high) = key.split_at(8);
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("half of 16 bytes"));
        Self {
            key: (word(low), word(high)),
        }
    }

    /// The hash of a signature or an address: of 64 or 32 bytes.
    #[inline]
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        let (words, rest) = bytes.as_chunks::<8>();
        assert!(rest.is_empty(), "signatures and addresses are whole words");
        let (k0, k1) = self.key;
        // The constants are SipHash's: "somepseudorandomlygeneratedbytes".
        let mut state = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        let last = (bytes.len() as u64) << 56;
        for word in words
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .chain([last])
        {
            state[3] ^= word;
            round(&mut state);
            state[0] ^= word;
        }
        state[2] ^= 0xff;
        for _ in 0..3 {
            round(&mut state);
        }
        state[0] ^ state[1] ^ state[2] ^ state[3]
    }
}

#[inline]
fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{DefaultHasher, Hasher};

    #[test]
    fn it_is_siphash_as_the_standard_library_has_it_with_a_key_of_zeros() {
        for length in [0, 8, 32, 64] {
            let bytes: Vec<u8> = (0..length).map(|n| n * 3 + 1).collect();
            let mut standard = DefaultHasher::new();
            standard.write(&bytes);
            assert_eq!(
                KeyHasher::new([0; 16]).hash(&bytes),
                standard.finish(),
                "{length}"
            );
        }
        assert_ne!(
            KeyHasher::new([1; 16]).hash(&[0; 32]),
            KeyHasher::new([0; 16]).hash(&[0; 32])
        );
    }
}
