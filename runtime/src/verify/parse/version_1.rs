//! Version 1 (SIMD-0385): the message first, its header of a fixed size, what it asks for in a
//! configuration instead of instructions; no lookup tables; the signatures behind the message.
//!
//! Off the path of the other versions, which nearly all transactions have. What its bytes leave no
//! room for is malformed, as for Solana's decoder, and so is a mask that it does not know; the rest
//! is for sanitisation.

use super::{Cursor, Extent, VerifyError};
use crate::verified::{InstructionPlace, InstructionPlaces, Layout, Version};
use solana_transaction_error::TransactionError;

/// Accounts of a transaction, at most.
const ACCOUNTS_MAX: usize = 64;
/// Signatures of a transaction, at most: as many as fit in a transaction of another version.
const SIGNATURES_MAX: u8 = 12;
/// Bytes of heap that a transaction may ask for; by default the least.
const HEAP_BYTES: std::ops::RangeInclusive<u32> = 32 * 1024..=256 * 1024;

/// Bits of the mask: which values there are, each of four bytes for each bit.
const PRIORITY_FEE: u32 = 0b11;
const UNIT_LIMIT: u32 = 0b100;
const LOADED_DATA_BYTES: u32 = 0b1000;
const HEAP: u32 = 0b1_0000;

/// What a transaction asks for, with the defaults of what it does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) struct Configuration {
    /// Lamports.
    pub(in crate::verify) priority_fee: u64,
    /// Compute units that it may consume.
    pub(in crate::verify) unit_limit: u32,
    /// Bytes of accounts that it may load.
    pub(in crate::verify) loaded_data_bytes_max: u32,
    /// Heap of its programs, which is one that may be asked for.
    pub(in crate::verify) heap_bytes: u32,
}

/// Parses and sanitises, as `super::parse` does with the other versions.
pub(in crate::verify) fn parse(
    bytes: &[u8],
    places: &mut InstructionPlaces,
) -> Result<(Layout, Configuration), VerifyError> {
    let mut cursor = Cursor {
        rest: bytes,
        len: bytes.len(),
    };
    cursor.byte("version")?;
    let required = cursor.byte("message header")?;
    let readonly_signed = cursor.byte("message header")?;
    let readonly_unsigned = cursor.byte("message header")?;
    let mask = cursor.four_bytes("mask of the configuration")?;
    let blockhash = cursor.skip(32, "recent blockhash")?;
    let instruction_count = usize::from(cursor.byte("number of instructions")?);
    let static_keys = cursor.byte("number of account keys")?;
    let accounts = usize::from(static_keys);
    let keys = cursor.skip(32 * accounts, "account keys")?;
    let configuration = configuration(mask, &mut cursor)?;
    let within = instructions(instruction_count, &mut cursor, places)?;
    let signatures_at = cursor.skip(64 * usize::from(required), "signatures")?;
    if !cursor.rest.is_empty() {
        return Err(VerifyError::Malformed("trailing bytes"));
    }

    let readonly_unsigned_max = static_keys.checked_sub(required);
    let heap_bytes = configuration.heap_bytes;
    let sane = required <= SIGNATURES_MAX
        && readonly_signed < required
        && readonly_unsigned_max.is_some_and(|max| readonly_unsigned <= max)
        && accounts <= ACCOUNTS_MAX
        && HEAP_BYTES.contains(&heap_bytes)
        && heap_bytes.is_multiple_of(1024)
        && within.is_sane(accounts, accounts);
    if !sane {
        return Err(TransactionError::SanitizeFailure.into());
    }
    let layout = Layout {
        signatures_at,
        message: 0,
        message_bytes: signatures_at,
        keys,
        blockhash,
        lookups: 0,
        lookup_count: 0,
        version: Version::V1,
        signatures: required,
        readonly_signed,
        readonly_unsigned,
        static_keys,
        loaded_writable: 0,
        loaded_readonly: 0,
    };
    Ok((layout, configuration))
}

/// The values that the mask announces, in the order of its bits. What is not said is nothing, except for the
/// heap.
fn configuration(mask: u32, cursor: &mut Cursor<'_>) -> Result<Configuration, VerifyError> {
    let is_known = mask & !(PRIORITY_FEE | UNIT_LIMIT | LOADED_DATA_BYTES | HEAP) == 0;
    if !is_known || mask & PRIORITY_FEE != 0 && mask & PRIORITY_FEE != PRIORITY_FEE {
        return Err(VerifyError::Malformed("mask of the configuration"));
    }
    let mut value = |bit: u32, default: u32| {
        if mask & bit == 0 {
            return Ok(default);
        }
        cursor.four_bytes("values of the configuration")
    };
    // Two bits, so two values: the low half first.
    let low = value(0b01, 0)?;
    let high = value(0b10, 0)?;
    Ok(Configuration {
        priority_fee: u64::from(low) | u64::from(high) << 32,
        unit_limit: value(UNIT_LIMIT, 0)?,
        loaded_data_bytes_max: value(LOADED_DATA_BYTES, 0)?,
        heap_bytes: value(HEAP, *HEAP_BYTES.start())?,
    })
}

/// The heads of all instructions come first, then the accounts and data of each.
fn instructions(
    count: usize,
    cursor: &mut Cursor<'_>,
    places: &mut InstructionPlaces,
) -> Result<Extent, VerifyError> {
    /// Program, number of accounts, length of data.
    const HEAD_BYTES: usize = 4;
    let mut extent = Extent::of(count);
    let heads = cursor.slice(HEAD_BYTES * count, "heads of the instructions")?;
    let (heads, _) = heads.as_chunks::<HEAD_BYTES>();
    for [program, accounts_len, low, high] in heads {
        let data_len = u16::from_le_bytes([*low, *high]);
        let accounts = cursor.at();
        let named = cursor.slice(usize::from(*accounts_len), "accounts of an instruction")?;
        let data = cursor.skip(usize::from(data_len), "data of an instruction")?;
        let place = InstructionPlace {
            accounts,
            data,
            data_len,
            accounts_len: *accounts_len,
            program: *program,
        };
        extent.add(place, named, places);
    }
    Ok(extent)
}
