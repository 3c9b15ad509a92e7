//! Logs, and ends that say why.

use crate::context::Context;
use crate::cost;
use crate::error::{Error, VmError};
use crate::invoke::GuestSlice;
use sealane_sdk::{Pubkey, log_line, sol_log, sol_log_args, sol_log_data};
use smallvec::SmallVec;

/// Text of the program's.
fn text(context: &Context, address: u64, len: u64) -> Result<&str, Error> {
    let bytes = context.bytes(address, len)?;
    let invalid = |error| VmError::InvalidString(error, bytes.to_vec());
    Ok(str::from_utf8(bytes).map_err(invalid)?)
}

pub(super) fn abort(_: &mut Context, _: [u64; 5]) -> Result<u64, Error> {
    Err(VmError::Abort.into())
}

pub(super) fn panic(
    context: &mut Context,
    [file, len, line, column, _]: [u64; 5],
) -> Result<u64, Error> {
    context.consume_units(len)?;
    let file = text(context, file, len)?;
    Err(VmError::Panic(file.to_owned(), line, column).into())
}

pub(super) fn log(context: &mut Context, [address, len, ..]: [u64; 5]) -> Result<u64, Error> {
    context.consume_units(cost::SYSCALL_BASE.max(len))?;
    sol_log(text(context, address, len)?);
    Ok(0)
}

pub(super) fn log_64(context: &mut Context, [a, b, c, d, e]: [u64; 5]) -> Result<u64, Error> {
    context.consume_units(cost::LOG_64)?;
    sol_log_args(format_args!("{a:#x}, {b:#x}, {c:#x}, {d:#x}, {e:#x}"));
    Ok(0)
}

pub(super) fn log_pubkey(context: &mut Context, [address, ..]: [u64; 5]) -> Result<u64, Error> {
    context.consume_units(cost::LOG_PUBKEY)?;
    let key = Pubkey::new_from_array(context.read(address)?);
    sol_log_args(format_args!("{key}"));
    Ok(0)
}

pub(super) fn log_compute_units(context: &mut Context, _: [u64; 5]) -> Result<u64, Error> {
    context.consume_units(cost::SYSCALL_BASE)?;
    let left = context.call().compute_left();
    log_line(format_args!("Program consumption: {left} units remaining"));
    Ok(0)
}

pub(super) fn remaining_compute_units(context: &mut Context, _: [u64; 5]) -> Result<u64, Error> {
    context.consume_units(cost::SYSCALL_BASE)?;
    Ok(context.call().compute_left())
}

pub(super) fn log_data(context: &mut Context, [address, len, ..]: [u64; 5]) -> Result<u64, Error> {
    context.consume_units(cost::SYSCALL_BASE)?;
    context.check_all::<GuestSlice>(address, len)?;
    context.consume_units(cost::SYSCALL_BASE.saturating_mul(len))?;
    let fields: SmallVec<[GuestSlice; 4]> = context.read_all(address, len)?;
    let bytes = fields
        .iter()
        .fold(0u64, |sum, field| sum.saturating_add(field.len));
    context.consume_units(bytes)?;
    let fields: SmallVec<[&[u8]; 4]> = fields
        .iter()
        .map(|field| context.bytes(field.address, field.len))
        .collect::<Result<_, _>>()?;
    sol_log_data(&fields);
    Ok(0)
}
