//! Sums of multiples of points, by buckets (Pippenger): one window of all factors in each lane, of 8 bits or, where there
//! are few, of 4.
//!
//! With digits from -128 to 128, a window's sum is Σ d · (the points with digit d), which is the sum over all d of the
//! points with digit d and more. So each lane adds its points in the order of their digits, the largest first, and what
//! it has after each digit is noted in a row of its own. Then these rows are added up, all lanes side by side. Lanes
//! are never told apart by a branch: each has a list of what to add, and adds the identity when it is through.
//!
//! Time depends on the factors: for what is public only.

#[cfg(test)]
mod tests;

use super::field::{Field, Mask};
use super::point::{Addend, PackedPoints, Points};
use core::arch::x86_64::*;

const LANES: usize = 8;
/// Of windows of 8 bits.
const DIGIT_MAX: usize = 128;
/// From so many long factors on 512 rows cost less than twice as many windows.
const WIDE_MIN: usize = 96;

/// How often which points count: each with the place of its point.
#[derive(Default)]
pub(super) struct Factors {
    /// Of 253 bits at most.
    pub(super) long: Vec<(usize, [u8; 32])>,
    /// Of 127 bits at most.
    pub(super) short: Vec<(usize, [u8; 16])>,
}

impl Factors {
    pub(super) fn clear(&mut self) {
        self.long.clear();
        self.short.clear();
    }

    fn places(&self) -> impl Iterator<Item = usize> {
        let long = self.long.iter().map(|(place, _)| *place);
        long.chain(self.short.iter().map(|(place, _)| *place))
    }

    fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        let long = self.long.iter().map(|(_, bytes)| &bytes[..]);
        long.chain(self.short.iter().map(|(_, bytes)| &bytes[..]))
    }
}

/// What a lane adds in one step: the point's place, whether it is subtracted (bit 8), and with the last point of a digit
/// that digit (the lowest 8 bits).
#[derive(Clone, Copy)]
struct Step(u32);

impl Step {
    fn new(point: u32, is_subtracted: bool) -> Self {
        Self(point << 9 | u32::from(is_subtracted) << 8)
    }

    fn ends(self, digit: usize) -> Self {
        Self(self.0 | digit as u32)
    }

    fn point(self) -> usize {
        (self.0 >> 9) as usize
    }

    fn is_subtracted(self) -> bool {
        self.0 & 0x100 != 0
    }

    /// 0 if there are more points of the digit.
    fn ended_digit(self) -> usize {
        (self.0 & 0xff) as usize
    }
}

/// Buffers that are kept between sums.
#[derive(Default)]
pub(super) struct Summation {
    /// Of each factor, where its point is.
    places: Vec<u32>,
    /// `digits[window * factors + factor]`.
    digits: Vec<i16>,
    /// Of a window.
    bits: usize,
    /// Of one group of windows.
    steps: [Vec<Step>; LANES],
    rows: Vec<PackedPoints>,
}

impl Summation {
    /// The sum of points, each so many times, in lane 0. The last of `points` is the identity.
    #[target_feature(enable = "avx512f")]
    pub(super) fn sum<F: Field>(
        &mut self,
        proof: F::Proof,
        points: &[Addend],
        factors: &Factors,
    ) -> Points<F> {
        let (long, all) = (factors.long.len(), factors.long.len() + factors.short.len());
        self.places.clear();
        self.places
            .extend(factors.places().map(|place| place as u32));
        self.bits = if long < WIDE_MIN { 4 } else { 8 };
        self.find_digits(factors, all);
        let (windows, doublings) = (256 / self.bits, self.bits);
        let mut total = Points::identity(proof);
        for group in (0..windows / LANES).rev() {
            // In the beginning it is the identity.
            if group + 1 < windows / LANES {
                total.double_assign(doublings * LANES);
            }
            let count = if group * LANES < windows / 2 {
                all
            } else {
                long
            };
            for lane in 0..LANES {
                let first = (group * LANES + lane) * all;
                let digits = &self.digits[first..first + count];
                order_by_digit(digits, &self.places, &mut self.steps[lane]);
            }
            total.add_points_assign(&self.sum_of_group(proof, points));
        }
        let mut sum = total.rotated(LANES as i64 - 1);
        for lane in (0..LANES as i64 - 1).rev() {
            sum.double_assign(doublings);
            sum.add_points_assign(&total.rotated(lane));
        }
        sum
    }

    fn find_digits(&mut self, factors: &Factors, all: usize) {
        self.digits.clear();
        self.digits.resize(256 / self.bits * all, 0);
        let (bits, size) = (self.bits, 1 << self.bits);
        for (number, bytes) in factors.bytes().enumerate() {
            let mut carry = 0;
            let windows = 8 * bytes.len() / bits;
            for window in 0..windows {
                let at = window * bits;
                let mut digit = (i16::from(bytes[at / 8]) >> (at % 8)) % size + carry;
                carry = 0;
                // The uppermost has its highest bit clear, as factors are shorter, and may be half of what a window takes
                // with what is carried.
                if digit >= size / 2 && window + 1 < windows {
                    digit -= size;
                    carry = 1;
                }
                self.digits[window * all + number] = digit;
            }
        }
    }

    /// The sum of each lane, as `steps` say.
    #[target_feature(enable = "avx512f")]
    fn sum_of_group<F: Field>(&mut self, proof: F::Proof, points: &[Addend]) -> Points<F> {
        let length = self.steps.iter().map(Vec::len).max().unwrap_or_default();
        // The identity.
        let rest = Step::new(points.len() as u32 - 1, false);
        for steps in &mut self.steps {
            steps.resize(length, rest);
        }
        self.rows
            .resize(DIGIT_MAX + 1, [_mm512_setzero_si512(); 20]);
        let mut ended: [Mask; DIGIT_MAX + 1] = [0; _];
        let identity = Points::<F>::identity(proof);
        let mut running = identity;
        for at in 0..length {
            let steps: [Step; LANES] = std::array::from_fn(|lane| self.steps[lane][at]);
            let mut subtracted = 0;
            for (lane, step) in steps.iter().enumerate() {
                subtracted |= Mask::from(step.is_subtracted()) << lane;
            }
            running.add_assign(steps.map(|step| &points[step.point()]), subtracted);
            if steps.iter().all(|step| step.ended_digit() == 0) {
                continue;
            }
            let packed = running.packed();
            for (lane, step) in steps.iter().enumerate() {
                let digit = step.ended_digit();
                if digit == 0 {
                    continue;
                }
                ended[digit] |= 1 << lane;
                for (word, new) in self.rows[digit].iter_mut().zip(packed) {
                    *word = _mm512_mask_mov_epi64(*word, 1 << lane, new);
                }
            }
        }
        let (mut total, mut above) = (identity, identity);
        let digit_max = 1 << (self.bits - 1);
        for digit in (1..=digit_max).rev() {
            if ended[digit] != 0 {
                above.replace_where(ended[digit], &self.rows[digit]);
            }
            total.add_points_assign(&above);
        }
        total
    }
}

/// What a lane adds: the points whose digit is not 0, the largest first.
fn order_by_digit(digits: &[i16], points: &[u32], steps: &mut Vec<Step>) {
    // How many have each digit, then where the points with it begin, in the end where they end.
    let mut places = [0_u32; DIGIT_MAX + 1];
    for digit in digits {
        places[usize::from(digit.unsigned_abs())] += 1;
    }
    places[0] = 0;
    let mut begin = 0;
    for place in places.iter_mut().rev() {
        begin += std::mem::replace(place, begin);
    }
    steps.clear();
    steps.resize(begin as usize, Step(0));
    for (point, digit) in points.iter().zip(digits) {
        let size = usize::from(digit.unsigned_abs());
        if size > 0 {
            steps[places[size] as usize] = Step::new(*point, *digit < 0);
            places[size] += 1;
        }
    }
    let mut begin = 0;
    for (digit, end) in places.iter().enumerate().skip(1).rev() {
        if *end > begin {
            let last = *end as usize - 1;
            steps[last] = steps[last].ends(digit);
        }
        begin = *end;
    }
}
