//! The secp256k1 precompile. It has neither a byte of padding nor an index that means "this one".

use crate::Instructions;
use libsecp256k1::{Message, RecoveryId, Signature, recover};
use sealane_sdk::PrecompileError;

/// Bytes that say where one signature, its address and its message lie.
const OFFSETS_BYTES: usize = 11;
/// Bytes of a signature, r and s; behind them lies how to recover the key.
const SIGNATURE_BYTES: usize = 64;
/// Bytes of an address of Ethereum's.
const ADDRESS_BYTES: usize = 20;

pub(crate) fn verify<'a>(
    data: &'a [u8],
    instruction: Instructions<'_, 'a>,
) -> Result<(), PrecompileError> {
    let (&count, offsets) = data
        .split_first()
        .ok_or(PrecompileError::InvalidInstructionDataSize)?;
    if count == 0 && !offsets.is_empty() {
        return Err(PrecompileError::InvalidInstructionDataSize);
    }
    let (offsets, _) = offsets.as_chunks::<OFFSETS_BYTES>();
    let offsets = offsets
        .get(..usize::from(count))
        .ok_or(PrecompileError::InvalidInstructionDataSize)?;
    offsets
        .iter()
        .try_for_each(|offsets| verify_one(offsets, instruction))
}

fn verify_one(
    offsets: &[u8; OFFSETS_BYTES],
    instruction: Instructions<'_, '_>,
) -> Result<(), PrecompileError> {
    let number = |at: usize| u16::from_le_bytes([offsets[at], offsets[at + 1]]);
    let from =
        instruction(usize::from(offsets[2])).ok_or(PrecompileError::InvalidInstructionDataSize)?;
    let start = usize::from(number(0));
    let signature = from
        .get(start..=start + SIGNATURE_BYTES)
        .ok_or(PrecompileError::InvalidSignature)?;
    let (signature, recovery) = signature.split_at(SIGNATURE_BYTES);
    let signature = Signature::parse_standard_slice(signature)
        .map_err(|_| PrecompileError::InvalidSignature)?;
    let recovery =
        RecoveryId::parse(recovery[0]).map_err(|_| PrecompileError::InvalidRecoveryId)?;

    let address = slice(instruction, (number(3), offsets[5]), ADDRESS_BYTES)?;
    let message_bytes = usize::from(number(8));
    let message = slice(instruction, (number(6), offsets[10]), message_bytes)?;

    let hash = solana_keccak_hasher::hash(message).to_bytes();
    let key = recover(&Message::parse(&hash), &signature, &recovery)
        .map_err(|_| PrecompileError::InvalidSignature)?;
    // Without the byte that says how the key is written.
    let hash = solana_keccak_hasher::hash(&key.serialize()[1..]).to_bytes();
    if hash[hash.len() - ADDRESS_BYTES..] == *address {
        Ok(())
    } else {
        Err(PrecompileError::InvalidSignature)
    }
}

fn slice<'a>(
    instruction: Instructions<'_, 'a>,
    (start, index): (u16, u8),
    count: usize,
) -> Result<&'a [u8], PrecompileError> {
    let from = instruction(usize::from(index)).ok_or(PrecompileError::InvalidDataOffsets)?;
    let start = usize::from(start);
    from.get(start..start + count)
        .ok_or(PrecompileError::InvalidSignature)
}
