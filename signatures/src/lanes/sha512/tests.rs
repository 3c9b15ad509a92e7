//! Eight hashes against those of the sha2 crate.

use super::*;
use sha2::{Digest, Sha512};

#[test]
fn hashes_of_all_lengths_are_those_of_sha2() {
    if !is_x86_feature_detected!("avx512f") {
        return;
    }
    let bytes: Vec<u8> = (0..1_000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    // Eight of one length, and eight of different ones.
    for apart in [0, 1, 37, 119] {
        for length in 0..400 {
            let lengths: [usize; 8] = std::array::from_fn(|lane| (length + lane * apart) % 800);
            let messages = lengths.map(|length| &bytes[length / 7..length / 7 + length]);
            // SAFETY: there is AVX-512.
            let hashes = unsafe { sha512(messages) };
            for (hash, message) in hashes.iter().zip(messages) {
                assert_eq!(hash[..], Sha512::digest(message)[..], "{lengths:?}");
            }
        }
    }
}
