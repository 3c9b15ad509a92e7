//! Elements in five limbs, of which number `i` counts 2^(51 i). `vpmadd52luq` and `vpmadd52huq` add the lower or upper 52
//! bits of a product of two numbers of 52 bits to one of 64 bits, and look at the low 52 bits of the factors only. The
//! upper ones count 2^52, twice as much as the next limb does.
//!
//! Tests have the two instructions, or, where the processor does not have them, what does the same.
//!
//! # Bounds
//!
//! Reduced limbs are below 2^51 + 2^18. A factor must be below 2^52, which the sum of two is not: sums and differences are
//! carried here, and so reduced; what is negated is below 2^52. Before products wrap around, number `k` of their ten
//! limbs is a sum of at most five lower halves and twice five upper ones, less than 2^56; nineteen times that and once
//! another is less than 2^61.

use super::{Limbs, WORD, Words};
use core::arch::x86_64::*;

/// Sums of the halves of products, starting with something.
macro_rules! sum {
    ($half:ident from $start:expr, $($x:ident $y:ident),*) => {{
        let mut sum = $start;
        $(sum = $half(sum, $x, $y);)*
        sum
    }};
}

impl Limbs<5> {
    /// What is subtracted from may be less than what is subtracted.
    pub(super) const TWICE_PRIME: [i64; 5] =
        [2 * (WORD - 18), 2 * WORD, 2 * WORD, 2 * WORD, 2 * WORD];

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn of_words(words: Words) -> Self {
        Self(words)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn words(&self) -> Words {
        self.0
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn carried_sum(&self, other: &Self) -> Self {
        self.sum(other).reduced()
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn less(&self, reduced: &Self) -> Self {
        self.difference(Self::TWICE_PRIME, reduced).reduced()
    }

    /// All limbs at once: of any, each carries 13 bits at most.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn reduced(&self) -> Self {
        let mut limbs = self.0;
        let mut carries = self.0;
        for (limb, carry) in limbs.iter_mut().zip(&mut carries) {
            *carry = _mm512_srli_epi64::<51>(*carry);
            *limb = _mm512_and_si512(*limb, _mm512_set1_epi64(WORD));
        }
        // 2^255 is 19.
        carries[4] = _mm512_mul_epu32(carries[4], _mm512_set1_epi64(19));
        carries.rotate_right(1);
        Self(limbs).sum(&Self(carries))
    }

    /// Of the ten limbs of a product.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn wrapped(low: [__m512i; 5], high: [__m512i; 5]) -> Self {
        let mut limbs = low;
        for (limb, high) in limbs.iter_mut().zip(high) {
            let thrice = _mm512_add_epi64(high, _mm512_slli_epi64::<1>(high));
            let nineteen = _mm512_add_epi64(thrice, _mm512_slli_epi64::<4>(high));
            *limb = _mm512_add_epi64(*limb, nineteen);
        }
        Self(limbs).reduced()
    }

    #[cfg_attr(not(test), target_feature(enable = "avx512f,avx512ifma"))]
    #[cfg_attr(test, target_feature(enable = "avx512f"))]
    pub(super) fn product(&self, other: &Self) -> Self {
        let [x0, x1, x2, x3, x4] = self.0;
        let [y0, y1, y2, y3, y4] = other.0;
        let zero = _mm512_setzero_si512();
        let h1 = twice(sum!(high from zero, x0 y0));
        let h2 = twice(sum!(high from zero, x0 y1, x1 y0));
        let h3 = twice(sum!(high from zero, x0 y2, x1 y1, x2 y0));
        let h4 = twice(sum!(high from zero, x0 y3, x1 y2, x2 y1, x3 y0));
        let h5 = twice(sum!(high from zero, x0 y4, x1 y3, x2 y2, x3 y1, x4 y0));
        let h6 = twice(sum!(high from zero, x1 y4, x2 y3, x3 y2, x4 y1));
        let h7 = twice(sum!(high from zero, x2 y4, x3 y3, x4 y2));
        let h8 = twice(sum!(high from zero, x3 y4, x4 y3));
        let h9 = twice(sum!(high from zero, x4 y4));
        Self::wrapped(
            [
                sum!(low from zero, x0 y0),
                sum!(low from h1, x0 y1, x1 y0),
                sum!(low from h2, x0 y2, x1 y1, x2 y0),
                sum!(low from h3, x0 y3, x1 y2, x2 y1, x3 y0),
                sum!(low from h4, x0 y4, x1 y3, x2 y2, x3 y1, x4 y0),
            ],
            [
                sum!(low from h5, x1 y4, x2 y3, x3 y2, x4 y1),
                sum!(low from h6, x2 y4, x3 y3, x4 y2),
                sum!(low from h7, x3 y4, x4 y3),
                sum!(low from h8, x4 y4),
                h9,
            ],
        )
    }

    #[cfg_attr(not(test), target_feature(enable = "avx512f,avx512ifma"))]
    #[cfg_attr(test, target_feature(enable = "avx512f"))]
    pub(super) fn become_squares(pair: &mut [Self; 2], times: usize) {
        for _ in 0..times {
            pair[0] = pair[0].square();
            pair[1] = pair[1].square();
        }
    }

    /// Products of two different limbs are taken once and doubled.
    #[cfg_attr(not(test), target_feature(enable = "avx512f,avx512ifma"))]
    #[cfg_attr(test, target_feature(enable = "avx512f"))]
    #[inline]
    pub(super) fn square(&self) -> Self {
        let [x0, x1, x2, x3, x4] = self.0;
        let zero = _mm512_setzero_si512();
        let h1 = sum!(high from zero, x0 x0);
        let h2 = twice(sum!(high from zero, x0 x1));
        let h3 = sum!(high from twice(sum!(high from zero, x0 x2)), x1 x1);
        let h4 = twice(sum!(high from zero, x0 x3, x1 x2));
        let h5 = sum!(high from twice(sum!(high from zero, x0 x4, x1 x3)), x2 x2);
        let h6 = twice(sum!(high from zero, x1 x4, x2 x3));
        let h7 = sum!(high from twice(sum!(high from zero, x2 x4)), x3 x3);
        let h8 = twice(sum!(high from zero, x3 x4));
        let h9 = sum!(high from zero, x4 x4);
        Self::wrapped(
            [
                sum!(low from zero, x0 x0),
                twice(sum!(low from h1, x0 x1)),
                sum!(low from twice(sum!(low from h2, x0 x2)), x1 x1),
                twice(sum!(low from h3, x0 x3, x1 x2)),
                sum!(low from twice(sum!(low from h4, x0 x4, x1 x3)), x2 x2),
            ],
            [
                twice(sum!(low from h5, x1 x4, x2 x3)),
                sum!(low from twice(sum!(low from h6, x2 x4)), x3 x3),
                twice(sum!(low from h7, x3 x4)),
                sum!(low from twice(h8), x4 x4),
                twice(h9),
            ],
        )
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn twice(value: __m512i) -> __m512i {
    _mm512_add_epi64(value, value)
}

#[cfg(not(test))]
use core::arch::x86_64::{_mm512_madd52hi_epu64 as high, _mm512_madd52lo_epu64 as low};
#[cfg(test)]
use emulated::{high, low};

/// The two instructions, for tests where the processor does not have them.
#[cfg(test)]
mod emulated {
    use crate::lanes::{vector, words};
    use core::arch::x86_64::*;

    #[target_feature(enable = "avx512f")]
    pub(super) fn low(sum: __m512i, x: __m512i, y: __m512i) -> __m512i {
        if is_x86_feature_detected!("avx512ifma") {
            // SAFETY: as was just asked.
            return unsafe { _mm512_madd52lo_epu64(sum, x, y) };
        }
        added(sum, x, y, |product| product & ((1 << 52) - 1))
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn high(sum: __m512i, x: __m512i, y: __m512i) -> __m512i {
        if is_x86_feature_detected!("avx512ifma") {
            // SAFETY: as was just asked.
            return unsafe { _mm512_madd52hi_epu64(sum, x, y) };
        }
        added(sum, x, y, |product| product >> 52)
    }

    fn added(sum: __m512i, x: __m512i, y: __m512i, half: fn(u128) -> u128) -> __m512i {
        let [mut sum, x, y] = [sum, x, y].map(words);
        for (sum, (x, y)) in sum.iter_mut().zip(x.into_iter().zip(y)) {
            let factor = |of: u64| u128::from(of & ((1 << 52) - 1));
            *sum = sum.wrapping_add(half(factor(x) * factor(y)) as u64);
        }
        vector(sum)
    }
}
