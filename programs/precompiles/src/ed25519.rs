//! The ed25519 precompile.

use crate::{Instructions, Offsets, slice};
use ed25519_dalek::{PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH, Signature, VerifyingKey};
use sealane_sdk::PrecompileError;

/// The upper bits of the last byte that no signature has whose S is reduced.
const UNREDUCED_BITS: u8 = 0b1110_0000;

/// Agave checks with ed25519-dalek 1.0.1. Its strict rule and that of later versions differ only for an R in an
/// encoding that is not reduced, of which nobody knows the logarithm that a signature with it takes.
pub(crate) fn verify<'a>(
    data: &'a [u8],
    instruction: Instructions<'_, 'a>,
) -> Result<(), PrecompileError> {
    if data.len() < Offsets::START {
        return Err(PrecompileError::InvalidInstructionDataSize);
    }
    let count = usize::from(data[0]);
    if count == 0 && data.len() > Offsets::START {
        return Err(PrecompileError::InvalidInstructionDataSize);
    }
    for offsets in Offsets::all(data, count)? {
        let signature = slice(data, instruction, offsets.signature, SIGNATURE_LENGTH)?;
        let signature: &[u8; SIGNATURE_LENGTH] = signature.try_into().expect("its length");
        // Before the key is looked at; that S is reduced altogether, only afterwards.
        if signature[SIGNATURE_LENGTH - 1] & UNREDUCED_BITS != 0 {
            return Err(PrecompileError::InvalidSignature);
        }
        let key = slice(data, instruction, offsets.key, PUBLIC_KEY_LENGTH)?;
        let key = VerifyingKey::from_bytes(key.try_into().expect("its length"))
            .map_err(|_| PrecompileError::InvalidPublicKey)?;
        let message_bytes = usize::from(offsets.message_bytes);
        let message = slice(data, instruction, offsets.message, message_bytes)?;
        key.verify_strict(message, &Signature::from_bytes(signature))
            .map_err(|_| PrecompileError::InvalidSignature)?;
    }
    Ok(())
}
