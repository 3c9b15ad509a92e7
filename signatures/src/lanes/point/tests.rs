//! Eight points against curve25519-dalek's, one by one.

use super::*;
use crate::lanes::field::Limbs;
use crate::lanes::{Avx512, Ifma};
use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::Identity;
use proptest::prelude::*;

/// Points of all kinds: of small, of large and of mixed order.
fn point() -> impl Strategy<Value = EdwardsPoint> {
    let large = any::<u64>().prop_map(|factor| EdwardsPoint::mul_base(&factor.into()));
    prop_oneof![
        1 => (0..8_usize).prop_map(|i| EIGHT_TORSION[i]),
        4 => large.clone(),
        2 => (large, 0..8_usize).prop_map(|(point, i)| point + EIGHT_TORSION[i]),
    ]
}

/// Bytes that may or may not encode a point: any, and y near 0, near the prime and near 2^255.
fn encoding() -> impl Strategy<Value = [u8; 32]> {
    let near = |middle: u8| {
        (0..40_u8, any::<bool>()).prop_map(move |(low, sign)| {
            let mut bytes = [middle; 32];
            bytes[0] = if middle == 0 { low } else { 216 + low };
            bytes[31] = (middle & 0x7f) | u8::from(sign) << 7;
            bytes
        })
    };
    prop_oneof![
        2 => any::<[u8; 32]>(),
        1 => near(0),
        1 => near(0xff),
        2 => point().prop_map(|point| point.compress().to_bytes()),
    ]
}

#[target_feature(enable = "avx512f")]
fn decoded<F: Field>(proof: F::Proof, encodings: &[[u8; 32]; 8]) -> ([Addend; 8], Mask) {
    let eight = std::array::from_fn(|lane| &encodings[lane]);
    Addend::decoded::<F>(proof, &[eight; 2])[0]
}

#[target_feature(enable = "avx512f")]
fn points<F: Field>(proof: F::Proof, of: &[EdwardsPoint; 8]) -> Points<F> {
    let (addends, are_points) = decoded::<F>(proof, &of.map(|point| point.compress().to_bytes()));
    assert_eq!(are_points, 0xff);
    let mut points = Points::identity(proof);
    points.add_assign(std::array::from_fn(|lane| &addends[lane]), 0);
    points
}

/// Whether each lane has the point expected, by subtracting that.
#[target_feature(enable = "avx512f")]
fn check<F: Field>(points: &Points<F>, expected: [EdwardsPoint; 8]) {
    let proof = points.x.proof();
    let (addends, _) = decoded::<F>(proof, &expected.map(|point| point.compress().to_bytes()));
    let mut difference = *points;
    difference.add_assign(std::array::from_fn(|lane| &addends[lane]), 0xff);
    assert_eq!(difference.is_identity(), 0xff, "{expected:?}");
    // What it is compared by says no where it should.
    let base = EdwardsPoint::mul_base(&1_u8.into()).compress().to_bytes();
    let (base, _) = decoded::<F>(proof, &[base; 8]);
    difference.add_assign(std::array::from_fn(|lane| &base[lane]), 0);
    assert_eq!(difference.is_identity(), 0);
}

#[target_feature(enable = "avx512f")]
fn check_decoding<F: Field>(proof: F::Proof, encodings: &[[u8; 32]; 8]) {
    let (addends, are_points) = decoded::<F>(proof, encodings);
    // Behind other ones they are the same.
    let eight = std::array::from_fn(|lane| &encodings[lane]);
    let behind = Addend::decoded::<F>(proof, &[[&encodings[0]; 8], eight])[1];
    assert_eq!(behind.1, are_points);
    for lane in (0..8).filter(|lane| are_points >> lane & 1 == 1) {
        let words = [addends[lane], behind.0[lane]].map(|point| point.0.map(crate::lanes::words));
        assert_eq!(words[0], words[1]);
    }
    let expected = encodings.map(|bytes| CompressedEdwardsY(bytes).decompress());
    for (lane, expected) in expected.iter().enumerate() {
        assert_eq!(
            are_points >> lane & 1 == 1,
            expected.is_some(),
            "{:?}",
            encodings[lane]
        );
    }
    let identity = Addend::identity();
    let known = std::array::from_fn(|lane| match expected[lane] {
        Some(_) => &addends[lane],
        None => &identity,
    });
    let mut points = Points::<F>::identity(proof);
    points.add_assign(known, 0);
    check(
        &points,
        expected.map(|point| point.unwrap_or(EdwardsPoint::identity())),
    );
}

#[target_feature(enable = "avx512f")]
fn check_sums<F: Field>(
    proof: F::Proof,
    left: [EdwardsPoint; 8],
    right: [EdwardsPoint; 8],
    subtracted: Mask,
) {
    let each = |of: fn(EdwardsPoint, EdwardsPoint) -> EdwardsPoint| {
        std::array::from_fn(|lane| of(left[lane], right[lane]))
    };
    let (a, b): (Points<F>, Points<F>) = (points(proof, &left), points(proof, &right));
    let mut sum = a;
    sum.add_points_assign(&b);
    check(&sum, each(|a, b| a + b));

    let (addends, _) = decoded::<F>(proof, &right.map(|point| point.compress().to_bytes()));
    let mut sum = a;
    sum.add_assign(std::array::from_fn(|lane| &addends[lane]), subtracted);
    let (sums, differences) = (each(|a, b| a + b), each(|a, b| a - b));
    let is_subtracted = |lane: usize| subtracted >> lane & 1 == 1;
    check(
        &sum,
        std::array::from_fn(|lane| {
            if is_subtracted(lane) {
                differences[lane]
            } else {
                sums[lane]
            }
        }),
    );

    check(&a.difference(&b), each(|a, b| a - b));

    let first = [left[0], right[0]].map(|point| point.compress().to_bytes());
    assert_eq!(Points::encoded(&[a, b]), first);

    let small = left.map(|point| point.is_small_order());
    let small = (0..8)
        .filter(|lane| small[*lane])
        .map(|lane| 1 << lane)
        .sum::<Mask>();
    assert_eq!(a.have_small_order(), small);

    let mut eightfold = a;
    eightfold.double_assign(3);
    check(&eightfold, left.map(|point| point.mul_by_cofactor()));

    check(
        &a.rotated(3),
        std::array::from_fn(|lane| left[(lane + 3) % 8]),
    );

    let mut replaced = a;
    replaced.replace_where(subtracted, &b.packed());
    check(
        &replaced,
        std::array::from_fn(|lane| {
            if is_subtracted(lane) {
                right[lane]
            } else {
                left[lane]
            }
        }),
    );
}

/// In ten limbs and in five.
fn check_both(left: [EdwardsPoint; 8], right: [EdwardsPoint; 8], subtracted: Mask) {
    if let Some(proof) = Avx512::found() {
        // SAFETY: there is the proof, here and below.
        unsafe { check_sums::<Limbs<10>>(proof, left, right, subtracted) }
    }
    if let Some(proof) = Ifma::found() {
        // SAFETY: as above.
        unsafe { check_sums::<Limbs<5>>(proof, left, right, subtracted) }
    }
}

#[test]
fn what_has_no_z_is_not_the_identity() {
    if let Some(proof) = Avx512::found() {
        // SAFETY: there is the proof.
        unsafe {
            let zero: Limbs<10> = field::zero(proof);
            let nothing = Points {
                x: zero,
                y: zero,
                z: zero,
                t: zero,
            };
            assert_eq!(nothing.is_identity(), 0);
            assert_eq!(Points::<Limbs<10>>::identity(proof).is_identity(), 0xff);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn encodings_are_the_points_that_they_are_for_dalek(encodings in proptest::array::uniform8(encoding())) {
        if let Some(proof) = Avx512::found() {
            // SAFETY: there is the proof, here and below.
            unsafe { check_decoding::<Limbs<10>>(proof, &encodings) }
        }
        if let Some(proof) = Ifma::found() {
            // SAFETY: as above.
            unsafe { check_decoding::<Limbs<5>>(proof, &encodings) }
        }
    }

    #[test]
    fn sums_are_those_of_dalek(
        left in proptest::array::uniform8(point()),
        right in proptest::array::uniform8(point()),
        subtracted in any::<u8>(),
    ) {
        check_both(left, right, subtracted);
    }

    #[test]
    fn a_point_added_to_itself_or_its_negative_is_no_exception(
        left in proptest::array::uniform8(point()), negative in any::<u8>()
    ) {
        let right = std::array::from_fn(|lane| {
            if negative >> lane & 1 == 1 { -left[lane] } else { left[lane] }
        });
        check_both(left, right, negative);
    }
}
