//! Versions of accounts, and when they may be touched and freed. Here is this crate's `unsafe`, but for the
//! declaration of `BankingAccess::lock`.
//!
//! # The argument
//!
//! A version is `{entry, previous, state}`. `entry` and `previous` never change. An account's slot points
//! to the working version, from which `previous` leads back over all versions not yet published to the
//! published one, and beyond it to superseded ones. Four roles touch them.
//!
//! **Banking threads** ([`LockedAccounts`]) follow `working` and hold the account's lock, granted by the
//! lock table: a writer alone, readers without a writer. The scheduler's queues order one holder's
//! accesses before the next one's, so `working` is read and stored Relaxed. A writer changes `state` in
//! place only if the version's entry is the one it is in: the publisher does not have that entry yet,
//! since it gets an entry when all its tasks are complete, and readers do not look at the state of a
//! version newer than their pin. Otherwise the writer makes a new version; the old one stays as it is.
//! The working version is not freed: it is the published one or newer than it, and freed are versions
//! that the published one superseded, and tombstones of accounts that nobody can lock (below).
//! `&AccountState` borrows the guard, and changing needs the guard `&mut`.
//!
//! **The publisher** ([`Publisher`]) reads the versions of an entry whose tasks are complete, and the ones
//! before them, which it alone supersedes and frees. Nobody changes these: see above. Of *plain* accounts
//! (they exist, are the System program's and have no data) it reads neither: a write that found a plain
//! account and left one says so, and a later write of the same entry that takes this back says that. So
//! what such a write superseded holds nothing but itself, and its memory is used again unread.
//!
//! **Readers** ([`Pin`]) load `published` (Acquire, pairs with the publisher's Release) and follow
//! `previous` to the first version not newer than their pin P, reading `entry` and `previous` of the newer
//! ones. All these live: a version superseded by entry N is freed after N became visible and no pin was
//! older than N (`pins`, 1), and each version on the way was superseded, if at all, by an entry
//! newer than P. A reader that pins later sees N or newer as published and does not get to it.
//!
//! **The interner** ([`Interner`]) takes back the slot of an account that no task in flight names, so that
//! nobody has or can get its lock, and whose working version is the published tombstone of an entry E with
//! E visible and no pin older than E (so that every reader, now or later, finds the account absent), or
//! which has no version at all. It removes the key from the table and stores null in `published`
//! and `working`. Readers may still have the index or the tombstone in hand: tombstone and slot are
//! freed when a later scan shows that none of those has a pin still (`pins`, 2). A replaced key table
//! is freed by the same rule. The publisher does not come back to such a slot: it has published the last
//! write, as `working` equals `published`, and the task of a next one is inserted after the next `intern`.
//!
//! Where memory is bounded it takes back an account that exists, too: one whose working version is the published
//! one of an entry E, with E visible and no pin older than E, in the same order and with the same grace
//! (`cold` says where readers find it then). No version before it is reached from it any more: readers stop at
//! it, and what E superseded the publisher frees by its own list. The first version of an account that comes back
//! is the interner's until it stores it, working and published, in a slot that the key table does not have yet;
//! with the table's store the index goes to tasks and readers.
//!
//! **At the end**, when the last handle and the last pin are gone, the one owner of all that is left frees
//! it: a slot the versions from `working` back to `published`, the retired list the superseded ones,
//! and the limbo its tombstones; no version is in two of them.

#![allow(unsafe_code)]

use crate::key_table::KeyTable;
use crate::owners::SYSTEM_PROGRAM;
use crate::sync::{AtomicPtr, Ordering};
use crate::{AccountState, EntryNumber, Interner, LockedAccounts, Pin, Publisher};
use std::mem::MaybeUninit;
use std::ptr;

/// An account's state as of the end of an entry.
pub(crate) struct Version {
    /// The entry, and in the lowest bit whether its write was recorded as one of a plain account.
    entry_and_mark: u64,
    previous: VersionPointer,
    state: AccountState,
    /// The model checker's builds never free a version; they note that it would have been.
    #[cfg(feature = "shuttle")]
    freed: crate::sync::AtomicBool,
}

/// Where in a version its lamports lie, with its entry before them.
const LAMPORTS_AT: usize =
    std::mem::offset_of!(Version, state) + std::mem::offset_of!(AccountState, lamports);

impl Version {
    #[inline]
    fn new(entry: EntryNumber, previous: VersionPointer, state: AccountState) -> Self {
        Self {
            entry_and_mark: entry << 1,
            previous,
            state,
            #[cfg(feature = "shuttle")]
            freed: crate::sync::AtomicBool::new(false),
        }
    }

    /// The entry that wrote it.
    #[inline]
    pub(crate) fn entry(&self) -> EntryNumber {
        self.entry_and_mark >> 1
    }

    /// Whether its write was recorded as one that found a plain account and left one, and was not taken
    /// back since.
    #[inline]
    pub(crate) fn is_recorded_plain(&self) -> bool {
        self.entry_and_mark & 1 == 1
    }

    /// The account before that entry. May dangle where nobody can want it any more.
    #[inline]
    pub(crate) fn previous(&self) -> VersionPointer {
        self.previous
    }

    /// The account.
    #[inline]
    pub(crate) fn state(&self) -> &AccountState {
        &self.state
    }

    /// Bytes that it and its data take.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.state.data.len()
    }

    /// Bytes that keeping it beside `next`, which superseded it, costs. What it shares with versions still
    /// older counts for both.
    pub(crate) fn bytes_beside(&self, next: &Self) -> usize {
        size_of::<Self>() + self.state.data.bytes_beside(&next.state.data)
    }
}

/// Memory of a freed version.
pub(crate) type Spare = Box<MaybeUninit<Version>>;

/// Whether an account exists, is the System program's, has no data and is no program, so that its lamports are all there
/// is to it: as most are, before and after most writes.
#[inline]
pub(crate) fn is_plain(state: &AccountState) -> bool {
    !state.is_absent()
        && state.data.is_empty()
        && state.owner == SYSTEM_PROGRAM
        && !state.executable
}

/// What keeps a version from being freed or changed while it is borrowed.
///
/// # Safety
/// For the implementor the argument above must show that a pointer which it got by its own rules stays
/// valid, and what it points to unchanged, as long as the implementor is borrowed.
pub(crate) unsafe trait Holder {}

// SAFETY: holds the account's lock; changing the version in place borrows it mutably.
unsafe impl Holder for LockedAccounts<'_> {}
// SAFETY: its pin; it follows `published` and `previous` as said, or the key table.
unsafe impl Holder for Pin {}
// SAFETY: it alone publishes and supersedes versions.
unsafe impl Holder for Publisher {}
// SAFETY: it looks at working versions of idle accounts and at the key table, which it alone replaces.
unsafe impl Holder for Interner {}

/// Address of a version, or null.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct VersionPointer(*mut Version);

// SAFETY: an address. What it points to is `Send` and `Sync`, and is reached as the argument says.
unsafe impl Send for VersionPointer {}
// SAFETY: as above.
unsafe impl Sync for VersionPointer {}

const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<AccountState>();
};

impl VersionPointer {
    pub(crate) const NULL: Self = Self(ptr::null_mut());

    /// A new version.
    pub(crate) fn allocate(entry: EntryNumber, previous: Self, state: AccountState) -> Self {
        Self(Box::into_raw(Box::new(Version::new(
            entry, previous, state,
        ))))
    }

    /// A new version where a freed one was.
    #[inline]
    pub(crate) fn allocate_in(
        spare: Spare,
        entry: EntryNumber,
        previous: Self,
        state: AccountState,
    ) -> Self {
        let version = Box::write(spare, Version::new(entry, previous, state));
        Self(Box::into_raw(version))
    }

    #[inline]
    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Starts loading the version.
    #[inline]
    pub(crate) fn prefetch(self) {
        prefetch_line(self.0);
        prefetch_line(self.0.cast::<u8>().wrapping_add(64));
    }

    /// Starts loading what a plain account has: most often one cache line, where all of it takes two.
    #[inline]
    pub(crate) fn prefetch_plain(self) {
        prefetch_line(self.0);
        let lamports = self.0.cast::<u8>().wrapping_add(LAMPORTS_AT);
        prefetch_line(lamports);
    }

    /// The version, for as long as its holder is borrowed.
    #[inline]
    pub(crate) fn get<H: Holder>(self, _holder: &H) -> Option<&Version> {
        self.assert_not_freed();
        // SAFETY: null, or a version that the holder's rules keep alive and unchanged.
        unsafe { self.0.as_ref() }
    }

    /// Replaces the state in place. The caller holds the account's lock for writing and is in the entry
    /// that made this version.
    #[inline]
    pub(crate) fn replace_state(self, state: AccountState, _holder: &mut LockedAccounts<'_>) {
        self.assert_not_freed();
        // SAFETY: not null, as it has an entry. Of this version's state nobody else has a reference:
        // banking threads are kept out by the lock, this thread's own borrow the guard, the publisher
        // and readers do not look at this entry's states yet.
        unsafe { (*self.0).state = state }
    }

    /// Notes that the write of this version is recorded as one of a plain account, or that this was taken
    /// back. The caller holds the account's lock for writing and is in the entry that made this version.
    #[inline]
    pub(crate) fn record_plain(self, plain: bool, _holder: &mut LockedAccounts<'_>) {
        self.assert_not_freed();
        // SAFETY: as in `replace_state`; nor does anybody read `entry` of this version yet, since nobody
        // else can reach it before its entry is published.
        unsafe { (*self.0).entry_and_mark = (*self.0).entry_and_mark & !1 | u64::from(plain) }
    }

    /// Frees the version, which by the argument nobody can reach any more, but not its memory, which
    /// another version can use. The model checker's builds do not: they watch what is freed.
    #[cfg(not(feature = "shuttle"))]
    #[inline]
    pub(crate) fn free_for_reuse(self) -> Spare {
        // SAFETY: as in `free`; what is dropped in place is not used as a version again.
        unsafe {
            ptr::drop_in_place(self.0);
            Box::from_raw(self.0.cast())
        }
    }

    /// The same for a version of a plain account, which holds nothing that would have to be dropped: it is
    /// not even read.
    #[cfg(not(feature = "shuttle"))]
    #[inline]
    pub(crate) fn free_plain_for_reuse(self) -> Spare {
        // SAFETY: as in `free`. That nothing is dropped would at worst keep its data for ever.
        unsafe {
            debug_assert!((*self.0).state.data.is_empty(), "a plain account has data");
            Box::from_raw(self.0.cast())
        }
    }

    /// Frees the version, which by the argument nobody can reach any more.
    pub(crate) fn free(self) {
        self.assert_not_freed();
        #[cfg(not(feature = "shuttle"))]
        // SAFETY: made by `allocate`, and freed once: each list that frees takes its pointers out.
        drop(unsafe { Box::from_raw(self.0) });
        #[cfg(feature = "shuttle")]
        // SAFETY: the model checker's builds do not free, so that the mark can be read.
        unsafe {
            (*self.0).freed.store(true, Ordering::SeqCst);
        }
    }

    #[cfg(not(feature = "shuttle"))]
    #[inline]
    fn assert_not_freed(self) {}

    #[cfg(feature = "shuttle")]
    fn assert_not_freed(self) {
        // SAFETY: the model checker's builds do not free.
        if let Some(version) = unsafe { self.0.as_ref() } {
            let freed = version.freed.load(Ordering::SeqCst);
            assert!(!freed, "used a version after it was freed");
        }
    }
}

/// The place in a slot that points to a version.
pub(crate) struct VersionCell(AtomicPtr<Version>);

impl Default for VersionCell {
    fn default() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }
}

impl VersionCell {
    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> VersionPointer {
        VersionPointer(self.0.load(order))
    }

    #[inline]
    pub(crate) fn store(&self, version: VersionPointer, order: Ordering) {
        self.0.store(version.0, order);
    }
}

/// Frees what a slot still has, when the database goes away: nobody else is left.
pub(crate) fn free_slot(working: &VersionCell, published: &VersionCell) {
    let published = published.load(Ordering::Acquire);
    let mut version = working.load(Ordering::Acquire);
    while version != published {
        // SAFETY: not published yet, hence not superseded and not freed; the chain ends at the
        // published version, or at null if there is none.
        let previous = unsafe { (*version.0).previous };
        version.free();
        version = previous;
    }
    if !published.is_null() {
        published.free();
    }
}

/// The key table in use, which the interner replaces while others read it.
pub(crate) struct CurrentTable(AtomicPtr<KeyTable>);

/// A key table that was replaced: readers may still have it. Dropping it frees it.
pub(crate) struct ReplacedTable(*mut KeyTable);

// SAFETY: the only owner of a table that other threads may have shared references to.
unsafe impl Send for ReplacedTable {}

impl CurrentTable {
    pub(crate) fn new(value: KeyTable) -> Self {
        Self(AtomicPtr::new(Box::into_raw(Box::new(value))))
    }

    /// The table, for as long as its holder is borrowed.
    #[inline]
    pub(crate) fn get<'h, H: Holder>(&'h self, _holder: &'h H) -> &'h KeyTable {
        // SAFETY: never null. A replaced table lives until no holder that could have loaded it is left.
        // Acquire: pairs with `replace`.
        unsafe { &*self.0.load(Ordering::Acquire) }
    }

    /// Puts another table in its place. Only the interner does. The old one must be kept until no
    /// reader is left that could have loaded it.
    pub(crate) fn replace(&self, table: KeyTable) -> ReplacedTable {
        ReplacedTable(
            self.0
                .swap(Box::into_raw(Box::new(table)), Ordering::AcqRel),
        )
    }
}

impl Drop for CurrentTable {
    fn drop(&mut self) {
        // SAFETY: never null, made by a box, and nobody else is left.
        drop(unsafe { Box::from_raw(*self.0.get_mut()) });
    }
}

impl Drop for ReplacedTable {
    fn drop(&mut self) {
        #[cfg(not(feature = "shuttle"))]
        // SAFETY: made by a box; its keeper waited until no reader is left.
        drop(unsafe { Box::from_raw(self.0) });
        #[cfg(feature = "shuttle")]
        // SAFETY: the model checker's builds do not free, so that the mark can be read.
        unsafe { &*self.0 }.mark_freed();
    }
}

/// A large table, on huge pages where the system gives them on request: a look-up at random then costs
/// a cache miss, and not the walk of a page table before it.
pub(crate) fn large_table<T>(items: impl ExactSizeIterator<Item = T>) -> Box<[T]> {
    let mut table = large_vec(items.len());
    table.extend(items);
    table.into_boxed_slice()
}

/// An empty vector with this much room, on huge pages where the system gives them on request. Room that
/// is not used yet takes no memory, up to the size of a page.
pub(crate) fn large_vec<T>(capacity: usize) -> Vec<T> {
    #[cfg_attr(any(not(target_os = "linux"), feature = "shuttle"), expect(unused_mut))]
    let mut vec = Vec::<T>::with_capacity(capacity);
    #[cfg(all(target_os = "linux", not(feature = "shuttle")))]
    {
        const PAGE: usize = 4096;
        let start = vec.as_ptr().addr().next_multiple_of(PAGE);
        let end = vec.as_ptr().addr() + vec.capacity() * size_of::<T>();
        if start < end {
            let address = vec.as_mut_ptr().with_addr(start);
            // SAFETY: advice on pages that lie wholly or in part in memory that this vector owns; it changes
            // how they are backed, not what is in them. Where it is refused, nothing happens.
            unsafe {
                libc::madvise(address.cast(), end - start, libc::MADV_HUGEPAGE);
            }
        }
    }
    vec
}

/// Starts loading the lines of a spare.
#[inline]
pub(crate) fn prefetch_spare(spare: &Spare) {
    VersionPointer(spare.as_ptr().cast_mut()).prefetch();
}

/// Starts loading the cache line at this address, which may be anything.
#[inline]
pub(crate) fn prefetch_line<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address has no effect but on the cache.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
