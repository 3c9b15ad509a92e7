//! The bytes of a segment: a header, then records. `docs/formats.md` has them one by one.
//!
//! Numbers are little-endian. A checksum is xxh3 (64 bits) of what it covers, xored with a mark of the place
//! where it stands. The marks of any two places differ, so a record that lies where it was not written is
//! never taken for one that was.

use super::error::SegmentError;
use sealane_sdk::{AccountData, AccountState, Hash, Pubkey};
use xxhash_rust::xxh3::xxh3_64;

/// Version of all the formats of this module.
pub(super) const VERSION: u32 = 1;
/// Bytes of a file's header.
pub(super) const HEADER_BYTES: usize = 64;
/// Bytes of a record's head, which is the whole record of a System account without data.
pub(super) const HEAD_BYTES: usize = 64;
/// Numbers of segments are below this.
pub(super) const SEGMENTS_MAX: u32 = 1 << 24;
/// What a segment file begins with.
pub(super) const SEGMENT_MAGIC: &[u8; 8] = b"SEALSEGM";

/// Size of a record is a multiple of this.
const ALIGNMENT: usize = 8;
/// The record says that the account was deleted.
const TOMBSTONE: u8 = 1;
/// The account is executable.
const EXECUTABLE: u8 = 2;
/// The owner follows the head; otherwise it is the System program.
const OWNER: u8 = 4;

const SYSTEM_PROGRAM: Pubkey = crate::owners::SYSTEM_PROGRAM;
/// Data is copied in pieces of this, which lie in one page of the account each.
const PIECE: usize = 8192;

/// A place in the segments. Later places hold newer states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) offset: u64,
}

/// What is mixed into a checksum for the place where it stands: a bijection of file number and offset.
pub(super) fn mark(number: u64, offset: u64) -> u64 {
    debug_assert!(offset < 1 << 40, "files are shorter than a terabyte");
    // The finaliser of splitmix64.
    let mut x = (number << 40 | offset).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The checksum of `bytes` that stands at this place.
pub(super) fn checksum(bytes: &[u8], number: u64, offset: u64) -> u64 {
    xxh3_64(bytes) ^ mark(number, offset)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes[at..at + 8].try_into().expect("eight bytes");
    u64::from_le_bytes(bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes[at..at + 4].try_into().expect("four bytes");
    u32::from_le_bytes(bytes)
}

pub(super) fn array_at(bytes: &[u8], at: usize) -> [u8; 32] {
    bytes[at..at + 32].try_into().expect("32 bytes")
}

/// The header of a file: what it is, of which chain, which number.
pub(super) fn header(magic: &[u8; 8], genesis: &Hash, number: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(magic);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..48].copy_from_slice(genesis.as_bytes());
    bytes[48..56].copy_from_slice(&number.to_le_bytes());
    let sum = checksum(&bytes[..56], number, 56);
    bytes[56..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Refuses a header that is not of this kind, chain and number.
pub(super) fn check_header(
    bytes: &[u8],
    magic: &[u8; 8],
    genesis: &Hash,
    number: u64,
    file: &str,
) -> Result<(), SegmentError> {
    if bytes[..8] != *magic {
        return Err(SegmentError::corrupted(
            file,
            0,
            "it begins with other bytes",
        ));
    }
    let found_number = u64_at(bytes, 48);
    if checksum(&bytes[..56], found_number, 56) != u64_at(bytes, 56) {
        return Err(SegmentError::corrupted(file, 56, "checksum of the header"));
    }
    let version = u32_at(bytes, 8);
    if version != VERSION {
        let file = file.to_owned();
        return Err(SegmentError::NewerVersion { file, version });
    }
    let found = Hash::new_from_array(array_at(bytes, 16));
    if found != *genesis {
        return Err(SegmentError::OtherGenesis {
            file: file.to_owned(),
            expected: *genesis,
            found,
        });
    }
    if found_number != number {
        return Err(SegmentError::corrupted(
            file,
            48,
            "it is another file, renamed",
        ));
    }
    Ok(())
}

/// Appends the record of an account, which stands at `place`. An absent state gives a tombstone.
/// Returns the record's size.
pub(super) fn append_record(
    out: &mut Vec<u8>,
    place: Place,
    key: &Pubkey,
    state: &AccountState,
    slot: u64,
) -> usize {
    let start = out.len();
    let tombstone = state.is_absent();
    let length = if tombstone { 0 } else { state.data.len() };
    let owner = !tombstone && state.owner != SYSTEM_PROGRAM;
    let mut flags = 0;
    for (flag, holds) in [
        (TOMBSTONE, tombstone),
        (EXECUTABLE, !tombstone && state.executable),
        (OWNER, owner),
    ] {
        flags |= if holds { flag } else { 0 };
    }
    let length_field = u32::try_from(length).expect("an account has less than 4 GiB");
    let mut head = [0; HEAD_BYTES];
    head[8..12].copy_from_slice(&length_field.to_le_bytes());
    head[12] = flags;
    head[16..48].copy_from_slice(key.as_array());
    head[48..56].copy_from_slice(&state.lamports.to_le_bytes());
    head[56..64].copy_from_slice(&slot.to_le_bytes());
    out.extend_from_slice(&head);
    if owner {
        out.extend_from_slice(state.owner.as_array());
    }
    for piece in (0..length).step_by(PIECE) {
        out.extend_from_slice(&state.data.read(piece..(piece + PIECE).min(length)));
    }
    out.resize(start + size(length, owner), 0);
    let sum = checksum(&out[start + 8..], place.segment.into(), place.offset);
    out[start..start + 8].copy_from_slice(&sum.to_le_bytes());
    out.len() - start
}

/// Size of the record that begins with `head`, which nothing has been checked of.
pub(super) fn claimed_size(head: &[u8]) -> usize {
    size(u32_at(head, 8) as usize, head[12] & OWNER != 0)
}

fn size(data: usize, owner: bool) -> usize {
    (HEAD_BYTES + if owner { 32 } else { 0 } + data).next_multiple_of(ALIGNMENT)
}

/// A record whose checksum was found right.
#[derive(Clone, Copy)]
pub(super) struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
    /// The record that `bytes` are, of the size that it claims.
    pub(super) fn check(bytes: &'a [u8], place: Place) -> Result<Self, &'static str> {
        debug_assert_eq!(bytes.len(), claimed_size(bytes));
        if checksum(&bytes[8..], place.segment.into(), place.offset) != u64_at(bytes, 0) {
            return Err("checksum of the record");
        }
        Ok(Self(bytes))
    }

    /// The record that `bytes` are, which were checked already.
    pub(super) fn of_checked(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn size(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_tombstone(&self) -> bool {
        self.0[12] & TOMBSTONE != 0
    }

    pub(super) fn key(&self) -> Pubkey {
        Pubkey::new_from_array(array_at(self.0, 16))
    }

    pub(super) fn state(&self) -> AccountState {
        if self.is_tombstone() {
            return AccountState::default();
        }
        let mut data_start = HEAD_BYTES;
        let mut owner = SYSTEM_PROGRAM;
        if self.0[12] & OWNER != 0 {
            owner = Pubkey::new_from_array(array_at(self.0, data_start));
            data_start += 32;
        }
        let length = u32_at(self.0, 8) as usize;
        AccountState {
            lamports: u64_at(self.0, 48),
            owner,
            executable: self.0[12] & EXECUTABLE != 0,
            data: AccountData::from(&self.0[data_start..data_start + length]),
        }
    }

    /// The same record for another place.
    pub(super) fn append_moved(&self, out: &mut Vec<u8>, place: Place) {
        let start = out.len();
        out.extend_from_slice(self.0);
        let sum = checksum(&self.0[8..], place.segment.into(), place.offset);
        out[start..start + 8].copy_from_slice(&sum.to_le_bytes());
    }
}
