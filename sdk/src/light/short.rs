//! Plain BLAKE3 of many inputs of at most one block, side by side.
//!
//! The blake3 crate hashes many whole blocks at a time, and what ends within a block alone, each in five times as much time:
//! a transaction's record is most often such an input. So on processors with AVX-512, sixteen of them are compressed
//! together here; all else is the crate's. [The paper](https://github.com/BLAKE3-team/BLAKE3-specs), sections 2.2 and
//! 2.3, says what is computed.
//!
//! # Unsafe
//!
//! One call of what is compiled for AVX-512, once the processor is known to have it.

#![allow(unsafe_code)]

const LANES: usize = 16;
const BLOCK: usize = 64;

/// With fewer, it is faster to hash each by itself.
#[cfg(target_arch = "x86_64")]
const TOGETHER_MIN: usize = 4;

/// A word of each lane.
type Words = [u32; LANES];

/// Inputs of at most a block each, filled up with zeros, and their lengths.
struct Blocks {
    bytes: [[u8; BLOCK]; LANES],
    lengths: Words,
}

/// Hashes of up to 16 inputs of any length.
///
/// # Panics
/// With more.
pub(super) fn hash_each(inputs: &[&[u8]]) -> [[u8; 32]; LANES] {
    assert!(inputs.len() <= LANES, "one lane for each input");
    let mut hashes = [[0; 32]; LANES];
    let short_are_hashed = compress_short(inputs, &mut hashes);
    for (hash, input) in hashes.iter_mut().zip(inputs) {
        if !short_are_hashed || input.len() > BLOCK {
            *hash = *blake3::hash(input).as_bytes();
        }
    }
    hashes
}

/// Hashes those of at most a block, and says whether it did.
#[cfg(target_arch = "x86_64")]
fn compress_short(inputs: &[&[u8]], hashes: &mut [[u8; 32]; LANES]) -> bool {
    let short = inputs.iter().filter(|input| input.len() <= BLOCK).count();
    if short < TOGETHER_MIN || !is_x86_feature_detected!("avx512f") {
        return false;
    }
    let mut blocks = Blocks {
        bytes: [[0; BLOCK]; LANES],
        lengths: [0; LANES],
    };
    for (i, input) in inputs.iter().enumerate() {
        // The lane of a longer one hashes nothing that is asked for.
        if input.len() <= BLOCK {
            blocks.bytes[i][..input.len()].copy_from_slice(input);
            blocks.lengths[i] = input.len() as u32;
        }
    }
    // SAFETY: the processor has AVX-512, as it was asked.
    unsafe { compress_with_avx512(&blocks, hashes) };
    true
}

#[cfg(not(target_arch = "x86_64"))]
fn compress_short(_: &[&[u8]], _: &mut [[u8; 32]; LANES]) -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn compress_with_avx512(blocks: &Blocks, hashes: &mut [[u8; 32]; LANES]) {
    compress(blocks, hashes);
}

const IV: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Where the words of the message go from round to round.
const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

const ROUNDS: usize = 7;

/// It is a chunk, the first and last block of it, and the root.
const FLAGS: u32 = 1 << 0 | 1 << 1 | 1 << 3;

/// The compression function, of a block that is all. Every loop over the lanes is one instruction or two where the
/// processor has vectors as long as that.
#[inline(always)]
fn compress(blocks: &Blocks, hashes: &mut [[u8; 32]; LANES]) {
    let mut message = [[0; LANES]; 16];
    for (lane, bytes) in blocks.bytes.iter().enumerate() {
        for (word, bytes) in message.iter_mut().zip(bytes.as_chunks::<4>().0) {
            word[lane] = u32::from_le_bytes(*bytes);
        }
    }
    let mut state = [[0; LANES]; 16];
    for (word, value) in state.iter_mut().zip(IV.iter().chain(&IV[..4])) {
        *word = [*value; LANES];
    }
    state[14] = blocks.lengths;
    state[15] = [FLAGS; LANES];
    let mut order: [usize; 16] = core::array::from_fn(|i| i);
    for _ in 0..ROUNDS {
        let words = |i: usize| [&message[order[2 * i]], &message[order[2 * i + 1]]];
        // Not as a loop, so that the state stays in registers. The columns, then the diagonals.
        mix(&mut state, [0, 4, 8, 12], words(0));
        mix(&mut state, [1, 5, 9, 13], words(1));
        mix(&mut state, [2, 6, 10, 14], words(2));
        mix(&mut state, [3, 7, 11, 15], words(3));
        mix(&mut state, [0, 5, 10, 15], words(4));
        mix(&mut state, [1, 6, 11, 12], words(5));
        mix(&mut state, [2, 7, 8, 13], words(6));
        mix(&mut state, [3, 4, 9, 14], words(7));
        order = core::array::from_fn(|i| order[PERMUTATION[i]]);
    }
    for word in 0..8 {
        for (lane, hash) in hashes.iter_mut().enumerate() {
            let value = state[word][lane] ^ state[word + 8][lane];
            hash[4 * word..4 * word + 4].copy_from_slice(&value.to_le_bytes());
        }
    }
}

#[inline(always)]
fn mix(state: &mut [Words; 16], [a, b, c, d]: [usize; 4], [x, y]: [&Words; 2]) {
    let [mut va, mut vb, mut vc, mut vd] = [state[a], state[b], state[c], state[d]];
    for (word, turn_d, turn_b) in [(x, 16, 12), (y, 8, 7)] {
        add(&mut va, &vb);
        add(&mut va, word);
        turn(&mut vd, &va, turn_d);
        add(&mut vc, &vd);
        turn(&mut vb, &vc, turn_b);
    }
    [state[a], state[b], state[c], state[d]] = [va, vb, vc, vd];
}

#[inline(always)]
fn add(to: &mut Words, value: &Words) {
    for (to, value) in to.iter_mut().zip(value) {
        *to = to.wrapping_add(*value);
    }
}

/// The exclusive or of both, turned to the right.
#[inline(always)]
fn turn(to: &mut Words, with: &Words, bits: u32) {
    for (to, with) in to.iter_mut().zip(with) {
        *to = (*to ^ with).rotate_right(bits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_the_hash_that_it_has_alone() {
        let bytes: Vec<u8> = (0..3_000_usize).map(|i| (i * 7 + i / 251) as u8).collect();
        let check = |inputs: &[&[u8]]| {
            for (input, hash) in inputs.iter().zip(hash_each(inputs)) {
                assert_eq!(hash, *blake3::hash(input).as_bytes(), "{}", input.len());
            }
        };
        for count in 0..=LANES {
            for length in 0..=70 {
                let inputs: Vec<&[u8]> = (0..count).map(|i| &bytes[i..i + length]).collect();
                check(&inputs);
            }
            // Long ones among short ones.
            let length = |i: usize| [3, 64, 65, 1_024, 1_025, 2_900, 0][(i + count) % 7];
            let inputs: Vec<&[u8]> = (0..count).map(|i| &bytes[i..i + length(i)]).collect();
            check(&inputs);
        }
    }

    #[test]
    fn the_compression_is_the_same_without_vectors() {
        let mut blocks = Blocks {
            bytes: [[0; BLOCK]; LANES],
            lengths: core::array::from_fn(|i| 4 * i as u32),
        };
        for (lane, bytes) in blocks.bytes.iter_mut().enumerate() {
            bytes[..4 * lane].fill(lane as u8);
        }
        let mut hashes = [[0; 32]; LANES];
        compress(&blocks, &mut hashes);
        for (lane, hash) in hashes.iter().enumerate() {
            let input = &blocks.bytes[lane][..4 * lane];
            assert_eq!(hash, blake3::hash(input).as_bytes(), "{lane}");
        }
    }
}
