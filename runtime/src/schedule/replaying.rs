//! The schedule stage fed from a log: the order was decided when it was recorded.

use super::ScheduleStage;
use crate::LedgerError;
use crate::replay::ReplayReport;
use crate::sync::{Ordering, Receiver};
use crate::task::{Admission, PublisherMessage, Recorded, RecordedEntry, Work};
use sealane_accounts_db::NotInterned;
use std::time::Instant;

/// A replay, as long as it lasts.
pub(crate) struct Replaying {
    pub(crate) queue: Receiver<Recorded>,
    pub(crate) report: ReplayReport,
    /// The entry whose tasks are being inserted.
    pub(crate) entry: Option<RecordedEntry>,
    /// The log has no more; waits for what is in flight, and until all is published.
    pub(crate) ending: Option<bool>,
    /// The publisher hears, behind all that was replayed, that this was all.
    pub(crate) is_announced: bool,
}

impl ScheduleStage {
    /// Inserts what was recorded, as far as there is room, and goes on live where the log ends.
    pub(super) fn replay(&mut self, now: Instant) -> bool {
        let Some(mut replaying) = self.replaying.take() else {
            return false;
        };
        // Acquire: as in `run`.
        if self.wiring.draining.load(Ordering::Acquire) {
            // The start was given up, and the replay with it.
            self.entries.close();
            return true;
        }
        let mut worked = false;
        while replaying.ending.is_none() {
            if let Some(entry) = &mut replaying.entry {
                match self.insert_recorded(entry, now) {
                    Ok(true) => replaying.entry = None,
                    Ok(false) => break,
                    Err(error) => {
                        // The replay ends here: who feeds it finds out why.
                        replaying.report.fail(error);
                        self.entries.close();
                        return true;
                    }
                }
                worked = true;
            }
            match replaying.queue.try_recv() {
                Ok(Recorded::Ids(ids)) => ids.into_iter().for_each(|id| self.replay.remember(id)),
                Ok(Recorded::Slot(slot)) => self.open_slot(slot),
                Ok(Recorded::Entry(entry)) => {
                    self.entries.skip_to(entry.entry);
                    replaying.entry = Some(entry);
                }
                Ok(Recorded::End { continues }) => replaying.ending = Some(continues),
                // Nothing yet.
                Err(_) => break,
            }
            worked = true;
        }
        let is_over = replaying.ending.is_some() && self.hold.is_none();
        if is_over && self.in_flight == 0 && self.entries.is_empty() {
            if !std::mem::replace(&mut replaying.is_announced, true) {
                self.unpublished.push_back(PublisherMessage::Replayed);
                worked = true;
            }
            // The slot that is sealed next covers the tip of all that was visible, and the publisher has that
            // when it has published all of it.
            if replaying.report.is_done() {
                self.seals_at_end = true;
                if replaying.ending == Some(true) {
                    // The open slot may have been shown long ago: the next one opens now.
                    self.slot_ends = now;
                    self.resumes = true;
                } else {
                    self.slot_ends = now + self.slot_duration;
                }
                return true;
            }
        }
        self.replaying = Some(replaying);
        worked
    }

    /// Inserts tasks of an entry. `false`: there is no room for the rest yet.
    fn insert_recorded(
        &mut self,
        entry: &mut RecordedEntry,
        now: Instant,
    ) -> Result<bool, LedgerError> {
        self.check_fetched()?;
        if self.is_fetching() {
            if !self.has_room_in_flight() {
                return Ok(false);
            }
            let Some(item) = self.next_fetched() else {
                return Ok(false);
            };
            if !self.insert_recorded_transaction(item, now)? {
                return Ok(false);
            }
        }
        while entry.works.len() > 0 {
            if !self.has_room() || self.hold.is_some() {
                return Ok(false);
            }
            let Some(work) = entry.works.next() else {
                break;
            };
            match work {
                Work::FeeReward { lamports } => {
                    // What it gathered from may complete later: it comes out right in the end.
                    self.rewards_lamports = self.rewards_lamports.wrapping_sub(lamports);
                    self.insert_reward(lamports, now)?;
                }
                Work::SetAccount(change) => {
                    let inserted = self.insert_change(change, now);
                    inserted.map_err(|(_, full)| full)?;
                }
                Work::Transaction(transaction) => {
                    let item = Admission::new(transaction, None);
                    if !self.insert_recorded_transaction(item, now)? {
                        return Ok(false);
                    }
                }
            }
        }
        if self.entries.is_open() {
            self.entries.expect(entry.expected.take());
        }
        self.entries.close();
        Ok(true)
    }

    /// `false`: its accounts are read first, and the rest waits.
    fn insert_recorded_transaction(
        &mut self,
        mut item: Admission,
        now: Instant,
    ) -> Result<bool, LedgerError> {
        let interned = self.intern(&item);
        self.let_go(&mut item);
        let accounts = match interned {
            Ok(accounts) => accounts,
            Err(NotInterned::Full(full)) => return Err(full.into()),
            Err(NotInterned::Cold) => {
                self.send_away(item);
                return Ok(false);
            }
        };
        let mut transaction = item.transaction;
        transaction.drop_fetched();
        self.replay.remember(transaction.id());
        // It was within the limits of cost when it was recorded.
        let inserted = self.insert_task(Work::Transaction(transaction), accounts, 0, now);
        assert!(
            inserted.is_ok(),
            "`has_room` keeps the lock table from filling"
        );
        Ok(true)
    }
}
