//! Points of curve25519 and BLS12-381.

use crate::context::Context;
use crate::cost::{self, GroupUnits, SeriesUnits};
use crate::error::{Error, VmError};
use bytemuck::{AnyBitPattern, NoUninit};
use smallvec::SmallVec;
use solana_bls12_381_syscall::{
    self as bls, Endianness, PodG1Compressed, PodG1Point, PodG2Compressed, PodG2Point, Version,
};
use solana_curve25519::edwards::{self, PodEdwardsPoint};
use solana_curve25519::ristretto::{self, PodRistrettoPoint};
use solana_curve25519::scalar::PodScalar;

/// The bytes are no points.
const INVALID: u64 = 1;
/// Points in a sum, at most.
const SUM_MAX: u64 = 512;

/// Groups, by the numbers that programs give them (`solana-define-syscall`'s `curve_constants`).
const EDWARDS: u64 = 0;
const RISTRETTO: u64 = 1;
const BLS_LE: u64 = 4;
const BLS_BE: u64 = BLS_LE | BIG_ENDIAN;
const G1_LE: u64 = 5;
const G1_BE: u64 = G1_LE | BIG_ENDIAN;
const G2_LE: u64 = 6;
const G2_BE: u64 = G2_LE | BIG_ENDIAN;
const BIG_ENDIAN: u64 = 0x80;

/// Operations of groups.
const ADD: u64 = 0;
const SUBTRACT: u64 = 1;
const MULTIPLY: u64 = 2;

/// How a group of BLS12-381 keeps its numbers.
fn endianness(group: u64) -> Endianness {
    if group & BIG_ENDIAN == 0 {
        Endianness::LE
    } else {
        Endianness::BE
    }
}

fn unknown<T>() -> Result<T, Error> {
    Err(VmError::InvalidAttribute.into())
}

/// `sol_curve_validate_point`: 0 if it is one.
pub(super) fn validate_point(
    context: &mut Context,
    [group, address, ..]: [u64; 5],
) -> Result<u64, Error> {
    let end = endianness(group);
    match group {
        EDWARDS => validate(context, &cost::EDWARDS, address, edwards::validate_edwards),
        RISTRETTO => validate(
            context,
            &cost::RISTRETTO,
            address,
            ristretto::validate_ristretto,
        ),
        G1_LE | G1_BE => validate(context, &cost::BLS_G1, address, |point| {
            bls::bls12_381_g1_point_validation(Version::V0, point, end)
        }),
        G2_LE | G2_BE => validate(context, &cost::BLS_G2, address, |point| {
            bls::bls12_381_g2_point_validation(Version::V0, point, end)
        }),
        _ => unknown(),
    }
}

fn validate<P: AnyBitPattern>(
    context: &Context,
    units: &GroupUnits,
    address: u64,
    is_valid: impl FnOnce(&P) -> bool,
) -> Result<u64, Error> {
    context.consume_units(units.validate)?;
    let point = context.read(address)?;
    Ok(if is_valid(&point) { 0 } else { INVALID })
}

/// `sol_curve_decompress`
pub(super) fn decompress(
    context: &mut Context,
    [group, address, result, ..]: [u64; 5],
) -> Result<u64, Error> {
    let end = endianness(group);
    match group {
        G1_LE | G1_BE => {
            context.consume_units(cost::BLS_G1_DECOMPRESS)?;
            let point: PodG1Compressed = context.read(address)?;
            let point = bls::bls12_381_g1_decompress(Version::V0, &point, end);
            leave(context, result, point)
        }
        G2_LE | G2_BE => {
            context.consume_units(cost::BLS_G2_DECOMPRESS)?;
            let point: PodG2Compressed = context.read(address)?;
            let point = bls::bls12_381_g2_decompress(Version::V0, &point, end);
            leave(context, result, point)
        }
        _ => unknown(),
    }
}

/// Writes a result, if there is one.
fn leave<R: NoUninit>(
    context: &mut Context,
    address: u64,
    result: Option<R>,
) -> Result<u64, Error> {
    let Some(result) = result else {
        return Ok(INVALID);
    };
    context.write(address, &result)?;
    Ok(0)
}

/// Where two values are, and where the result goes.
type Places = (u64, u64, u64);

/// `sol_curve_group_op`
pub(super) fn group_op(
    context: &mut Context,
    [group, operation, left, right, result]: [u64; 5],
) -> Result<u64, Error> {
    let places = (left, right, result);
    match group {
        EDWARDS => edwards_op(context, operation, places),
        RISTRETTO => ristretto_op(context, operation, places),
        G1_LE | G1_BE => g1_op(context, operation, places, endianness(group)),
        G2_LE | G2_BE => g2_op(context, operation, places, endianness(group)),
        _ => unknown(),
    }
}

/// Combines two values.
fn combine<L: AnyBitPattern, R: AnyBitPattern, O: NoUninit>(
    context: &mut Context,
    units: u64,
    (left, right, result): Places,
    operation: impl FnOnce(&L, &R) -> Option<O>,
) -> Result<u64, Error> {
    context.consume_units(units)?;
    let (left, right) = (context.read(left)?, context.read(right)?);
    leave(context, result, operation(&left, &right))
}

fn edwards_op(context: &mut Context, operation: u64, at: Places) -> Result<u64, Error> {
    let units = cost::EDWARDS;
    match operation {
        ADD => combine(context, units.add, at, edwards::add_edwards),
        SUBTRACT => combine(context, units.subtract, at, edwards::subtract_edwards),
        MULTIPLY => combine(context, units.multiply, at, edwards::multiply_edwards),
        _ => unknown(),
    }
}

fn ristretto_op(context: &mut Context, operation: u64, at: Places) -> Result<u64, Error> {
    let units = cost::RISTRETTO;
    match operation {
        ADD => combine(context, units.add, at, ristretto::add_ristretto),
        SUBTRACT => combine(context, units.subtract, at, ristretto::subtract_ristretto),
        MULTIPLY => combine(context, units.multiply, at, ristretto::multiply_ristretto),
        _ => unknown(),
    }
}

fn g1_op(context: &mut Context, operation: u64, at: Places, end: Endianness) -> Result<u64, Error> {
    let units = cost::BLS_G1;
    match operation {
        ADD => combine(context, units.add, at, |a, b| {
            bls::bls12_381_g1_addition_unchecked(Version::V0, a, b, end)
        }),
        SUBTRACT => combine(context, units.subtract, at, |a, b| {
            bls::bls12_381_g1_subtraction_unchecked(Version::V0, a, b, end)
        }),
        MULTIPLY => combine(context, units.multiply, at, |scalar, point| {
            bls::bls12_381_g1_multiplication(Version::V0, point, scalar, end)
        }),
        _ => unknown(),
    }
}

fn g2_op(context: &mut Context, operation: u64, at: Places, end: Endianness) -> Result<u64, Error> {
    let units = cost::BLS_G2;
    match operation {
        ADD => combine(context, units.add, at, |a, b| {
            bls::bls12_381_g2_addition_unchecked(Version::V0, a, b, end)
        }),
        SUBTRACT => combine(context, units.subtract, at, |a, b| {
            bls::bls12_381_g2_subtraction_unchecked(Version::V0, a, b, end)
        }),
        MULTIPLY => combine(context, units.multiply, at, |scalar, point| {
            bls::bls12_381_g2_multiplication(Version::V0, point, scalar, end)
        }),
        _ => unknown(),
    }
}

/// `sol_curve_multiscalar_mul`: a sum of points, each times a number.
pub(super) fn multiscalar_mul(
    context: &mut Context,
    [group, scalars, points, len, result]: [u64; 5],
) -> Result<u64, Error> {
    if len > SUM_MAX {
        return Err(VmError::InvalidLength.into());
    }
    let places = (scalars, points, result);
    match group {
        EDWARDS => sum::<PodEdwardsPoint>(
            context,
            &cost::EDWARDS_SUM,
            places,
            len,
            edwards::multiscalar_multiply_edwards,
        ),
        RISTRETTO => sum::<PodRistrettoPoint>(
            context,
            &cost::RISTRETTO_SUM,
            places,
            len,
            ristretto::multiscalar_multiply_ristretto,
        ),
        _ => unknown(),
    }
}

fn sum<P: AnyBitPattern + NoUninit>(
    context: &mut Context,
    units: &SeriesUnits,
    (scalars, points, result): Places,
    len: u64,
    operation: impl FnOnce(&[PodScalar], &[P]) -> Option<P>,
) -> Result<u64, Error> {
    context.consume_units(units.of(len))?;
    let scalars: SmallVec<[PodScalar; 4]> = context.read_all(scalars, len)?;
    let points: SmallVec<[P; 4]> = context.read_all(points, len)?;
    leave(context, result, operation(&scalars, &points))
}

/// `sol_curve_pairing_map`
pub(super) fn pairing_map(
    context: &mut Context,
    [group, len, g1, g2, result]: [u64; 5],
) -> Result<u64, Error> {
    if !matches!(group, BLS_LE | BLS_BE) {
        return unknown();
    }
    context.consume_units(cost::BLS_PAIRING.of(len))?;
    let g1: SmallVec<[PodG1Point; 4]> = context.read_all(g1, len)?;
    let g2: SmallVec<[PodG2Point; 4]> = context.read_all(g2, len)?;
    let map = bls::bls12_381_pairing_map(Version::V0, &g1, &g2, endianness(group));
    leave(context, result, map)
}
