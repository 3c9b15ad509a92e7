//! Hashes of slices one after the other.

use crate::context::Context;
use crate::cost;
use crate::error::{Error, VmError};
use crate::invoke::GuestSlice;
use sealane_sdk::log_line;
use sha2::{Digest, Sha512};
use smallvec::SmallVec;

pub(super) fn sha256(context: &mut Context, arguments: [u64; 5]) -> Result<u64, Error> {
    hash(context, arguments, "Sha256", |slices| {
        solana_sha256_hasher::hashv(slices).to_bytes()
    })
}

pub(super) fn keccak256(context: &mut Context, arguments: [u64; 5]) -> Result<u64, Error> {
    hash(context, arguments, "Keccak256", |slices| {
        solana_keccak_hasher::hashv(slices).to_bytes()
    })
}

pub(super) fn blake3(context: &mut Context, arguments: [u64; 5]) -> Result<u64, Error> {
    hash(context, arguments, "Blake3", |slices| {
        solana_blake3_hasher::hashv(slices).to_bytes()
    })
}

pub(super) fn sha512(context: &mut Context, arguments: [u64; 5]) -> Result<u64, Error> {
    hash(context, arguments, "Sha512", |slices| -> [u8; 64] {
        let hasher = slices.iter().fold(Sha512::new(), Sha512::chain_update);
        hasher.finalize().into()
    })
}

fn hash<const BYTES: usize>(
    context: &mut Context,
    [address, len, result, ..]: [u64; 5],
    name: &str,
    hash: impl FnOnce(&[&[u8]]) -> [u8; BYTES],
) -> Result<u64, Error> {
    if len > cost::HASH_SLICES_MAX {
        let max = cost::HASH_SLICES_MAX;
        log_line(format_args!(
            "{name} Hashing {len} sequences in one syscall is over the limit {max}"
        ));
        return Err(VmError::TooManySlices.into());
    }
    context.consume_units(cost::HASH_BASE)?;
    context.check_writable(result, BYTES as u64)?;
    let slices: SmallVec<[GuestSlice; 4]> = context.read_all(address, len)?;
    let mut hashed: SmallVec<[&[u8]; 8]> = SmallVec::new();
    for slice in slices {
        let bytes = context.bytes(slice.address, slice.len)?;
        let units = cost::HASH_BYTE.saturating_mul(slice.len / 2);
        context.consume_units(cost::MEMORY_OP.max(units))?;
        hashed.push(bytes);
    }
    let hash = hash(&hashed);
    drop(hashed);
    context.write_bytes(result, &hash)?;
    Ok(0)
}
