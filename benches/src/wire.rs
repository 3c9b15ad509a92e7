//! Pre-signed transactions as wire bytes, packed; and the file in which they travel to the peers.

use crate::keyring::Keyring;
use crate::parallel::in_ranges;
use bytes::Bytes;
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use solana_message::VersionedMessage;
use std::io::{self, Write};
use std::ops::Range;

/// First bytes of an exported workload.
const EXPORT_MAGIC: &[u8; 8] = b"SLWORK01";

/// Many transactions in a few allocations.
#[derive(Default)]
pub struct WireTransactions {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl WireTransactions {
    /// Number of transactions.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The wire bytes of each, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends
            .iter()
            .map(move |&end| &self.bytes[std::mem::replace(&mut start, end)..end])
    }

    /// Runs of neighbours of one length, of at most so many: all their bytes in a row, the length, how many there are.
    pub(crate) fn alike(&self, most: usize) -> impl Iterator<Item = (&[u8], usize, usize)> {
        let (mut first, mut start) = (0, 0);
        std::iter::from_fn(move || {
            let length = self.ends.get(first)? - start;
            let alike = |count: usize| {
                self.ends.get(first + count) == Some(&(start + (count + 1) * length))
            };
            let count = (1..most).find(|&count| !alike(count)).unwrap_or(most);
            let end = start + count * length;
            let run = &self.bytes[start..end];
            (first, start) = (first + count, end);
            Some((run, length, count))
        })
    }

    /// Fresh batches of `batch` transactions for one run, each in an allocation of its own, as a network
    /// would hand them in: nothing that a run does to them touches its neighbour's memory.
    pub fn batches(&self, batch: usize) -> Vec<Vec<Bytes>> {
        let mut batches = Vec::with_capacity(self.len().div_ceil(batch));
        for (i, transaction) in self.iter().enumerate() {
            if i % batch == 0 {
                batches.push(Vec::with_capacity(batch));
            }
            let last = batches
                .last_mut()
                .expect("the first transaction opens a batch");
            last.push(Bytes::copy_from_slice(transaction));
        }
        batches
    }

    /// The transactions with these numbers, made and signed on all cores; `draft` gives each one's payer and message.
    pub(crate) fn signed(
        numbers: Range<u64>,
        keyring: &Keyring,
        draft: impl Fn(u64) -> (u64, VersionedMessage) + Sync,
    ) -> Self {
        let parts = in_ranges(numbers.end - numbers.start, |range| {
            let mut part = Self::default();
            for i in range {
                let i = numbers.start + i;
                let (payer, message) = draft(i);
                let message = message.serialize();
                part.push(keyring.sign(payer, i, &message).as_ref(), &message);
            }
            part
        });
        let mut all = Self::default();
        // Each is freed as soon as it was taken over.
        for part in parts {
            all.append(&part);
        }
        all
    }

    pub(crate) fn push(&mut self, signature: &[u8], message: &[u8]) {
        self.bytes.push(1);
        self.bytes.extend_from_slice(signature);
        self.bytes.extend_from_slice(message);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn append(&mut self, other: &Self) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| base + end));
    }
}

/// Writes what another runtime needs to run the same transactions: the blockhash they carry, the
/// accounts they start from, the transactions. All integers are little-endian:
///
/// ```text
/// "SLWORK01" blockhash[32]
/// u64 accounts: { key[32] lamports:u64 owner[32] executable:u8 length:u32 data[length] }
/// u64 transactions: { length:u32 bytes[length] }
/// ```
pub fn export(
    out: &mut impl Write,
    blockhash: &Hash,
    accounts: &[(Pubkey, AccountState)],
    transactions: &WireTransactions,
) -> io::Result<()> {
    out.write_all(EXPORT_MAGIC)?;
    out.write_all(blockhash.as_ref())?;
    out.write_all(&(accounts.len() as u64).to_le_bytes())?;
    for (key, state) in accounts {
        let data = state.data.as_slice();
        out.write_all(key.as_ref())?;
        out.write_all(&state.lamports.to_le_bytes())?;
        out.write_all(state.owner.as_ref())?;
        out.write_all(&[u8::from(state.executable)])?;
        out.write_all(&(data.len() as u32).to_le_bytes())?;
        out.write_all(data)?;
    }
    out.write_all(&(transactions.len() as u64).to_le_bytes())?;
    for transaction in transactions.iter() {
        out.write_all(&(transaction.len() as u32).to_le_bytes())?;
        out.write_all(transaction)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_length_are_in_a_run() {
        let mut all = WireTransactions::default();
        for message in [
            b"one".as_slice(),
            b"two",
            b"six",
            b"seven",
            b"eight",
            b"ten",
        ] {
            all.push(&[9; 64], message);
        }
        let runs = |most| -> Vec<(usize, usize)> {
            all.alike(most)
                .map(|(_, length, count)| (length - 65, count))
                .collect()
        };
        assert_eq!(runs(64), [(3, 3), (5, 2), (3, 1)]);
        assert_eq!(runs(2), [(3, 2), (3, 1), (5, 2), (3, 1)]);
        assert_eq!(runs(1).len(), 6);
        let bytes: Vec<u8> = all.alike(2).flat_map(|(run, ..)| run.to_vec()).collect();
        assert_eq!(bytes, all.iter().flatten().copied().collect::<Vec<u8>>());
    }

    #[test]
    fn batches_hold_every_transaction_in_order() {
        let mut first = WireTransactions::default();
        first.push(&[1; 64], b"one");
        let mut second = WireTransactions::default();
        second.push(&[2; 64], b"two");
        second.push(&[3; 64], b"three!");
        first.append(&second);
        let batches = first.batches(2);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        let tails: Vec<&[u8]> = batches.iter().flatten().map(|bytes| &bytes[65..]).collect();
        assert_eq!(tails, [b"one".as_slice(), b"two", b"three!"]);
        assert!(
            first
                .iter()
                .eq(batches.iter().flatten().map(|bytes| bytes.as_ref()))
        );
    }
}
