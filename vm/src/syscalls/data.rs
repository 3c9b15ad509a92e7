//! Return data, and the place of an instruction among others.

use crate::context::Context;
use crate::cost;
use crate::error::{Error, VmError};
use crate::syscalls::check_results;
use bytemuck::{Pod, Zeroable};
use sealane_sdk::{MAX_RETURN_DATA, get_return_data, set_return_data as leave};

pub(super) fn set_return_data(
    context: &mut Context,
    [address, len, ..]: [u64; 5],
) -> Result<u64, Error> {
    context.consume_units(cost::SYSCALL_BASE + len / cost::BYTES_PER_UNIT)?;
    let max = MAX_RETURN_DATA as u64;
    if len > max {
        return Err(VmError::ReturnDataTooLarge(len, max).into());
    }
    leave(context.bytes(address, len)?);
    Ok(0)
}

/// The length of all return data; as much as fits is written.
pub(super) fn get_return_data_of(
    context: &mut Context,
    [address, len, program_id, ..]: [u64; 5],
) -> Result<u64, Error> {
    context.consume_units(cost::SYSCALL_BASE)?;
    let Some((program, data)) = get_return_data() else {
        return Ok(0);
    };
    let len = len.min(data.len() as u64);
    if len > 0 {
        context.consume_units((len + 32) / cost::BYTES_PER_UNIT)?;
        check_results(context, &[(address, len), (program_id, 32)])?;
        context.write_bytes(address, &data[..len as usize])?;
        context.write_bytes(program_id, program.as_array())?;
    }
    Ok(data.len() as u64)
}

pub(super) fn stack_height(context: &mut Context, _: [u64; 5]) -> Result<u64, Error> {
    context.consume_units(cost::SYSCALL_BASE)?;
    Ok(context.call().stack_height() as u64)
}

/// `ProcessedSiblingInstruction`: how much room there is for data and accounts, and how much there must be.
#[derive(Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
struct Sizes {
    data: u64,
    accounts: u64,
}

/// Bytes of an account meta in memory.
const META_BYTES: u64 = 34;

pub(super) fn processed_sibling(
    context: &mut Context,
    [index, sizes_address, program_id, data, accounts]: [u64; 5],
) -> Result<u64, Error> {
    context.consume_units(cost::SYSCALL_BASE)?;
    let index = usize::try_from(index).unwrap_or(usize::MAX - 1);
    let Some(sibling) = context.call().processed_sibling(index.min(usize::MAX - 1)) else {
        return Ok(0);
    };
    let needed = Sizes {
        data: sibling.data.len() as u64,
        accounts: sibling.accounts.len() as u64,
    };
    context.check_writable(sizes_address, size_of::<Sizes>() as u64)?;
    let given: Sizes = context.read(sizes_address)?;
    if given != needed {
        context.write(sizes_address, &needed)?;
        return Ok(1);
    }
    let results = [
        (program_id, 32),
        (data, needed.data),
        (accounts, needed.accounts * META_BYTES),
        (sizes_address, size_of::<Sizes>() as u64),
    ];
    check_results(context, &results)?;
    context.write_bytes(program_id, sibling.program_id.as_array())?;
    context.write_bytes(data, &sibling.data)?;
    for (i, meta) in sibling.accounts.iter().enumerate() {
        let at = accounts + i as u64 * META_BYTES;
        context.write_bytes(at, meta.pubkey.as_array())?;
        context.write_bytes(at + 32, &[meta.is_signer.into(), meta.is_writable.into()])?;
    }
    Ok(1)
}
