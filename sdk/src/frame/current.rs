//! The frame that executes on this thread, for what programs call without a handle: `invoke`, `msg!`,
//! `Clock::get()`.
//!
//! # Why the unsafe code here is sound
//!
//! A `Frame` borrows from its transaction, so it cannot be named in a `static`; we keep its address with
//! the lifetime erased. `enter` alone stores an address, and only while it holds a shared borrow of the
//! frame; before it returns, normally or by unwinding, the guard puts back what was there before. `with`
//! alone reads the address, on the same thread (it is thread-local), hence within the dynamic extent of
//! an `enter` whose borrow is live, so the frame exists, is not moved and is not borrowed exclusively.
//! `with` hands out `&'x Frame<'x>` for a lifetime that its caller cannot choose (`for<'x>`), so nothing
//! can be kept beyond the call or be smuggled in; shortening `Frame<'t>` to `Frame<'x>` is what covariance
//! permits, which `frame_is_covariant` makes the compiler check. A frame is `!Sync`, and is only ever seen
//! by the thread that entered it. Frames nest (a program may run a harness): the innermost is current.

#![allow(unsafe_code)]

use super::Frame;
use std::cell::Cell;
use std::ptr;

thread_local! {
    static CURRENT: Cell<*const Frame<'static>> = const { Cell::new(ptr::null()) };
}

struct Restore(*const Frame<'static>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Runs `run` with `frame` as the current one of this thread.
pub(crate) fn enter<R>(frame: &Frame<'_>, run: impl FnOnce() -> R) -> R {
    let _restore = Restore(CURRENT.replace(ptr::from_ref(frame).cast()));
    run()
}

/// Calls `run` with the current frame; `None` if no program executes on this thread.
pub(crate) fn with<R>(run: impl for<'x> FnOnce(&'x Frame<'x>) -> R) -> Option<R> {
    let frame = CURRENT.get();
    if frame.is_null() {
        return None;
    }
    // SAFETY: not null, so an `enter` on this thread still holds a borrow of the frame; see above.
    Some(run(unsafe { &*frame }))
}

/// Address of the current frame, for shared libraries, whose copy of `CURRENT` is another (`library`).
pub(crate) extern "C" fn address() -> *const () {
    CURRENT.get().cast()
}

#[expect(dead_code)]
fn frame_is_covariant<'short, 'long: 'short>(frame: Frame<'long>) -> Frame<'short> {
    frame
}
