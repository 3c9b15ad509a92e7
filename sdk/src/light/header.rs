//! The header of a slot's block.

use super::{Domain, ProofError};
use crate::{Hash, Pubkey};
use solana_signature::Signature;

/// Bytes of a header.
pub const SLOT_HEADER_BYTES: usize = 152;

/// What a slot's signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotHeader {
    /// The slot.
    pub slot: u64,
    /// Hash of the header of the slot before it; for slot 0 the genesis hash.
    pub parent: Hash,
    /// Its nominal time: Unix seconds.
    pub unix_timestamp: i64,
    /// Its blockhash.
    pub blockhash: Hash,
    /// Root of its transactions: signatures and results, in order.
    pub transactions_root: Hash,
    /// Charged transactions in it.
    pub transaction_count: u64,
    /// Root of all accounts at its end.
    pub state_root: Hash,
}

impl SlotHeader {
    /// Its bytes, numbers little-endian: slot (8), parent (32), time (8), blockhash (32), transactions'
    /// root (32), count (8), state root (32).
    pub fn to_bytes(&self) -> [u8; SLOT_HEADER_BYTES] {
        let mut bytes = [0; SLOT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.slot.to_le_bytes());
        bytes[8..40].copy_from_slice(self.parent.as_bytes());
        bytes[40..48].copy_from_slice(&self.unix_timestamp.to_le_bytes());
        bytes[48..80].copy_from_slice(self.blockhash.as_bytes());
        bytes[80..112].copy_from_slice(self.transactions_root.as_bytes());
        bytes[112..120].copy_from_slice(&self.transaction_count.to_le_bytes());
        bytes[120..].copy_from_slice(self.state_root.as_bytes());
        bytes
    }

    /// The header with these bytes: any 152 bytes are one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        let bytes: &[u8; SLOT_HEADER_BYTES] = bytes.try_into().map_err(|_| ProofError::Length)?;
        Ok(Self {
            slot: u64::from_le_bytes(part(bytes, 0)),
            parent: Hash::new_from_array(part(bytes, 8)),
            unix_timestamp: i64::from_le_bytes(part(bytes, 40)),
            blockhash: Hash::new_from_array(part(bytes, 48)),
            transactions_root: Hash::new_from_array(part(bytes, 80)),
            transaction_count: u64::from_le_bytes(part(bytes, 112)),
            state_root: Hash::new_from_array(part(bytes, 120)),
        })
    }

    /// Its hash: what is signed, and what the next header names as its parent.
    pub fn hash(&self) -> Hash {
        Domain::Header.hash(&self.to_bytes())
    }
}

fn part<const N: usize>(bytes: &[u8; SLOT_HEADER_BYTES], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

/// Whether `identity` signed this header.
pub fn verify_header(
    header: &SlotHeader,
    signature: &Signature,
    identity: &Pubkey,
) -> Result<(), ProofError> {
    if signature.verify(identity.as_array(), header.hash().as_bytes()) {
        Ok(())
    } else {
        Err(ProofError::WrongSignature)
    }
}
