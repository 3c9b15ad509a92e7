//! Many signatures by one equation, eight of everything at a time: for processors with AVX-512.
//!
//! 8 (Σ zᵢ Rᵢ + Σ zᵢ kᵢ Aᵢ - (Σ zᵢ sᵢ) B) = 0, with a random zᵢ of 119 bits for each signature. If one of them does not
//! hold, the sum is what it should be with a probability of 2^-119 at most. Times a place in half a batch
//! (`Sums::sum_by_place`), that is 127 bits, which a sum takes as short factors.
//!
//! Only here and below is arithmetic of our own: SHA-512, and what says that a part of a batch holds. That a signature
//! does not hold is for curve25519-dalek to say, with each k from here.
//!
//! # Unsafe
//!
//! Calls of what is compiled for AVX-512, with a proof that the processor has it: from `Avx512::found` or `Ifma::found`,
//! or as part of an element. And a vector seen as the words that it is.

#![allow(unsafe_code)]

mod field;
mod point;
mod sha512;
mod sum;
#[cfg(test)]
mod tests;

use crate::{BATCH_MAX, Parsed, Sums, find_bad, portable};
use ahash::AHashMap;
use core::arch::x86_64::__m512i;
use curve25519_dalek::constants::ED25519_BASEPOINT_COMPRESSED;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::{EdwardsPoint, Scalar};
use field::{Field, Limbs};
use point::{Addend, Points};
use rand_v10::Rng;
use std::collections::hash_map::Entry;
use std::ops::Range;
use sum::{Factors, Summation};

/// That this processor has AVX-512.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// That this processor also multiplies 52 bits at a time. In tests it need not: they have what does the same.
#[derive(Clone, Copy)]
pub(crate) struct Ifma(());

impl Avx512 {
    fn found() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }
}

impl Ifma {
    fn found() -> Option<Self> {
        let is_there = is_x86_feature_detected!("avx512ifma") || cfg!(test);
        (Avx512::found().is_some() && is_there).then_some(Self(()))
    }
}

impl From<Ifma> for Avx512 {
    fn from(_: Ifma) -> Self {
        Self(())
    }
}

/// Sums in eight lanes, by the best that the processor has.
pub(crate) enum Lanes {
    Ten(LanesOf<Limbs<10>>),
    Five(LanesOf<Limbs<5>>),
}

impl Lanes {
    /// `None` without AVX-512.
    pub(crate) fn found() -> Option<Self> {
        Self::five().or_else(Self::ten)
    }

    pub(crate) fn ten() -> Option<Self> {
        Avx512::found().map(|proof| Self::Ten(LanesOf::new(proof)))
    }

    pub(crate) fn five() -> Option<Self> {
        Ifma::found().map(|proof| Self::Five(LanesOf::new(proof)))
    }

    pub(crate) fn find_bad(&mut self, signatures: &[Parsed], refuse: impl FnMut(usize)) {
        match self {
            Self::Ten(lanes) => find_bad(lanes, signatures, refuse),
            Self::Five(lanes) => find_bad(lanes, signatures, refuse),
        }
    }

    /// The hashes of eight messages.
    pub(crate) fn sha512(&self, messages: [&[u8]; 8]) -> [[u8; 64]; 8] {
        let _: Avx512 = match self {
            Self::Ten(lanes) => lanes.proof,
            Self::Five(lanes) => lanes.proof.into(),
        };
        // SAFETY: there is the proof.
        unsafe { sha512::sha512(messages) }
    }
}

/// The words of each lane.
fn words(vector: __m512i) -> [u64; 8] {
    // SAFETY: both are 64 bytes, of which any are a value.
    unsafe { std::mem::transmute(vector) }
}

/// A vector of these.
#[cfg(test)]
fn vector(words: [u64; 8]) -> __m512i {
    // SAFETY: as above.
    unsafe { std::mem::transmute(words) }
}

/// Buffers that are kept between batches.
pub(crate) struct LanesOf<F: Field> {
    proof: F::Proof,
    /// The base point's, then that of each key, then of each R.
    encodings: Vec<[u8; 32]>,
    /// The same as points, then the identity.
    points: Vec<Addend>,
    /// Where each signature's key is, whoever and how often signed with it.
    keys: Vec<usize>,
    places: AHashMap<[u8; 32], usize>,
    /// Random factors of 119 bits; 0 where the key or R is no point.
    random: Vec<[u8; 16]>,
    /// By place of the key.
    of_keys: Vec<Scalar>,
    factors: Factors,
    summation: Summation,
}

impl<F: Field> Sums for LanesOf<F> {
    type Sum = Points<F>;

    fn start(&mut self, signatures: &[Parsed], refuse: &mut impl FnMut(usize)) {
        self.find_keys(signatures);
        self.random.clear();
        self.random.resize(signatures.len(), [0; 16]);
        rand_v10::rng().fill_bytes(self.random.as_flattened_mut());
        // SAFETY: there is the proof.
        let are_points = unsafe { self.decode() };
        let first_r = self.encodings.len() - signatures.len();
        for (place, random) in self.random.iter_mut().enumerate() {
            // 119 bits.
            random[15] = 0;
            random[14] &= 0x7f;
            if !are_points[self.keys[place]] || !are_points[first_r + place] {
                *random = [0; 16];
                if !portable::holds(&signatures[place]) {
                    refuse(place);
                }
            }
        }
    }

    fn sum(&mut self, signatures: &[Parsed], part: Range<usize>) -> Points<F> {
        self.sum_with(signatures, part, |_| 1)
    }

    fn sum_by_place(&mut self, signatures: &[Parsed], part: Range<usize>) -> Points<F> {
        assert!(part.len() <= BATCH_MAX / 2);
        self.sum_with(signatures, part, |place| place as u128 + 1)
    }

    fn difference(of: Points<F>, and: Points<F>) -> Points<F> {
        // SAFETY: there are elements.
        unsafe { of.difference(&and) }
    }

    fn has_small_order(of: Points<F>) -> bool {
        // SAFETY: as above.
        unsafe { of.have_small_order() & 1 == 1 }
    }

    fn points(of: [Points<F>; 2]) -> Option<[EdwardsPoint; 2]> {
        // SAFETY: as above.
        let [first, second] = unsafe { Points::encoded(&of) };
        let point = |encoding| CompressedEdwardsY(encoding).decompress();
        Some([point(first)?, point(second)?])
    }
}

impl<F: Field> LanesOf<F> {
    fn new(proof: F::Proof) -> Self {
        Self {
            proof,
            encodings: Vec::new(),
            points: Vec::new(),
            keys: Vec::new(),
            places: AHashMap::new(),
            random: Vec::new(),
            of_keys: Vec::new(),
            factors: Factors::default(),
            summation: Summation::default(),
        }
    }

    fn find_keys(&mut self, signatures: &[Parsed]) {
        self.places.clear();
        self.keys.clear();
        self.encodings.clear();
        self.encodings.push(ED25519_BASEPOINT_COMPRESSED.to_bytes());
        for signature in signatures {
            self.keys.push(match self.places.entry(signature.key) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    self.encodings.push(signature.key);
                    *new.insert(self.encodings.len() - 1)
                }
            });
        }
        let rs = signatures.iter().map(|signature| signature.r);
        self.encodings.extend(rs);
    }

    /// Which encodings are of points. In place of the others stands the identity.
    #[target_feature(enable = "avx512f")]
    fn decode(&mut self) -> Vec<bool> {
        let identity = Addend::identity();
        let mut are_points = Vec::with_capacity(self.encodings.len());
        self.points.clear();
        for sixteen in self.encodings.chunks(16) {
            let encoding = |place: usize| sixteen.get(place).unwrap_or(&sixteen[0]);
            let encodings =
                std::array::from_fn(|eight| std::array::from_fn(|lane| encoding(8 * eight + lane)));
            let decoded = Addend::decoded::<F>(self.proof, &encodings);
            let lanes = decoded.iter().flat_map(|(points, mask)| {
                let are_points = (0..8).map(move |lane| mask >> lane & 1 == 1);
                points.iter().zip(are_points)
            });
            for (point, is_point) in lanes.take(sixteen.len()) {
                are_points.push(is_point);
                self.points.push(if is_point { *point } else { identity });
            }
        }
        self.points.push(identity);
        are_points
    }

    /// With the term of each place in the part so often.
    fn sum_with(
        &mut self,
        signatures: &[Parsed],
        part: Range<usize>,
        count: impl Fn(usize) -> u128,
    ) -> Points<F> {
        self.choose_factors(signatures, part, count);
        let Self {
            proof,
            points,
            factors,
            summation,
            ..
        } = self;
        // SAFETY: there is the proof.
        unsafe { summation.sum(*proof, points, factors) }
    }

    fn choose_factors(
        &mut self,
        signatures: &[Parsed],
        part: Range<usize>,
        count: impl Fn(usize) -> u128,
    ) {
        let first_r = self.encodings.len() - signatures.len();
        self.factors.clear();
        self.of_keys.clear();
        self.of_keys.resize(first_r, Scalar::ZERO);
        let mut of_base = Scalar::ZERO;
        for (i, place) in part.enumerate() {
            let signature = &signatures[place];
            let short = u128::from_le_bytes(self.random[place]) * count(i);
            let z = Scalar::from(short);
            of_base -= z * signature.s;
            self.of_keys[self.keys[place]] += z * signature.k;
            let short = (first_r + place, short.to_le_bytes());
            self.factors.short.push(short);
        }
        self.of_keys[0] = of_base;
        for (place, factor) in self.of_keys.iter().enumerate() {
            if *factor != Scalar::ZERO {
                self.factors.long.push((place, factor.to_bytes()));
            }
        }
    }
}
