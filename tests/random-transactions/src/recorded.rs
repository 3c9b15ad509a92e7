//! What Agave made of random transactions, in a file: enough to tell whether Sealane still comes to the same.
//!
//! An answer is a digest. Where one differs, Agave itself has to be asked what it was (`tests/differential/run.sh
//! --whole` with the same seed).

use crate::Answer;
use sealane_sdk::AccountState;
use serde::{Deserialize, Serialize};

/// A recording.
#[derive(Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// What answered.
    pub by: String,
    /// Seed of the generator.
    pub seed: u64,
    /// What became of each transaction.
    pub answers: Vec<u64>,
}

impl Recorded {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// They are not a recording.
    pub fn read(bytes: &[u8]) -> bincode::Result<Self> {
        bincode::deserialize(bytes)
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        bincode::serialize(self).expect("it can be written to memory")
    }
}

/// Of an answer and the accounts that the transaction names, after it: the 64-bit FNV-1a hash, with the length of each
/// part. It tells what is different, and withstands nobody.
pub fn digest(answer: &Answer, accounts: impl Iterator<Item = AccountState>) -> u64 {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&bytes.len().to_le_bytes()) {
            digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    add(format!("{answer:?}").as_bytes());
    for state in accounts {
        add(&state.lamports.to_le_bytes());
        add(state.owner.as_ref());
        add(&[u8::from(state.executable)]);
        add(state.data.as_slice());
    }
    digest
}
