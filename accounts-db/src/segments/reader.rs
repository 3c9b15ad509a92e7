//! Reading one account.

use super::error::SegmentError;
use super::format::Record;
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
        loop {
            let found = self.0.index.get(hash);
            let Some(location) = found.filter(|location| !location.tombstone) else {
                return Ok(None);
            };
            let place = location.place;
            // The table's lock is not held while the file is read.
            let segment = read(&self.0.segments).get(&place.segment).cloned();
            let Some(segment) = segment else {
                // Its records moved and it was removed after the index was asked.
                assert!(
                    self.0.index.get(hash) != Some(location),
                    "a segment was removed with a newest record in it"
                );
                continue;
            };
            let bytes = segment.read(place.offset, location.size)?;
            let record = Record::of_checked(&bytes);
            // Another key with the same hash: then this one was never written.
            return Ok((record.key() == *key).then(|| record.state()));
        }
    }

    /// Whether `get` would find the account, without reading the file.
    pub fn contains(&self, key: &Pubkey) -> bool {
        let found = self.0.index.get(self.0.index.hash(key));
        found.is_some_and(|location| !location.tombstone)
    }
}
