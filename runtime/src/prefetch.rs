//! Loading a cache line ahead of its use.
//!
//! Sound: a prefetch of any address has no effect that a program can observe, and the address here is
//! that of a live reference, or of the lines behind it.
#![allow(unsafe_code)]

/// Starts loading the lines that `place` lies in.
#[inline]
pub(crate) fn prefetch_whole<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..size_of::<T>().div_ceil(64) {
        let start = core::ptr::from_ref(place).cast::<i8>();
        // SAFETY: see the top of this file.
        unsafe {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(64 * line));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Starts loading the lines that these bytes lie in.
#[inline]
pub(crate) fn prefetch_bytes(bytes: &[u8]) {
    for line in bytes.chunks(64) {
        prefetch(&line[0]);
    }
}

/// Starts loading the line that `place` begins in.
#[inline]
pub(crate) fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: see the top of this file.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
