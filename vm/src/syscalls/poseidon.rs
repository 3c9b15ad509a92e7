//! `sol_poseidon`: a hash that is cheap to prove.

use crate::context::Context;
use crate::cost;
use crate::error::{Error, VmError};
use crate::invoke::GuestSlice;
use sealane_sdk::log_line;
use smallvec::SmallVec;
use solana_poseidon::{Endianness, HASH_BYTES, Parameters, hashv};

/// Values that are hashed at once, at most.
const VALUES_MAX: u64 = 12;
/// The values are not what can be hashed.
const INVALID: u64 = 1;

pub(super) fn poseidon(
    context: &mut Context,
    [parameters, endianness, address, len, result]: [u64; 5],
) -> Result<u64, Error> {
    let parameters = Parameters::try_from(parameters)?;
    let endianness = Endianness::try_from(endianness)?;
    if len > VALUES_MAX {
        log_line(format_args!(
            "Poseidon hashing {len} sequences is not supported"
        ));
        return Err(VmError::InvalidLength.into());
    }
    context.consume_units(cost::poseidon(len))?;
    context.check_writable(result, HASH_BYTES as u64)?;
    let slices: SmallVec<[GuestSlice; 4]> = context.read_all(address, len)?;
    let values: SmallVec<[&[u8]; VALUES_MAX as usize]> = slices
        .iter()
        .map(|slice| context.bytes(slice.address, slice.len))
        .collect::<Result<_, _>>()?;
    let Ok(hash) = hashv(parameters, endianness, &values) else {
        return Ok(INVALID);
    };
    drop(values);
    context.write_bytes(result, &hash.0)?;
    Ok(0)
}
