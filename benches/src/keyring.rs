//! The fee payers of a workload and how their transactions are signed.
//!
//! Real key pairs cost some 15 µs each to make and as much per signature, so they are made only where
//! signatures are checked. Otherwise a payer's address is random bytes and a signature is filler that is
//! different for every transaction.

use crate::parallel::in_ranges;
use crate::random::SplitMix64;
use sealane_sdk::Pubkey;
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;

const PURPOSE_SECRET: u64 = 0x5ec;
const PURPOSE_FILLER: u64 = 0xf11;

/// The fee payers, by number.
pub(crate) struct Keyring {
    seed: u64,
    keys: Vec<Pubkey>,
    keypairs: Option<Vec<Keypair>>,
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
                keypairs: None,
            };
        }
        let make = |i| Keypair::new_from_array(address(seed, PURPOSE_SECRET, i).to_bytes());
        let keypairs: Vec<Keypair> = in_ranges(count, |range| range.map(make).collect::<Vec<_>>())
            .into_iter()
            .flatten()
            .collect();
        let keys = keypairs.iter().map(Signer::pubkey).collect();
        Self {
            seed,
            keys,
            keypairs: Some(keypairs),
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

    /// The key pair of the only payer of a ring with key pairs.
    pub(crate) fn into_only(self) -> Keypair {
        let keypair = self.keypairs.and_then(|mut keypairs| keypairs.pop());
        keypair.expect("it was made with key pairs, for at least one")
    }

    /// Signature of payer `i` on the message of transaction `transaction`.
    pub(crate) fn sign(&self, i: u64, transaction: u64, message: &[u8]) -> Signature {
        match &self.keypairs {
            Some(keypairs) => keypairs[i as usize].sign_message(message),
            None => {
                let mut filler = [0; 64];
                SplitMix64::new(self.seed, PURPOSE_FILLER, transaction).fill(&mut filler);
                Signature::from(filler)
            }
        }
    }
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

    #[test]
    fn real_signatures_verify_and_fillers_are_unique() {
        let ring = Keyring::generate(3, 4, true);
        let signature = ring.sign(2, 9, b"message");
        assert!(signature.verify(ring.key(2).as_ref(), b"message"));

        let ring = Keyring::generate(3, 4, false);
        assert_ne!(ring.sign(2, 9, b"message"), ring.sign(2, 10, b"message"));
        assert_ne!(ring.key(0), ring.key(1));
    }
}
