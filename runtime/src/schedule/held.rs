//! Accepted transactions of a bulk batch that wait for room, and what their insertion will touch.
//!
//! Inserting one touches two lines of the key table and, once these are there, two slots and two accounts'
//! locks, all of them at random in tables much larger than the caches. So they are loaded in two steps
//! while earlier ones are inserted, and not when the batch comes: by the time there is room, other things
//! would have driven them out again.

use super::dispatch::Dispatcher;
use crate::prefetch::prefetch;
use crate::task::Admission;
use sealane_accounts_db::Interner;
use std::collections::VecDeque;

/// This far ahead the key table's cells are being loaded.
const CELLS_AHEAD: usize = 16;
/// This far ahead what those cells point to is being loaded.
const SLOTS_AHEAD: usize = 8;

/// The transactions, in order.
#[derive(Default)]
pub(super) struct Held {
    items: VecDeque<Admission>,
    /// Of so many the cells are being loaded.
    celled: usize,
    /// Of so many the slots and locks are.
    slotted: usize,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn extend(&mut self, items: impl IntoIterator<Item = Admission>) {
        self.items.extend(items);
    }

    /// The next one, without loading anything for those behind it.
    pub(super) fn pop(&mut self) -> Option<Admission> {
        self.celled = self.celled.saturating_sub(1);
        self.slotted = self.slotted.saturating_sub(1);
        self.items.pop_front()
    }

    /// The next one, which will be inserted now.
    #[inline]
    pub(super) fn pop_to_insert(
        &mut self,
        interner: &Interner,
        dispatcher: &Dispatcher,
    ) -> Option<Admission> {
        while let Some(item) = self.items.get(self.celled)
            && self.celled < CELLS_AHEAD
        {
            self.celled += 1;
            prefetch_cells(item, interner);
        }
        while let Some(item) = self.items.get_mut(self.slotted)
            && self.slotted < SLOTS_AHEAD
        {
            self.slotted += 1;
            prefetch_slots(item, interner, dispatcher);
        }
        self.pop()
    }
}

/// Starts loading the cells of the key table that interning its keys will touch.
#[inline]
pub(super) fn prefetch_cells(item: &Admission, interner: &Interner) {
    let transaction = &item.transaction;
    prefetch(transaction.key(0));
    for hash in &transaction.key_hashes {
        interner.prefetch(*hash);
    }
}

/// Starts loading what those cells point to, and notes it; call it when they are there.
#[inline]
pub(super) fn prefetch_slots(item: &mut Admission, interner: &Interner, dispatcher: &Dispatcher) {
    let Admission {
        transaction,
        likely,
        ..
    } = item;
    for (i, hash) in transaction.key_hashes.iter().enumerate() {
        let Some(account) = interner.prefetch_slot(*hash) else {
            continue;
        };
        dispatcher.prefetch(account);
        if let Some(likely) = likely.get_mut(i) {
            *likely = account;
        }
    }
}
