//! Making entries visible: the publisher's role.

use crate::banking::{Write, WriteKind};
use crate::memory::prefetch_line;
use crate::retired::Batch;
use crate::sync::{Ordering, lock, write};
use crate::{AccountIndex, AccountState, Accounts, EntryNumber, EntryWrites, Pubkey};
use std::sync::Arc;

/// What writes this far ahead are of is being loaded.
const PREFETCH_AHEAD: usize = 8;

/// Writes this far ahead are being loaded themselves.
const PREFETCH_WRITES_AHEAD: usize = 24;

/// What an account is at the end of an entry.
#[derive(Clone, Copy)]
pub enum NotedState<'a> {
    /// An account of the System program without data, which is no program: with this balance in lamports, not 0.
    Plain {
        /// It.
        lamports: u64,
    },
    /// Any.
    Any(&'a AccountState),
}

impl NotedState<'_> {
    /// It, whole.
    pub fn to_state(&self) -> AccountState {
        match self {
            Self::Plain { lamports } => AccountState {
                lamports: *lamports,
                ..AccountState::default()
            },
            Self::Any(state) => (*state).clone(),
        }
    }
}

/// Makes entries visible: the publisher thread's handle.
pub struct Publisher {
    shared: Arc<Accounts>,
    /// Accounts that got an owner in this entry.
    owned: Vec<(Pubkey, AccountIndex)>,
    /// Accounts that were deleted in this entry.
    deleted: Vec<AccountIndex>,
}

impl Publisher {
    pub(crate) fn new(shared: Arc<Accounts>) -> Self {
        Self {
            shared,
            owned: Vec::new(),
            deleted: Vec::new(),
        }
    }

    /// Makes `entry` visible: all its writes, from all banking threads, at once. Entries come in order,
    /// and an entry when all its tasks are complete, its batches in the order in which they were.
    pub fn publish(&mut self, entry: EntryNumber, writes: &mut dyn Iterator<Item = EntryWrites>) {
        self.publish_writes(entry, writes, false, &mut |_, _, _| ());
    }

    /// The same; `note` hears of every account that the entry wrote, what it is at its end (the default state where
    /// it does not exist any more), while that lies in this processor's cache, and what it was before.
    pub fn publish_noting(
        &mut self,
        entry: EntryNumber,
        writes: &mut dyn Iterator<Item = EntryWrites>,
        mut note: impl FnMut(&Pubkey, NotedState<'_>, Option<&AccountState>),
    ) {
        self.publish_writes(entry, writes, true, &mut note);
    }

    /// `notes`: whether `note` looks at the states.
    fn publish_writes(
        &mut self,
        entry: EntryNumber,
        writes: &mut dyn Iterator<Item = EntryWrites>,
        notes: bool,
        note: &mut impl FnMut(&Pubkey, NotedState<'_>, Option<&AccountState>),
    ) {
        let visible = self.shared.visible();
        assert!(
            entry > visible,
            "entry {entry} is published after {visible}"
        );
        let mut superseded = lock(&self.shared.retired).take_spare();
        let mut accounts = self.shared.len();
        let mut lists = writes.peekable();
        while let Some(EntryWrites(writes)) = lists.next() {
            let next = lists.peek().map_or(&[][..], |EntryWrites(next)| next);
            for (i, write) in writes.iter().enumerate() {
                self.prefetch(&writes, next, i, notes);
                self.publish_account(entry, write, &mut accounts, &mut superseded, note);
            }
        }
        if !self.owned.is_empty() {
            let mut owners = write(&self.shared.owners);
            for (owner, account) in self.owned.drain(..) {
                owners.add(&owner, account);
            }
        }
        // Relaxed: a statistic.
        self.shared.accounts.store(accounts, Ordering::Relaxed);
        self.shared.visible.0.store(entry, Ordering::SeqCst);
        if !self.deleted.is_empty() {
            lock(&self.shared.deleted).append(&mut self.deleted);
        }
        self.retire(entry, superseded);
    }

    /// Starts loading what is needed soon after the `i`th of some writes, behind which `next` come.
    fn prefetch(&self, writes: &[Write], next: &[Write], i: usize, notes: bool) {
        let at = |i: usize| writes.get(i).or_else(|| next.get(i - writes.len()));
        if let Some(ahead) = at(i + PREFETCH_WRITES_AHEAD) {
            prefetch_line(ahead);
        }
        if let Some(ahead) = at(i + PREFETCH_AHEAD) {
            prefetch_line(self.shared.slab.slot(ahead.account));
            match ahead.kind {
                WriteKind::Plain if notes => ahead.version.prefetch_plain(),
                WriteKind::Plain => (),
                WriteKind::Other | WriteKind::NotPlain => {
                    ahead.version.prefetch();
                    ahead.previous.prefetch();
                }
            }
        }
    }

    fn publish_account(
        &mut self,
        entry: EntryNumber,
        write: &Write,
        accounts: &mut usize,
        superseded: &mut Batch,
        note: &mut impl FnMut(&Pubkey, NotedState<'_>, Option<&AccountState>),
    ) {
        let slot = self.shared.slab.slot(write.account);
        let version = write.version.get(self).expect("a write has a version");
        debug_assert_eq!(version.entry(), entry, "a write of another entry");
        // Relaxed: only this thread stores it while the account is in use.
        let published = slot.published.load(Ordering::Relaxed);
        let is_new = write.kind != WriteKind::NotPlain;
        let expected = if is_new {
            write.previous
        } else {
            write.version
        };
        assert!(
            published == expected,
            "account {} missed an entry",
            write.account
        );
        if is_new {
            let before = write.previous.get(self).map(|before| before.state());
            let noted = if write.kind == WriteKind::Plain && version.is_recorded_plain() {
                // The rest of it is not even loaded.
                let lamports = version.state().lamports;
                NotedState::Plain { lamports }
            } else {
                NotedState::Any(version.state())
            };
            debug_assert_eq!(noted.to_state(), *version.state(), "all that it is");
            note(&slot.key(), noted, before);
            // Release: the version comes with it.
            slot.published.store(write.version, Ordering::Release);
        }
        if write.kind == WriteKind::Plain {
            // The account exists, before and after, no owner has it, and as many bytes are in memory.
            return superseded.push_plain(write.previous);
        }
        let previous = write.previous.get(self);

        let before = previous.map(|previous| previous.state());
        let existed = before.is_some_and(|before| !before.is_absent());
        let exists = !version.state().is_absent();
        *accounts = *accounts + usize::from(exists) - usize::from(existed);

        let owner_before = self.shared.indexed_owner(before);
        let owner = self.shared.indexed_owner(Some(version.state()));
        let added = owner.filter(|_| owner != owner_before).copied();
        if let Some(left) = owner_before.filter(|_| owner != owner_before) {
            superseded.disowned.push((*left, write.account));
        }
        self.shared.count_bytes(previous, Some(version));
        if is_new && let Some(previous) = previous {
            superseded.push(write.previous, previous, version);
        }
        self.owned.extend(added.map(|owner| (owner, write.account)));
        if !exists {
            self.deleted.push(write.account);
        }
    }

    /// Frees what no pin can reach any more, and makes the oldest readers stop if they keep too much.
    fn retire(&mut self, entry: EntryNumber, superseded: Batch) {
        let shared = &self.shared;
        let mut retired = lock(&shared.retired);
        retired.push(entry, superseded);
        retired.free(shared.pins.oldest(), &shared.owners, &shared.spares);
        // Where pins are held for long there are many entries, which need not be added up for each.
        if retired.bytes() <= shared.pinned_bytes_max {
            return;
        }
        loop {
            let oldest = shared.pins.oldest_unexpired();
            if retired.bytes_kept_for(oldest) <= shared.pinned_bytes_max {
                return;
            }
            shared.pins.expire(oldest);
        }
    }
}
