//! Debug builds: who holds an account lock, on the account's slot, so that a grant that the lock table
//! never gave is found where it is used.

use crate::sync::{AtomicU64, Ordering};

/// The holders: a banking thread's number plus one in the high half if it writes, and the number of
/// readers in the low half.
#[derive(Default)]
pub(crate) struct Stamp(AtomicU64);

impl Stamp {
    /// Notes that `thread` holds the account.
    pub(crate) fn take(&self, thread: u32, write: bool) {
        let before = if write {
            let taken =
                self.0
                    .compare_exchange(0, writer(thread), Ordering::SeqCst, Ordering::SeqCst);
            taken.unwrap_or_else(|before| before)
        } else {
            self.0.fetch_add(1, Ordering::SeqCst)
        };
        let free = if write {
            before == 0
        } else {
            before >> 32 == 0
        };
        if !free && !write {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
        assert!(
            free,
            "banking thread {thread} locks an account (writing: {write}) that is held: writer {}, readers {}",
            (before >> 32).wrapping_sub(1) as i32,
            before as u32,
        );
    }

    /// Asserts that `thread` holds the account like that.
    pub(crate) fn check(&self, thread: u32, write: bool) {
        let now = self.0.load(Ordering::SeqCst);
        let held = if write {
            now == writer(thread)
        } else {
            now >> 32 == 0 && now as u32 > 0
        };
        assert!(
            held,
            "banking thread {thread} uses an account (writing: {write}) without its lock: {now:x}"
        );
    }

    /// Notes that `thread` lets go.
    pub(crate) fn clear(&self, thread: u32, write: bool) {
        self.0
            .fetch_sub(if write { writer(thread) } else { 1 }, Ordering::SeqCst);
    }
}

fn writer(thread: u32) -> u64 {
    (u64::from(thread) + 1) << 32
}
