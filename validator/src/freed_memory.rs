//! Memory that was freed, and that the allocator keeps.
//!
//! A start needs more for a moment than the node goes on with. mimalloc, the allocator of the node's binary, gives
//! what was freed back to the system when more is freed a second or more later, in large pieces: a node that idles
//! does not.

#![allow(unsafe_code)]

/// Gives it back now. Where the process has another allocator there is nothing to give.
pub(crate) fn give_back() {
    // SAFETY: any thread may call it at any time. It touches no memory that is in use, and no invariant of ours.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
