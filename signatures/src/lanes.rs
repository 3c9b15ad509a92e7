//! Many signatures by one equation, eight of everything at a time: for processors with AVX-512.
//!
//! 8 (Σ zᵢ Rᵢ + Σ zᵢ kᵢ Aᵢ - (Σ zᵢ sᵢ) B) = 0, with a random zᵢ of 127 bits for each signature. If one of them does not
//! hold, the sum is what it should be with a probability of 2^-127 at most.
//!
//! Only here and below is arithmetic of our own. It decides that a part of a batch holds, and which bytes are no point;
//! which signature of a part does not hold is for curve25519-dalek to say.
//!
//! # Unsafe
//!
//! Calls of what is compiled for AVX-512, each right behind the question whether the processor has it.

#![allow(unsafe_code)]

mod field;
mod point;
mod sha512;
mod sum;

use crate::{Parsed, Sums};
use ahash::AHashMap;
use curve25519_dalek::Scalar;
use curve25519_dalek::constants::ED25519_BASEPOINT_COMPRESSED;
use point::{Addend, Points};
use rand_v10::Rng;
use std::collections::hash_map::Entry;
use std::ops::Range;
use sum::{Factors, Summation};

/// Whether this processor can.
pub(crate) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
}

/// The hashes of eight messages. The processor must be able to.
pub(crate) fn sha512(messages: [&[u8]; 8]) -> [[u8; 64]; 8] {
    assert!(is_available(), "the processor has AVX-512");
    // SAFETY: it has, as was just asked.
    unsafe { sha512::sha512(messages) }
}

/// Buffers that are kept between batches. The processor must be able to (`is_available`).
#[derive(Default)]
pub(crate) struct Lanes {
    /// The base point's, then that of each key, then of each R.
    encodings: Vec<[u8; 32]>,
    /// The same as points, then the identity.
    points: Vec<Addend>,
    /// Where each signature's key is, whoever and how often signed with it.
    keys: Vec<usize>,
    places: AHashMap<[u8; 32], usize>,
    /// Random factors of 127 bits; 0 where the key or R is no point.
    random: Vec<[u8; 16]>,
    /// By place of the key.
    of_keys: Vec<Scalar>,
    factors: Factors,
    summation: Summation,
}

impl Sums for Lanes {
    type Sum = Points;

    fn start(&mut self, signatures: &[Parsed], refuse: &mut impl FnMut(usize)) {
        self.find_keys(signatures);
        self.random.clear();
        self.random.resize(signatures.len(), [0; 16]);
        rand_v10::rng().fill_bytes(self.random.as_flattened_mut());
        assert!(is_available(), "the processor has AVX-512");
        // SAFETY: it has, as was just asked.
        let are_points = unsafe { self.decode() };
        let first_r = self.encodings.len() - signatures.len();
        for (place, random) in self.random.iter_mut().enumerate() {
            random[15] &= 0x7f;
            if !are_points[self.keys[place]] || !are_points[first_r + place] {
                *random = [0; 16];
                refuse(place);
            }
        }
    }

    fn sum(&mut self, signatures: &[Parsed], part: Range<usize>) -> Points {
        self.choose_factors(signatures, part);
        assert!(is_available(), "the processor has AVX-512");
        // SAFETY: it has, as was just asked.
        unsafe { self.summation.sum(&self.points, &self.factors) }
    }

    fn difference(of: Points, and: Points) -> Points {
        assert!(is_available(), "the processor has AVX-512");
        // SAFETY: it has, as was just asked.
        unsafe { of.difference(&and) }
    }

    fn has_small_order(of: Points) -> bool {
        assert!(is_available(), "the processor has AVX-512");
        // SAFETY: it has, as was just asked.
        unsafe { of.have_small_order() & 1 == 1 }
    }
}

impl Lanes {
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
        for eight in self.encodings.chunks(8) {
            let encodings = std::array::from_fn(|lane| eight.get(lane).unwrap_or(&eight[0]));
            let (points, mask) = Addend::decoded(encodings);
            for (lane, point) in points.iter().enumerate().take(eight.len()) {
                let is_point = mask >> lane & 1 == 1;
                are_points.push(is_point);
                self.points.push(if is_point { *point } else { identity });
            }
        }
        self.points.push(identity);
        are_points
    }

    fn choose_factors(&mut self, signatures: &[Parsed], part: Range<usize>) {
        let first_r = self.encodings.len() - signatures.len();
        self.factors.clear();
        self.of_keys.clear();
        self.of_keys.resize(first_r, Scalar::ZERO);
        let mut of_base = Scalar::ZERO;
        for place in part {
            let (signature, random) = (&signatures[place], self.random[place]);
            let z = Scalar::from(u128::from_le_bytes(random));
            of_base -= z * signature.s;
            self.of_keys[self.keys[place]] += z * signature.k;
            self.factors.short.push((first_r + place, random));
        }
        self.of_keys[0] = of_base;
        for (place, factor) in self.of_keys.iter().enumerate() {
            if *factor != Scalar::ZERO {
                self.factors.long.push((place, factor.to_bytes()));
            }
        }
    }
}
