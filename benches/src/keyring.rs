//! The fee payers of a workload and how their transactions are signed.
//!
//! Keys cost some 15 µs each to make, so they are made only where signatures are checked. Otherwise a payer's
//! address is random bytes and a signature is filler that is different for every transaction. How real
//! signatures are made for a tenth of what they cost is in `signing`.

use crate::parallel::in_ranges;
use crate::random::SplitMix64;
use crate::signing::{Nonces, SigningKey};
use sealane_sdk::Pubkey;
use solana_keypair::Keypair;
use solana_signature::Signature;

const PURPOSE_SECRET: u64 = 0x5ec;
const PURPOSE_FILLER: u64 = 0xf11;

/// The fee payers, by number.
pub(crate) struct Keyring {
    seed: u64,
    keys: Vec<Pubkey>,
    signing: Option<Signing>,
}

/// What real signatures are made with.
struct Signing {
    keys: Vec<SigningKey>,
    nonces: Nonces,
}

impl Keyring {
    /// Makes `count` payers; with key pairs if their signatures will be checked.
    pub(crate) fn generate(seed: u64, count: u64, real_signatures: bool) -> Self {
        if !real_signatures {
            let keys = (0..count)
                .map(|i| address(seed, PURPOSE_SECRET, i))
                .collect();
            return Self {
                seed,
                keys,
                signing: None,
            };
        }
        let make = |i| SigningKey::from_secret(&address(seed, PURPOSE_SECRET, i).to_bytes());
        let signing: Vec<SigningKey> =
            in_ranges(count, |range| range.map(make).collect::<Vec<_>>())
                .into_iter()
                .flatten()
                .collect();
        Self {
            seed,
            keys: signing.iter().map(SigningKey::address).collect(),
            signing: Some(Signing {
                keys: signing,
                nonces: Nonces::new(seed),
            }),
        }
    }

    /// Number of payers.
    pub(crate) fn len(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Address of payer `i`.
    pub(crate) fn key(&self, i: u64) -> Pubkey {
        self.keys[i as usize]
    }

    /// Signature of payer `i` on the message of transaction `transaction`.
    pub(crate) fn sign(&self, i: u64, transaction: u64, message: &[u8]) -> Signature {
        match &self.signing {
            Some(signing) => signing.keys[i as usize].sign(signing.nonces.nonce(i), message),
            None => {
                let mut filler = [0; 64];
                SplitMix64::new(self.seed, PURPOSE_FILLER, transaction).fill(&mut filler);
                Signature::from(filler)
            }
        }
    }
}

/// The key pair of payer `i` of a ring with real signatures.
pub(crate) fn keypair(seed: u64, i: u64) -> Keypair {
    Keypair::new_from_array(address(seed, PURPOSE_SECRET, i).to_bytes())
}

/// The address that stands for item `index` of `purpose`: random bytes, for accounts that never sign.
pub(crate) fn address(seed: u64, purpose: u64, index: u64) -> Pubkey {
    let mut bytes = [0; 32];
    SplitMix64::new(seed, purpose, index).fill(&mut bytes);
    Pubkey::new_from_array(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_signer::Signer;

    #[test]
    fn real_signatures_verify_and_fillers_are_unique() {
        let ring = Keyring::generate(3, 4, true);
        let signature = ring.sign(2, 9, b"message");
        assert!(signature.verify(ring.key(2).as_ref(), b"message"));
        assert_eq!(keypair(3, 2).pubkey(), ring.key(2));

        let ring = Keyring::generate(3, 4, false);
        assert_ne!(ring.sign(2, 9, b"message"), ring.sign(2, 10, b"message"));
        assert_ne!(ring.key(0), ring.key(1));
    }
}
