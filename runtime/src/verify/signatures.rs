//! Ed25519 by one rule, whether a signature is checked alone or among others.
//!
//! The rule: ZIP-215 (`8sB = 8R + 8kA`, S canonical, A and R any encoding of a point) and neither A
//! nor R of small order. A batch is only sound with the cofactor, so single checks have it as well;
//! without small orders every signature still binds its key and its message. `docs/differences.md`
//! compares with Solana.
//!
//! A batch that does not hold is checked in groups, and a group that does not hold one by one. So a
//! batch with one bad signature costs about twice a good one, and one full of them about twice as
//! much as checking all one by one.

#[cfg(test)]
mod tests;

use ed25519_zebra::batch::{self, Item};
use ed25519_zebra::{Signature as ZebraSignature, VerificationKeyBytes};
use sealane_sdk::Pubkey;
use solana_signature::Signature;

/// Signatures checked at once, at most: what a bulk sender hands in at a time. A signature costs
/// the less the more there are, 7 % less among 256 than among 128.
const BATCH_MAX: usize = 256;
/// Signatures of a bad batch that are checked at once.
const GROUP_MAX: usize = 16;
/// Fewer than this are cheaper to check alone.
const BATCH_MIN: usize = 4;

/// Collects signatures and checks them together. Its buffer is kept between batches.
#[derive(Default)]
pub(super) struct SignatureChecker {
    items: Vec<(u32, Item)>,
}

impl SignatureChecker {
    /// Adds the signatures of transaction `owner`; `false`: one is bad at first sight and none is
    /// added.
    pub(super) fn add(
        &mut self,
        owner: u32,
        signatures: &[Signature],
        keys: &[Pubkey],
        message: &[u8],
    ) -> bool {
        let before = self.items.len();
        for (signature, key) in signatures.iter().zip(keys) {
            let Some(item) = item(signature.as_array(), key.as_array(), message) else {
                self.items.truncate(before);
                return false;
            };
            self.items.push((owner, item));
        }
        true
    }

    /// Checks what was added and forgets it. `refuse` hears of each bad signature's owner, perhaps
    /// twice.
    pub(super) fn check(&mut self, mut refuse: impl FnMut(u32)) {
        for batch in self.items.chunks(BATCH_MAX) {
            if holds(batch) {
                continue;
            }
            for group in batch.chunks(GROUP_MAX) {
                if batch.len() > GROUP_MAX && holds(group) {
                    continue;
                }
                for (owner, item) in group {
                    if item.clone().verify_single().is_err() {
                        refuse(*owner);
                    }
                }
            }
        }
        self.items.clear();
    }
}

/// What a check needs of a signature; `None` if it is refused without arithmetic.
fn item(signature: &[u8; 64], key: &[u8; 32], message: &[u8]) -> Option<Item> {
    let parsed = ZebraSignature::from(*signature);
    if has_small_order(key) || has_small_order(parsed.r_bytes()) || !is_canonical(parsed.s_bytes())
    {
        return None;
    }
    Some(Item::from((
        VerificationKeyBytes::from(*key),
        parsed,
        message,
    )))
}

/// Whether all hold, by one equation. `false` says nothing if there are too few for a batch to pay.
fn holds(items: &[(u32, Item)]) -> bool {
    if items.len() < BATCH_MIN {
        return false;
    }
    let mut verifier = batch::Verifier::new();
    for (_, item) in items {
        verifier.queue(item.clone());
    }
    verifier.verify(rand_v10::rng()).is_ok()
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

/// The order of the base point, 2^252 + 27742317777372353535851937790883648493.
const ORDER: [u64; 4] = [
    0x5812_631a_5cf5_d3ed,
    0x14de_f9de_a2f7_9cd6,
    0,
    0x1000_0000_0000_0000,
];

/// Whether S is below the order: one signature has one encoding. Zebra checks it again, but only
/// once the batch is under way, which then fails as a whole.
fn is_canonical(s: &[u8; 32]) -> bool {
    let s = words(s);
    s.iter().rev().lt(ORDER.iter().rev())
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
