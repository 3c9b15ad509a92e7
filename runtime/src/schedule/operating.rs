//! The schedule stage and the operator of a chain for development.
//!
//! An account that is set is a task like any other, the last of its entry, and nothing is inserted behind it
//! before it is complete. If it turns out to be a program, or to have been one, nothing is before it is visible
//! either: what the machine keeps of programs is forgotten then, so that it is read anew. A replay waits alike.
//!
//! What moves the clock needs a chain at rest: insertion stops, what is in flight is finished, and when the
//! publisher has said that all of it is visible, it is done. So slots that pass follow from the tip that the
//! log has before them.

use super::ScheduleStage;
use super::going_back::Restoring;
use crate::SlotContext;
use crate::block_log::SlotOpened;
use crate::operator::{AccountChange, Command, OperatorError, Reply, TimeTravel};
use crate::slot::IdleSlots;
use crate::sync::{Arc, AtomicBool, Ordering};
use crate::task::{Outcome, PublisherMessage, SlotOpening, TaskAccounts, Work};
use sealane_accounts_db::AccountsFull;
use std::time::Instant;

/// Nominal time ends with the year 9999, in Unix milliseconds.
const TIME_MAX_MS: u64 = 253_402_300_799_000;

/// Why nothing is inserted.
pub(super) enum Hold {
    /// An account is being set.
    Set,
    /// What is in flight is finished.
    Resting(Then),
    /// Accounts become what they were.
    Restoring(Restoring),
    /// The publisher says when all of it is visible.
    Visible(Arc<AtomicBool>, Then),
}

/// What is done in a chain at rest.
pub(super) enum Then {
    ForgetPrograms,
    TurnSlot,
    Obey(Command),
    /// The chain is what it was at a snapshot.
    GoOn(Reply<bool>),
    /// Somebody hears of it.
    Tell(Box<dyn FnOnce() + Send>),
}

impl ScheduleStage {
    /// Carries commands out. Returns whether anything was done.
    pub(super) fn operate(&mut self, now: Instant) -> bool {
        let mut worked = self.hold.is_some() && self.come_to_rest(now);
        while let Some(commands) = &self.wiring.commands
            && self.hold.is_none()
            && self.replaying.is_none()
            && !self.resumes
            && self.has_room()
            && let Ok(command) = commands.try_recv()
        {
            self.receive(command, now);
            worked = true;
        }
        worked
    }

    fn receive(&mut self, command: Command, now: Instant) {
        match command {
            Command::SetAccount(change) => {
                if self.slot.virtual_account(&change.key).is_some() {
                    let key = change.key;
                    return change.answer(Err(OperatorError::Virtual(key)));
                }
                if let Err((change, _full)) = self.insert_change(change, now) {
                    change.answer(Err(OperatorError::AccountsFull));
                }
            }
            Command::SetPaused(paused, reply) => {
                if self.is_paused && !paused {
                    self.slot_ends = now + self.slot_duration;
                }
                self.is_paused = paused;
                let _ = reply.try_send(Ok(self.slot.clone()));
            }
            command => self.rest(Then::Obey(command)),
        }
    }

    /// The node stops: whoever waits for a chain at rest hears that it is given up.
    pub(super) fn give_commands_up(&mut self) {
        if let Some(Hold::Resting(Then::Obey(_)) | Hold::Visible(_, Then::Obey(_))) = self.hold {
            self.hold = None;
        }
        if let Some(commands) = &self.wiring.commands {
            while commands.try_recv().is_ok() {}
        }
    }

    /// Nothing is inserted any more until all that was is visible.
    pub(super) fn rest(&mut self, then: Then) {
        self.entries.close();
        self.hold = Some(Hold::Resting(then));
    }

    /// Goes on with what the chain comes to rest for.
    fn come_to_rest(&mut self, now: Instant) -> bool {
        let is_at_rest =
            self.in_flight == 0 && self.entries.is_empty() && self.unpublished.is_empty();
        match self.hold.take() {
            Some(Hold::Resting(_) | Hold::Visible(..))
                if self.wiring.ledger.failure().is_some() =>
            {
                // Nothing becomes visible any more: whoever waits hears that it is given up.
                true
            }
            Some(Hold::Resting(then)) if is_at_rest => {
                let visible = Arc::new(AtomicBool::new(false));
                let reached = visible.clone();
                // Release: what the publisher did comes with it.
                self.when_visible(move || reached.store(true, Ordering::Release));
                self.hold = Some(Hold::Visible(visible, then));
                true
            }
            // Acquire: the publisher's work comes with it.
            Some(Hold::Visible(visible, then)) if visible.load(Ordering::Acquire) => {
                match then {
                    Then::ForgetPrograms => self.wiring.machine.forget_all(),
                    Then::TurnSlot => self.pass_slots(1, now),
                    Then::Obey(command) => self.obey(command, now),
                    Then::GoOn(reply) => self.went_back(reply, now),
                    Then::Tell(tell) => tell(),
                }
                true
            }
            Some(Hold::Restoring(restoring)) => {
                let (hold, worked) = self.restore(restoring, now);
                self.hold = Some(hold);
                worked
            }
            hold => {
                self.hold = hold;
                false
            }
        }
    }

    /// Answers when all that was done is visible, with the fees that a slot pays which opened.
    pub(super) fn answer_at_rest<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        answer: Result<T, OperatorError>,
    ) {
        self.rest(Then::Tell(Box::new(move || {
            let _ = reply.try_send(answer);
        })));
    }

    /// Has the publisher call this, behind all that it was sent so far.
    fn when_visible(&mut self, reached: impl FnOnce() + Send + 'static) {
        self.unpublished
            .push_back(PublisherMessage::Barrier(Box::new(reached)));
    }

    /// Carries a command out in a chain at rest.
    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::Travel(to, reply) => {
                let there = self.travel(to, now);
                self.answer_at_rest(reply, there);
            }
            Command::Settle(reply) => {
                let _ = reply.try_send(Ok(self.slot.clone()));
            }
            Command::Snapshot(reply) => self.take_snapshot(reply, now),
            Command::Revert(id, reply) => self.go_back(id, reply),
            Command::SetAccount(_) | Command::SetPaused(..) => {
                unreachable!("it needs no chain at rest")
            }
        }
    }

    fn travel(&mut self, to: TimeTravel, now: Instant) -> Result<Arc<SlotContext>, OperatorError> {
        let open = self.slot.clone();
        let slot = match to {
            TimeTravel::Time(time_ms) => {
                let open_ms = u64::try_from(open.time_ms).unwrap_or(0);
                let far_max = TIME_MAX_MS.saturating_sub(open_ms);
                if check("time (Unix milliseconds)", time_ms, open_ms, far_max)? {
                    self.turn_slot_to(time_ms.cast_signed(), now);
                }
                return Ok(self.slot.clone());
            }
            TimeTravel::Slot(slot) => slot,
            TimeTravel::Epoch(epoch) => {
                let schedule = &open.sysvars.epoch_schedule;
                let epochs_max = self.limits.travel_slots_max / schedule.slots_per_epoch.max(1);
                if !check("epoch", epoch, open.sysvars.clock.epoch, epochs_max)? {
                    return Ok(open);
                }
                schedule.get_first_slot_in_epoch(epoch)
            }
        };
        if check("slot", slot, open.slot, self.limits.travel_slots_max)? {
            self.pass_slots(slot - open.slot, now);
        }
        Ok(self.slot.clone())
    }

    /// Opens the slot that comes so many after the open one.
    fn pass_slots(&mut self, count: u64, now: Instant) {
        let open = self.slot.clone();
        let slot_ms = self.slot_duration.as_millis() as u64;
        let time_ms = open.time_ms + slot_ms.cast_signed();
        if count == 1 {
            return self.turn_slot_to(time_ms, now);
        }
        let (tip, blockhash) = self.seal();
        let first = SlotOpened {
            slot: open.slot + 1,
            time_ms,
            parent_blockhash: blockhash,
        };
        let passed = IdleSlots::new(first, count, slot_ms).walked(&tip);
        self.open_next_slot(
            SlotOpening {
                context: Arc::new(open.after_idle(&passed, &tip)),
                record: None,
                passed: Some(Box::new(passed)),
            },
            now,
        );
        self.slot_ends = now + self.slot_duration;
    }

    /// Turns the slot now; the next one's time is this.
    fn turn_slot_to(&mut self, time_ms: i64, now: Instant) {
        let (_, blockhash) = self.seal();
        self.open_next_slot(
            SlotOpening {
                context: Arc::new(self.slot.after(blockhash, time_ms)),
                record: None,
                passed: None,
            },
            now,
        );
        self.slot_ends = now + self.slot_duration;
    }

    /// The task that sets an account; the last of its entry.
    pub(super) fn insert_change(
        &mut self,
        change: Box<AccountChange>,
        now: Instant,
    ) -> Result<(), (Box<AccountChange>, AccountsFull)> {
        let hash = self.wiring.accounts.hash_key(&change.key);
        let account = match self.interner.intern(&change.key, hash) {
            Ok(account) => account,
            Err(full) => return Err((change, full)),
        };
        let accounts = TaskAccounts::from_slice(&[(account, true)]);
        let inserted = self.insert_task(Work::SetAccount(change), accounts, 0, now);
        assert!(
            inserted.is_ok(),
            "`has_room` keeps the lock table from filling, and it costs nothing"
        );
        self.hold = Some(Hold::Set);
        Ok(())
    }

    /// The account that was being set is, or could not be.
    pub(super) fn change_is_complete(&mut self, outcome: &Outcome) {
        self.hold = None;
        if matches!(outcome, Outcome::Set(set) if set.is_program) {
            self.rest(Then::ForgetPrograms);
        }
    }
}

/// Whether a journey goes anywhere; it must not go back, nor too far.
fn check(what: &'static str, to: u64, now: u64, max: u64) -> Result<bool, OperatorError> {
    if to < now {
        return Err(OperatorError::Past { what, to, now });
    }
    if to - now > max {
        return Err(OperatorError::TooFar { what, to, now, max });
    }
    Ok(to > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_only_and_not_for_ever() {
        assert_eq!(check("slot", 7, 7, 10), Ok(false));
        assert_eq!(check("slot", 8, 7, 10), Ok(true));
        assert_eq!(check("slot", 17, 7, 10), Ok(true));
        let (what, now) = ("slot", 7);
        for to in [0, 6] {
            let past = OperatorError::Past { what, to, now };
            assert_eq!(check(what, to, now, 10), Err(past));
        }
        for to in [18, u64::MAX] {
            let max = 10;
            let too_far = OperatorError::TooFar { what, to, now, max };
            assert_eq!(check(what, to, now, max), Err(too_far));
        }
    }
}
