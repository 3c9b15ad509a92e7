//! fjall: a log-structured store. Two keyspaces; keys begin with half of an address or a quarter of a
//! signature, and those by address end so that the newest is first.

use crate::load::Entry;
use crate::{Place, Store};
use anyhow::Result;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use sealane_sdk::Pubkey;
use solana_signature::Signature;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long its threads may take to finish what they began.
const SETTLE_MAX: Duration = Duration::from_secs(5);

pub(crate) struct FjallStore {
    database: Database,
    signatures: Keyspace,
    addresses: Keyspace,
}

/// File, offset, slot, index.
pub(crate) fn value(entry: &Entry, offset: u64, index: u32) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..4].copy_from_slice(&entry.file.to_be_bytes());
    bytes[4..12].copy_from_slice(&offset.to_be_bytes());
    bytes[12..20].copy_from_slice(&entry.slot.to_be_bytes());
    bytes[20..].copy_from_slice(&index.to_be_bytes());
    bytes
}

pub(crate) fn place(value: &[u8]) -> Place {
    let u64_at = |at: usize| u64::from_be_bytes(value[at..at + 8].try_into().expect("8 bytes"));
    let u32_at = |at: usize| u32::from_be_bytes(value[at..at + 4].try_into().expect("4 bytes"));
    (u32_at(0), u64_at(4), u64_at(12), u32_at(20))
}

/// Address, then newest first.
pub(crate) fn address_key(address: &Pubkey, slot: u64, index: u32) -> [u8; 28] {
    let mut key = [0; 28];
    key[..16].copy_from_slice(&address.as_array()[..16]);
    key[16..24].copy_from_slice(&(!slot).to_be_bytes());
    key[24..].copy_from_slice(&(!index).to_be_bytes());
    key
}

/// The keys of an address behind (older than) this place, and up to its last.
pub(crate) fn address_range(address: &Pubkey, before: Option<(u64, u32)>) -> ([u8; 28], [u8; 28]) {
    let (slot, index) = before.unwrap_or((u64::MAX, u32::MAX));
    (
        address_key(address, slot, index),
        address_key(address, 0, 0),
    )
}

impl Store for FjallStore {
    fn open(folder: &Path) -> Result<Self> {
        let database = Database::builder(folder.join("fjall")).open()?;
        let signatures = database.keyspace("signatures", KeyspaceCreateOptions::default)?;
        let addresses = database.keyspace("addresses", KeyspaceCreateOptions::default)?;
        Ok(Self {
            database,
            signatures,
            addresses,
        })
    }

    fn append(&mut self, entry: &Entry) -> Result<()> {
        let mut batch = self.database.batch();
        for transaction in &entry.transactions {
            let value = value(entry, transaction.offset, transaction.index);
            batch.insert(
                &self.signatures,
                &transaction.signature.as_ref()[..16],
                value,
            );
            for address in &transaction.addresses {
                let key = address_key(address, entry.slot, transaction.index);
                batch.insert(&self.addresses, key, &value[..12]);
            }
        }
        Ok(batch.commit()?)
    }

    fn make_durable(&mut self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn settle(&mut self) -> Result<()> {
        self.make_durable()?;
        let until = Instant::now() + SETTLE_MAX;
        let is_busy =
            || self.database.active_compactions() > 0 || self.database.outstanding_flushes() > 0;
        while is_busy() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn of_signature(&self, signature: &Signature) -> Result<Option<Place>> {
        let found = self.signatures.get(&signature.as_ref()[..16])?;
        Ok(found.map(|value| place(&value)))
    }

    fn of_address(
        &self,
        address: &Pubkey,
        before: Option<(u64, u32)>,
        limit: usize,
    ) -> Result<Vec<Place>> {
        let (first, last) = address_range(address, before);
        let after = (
            std::ops::Bound::Excluded(first),
            std::ops::Bound::Included(last),
        );
        let rows = self.addresses.range::<[u8; 28], _>(after).take(limit);
        rows.map(|row| {
            let (key, value) = row.into_inner()?;
            Ok(joined(&key, &value))
        })
        .collect()
    }
}

/// Slot and index out of a key by address, file and offset out of its value.
pub(crate) fn joined(key: &[u8], value: &[u8]) -> Place {
    let slot = u64::from_be_bytes(key[16..24].try_into().expect("8 bytes"));
    let index = u32::from_be_bytes(key[24..28].try_into().expect("4 bytes"));
    let mut whole = [0; 24];
    whole[..12].copy_from_slice(value);
    let (file, offset, ..) = place(&whole);
    (file, offset, !slot, !index)
}
