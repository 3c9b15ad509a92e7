//! What a leaf of the state's tree says of an account.

use super::Domain;
use crate::{AccountState, Hash, Pubkey};

/// BLAKE3 of no bytes: the data hash of an account without data.
pub const EMPTY_DATA_HASH: Hash = Hash::new_from_array([
    0xaf, 0x13, 0x49, 0xb9, 0xf5, 0xf9, 0xa1, 0xa6, 0xa0, 0x40, 0x4d, 0xea, 0x36, 0xdc, 0xc9, 0x49,
    0x9b, 0xcb, 0x25, 0xc9, 0xad, 0xc1, 0x12, 0xb7, 0xcc, 0x9a, 0x93, 0xca, 0xe4, 0x1f, 0x32, 0x62,
]);

/// An account but for its address, with its data by hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountContents {
    /// Balance in lamports, not 0.
    pub lamports: u64,
    /// The program that owns it.
    pub owner: Pubkey,
    /// Whether it holds a program.
    pub executable: bool,
    /// Plain BLAKE3 of its data, as `b3sum` prints it.
    pub data_hash: Hash,
}

impl AccountContents {
    /// Those of an account; `None` if it does not exist. Linear in the data: an account that changed in one
    /// page of a thousand is hashed whole.
    pub fn of(state: &AccountState) -> Option<Self> {
        if state.is_absent() {
            return None;
        }
        Some(Self {
            lamports: state.lamports,
            owner: state.owner,
            executable: state.executable,
            data_hash: data_hash(state),
        })
    }

    /// What is hashed: lamports (8, little-endian), executable (1: 0 or 1), zeros (23), owner (32), hash of
    /// the data (32), zeros (32). Two whole blocks, so that many are hashed at once.
    #[inline]
    pub fn to_bytes(&self) -> [u8; 128] {
        let mut bytes = [0; 128];
        // In one piece: of a single byte among others the compiler makes copies that wait for each other.
        let head = u128::from(self.lamports) | u128::from(self.executable) << 64;
        bytes[..16].copy_from_slice(&head.to_le_bytes());
        bytes[32..64].copy_from_slice(self.owner.as_array());
        bytes[64..96].copy_from_slice(self.data_hash.as_bytes());
        bytes
    }

    /// Their hash: what an [`AccountProof`](super::AccountProof) proves.
    pub fn hash(&self) -> Hash {
        Domain::AccountContents.hash(&self.to_bytes())
    }
}

fn data_hash(state: &AccountState) -> Hash {
    let mut pages = state.data.pages();
    let hash = match (pages.next(), pages.next()) {
        (None, _) => return EMPTY_DATA_HASH,
        (Some(only), None) => blake3::hash(only),
        (Some(first), Some(second)) => {
            let mut hasher = blake3::Hasher::new();
            hasher.update(first).update(second);
            pages.for_each(|page| _ = hasher.update(page));
            hasher.finalize()
        }
    };
    Hash::new_from_array(*hash.as_bytes())
}
