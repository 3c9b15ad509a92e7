//! Sorted runs of our own: the node's archive, merging on a thread of its own.

use crate::load::Entry;
use crate::{Place, Store};
use anyhow::Result;
use sealane_runtime::{
    Archive, ArchiveLimits, ArchiveWriter, ArchivedTransaction, EntryAt, LogPosition, OpenedSlot,
    RealDisk, TransactionAt,
};
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use solana_signature::Signature;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

pub(crate) struct ArchiveStore {
    archive: Arc<Archive>,
    writer: ArchiveWriter,
    merging: Option<(SyncSender<()>, JoinHandle<Result<()>>)>,
}

fn place(found: ArchivedTransaction) -> Place {
    (found.at.file, found.at.offset, found.slot, found.index)
}

impl Store for ArchiveStore {
    fn open(folder: &Path) -> Result<Self> {
        let disk = Arc::new(RealDisk::open(folder)?);
        let limits = ArchiveLimits::default();
        let (archive, writer) = Archive::open(disk, limits, [1; 16], Hash::default())?;
        let (sender, receiver) = sync_channel(1);
        let merger = archive.clone();
        let merge = move || {
            while receiver.recv().is_ok() {
                while merger.maintain()? {}
            }
            Ok(())
        };
        Ok(Self {
            archive,
            writer,
            merging: Some((sender, std::thread::spawn(merge))),
        })
    }

    fn append(&mut self, entry: &Entry) -> Result<()> {
        if entry.opens_slot {
            self.writer.open_slot(OpenedSlot {
                slot: entry.slot,
                time_ms: (entry.slot * 400) as i64,
                slot_ms: 400,
                parent_blockhash: Hash::default(),
                file: entry.file,
            })?;
        }
        let at = LogPosition {
            file: entry.file,
            offset: entry.offset,
        };
        let bytes = 60 + 450 * entry.transactions.len() as u64;
        let (number, tip) = (entry.number, Hash::default());
        let entry_at = EntryAt {
            entry: number,
            record: number,
            at,
            bytes,
            tip,
        };
        let transactions = entry.transactions.iter().map(|transaction| TransactionAt {
            signature: &transaction.signature,
            addresses: &transaction.addresses,
            offset: transaction.offset,
        });
        self.writer.append(entry_at, transactions)?;
        if let Some((merge, _)) = &self.merging {
            let _ = merge.try_send(());
        }
        Ok(())
    }

    fn make_durable(&mut self) -> Result<()> {
        // It does so by itself, when a run is full.
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        self.writer.flush()?;
        if let Some((merge, thread)) = self.merging.take() {
            merge.send(())?;
            drop(merge);
            thread.join().expect("merging does not panic")?;
        }
        Ok(())
    }

    fn of_signature(&self, signature: &Signature) -> Result<Option<Place>> {
        Ok(self
            .archive
            .of_signature(signature, 0)?
            .first()
            .copied()
            .map(place))
    }

    fn of_address(
        &self,
        address: &Pubkey,
        before: Option<(u64, u32)>,
        limit: usize,
    ) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        self.archive.of_address(address, before, |found| {
            places.push(place(found));
            Ok(places.len() < limit)
        })?;
        Ok(places)
    }
}
