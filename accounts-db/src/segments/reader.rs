//! Reading one account.

use super::error::SegmentError;
use super::format::Record;
use super::index::{KeyHash, Location};
use super::store::Shared;
use crate::Pubkey;
use crate::sync::read;
use sealane_sdk::AccountState;
use std::sync::Arc;

/// Reads accounts by key, from any thread, while segments are written and compacted.
#[derive(Clone)]
pub struct SegmentReader(pub(super) Arc<Shared>);

impl SegmentReader {
    /// The newest state of the account that was written, `None` if it was never or was deleted. One read
    /// of the file; the record is checked.
    pub fn get(&self, key: &Pubkey) -> Result<Option<AccountState>, SegmentError> {
        let hash = self.0.index.hash(key);
        let Some((_, bytes)) = self.0.read_newest(hash, |location| !location.tombstone)? else {
            return Ok(None);
        };
        let record = Record::of_checked(&bytes);
        // Another key with the same hash: then this one was never written.
        Ok((record.key() == *key).then(|| record.state()))
    }

    /// Whether `get` would find the account, without reading the file.
    pub fn contains(&self, key: &Pubkey) -> bool {
        let found = self.0.index.get(self.0.index.hash(key));
        found.is_some_and(|location| !location.tombstone)
    }
}

impl Shared {
    /// Reads the newest record of a key, if there is one that is `wanted`.
    pub(super) fn read_newest(
        &self,
        hash: KeyHash,
        wanted: impl Fn(&Location) -> bool,
    ) -> Result<Option<(Location, Vec<u8>)>, SegmentError> {
        loop {
            let Some(location) = self.index.get(hash).filter(&wanted) else {
                return Ok(None);
            };
            let place = location.place;
            // The table's lock is not held while the file is read.
            let segment = read(&self.segments).get(&place.segment).cloned();
            let Some(segment) = segment else {
                // Its records moved and it was removed after the index was asked.
                assert!(
                    self.index.get(hash) != Some(location),
                    "a segment was removed with a newest record in it"
                );
                continue;
            };
            let bytes = segment.read(place.offset, location.size)?;
            return Ok(Some((location, bytes)));
        }
    }
}
