//! Deliberate faults in the grace periods, to show that the model checker's tests would find them. The
//! model checker's builds only.

use std::cell::Cell;

/// A way of freeing something that a reader may still have in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraceFault {
    /// Limbo frees what went out of use without asking for pins.
    LimboIgnoresPins,
    /// Limbo counts a pin of the entry that was visible when a thing had gone as one that came later.
    LimboFreesOneEntryEarly,
    /// An index is taken back although readers of entries before its tombstone may still come.
    TombstoneIgnoresVisible,
    /// A key table is freed as soon as another is in its place.
    TableFreedAtOnce,
    /// An account is evicted although a pin is older than what it has.
    EvictionIgnoresPins,
    /// An account is evicted although the files do not have its last write.
    EvictionIgnoresFiles,
    /// A tombstone is taken back although the files do not have it.
    TombstoneIgnoresFiles,
}

thread_local! {
    // A model runs on the thread that checks it, all its threads included.
    static COMMITTED: Cell<Option<GraceFault>> = const { Cell::new(None) };
}

impl GraceFault {
    /// All faults.
    pub const ALL: [Self; 7] = [
        Self::LimboIgnoresPins,
        Self::LimboFreesOneEntryEarly,
        Self::TombstoneIgnoresVisible,
        Self::TableFreedAtOnce,
        Self::EvictionIgnoresPins,
        Self::EvictionIgnoresFiles,
        Self::TombstoneIgnoresFiles,
    ];

    /// From now on this fault is committed in the models that this thread checks.
    pub fn commit(fault: Option<Self>) {
        COMMITTED.set(fault);
    }

    pub(crate) fn is(self) -> bool {
        COMMITTED.get() == Some(self)
    }
}
