//! Elements in ten limbs, of which number `i` counts 2^⌈25.5 i⌉, as in Bernstein and Schwabe's "NEON crypto" and the
//! 32-bit code of curve25519-dalek: those with even numbers have 26 bits, with odd ones 25. A product of two limbs is one
//! `vpmuludq` for eight elements, which looks at the low half of each lane only.
//!
//! # Bounds
//!
//! Reduced limbs are below 2^26 and, those with odd numbers, 2^25 + 2^17. So the left factor has even limbs below 2^28.4
//! and the right one below 2^27.6, nineteen times which fits half a lane, and odd limbs half as large. A sum of products
//! is then below (1 + 19 · 6.5) · 2^28.4 · 2^27.6 < 2^63, and so is what is carried from limb to limb: of the ten terms of
//! an even limb nine may count nineteen times, and five of them are of odd limbs, which have half the size each and count
//! twice.
//!
//! # Unsafe
//!
//! An empty piece of assembly, which has no instruction that could do anything.

use super::{Limbs, Words};
use core::arch::x86_64::*;

const EVEN: i64 = (1 << 26) - 1;
const ODD: i64 = (1 << 25) - 1;

/// Keeps the compiler from what it would do with a factor that it sees being doubled or taken nineteen times: it
/// moves that behind the product, whose factors have more than 32 bits then, which takes three multiplications.
#[target_feature(enable = "avx512f")]
#[inline]
fn opaque(mut value: __m512i) -> __m512i {
    // SAFETY: there is no instruction.
    unsafe {
        core::arch::asm!("/* {0} */", inout(zmm_reg) value, options(pure, nomem, nostack, preserves_flags));
    }
    value
}

#[target_feature(enable = "avx512f")]
#[inline]
fn twice(value: __m512i) -> __m512i {
    opaque(_mm512_add_epi64(value, value))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn nineteen_times(value: __m512i) -> __m512i {
    opaque(_mm512_mul_epu32(value, _mm512_set1_epi64(19)))
}

/// The sum of products.
macro_rules! sum {
    ($($x:ident $y:ident),+) => {{
        let mut sum = _mm512_setzero_si512();
        $(sum = _mm512_add_epi64(sum, _mm512_mul_epu32($x, $y));)+
        sum
    }};
}

impl Limbs<10> {
    /// What is subtracted from may be less than what is subtracted.
    pub(super) const TWICE_PRIME: [i64; 10] = {
        let mut limbs = [2 * EVEN; 10];
        let mut i = 1;
        while i < 10 {
            limbs[i] = 2 * ODD;
            i += 2;
        }
        limbs[0] -= 2 * 18;
        limbs
    };

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn of_words(words: Words) -> Self {
        let even = _mm512_set1_epi64(EVEN);
        let mut limbs = [_mm512_setzero_si512(); 10];
        for (limbs, word) in limbs.as_chunks_mut().0.iter_mut().zip(words) {
            *limbs = [_mm512_and_si512(word, even), _mm512_srli_epi64::<26>(word)];
        }
        Self(limbs)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn words(&self) -> Words {
        let mut words = [_mm512_setzero_si512(); 5];
        for (word, limbs) in words.iter_mut().zip(self.0.as_chunks::<2>().0) {
            *word = _mm512_or_si512(limbs[0], _mm512_slli_epi64::<26>(limbs[1]));
        }
        words
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn less(&self, reduced: &Self) -> Self {
        self.difference(Self::TWICE_PRIME, reduced)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn reduced(&self) -> Self {
        let [
            mut z0,
            mut z1,
            mut z2,
            mut z3,
            mut z4,
            mut z5,
            mut z6,
            mut z7,
            mut z8,
            mut z9,
        ] = self.0;
        let (even, odd) = (_mm512_set1_epi64(EVEN), _mm512_set1_epi64(ODD));
        macro_rules! carry {
            ($from:ident has $bits:literal, to $to:ident) => {
                $to = _mm512_add_epi64($to, _mm512_srli_epi64::<$bits>($from));
                $from = _mm512_and_si512($from, if $bits == 26 { even } else { odd });
            };
        }
        carry!(z0 has 26, to z1);
        carry!(z4 has 26, to z5);
        carry!(z1 has 25, to z2);
        carry!(z5 has 25, to z6);
        carry!(z2 has 26, to z3);
        carry!(z6 has 26, to z7);
        carry!(z3 has 25, to z4);
        carry!(z7 has 25, to z8);
        carry!(z4 has 26, to z5);
        carry!(z8 has 26, to z9);
        // 2^255 is 19. What is carried may have more than 32 bits.
        let top = _mm512_srli_epi64::<25>(z9);
        z9 = _mm512_and_si512(z9, odd);
        let three_times = _mm512_add_epi64(top, _mm512_slli_epi64::<1>(top));
        z0 = _mm512_add_epi64(
            z0,
            _mm512_add_epi64(three_times, _mm512_slli_epi64::<4>(top)),
        );
        carry!(z0 has 26, to z1);
        Self([z0, z1, z2, z3, z4, z5, z6, z7, z8, z9])
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn product(&self, other: &Self) -> Self {
        let [x0, x1, x2, x3, x4, x5, x6, x7, x8, x9] = self.0;
        let [y0, y1, y2, y3, y4, y5, y6, y7, y8, y9] = other.0;
        let (m1, m2, m3) = (nineteen_times(y1), nineteen_times(y2), nineteen_times(y3));
        let (m4, m5, m6) = (nineteen_times(y4), nineteen_times(y5), nineteen_times(y6));
        let (m7, m8, m9) = (nineteen_times(y7), nineteen_times(y8), nineteen_times(y9));
        let (d1, d3, d5) = (twice(x1), twice(x3), twice(x5));
        let (d7, d9) = (twice(x7), twice(x9));
        Self([
            sum!(x0 y0, d1 m9, x2 m8, d3 m7, x4 m6, d5 m5, x6 m4, d7 m3, x8 m2, d9 m1),
            sum!(x0 y1, x1 y0, x2 m9, x3 m8, x4 m7, x5 m6, x6 m5, x7 m4, x8 m3, x9 m2),
            sum!(x0 y2, d1 y1, x2 y0, d3 m9, x4 m8, d5 m7, x6 m6, d7 m5, x8 m4, d9 m3),
            sum!(x0 y3, x1 y2, x2 y1, x3 y0, x4 m9, x5 m8, x6 m7, x7 m6, x8 m5, x9 m4),
            sum!(x0 y4, d1 y3, x2 y2, d3 y1, x4 y0, d5 m9, x6 m8, d7 m7, x8 m6, d9 m5),
            sum!(x0 y5, x1 y4, x2 y3, x3 y2, x4 y1, x5 y0, x6 m9, x7 m8, x8 m7, x9 m6),
            sum!(x0 y6, d1 y5, x2 y4, d3 y3, x4 y2, d5 y1, x6 y0, d7 m9, x8 m8, d9 m7),
            sum!(x0 y7, x1 y6, x2 y5, x3 y4, x4 y3, x5 y2, x6 y1, x7 y0, x8 m9, x9 m8),
            sum!(x0 y8, d1 y7, x2 y6, d3 y5, x4 y4, d5 y3, x6 y2, d7 y1, x8 y0, d9 m9),
            sum!(x0 y9, x1 y8, x2 y7, x3 y6, x4 y5, x5 y4, x6 y3, x7 y2, x8 y1, x9 y0),
        ])
        .reduced()
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn become_squares(pair: &mut [Self; 2], times: usize) {
        // One after the other: a square alone keeps the processor busy.
        for element in pair {
            for _ in 0..times {
                *element = element.square();
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn square(&self) -> Self {
        let [x0, x1, x2, x3, x4, x5, x6, x7, x8, x9] = self.0;
        let (m5, m6, m7) = (nineteen_times(x5), nineteen_times(x6), nineteen_times(x7));
        let (m8, m9) = (nineteen_times(x8), nineteen_times(x9));
        let (d0, d1, d2, d3) = (twice(x0), twice(x1), twice(x2), twice(x3));
        let (d4, d5, d6, d7) = (twice(x4), twice(x5), twice(x6), twice(x7));
        let (q1, q3, q5, q7) = (twice(d1), twice(d3), twice(d5), twice(d7));
        let d9 = twice(x9);
        let e9 = twice(m9);
        Self([
            sum!(x0 x0, q1 m9, d2 m8, q3 m7, d4 m6, d5 m5),
            sum!(d0 x1, d2 m9, d3 m8, d4 m7, d5 m6),
            sum!(d0 x2, d1 x1, q3 m9, d4 m8, q5 m7, x6 m6),
            sum!(d0 x3, d1 x2, d4 m9, d5 m8, d6 m7),
            sum!(d0 x4, q1 x3, x2 x2, q5 m9, d6 m8, d7 m7),
            sum!(d0 x5, d1 x4, d2 x3, d6 m9, d7 m8),
            sum!(d0 x6, q1 x5, d2 x4, d3 x3, q7 m9, x8 m8),
            sum!(d0 x7, d1 x6, d2 x5, d3 x4, x8 e9),
            sum!(d0 x8, q1 x7, d2 x6, q3 x5, x4 x4, d9 m9),
            sum!(d0 x9, d1 x8, d2 x7, d3 x6, d4 x5),
        ])
        .reduced()
    }
}
