//! All accounts of some segments, read on several threads.

use super::error::SegmentError;
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
    /// Reads the segments up to these lengths. Where there is an index, only records that it points to
    /// are accounts; else all that are no tombstones. There must be `count`.
    pub(super) fn new(
        segments: Vec<(Arc<Segment>, u64)>,
        shared: Option<Arc<Shared>>,
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
    shared: Option<Arc<Shared>>,
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
        let mut batch = Vec::with_capacity(BATCH);
        while let Some((place, record)) = scan.next()? {
            if record.is_tombstone() {
                continue;
            }
            let key = record.key();
            let is_newest = self.shared.as_ref().is_none_or(|shared| {
                let found = shared.index.get(shared.index.hash(&key));
                found.is_some_and(|found| found.place == place)
            });
            if is_newest {
                batch.push((key, record.state()));
            }
            if batch.len() == BATCH {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                if !send(full) {
                    return Ok(());
                }
            }
        }
        if !batch.is_empty() {
            send(batch);
        }
        Ok(())
    }
}
