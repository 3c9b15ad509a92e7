//! The ids by which messages are known for replay protection.

use crate::MessageId;
use sealane_sdk::Pubkey;

/// Hashes messages to their ids.
///
/// A message that collides with another is refused as processed already. Its keys are secret, so
/// nobody can aim at another's message. All verifiers of a node must agree on them, so they are
/// derived from the one of the accounts' key hash.
///
/// One pass with two chains of folded multiplications, as wyhash has them, whose keys have nothing
/// in common: to cancel what a chain has gathered, one must know its key.
pub(super) struct MessageHasher([[u64; 4]; 2]);

impl MessageHasher {
    pub(super) fn new(secret: impl Fn(&Pubkey) -> u64) -> Self {
        let key = |i: u8| secret(&Pubkey::new_from_array([i; 32]));
        let keys = |first: u8| [key(first), key(first + 1), key(first + 2), key(first + 3)];
        Self([keys(0x51), keys(0x61)])
    }

    pub(super) fn id(&self, message: &[u8]) -> MessageId {
        let [a_keys, b_keys] = &self.0;
        let (mut a, mut b) = (a_keys[0], b_keys[0]);
        let mut absorb = |block: &[u8; 16]| {
            let block = u128::from_le_bytes(*block);
            let (low, high) = (block as u64, (block >> 64) as u64);
            a = folded_multiply(a ^ low, a_keys[1] ^ high);
            b = folded_multiply(b ^ low, b_keys[1] ^ high);
        };
        let (blocks, rest) = message.as_chunks();
        blocks.iter().for_each(&mut absorb);
        if !rest.is_empty() {
            // The last block overlaps the one before. The length, below, tells such messages apart.
            let mut last = [0; 16];
            match message.last_chunk() {
                Some(chunk) => last = *chunk,
                None => last[..message.len()].copy_from_slice(message),
            }
            absorb(&last);
        }
        let len = message.len() as u64;
        let finish = |chain: u64, keys: &[u64; 4]| {
            u128::from(folded_multiply(chain ^ keys[2], keys[3] ^ len))
        };
        finish(a, a_keys) << 64 | finish(b, b_keys)
    }
}

/// Both halves of the product, one upon the other.
fn folded_multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
