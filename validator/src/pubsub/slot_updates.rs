//! What `slotsUpdatesSubscribe` tells of a slot: that it was opened, and what became of it.
//! Source of the shapes: `rpc-client-types/src/response.rs` of agave 4.2.

use sealane_runtime::PublishedTransaction;
use solana_rpc_client_types::response::{SlotTransactionStats, SlotUpdate};
use std::time::{SystemTime, UNIX_EPOCH};

/// Counts what is heard of the open slot.
#[derive(Default)]
pub(super) struct SlotCounts {
    /// `None` until a slot was heard from its beginning.
    open: Option<SlotTransactionStats>,
}

impl SlotCounts {
    /// Counts an entry.
    pub(super) fn add(&mut self, transactions: &[PublishedTransaction]) {
        let Some(stats) = &mut self.open else {
            return;
        };
        let failed = transactions.iter().filter(|it| it.failed()).count() as u64;
        let all = transactions.len() as u64;
        stats.num_transaction_entries += 1;
        stats.num_failed_transactions += failed;
        stats.num_successful_transactions += all - failed;
        stats.max_transactions_per_entry = stats.max_transactions_per_entry.max(all);
    }

    /// A slot opened, its parent was sealed, and `root` is final if it was not before: what there is to tell.
    pub(super) fn turn(&mut self, slot: u64, parent: u64, root: Option<u64>) -> Vec<SlotUpdate> {
        let timestamp = unix_ms();
        let empty = SlotTransactionStats {
            num_transaction_entries: 0,
            num_successful_transactions: 0,
            num_failed_transactions: 0,
            max_transactions_per_entry: 0,
        };
        let frozen = self.open.replace(empty).map(|stats| SlotUpdate::Frozen {
            slot: parent,
            timestamp,
            stats,
        });
        let completed = SlotUpdate::Completed {
            slot: parent,
            timestamp,
        };
        let confirmed = SlotUpdate::OptimisticConfirmation {
            slot: parent,
            timestamp,
        };
        let root = root.map(|slot| SlotUpdate::Root { slot, timestamp });
        let created = SlotUpdate::CreatedBank {
            slot,
            parent,
            timestamp,
        };
        let before = [Some(completed), frozen, Some(confirmed), root];
        before
            .into_iter()
            .flatten()
            .chain(std::iter::once(created))
            .collect()
    }

    /// Nobody listens any more.
    pub(super) fn forget(&mut self) {
        self.open = None;
    }
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 is no reason not to tell.
    now.map_or(0, |now| now.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(updates: &[SlotUpdate]) -> Vec<String> {
        let kind = |update| serde_json::to_value(update).unwrap()["type"].to_string();
        updates.iter().map(kind).collect()
    }

    #[test]
    fn a_slot_is_counted_only_if_it_was_heard_from_its_beginning() {
        let mut counts = SlotCounts::default();
        counts.add(&[]);
        let heard_late = ["completed", "optimisticConfirmation", "root", "createdBank"];
        let quoted = |kinds: &[&str]| kinds.iter().map(|it| format!("\"{it}\"")).collect();
        let expected: Vec<String> = quoted(&heard_late);
        assert_eq!(kinds(&counts.turn(8, 7, Some(7))), expected);
        counts.add(&[]);
        let updates = counts.turn(9, 8, Some(6));
        let whole: Vec<String> = quoted(&[
            "completed",
            "frozen",
            "optimisticConfirmation",
            "root",
            "createdBank",
        ]);
        assert_eq!(kinds(&updates), whole);
        let SlotUpdate::Frozen { slot, stats, .. } = &updates[1] else {
            panic!("the second tells of the counts")
        };
        assert_eq!((*slot, stats.num_transaction_entries), (8, 1));
        counts.forget();
        assert_eq!(counts.turn(10, 9, None).len(), 3);
    }
}
