//! Seeded randomness whose values never change with a version of a library: a run is named by its seed.
//!
//! Every value is a function of `(seed, purpose, index)`, so that workers can make any part of a
//! workload in any order and the whole is the same.

/// Vigna's SplitMix64: one addition and three multiplications per value, good enough for workloads.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator of item `index` of `purpose`.
    pub(crate) fn new(seed: u64, purpose: u64, index: u64) -> Self {
        let mut mixed = Self(seed ^ purpose.rotate_left(32));
        let start = mixed.next_u64() ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93);
        Self(start)
    }

    /// The next 64 bits.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (which is not 0), by multiplication; its bias is below `bound / 2^64`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Fills `out` with random bytes.
    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Zipf's law over ranks `0..n`: rank `r` comes with a probability in proportion to `1 / (r + 1)^s`.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    /// Ranks `0..n` with exponent `s`.
    pub(crate) fn new(n: usize, s: f64) -> Self {
        let mut sum = 0.0;
        let cumulative = (0..n)
            .map(|rank| {
                sum += 1.0 / ((rank + 1) as f64).powf(s);
                sum
            })
            .collect();
        Self { cumulative }
    }

    /// Draws a rank.
    pub(crate) fn draw(&self, random: &mut SplitMix64) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let at = random.unit() * total;
        self.cumulative
            .partition_point(|&sum| sum <= at)
            .min(self.cumulative.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let mut random = SplitMix64::new(1, 2, 3);
        let mut seen = [false; 7];
        (0..1_000).for_each(|_| seen[random.below(7) as usize] = true);
        assert_eq!(seen, [true; 7]);
    }

    #[test]
    fn neighbouring_indices_give_unrelated_values() {
        let ones: u32 = (0..1_000_u64)
            .map(|i| {
                let a = SplitMix64::new(7, 1, i).next_u64();
                let b = SplitMix64::new(7, 1, i + 1).next_u64();
                (a ^ b).count_ones()
            })
            .sum();
        assert!(
            (31_000..33_000).contains(&ones),
            "{ones} of 64,000 bits differ"
        );
    }

    #[test]
    fn zipf_draws_the_first_rank_as_often_as_the_law_says() {
        let zipf = Zipf::new(10_000, 1.0);
        let draws = 200_000;
        let first = (0..draws)
            .filter(|&i| zipf.draw(&mut SplitMix64::new(9, 0, i)) == 0)
            .count();
        // H(10,000) is 9.7876, so the first rank has 10.2% of the draws.
        let share = first as f64 / draws as f64;
        assert!((0.099..0.105).contains(&share), "{share}");
    }
}
