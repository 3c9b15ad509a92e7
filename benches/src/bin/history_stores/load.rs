//! The load: every value follows from its number.

use sealane_sdk::Pubkey;
use solana_signature::Signature;

pub(crate) const TRANSACTIONS_PER_ENTRY: u64 = 500;
const ENTRIES_PER_SLOT: u64 = 80;
const ACCOUNTS: u64 = 1_000_000;
const RECORD_BYTES: u64 = 450;
/// Entries in one file of the log.
const ENTRIES_PER_FILE: u64 = 1_200;

/// The address that every transaction names.
pub(crate) const EVERYBODY: Pubkey = Pubkey::new_from_array([0; 32]);

pub(crate) struct Transaction {
    pub(crate) signature: Signature,
    pub(crate) addresses: [Pubkey; 3],
    pub(crate) offset: u64,
    pub(crate) index: u32,
}

pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) slot: u64,
    pub(crate) opens_slot: bool,
    pub(crate) file: u32,
    pub(crate) offset: u64,
    pub(crate) transactions: Vec<Transaction>,
}

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        out.chunks_mut(8)
            .for_each(|part| part.copy_from_slice(&self.next().to_le_bytes()));
        out
    }
}

pub(crate) struct Load {
    seed: u64,
}

impl Load {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    pub(crate) fn account(&self, n: u64) -> Pubkey {
        Pubkey::new_from_array(
            Random::new(self.seed.wrapping_mul(31).wrapping_add(n << 20)).bytes(),
        )
    }

    /// Slot of a transaction, and its place in the block.
    pub(crate) fn place(&self, transaction: u64) -> (u64, u32) {
        let per_slot = TRANSACTIONS_PER_ENTRY * ENTRIES_PER_SLOT;
        (transaction / per_slot, (transaction % per_slot) as u32)
    }

    pub(crate) fn entry(&self, number: u64) -> Entry {
        let mut random = Random::new(self.seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let in_file = number % ENTRIES_PER_FILE;
        let offset = 64 + in_file * (60 + TRANSACTIONS_PER_ENTRY * RECORD_BYTES);
        let transactions = (0..TRANSACTIONS_PER_ENTRY).map(|n| Transaction {
            signature: random.bytes().into(),
            addresses: [
                self.account(random.below(ACCOUNTS)),
                self.account(random.below(ACCOUNTS)),
                EVERYBODY,
            ],
            offset: offset + 60 + n * RECORD_BYTES,
            index: self.place(number * TRANSACTIONS_PER_ENTRY + n).1,
        });
        Entry {
            number: number + 1,
            slot: number / ENTRIES_PER_SLOT,
            opens_slot: number.is_multiple_of(ENTRIES_PER_SLOT),
            file: (number / ENTRIES_PER_FILE) as u32,
            offset,
            transactions: transactions.collect(),
        }
    }
}
