//! redb: a copy-on-write B-tree. The same keys as fjall's; 80 entries to a transaction, as a commit costs
//! much.

use crate::fjall_store::{address_key, address_range, joined, place, value};
use crate::load::Entry;
use crate::{Place, Store};
use anyhow::Result;
use redb::{Database, Durability, ReadableDatabase, TableDefinition};
use sealane_sdk::Pubkey;
use solana_signature::Signature;
use std::ops::Bound;
use std::path::Path;

const SIGNATURES: TableDefinition<'_, [u8; 16], [u8; 24]> = TableDefinition::new("signatures");
const ADDRESSES: TableDefinition<'_, [u8; 28], [u8; 12]> = TableDefinition::new("addresses");
const ENTRIES_PER_COMMIT: usize = 80;

pub(crate) struct RedbStore {
    database: Database,
    signatures: Vec<([u8; 16], [u8; 24])>,
    addresses: Vec<([u8; 28], [u8; 12])>,
    entries: usize,
}

impl RedbStore {
    fn commit(&mut self, durability: Durability) -> Result<()> {
        self.entries = 0;
        // In order, which a B-tree likes best.
        self.signatures.sort_unstable();
        self.addresses.sort_unstable();
        let mut write = self.database.begin_write()?;
        write.set_durability(durability)?;
        {
            let mut signatures = write.open_table(SIGNATURES)?;
            for (key, value) in self.signatures.drain(..) {
                signatures.insert(key, value)?;
            }
            let mut addresses = write.open_table(ADDRESSES)?;
            for (key, value) in self.addresses.drain(..) {
                addresses.insert(key, value)?;
            }
        }
        Ok(write.commit()?)
    }
}

impl Store for RedbStore {
    fn open(folder: &Path) -> Result<Self> {
        Ok(Self {
            database: Database::builder().create(folder.join("redb"))?,
            signatures: Vec::new(),
            addresses: Vec::new(),
            entries: 0,
        })
    }

    fn append(&mut self, entry: &Entry) -> Result<()> {
        for transaction in &entry.transactions {
            let value = value(entry, transaction.offset, transaction.index);
            let prefix = transaction.signature.as_ref()[..16]
                .try_into()
                .expect("16 of 64 bytes");
            self.signatures.push((prefix, value));
            let short: [u8; 12] = value[..12].try_into().expect("12 of 24 bytes");
            for address in &transaction.addresses {
                let key = address_key(address, entry.slot, transaction.index);
                self.addresses.push((key, short));
            }
        }
        self.entries += 1;
        if self.entries == ENTRIES_PER_COMMIT {
            self.commit(Durability::None)
        } else {
            Ok(())
        }
    }

    fn make_durable(&mut self) -> Result<()> {
        self.commit(Durability::Immediate)
    }

    fn settle(&mut self) -> Result<()> {
        self.make_durable()
    }

    fn of_signature(&self, signature: &Signature) -> Result<Option<Place>> {
        let table = self.database.begin_read()?.open_table(SIGNATURES)?;
        let prefix: [u8; 16] = signature.as_ref()[..16].try_into().expect("16 of 64 bytes");
        Ok(table.get(prefix)?.map(|value| place(&value.value())))
    }

    fn of_address(
        &self,
        address: &Pubkey,
        before: Option<(u64, u32)>,
        limit: usize,
    ) -> Result<Vec<Place>> {
        let table = self.database.begin_read()?.open_table(ADDRESSES)?;
        let (first, last) = address_range(address, before);
        let rows = table.range::<[u8; 28]>((Bound::Excluded(first), Bound::Included(last)))?;
        rows.take(limit)
            .map(|row| {
                let (key, value) = row?;
                Ok(joined(&key.value(), &value.value()))
            })
            .collect()
    }
}
