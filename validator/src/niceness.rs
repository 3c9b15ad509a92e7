//! How much of the processors the threads of RPC take from those that execute transactions, where there are too few for
//! both: less than an equal share, and scans and simulations less still. Where processors idle, nobody waits longer.
//!
//! On Linux niceness is a thread's own; a step is worth a quarter of what is left to it.

use std::cell::Cell;

/// Of threads that serve connections: a third of an equal share.
pub(crate) const SERVING: i32 = 5;
/// Of threads that may be kept busy: a thirtieth.
pub(crate) const KEPT_BUSY: i32 = 15;

thread_local! {
    static OF_THIS_THREAD: Cell<i32> = const { Cell::new(0) };
}

/// Makes this thread at least so nice, for good.
pub(crate) fn at_least(niceness: i32) {
    OF_THIS_THREAD.with(|now| {
        if now.get() < niceness {
            now.set(niceness);
            // Where the system does not let it, all have an equal share.
            let _ = rustix::process::setpriority_process(None, niceness);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_is_as_nice_as_it_was_asked_to_be_and_others_are_not() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let before = niceness();
        let nice = std::thread::spawn(move || {
            at_least(KEPT_BUSY.max(before));
            at_least(SERVING);
            niceness()
        });
        assert_eq!(nice.join().unwrap(), KEPT_BUSY.max(before));
        assert_eq!(niceness(), before);
    }
}
