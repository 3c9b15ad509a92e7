//! One slot of 64 bytes for each account that exists or that a transaction in flight names.
//!
//! Slots lie in chunks that never move and are made as they are needed. The fields of a slot are atomics
//! because different roles own different ones; who may read and write which when is the argument at
//! the top of [`crate::memory`].

use crate::memory::{VersionCell, large_table};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::{AccountIndex, AccountsFull, Pubkey};
use std::sync::OnceLock;

/// Slots in a chunk: 2 to this. 8 MiB, of which most lies on huge pages, and which takes a few milliseconds
/// to make. Few for the model checker, which makes the database anew each time.
const CHUNK_BITS: u32 = if cfg!(feature = "shuttle") { 3 } else { 17 };
const CHUNK: usize = 1 << CHUNK_BITS;

/// An account's slot: one cache line.
#[repr(align(64))]
pub(crate) struct Slot {
    key: [AtomicU64; 4],
    /// What banking threads see.
    pub(crate) working: VersionCell,
    /// The newest version that readers may see.
    pub(crate) published: VersionCell,
    /// 1 while the key table has it. The interner's.
    in_use: AtomicU32,
    /// Who holds the account lock.
    #[cfg(debug_assertions)]
    pub(crate) stamp: crate::stamp::Stamp,
}

#[cfg(not(feature = "shuttle"))]
const _: () = assert!(size_of::<Slot>() == 64);

impl Slot {
    fn new() -> Self {
        Self {
            key: [const { AtomicU64::new(0) }; 4],
            working: VersionCell::default(),
            published: VersionCell::default(),
            in_use: AtomicU32::new(0),
            #[cfg(debug_assertions)]
            stamp: crate::stamp::Stamp::default(),
        }
    }

    /// The key. Relaxed: whoever may ask learned the index through an acquiring load that the key's
    /// writing precedes.
    pub(crate) fn key(&self) -> Pubkey {
        let mut bytes = [0; 32];
        for (word, bytes) in self.key.iter().zip(bytes.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        Pubkey::new_from_array(bytes)
    }

    pub(crate) fn has_key(&self, key: &Pubkey) -> bool {
        let mut words = key.as_array().chunks_exact(8).zip(&self.key);
        words.all(|(bytes, word)| word.load(Ordering::Relaxed).to_le_bytes() == *bytes)
    }

    /// Gives a free slot to a key. The interner's.
    pub(crate) fn occupy(&self, key: &Pubkey) {
        for (bytes, word) in key.as_array().chunks_exact(8).zip(&self.key) {
            let bytes = bytes.try_into().expect("chunks are of 8 bytes");
            word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
        }
        self.in_use.store(1, Ordering::Relaxed);
    }

    /// The key table no longer has it. The interner's.
    pub(crate) fn vacate(&self) {
        self.in_use.store(0, Ordering::Relaxed);
    }

    /// Whether the key table has it. The interner's.
    pub(crate) fn is_in_use(&self) -> bool {
        self.in_use.load(Ordering::Relaxed) == 1
    }
}

type Chunk = Box<[Slot; CHUNK]>;

/// All slots.
pub(crate) struct Slab {
    chunks: Box<[OnceLock<Chunk>]>,
    accounts_max: usize,
    /// Slots that were ever handed out.
    handed_out: AtomicU32,
}

impl Slab {
    pub(crate) fn new(accounts_max: usize) -> Self {
        let accounts_max = accounts_max.min(crate::key_table::INDEX_MAX as usize);
        Self {
            chunks: (0..accounts_max.div_ceil(CHUNK))
                .map(|_| OnceLock::new())
                .collect(),
            accounts_max,
            handed_out: AtomicU32::new(0),
        }
    }

    /// The slot of an index that was handed out.
    #[inline]
    pub(crate) fn slot(&self, index: AccountIndex) -> &Slot {
        let chunk = self.chunks[index as usize >> CHUNK_BITS].get();
        &chunk.expect("the chunk of an index is made first")[index as usize % CHUNK]
    }

    /// Hands out a slot that was never used. The interner's.
    pub(crate) fn hand_out(&self) -> Result<AccountIndex, AccountsFull> {
        let index = self.handed_out.load(Ordering::Relaxed);
        if index as usize >= self.accounts_max {
            return Err(AccountsFull);
        }
        self.chunks[index as usize >> CHUNK_BITS].get_or_init(|| {
            let chunk = large_table((0..CHUNK).map(|_| Slot::new()));
            let Ok(chunk) = chunk.try_into() else {
                unreachable!("a chunk is made of as many slots as it has")
            };
            chunk
        });
        // Release: with the number comes the chunk.
        self.handed_out.store(index + 1, Ordering::Release);
        Ok(index)
    }

    /// Number of slots that were ever handed out.
    pub(crate) fn handed_out(&self) -> u32 {
        self.handed_out.load(Ordering::Acquire)
    }

    /// All slots that were ever handed out, with their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (AccountIndex, &Slot)> {
        let handed_out = self.handed_out.load(Ordering::Acquire);
        (0..handed_out).map(|index| (index, self.slot(index)))
    }
}
