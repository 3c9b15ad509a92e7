//! Wire bytes to a `Layout`: where everything is, and that it is well formed. Version 1, whose bytes
//! are laid out in another way, has a parser of its own.
//!
//! Accepts what `agave-transaction-view` accepts with the limits that Agave passes to it, which the
//! tests hold it against. It is not used itself because it allocates a list per transaction and
//! says only that something is wrong; this says where. Knows no accounts and no arithmetic of
//! signatures.

pub(super) mod version_1;

use super::VerifyError;
use crate::verified::{InstructionPlace, InstructionPlaces, Layout, Version};
use sealane_sdk::Pubkey;
use solana_transaction_error::TransactionError;

/// Top-level instructions of a transaction, at most (SIMD-0160).
const INSTRUCTIONS_MAX: usize = 64;
/// Accounts of one instruction, at most (SIMD-0406).
const INSTRUCTION_ACCOUNTS_MAX: usize = 255;
/// Accounts that an index of one byte can name.
const ACCOUNTS_MAX: usize = 256;
/// Marks a versioned message: a legacy message begins with a small number.
const VERSION_PREFIX: u8 = 0x80;

/// What is left of the bytes, which are at most 65,535. Small enough to stay in registers.
struct Cursor<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn byte(&mut self, what: &'static str) -> Result<u8, VerifyError> {
        let (byte, rest) = self
            .rest
            .split_first()
            .ok_or(VerifyError::Malformed(what))?;
        self.rest = rest;
        Ok(*byte)
    }

    /// A length as Solana writes it: seven bits a byte, low first, never longer than needed.
    #[inline(always)]
    fn length(&mut self, what: &'static str) -> Result<usize, VerifyError> {
        let first = self.byte(what)?;
        if first & 0x80 == 0 {
            return Ok(usize::from(first));
        }
        let (length, rest) = long_length(first, self.rest).ok_or(VerifyError::Malformed(what))?;
        self.rest = rest;
        Ok(length)
    }

    #[inline(always)]
    fn slice(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], VerifyError> {
        let (slice, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(VerifyError::Malformed(what))?;
        self.rest = rest;
        Ok(slice)
    }

    /// A number of four bytes.
    fn four_bytes(&mut self, what: &'static str) -> Result<u32, VerifyError> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(VerifyError::Malformed(what))?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Skips `len` bytes and says where they begin.
    #[inline(always)]
    fn skip(&mut self, len: usize, what: &'static str) -> Result<u16, VerifyError> {
        let start = self.at();
        self.slice(len, what)?;
        Ok(start)
    }

    /// How far in it is.
    #[inline(always)]
    fn at(&self) -> u16 {
        (self.len - self.rest.len()) as u16
    }
}

/// A length that is more than one byte long, and what follows it.
#[cold]
fn long_length(first: u8, rest: &[u8]) -> Option<(usize, &[u8])> {
    let (second, rest) = rest.split_first()?;
    let low = usize::from(first & 0x7f) | usize::from(second & 0x7f) << 7;
    if second & 0x80 == 0 {
        return (*second != 0).then_some((low, rest));
    }
    match rest.split_first()? {
        (third @ 1..=3, rest) => Some((low | usize::from(*third) << 14, rest)),
        _ => None,
    }
}

/// Parses and sanitises a legacy or version 0 transaction. The bytes are at most 65,535. `places` gets
/// the instructions' places, which so are never moved.
pub(super) fn parse(bytes: &[u8], places: &mut InstructionPlaces) -> Result<Layout, VerifyError> {
    let mut cursor = Cursor {
        rest: bytes,
        len: bytes.len(),
    };
    let signatures = cursor.byte("number of signatures")?;
    if signatures & VERSION_PREFIX != 0 {
        // More signatures than can follow, or a version that there is not.
        return Err(VerifyError::Malformed("number of signatures"));
    }
    let signatures_at = cursor.skip(64 * usize::from(signatures), "signatures")?;

    let message = cursor.at();
    let prefix = cursor.byte("message header")?;
    let versioned = prefix & VERSION_PREFIX != 0;
    let required = if !versioned {
        prefix
    } else if prefix == VERSION_PREFIX {
        cursor.byte("message header")?
    } else {
        return Err(VerifyError::Malformed("message version"));
    };
    let readonly_signed = cursor.byte("message header")?;
    let readonly_unsigned = cursor.byte("message header")?;

    let static_keys = cursor.length("number of account keys")?;
    let keys = cursor.skip(32 * static_keys, "account keys")?;
    let blockhash = cursor.skip(32, "recent blockhash")?;
    let within = instructions(&mut cursor, places)?;
    let lookups = if versioned {
        lookups(&mut cursor)?
    } else {
        Lookups::default()
    };
    if !cursor.rest.is_empty() {
        return Err(VerifyError::Malformed("trailing bytes"));
    }

    let readonly_unsigned_max = static_keys.checked_sub(usize::from(required));
    let accounts = static_keys + lookups.writable + lookups.readonly;
    let sane = required == signatures
        && readonly_signed < required
        && readonly_unsigned_max.is_some_and(|max| usize::from(readonly_unsigned) <= max)
        && accounts <= ACCOUNTS_MAX
        && !lookups.any_empty
        && within.is_sane(static_keys, accounts);
    if !sane {
        return Err(TransactionError::SanitizeFailure.into());
    }
    Ok(Layout {
        signatures_at,
        message,
        message_bytes: cursor.at() - message,
        keys,
        blockhash,
        lookups: lookups.start,
        lookup_count: narrow(lookups.count)?,
        version: if versioned {
            Version::V0
        } else {
            Version::Legacy
        },
        signatures,
        readonly_signed,
        readonly_unsigned,
        static_keys: narrow(static_keys)?,
        loaded_writable: narrow(lookups.writable)?,
        loaded_readonly: narrow(lookups.readonly)?,
    })
}

/// 256 static keys do not fit in a packet; 256 in all do not, as there is at least one static.
fn narrow(count: usize) -> Result<u8, VerifyError> {
    u8::try_from(count).map_err(|_| TransactionError::SanitizeFailure.into())
}

/// How many instructions there are and what they name at most. What exceeds a limit of sanitisation
/// is still parsed to its end: whether it is well formed comes first.
#[derive(Default)]
struct Extent {
    count: usize,
    /// Accounts that one instruction names.
    accounts_max: usize,
    /// One more than the highest index of an account.
    indices_end: usize,
    /// One more than the highest index of a program.
    programs_end: usize,
    is_payer_called: bool,
}

impl Extent {
    fn of(count: usize) -> Self {
        Self {
            count,
            ..Self::default()
        }
    }

    /// Takes in an instruction that names these accounts, and notes its place if there are not too many.
    #[inline(always)]
    fn add(&mut self, place: InstructionPlace, accounts: &[u8], places: &mut InstructionPlaces) {
        for index in accounts {
            self.indices_end = self.indices_end.max(usize::from(*index) + 1);
        }
        self.accounts_max = self.accounts_max.max(accounts.len());
        self.programs_end = self.programs_end.max(usize::from(place.program) + 1);
        self.is_payer_called |= place.program == 0;
        if self.count <= INSTRUCTIONS_MAX {
            places.push(place);
        }
    }

    /// Whether a transaction with so many static keys and accounts may have them.
    #[inline(always)]
    fn is_sane(&self, static_keys: usize, accounts: usize) -> bool {
        self.count <= INSTRUCTIONS_MAX
            && self.accounts_max <= INSTRUCTION_ACCOUNTS_MAX
            // Index 0 pays the fee and cannot be a program.
            && !self.is_payer_called
            && self.programs_end <= static_keys
            && self.indices_end <= accounts
    }
}

#[inline(always)]
fn instructions(
    cursor: &mut Cursor<'_>,
    places: &mut InstructionPlaces,
) -> Result<Extent, VerifyError> {
    let count = cursor.length("number of instructions")?;
    let mut extent = Extent::of(count);
    for _ in 0..count {
        let program = cursor.byte("program of an instruction")?;
        let accounts_len = cursor.length("number of an instruction's accounts")?;
        let accounts = cursor.at();
        let named = cursor.slice(accounts_len, "accounts of an instruction")?;
        let data_len = cursor.length("length of an instruction's data")?;
        let data = cursor.skip(data_len, "data of an instruction")?;
        let place = InstructionPlace {
            accounts,
            data,
            data_len: data_len as u16,
            // Where it does not fit, `accounts_max` tells.
            accounts_len: accounts_len as u8,
            program,
        };
        extent.add(place, named, places);
    }
    Ok(extent)
}

#[derive(Default)]
struct Lookups {
    start: u16,
    count: usize,
    writable: usize,
    readonly: usize,
    any_empty: bool,
}

fn lookups(cursor: &mut Cursor<'_>) -> Result<Lookups, VerifyError> {
    let count = cursor.length("number of lookups")?;
    let start = cursor.at();
    let mut lookups = Lookups {
        start,
        count,
        ..Lookups::default()
    };
    for _ in 0..count {
        let Lookup {
            writable, readonly, ..
        } = lookup(cursor)?;
        lookups.writable += writable.len();
        lookups.readonly += readonly.len();
        lookups.any_empty |= writable.is_empty() && readonly.is_empty();
    }
    Ok(lookups)
}

/// One lookup, in place.
pub(super) struct Lookup<'a> {
    /// Address of the table.
    pub(super) table: &'a Pubkey,
    /// Indices of addresses to load as writable.
    pub(super) writable: &'a [u8],
    /// Indices of addresses to load as read-only.
    pub(super) readonly: &'a [u8],
}

fn lookup<'a>(cursor: &mut Cursor<'a>) -> Result<Lookup<'a>, VerifyError> {
    let table = cursor.slice(32, "address of a lookup table")?;
    let writable_len = cursor.length("number of writable lookups")?;
    let writable = cursor.slice(writable_len, "writable lookups")?;
    let readonly_len = cursor.length("number of read-only lookups")?;
    let readonly = cursor.slice(readonly_len, "read-only lookups")?;
    Ok(Lookup {
        table: bytemuck::from_bytes(table),
        writable,
        readonly,
    })
}

/// The lookups of a transaction that `parse` accepted.
pub(super) fn lookups_of<'a>(
    layout: &Layout,
    bytes: &'a [u8],
) -> impl Iterator<Item = Lookup<'a>> + use<'a> {
    let mut cursor = Cursor {
        rest: &bytes[usize::from(layout.lookups)..],
        len: bytes.len(),
    };
    (0..layout.lookup_count).map_while(move |_| lookup(&mut cursor).ok())
}

/// The data of each instruction with the address of its program, which sanitisation found to be
/// among the static keys.
pub(super) fn programs_of<'a>(
    statics: &'a [Pubkey],
    places: &'a [InstructionPlace],
    bytes: &'a [u8],
) -> impl Iterator<Item = (&'a Pubkey, &'a [u8])> {
    places.iter().map(move |place| {
        let data = usize::from(place.data);
        let data = &bytes[data..data + usize::from(place.data_len)];
        (&statics[usize::from(place.program)], data)
    })
}
