//! Bytes of what is inside the records. `docs/formats.md` has them as tables.
//!
//! Writing copies each part once, to where it will be written from. Reading copies nothing: an item is
//! slices of the bytes that were read. An item of an entry has a checksum of its own, over its bytes and
//! where it lies, so that it can be read without the rest of its entry.

use super::error::LogError;
use super::format::{PAYLOAD_BYTES_MAX, item_checksum, u32_at, u64_at};
use super::record::{BlockRecord, LoggedEntry, LoggedItem, SlotOpened};
use bytes::Bytes;
use sealane_sdk::AccountState;
use sealane_sdk::light::{SLOT_HEADER_BYTES, SlotHeader};
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;

const SLOT_OPENED: u8 = 1;
const IDLE_RUN: u8 = 2;
pub(super) const ENTRY: u8 = 3;
const HEADER: u8 = 4;
const REVERT_TO: u8 = 5;

/// What an entry's payload begins with: number and count of items.
pub(super) const ENTRY_HEAD_BYTES: usize = 12;
pub(super) const ITEM_HEAD_BYTES: usize = 12;
const ITEM_TRANSACTION: u8 = 0;
const ITEM_FEE_REWARD: u8 = 1;
const ITEM_ACCOUNT_SET: u8 = 2;
/// Of an account that was set: lamports, whether it is executable, owner.
const ACCOUNT_HEAD_BYTES: usize = 8 + 1 + 32;
const ADDRESS_BYTES: usize = 32;

/// A place in the serial order, borrowed: what a writer takes.
#[derive(Clone, Copy, Debug)]
pub enum LoggedItemRef<'a> {
    /// A charged transaction.
    Transaction {
        /// Its wire bytes.
        wire: &'a [u8],
        /// Addresses that its lookup tables gave, writable ones first.
        loaded: &'a [Pubkey],
        /// Its compact record.
        record: &'a [u8],
    },
    /// The leader's share of a slot's fees.
    FeeReward {
        /// Lamports.
        lamports: u64,
    },
    /// An account that the operator set.
    AccountSet {
        /// Its address.
        key: &'a Pubkey,
        /// What it is then.
        state: &'a AccountState,
    },
}

impl LoggedItemRef<'_> {
    /// Bytes that it takes in the log: where it ends, the next item of its entry begins.
    pub fn encoded_bytes(&self) -> usize {
        ITEM_HEAD_BYTES
            + match self {
                Self::Transaction {
                    wire,
                    loaded,
                    record,
                } => loaded.len() * ADDRESS_BYTES + wire.len() + record.len(),
                Self::FeeReward { .. } => 8,
                Self::AccountSet { state, .. } => {
                    ADDRESS_BYTES + ACCOUNT_HEAD_BYTES + state.data.len()
                }
            }
    }
}

impl LoggedItem {
    /// It, borrowed.
    pub fn as_ref(&self) -> LoggedItemRef<'_> {
        match self {
            Self::Transaction {
                wire,
                loaded,
                record,
            } => LoggedItemRef::Transaction {
                wire,
                loaded,
                record,
            },
            Self::FeeReward { lamports } => LoggedItemRef::FeeReward {
                lamports: *lamports,
            },
            Self::AccountSet { key, state } => LoggedItemRef::AccountSet { key, state },
        }
    }
}

/// Bytes on their way to a file: the first of them will lie at `origin`.
pub(super) struct Output<'a> {
    pub(super) bytes: &'a mut Vec<u8>,
    pub(super) file: u64,
    pub(super) origin: u64,
}

impl Output<'_> {
    /// Writes a record's payload; its kind.
    pub(super) fn record(&mut self, record: &BlockRecord) -> Result<u8, LogError> {
        Ok(match record {
            BlockRecord::SlotOpened(opened) => {
                self.slot_opened(opened);
                SLOT_OPENED
            }
            BlockRecord::IdleRun {
                first,
                count,
                slot_ms,
            } => {
                self.slot_opened(first);
                self.u64s(&[*count, *slot_ms]);
                IDLE_RUN
            }
            BlockRecord::Entry(entry) => {
                self.entry(entry.entry, entry.items.iter().map(LoggedItem::as_ref))?;
                ENTRY
            }
            BlockRecord::Header { header, signature } => {
                self.bytes.extend_from_slice(&header.to_bytes());
                self.bytes.extend_from_slice(signature.as_ref());
                HEADER
            }
            BlockRecord::RevertTo { record } => {
                self.u64s(&[*record]);
                REVERT_TO
            }
        })
    }

    /// Writes an entry's payload.
    pub(super) fn entry<'i>(
        &mut self,
        entry: u64,
        items: impl IntoIterator<Item = LoggedItemRef<'i>>,
    ) -> Result<(), LogError> {
        self.u64s(&[entry]);
        let count_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        let mut count = 0_u32;
        for item in items {
            self.item(&item)?;
            count += 1;
            let bytes = self.bytes.len() - count_at;
            fits("an entry", bytes, PAYLOAD_BYTES_MAX)?;
        }
        self.bytes[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
        Ok(())
    }

    fn item(&mut self, item: &LoggedItemRef<'_>) -> Result<(), LogError> {
        let start = self.bytes.len();
        let mut head = [0; ITEM_HEAD_BYTES];
        match item {
            LoggedItemRef::Transaction {
                wire,
                loaded,
                record,
            } => {
                fits(
                    "the number of loaded addresses",
                    loaded.len(),
                    u8::MAX.into(),
                )?;
                fits("a transaction", wire.len(), u16::MAX.into())?;
                fits("a transaction's record", record.len(), PAYLOAD_BYTES_MAX)?;
                head[0] = ITEM_TRANSACTION;
                head[1] = loaded.len() as u8;
                head[2..4].copy_from_slice(&(wire.len() as u16).to_le_bytes());
                head[4..8].copy_from_slice(&(record.len() as u32).to_le_bytes());
                self.bytes.reserve(item.encoded_bytes());
                self.bytes.extend_from_slice(&head);
                self.bytes.extend_from_slice(bytemuck::cast_slice(loaded));
                self.bytes.extend_from_slice(wire);
                self.bytes.extend_from_slice(record);
            }
            LoggedItemRef::FeeReward { lamports } => {
                head[0] = ITEM_FEE_REWARD;
                head[4..8].copy_from_slice(&8_u32.to_le_bytes());
                self.bytes.extend_from_slice(&head);
                self.u64s(&[*lamports]);
            }
            LoggedItemRef::AccountSet { key, state } => {
                let bytes = ACCOUNT_HEAD_BYTES + state.data.len();
                fits("an account", bytes, PAYLOAD_BYTES_MAX)?;
                head[..2].copy_from_slice(&[ITEM_ACCOUNT_SET, 1]);
                head[4..8].copy_from_slice(&(bytes as u32).to_le_bytes());
                self.bytes.reserve(item.encoded_bytes());
                self.bytes.extend_from_slice(&head);
                self.bytes.extend_from_slice(key.as_array());
                self.u64s(&[state.lamports]);
                self.bytes.push(u8::from(state.executable));
                self.bytes.extend_from_slice(state.owner.as_array());
                self.bytes.extend_from_slice(&state.data.read(..));
            }
        }
        // The checksum covers the head around it while that is still zero there.
        let checksum = item_checksum(&self.bytes[start..], self.file, self.origin + start as u64);
        self.bytes[start + 8..start + 12].copy_from_slice(&checksum.to_le_bytes());
        Ok(())
    }

    fn slot_opened(&mut self, opened: &SlotOpened) {
        self.u64s(&[opened.slot, opened.time_ms as u64]);
        self.bytes
            .extend_from_slice(opened.parent_blockhash.as_ref());
    }

    fn u64s(&mut self, values: &[u64]) {
        for value in values {
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// Decodes a payload that its checksum vouches for, which lies at `offset` of a file; `None` if it is none
/// of this kind.
pub(super) fn decode(kind: u8, payload: &Bytes) -> Option<BlockRecord> {
    let mut input = Input(payload.clone());
    let record = match kind {
        SLOT_OPENED => BlockRecord::SlotOpened(input.slot_opened()?),
        IDLE_RUN => BlockRecord::IdleRun {
            first: input.slot_opened()?,
            count: input.u64()?,
            slot_ms: input.u64()?,
        },
        ENTRY => {
            let entry = input.u64()?;
            let count = u32_at(&input.take(4)?, 0) as usize;
            // No more than can be there, whatever the count says.
            let mut items = Vec::with_capacity(count.min(payload.len() / ITEM_HEAD_BYTES));
            for _ in 0..count {
                items.push(input.item()?);
            }
            BlockRecord::Entry(LoggedEntry { entry, items })
        }
        HEADER => BlockRecord::Header {
            header: SlotHeader::from_bytes(&input.take(SLOT_HEADER_BYTES)?).ok()?,
            signature: Signature::try_from(&input.take(64)?[..]).ok()?,
        },
        REVERT_TO => BlockRecord::RevertTo {
            record: input.u64()?,
        },
        _ => return None,
    };
    input.0.is_empty().then_some(record)
}

/// Length of an item that begins with this head, all included.
pub(super) fn item_bytes(head: &[u8; ITEM_HEAD_BYTES]) -> usize {
    let wire_bytes = usize::from(u16::from_le_bytes([head[2], head[3]]));
    ITEM_HEAD_BYTES + usize::from(head[1]) * ADDRESS_BYTES + wire_bytes + u32_at(head, 4) as usize
}

/// The item that is `bytes`, which lie at `offset` of a file; `None` if it is damaged or none.
pub(super) fn decode_item(mut bytes: Vec<u8>, file: u64, offset: u64) -> Option<LoggedItem> {
    let checksum = u32_at(bytes.get(..ITEM_HEAD_BYTES)?, 8);
    bytes[8..12].fill(0);
    if checksum != item_checksum(&bytes, file, offset) {
        return None;
    }
    let mut input = Input(Bytes::from(bytes));
    let item = input.item()?;
    input.0.is_empty().then_some(item)
}

/// Where in a file the first item lies whose own checksum is wrong, of the entry whose payload lies at `offset`
/// and was decoded; `None` if all are right.
pub(super) fn damaged_item(payload: &[u8], file: u64, offset: u64) -> Option<u64> {
    let mut at = ENTRY_HEAD_BYTES;
    while let Some(head) = payload.get(at..).and_then(<[u8]>::first_chunk) {
        let end = at + item_bytes(head);
        let place = offset + at as u64;
        let bytes = payload.get(at..end).map(<[u8]>::to_vec);
        if bytes.and_then(|it| decode_item(it, file, place)).is_none() {
            return Some(place);
        }
        at = end;
    }
    None
}

struct Input(Bytes);

impl Input {
    fn take(&mut self, length: usize) -> Option<Bytes> {
        (self.0.len() >= length).then(|| self.0.split_to(length))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64_at(&self.take(8)?, 0))
    }

    fn hash(&mut self) -> Option<Hash> {
        let bytes: [u8; 32] = self.take(32)?[..].try_into().ok()?;
        Some(Hash::from(bytes))
    }

    fn slot_opened(&mut self) -> Option<SlotOpened> {
        Some(SlotOpened {
            slot: self.u64()?,
            time_ms: self.u64()? as i64,
            parent_blockhash: self.hash()?,
        })
    }

    fn item(&mut self) -> Option<LoggedItem> {
        let head: [u8; ITEM_HEAD_BYTES] = self.0.get(..ITEM_HEAD_BYTES)?.try_into().ok()?;
        let mut item = Self(self.take(item_bytes(&head))?);
        item.take(ITEM_HEAD_BYTES)?;
        match head[0] {
            ITEM_TRANSACTION => {
                let addresses = item.take(usize::from(head[1]) * ADDRESS_BYTES)?;
                let addresses = addresses.chunks_exact(ADDRESS_BYTES);
                let loaded = addresses
                    .map(Pubkey::try_from)
                    .collect::<Result<_, _>>()
                    .ok()?;
                let wire_bytes = usize::from(u16::from_le_bytes([head[2], head[3]]));
                Some(LoggedItem::Transaction {
                    loaded,
                    wire: item.take(wire_bytes)?,
                    record: item.0,
                })
            }
            ITEM_FEE_REWARD => {
                let lamports = item.u64()?;
                item.0
                    .is_empty()
                    .then_some(LoggedItem::FeeReward { lamports })
            }
            ITEM_ACCOUNT_SET => {
                let key = item.pubkey()?;
                let lamports = item.u64()?;
                let executable = item.take(1)?[0] == 1;
                let owner = item.pubkey()?;
                let data = item.0[..].into();
                let state = AccountState {
                    lamports,
                    owner,
                    executable,
                    data,
                };
                Some(LoggedItem::AccountSet { key, state })
            }
            _ => None,
        }
    }

    fn pubkey(&mut self) -> Option<Pubkey> {
        Pubkey::try_from(&self.take(ADDRESS_BYTES)?[..]).ok()
    }
}

fn fits(what: &'static str, bytes: usize, max: usize) -> Result<(), LogError> {
    if bytes > max {
        return Err(LogError::TooLarge { what, bytes, max });
    }
    Ok(())
}
