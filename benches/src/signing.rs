//! Signatures for workloads: as real, and as dear to check, as any, for a tenth of what making one costs.
//!
//! Of what an Ed25519 signature (RFC 8032, 5.1.6) costs, the most is the point `R = rB`, whose `r` must be
//! different for each message that a key signs: who sees two signatures with one `r` can tell the secret key. The
//! secrets of a workload follow from its seed and are none. So a few `R` are made beforehand, and a signature is
//! a hash and one multiplication. Never sign anything else so.

use crate::random::SplitMix64;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use sealane_sdk::Pubkey;
use sha2::{Digest, Sha512};
use solana_signature::Signature;

const PURPOSE_NONCE: u64 = 0x2075;

/// So many that no batch that is checked together has one often.
const NONCES: u64 = 1_024;

/// A secret key, and the address that belongs to it.
pub(crate) struct SigningKey {
    scalar: Scalar,
    address: Pubkey,
}

/// `r` and `R`, for signatures with any key.
pub(crate) struct Nonce {
    scalar: Scalar,
    point: [u8; 32],
}

/// Nonces, by number.
pub(crate) struct Nonces(Vec<Nonce>);

impl Nonces {
    pub(crate) fn new(seed: u64) -> Self {
        let make = |i| {
            let mut wide = [0; 64];
            SplitMix64::new(seed, PURPOSE_NONCE, i).fill(&mut wide);
            let scalar = Scalar::from_bytes_mod_order_wide(&wide);
            Nonce {
                scalar,
                point: EdwardsPoint::mul_base(&scalar).compress().to_bytes(),
            }
        };
        Self((0..NONCES).map(make).collect())
    }

    /// That of item `i`, which shares it with others.
    pub(crate) fn nonce(&self, i: u64) -> &Nonce {
        &self.0[(i % NONCES) as usize]
    }
}

impl SigningKey {
    /// The key of a secret of 32 bytes, the first half of a `Keypair`.
    pub(crate) fn from_secret(secret: &[u8; 32]) -> Self {
        let hash: [u8; 64] = Sha512::digest(secret).into();
        let (half, _) = hash.split_first_chunk().expect("a hash has two halves");
        let scalar = Scalar::from_bytes_mod_order(clamp_integer(*half));
        let point = EdwardsPoint::mul_base(&scalar).compress();
        Self {
            scalar,
            address: Pubkey::new_from_array(point.to_bytes()),
        }
    }

    pub(crate) fn address(&self) -> Pubkey {
        self.address
    }

    /// `R` and `S = r + H(R, A, M) a`.
    pub(crate) fn sign(&self, nonce: &Nonce, message: &[u8]) -> Signature {
        let hash = Sha512::new()
            .chain_update(nonce.point)
            .chain_update(self.address)
            .chain_update(message)
            .finalize();
        let challenge = Scalar::from_bytes_mod_order_wide(&hash.into());
        let s = nonce.scalar + challenge * self.scalar;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&nonce.point);
        signature[32..].copy_from_slice(s.as_bytes());
        Signature::from(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    #[test]
    fn signatures_verify_under_the_address_of_the_key_pair() {
        let nonces = Nonces::new(5);
        for i in 0..40 {
            let secret = [i as u8; 32];
            let key = SigningKey::from_secret(&secret);
            assert_eq!(key.address(), Keypair::new_from_array(secret).pubkey());
            let message = vec![7; i as usize * 9];
            let signature = key.sign(nonces.nonce(i), &message);
            assert!(signature.verify(key.address().as_ref(), &message));
            assert!(!signature.verify(key.address().as_ref(), b"another"));
        }
    }
}
