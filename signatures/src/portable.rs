//! One signature, or many by one equation, with curve25519-dalek alone.

use crate::{Parsed, Sums};
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use curve25519_dalek::{EdwardsPoint, Scalar};
use rand_v10::Rng;
use std::iter::once;
use std::ops::Range;

/// Whether it holds: 8 (sB - kA - R) = 0.
pub(crate) fn holds(signature: &Parsed) -> bool {
    let Some([key, r]) = points(signature) else {
        return false;
    };
    let expected =
        EdwardsPoint::vartime_double_scalar_mul_basepoint(&signature.k, &-key, &signature.s);
    (expected - r).is_small_order()
}

/// The key and R.
fn points(signature: &Parsed) -> Option<[EdwardsPoint; 2]> {
    let decode = |encoding: [u8; 32]| CompressedEdwardsY(encoding).decompress();
    Some([decode(signature.key)?, decode(signature.r)?])
}

/// Buffers that are kept between batches.
#[derive(Default)]
pub(crate) struct Portable {
    /// Of each signature.
    points: Vec<[EdwardsPoint; 2]>,
    /// 0 where there are no points.
    random: Vec<Scalar>,
}

impl Sums for Portable {
    type Sum = EdwardsPoint;

    fn start(&mut self, signatures: &[Parsed], refuse: &mut impl FnMut(usize)) {
        self.points.clear();
        self.random.clear();
        let mut random = rand_v10::rng();
        for (place, signature) in signatures.iter().enumerate() {
            let mut bytes = [0; 16];
            random.fill_bytes(&mut bytes);
            let found = points(signature);
            self.random.push(match found {
                Some(_) => Scalar::from(u128::from_le_bytes(bytes)),
                None => Scalar::ZERO,
            });
            if found.is_none() {
                refuse(place);
            }
            self.points.push(found.unwrap_or_default());
        }
    }

    fn sum(&mut self, signatures: &[Parsed], part: Range<usize>) -> EdwardsPoint {
        self.sum_with(signatures, part, |_, z| z)
    }

    fn sum_by_place(&mut self, signatures: &[Parsed], part: Range<usize>) -> EdwardsPoint {
        self.sum_with(signatures, part, |i, z| z * Scalar::from(i as u64 + 1))
    }

    fn difference(of: EdwardsPoint, and: EdwardsPoint) -> EdwardsPoint {
        of - and
    }

    fn has_small_order(of: EdwardsPoint) -> bool {
        of.is_small_order()
    }

    fn points(of: [EdwardsPoint; 2]) -> Option<[EdwardsPoint; 2]> {
        Some(of)
    }
}

impl Portable {
    /// With the factor that is made of each place in the part and its random one.
    fn sum_with(
        &self,
        signatures: &[Parsed],
        part: Range<usize>,
        factor: impl Fn(usize, Scalar) -> Scalar,
    ) -> EdwardsPoint {
        let mut of_base = Scalar::ZERO;
        let mut of_keys = Vec::with_capacity(part.len());
        let mut of_rs = Vec::with_capacity(part.len());
        for (i, place) in part.clone().enumerate() {
            let (signature, z) = (&signatures[place], factor(i, self.random[place]));
            of_base -= z * signature.s;
            of_keys.push(z * signature.k);
            of_rs.push(z);
        }
        let points = &self.points[part];
        let (keys, rs) = (points.iter().map(|it| it[0]), points.iter().map(|it| it[1]));
        EdwardsPoint::vartime_multiscalar_mul(
            once(&of_base).chain(&of_keys).chain(&of_rs),
            once(ED25519_BASEPOINT_POINT).chain(keys).chain(rs),
        )
    }
}
