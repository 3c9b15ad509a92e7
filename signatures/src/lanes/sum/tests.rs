//! Sums in eight lanes against curve25519-dalek's.

use super::*;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use curve25519_dalek::{EdwardsPoint, Scalar};
use proptest::prelude::*;

/// Little-endian, below 2^`bits`: any, the ends, and such whose digits are at their ends.
fn factor<const N: usize>(bits: u32) -> impl Strategy<Value = [u8; N]> {
    let top = 0xff_u8 >> (8 * N as u32 - bits);
    let bytes = prop_oneof![
        4 => any::<[u8; N]>(),
        1 => Just([0; N]),
        1 => Just([0xff; N]),
        1 => Just([0x80; N]),
        1 => Just([0x7f; N]),
        1 => Just([0x88; N]),
        1 => Just([0x77; N]),
    ];
    bytes.prop_map(move |mut bytes| {
        bytes[N - 1] &= top;
        bytes
    })
}

/// Factors, each with what makes its point.
type Multiples<const N: usize> = Vec<(u64, [u8; N])>;

fn factors() -> impl Strategy<Value = (Multiples<32>, Multiples<16>)> {
    // A scalar is reduced, and so below 2^252 and a bit: what is above the order is another factor for dalek.
    let long = proptest::collection::vec((any::<u64>(), factor::<32>(252)), 0..2 * WIDE_MIN);
    let short = proptest::collection::vec((any::<u64>(), factor::<16>(127)), 0..200);
    (long, short)
}

#[target_feature(enable = "avx512f")]
fn check(long: &[(u64, [u8; 32])], short: &[(u64, [u8; 16])]) {
    let seeds = long
        .iter()
        .map(|it| it.0)
        .chain(short.iter().map(|it| it.0));
    let points: Vec<_> = seeds
        .map(|seed| EdwardsPoint::mul_base(&seed.into()))
        .collect();
    let of_long = long
        .iter()
        .map(|(_, bytes)| Scalar::from_bytes_mod_order(*bytes));
    let of_short = short
        .iter()
        .map(|(_, bytes)| Scalar::from(u128::from_le_bytes(*bytes)));
    let expected = EdwardsPoint::vartime_multiscalar_mul(of_long.chain(of_short), &points);

    let encoded = |point: &EdwardsPoint| point.compress().to_bytes();
    let addend = |bytes: [u8; 32]| Addend::decoded([&bytes; 8]).0[0];
    let mut addends: Vec<_> = points.iter().map(|point| addend(encoded(point))).collect();
    addends.push(Addend::identity());
    let factors = Factors {
        long: long.iter().map(|it| it.1).enumerate().collect(),
        short: (long.len()..).zip(short.iter().map(|it| it.1)).collect(),
    };
    let mut sum = Summation::default().sum(&addends, &factors);
    let expected = addend(encoded(&expected));
    sum.add_assign([&expected; 8], 0xff);
    assert_eq!(sum.is_identity() & 1, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn sums_are_those_of_dalek((long, short) in factors()) {
        // SAFETY: there is AVX-512 where this is asked.
        if crate::lanes::is_available() { unsafe { check(&long, &short) } }
    }
}
