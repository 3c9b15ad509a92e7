//! Slots turn: the open one is sealed, the next one opens, and the leader's share of the fees is paid in it.
//!
//! By wall time, unless the clock is paused; in a chain for development also as its operator says (`operating`). What
//! a slot is, everything that must be the same in a replay, is decided here.

use super::ScheduleStage;
use crate::fault::{self, Fault};
use crate::slot;
use crate::sync::Arc;
use crate::task::{PublisherMessage, SlotOpening};
use solana_hash::Hash;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

impl ScheduleStage {
    /// Seals the open slot, whose blockhash covers the entries published so far, and opens the next.
    pub(super) fn turn_slot(&mut self, now: Instant) {
        let (_, blockhash) = self.seal();
        let open = &self.slot;
        let mut time_ms = open.time_ms + self.slot_duration.as_millis() as i64;
        if std::mem::take(&mut self.resumes) && self.slot_transactions.is_none() {
            // The slots that passed while the node was down are not made up for: their time is.
            time_ms = time_ms.max(unix_time_ms());
        }
        let next = Arc::new(open.after(blockhash, time_ms));
        self.slot_ends += self.slot_duration;
        self.open_next_slot(
            SlotOpening {
                context: next,
                record: None,
                passed: None,
            },
            now,
        );
    }

    /// Nothing more comes in the open slot; the tip of what is published, and the slot's blockhash.
    pub(super) fn seal(&mut self) -> (Hash, Hash) {
        self.entries.close();
        let tip = *self
            .wiring
            .tip
            .lock()
            .expect("no holder of this lock panics");
        let open = &self.slot;
        let time = open.sysvars.clock.unix_timestamp;
        let blockhash = slot::blockhash(&open.blockhash(), open.slot, time, &tip);
        (tip, blockhash)
    }

    /// Opens the slot that follows the sealed one, and pays the leader's share of that.
    pub(super) fn open_next_slot(&mut self, opening: SlotOpening, now: Instant) {
        self.open_slot(opening);
        self.reconsider_deferred();
        self.pay_rewards(now);
    }

    /// Pays the leader's share of the fees that gathered.
    pub(super) fn pay_rewards(&mut self, now: Instant) {
        let mut lamports = std::mem::take(&mut self.rewards_lamports);
        if lamports > 0 && fault::is(self.fault, Fault::GenerousReward) {
            lamports *= 2;
        }
        if lamports > 0 && self.insert_reward(lamports, now).is_err() {
            // Every account index is taken: the reward waits for the next slot.
            self.rewards_lamports = lamports;
        }
        if self.slot_transactions.is_some() {
            self.entries.close();
        }
    }

    /// Everything that comes is of this slot.
    pub(super) fn open_slot(&mut self, slot: SlotOpening) {
        self.slot = slot.context.clone();
        self.slot_inserted = 0;
        self.found_blockhash = None;
        self.programs.open_slot(self.slot.slot);
        self.wiring.slots.set(self.slot.clone());
        self.replay.open_slot(self.slot.slot);
        self.dispatcher.start_slot();
        // It is announced behind the entries of the slots before it.
        let announced_now = self.entries.slot_opens_after_the_last(slot);
        self.unpublished
            .extend(announced_now.map(PublisherMessage::Slot));
    }
}

/// Unix time in milliseconds. A clock before 1970 is no reason not to go on.
fn unix_time_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_millis() as i64
}
