//! Which accounts are in memory, where that is bounded (`Limits::accounts_memory_max`).
//!
//! An account without an index becomes resident when a transaction that names it is interned, out of what verify
//! fetched. Where nothing was fetched, or what was may be old, as the account was in memory and evicted since,
//! the transaction goes to the fetch stage and comes back; this thread goes on meanwhile. While it is away its
//! keys are held: none of its accounts is taken out of the table. So when it is back each of them has an index or
//! what was fetched of it holds, and it goes away once at most. What waits in the priority buffer has nothing
//! fetched with it, which would be unbounded: it is fetched when it is its turn.
//!
//! At most `fetches_max` transactions are away; beyond that insertion waits. In a replay the order is given, so one
//! is away and all wait.
//!
//! Eviction goes on in small steps while more is resident than the bound (`accounts-db/src/evict.rs`).

use super::{Dispatcher, ScheduleStage};
use crate::fetch_stage::FetchedAdmission;
use crate::sync::{Receiver, Sender};
use crate::task::Admission;
use crate::{LedgerError, Refusal, VerifyError};
use sealane_accounts_db::AccountIndex;
use std::collections::VecDeque;

/// Slots that the clock's hand passes in a step.
const SLOTS_PER_STEP: usize = 512;

/// The ways to and from the fetch stage.
pub(crate) struct FetchQueues {
    /// Has room for `fetches_max`.
    pub(crate) queue: Sender<Admission>,
    pub(crate) done: Receiver<FetchedAdmission>,
}

/// What the schedule stage knows where memory is bounded.
pub(super) struct Residency {
    queues: FetchQueues,
    away_max: usize,
    /// Transactions that are away, or back and not inserted.
    away: usize,
    back: VecDeque<Admission>,
    /// In a replay: why the one that was away could not be fetched.
    failed: Option<VerifyError>,
    /// Every task before this one is complete.
    completed: u64,
    evicted: Vec<AccountIndex>,
}

impl Residency {
    pub(super) fn new(queues: FetchQueues, away_max: usize) -> Self {
        Self {
            queues,
            away_max,
            away: 0,
            back: VecDeque::new(),
            failed: None,
            completed: 0,
            evicted: Vec::new(),
        }
    }
}

impl ScheduleStage {
    /// Whether another may have to go to the fetch stage.
    #[inline]
    pub(super) fn fetching_keeps_up(&self) -> bool {
        let residency = self.residency.as_ref();
        residency.is_none_or(|residency| residency.away < residency.away_max)
    }

    /// Whether a transaction is with the fetch stage, or back from it and not inserted.
    #[inline]
    pub(super) fn is_fetching(&self) -> bool {
        let residency = self.residency.as_ref();
        residency.is_some_and(|residency| residency.away > 0)
    }

    /// Sends a transaction to the fetch stage.
    pub(super) fn send_away(&mut self, mut item: Admission) {
        hold(&mut item, |hash| self.interner.hold(hash));
        let residency = self.residency.as_mut().expect("memory is bounded");
        residency.away += 1;
        self.wiring.counters.bounces.add(1);
        let sent = residency.queues.queue.try_send(item);
        assert!(
            sent.is_ok(),
            "the fetch stage has room for all that are away"
        );
    }

    /// The first that is back, to be inserted now, or sent away again.
    pub(super) fn next_fetched(&mut self) -> Option<Admission> {
        self.residency.as_mut()?.back.pop_front()
    }

    /// It is interned, or will not be.
    #[inline]
    pub(super) fn let_go(&mut self, item: &mut Admission) {
        if !item.is_held {
            return;
        }
        item.is_held = false;
        for hash in &item.transaction.key_hashes {
            self.interner.let_go(*hash);
        }
        self.residency.as_mut().expect("it was away").away -= 1;
    }

    /// Takes what comes back from the fetch stage. Whether anything did.
    pub(super) fn take_fetched(&mut self) -> bool {
        let mut worked = false;
        while let Some(residency) = &mut self.residency
            && let Ok((mut item, fetched)) = residency.queues.done.try_recv()
        {
            worked = true;
            match fetched {
                Ok(()) => residency.back.push_back(item),
                Err(error) if self.replaying.is_some() => {
                    residency.failed = Some(error);
                    self.let_go(&mut item);
                }
                Err(error) => {
                    self.let_go(&mut item);
                    self.refuse(item, Refusal::Verify(error));
                }
            }
        }
        worked
    }

    /// In a replay, whether what was to be inserted could not be fetched.
    pub(super) fn check_fetched(&mut self) -> Result<(), LedgerError> {
        let failed = self.residency.as_mut().and_then(|it| it.failed.take());
        failed.map_or(Ok(()), |error| Err(LedgerError::Read(error.to_string())))
    }

    /// Notes that every task before this one is complete.
    pub(super) fn note_completed(&mut self, completed: u64) {
        if let Some(residency) = &mut self.residency {
            residency.completed = completed;
        }
    }

    /// Evicts some of what is too much. Whether there was any.
    pub(super) fn evict_accounts(&mut self) -> bool {
        let Some(residency) = &mut self.residency else {
            return false;
        };
        let completed = match self.in_flight {
            0 => self.next_sequence,
            _ => residency.completed,
        };
        let (last_named, dispatcher) = (&self.last_named, &self.dispatcher);
        self.interner.evict(
            SLOTS_PER_STEP,
            &mut |account| is_idle(dispatcher, last_named, account, completed),
            &mut residency.evicted,
        );
        let worked = !residency.evicted.is_empty();
        for account in residency.evicted.drain(..) {
            self.dispatcher.forget(account);
        }
        worked
    }
}

/// Whether no task in flight names an account, where every task before `completed` is complete.
pub(super) fn is_idle(
    dispatcher: &Dispatcher,
    last_named: &[u64],
    account: AccountIndex,
    completed: u64,
) -> bool {
    dispatcher
        .is_idle(account)
        .unwrap_or_else(|| last_named.get(account as usize).copied().unwrap_or(0) <= completed)
}

fn hold(item: &mut Admission, mut hold: impl FnMut(u64)) {
    item.is_held = true;
    item.transaction
        .key_hashes
        .iter()
        .for_each(|hash| hold(*hash));
}
