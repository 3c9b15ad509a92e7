//! Which entries readers are looking at.
//!
//! A table of cells, one per reader. A reader announces the entry that it is about to read, then makes
//! sure that this entry is still the newest visible one. Whoever frees something first makes it
//! unreachable for newer readers, then looks through the cells. Both have a sequentially consistent
//! fence in between, so of a reader and a freer that race at least one sees the other: the reader
//! finds that a newer entry is visible and announces that one, or the freer finds the announcement.
//!
//! What that gives, and all that the rest of the crate uses:
//!
//! 1. After [`PinTable::oldest`] returned `o`, no reader reads, or will ever read, as of an entry that is
//!    older than both `o` and the entry that was visible when it was called.
//! 2. Let a thread take something out of the readers' reach, then read `visible` as `v` after a fence,
//!    and later find `oldest() > v`. Then no reader that could have reached the thing has a pin still:
//!    those it found have read `visible` after it, hence after the removal; so have those to come.
//!
//! Called from any thread; wait-free but for `acquire`, which goes round again when an entry became
//! visible in between.

use crate::sync::{AtomicU64, AtomicUsize, Ordering, OwnLine, fence};
use crate::{EntryNumber, ReadError};

/// Nobody's cell.
const FREE: u64 = u64::MAX;

/// Set by the publisher in a cell whose reader has kept too much for too long.
const EXPIRED: u64 = 1 << 63;

/// The cells of all readers.
pub(crate) struct PinTable {
    cells: Box<[AtomicU64]>,
    /// Where to look for a free cell; only spreads the readers.
    hint: OwnLine<AtomicUsize>,
}

impl PinTable {
    pub(crate) fn new(pins_max: usize) -> Self {
        Self {
            cells: (0..pins_max).map(|_| AtomicU64::new(FREE)).collect(),
            hint: OwnLine::default(),
        }
    }

    /// Pins the newest visible entry. Returns the cell, to be given to `release`, and the entry.
    pub(crate) fn acquire(&self, visible: &AtomicU64) -> Result<(usize, EntryNumber), ReadError> {
        // Relaxed: any value is a good place to start.
        let start = self.hint.0.fetch_add(1, Ordering::Relaxed);
        let mut entry = visible.load(Ordering::SeqCst);
        let cell = (0..self.cells.len())
            .map(|i| start.wrapping_add(i) % self.cells.len())
            .find(|&cell| self.claim(cell, entry))
            .ok_or(ReadError::TooManyPins)?;
        loop {
            fence(Ordering::SeqCst);
            let newest = visible.load(Ordering::SeqCst);
            if newest == entry {
                return Ok((cell, entry));
            }
            entry = newest;
            self.cells[cell].store(entry, Ordering::Release);
        }
    }

    fn claim(&self, cell: usize, entry: EntryNumber) -> bool {
        let cell = &self.cells[cell];
        // Relaxed: a hint. Acquire in the exchange: what the cell's last reader did comes before.
        cell.load(Ordering::Relaxed) == FREE
            && cell
                .compare_exchange(FREE, entry, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    /// Gives a cell back; the reader's reads come before (Release) whatever is done on finding it free.
    pub(crate) fn release(&self, cell: usize) {
        self.cells[cell].store(FREE, Ordering::Release);
    }

    /// Whether the reader must stop. Relaxed: only a request; what it reads stays until it lets go.
    pub(crate) fn is_expired(&self, cell: usize) -> bool {
        self.cells[cell].load(Ordering::Relaxed) & EXPIRED != 0
    }

    /// The oldest pinned entry; `EntryNumber::MAX` if there is no pin. See the module on what it proves.
    pub(crate) fn oldest(&self) -> EntryNumber {
        self.oldest_of(|cell| Some(cell & !EXPIRED))
    }

    /// The oldest entry pinned by a reader that was not told to stop.
    pub(crate) fn oldest_unexpired(&self) -> EntryNumber {
        self.oldest_of(|cell| (cell & EXPIRED == 0).then_some(cell))
    }

    fn oldest_of(&self, entry: impl Fn(u64) -> Option<EntryNumber>) -> EntryNumber {
        fence(Ordering::SeqCst);
        self.cells
            .iter()
            // Acquire: pairs with `release`.
            .map(|cell| cell.load(Ordering::Acquire))
            .filter(|&cell| cell != FREE)
            .filter_map(entry)
            .min()
            .unwrap_or(EntryNumber::MAX)
    }

    /// Tells all readers of `entry` to stop. Relaxed: see `is_expired`; the exchange keeps the order that
    /// the cell's last store established.
    pub(crate) fn expire(&self, entry: EntryNumber) {
        for cell in &self.cells {
            let _ =
                cell.compare_exchange(entry, entry | EXPIRED, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}
