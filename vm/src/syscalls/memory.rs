//! Copies, fills and comparisons of the program's memory.

use crate::context::Context;
use crate::cost;
use crate::error::{Error, VmError};

fn charge(context: &Context, len: u64) -> Result<(), Error> {
    context.consume_units(cost::MEMORY_OP.max(len / cost::BYTES_PER_UNIT))
}

/// Whether two ranges of the same length have nothing in common.
fn are_apart(a: u64, b: u64, len: u64) -> bool {
    a.abs_diff(b) >= len
}

pub(super) fn memcpy(context: &mut Context, [to, from, len, ..]: [u64; 5]) -> Result<u64, Error> {
    charge(context, len)?;
    if !are_apart(to, from, len) {
        return Err(VmError::CopyOverlapping.into());
    }
    context.copy(to, from, len)?;
    Ok(0)
}

pub(super) fn memmove(context: &mut Context, [to, from, len, ..]: [u64; 5]) -> Result<u64, Error> {
    charge(context, len)?;
    context.copy(to, from, len)?;
    Ok(0)
}

pub(super) fn memset(context: &mut Context, [to, byte, len, ..]: [u64; 5]) -> Result<u64, Error> {
    charge(context, len)?;
    context.fill(to, byte as u8, len)?;
    Ok(0)
}

pub(super) fn memcmp(
    context: &mut Context,
    [a, b, len, result, _]: [u64; 5],
) -> Result<u64, Error> {
    charge(context, len)?;
    let (a, b) = (context.bytes(a, len)?, context.bytes(b, len)?);
    let difference = a.iter().zip(b).find(|(a, b)| a != b);
    let difference = difference.map_or(0, |(a, b)| i32::from(*a) - i32::from(*b));
    context.write(result, &difference)?;
    Ok(0)
}

/// `sol_alloc_free_`: gives away the heap from its start on, and takes nothing back. 0 where there is no room.
pub(super) fn alloc_free(context: &mut Context, len: u64, freed: u64) -> Result<u64, Error> {
    let align = if context.is_aligned { 8 } else { 1 };
    if freed != 0 || len > isize::MAX as u64 - align {
        return Ok(0);
    }
    let start = context.heap_used.next_multiple_of(align);
    match start.checked_add(len) {
        Some(end) if end <= context.heap_bytes => {
            context.heap_used = end;
            Ok(solana_sbpf::ebpf::MM_HEAP_START + start)
        }
        _ => Ok(0),
    }
}
