//! Points of the curve that Ethereum calls alt_bn128: sums, products, pairings, and half their length.

use crate::context::Context;
use crate::cost;
use crate::error::{Error, VmError};
use solana_bn254::compression::prelude::{
    ALT_BN128_G1_COMPRESS_BE, ALT_BN128_G1_COMPRESS_LE, ALT_BN128_G1_COMPRESSED_POINT_SIZE,
    ALT_BN128_G1_DECOMPRESS_BE, ALT_BN128_G1_DECOMPRESS_LE, ALT_BN128_G2_COMPRESS_BE,
    ALT_BN128_G2_COMPRESS_LE, ALT_BN128_G2_COMPRESSED_POINT_SIZE, ALT_BN128_G2_DECOMPRESS_BE,
    ALT_BN128_G2_DECOMPRESS_LE, alt_bn128_g1_compress_be, alt_bn128_g1_compress_le,
    alt_bn128_g1_decompress_be, alt_bn128_g1_decompress_le, alt_bn128_g2_compress_be,
    alt_bn128_g2_compress_le, alt_bn128_g2_decompress_be, alt_bn128_g2_decompress_le,
};
use solana_bn254::versioned::{
    ALT_BN128_G1_ADD_BE, ALT_BN128_G1_ADD_LE, ALT_BN128_G1_MUL_BE, ALT_BN128_G1_MUL_LE,
    ALT_BN128_G1_POINT_SIZE, ALT_BN128_G2_ADD_BE, ALT_BN128_G2_ADD_LE, ALT_BN128_G2_MUL_BE,
    ALT_BN128_G2_MUL_LE, ALT_BN128_G2_POINT_SIZE, ALT_BN128_PAIRING_BE,
    ALT_BN128_PAIRING_ELEMENT_SIZE, ALT_BN128_PAIRING_LE, ALT_BN128_PAIRING_OUTPUT_SIZE,
    Endianness, VersionedG1Addition, VersionedG1Multiplication, VersionedG2Addition,
    VersionedG2Multiplication, VersionedPairing, alt_bn128_versioned_g1_addition,
    alt_bn128_versioned_g1_multiplication, alt_bn128_versioned_g2_addition,
    alt_bn128_versioned_g2_multiplication, alt_bn128_versioned_pairing,
};

/// The bytes are no points.
const INVALID: u64 = 1;

/// `sol_alt_bn128_group_op`
pub(super) fn group_op(
    context: &mut Context,
    [operation, address, len, result, _]: [u64; 5],
) -> Result<u64, Error> {
    let (g1, g2) = (ALT_BN128_G1_POINT_SIZE, ALT_BN128_G2_POINT_SIZE);
    let (units, result_bytes) = match operation {
        ALT_BN128_G1_ADD_BE | ALT_BN128_G1_ADD_LE => (cost::ALT_BN128_G1_ADD, g1),
        ALT_BN128_G2_ADD_BE | ALT_BN128_G2_ADD_LE => (cost::ALT_BN128_G2_ADD, g2),
        ALT_BN128_G1_MUL_BE | ALT_BN128_G1_MUL_LE => (cost::ALT_BN128_G1_MULTIPLY, g1),
        ALT_BN128_G2_MUL_BE | ALT_BN128_G2_MUL_LE => (cost::ALT_BN128_G2_MULTIPLY, g2),
        ALT_BN128_PAIRING_BE | ALT_BN128_PAIRING_LE => {
            (pairing_units(len), ALT_BN128_PAIRING_OUTPUT_SIZE)
        }
        _ => return Err(VmError::InvalidAttribute.into()),
    };
    run(
        context,
        units,
        (address, len),
        (result, result_bytes),
        |input| computed(operation, input),
    )
}

fn pairing_units(len: u64) -> u64 {
    cost::ALT_BN128_PAIRING
        .of(len / ALT_BN128_PAIRING_ELEMENT_SIZE as u64)
        .saturating_add(cost::HASH_BASE)
        .saturating_add(len)
        .saturating_add(ALT_BN128_PAIRING_OUTPUT_SIZE as u64)
}

fn computed(operation: u64, input: &[u8]) -> Option<Vec<u8>> {
    let endianness = match operation {
        ALT_BN128_G1_ADD_LE | ALT_BN128_G2_ADD_LE | ALT_BN128_G1_MUL_LE | ALT_BN128_G2_MUL_LE
        | ALT_BN128_PAIRING_LE => Endianness::LE,
        _ => Endianness::BE,
    };
    match operation {
        ALT_BN128_G1_ADD_BE | ALT_BN128_G1_ADD_LE => {
            alt_bn128_versioned_g1_addition(VersionedG1Addition::V0, input, endianness)
        }
        ALT_BN128_G2_ADD_BE | ALT_BN128_G2_ADD_LE => {
            alt_bn128_versioned_g2_addition(VersionedG2Addition::V0, input, endianness)
        }
        ALT_BN128_G1_MUL_BE | ALT_BN128_G1_MUL_LE => {
            alt_bn128_versioned_g1_multiplication(VersionedG1Multiplication::V1, input, endianness)
        }
        ALT_BN128_G2_MUL_BE | ALT_BN128_G2_MUL_LE => {
            alt_bn128_versioned_g2_multiplication(VersionedG2Multiplication::V0, input, endianness)
        }
        _ => alt_bn128_versioned_pairing(VersionedPairing::V1, input, endianness),
    }
    .ok()
}

/// `sol_alt_bn128_compression`
pub(super) fn compression(
    context: &mut Context,
    [operation, address, len, result, _]: [u64; 5],
) -> Result<u64, Error> {
    let (units, result_bytes) = match operation {
        ALT_BN128_G1_COMPRESS_BE | ALT_BN128_G1_COMPRESS_LE => (
            cost::ALT_BN128_G1_COMPRESS,
            ALT_BN128_G1_COMPRESSED_POINT_SIZE,
        ),
        ALT_BN128_G1_DECOMPRESS_BE | ALT_BN128_G1_DECOMPRESS_LE => {
            (cost::ALT_BN128_G1_DECOMPRESS, ALT_BN128_G1_POINT_SIZE)
        }
        ALT_BN128_G2_COMPRESS_BE | ALT_BN128_G2_COMPRESS_LE => (
            cost::ALT_BN128_G2_COMPRESS,
            ALT_BN128_G2_COMPRESSED_POINT_SIZE,
        ),
        ALT_BN128_G2_DECOMPRESS_BE | ALT_BN128_G2_DECOMPRESS_LE => {
            (cost::ALT_BN128_G2_DECOMPRESS, ALT_BN128_G2_POINT_SIZE)
        }
        _ => return Err(VmError::InvalidAttribute.into()),
    };
    run(
        context,
        units,
        (address, len),
        (result, result_bytes),
        |input| compressed(operation, input),
    )
}

/// Compressed, or the other way.
fn compressed(operation: u64, input: &[u8]) -> Option<Vec<u8>> {
    match operation {
        ALT_BN128_G1_COMPRESS_BE => alt_bn128_g1_compress_be(input).map(Vec::from),
        ALT_BN128_G1_COMPRESS_LE => alt_bn128_g1_compress_le(input).map(Vec::from),
        ALT_BN128_G1_DECOMPRESS_BE => alt_bn128_g1_decompress_be(input).map(Vec::from),
        ALT_BN128_G1_DECOMPRESS_LE => alt_bn128_g1_decompress_le(input).map(Vec::from),
        ALT_BN128_G2_COMPRESS_BE => alt_bn128_g2_compress_be(input).map(Vec::from),
        ALT_BN128_G2_COMPRESS_LE => alt_bn128_g2_compress_le(input).map(Vec::from),
        ALT_BN128_G2_DECOMPRESS_BE => alt_bn128_g2_decompress_be(input).map(Vec::from),
        _ => alt_bn128_g2_decompress_le(input).map(Vec::from),
    }
    .ok()
}

/// Charges, looks at the memory, and computes.
fn run(
    context: &mut Context,
    units: u64,
    (address, len): (u64, u64),
    (result, result_bytes): (u64, usize),
    compute: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Result<u64, Error> {
    context.consume_units(units)?;
    context.check_writable(result, result_bytes as u64)?;
    let Some(computed) = compute(context.bytes(address, len)?) else {
        return Ok(INVALID);
    };
    context.write_bytes(result, &computed)?;
    Ok(0)
}
