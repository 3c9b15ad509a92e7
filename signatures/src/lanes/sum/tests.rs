//! Sums in eight lanes against curve25519-dalek's.

use super::*;
use crate::lanes::field::Limbs;
use crate::lanes::{Avx512, Ifma};
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
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

/// Points and how often each counts.
#[derive(Clone, Debug)]
struct Multiples {
    /// Each the base point so many times.
    points: Vec<u64>,
    long: Vec<(usize, [u8; 32])>,
    short: Vec<(usize, [u8; 16])>,
}

fn multiples() -> impl Strategy<Value = Multiples> {
    let points = proptest::collection::vec(prop_oneof![8 => any::<u64>(), 1 => Just(0)], 1..300);
    points.prop_flat_map(|points| {
        // A scalar is reduced, and so below 2^252 and a bit: what is above the order is another factor for dalek.
        let long = prop_oneof![8 => factor::<32>(252), 1 => Just((-Scalar::ONE).to_bytes())];
        let long = proptest::collection::vec((0..points.len(), long), 0..2 * WIDE_MIN);
        let short = (0..points.len(), factor::<16>(127));
        let short = proptest::collection::vec(short, 0..200);
        (Just(points), long, short).prop_map(|(points, long, short)| Multiples {
            points,
            long,
            short,
        })
    })
}

/// All by the same buffers.
#[target_feature(enable = "avx512f")]
fn check<F: Field>(proof: F::Proof, sums: &[Multiples]) {
    let mut summation = Summation::default();
    for Multiples {
        points,
        long,
        short,
    } in sums
    {
        let points: Vec<_> = points
            .iter()
            .map(|factor| EdwardsPoint::mul_base(&(*factor).into()))
            .collect();
        let of_long = long
            .iter()
            .map(|(_, bytes)| Scalar::from_bytes_mod_order(*bytes));
        let of_short = short
            .iter()
            .map(|(_, bytes)| Scalar::from(u128::from_le_bytes(*bytes)));
        let places = long
            .iter()
            .map(|it| it.0)
            .chain(short.iter().map(|it| it.0));
        let expected = EdwardsPoint::vartime_multiscalar_mul(
            of_long.chain(of_short),
            places.map(|place| points[place]),
        );

        let addend = |point: &EdwardsPoint| {
            let bytes = point.compress().to_bytes();
            Addend::decoded::<F>(proof, &[[&bytes; 8]; 2])[0].0[0]
        };
        let mut addends: Vec<_> = points.iter().map(addend).collect();
        addends.push(Addend::identity());
        let factors = Factors {
            long: long.clone(),
            short: short.clone(),
        };
        let mut sum: Points<F> = summation.sum(proof, &addends, &factors);
        assert_eq!(sum.is_identity() & 1 == 1, expected.is_identity());
        sum.add_assign([&addend(&expected); 8], 0xff);
        assert_eq!(sum.is_identity() & 1, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn sums_are_those_of_dalek(sums in proptest::collection::vec(multiples(), 1..4)) {
        if let Some(proof) = Avx512::found() {
            // SAFETY: there is the proof, here and below.
            unsafe { check::<Limbs<10>>(proof, &sums) }
        }
        if let Some(proof) = Ifma::found() {
            // SAFETY: as above.
            unsafe { check::<Limbs<5>>(proof, &sums) }
        }
    }
}
