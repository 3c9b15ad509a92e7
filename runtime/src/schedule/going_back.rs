//! The schedule stage takes snapshots of a chain for development, and goes back to them.
//!
//! A snapshot is taken at the beginning of a slot, with nothing in it, in a chain at rest: the open slot is sealed
//! for it. To go back, this stage takes again what it had then (the open slot, the message ids that are known,
//! the fees that are not paid), tells those behind it to, and writes each account that was written since, as it
//! was, in one entry: by tasks under locks like all that writes accounts. So whoever keeps something of accounts
//! (versions, the index by owner, the state root, the account files) hears of it as of any entry. That entry is
//! not in the log: there a record says that what followed the snapshot counts for nothing.

use super::ScheduleStage;
use super::operating::{Hold, Then};
use super::replay_protection::ReplayProtection;
use crate::SlotContext;
use crate::operator::{AccountChange, OperatorError, Reply};
use crate::sync::Arc;
use crate::task::{PublisherMessage, Reverting, SlotOpening, TaskAccounts, Work};
use sealane_sdk::{AccountState, Pubkey};
use std::time::Instant;

/// What this stage had when a snapshot was taken.
pub(super) struct PastState {
    id: u64,
    context: Arc<SlotContext>,
    replay: ReplayProtection,
    rewards_lamports: u64,
}

/// Accounts that are still to be written as they were, and who waits for it.
pub(super) struct Restoring {
    rest: std::vec::IntoIter<(Pubkey, AccountState)>,
    reply: Reply<bool>,
}

impl ScheduleStage {
    pub(super) fn take_snapshot(&mut self, reply: Reply<u64>, now: Instant) {
        let max = self.limits.snapshots_max;
        if self.snapshots.len() >= max {
            let _ = reply.try_send(Err(OperatorError::TooManySnapshots { max }));
            return;
        }
        // They were accepted, and are in no block: after a way back they would be known and not there.
        self.give_deferred_up();
        let (_, blockhash) = self.seal();
        let time_ms = self.slot.time_ms + self.slot_duration.as_millis() as i64;
        self.open_slot(SlotOpening {
            context: Arc::new(self.slot.after(blockhash, time_ms)),
            record: None,
            passed: None,
        });
        self.slot_ends = now + self.slot_duration;
        let id = self.next_snapshot;
        self.next_snapshot += 1;
        self.snapshots.push(PastState {
            id,
            context: self.slot.clone(),
            replay: self.replay.clone(),
            rewards_lamports: self.rewards_lamports,
        });
        self.unpublished.push_back(PublisherMessage::Snapshot(id));
        self.pay_rewards(now);
        self.answer_at_rest(reply, Ok(id));
    }

    pub(super) fn go_back(&mut self, id: u64, reply: Reply<bool>) {
        let Some(at) = self.snapshots.iter().position(|past| past.id == id) else {
            let _ = reply.try_send(Ok(false));
            return;
        };
        self.give_deferred_up();
        let past = self.snapshots.drain(at..).next();
        let past = past.expect("it was found there");
        self.slot = past.context.clone();
        self.slot_inserted = 0;
        self.replay = past.replay;
        self.rewards_lamports = past.rewards_lamports;
        self.found_blockhash = None;
        self.programs.open_slot(self.slot.slot);
        self.wiring.slots.set(self.slot.clone());
        self.dispatcher.start_slot();
        let changed = {
            let journals = self.wiring.journals.lock();
            journals.expect("no holder panics").since(id)
        };
        self.unpublished
            .push_back(PublisherMessage::Revert(Box::new(Reverting {
                id,
                context: past.context,
                restores: !changed.is_empty(),
                record: None,
            })));
        self.hold = Some(Hold::Restoring(Restoring {
            rest: changed.into_iter(),
            reply,
        }));
    }

    /// Inserts tasks that write accounts as they were. `None` once all are in.
    pub(super) fn restore(&mut self, mut restoring: Restoring, now: Instant) -> (Hold, bool) {
        let mut worked = false;
        while self.has_room_in_flight()
            && let Some((key, state)) = restoring.rest.next()
        {
            let hash = self.wiring.accounts.hash_key(&key);
            let account = self.interner.intern(&key, hash);
            let account = account.expect("there were not more accounts then than there may be");
            let accounts = TaskAccounts::from_slice(&[(account, true)]);
            let change = AccountChange::restored(key, state);
            let inserted = self.insert_task(Work::SetAccount(Box::new(change)), accounts, 0, now);
            assert!(
                inserted.is_ok(),
                "`has_room` keeps the lock table from filling, and it costs nothing"
            );
            worked = true;
        }
        if restoring.rest.len() > 0 {
            return (Hold::Restoring(restoring), worked);
        }
        self.entries.close();
        (Hold::Resting(Then::GoOn(restoring.reply)), true)
    }

    /// All is as it was.
    pub(super) fn went_back(&mut self, reply: Reply<bool>, now: Instant) {
        self.wiring.machine.forget_all();
        self.slot_ends = now + self.slot_duration;
        self.pay_rewards(now);
        self.answer_at_rest(reply, Ok(true));
    }
}
