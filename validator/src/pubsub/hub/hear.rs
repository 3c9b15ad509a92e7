//! What the hub hears, and whom it tells.

use super::levels::LEVELS;
use super::{EVICTED, State, Subscriber, Topic};
use crate::commitment::Bank;
use crate::pubsub::blocks::BlockUpdates;
use crate::pubsub::index::SubscriptionNumber;
use crate::pubsub::notify;
use sealane_runtime::{Event, PublishedTransaction};
use solana_commitment_config::CommitmentLevel;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use std::sync::Arc;

/// What is visible.
const NOW: CommitmentLevel = CommitmentLevel::Processed;

impl State {
    pub(super) fn received(&mut self, signature: &Signature) {
        let slot = self.reader.slot().slot;
        let keys = LEVELS.map(|level| (*signature, level));
        for number in keys.iter().flat_map(|key| self.signatures.get(key)) {
            if let Some((Topic::Signature { received: true, .. }, Subscriber::Client(sink))) =
                self.subscriptions.get_mut(&number)
            {
                sink.notify(&notify::received_signature(slot));
            }
        }
    }

    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::Entry {
                slot, transactions, ..
            } => self.hear_entry(*slot, transactions),
            Event::Slot {
                slot,
                parent,
                final_end,
                went_back,
                ..
            } => {
                self.behind.went_back = *went_back;
                self.hear_slot(*slot, *parent, *final_end);
            }
            Event::AccountsSet { slot, accounts } => self.hear_set(*slot, accounts),
            Event::Dropped { signature, error } => {
                let slot = self.reader.slot().slot;
                let error = Err(error.clone().unwrap_or(EVICTED));
                for level in LEVELS {
                    self.settle_all(signature, level, slot, &error);
                }
            }
            _ => {}
        }
        if !matches!(event, Event::Slot { .. }) {
            self.behind.went_back = false;
        }
    }

    fn hear_slot(&mut self, slot: u64, parent: u64, final_end: u64) {
        let root = final_end.saturating_sub(1);
        self.tell(
            &self.slots.get(&()).collect::<Vec<_>>(),
            &notify::slot(slot, parent, root),
        );
        let is_new = match self.behind.went_back {
            true => root != self.root,
            false => root > self.root,
        };
        let is_new = is_new || !self.has_lag();
        self.root = root;
        if is_new {
            self.tell(&self.roots.get(&()).collect::<Vec<_>>(), &root);
        }
        let updates = self.slot_counts.turn(slot, parent, is_new.then_some(root));
        if !self.slots_updates.is_empty() {
            let numbers: Vec<_> = self.slots_updates.get(&()).collect();
            updates.iter().for_each(|it| self.tell(&numbers, it));
        }
        if self.has_lag() {
            self.turn_levels(slot, final_end);
        } else {
            self.tell_blocks(NOW, parent);
        }
        let bank = Bank::new(&self.reader, NOW);
        self.tell_accounts(NOW, slot, &bank);
    }

    /// Tells of a block that was sealed.
    pub(super) fn tell_blocks(&mut self, level: CommitmentLevel, slot: u64) {
        let mut updates = BlockUpdates::new(&self.reader, &self.answers_bytes, slot);
        for number in self.blocks.get(&level) {
            if let Some((Topic::Block(topic), Subscriber::Client(sink))) =
                self.subscriptions.get_mut(&number)
                && let Some(update) = updates.of(topic)
            {
                sink.notify(&notify::in_slot(slot, update));
            }
        }
    }

    fn hear_entry(&mut self, slot: u64, transactions: &[PublishedTransaction]) {
        if !self.slots_updates.is_empty() {
            self.slot_counts.add(transactions);
        }
        if self.has_lag() {
            self.behind.note(slot);
        }
        let mut touched = notify::Touched::default();
        for published in transactions {
            self.hear_transaction(NOW, slot, published, &mut touched);
        }
        let bank = Bank::new(&self.reader, NOW);
        self.tell_accounts(NOW, slot, &bank);
        self.tell_programs(NOW, slot, &bank, &touched);
    }

    /// A transaction has reached a level. Notes what it may have changed that somebody wants to hear of.
    pub(super) fn hear_transaction(
        &mut self,
        level: CommitmentLevel,
        slot: u64,
        published: &PublishedTransaction,
        touched: &mut notify::Touched,
    ) {
        if !self.signatures.is_empty() {
            let signature = published.transaction().signature();
            if self.signatures.contains(&(*signature, level)) {
                self.settle_all(signature, level, slot, &published.record().status);
            }
        }
        if !self.all_logs.is_empty() || !self.mentions.is_empty() {
            self.tell_logs(level, slot, published);
        }
        if !self.accounts.is_empty() || !self.programs.is_empty() {
            self.touch(level, published, touched);
        }
    }

    /// Accounts were set, by nobody's transaction.
    fn hear_set(&mut self, slot: u64, accounts: &Arc<Vec<Pubkey>>) {
        let touched = accounts.iter().copied().collect();
        if self.has_lag() && self.behind.went_back {
            for level in [CommitmentLevel::Confirmed, CommitmentLevel::Finalized] {
                let bank = Bank::new(&self.reader, level);
                self.tell_programs(level, bank.slot(), &bank, &touched);
            }
        } else if self.has_lag() {
            self.behind.note_set(slot, accounts);
        }
        for key in accounts.iter() {
            self.touch_account(NOW, key);
        }
        let bank = Bank::new(&self.reader, NOW);
        self.tell_accounts(NOW, slot, &bank);
        self.tell_programs(NOW, slot, &bank, &touched);
    }

    /// Notes which of the transaction's accounts somebody may want to hear of.
    fn touch(
        &mut self,
        level: CommitmentLevel,
        published: &PublishedTransaction,
        changed: &mut notify::Touched,
    ) {
        let transaction = published.transaction();
        for index in 0..transaction.account_count() {
            if !transaction.is_writable(index) {
                continue;
            }
            let key = transaction.key(index);
            self.touch_account(level, key);
            if !self.programs.is_empty() {
                changed.insert(*key);
            }
        }
    }

    pub(super) fn touch_account(&mut self, level: CommitmentLevel, key: &Pubkey) {
        if let Some(watch) = self.watches.get_mut(&(*key, level)) {
            watch.touched = true;
        }
    }

    fn tell_logs(&mut self, level: CommitmentLevel, slot: u64, published: &PublishedTransaction) {
        let mut numbers: Vec<_> = self.all_logs.get(&level).collect();
        if !self.mentions.is_empty() {
            let transaction = published.transaction();
            for index in 0..transaction.account_count() {
                let key = *transaction.key(index);
                numbers.extend(self.mentions.get(&(key, level)));
            }
        }
        if !numbers.is_empty() {
            let notification = notify::logs(
                slot,
                published.transaction().signature(),
                published.record(),
            );
            self.tell(&numbers, &notification);
        }
    }

    /// Tells of the watched accounts that changed since they were last looked at.
    pub(super) fn tell_accounts(&mut self, level: CommitmentLevel, slot: u64, bank: &Bank) {
        let mut watches = std::mem::take(&mut self.watches);
        let touched = watches
            .iter_mut()
            .filter(|((_, of), watch)| *of == level && watch.touched);
        for ((key, _), watch) in touched {
            if !watch.look(bank, key) {
                continue;
            }
            for number in self.accounts.get(&(*key, level)) {
                if let Some((Topic::Account { config, .. }, Subscriber::Client(sink))) =
                    self.subscriptions.get_mut(&number)
                {
                    let mints = notify::mints(bank, watch.state(), config);
                    sink.notify(&notify::account(slot, key, watch.state(), config, &mints));
                }
            }
        }
        self.watches = watches;
    }

    pub(super) fn tell_programs(
        &mut self,
        level: CommitmentLevel,
        slot: u64,
        bank: &Bank,
        changed: &notify::Touched,
    ) {
        if changed.is_empty() || self.programs.is_empty() {
            return;
        }
        let Ok(state) = bank.state() else {
            return self.cut_programs();
        };
        for key in changed {
            let Ok(account) = state.get(key) else {
                return self.cut_programs();
            };
            let Some(account) = account else { continue };
            for number in self.programs.get(&(account.owner, level)) {
                let Some((
                    Topic::Program {
                        filters, config, ..
                    },
                    Subscriber::Client(sink),
                )) = self.subscriptions.get_mut(&number)
                else {
                    continue;
                };
                if filters.iter().all(|filter| filter.allows(&account)) {
                    let mints = notify::mints(bank, &account, config);
                    sink.notify(&notify::keyed_account(slot, key, &account, config, &mints));
                }
            }
        }
    }

    /// A change could not be read: those who should have heard of it must know that they missed it.
    fn cut_programs(&mut self) {
        for (topic, subscriber) in self.subscriptions.values() {
            if let (Topic::Program { .. }, Subscriber::Client(sink)) = (topic, subscriber) {
                sink.cut();
            }
        }
    }

    fn tell(&mut self, numbers: &[SubscriptionNumber], notification: &impl serde::Serialize) {
        for number in numbers {
            if let Some((_, Subscriber::Client(sink))) = self.subscriptions.get_mut(number) {
                sink.notify(notification);
            }
        }
    }
}
