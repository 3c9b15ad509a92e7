//! Programs that are shared libraries: what such a library exports, and what it uses of the process that loads it.
//!
//! A library has a copy of this crate of its own. Both copies work on the same frame and the same accounts, as if
//! they were one; what they must have in common for that, [`Abi`] says, and whoever loads a library checks it before
//! anything in there is called. Three things are of one process and not of a copy, and a library takes them from the
//! [`Host`]: the allocator, since what one copy allocates the other frees; the current frame; and the end of a panic,
//! which no copy may let through to the other (`enter` here, `Frame::run` there).
//!
//! # Why the unsafe code here is sound
//!
//! `open` alone reads what a library exports. It reads the `Abi` first, whose layout never changes, and the rest
//! only if the `Abi` is that of this copy; then `Library`, `Program`, `Frame` and all that these hold have one
//! layout in both copies, provided that what comes from other crates does too: of that the `Abi` sees sizes only, and
//! whoever loads a library vouches for the rest by building it with the same `Cargo.lock`. `start` runs before any other function of the library, so that every allocation in there
//! goes to the host's allocator; nothing in Rust's standard library allocates when a library is mapped, and if
//! something did, it would be refused (null) and not taken from elsewhere. `enter` is called by the host's executor
//! alone, while the frame is current there, so that the address which the host tells is that of a living frame on
//! this thread; it is used within that call. A library is never unmapped, which makes what it exports `'static`.

#![allow(unsafe_code)]

mod abi;

pub use abi::{Abi, AbiMismatch};

use crate::frame::{Frame, current};
use crate::{AccountInfo, InstructionError, ProcessInstruction, Program, ProgramResult, Pubkey};
use std::alloc::{GlobalAlloc, Layout};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Name of the symbol that a library exports: a [`Library`].
pub const SYMBOL: &str = "SEALANE_LIBRARY";

/// What a library exports.
#[derive(Debug)]
#[repr(C)]
pub struct Library {
    abi: Abi,
    start: extern "C" fn(&'static Host),
    program: Program,
}

impl Library {
    /// For [`library!`](macro@crate::library).
    pub const fn new(program: Program) -> Self {
        Self {
            abi: Abi::THIS,
            start,
            program,
        }
    }

    /// Opens what a library exports, and gives its program. Nothing in the library is called before it was found to
    /// have the layout of this process.
    ///
    /// # Safety
    /// `exported` is what the symbol [`SYMBOL`] of a shared library is the address of; the library was made with
    /// [`library!`](macro@crate::library) of some version of this crate, and stays mapped for good.
    pub unsafe fn open(exported: *const Self) -> Result<Program, AbiMismatch> {
        // SAFETY: every version of `Library` begins with an `Abi`.
        unsafe { &*exported.cast::<Abi>() }.check()?;
        // SAFETY: the ABI is this one's, so it is this `Library`; and it stays mapped.
        let library: &'static Self = unsafe { &*exported };
        (library.start)(&HOST);
        Ok(library.program.clone())
    }
}

/// What a library uses of the process that loads it.
#[derive(Debug)]
#[repr(C)]
pub struct Host {
    allocate: unsafe extern "C" fn(usize, usize) -> *mut u8,
    allocate_zeroed: unsafe extern "C" fn(usize, usize) -> *mut u8,
    reallocate: unsafe extern "C" fn(*mut u8, usize, usize, usize) -> *mut u8,
    free: unsafe extern "C" fn(*mut u8, usize, usize),
    frame: extern "C" fn() -> *const (),
}

/// This process, as its libraries see it.
static HOST: Host = Host {
    allocate: host::allocate,
    allocate_zeroed: host::allocate_zeroed,
    reallocate: host::reallocate,
    free: host::free,
    frame: current::address,
};

/// The host of this library; null in a process that is none.
static HOST_OF_THIS: AtomicPtr<Host> = AtomicPtr::new(ptr::null_mut());

fn host_of_this() -> Option<&'static Host> {
    // SAFETY: null, or what `start` was given.
    unsafe { HOST_OF_THIS.load(Ordering::Acquire).as_ref() }
}

extern "C" fn start(host: &'static Host) {
    HOST_OF_THIS.store(ptr::from_ref(host).cast_mut(), Ordering::Release);
    crate::panics::install_hook();
}

/// A library's program, called by the host; for [`library!`](macro@crate::library).
pub fn enter(
    process: ProcessInstruction,
    program_id: &Pubkey,
    accounts: &[AccountInfo<'_>],
    data: &[u8],
) -> ProgramResult {
    let Some(host) = host_of_this() else {
        return process(program_id, accounts, data);
    };
    // SAFETY: the host runs this instruction, so its frame is current there.
    let frame = unsafe { &*(host.frame)().cast::<Frame<'_>>() };
    current::enter(frame, || {
        crate::panics::catch(|| process(program_id, accounts, data)).unwrap_or_else(|| {
            frame.state.doom(InstructionError::ProgramFailedToComplete);
            Ok(())
        })
    })
}

/// A library's allocator: its host's.
#[derive(Clone, Copy, Debug)]
pub struct HostAllocator;

// SAFETY: the host's allocator keeps the contract; null is an allocation that failed.
unsafe impl GlobalAlloc for HostAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match host_of_this() {
            // SAFETY: the caller's promise.
            Some(host) => unsafe { (host.allocate)(layout.size(), layout.align()) },
            None => ptr::null_mut(),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match host_of_this() {
            // SAFETY: the caller's promise.
            Some(host) => unsafe { (host.allocate_zeroed)(layout.size(), layout.align()) },
            None => ptr::null_mut(),
        }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        match host_of_this() {
            // SAFETY: the caller's promise.
            Some(host) => unsafe {
                (host.reallocate)(memory, layout.size(), layout.align(), new_size)
            },
            None => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if let Some(host) = host_of_this() {
            // SAFETY: the caller's promise.
            unsafe { (host.free)(memory, layout.size(), layout.align()) }
        }
    }
}

/// The host's allocator, for its libraries. Sizes and alignments come from a `Layout` over there.
mod host {
    use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};

    fn layout(size: usize, align: usize) -> Layout {
        // SAFETY: they were a layout's.
        unsafe { Layout::from_size_align_unchecked(size, align) }
    }

    pub(super) unsafe extern "C" fn allocate(size: usize, align: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { alloc(layout(size, align)) }
    }

    pub(super) unsafe extern "C" fn allocate_zeroed(size: usize, align: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { alloc_zeroed(layout(size, align)) }
    }

    pub(super) unsafe extern "C" fn reallocate(
        memory: *mut u8,
        size: usize,
        align: usize,
        new_size: usize,
    ) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { realloc(memory, layout(size, align), new_size) }
    }

    pub(super) unsafe extern "C" fn free(memory: *mut u8, size: usize, align: usize) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(memory, layout(size, align)) }
    }
}

/// Makes this crate a shared library that a node can load (`sealane-validator --native-program`): a `cdylib` whose
/// program is what the given `const fn` describes, such as the one that `entrypoint!` makes.
///
/// The crate's memory then comes from the node that loads it, so the macro belongs into what is built as a library
/// and nowhere else: into a crate of its own, or behind a feature.
///
/// ```
/// # use sealane_sdk::{AccountInfo, ProgramResult, Pubkey, declare_id, entrypoint};
/// # declare_id!("LightSwitch11111111111111111111111111111111");
/// # entrypoint!(process_instruction, compute_units = 200);
/// # fn process_instruction(_: &Pubkey, _: &[AccountInfo], _: &[u8]) -> ProgramResult { Ok(()) }
/// #[cfg(feature = "library")]
/// sealane_sdk::library!(program);
/// ```
#[macro_export]
macro_rules! library {
    ($program:path) => {
        #[cfg(not(test))]
        #[allow(unsafe_code)]
        const _: () = {
            const PROGRAM: $crate::Program = $program();
            const PROCESS: $crate::ProcessInstruction = match PROGRAM.entry {
                $crate::Entry::Process(process) => process,
                $crate::Entry::Verify(_) => panic!("a precompile is no library"),
            };

            fn process(
                program_id: &$crate::Pubkey,
                accounts: &[$crate::AccountInfo<'_>],
                data: &[u8],
            ) -> $crate::ProgramResult {
                $crate::library::enter(PROCESS, program_id, accounts, data)
            }

            #[global_allocator]
            static ALLOCATOR: $crate::library::HostAllocator = $crate::library::HostAllocator;

            #[unsafe(no_mangle)]
            static SEALANE_LIBRARY: $crate::library::Library =
                $crate::library::Library::new($crate::Program {
                    entry: $crate::Entry::Process(process),
                    ..PROGRAM
                });
        };
    };
}
