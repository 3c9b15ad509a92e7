//! Superseded versions, waiting until no pin can reach them.
//!
//! The publisher's alone. It lives in the shared part because pins may outlive the publisher.

use crate::memory::{Version, VersionPointer};
use crate::owners::OwnerIndex;
use crate::spares::Spares;
use crate::sync::{RwLock, write};
use crate::{AccountIndex, EntryNumber, Pubkey};
use std::collections::VecDeque;

/// Free versions this far ahead are being loaded.
#[cfg(not(feature = "shuttle"))]
const PREFETCH_AHEAD: usize = 8;

/// What one entry superseded.
#[derive(Default)]
pub(crate) struct Batch {
    /// The versions that it superseded, but for the following.
    versions: Vec<VersionPointer>,
    /// Those of plain accounts: nothing hangs on them.
    plain: Vec<VersionPointer>,
    /// What keeping these costs.
    bytes: usize,
    /// Accounts that left an owner in this entry.
    pub(crate) disowned: Vec<(Pubkey, AccountIndex)>,
}

impl Batch {
    /// Adds a version that `next` supersedes.
    pub(crate) fn push(&mut self, pointer: VersionPointer, version: &Version, next: &Version) {
        self.versions.push(pointer);
        self.bytes += version.bytes_beside(next);
    }

    /// Adds a version of a plain account.
    #[inline]
    pub(crate) fn push_plain(&mut self, pointer: VersionPointer) {
        self.plain.push(pointer);
        self.bytes += size_of::<Version>();
    }
}

/// All superseded versions, by the entry that superseded them.
#[derive(Default)]
pub(crate) struct Retired {
    batches: VecDeque<(EntryNumber, Batch)>,
    /// What keeping all of them costs.
    bytes: usize,
    /// An empty batch, for its buffers.
    spare: Batch,
    /// Freed versions, until there are enough to give back.
    #[cfg(not(feature = "shuttle"))]
    filling: crate::spares::Bundle,
}

impl Retired {
    /// An empty batch.
    pub(crate) fn take_spare(&mut self) -> Batch {
        std::mem::take(&mut self.spare)
    }

    /// Adds what `entry` superseded; entries come in order.
    pub(crate) fn push(&mut self, entry: EntryNumber, batch: Batch) {
        self.bytes += batch.bytes;
        self.batches.push_back((entry, batch));
    }

    /// Frees what pins at `oldest` and newer cannot reach.
    pub(crate) fn free(
        &mut self,
        oldest: EntryNumber,
        owners: &RwLock<OwnerIndex>,
        spares: &Spares,
    ) {
        while let Some((_, mut batch)) = self.batches.pop_front_if(|(entry, _)| *entry <= oldest) {
            self.recycle(&batch, spares);
            self.bytes -= batch.bytes;
            if !batch.disowned.is_empty() {
                let mut owners = write(owners);
                for (owner, account) in &batch.disowned {
                    owners.remove(owner, *account);
                }
            }
            batch.versions.clear();
            batch.plain.clear();
            batch.disowned.clear();
            batch.bytes = 0;
            self.spare = batch;
        }
    }

    #[cfg(not(feature = "shuttle"))]
    fn recycle(&mut self, batch: &Batch, spares: &Spares) {
        for version in &batch.plain {
            spares.give(&mut self.filling, version.free_plain_for_reuse());
        }
        let versions = &batch.versions;
        for (i, version) in versions.iter().enumerate() {
            if let Some(ahead) = versions.get(i + PREFETCH_AHEAD) {
                ahead.prefetch();
            }
            spares.give(&mut self.filling, version.free_for_reuse());
        }
    }

    #[cfg(feature = "shuttle")]
    fn recycle(&mut self, batch: &Batch, _: &Spares) {
        free_versions(&batch.versions);
        free_versions(&batch.plain);
    }

    /// Bytes kept for any pin.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes kept for pins at `oldest` and newer.
    pub(crate) fn bytes_kept_for(&self, oldest: EntryNumber) -> usize {
        let kept = self
            .batches
            .iter()
            .rev()
            .take_while(|(entry, _)| *entry > oldest);
        kept.map(|(_, batch)| batch.bytes).sum()
    }
}

impl Drop for Retired {
    fn drop(&mut self) {
        for (_, batch) in &self.batches {
            free_versions(&batch.versions);
            free_versions(&batch.plain);
        }
    }
}

fn free_versions(versions: &[VersionPointer]) {
    for version in versions {
        version.free();
    }
}
