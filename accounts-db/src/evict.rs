//! Which accounts stay in memory: the interner's part of a bound.
//!
//! A clock's hand goes over the slots. An account whose mark is set has been interned since the hand came by
//! last, and loses its mark; one without a mark is evicted, if it may be: why and when is said in
//! [`crate::cold`]. The marks are the interner's own, so that interning writes to no line that another thread
//! reads. Indices and versions go the way of deleted accounts': through limbo, until no reader has them.
//!
//! What verify fetched of an account is old when that account was taken out of the table since: it may have been
//! written in between. The last `RECENT_MAX` accounts that were taken out are known by their hash, with their
//! number; a fetch from before these counts as old. Who cannot have that happen again *holds* the keys: an
//! account that is held is not taken out.

use crate::cold::{Cold, Fetched};
use crate::memory::VersionPointer;
use crate::slab::Slot;
use crate::sync::Ordering;
use crate::{AccountIndex, AccountsFull, EntryNumber, Interner, Pubkey};
use ahash::AHashMap;
use std::collections::VecDeque;

/// Accounts taken out that are remembered one by one: 4 MiB.
const RECENT_MAX: usize = if cfg!(feature = "shuttle") {
    2
} else {
    1 << 16
};

/// A table with room for so many keys does not shrink.
const TABLE_ROOM_MIN: usize = 1 << 10;

/// Why a key could not be interned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotInterned {
    /// The database is full.
    Full(AccountsFull),
    /// The account is not in memory, and what was fetched of it, if anything, may be old: fetch it.
    Cold,
}

impl From<AccountsFull> for NotInterned {
    fn from(full: AccountsFull) -> Self {
        Self::Full(full)
    }
}

/// What the interner knows where memory is bounded.
#[derive(Default)]
pub(crate) struct Residents {
    /// Accounts that are never evicted.
    kept: Vec<Pubkey>,
    /// Whether an account was interned since the hand came by, 64 in a word.
    marks: Vec<u64>,
    hand: AccountIndex,
    /// Accounts that were taken out last, by their hash: the number of the last time.
    recent: AHashMap<u64, u64>,
    /// Their hashes, in order; the first one's number is `forgotten` + 1.
    order: VecDeque<u64>,
    /// Accounts whose number is up to this are not known any more.
    forgotten: u64,
    /// Hashes of keys that are held, and how often.
    held: AHashMap<u64, u32>,
    /// The hand went round and nothing could be evicted: not tried again before entries from this one on are in
    /// files, or as many accounts as this became resident.
    fruitless: Option<(EntryNumber, usize)>,
    /// Slots that the hand passed since something was evicted.
    passed: usize,
}

impl Residents {
    pub(crate) fn new(kept: Vec<Pubkey>) -> Self {
        Self {
            kept,
            ..Self::default()
        }
    }

    pub(crate) fn mark(&mut self, account: AccountIndex) {
        let word = account as usize / 64;
        if word >= self.marks.len() {
            self.marks.resize((word + 1).next_power_of_two(), 0);
        }
        self.marks[word] |= 1 << (account % 64);
    }

    /// Takes the mark off; whether it was there.
    fn unmark(&mut self, account: AccountIndex) -> bool {
        let Some(word) = self.marks.get_mut(account as usize / 64) else {
            return false;
        };
        let bit = 1 << (account % 64);
        let was_set = *word & bit != 0;
        *word &= !bit;
        was_set
    }

    pub(crate) fn is_held(&self, hash: u64) -> bool {
        !self.held.is_empty() && self.held.contains_key(&hash)
    }

    /// Remembers that the account with this hash was taken out.
    fn remember(&mut self, hash: u64, number: u64) {
        self.recent.insert(hash, number);
        self.order.push_back(hash);
        if self.order.len() > RECENT_MAX {
            let oldest = self.order.pop_front().expect("more than none");
            self.forgotten += 1;
            if self.recent.get(&oldest) == Some(&self.forgotten) {
                self.recent.remove(&oldest);
            }
        }
    }

    /// Whether the account may have been taken out since `taken` had been.
    fn was_taken_since(&self, hash: u64, taken: u64) -> bool {
        taken < self.forgotten || self.recent.get(&hash).is_some_and(|last| *last > taken)
    }
}

impl Interner {
    /// The account's index, if it has one. For who also knows what to do if not.
    #[inline]
    pub fn find(&mut self, key: &Pubkey, hash: u64) -> Option<AccountIndex> {
        let slab = &self.shared.slab;
        let table = self.shared.table.get(self);
        let found = table.find(hash, |index| slab.slot(index).has_key(key));
        let index = found.ok()?;
        self.note_use(index);
        Some(index)
    }

    /// Where memory is bounded, notes that an index that `is_key_of` confirmed is used.
    #[inline]
    pub fn note_use(&mut self, account: AccountIndex) {
        if let Some(residents) = &mut self.residents {
            residents.mark(account);
        }
    }

    /// Like `intern`, where memory is bounded: an account without an index becomes what was `fetched` of it.
    /// `is_held`: its key is held since before it was fetched.
    pub fn intern_fetched(
        &mut self,
        key: &Pubkey,
        hash: u64,
        fetched: Option<&Fetched>,
        is_held: bool,
    ) -> Result<AccountIndex, NotInterned> {
        if let Some(index) = self.find(key, hash) {
            return Ok(index);
        }
        let residents = self.residents.as_ref().expect("memory is bounded");
        let fetched = fetched
            .filter(|fetched| is_held || !residents.was_taken_since(hash, fetched.taken))
            .ok_or(NotInterned::Cold)?;
        let version = if fetched.state.is_absent() {
            VersionPointer::NULL
        } else {
            VersionPointer::allocate(0, VersionPointer::NULL, fetched.state.clone())
        };
        let slab = &self.shared.slab;
        let table = self.shared.table.get(self);
        let found = table.find(hash, |index| slab.slot(index).has_key(key));
        let vacancy = found.expect_err("just not found");
        match self.intern_new(key, hash, vacancy, version) {
            Ok(index) => {
                self.shared.count_bytes(None, version.get(self));
                self.note_use(index);
                Ok(index)
            }
            Err(full) => {
                if !version.is_null() {
                    version.free();
                }
                Err(full.into())
            }
        }
    }

    /// The account with this hash stays in the table, once it is there, until `let_go`.
    pub fn hold(&mut self, hash: u64) {
        let residents = self.residents.as_mut().expect("memory is bounded");
        *residents.held.entry(hash).or_default() += 1;
    }

    /// Ends one `hold`.
    pub fn let_go(&mut self, hash: u64) {
        let residents = self.residents.as_mut().expect("memory is bounded");
        let count = residents.held.get_mut(&hash).expect("who lets go holds it");
        *count -= 1;
        if *count == 0 {
            residents.held.remove(&hash);
        }
    }

    /// Moves the clock's hand over at most `slots_max` slots, evicting what may be of the accounts that are not
    /// used, while more is resident than the bound. `is_idle`: no task in flight names the account. The indices that
    /// were given back are added to `evicted`.
    pub fn evict(
        &mut self,
        slots_max: usize,
        is_idle: &mut dyn FnMut(AccountIndex) -> bool,
        evicted: &mut Vec<AccountIndex>,
    ) {
        let shared = std::sync::Arc::clone(&self.shared);
        let Some(cold) = &shared.cold else {
            return;
        };
        if cold.bytes() <= cold.bytes_max {
            return;
        }
        let below = cold.written_below();
        let slots = shared.slab.handed_out() as usize;
        if !self.may_be_fruitful(below, slots) {
            return;
        }
        let readable_from = self.readable_from();
        #[cfg(feature = "shuttle")]
        let (below, readable_from) = faulty(below, readable_from, shared.visible());
        let before = evicted.len();
        for _ in 0..slots_max {
            if cold.bytes() <= cold.bytes_max {
                break;
            }
            let residents = self.residents.as_mut().expect("memory is bounded");
            residents.hand = (residents.hand + 1) % slots as u32;
            residents.passed += 1;
            if residents.passed > 2 * slots {
                residents.passed = 0;
                residents.fruitless = Some((below, self.keys + slots / 8));
                break;
            }
            let account = residents.hand;
            let slot = shared.slab.slot(account);
            if slot.is_in_use()
                && !residents.unmark(account)
                && is_idle(account)
                && self.evict_account(slot, account, below.min(readable_from + 1))
            {
                evicted.push(account);
            }
        }
        if evicted.len() > before {
            // It was made for more keys, at genesis perhaps.
            if shared.table.get(self).room() > (self.keys * 8).max(TABLE_ROOM_MIN) {
                self.rebuild_table();
            }
            self.residents.as_mut().expect("memory is bounded").passed = 0;
            self.drain_limbo();
        }
    }

    fn may_be_fruitful(&mut self, below: EntryNumber, slots: usize) -> bool {
        let keys = self.keys;
        let residents = self.residents.as_mut().expect("memory is bounded");
        if let Some((then, keys_then)) = residents.fruitless
            && then == below
            && keys < keys_then
        {
            return false;
        }
        residents.fruitless = None;
        slots > 0
    }

    /// Evicts an idle account, if it was last written before entry `below`. Whether it was evicted.
    fn evict_account(&mut self, slot: &Slot, account: AccountIndex, below: EntryNumber) -> bool {
        let working = slot.working.load(Ordering::Relaxed);
        let Some(version) = working.get(self) else {
            // It does not exist: `release` gets it.
            return false;
        };
        if version.state().is_absent() || version.entry() >= below {
            return false;
        }
        let residents = self.residents.as_ref().expect("memory is bounded");
        let hash = self.shared.hash_key(&slot.key());
        if residents.is_held(hash) || residents.kept.iter().any(|kept| slot.has_key(kept)) {
            return false;
        }
        // A version of a visible entry is published.
        assert!(working == slot.published.load(Ordering::Acquire));
        self.take_back(account, working);
        true
    }

    /// Counts that an account is about to be taken out of the table, where memory is bounded.
    pub(crate) fn note_taken(&mut self, hash: u64, version: VersionPointer) {
        let bytes = version.get(self).map(crate::memory::Version::bytes);
        let cold = self.shared.cold.as_ref().expect("memory is bounded");
        let residents = self.residents.as_mut().expect("memory is bounded");
        cold.subtract_bytes(size_of::<Slot>() + bytes.unwrap_or(0));
        // One that never had a version was written by nobody: what was fetched of it holds.
        if bytes.is_some() {
            residents.remember(hash, cold.count_taken());
        }
    }

    /// Whether an account may become resident while the database is opened.
    pub(crate) fn has_room_for(&self, key: &Pubkey, state: &crate::AccountState) -> bool {
        let has_room = |cold: &Cold| cold.bytes() < cold.bytes_max;
        let is_kept = || {
            let residents = self.residents.as_ref();
            residents.is_some_and(|residents| residents.kept.contains(key))
        };
        state.is_absent() || self.shared.cold.as_deref().is_none_or(has_room) || is_kept()
    }
}

/// Commits the faults of the model checker's tests.
#[cfg(feature = "shuttle")]
fn faulty(
    below: EntryNumber,
    readable_from: EntryNumber,
    visible: EntryNumber,
) -> (EntryNumber, EntryNumber) {
    use crate::fault::GraceFault;
    if GraceFault::EvictionIgnoresPins.is() {
        return (below, visible);
    }
    if GraceFault::EvictionIgnoresFiles.is() {
        return (visible + 1, readable_from);
    }
    (below, readable_from)
}
