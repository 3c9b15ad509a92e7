//! Bytes of the block log: heads of files and records, and the mark of a clean stop. `docs/formats.md` has
//! them as tables; `payload.rs` has what is inside a record.
//!
//! All numbers are little-endian. Checksums are XXH3, 64 bits. The head of a record has a checksum of its
//! own, which covers the payload's and where the record lies: so a head can be trusted before its payload
//! is read, and a record that strayed to another place, file or chain of records is noticed.

use super::error::LogError;
use solana_hash::Hash;
use xxhash_rust::xxh3::xxh3_64;

/// The format that is written, and the newest that can be read.
pub(super) const VERSION: u32 = 1;

const FILE_MAGIC: [u8; 8] = *b"SEALBLKS";
const CLOSED_MAGIC: [u8; 8] = *b"SEALSTOP";
/// The first three bytes of a record; its kind is the fourth.
pub(super) const RECORD_MAGIC: [u8; 3] = *b"SLR";

pub(super) const FILE_HEADER_BYTES: usize = 88;
pub(super) const CLOSED_BYTES: usize = 96;
pub(super) const RECORD_HEADER_BYTES: usize = 48;
/// Bytes of a payload at most. A reader has room for one.
pub(super) const PAYLOAD_BYTES_MAX: usize = 256 << 20;

/// Folder of the log's files.
pub(super) const FOLDER: &str = "blocks";
/// The mark of a clean stop.
pub(super) const CLOSED_PATH: &str = "blocks/closed";
/// The mark before it has its name.
pub(super) const CLOSED_NEW_PATH: &str = "blocks/closed.new";

/// Path of the log's file with a number.
pub(super) fn file_path(number: u64) -> String {
    format!("{FOLDER}/{number:010}.log")
}

/// The number of a file of the log by its name.
pub(super) fn file_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let is_number = digits.len() >= 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| is_number)?;
    (file_path(number)[FOLDER.len() + 1..] == *name).then_some(number)
}

/// The head of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    pub(super) genesis: Hash,
    pub(super) number: u64,
    /// Number of its first record. Records with this or a later number in older files count for nothing.
    pub(super) first_record: u64,
    /// Checksum of the record before that; 0 if there is none.
    pub(super) link: u64,
    /// Checksum of the head of the file before it; 0 if that has no valid one.
    pub(super) previous_file: u64,
}

impl FileHeader {
    pub(super) fn encode(&self) -> [u8; FILE_HEADER_BYTES] {
        let mut bytes = [0; FILE_HEADER_BYTES];
        start(&mut bytes, FILE_MAGIC, &self.genesis);
        put_u64s(
            &mut bytes[48..],
            &[
                self.number,
                self.first_record,
                self.link,
                self.previous_file,
            ],
        );
        finish(&mut bytes);
        bytes
    }

    /// Decodes the head of the file with this path; what is wrong with it, if it is not whole.
    pub(super) fn decode(
        bytes: &[u8; FILE_HEADER_BYTES],
        path: &str,
        genesis: &Hash,
    ) -> Result<Result<Self, &'static str>, LogError> {
        if let Err(what) = check(bytes, FILE_MAGIC) {
            return Ok(Err(what));
        }
        check_chain(bytes, path, genesis)?;
        let header = Self {
            genesis: *genesis,
            number: u64_at(bytes, 48),
            first_record: u64_at(bytes, 56),
            link: u64_at(bytes, 64),
            previous_file: u64_at(bytes, 72),
        };
        if path != file_path(header.number) || header.first_record == 0 {
            let what = format!("its head says that it is {}", file_path(header.number));
            return Err(LogError::corrupted(path, 48, what));
        }
        Ok(Ok(header))
    }

    pub(super) fn checksum(&self) -> u64 {
        u64_at(&self.encode(), FILE_HEADER_BYTES - 8)
    }
}

/// What is written when a log is closed: how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClosedMark {
    pub(super) genesis: Hash,
    /// The last file, its length and the checksum of its head.
    pub(super) file: u64,
    pub(super) file_bytes: u64,
    pub(super) file_checksum: u64,
    /// The last record and its checksum.
    pub(super) record: u64,
    pub(super) link: u64,
}

impl ClosedMark {
    pub(super) fn encode(&self) -> [u8; CLOSED_BYTES] {
        let mut bytes = [0; CLOSED_BYTES];
        start(&mut bytes, CLOSED_MAGIC, &self.genesis);
        put_u64s(
            &mut bytes[48..],
            &[
                self.file,
                self.file_bytes,
                self.file_checksum,
                self.record,
                self.link,
            ],
        );
        finish(&mut bytes);
        bytes
    }

    pub(super) fn decode(bytes: &[u8], genesis: &Hash) -> Result<Self, LogError> {
        let whole: &[u8; CLOSED_BYTES] = bytes
            .try_into()
            .map_err(|_| LogError::corrupted(CLOSED_PATH, 0, "its length is wrong"))?;
        check(whole, CLOSED_MAGIC).map_err(|what| LogError::corrupted(CLOSED_PATH, 0, what))?;
        check_chain(whole, CLOSED_PATH, genesis)?;
        Ok(Self {
            genesis: *genesis,
            file: u64_at(bytes, 48),
            file_bytes: u64_at(bytes, 56),
            file_checksum: u64_at(bytes, 64),
            record: u64_at(bytes, 72),
            link: u64_at(bytes, 80),
        })
    }
}

/// The head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) kind: u8,
    pub(super) payload_bytes: u32,
    pub(super) number: u64,
    /// Number of the last record that a sync covered when this one was appended.
    pub(super) durable: u64,
    /// Checksum of the record before it; 0 if there is none.
    pub(super) link: u64,
    pub(super) payload_checksum: u64,
}

impl RecordHeader {
    /// The head of a record at `offset` of a file, and the record's checksum.
    pub(super) fn encode(&self, file: u64, offset: u64) -> ([u8; RECORD_HEADER_BYTES], u64) {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        bytes[..3].copy_from_slice(&RECORD_MAGIC);
        bytes[3] = self.kind;
        bytes[4..8].copy_from_slice(&self.payload_bytes.to_le_bytes());
        put_u64s(
            &mut bytes[8..],
            &[self.number, self.durable, self.link, self.payload_checksum],
        );
        let checksum = record_checksum(&bytes, file, offset);
        bytes[40..].copy_from_slice(&checksum.to_le_bytes());
        (bytes, checksum)
    }

    /// The head that lies at `offset` of a file, and the record's checksum, if the head is whole.
    pub(super) fn decode(
        bytes: &[u8; RECORD_HEADER_BYTES],
        file: u64,
        offset: u64,
    ) -> Option<(Self, u64)> {
        if bytes[..3] != RECORD_MAGIC {
            return None;
        }
        let checksum = u64_at(bytes, 40);
        if checksum != record_checksum(bytes, file, offset) {
            return None;
        }
        let header = Self {
            kind: bytes[3],
            payload_bytes: u32_at(bytes, 4),
            number: u64_at(bytes, 8),
            durable: u64_at(bytes, 16),
            link: u64_at(bytes, 24),
            payload_checksum: u64_at(bytes, 32),
        };
        Some((header, checksum))
    }
}

/// Checksum of a payload.
pub(super) fn payload_checksum(payload: &[u8]) -> u64 {
    xxh3_64(payload)
}

/// Checksum of an item's `bytes`, which lie at `offset` of a file.
pub(super) fn item_checksum(bytes: &[u8], file: u64, offset: u64) -> u32 {
    let mut place = [0; 16];
    put_u64s(&mut place, &[file, offset]);
    (xxh3_64(bytes) ^ xxh3_64(&place)) as u32
}

/// Of all that is in the head, and of where it lies.
fn record_checksum(header: &[u8; RECORD_HEADER_BYTES], file: u64, offset: u64) -> u64 {
    let mut covered = [0; 56];
    covered[..40].copy_from_slice(&header[..40]);
    put_u64s(&mut covered[40..], &[file, offset]);
    xxh3_64(&covered)
}

/// The beginning that files of every format have: magic, version, genesis hash.
fn start(bytes: &mut [u8], magic: [u8; 8], genesis: &Hash) {
    bytes[..8].copy_from_slice(&magic);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let length = bytes.len() as u32;
    bytes[12..16].copy_from_slice(&length.to_le_bytes());
    bytes[16..48].copy_from_slice(genesis.as_ref());
}

/// And their end: a checksum of all before it.
fn finish(bytes: &mut [u8]) {
    let (covered, checksum) = bytes.split_at_mut(bytes.len() - 8);
    checksum.copy_from_slice(&xxh3_64(covered).to_le_bytes());
}

fn check(bytes: &[u8], magic: [u8; 8]) -> Result<(), &'static str> {
    if bytes[..8] != magic {
        return Err("it does not begin as such a file does");
    }
    let (covered, checksum) = bytes.split_at(bytes.len() - 8);
    if xxh3_64(covered) != u64_at(checksum, 0) {
        return Err("the checksum of its head is wrong");
    }
    Ok(())
}

fn check_chain(bytes: &[u8], path: &str, genesis: &Hash) -> Result<(), LogError> {
    let version = u32_at(bytes, 8);
    if version > VERSION {
        return Err(LogError::NewerVersion {
            file: path.to_string(),
            version,
            supported: VERSION,
        });
    }
    if bytes[16..48] != *genesis.as_ref() {
        let found: [u8; 32] = bytes[16..48].try_into().expect("32 bytes");
        return Err(LogError::OtherGenesis {
            file: path.to_string(),
            expected: *genesis,
            found: Hash::from(found),
        });
    }
    Ok(())
}

fn put_u64s(bytes: &mut [u8], values: &[u64]) {
    for (place, value) in bytes.chunks_exact_mut(8).zip(values) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
