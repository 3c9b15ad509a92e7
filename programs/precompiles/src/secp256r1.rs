//! The secp256r1 precompile.

use crate::{Instructions, Offsets, slice};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use sealane_sdk::PrecompileError;

/// Signatures of an instruction, at most.
const SIGNATURES_MAX: usize = 8;
/// Bytes of a signature, r and s.
const SIGNATURE_BYTES: usize = 64;
/// Bytes of a compressed key.
const KEY_BYTES: usize = 33;
/// First byte of a compressed key, by the parity of its y. The crate takes others for keys of the same length.
const COMPRESSED: [u8; 2] = [2, 3];
/// Half of the curve's order, rounded down: the greatest s, so that nobody can make a second signature of one.
const S_MAX: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

pub(crate) fn verify<'a>(
    data: &'a [u8],
    instruction: Instructions<'_, 'a>,
) -> Result<(), PrecompileError> {
    if data.len() < Offsets::START {
        return Err(PrecompileError::InvalidInstructionDataSize);
    }
    let count = usize::from(data[0]);
    if !(1..=SIGNATURES_MAX).contains(&count) {
        return Err(PrecompileError::InvalidInstructionDataSize);
    }
    for offsets in Offsets::all(data, count)? {
        let signature = slice(data, instruction, offsets.signature, SIGNATURE_BYTES)?;
        let key = slice(data, instruction, offsets.key, KEY_BYTES)?;
        let message_bytes = usize::from(offsets.message_bytes);
        let message = slice(data, instruction, offsets.message, message_bytes)?;
        if signature[32..] > S_MAX[..] {
            return Err(PrecompileError::InvalidSignature);
        }
        // It refuses what is zero, or not below the order.
        let signature =
            Signature::from_slice(signature).map_err(|_| PrecompileError::InvalidSignature)?;
        if !COMPRESSED.contains(&key[0]) {
            return Err(PrecompileError::InvalidPublicKey);
        }
        let key =
            VerifyingKey::from_sec1_bytes(key).map_err(|_| PrecompileError::InvalidPublicKey)?;
        key.verify(message, &signature)
            .map_err(|_| PrecompileError::InvalidSignature)?;
    }
    Ok(())
}
