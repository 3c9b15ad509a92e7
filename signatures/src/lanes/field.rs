//! Integers modulo 2^255 - 19, eight at once: one in each 64-bit lane of some vectors.
//!
//! There are two ways to have them: in ten limbs (`ten`), for any processor with AVX-512, and in five (`five`), for one
//! that also multiplies 52 bits at a time (IFMA). `Field` is what both can do. Outside of it, in memory, they look alike:
//! five words, of which number `i` counts 2^(51 i).
//!
//! # Bounds
//!
//! Operations are exact only within these bounds, to which callers keep. Each product, what is carried and what is
//! unpacked is *reduced*; only that may be subtracted, negated or packed. The figures are multiples of what is reduced; a
//! difference counts two more than what was subtracted from, and what is negated two. They are what ten limbs need: five
//! are carried with each sum and difference.
//!
//! | | |
//! | --- | --- |
//! | the left factor of a product | 5 |
//! | the right factor, what is squared | 3 |
//! | what is carried | 6 |
//!
//! # Unsafe
//!
//! Calls of what is compiled for instructions that not every processor has: each needs a proof that this one has them,
//! or an element, which is only made with one.

mod five;
mod ten;
#[cfg(test)]
mod tests;

use super::{Avx512, Ifma};
use core::arch::x86_64::*;

/// Eight field elements.
pub(crate) trait Field: Copy {
    /// That the processor has the instructions.
    type Proof: Copy + Into<Avx512>;

    /// Of words as `packed` returns them.
    fn unpacked(proof: Self::Proof, words: Words) -> Self;
    /// Of a reduced element.
    fn packed(&self) -> Words;
    fn proof(&self) -> Self::Proof;
    fn add(&self, other: &Self) -> Self;
    fn subtract(&self, reduced: &Self) -> Self;
    /// Of reduced elements, negated in some lanes.
    fn negated_where(&self, mask: Mask) -> Self;
    /// Other elements in some lanes.
    fn replaced_where(&self, mask: Mask, other: &Self) -> Self;
    /// Lane `i` of what is returned is lane `i + by`.
    fn rotated(&self, by: i64) -> Self;
    /// The same element, reduced.
    fn carried(&self) -> Self;
    fn multiply(&self, other: &Self) -> Self;
    fn squared(&self) -> Self;
    /// Both in place, so many times: copies would cost as much again, and one square alone waits for its own carries.
    fn square_both(pair: &mut [Self; 2], times: usize);
}

/// The powers (p - 5) / 8 = 2^252 - 3, by the chain of additions that all implementations use.
pub(super) fn powers_for_roots<F: Field>(of: &[F; 2]) -> [F; 2] {
    let squared = |pair: &[F; 2], times| {
        let mut powers = *pair;
        F::square_both(&mut powers, times);
        powers
    };
    let multiply =
        |left: &[F; 2], right: &[F; 2]| [left[0].multiply(&right[0]), left[1].multiply(&right[1])];
    let to_2 = squared(of, 1);
    let to_9 = multiply(of, &squared(&to_2, 2));
    let to_11 = multiply(&to_2, &to_9);
    // To 2^n - 1:
    let n_5 = multiply(&to_9, &squared(&to_11, 1));
    let n_10 = multiply(&squared(&n_5, 5), &n_5);
    let n_20 = multiply(&squared(&n_10, 10), &n_10);
    let n_40 = multiply(&squared(&n_20, 20), &n_20);
    let n_50 = multiply(&squared(&n_40, 10), &n_10);
    let n_100 = multiply(&squared(&n_50, 50), &n_50);
    let n_200 = multiply(&squared(&n_100, 100), &n_100);
    let n_250 = multiply(&squared(&n_200, 50), &n_50);
    multiply(&squared(&n_250, 2), of)
}

/// Eight elements in memory: five words in each lane, of which number `i` counts 2^(51 i). Of reduced elements they are
/// below 2^51 + 2^43.
pub(super) type Words = [__m512i; 5];

/// Which of eight; bit `i` is lane `i`.
pub(super) type Mask = u8;

/// Of a word.
const BITS: u32 = 51;
const WORD: i64 = (1 << BITS) - 1;

/// Elements in so many limbs.
#[derive(Clone, Copy)]
pub(crate) struct Limbs<const N: usize>([__m512i; N]);

impl<const N: usize> Limbs<N> {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn sum(&self, other: &Self) -> Self {
        let mut limbs = self.0;
        for (limb, other) in limbs.iter_mut().zip(other.0) {
            *limb = _mm512_add_epi64(*limb, other);
        }
        Self(limbs)
    }

    /// `twice_prime` more than the difference.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn difference(&self, twice_prime: [i64; N], other: &Self) -> Self {
        let mut limbs = self.0;
        for ((limb, other), prime) in limbs.iter_mut().zip(other.0).zip(twice_prime) {
            let above = _mm512_add_epi64(*limb, _mm512_set1_epi64(prime));
            *limb = _mm512_sub_epi64(above, other);
        }
        Self(limbs)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn negated(&self, twice_prime: [i64; N], mask: Mask) -> Self {
        let mut limbs = self.0;
        for (limb, prime) in limbs.iter_mut().zip(twice_prime) {
            *limb = _mm512_mask_sub_epi64(*limb, mask, _mm512_set1_epi64(prime), *limb);
        }
        Self(limbs)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn replaced(&self, mask: Mask, other: &Self) -> Self {
        let mut limbs = self.0;
        for (limb, other) in limbs.iter_mut().zip(other.0) {
            *limb = _mm512_mask_mov_epi64(*limb, mask, other);
        }
        Self(limbs)
    }

    #[target_feature(enable = "avx512f")]
    fn turned(&self, by: i64) -> Self {
        let lanes = _mm512_set_epi64(by + 7, by + 6, by + 5, by + 4, by + 3, by + 2, by + 1, by);
        let mut limbs = self.0;
        for limb in &mut limbs {
            *limb = _mm512_permutexvar_epi64(lanes, *limb);
        }
        Self(limbs)
    }
}

/// `Field` by the methods of those limbs.
macro_rules! fields {
    ($($limbs:literal with $proof:ident, $sum:ident;)+) => {$(
        impl Field for Limbs<$limbs> {
            type Proof = $proof;

            #[inline(always)]
            fn unpacked(_: $proof, words: Words) -> Self {
                // SAFETY: there is the proof.
                unsafe { Self::of_words(words) }
            }

            #[inline(always)]
            fn packed(&self) -> Words {
                // SAFETY: there is an element, here and below.
                unsafe { self.words() }
            }

            fn proof(&self) -> $proof {
                $proof(())
            }

            #[inline(always)]
            fn add(&self, other: &Self) -> Self {
                // SAFETY: as above.
                unsafe { self.$sum(other) }
            }

            #[inline(always)]
            fn subtract(&self, reduced: &Self) -> Self {
                // SAFETY: as above.
                unsafe { self.less(reduced) }
            }

            #[inline(always)]
            fn negated_where(&self, mask: Mask) -> Self {
                // SAFETY: as above.
                unsafe { self.negated(Self::TWICE_PRIME, mask) }
            }

            #[inline(always)]
            fn replaced_where(&self, mask: Mask, other: &Self) -> Self {
                // SAFETY: as above.
                unsafe { self.replaced(mask, other) }
            }

            #[inline(always)]
            fn rotated(&self, by: i64) -> Self {
                // SAFETY: as above.
                unsafe { self.turned(by) }
            }

            #[inline(always)]
            fn carried(&self) -> Self {
                // SAFETY: as above.
                unsafe { self.reduced() }
            }

            // Larger code is slower, and what has instructions of its own heeds no `inline(never)`.
            #[inline(never)]
            fn multiply(&self, other: &Self) -> Self {
                // SAFETY: as above.
                unsafe { self.product(other) }
            }

            #[inline(never)]
            fn squared(&self) -> Self {
                // SAFETY: as above.
                unsafe { self.square() }
            }

            #[inline(never)]
            fn square_both(pair: &mut [Self; 2], times: usize) {
                // SAFETY: as above.
                unsafe { Self::become_squares(pair, times) }
            }
        }
    )+};
}

fields! {
    10 with Avx512, sum;
    5 with Ifma, carried_sum;
}

/// Of four 64-bit words in each lane, lowest first. The uppermost bit is left out; what is left need not be below the
/// prime.
#[target_feature(enable = "avx512f")]
pub(super) fn from_bits<F: Field>(proof: F::Proof, [w0, w1, w2, w3]: [__m512i; 4]) -> F {
    let low_1 = _mm512_or_si512(_mm512_srli_epi64::<51>(w0), _mm512_slli_epi64::<13>(w1));
    let low_2 = _mm512_or_si512(_mm512_srli_epi64::<38>(w1), _mm512_slli_epi64::<26>(w2));
    let low_3 = _mm512_or_si512(_mm512_srli_epi64::<25>(w2), _mm512_slli_epi64::<39>(w3));
    let mut words = [w0, low_1, low_2, low_3, _mm512_srli_epi64::<12>(w3)];
    for word in &mut words {
        *word = _mm512_and_si512(*word, _mm512_set1_epi64(WORD));
    }
    F::unpacked(proof, words)
}

/// The same in all lanes, of four 64-bit words, lowest first.
#[target_feature(enable = "avx512f")]
pub(super) fn splat<F: Field>(proof: F::Proof, [w0, w1, w2, w3]: [u64; 4]) -> F {
    let words = [w0, w1, w2, w3].map(|word| word as i64);
    let [w0, w1, w2, w3] = words;
    let bits = [
        _mm512_set1_epi64(w0),
        _mm512_set1_epi64(w1),
        _mm512_set1_epi64(w2),
        _mm512_set1_epi64(w3),
    ];
    from_bits(proof, bits)
}

#[target_feature(enable = "avx512f")]
pub(super) fn zero<F: Field>(proof: F::Proof) -> F {
    splat(proof, [0; 4])
}

#[target_feature(enable = "avx512f")]
pub(super) fn one<F: Field>(proof: F::Proof) -> F {
    splat(proof, [1, 0, 0, 0])
}

/// The same elements, each below the prime.
#[target_feature(enable = "avx512f")]
fn canonical<F: Field>(of: &F) -> Words {
    let mut words = of.carried().packed();
    // A reduced element is below twice the prime. Whether it is not below the prime: what nineteen more carry.
    let nineteen = _mm512_set1_epi64(19);
    let mut above = nineteen;
    for word in &words {
        above = _mm512_srli_epi64::<BITS>(_mm512_add_epi64(*word, above));
    }
    // Less the prime is 19 more, less 2^255.
    let mut carry = _mm512_mul_epu32(above, nineteen);
    for word in &mut words {
        let sum = _mm512_add_epi64(*word, carry);
        *word = _mm512_and_si512(sum, _mm512_set1_epi64(WORD));
        carry = _mm512_srli_epi64::<BITS>(sum);
    }
    words
}

/// Where it is zero.
#[target_feature(enable = "avx512f")]
pub(super) fn is_zero<F: Field>(of: &F) -> Mask {
    let [w0, w1, w2, w3, w4] = canonical(of);
    let low = _mm512_or_si512(_mm512_or_si512(w0, w1), w2);
    let bits = _mm512_or_si512(_mm512_or_si512(w3, w4), low);
    _mm512_testn_epi64_mask(bits, bits)
}

/// Where the number below the prime is odd.
#[target_feature(enable = "avx512f")]
pub(super) fn is_odd<F: Field>(of: &F) -> Mask {
    _mm512_test_epi64_mask(canonical(of)[0], _mm512_set1_epi64(1))
}

/// The number below the prime in lane 0, lowest byte first.
#[target_feature(enable = "avx512f")]
pub(super) fn first_bytes<F: Field>(of: &F) -> [u8; 32] {
    let [w0, w1, w2, w3, w4] = canonical(of).map(|word| super::words(word)[0]);
    let bits = [
        w0 | w1 << 51,
        w1 >> 13 | w2 << 38,
        w2 >> 26 | w3 << 25,
        w3 >> 39 | w4 << 12,
    ];
    let mut bytes = [0; 32];
    for (bytes, bits) in bytes.as_chunks_mut().0.iter_mut().zip(bits) {
        *bytes = bits.to_le_bytes();
    }
    bytes
}
