//! A panic in a program fails its transaction and nothing else.
//!
//! The message of such a panic goes to the transaction's log, where Solana's programs leave theirs, not to
//! the terminal of the node. A process-wide hook, installed by the first executor, tells the two apart by
//! whether a frame is current on the thread; every other panic goes to the hook that was there before.

use crate::frame::current;
use crate::log::Kind;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Installs the hook, once.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = format_args!("{info}").to_string();
            let logged = current::with(|frame| {
                frame.log(|log, keys| log.text(Kind::Log, format_args!("{text}"), keys));
            });
            if logged.is_none() {
                before(info);
            }
        }));
    });
}

/// Runs `run`; `None` if it panics.
///
/// The frame stays usable: what a program can leave behind in it are guards, which the executor releases,
/// and written copies, which it drops because the transaction fails.
pub(crate) fn catch<R>(run: impl FnOnce() -> R) -> Option<R> {
    match panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Some(result),
        Err(payload) => {
            // The payload is the program's, and dropping it may panic again.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
            None
        }
    }
}
