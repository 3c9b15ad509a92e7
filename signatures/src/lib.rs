//! Ed25519 by one rule, whether a signature is checked alone or among others.
//!
//! The rule: ZIP-215 (`8sB = 8R + 8kA`, S canonical, A and R any encoding of a point) and neither A
//! nor R of small order. A batch is only sound with the cofactor, so single checks have it as well;
//! without small orders every signature still binds its key and its message. `docs/differences.md`
//! compares with Solana.
//!
//! A batch is one equation. From 12 signatures on, a processor with AVX-512 sums it up by `lanes`, eight points at a
//! time; otherwise curve25519-dalek does. That one signature does not hold is always for dalek to say.
//!
//! A batch that does not hold is halved until the bad ones are found. Only the first half is summed up again: what the
//! second one comes to is the difference. Where one half holds, another sum of the other one says which is bad, if it is
//! one alone. So where one is bad, twice as many signatures are summed up at most. Where there are more, the halving
//! ends after some sums, and what is left is checked one by one.
//!
//! This crate knows bytes. It knows no transactions, and no threads.

#[cfg_attr(not(target_arch = "x86_64"), path = "no_lanes.rs")]
mod lanes;
mod portable;
#[cfg(test)]
mod tests;

use curve25519_dalek::traits::Identity;
use curve25519_dalek::{EdwardsPoint, Scalar};
use lanes::Lanes;
use portable::Portable;
use sha2::{Digest, Sha512};
use std::collections::VecDeque;
use std::ops::Range;

/// Signatures checked at once, at most. A signature costs the less the more there are.
pub const BATCH_MAX: usize = 512;
/// Fewer than this are cheaper to check alone.
const BATCH_MIN: usize = 4;
/// So many are checked alone rather than halved again.
const ALONE_MAX: usize = 4;
/// Fewer cost less by curve25519-dalek's sum than by eight lanes, which add up rows of a fixed number.
const LANES_MIN: usize = 12;
/// Fewer are hashed one by one.
const HASHED_MIN: usize = 3;
/// After so many sums, the whole batch's among them, what is left is checked alone.
const PARTS_MAX: usize = 16;

/// Collects signatures and checks them together. Its buffers are kept between batches.
pub struct SignatureChecker {
    added: Vec<Added>,
    /// One after the other.
    messages: Vec<u8>,
    parsed: Vec<Parsed>,
    /// R, key and message of each of eight.
    hashed: [Vec<u8>; 8],
    lanes: Option<Lanes>,
    portable: Portable,
}

/// A signature that is not bad at first sight.
struct Added {
    owner: u32,
    key: [u8; 32],
    r: [u8; 32],
    s: Scalar,
    /// Where its message is.
    message: Range<usize>,
}

/// What a check needs of a signature.
#[derive(Clone, Copy)]
struct Parsed {
    key: [u8; 32],
    r: [u8; 32],
    s: Scalar,
    /// SHA-512 of R, the key and the message.
    k: Scalar,
}

impl Default for SignatureChecker {
    fn default() -> Self {
        Self::with(Lanes::found())
    }
}

impl SignatureChecker {
    fn with(lanes: Option<Lanes>) -> Self {
        Self {
            added: Vec::new(),
            messages: Vec::new(),
            parsed: Vec::new(),
            hashed: [const { Vec::new() }; 8],
            lanes,
            portable: Portable::default(),
        }
    }

    /// Adds the signatures of `owner`, each with its key; `false`: one is bad at first sight and none is added.
    pub fn add<'a>(
        &mut self,
        owner: u32,
        signatures: impl IntoIterator<Item = (&'a [u8; 64], &'a [u8; 32])>,
        message: &[u8],
    ) -> bool {
        let (before, begin) = (self.added.len(), self.messages.len());
        let place = begin..begin + message.len();
        for (signature, key) in signatures {
            let Some(added) = Added::new(owner, signature, key, place.clone()) else {
                self.added.truncate(before);
                return false;
            };
            self.added.push(added);
        }
        self.messages.extend_from_slice(message);
        true
    }

    /// Checks what was added and forgets it. `refuse` hears of each bad signature's owner, perhaps
    /// twice.
    pub fn check(&mut self, mut refuse: impl FnMut(u32)) {
        self.hash();
        assert_eq!(self.parsed.len(), self.added.len());
        let batches = self.parsed.chunks(BATCH_MAX);
        for (parsed, added) in batches.zip(self.added.chunks(BATCH_MAX)) {
            let refuse = |place: usize| refuse(added[place].owner);
            match &mut self.lanes {
                Some(lanes) if parsed.len() >= LANES_MIN => lanes.find_bad(parsed, refuse),
                _ if parsed.len() >= BATCH_MIN => find_bad(&mut self.portable, parsed, refuse),
                _ => refuse_alone(&mut self.portable, parsed, 0..parsed.len(), refuse),
            }
        }
        self.added.clear();
        self.messages.clear();
    }

    /// Finds each k.
    fn hash(&mut self) {
        self.parsed.clear();
        for eight in self.added.chunks(8) {
            for (bytes, added) in self.hashed.iter_mut().zip(eight) {
                bytes.clear();
                for part in [&added.r, &added.key, &self.messages[added.message.clone()]] {
                    bytes.extend_from_slice(part);
                }
            }
            let hashed = &self.hashed[..eight.len()];
            match &self.lanes {
                Some(lanes) if hashed.len() >= HASHED_MIN => {
                    let messages = std::array::from_fn(|i| &hashed[i % hashed.len()][..]);
                    let hashes = lanes.sha512(messages);
                    let parsed = eight.iter().zip(&hashes);
                    self.parsed
                        .extend(parsed.map(|(added, hash)| added.parsed(hash)));
                }
                _ => {
                    let parsed = eight.iter().zip(hashed);
                    self.parsed.extend(
                        parsed.map(|(added, bytes)| added.parsed(&Sha512::digest(bytes).into())),
                    );
                }
            }
        }
    }
}

impl Added {
    /// `None` if it is refused without arithmetic.
    fn new(
        owner: u32,
        signature: &[u8; 64],
        key: &[u8; 32],
        message: Range<usize>,
    ) -> Option<Self> {
        let (r, s) = signature.split_at(32);
        let (r, s): ([u8; 32], [u8; 32]) = (r.try_into().ok()?, s.try_into().ok()?);
        if has_small_order(key) || has_small_order(&r) {
            return None;
        }
        Some(Self {
            owner,
            key: *key,
            r,
            s: Option::from(Scalar::from_canonical_bytes(s))?,
            message,
        })
    }

    fn parsed(&self, hash: &[u8; 64]) -> Parsed {
        Parsed {
            key: self.key,
            r: self.r,
            s: self.s,
            k: Scalar::from_bytes_mod_order_wide(hash),
        }
    }
}

/// Sums of the terms zᵢ Eᵢ of a part of a batch, where Eᵢ = Rᵢ + kᵢ Aᵢ - sᵢ B, with a random zᵢ for each signature
/// of the batch: of small order where all hold, and, but for a negligible chance, only there.
trait Sums {
    type Sum: Copy;

    /// Begins a batch. `refuse` hears the places of those of which the key or R is no point: they count as 0 in all sums.
    fn start(&mut self, signatures: &[Parsed], refuse: &mut impl FnMut(usize));
    fn sum(&mut self, signatures: &[Parsed], part: Range<usize>) -> Self::Sum;
    /// With each term as often as its place in the part says, the first once. Of parts up to `BATCH_MAX / 2`.
    fn sum_by_place(&mut self, signatures: &[Parsed], part: Range<usize>) -> Self::Sum;
    fn difference(of: Self::Sum, and: Self::Sum) -> Self::Sum;
    fn has_small_order(of: Self::Sum) -> bool;
    /// `None`: arithmetic went wrong.
    fn points(of: [Self::Sum; 2]) -> Option<[EdwardsPoint; 2]>;

    /// Whether one holds by itself.
    fn holds(&mut self, signature: &Parsed) -> bool {
        portable::holds(signature)
    }
}

/// Tells `refuse` the places of the bad ones.
fn find_bad<S: Sums>(sums: &mut S, signatures: &[Parsed], mut refuse: impl FnMut(usize)) {
    sums.start(signatures, &mut refuse);
    let all = 0..signatures.len();
    let sum = sums.sum(signatures, all.clone());
    if S::has_small_order(sum) {
        return;
    }
    let mut parts = 1;
    let mut may_be_lone = true;
    // The largest first, so that what is checked alone in the end is in small parts.
    let mut bad = VecDeque::from([(sum, all)]);
    while let Some((sum, part)) = bad.pop_front() {
        if part.len() <= ALONE_MAX || parts >= PARTS_MAX {
            refuse_alone(sums, signatures, part, &mut refuse);
            continue;
        }
        let middle = part.start + part.len() / 2;
        let (first, second) = (part.start..middle, middle..part.end);
        parts += 1;
        let of_first = sums.sum(signatures, first.clone());
        let halves = [(of_first, first), (S::difference(sum, of_first), second)];
        let known = bad.len();
        bad.extend(halves.into_iter().filter(|it| !S::has_small_order(it.0)));
        match bad.len() - known {
            // Which cannot be.
            0 => refuse_alone(sums, signatures, part, &mut refuse),
            1 if may_be_lone && bad[known].1.len() > ALONE_MAX => {
                may_be_lone = false;
                let (sum, part) = &bad[known];
                if let Some(place) = find_lone(sums, signatures, *sum, part.clone()) {
                    bad.truncate(known);
                    refuse(place);
                }
            }
            _ => {}
        }
    }
}

/// The place of the only bad one of a part, if it is one alone.
///
/// If it is number n in the part, counted from 1, `sum_by_place` is n times the sum, but for small orders. If it were so
/// with others bad, the sum of (i - n) zᵢ Eᵢ would be of small order, for one of the numbers n: by chance, 256 times as
/// likely as that a bad batch seems to hold.
fn find_lone<S: Sums>(
    sums: &mut S,
    signatures: &[Parsed],
    sum: S::Sum,
    part: Range<usize>,
) -> Option<usize> {
    let by_place = sums.sum_by_place(signatures, part.clone());
    let [once, by_place] = S::points([sum, by_place])?;
    let count = multiple_of(
        once.mul_by_cofactor(),
        by_place.mul_by_cofactor(),
        part.len(),
    )?;
    let place = part.start + count.checked_sub(1)?;
    (!sums.holds(&signatures[place])).then_some(place)
}

/// How often `base` makes `multiple`, if not more than `most` times: the latter less some giant steps is some baby steps.
fn multiple_of(base: EdwardsPoint, multiple: EdwardsPoint, most: usize) -> Option<usize> {
    let step = most.isqrt() + 1;
    let walk = |from: EdwardsPoint, by: EdwardsPoint| {
        let points = std::iter::successors(Some(from), |point| Some(point + by)).take(step);
        EdwardsPoint::compress_batch_alloc(&points.collect::<Vec<_>>())
    };
    let baby = walk(EdwardsPoint::identity(), base);
    let giant = walk(multiple, -base * Scalar::from(step as u64));
    let mut found = giant.iter().enumerate().filter_map(|(giant, rest)| {
        let baby = baby.iter().position(|baby| baby == rest)?;
        Some(giant * step + baby)
    });
    found.next().filter(|count| *count <= most)
}

/// Checks each of a part by itself.
fn refuse_alone<S: Sums>(
    sums: &mut S,
    signatures: &[Parsed],
    part: Range<usize>,
    mut refuse: impl FnMut(usize),
) {
    for place in part {
        if !sums.holds(&signatures[place]) {
            refuse(place);
        }
    }
}

/// Little-endian 64-bit words, lowest first.
const fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    let mut i = 0;
    while i < 32 {
        words[i / 8] |= (bytes[i] as u64) << (8 * (i % 8));
        i += 1;
    }
    words
}

/// Field prime minus `n`, for small `n`.
const fn prime_minus(n: u64) -> [u64; 4] {
    [0xffff_ffff_ffff_ffed - n, u64::MAX, u64::MAX, u64::MAX >> 1]
}

/// The y coordinates of the eight points of small order, with the encodings of 0 and 1 that are not
/// reduced. The sign bit is apart: with it the list is all 14 encodings.
const SMALL_ORDER_Y: [[u64; 4]; 7] = [
    [0, 0, 0, 0],
    [1, 0, 0, 0],
    EIGHTH_Y,
    {
        // The other pair of order 8 has the negative of it.
        let p = prime_minus(0);
        let (w0, borrow0) = p[0].overflowing_sub(EIGHTH_Y[0]);
        let (w1, borrow1) = p[1].overflowing_sub(EIGHTH_Y[1]);
        assert!(!borrow1, "the second word of the prime is all ones");
        let w1 = w1 - borrow0 as u64;
        [w0, w1, p[2] - EIGHTH_Y[2], p[3] - EIGHTH_Y[3]]
    },
    prime_minus(1),
    prime_minus(0),
    [0xffff_ffff_ffff_ffee, u64::MAX, u64::MAX, u64::MAX >> 1],
];

/// y of a point of order 8.
const EIGHTH_Y: [u64; 4] = words(&[
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
]);

/// Whether the bytes encode, canonically or not, a point whose order divides 8.
fn has_small_order(encoding: &[u8; 32]) -> bool {
    let mut y = words(encoding);
    y[3] &= u64::MAX >> 1;
    SMALL_ORDER_Y.contains(&y)
}
