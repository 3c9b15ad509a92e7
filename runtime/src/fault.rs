//! Deliberate faults, to show that the checks around the pipeline find them. Debug builds only: in a
//! release build every `Fault` is ignored, and the code that asks for it is not compiled.

/// A way of being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Accounts that are only read are not locked: neither reader nor writer waits.
    ReaderDoesNotWait,
    /// Locks go back when a task is handed out, not when it has run.
    EarlyRelease,
    /// Two neighbours run in the other order than the one recorded.
    SwappedInsertion,
    /// What a failed transaction wrote stays.
    LostUndo,
    /// The leader is paid twice what it earned.
    GenerousReward,
}

/// Whether `fault` is to be committed here.
pub(crate) fn is(configured: Option<Fault>, fault: Fault) -> bool {
    cfg!(debug_assertions) && configured == Some(fault)
}
