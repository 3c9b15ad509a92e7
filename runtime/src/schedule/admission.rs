//! From a verified transaction to a task in the serial order.

use super::replay_protection::Refused;
use super::{ScheduleStage, UNPUBLISHED_MESSAGES_MAX};
use crate::Refusal;
use crate::VerifiedTransaction;
use crate::task::{Admission, PublisherMessage, STATIC_ACCOUNT, Task, TaskAccounts, Work};
use sealane_accounts_db::{AccountIndex, AccountsFull};
use sealane_scheduler::{InsertError, Pushed, TaskId};
use solana_transaction_error::TransactionError;
use std::time::Instant;

/// Verified batches taken in one step, so that completions are looked after in between.
const BATCHES_PER_STEP: usize = 4;

impl ScheduleStage {
    /// Takes verified batches and inserts what there is room for, highest priority first.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let mut worked = false;
        for _ in 0..BATCHES_PER_STEP {
            if !self.held.is_empty() || self.unpublished.len() >= UNPUBLISHED_MESSAGES_MAX {
                break;
            }
            let Ok(batch) = self.wiring.verified.try_recv() else {
                break;
            };
            worked = true;
            self.prefetch(&batch.items);
            let mut items: Vec<Admission> = batch
                .items
                .into_iter()
                .filter_map(|item| self.accept(item))
                .collect();
            // Stable, so equals stay in the order of arrival; nearly free where all are equal.
            items.sort_by_key(|item| std::cmp::Reverse(item.transaction.budget().unit_price));
            let mut items = items.into_iter();
            if self.buffer.is_empty() {
                while self.has_room()
                    && let Some(item) = items.next()
                {
                    self.insert(item, now);
                }
            }
            if batch.bulk {
                self.held.extend(items);
            } else {
                items.for_each(|item| self.push(item));
            }
        }
        worked | self.insert_waiting(now)
    }

    /// Starts loading what accepting and interning a batch will touch: first what the hashes name, then
    /// what that points to.
    fn prefetch(&self, items: &[Admission]) {
        for Admission { transaction, .. } in items {
            self.replay.prefetch(transaction.id());
            for i in 0..transaction.account_count() {
                self.interner.prefetch(transaction.key_hash(i));
            }
        }
        for Admission { transaction, .. } in items {
            for i in 0..transaction.account_count() {
                self.interner.prefetch_slot(transaction.key_hash(i));
            }
        }
    }

    /// Moves held transactions into the buffer and buffered ones into the order, as far as there is room.
    fn insert_waiting(&mut self, now: Instant) -> bool {
        let mut worked = false;
        while self.buffer.len() < self.limits.priority_buffer_max
            && let Some(item) = self.held.pop_front()
        {
            self.push(item);
            worked = true;
        }
        while self.has_room()
            && let Some(item) = self.buffer.pop()
        {
            self.insert(item, now);
            worked = true;
        }
        worked
    }

    fn has_room(&self) -> bool {
        self.in_flight < self.limits.in_flight_max
            && self.in_flight_accesses + self.limits.transaction_accounts_max
                <= self.limits.in_flight_accesses_max
            && self.unpublished.len() < UNPUBLISHED_MESSAGES_MAX
    }

    /// Refuses what is too old or known; tells the sender either way.
    fn accept(&mut self, mut item: Admission) -> Option<Admission> {
        let transaction = &item.transaction;
        let known_blockhash = self
            .slot
            .blockhash_slot(transaction.recent_blockhash())
            .is_some();
        let verdict = if !known_blockhash && transaction.nonce_account().is_none() {
            Err(Refusal::from(TransactionError::BlockhashNotFound))
        } else {
            self.replay
                .accept(transaction.id())
                .map_err(|refused| match refused {
                    Refused::Known => Refusal::from(TransactionError::AlreadyProcessed),
                    Refused::Full => Refusal::Busy,
                })
        };
        let signature = *transaction.signature();
        let accepted = verdict.is_ok();
        if let Some(on_admission) = item.on_admission.take() {
            on_admission(verdict.map(|()| signature));
        }
        if !accepted {
            self.wiring.counters.refused.add(1);
        }
        accepted.then_some(item)
    }

    fn push(&mut self, item: Admission) {
        let priority = item.transaction.budget().unit_price;
        match self.buffer.push(priority, item) {
            Pushed::Kept => {}
            Pushed::Evicted(item) | Pushed::Refused(item) => self.evict(&item.transaction),
        }
    }

    /// An accepted transaction that will not run: it may be sent again, and its subscribers hear.
    fn evict(&mut self, transaction: &VerifiedTransaction) {
        self.replay.take_back(transaction.id());
        self.wiring.counters.evicted.add(1);
        self.unpublished
            .push_back(PublisherMessage::Evicted(*transaction.signature()));
    }

    fn insert(&mut self, item: Admission, now: Instant) {
        let transaction = item.transaction;
        let Ok(accounts) = self.intern(&transaction) else {
            return self.evict(&transaction);
        };
        let cost = transaction.cost();
        let work = Work::Transaction(transaction);
        if let Err((task, error)) = self.insert_task(work, accounts, cost, now) {
            assert!(
                error != InsertError::Full,
                "`has_room` keeps the lock table from filling"
            );
            if let Work::Transaction(transaction) = task.work {
                self.defer(Admission {
                    transaction,
                    on_admission: None,
                });
            }
        }
    }

    /// Over a cost limit of this slot: the next one has room again.
    fn defer(&mut self, item: Admission) {
        if self.deferred.len() < self.limits.priority_buffer_max {
            self.deferred.push(item);
        } else {
            self.evict(&item.transaction);
        }
    }

    /// To be called when a slot opens: what was over the last one's limits competes again.
    pub(super) fn reconsider_deferred(&mut self) {
        for item in std::mem::take(&mut self.deferred) {
            self.push(item);
        }
    }

    fn intern(&mut self, transaction: &VerifiedTransaction) -> Result<TaskAccounts, AccountsFull> {
        let mut accounts = TaskAccounts::new();
        for i in 0..transaction.account_count() {
            let (key, hash) = (transaction.key(i), transaction.key_hash(i));
            if self.slot.virtual_account(key).is_some() {
                accounts.push((STATIC_ACCOUNT, false));
                continue;
            }
            match self.interner.intern(key, hash) {
                Ok(account) => {
                    self.name(account);
                    accounts.push((account, transaction.is_writable(i)));
                }
                Err(full) => {
                    let interned = accounts.iter().map(|(account, _)| *account);
                    self.absent
                        .extend(interned.filter(|account| *account != STATIC_ACCOUNT));
                    return Err(full);
                }
            }
        }
        Ok(accounts)
    }

    /// Notes that the next task names `account`.
    fn name(&mut self, account: AccountIndex) {
        let at = account as usize;
        if at >= self.last_named.len() {
            self.last_named.resize((at + 1).next_power_of_two(), 0);
        }
        self.last_named[at] = self.next_sequence + 1;
    }

    /// The one place where the serial order grows.
    fn insert_task(
        &mut self,
        work: Work,
        accounts: TaskAccounts,
        cost: u64,
        now: Instant,
    ) -> Result<(), (Task, InsertError)> {
        let accesses = accounts.len();
        let opens = !self.entries.is_open();
        let task = Task {
            work,
            accounts,
            sequence: self.next_sequence,
            id: TaskId(0),
            entry: self.entries.next_task_entry(),
            inserted_ns: (now - self.started).as_nanos() as u64,
        };
        self.dispatcher.insert(task, cost)?;
        self.entries.add_task(&self.slot, self.next_sequence);
        if opens {
            self.entry_ends = now + self.entry_interval;
        }
        self.next_sequence += 1;
        self.in_flight += 1;
        self.in_flight_accesses += accesses;
        self.undispatched += 1;
        Ok(())
    }

    /// The leader's share of the fees: a task like any other.
    pub(super) fn insert_reward(
        &mut self,
        lamports: u64,
        now: Instant,
    ) -> Result<(), AccountsFull> {
        let hash = self.wiring.accounts.hash_key(&self.identity);
        let account = self.interner.intern(&self.identity, hash)?;
        self.name(account);
        let accounts = TaskAccounts::from_slice(&[(account, true)]);
        match self.insert_task(Work::FeeReward { lamports }, accounts, 0, now) {
            Ok(()) => {}
            Err((_, _full)) => self.rewards_lamports += lamports,
        }
        Ok(())
    }
}
