//! `sol_big_mod_exp`: powers of big numbers, modulo another (SIMD-0529). Numbers are little-endian.

use crate::context::Context;
use crate::cost;
use crate::error::{Error, VmError};
use bytemuck::{Pod, Zeroable};
use solana_big_mod_exp::{
    BIG_MOD_EXP_MAX_BYTES, BIG_MOD_EXP_MIN_EXPONENT_LENGTH,
    BIG_MOD_EXP_MOD_REDUCTION_COMPLEXITY_FACTOR, big_mod_exp,
};

/// `BigModExpParams`: where the numbers are.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Numbers {
    base: u64,
    base_len: u64,
    exponent: u64,
    exponent_len: u64,
    modulus: u64,
    modulus_len: u64,
}

pub(super) fn power(context: &mut Context, [address, result, ..]: [u64; 5]) -> Result<u64, Error> {
    context.consume_units(cost::BIG_MOD_EXP_BASE)?;
    let numbers: Numbers = context.read(address)?;
    let lens = [numbers.base_len, numbers.exponent_len, numbers.modulus_len];
    if lens.iter().any(|len| *len > BIG_MOD_EXP_MAX_BYTES) {
        return Err(VmError::InvalidLength.into());
    }
    let exponent = context.bytes(numbers.exponent, numbers.exponent_len)?;
    let units = units(numbers.base_len.max(numbers.modulus_len), exponent);
    context.consume_units(units)?;
    let base = context.bytes(numbers.base, numbers.base_len)?;
    let modulus = context.bytes(numbers.modulus, numbers.modulus_len)?;
    let Some(power) = big_mod_exp(base, exponent, modulus) else {
        return Err(VmError::InvalidAttribute.into());
    };
    context.write_bytes(result, &power)?;
    Ok(0)
}

/// What a power costs. Neither length is over `BIG_MOD_EXP_MAX_BYTES`, which keeps this far below a `u64`'s end.
fn units(len: u64, exponent: &[u8]) -> u64 {
    let multiplication = if len <= 64 {
        len * len
    } else {
        len * len / 4 + 96 * len - 3_072
    };
    let multiplications = if is_one(exponent) {
        BIG_MOD_EXP_MOD_REDUCTION_COMPLEXITY_FACTOR
    } else {
        exponent_bits(exponent).max(BIG_MOD_EXP_MIN_EXPONENT_LENGTH)
    };
    (multiplication * multiplications).div_ceil(cost::BIG_MOD_EXP_DIVISOR)
}

fn is_one(number: &[u8]) -> bool {
    number
        .split_first()
        .is_some_and(|(first, rest)| *first == 1 && rest.iter().all(|byte| *byte == 0))
}

/// The place of the highest bit that is set. Of a long exponent only the last 32 bytes are looked at, and counted
/// as if its first were there.
fn exponent_bits(exponent: &[u8]) -> u64 {
    let lower = exponent.len().saturating_sub(32);
    let upper = &exponent[lower..];
    let highest = upper.iter().rposition(|byte| *byte != 0);
    let highest = highest.map_or(0, |at| 8 * at as u64 + u64::from(upper[at].ilog2()));
    8 * lower as u64 + highest
}
