//! From a verified transaction to a task in the serial order.

use super::ScheduleStage;
use super::held::{prefetch_cells, prefetch_slots};
use super::operating::Then;
use super::replay_protection::Refused;
use crate::Refusal;
use crate::VerifiedTransaction;
use crate::prefetch::{prefetch, prefetch_whole};
use crate::task::{Admission, PublisherMessage, Task, TaskAccounts, Work};
use sealane_accounts_db::{AccountIndex, AccountsFull, NO_ACCOUNT, NotInterned};
use sealane_scheduler::{InsertError, Pushed, TaskId};
use solana_transaction_error::TransactionError;
use std::time::Instant;

/// Verified batches taken in one step, so that completions are looked after in between.
const BATCHES_PER_STEP: usize = 4;

/// What accepting a transaction touches is being loaded this far ahead.
const ACCEPT_AHEAD: usize = 6;

impl ScheduleStage {
    /// Takes verified batches and inserts what there is room for, highest priority first.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let mut worked = self.give_up_where_the_ledger_failed();
        if let Some(slot_transactions) = self.slot_transactions {
            return worked | self.admit_in_order(slot_transactions, now);
        }
        if self.hold.is_some() {
            return worked;
        }
        for _ in 0..BATCHES_PER_STEP {
            if !self.held.is_empty() || !self.publisher_keeps_up() {
                break;
            }
            let Ok(batch) = self.wiring.verified.try_recv() else {
                break;
            };
            worked = true;
            let mut items = self.accept_batch(batch.items);
            // Stable, so equals stay in the order of arrival; nearly always all are equal.
            let key = |item: &Admission| std::cmp::Reverse(item.transaction.budget().unit_price);
            if !items.is_sorted_by_key(key) {
                items.sort_by_key(key);
            }
            if batch.bulk {
                self.held.extend(items);
                self.insert_waiting(now);
                continue;
            }
            (items.iter()).for_each(|item| prefetch_cells(item, &self.interner));
            for item in &mut items {
                prefetch_slots(item, &self.interner, &self.dispatcher);
            }
            for item in items {
                // Where nobody waits, it need not: its sender hears more exactly why it is refused.
                if self.buffer.is_empty() && self.has_room() {
                    self.insert(item, now);
                } else {
                    self.push(item);
                }
            }
        }
        worked |= self.insert_waiting(now);
        (self.shedding).note(&self.buffer, self.next_sequence, now);
        worked
    }

    /// Takes transactions as they come, and inserts each that is not refused as an entry of its own. One that comes
    /// when the slot is full waits until all before it is visible, and the next slot has opened: so whoever has heard
    /// of its transactions sees the same slot each time.
    fn admit_in_order(&mut self, slot_transactions: u64, now: Instant) -> bool {
        let mut worked = false;
        while self.hold.is_none() && self.has_room() {
            if self.held.is_empty() {
                let Ok(batch) = self.wiring.verified.try_recv() else {
                    break;
                };
                self.held.extend(batch.items);
            }
            if self.slot_inserted >= slot_transactions && !self.held.is_empty() {
                self.rest(Then::TurnSlot);
                return true;
            }
            let accepted = self.held.pop().and_then(|item| self.accept(item));
            if let Some(item) = accepted {
                self.insert(item, now);
                self.slot_inserted += 1;
                self.entries.close();
            }
            worked = true;
        }
        worked
    }

    /// Those of a batch that are not refused. What accepting one touches is loaded while earlier ones are
    /// accepted: the transaction, and then what it points to.
    fn accept_batch(&mut self, items: Vec<Admission>) -> Vec<Admission> {
        let mut accepted = Vec::with_capacity(items.len());
        let mut items = items.into_iter();
        while let Some(item) = items.next() {
            if let Some(ahead) = items.as_slice().get(2 * ACCEPT_AHEAD) {
                prefetch_whole(&*ahead.transaction);
            }
            if let Some(ahead) = items.as_slice().get(ACCEPT_AHEAD) {
                self.replay.prefetch(ahead.transaction.id());
                prefetch(ahead.transaction.recent_blockhash());
            }
            accepted.extend(self.accept(item));
        }
        accepted
    }

    /// Inserts what waits, as far as there is room: highest priority first, where anything competes.
    fn insert_waiting(&mut self, now: Instant) -> bool {
        let mut worked = false;
        while self.has_room_in_flight()
            && let Some(item) = self.next_fetched()
        {
            self.insert(item, now);
            worked = true;
        }
        while self.has_room() {
            let next = if self.buffer.is_empty() {
                self.held.pop_to_insert(&self.interner, &self.dispatcher)
            } else {
                while self.buffer.len() < self.limits.priority_buffer_max
                    && let Some(held) = self.held.pop()
                {
                    self.push(held);
                }
                self.buffer.pop()
            };
            let Some(item) = next else { break };
            self.insert(item, now);
            worked = true;
        }
        worked
    }

    pub(super) fn has_room(&self) -> bool {
        self.has_room_in_flight() && self.fetching_keeps_up()
    }

    pub(super) fn has_room_in_flight(&self) -> bool {
        self.in_flight < self.look_ahead.tasks()
            && self.in_flight_accesses + self.limits.transaction_accounts_max
                <= self.limits.in_flight_accesses_max
            && self.publisher_keeps_up()
    }

    fn publisher_keeps_up(&self) -> bool {
        self.unpublished.len() < self.limits.unpublished_messages_max
    }

    /// Refuses what is too old or known.
    fn accept(&mut self, item: Admission) -> Option<Admission> {
        let refusal = match self.check(&item.transaction) {
            Ok(()) => return Some(item),
            Err(refusal) => refusal,
        };
        self.wiring.counters.refused.add(1);
        if let Some(on_admission) = item.on_admission {
            on_admission(Err(refusal));
        }
        None
    }

    fn check(&mut self, transaction: &VerifiedTransaction) -> Result<(), Refusal> {
        if let Some(reason) = self.wiring.ledger.failure() {
            return Err(Refusal::LedgerFailed(reason));
        }
        let blockhash = transaction.recent_blockhash();
        if self.found_blockhash.as_ref() != Some(blockhash) {
            if self.slot.blockhash_slot(blockhash).is_some() {
                self.found_blockhash = Some(*blockhash);
            } else if transaction.nonce_account().is_none() {
                return Err(TransactionError::BlockhashNotFound.into());
            }
        }
        self.replay
            .accept(transaction.id())
            .map_err(|refused| match refused {
                Refused::Known => TransactionError::AlreadyProcessed.into(),
                Refused::Full => Refusal::Busy,
            })
    }

    /// Puts an accepted transaction into the buffer, and tells its sender whether it stayed there.
    fn push(&mut self, mut item: Admission) {
        let priority = item.transaction.budget().unit_price;
        let signature = *item.transaction.signature();
        item.transaction.drop_fetched();
        let on_admission = item.on_admission.take();
        let pushed = self.buffer.push(priority, item);
        let kept = match pushed {
            Pushed::Kept => true,
            Pushed::Evicted(lower) => {
                self.evict(&lower.transaction);
                true
            }
            Pushed::Refused(item) if on_admission.is_none() => {
                // Its sender was told that it is in.
                self.evict(&item.transaction);
                false
            }
            Pushed::Refused(item) => {
                self.replay.take_back(item.transaction.id());
                self.wiring.counters.refused.add(1);
                false
            }
        };
        if let Some(on_admission) = on_admission {
            on_admission(if kept {
                Ok(signature)
            } else {
                Err(Refusal::Busy)
            });
        }
    }

    /// An accepted transaction that will not run: it may be sent again, and its subscribers hear.
    fn evict(&mut self, transaction: &VerifiedTransaction) {
        self.replay.take_back(transaction.id());
        self.wiring.counters.evicted.add(1);
        self.unpublished
            .push_back(PublisherMessage::Evicted(*transaction.signature()));
    }

    fn insert(&mut self, mut item: Admission, now: Instant) {
        let interned = self.intern(&item);
        self.let_go(&mut item);
        let accounts = match interned {
            Ok(accounts) => accounts,
            Err(NotInterned::Cold) => return self.send_away(item),
            Err(NotInterned::Full(_)) => {
                let full = TransactionError::WouldExceedAccountDataTotalLimit;
                return self.refuse(item, full.into());
            }
        };
        let mut transaction = item.transaction;
        transaction.drop_fetched();
        if let Some(on_admission) = item.on_admission {
            on_admission(Ok(*transaction.signature()));
        }
        let cost = transaction.cost();
        let work = Work::Transaction(transaction);
        if let Err((task, error)) = self.insert_task(work, accounts, cost, now) {
            assert!(
                error != InsertError::Full,
                "`has_room` keeps the lock table from filling"
            );
            for (account, _) in &task.accounts {
                self.list_absent(*account);
            }
            if let Work::Transaction(transaction) = task.work {
                self.defer(transaction, cost);
            }
        } else if self.entries.open_tasks() >= self.limits.entry_tasks_max {
            self.entries.close();
        }
    }

    /// An accepted transaction will not run: its sender hears, or who subscribed, if the sender was told otherwise.
    pub(super) fn refuse(&mut self, item: Admission, refusal: Refusal) {
        let Some(on_admission) = item.on_admission else {
            return self.evict(&item.transaction);
        };
        self.replay.take_back(item.transaction.id());
        self.wiring.counters.refused.add(1);
        on_admission(Err(refusal));
    }

    /// Over a cost limit of this slot: the next one has room again, unless it alone is over it.
    fn defer(&mut self, transaction: Box<VerifiedTransaction>, cost: u64) {
        let limits = [self.limits.slot_cost_max, self.limits.account_cost_max];
        let fits = limits.iter().flatten().all(|limit| cost <= *limit);
        if !fits {
            return self.evict(&transaction);
        }
        let priority = transaction.budget().unit_price;
        let item = Admission::new(transaction, None);
        match self.deferred.push(priority, item) {
            Pushed::Kept => {}
            Pushed::Evicted(lower) | Pushed::Refused(lower) => self.evict(&lower.transaction),
        }
    }

    /// Nothing more can become visible: what waits will not run.
    fn give_up_where_the_ledger_failed(&mut self) -> bool {
        if self.given_up || self.wiring.ledger.failure().is_none() {
            return false;
        }
        self.given_up = true;
        self.give_deferred_up();
        while let Some(item) = self.held.pop() {
            let reason = self.wiring.ledger.failure().unwrap_or_default();
            self.refuse(item, Refusal::LedgerFailed(reason));
        }
        while let Some(item) = self.buffer.pop() {
            self.evict(&item.transaction);
        }
        true
    }

    /// The node stops: what waits for the next slot will not see it.
    pub(super) fn give_deferred_up(&mut self) {
        while let Some(item) = self.deferred.pop() {
            self.evict(&item.transaction);
        }
    }

    /// To be called when a slot opens: what was over the last one's limits competes again, by priority,
    /// with what waits. Among equals it is first, because it came first.
    pub(super) fn reconsider_deferred(&mut self) {
        if self.deferred.is_empty() {
            return;
        }
        std::mem::swap(&mut self.buffer, &mut self.deferred);
        while let Some(item) = self.deferred.pop() {
            self.push(item);
        }
    }

    pub(super) fn intern(&mut self, item: &Admission) -> Result<TaskAccounts, NotInterned> {
        let transaction = &item.transaction;
        let mut accounts = TaskAccounts::new();
        for i in 0..transaction.account_count() {
            let (key, hash) = (transaction.key(i), transaction.key_hash(i));
            // What has an index is in the table, so it is no virtual account.
            let likely = item.likely.get(i).copied().unwrap_or(NO_ACCOUNT);
            if likely != NO_ACCOUNT && self.interner.is_key_of(likely, key) {
                self.interner.note_use(likely);
                accounts.push((likely, transaction.is_writable(i)));
                continue;
            }
            if self.slot.virtual_account(key).is_some() {
                accounts.push((NO_ACCOUNT, false));
                continue;
            }
            let interned = match &self.residency {
                None => self.interner.intern(key, hash).map_err(NotInterned::Full),
                Some(_) => {
                    let fetched = transaction.fetched(i);
                    self.interner
                        .intern_fetched(key, hash, fetched, item.is_held)
                }
            };
            match interned {
                Ok(account) => accounts.push((account, transaction.is_writable(i))),
                Err(error) => {
                    for (account, _) in accounts {
                        self.list_absent(account);
                    }
                    return Err(error);
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
    pub(super) fn insert_task(
        &mut self,
        work: Work,
        accounts: TaskAccounts,
        cost: u64,
        now: Instant,
    ) -> Result<(), (Task, InsertError)> {
        if !self.dispatcher.knows_idle_accounts() {
            for (account, _) in &accounts {
                if *account != NO_ACCOUNT {
                    self.name(*account);
                }
            }
        }
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
        let accounts = TaskAccounts::from_slice(&[(account, true)]);
        match self.insert_task(Work::FeeReward { lamports }, accounts, 0, now) {
            Ok(()) => {}
            Err((_, _full)) => self.rewards_lamports += lamports,
        }
        Ok(())
    }
}
