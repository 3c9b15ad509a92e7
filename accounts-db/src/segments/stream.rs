//! All accounts of some segments, read on several threads.

use super::error::SegmentError;
use super::format::Place;
use super::index::{KeyHash, LocationIndex, SHARDS};
use super::scan::{Scan, Segment};
use super::store::Shared;
use crate::Pubkey;
use crate::sync::{AtomicUsize, Ordering};
use sealane_sdk::AccountState;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Accounts that go from a thread to the reader at once.
const BATCH: usize = 512;

/// Records that are looked up in a shard of the index at once.
const GATHERED: usize = 32;

type Batch = Result<Vec<(Pubkey, AccountState)>, SegmentError>;

/// Accounts, in no particular order, each once. After the last one, `finish` says whether they were all.
pub struct AccountStream<'a> {
    batches: Receiver<Batch>,
    batch: std::vec::IntoIter<(Pubkey, AccountState)>,
    threads: Vec<JoinHandle<()>>,
    left: u64,
    failed: Option<SegmentError>,
    /// What it reads is not written to meanwhile.
    segments: PhantomData<&'a ()>,
}

impl AccountStream<'_> {
    /// Reads the segments up to these lengths. The records that the index points to are accounts, unless they
    /// are tombstones. There must be `count`.
    pub(super) fn new(
        segments: Vec<(Arc<Segment>, u64)>,
        shared: Arc<Shared>,
        count: u64,
        threads: usize,
    ) -> Self {
        let threads = threads.clamp(1, segments.len().max(1));
        let (sender, batches) = sync_channel(2 * threads);
        let source = Arc::new(Source {
            segments,
            next: AtomicUsize::new(0),
            shared,
        });
        let spawn = |number: usize| {
            let (source, sender) = (Arc::clone(&source), sender.clone());
            std::thread::Builder::new()
                .name(format!("load-{number}"))
                .spawn(move || source.run(&sender))
                .expect("the system has room for a thread")
        };
        Self {
            batches,
            batch: Vec::new().into_iter(),
            threads: (0..threads).map(spawn).collect(),
            left: count,
            failed: None,
            segments: PhantomData,
        }
    }

    /// Whether all accounts came.
    pub fn finish(mut self) -> Result<(), SegmentError> {
        if self.left > 0 && self.failed.is_none() && self.next().is_some() {
            // Who stops early does not ask.
            panic!("an account stream was finished before its end");
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None if self.left == 0 => Ok(()),
            None => Err(SegmentError::corrupted(
                "the account files",
                0,
                "they hold another number of accounts than their checkpoint says",
            )),
        }
    }
}

impl Iterator for AccountStream<'_> {
    type Item = (Pubkey, AccountState);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(account) = self.batch.next() {
                self.left = self.left.saturating_sub(1);
                return Some(account);
            }
            if self.failed.is_some() {
                return None;
            }
            match self.batches.recv() {
                Ok(Ok(batch)) => self.batch = batch.into_iter(),
                Ok(Err(error)) => self.failed = Some(error),
                Err(_) => return None,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, None)
    }
}

impl Drop for AccountStream<'_> {
    fn drop(&mut self) {
        // A thread that has more finds nobody to take it.
        let (_, nobody) = sync_channel(1);
        self.batches = nobody;
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            if let (Err(panic), false) = (ended, std::thread::panicking()) {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// What the threads share.
struct Source {
    segments: Vec<(Arc<Segment>, u64)>,
    next: AtomicUsize,
    shared: Arc<Shared>,
}

impl Source {
    fn run(&self, sender: &SyncSender<Batch>) {
        loop {
            // Relaxed: only the number matters.
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((segment, length)) = self.segments.get(at) else {
                return;
            };
            let read = self.read(segment, *length, &mut |batch| {
                sender.send(Ok(batch)).is_ok()
            });
            if let Err(error) = read {
                // Nobody listens any more: nobody needs to know.
                let _ = sender.send(Err(error));
                return;
            }
        }
    }

    fn read(
        &self,
        segment: &Arc<Segment>,
        length: u64,
        send: &mut dyn FnMut(Vec<(Pubkey, AccountState)>) -> bool,
    ) -> Result<(), SegmentError> {
        let mut scan = Scan::new(Arc::clone(segment), length);
        let mut out = Outbox {
            batch: Vec::with_capacity(BATCH),
            send,
        };
        let index = &self.shared.index;
        let mut gathered: Vec<Vec<_>> = (0..SHARDS).map(|_| Vec::with_capacity(GATHERED)).collect();
        while let Some((place, record)) = scan.next()? {
            if record.is_tombstone() {
                continue;
            }
            let key = record.key();
            let hash = index.hash(&key);
            let records = &mut gathered[hash.shard()];
            records.push((hash, place, (key, record.state())));
            if records.len() == GATHERED && !out.take_newest(index, records) {
                return Ok(());
            }
        }
        let _ = gathered
            .iter_mut()
            .all(|records| out.take_newest(index, records));
        out.flush();
        Ok(())
    }
}

/// Where a thread's accounts go.
struct Outbox<'a> {
    batch: Vec<(Pubkey, AccountState)>,
    send: &'a mut dyn FnMut(Vec<(Pubkey, AccountState)>) -> bool,
}

impl Outbox<'_> {
    /// Returns whether anybody wants more.
    fn push(&mut self, key: Pubkey, state: AccountState) -> bool {
        self.batch.push((key, state));
        if self.batch.len() < BATCH {
            return true;
        }
        let full = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        (self.send)(full)
    }

    /// Takes those of a shard's records that are the newest.
    fn take_newest(
        &mut self,
        index: &LocationIndex,
        records: &mut Vec<(KeyHash, Place, (Pubkey, AccountState))>,
    ) -> bool {
        index.retain_newest(records);
        let mut newest = records.drain(..);
        newest.all(|(_, _, (key, state))| self.push(key, state))
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            (self.send)(std::mem::take(&mut self.batch));
        }
    }
}
