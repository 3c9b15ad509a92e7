//! The rows of an archive's tables, and their bytes (little-endian, in the order of the fields).

use super::LogPosition;
use solana_hash::Hash;

/// A row of a sorted table: rows of a table have one length and are found by a key.
pub(super) trait Row: Copy + Ord {
    /// Its length in bytes.
    const BYTES: usize;
    /// What the table is sorted by first.
    fn key(&self) -> u64;
    /// Writes it into `BYTES` bytes.
    fn write(&self, out: &mut [u8]);
    /// Reads it out of `BYTES` bytes.
    fn read(bytes: &[u8]) -> Self;
}

/// Slots of one row: to know the blockhash of the last, those of all are made.
const ROW_SLOTS_MAX: u32 = 8_192;

/// A signature or an address, by its hash, and the transaction that bears or names it: counted from the
/// first of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    pub(super) hash: u64,
    pub(super) transaction: u32,
}

impl Row for Named {
    const BYTES: usize = 12;

    fn key(&self) -> u64 {
        self.hash
    }

    fn write(&self, out: &mut [u8]) {
        out[..8].copy_from_slice(&self.hash.to_le_bytes());
        out[8..].copy_from_slice(&self.transaction.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let mut fields = Fields(bytes);
        Self {
            hash: fields.u64(),
            transaction: fields.u32(),
        }
    }
}

/// How far behind the start of its entry's record a transaction lies. Row `n` is transaction `n` of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Offset(pub(super) u32);

impl Row for Offset {
    const BYTES: usize = 4;

    /// These rows are found by their place alone.
    fn key(&self) -> u64 {
        0
    }

    fn write(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        Self(Fields(bytes).u32())
    }
}

/// An entry with transactions, and where its record lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryRow {
    /// Its first transaction, counted from the first of its run.
    pub(super) first: u64,
    pub(super) slot: u64,
    /// Place in the block of its first transaction.
    pub(super) index: u32,
    pub(super) at: LogPosition,
}

impl Row for EntryRow {
    const BYTES: usize = 32;

    fn key(&self) -> u64 {
        self.first
    }

    fn write(&self, out: &mut [u8]) {
        out[..8].copy_from_slice(&self.first.to_le_bytes());
        out[8..16].copy_from_slice(&self.slot.to_le_bytes());
        out[16..20].copy_from_slice(&self.index.to_le_bytes());
        out[20..24].copy_from_slice(&self.at.file.to_le_bytes());
        out[24..].copy_from_slice(&self.at.offset.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let mut fields = Fields(bytes);
        Self {
            first: fields.u64(),
            slot: fields.u64(),
            index: fields.u32(),
            at: LogPosition {
                file: fields.u32(),
                offset: fields.u64(),
            },
        }
    }
}

/// A slot, or idle slots one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SlotRow {
    pub(super) slot: u64,
    /// How many. If several, nothing is in them, and their blockhashes follow from the first's parent.
    pub(super) count: u32,
    /// The file of the block log in which it opened.
    pub(super) file: u32,
    /// Unix milliseconds of the first.
    pub(super) time_ms: i64,
    /// Milliseconds from one to the next.
    pub(super) slot_ms: u64,
    /// The blockhash of the slot before the first.
    pub(super) parent_blockhash: Hash,
    /// What their blockhashes cover beside their parents'.
    pub(super) tip: Hash,
}

impl SlotRow {
    /// Whether `next` is the slot behind it, at the time at which it would be, with the same tip, in the same file.
    pub(super) fn is_before(&self, next: &Self) -> bool {
        let slot = self.slot + u64::from(self.count);
        next.slot == slot
            && self.count < ROW_SLOTS_MAX
            && next.file == self.file
            && next.slot_ms == self.slot_ms
            && next.time_ms == self.time_ms_of(slot)
            && next.tip == self.tip
    }

    /// Unix milliseconds of one of its slots.
    pub(super) fn time_ms_of(&self, slot: u64) -> i64 {
        self.time_ms + (slot - self.slot).saturating_mul(self.slot_ms) as i64
    }

    /// The blockhash of one of its slots, if nothing is in it.
    pub(super) fn blockhash_of(&self, slot: u64, parent: &Hash) -> Hash {
        let seconds = self.time_ms_of(slot).div_euclid(1_000);
        crate::slot::blockhash(parent, slot, seconds, &self.tip)
    }

    /// The blockhash of the slot before `slot`, which is one of its slots.
    pub(super) fn parent_blockhash_of(&self, slot: u64) -> Hash {
        let before = self.slot..slot;
        before.fold(self.parent_blockhash, |parent, slot| {
            self.blockhash_of(slot, &parent)
        })
    }
}

impl Row for SlotRow {
    const BYTES: usize = 96;

    fn key(&self) -> u64 {
        self.slot
    }

    fn write(&self, out: &mut [u8]) {
        out[..8].copy_from_slice(&self.slot.to_le_bytes());
        out[8..12].copy_from_slice(&self.count.to_le_bytes());
        out[12..16].copy_from_slice(&self.file.to_le_bytes());
        out[16..24].copy_from_slice(&self.time_ms.to_le_bytes());
        out[24..32].copy_from_slice(&self.slot_ms.to_le_bytes());
        out[32..64].copy_from_slice(self.parent_blockhash.as_ref());
        out[64..].copy_from_slice(self.tip.as_ref());
    }

    fn read(bytes: &[u8]) -> Self {
        let mut fields = Fields(bytes);
        Self {
            slot: fields.u64(),
            count: fields.u32(),
            file: fields.u32(),
            time_ms: fields.u64() as i64,
            slot_ms: fields.u64(),
            parent_blockhash: Hash::new_from_array(fields.take()),
            tip: Hash::new_from_array(fields.take()),
        }
    }
}

/// Little-endian fields, one after the other. The caller knows how many bytes there are.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self
            .0
            .split_first_chunk()
            .expect("a row has all its fields");
        self.0 = rest;
        *field
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
}
