//! A program for Solana that was compiled for this machine, run in place of its ELF file.
//!
//! Its own crate, unmodified, and the syscalls of `tests/native-solana/programs/syscalls`, in one shared library. It
//! finds everything where it would find it in the virtual machine: stack, heap and input lie at the very addresses
//! that a program sees there, so what is written for these addresses (the allocator, the checks of `invoke`) holds
//! here too. A syscall leaves the program's stack for the thread's, where it is the function that the virtual machine
//! calls; if it fails, nobody goes back.
//!
//! These addresses are there once: a process has one such program, and one thread at a time is in it, while others
//! wait. What it calls runs from ELF files, itself included. Only syscalls cost compute units.
//!
//! This is for debuggers, coverage and fuzzers, not for a node: the program is trusted like any native one, and where
//! the virtual machine would end it for a wrong address, it ends the process.
//!
//! # Why the unsafe code here is sound
//!
//! As far as the program keeps to its memory, which nobody checks. Mapping a library runs its initialisers, and its
//! symbols are believed to be what `syscalls` there makes of them; it is never unmapped. `MEMORY` is mapped once, for
//! good, where nothing else was, and all of it is used under its lock alone: by the program while it runs, and by
//! this file before and after. Addresses are not translated, so a syscall reads and writes what the program points
//! to, as it could itself, and only while the program is suspended.
//!
//! `CURRENT` is set on the program's stack, for as long as that is in use on this thread, and read there. A stack that
//! is left for good has frames of the library, and one of `execute`'s closure, which has nothing to drop.

#![allow(unsafe_code)]

use crate::context::Context;
use crate::error::Error;
use crate::programs::ElfMachine;
use crate::run::{charge_heap, finish};
use crate::syscalls::{self, Function};
use crate::{buffers, input};
use bytemuck::cast_slice;
use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use sealane_sdk::{Machine, MachineCall, MachineError, Pubkey};
use solana_sbpf::ebpf::{MM_HEAP_START, MM_INPUT_START, MM_STACK_START};
use solana_sbpf::error::{EbpfError, ProgramResult};
use solana_sbpf::memory_region::MemoryMapping;
use solana_sbpf::program::SBPFVersion;
use solana_sbpf::vm::Config;
use solana_sdk_ids::bpf_loader_deprecated;
use std::cell::Cell;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::{io, ptr, slice};

/// Bytes of stack: frames are not those of the virtual machine, and larger where nothing is optimised.
const STACK_BYTES: usize = 16 << 20;
/// Bytes below the stack that nobody may touch.
const GUARD_BYTES: usize = 1 << 16;
/// Bytes of an instruction with its accounts.
const INPUT_BYTES_MAX: usize = 1 << 30;

type Entrypoint = unsafe extern "C" fn(*mut u8, *const u8) -> u64;
/// What the library asks: which syscall has a name; and what it answers to five numbers.
type Find = extern "C" fn(*const u8, usize) -> usize;
type Ask = extern "C" fn(usize, u64, u64, u64, u64, u64) -> u64;
type Start = unsafe extern "C" fn(Find, Ask);

/// Runs one program natively, and all others from their ELF files.
pub struct NativeMachine {
    elf: ElfMachine,
    program: Pubkey,
    entrypoint: Entrypoint,
}

impl NativeMachine {
    /// A machine that runs `program` from a shared library, and all others in `elf`.
    ///
    /// # Errors
    /// In words, if the library cannot be used, or the process already has such a program.
    pub fn new(elf: ElfMachine, program: Pubkey, library: &Path) -> Result<Self, String> {
        let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.has_program {
            return Err("this process has such a program already".to_owned());
        }
        if !memory.is_mapped {
            memory.map().map_err(|error| {
                format!("the addresses of a program's memory are not free: {error}")
            })?;
        }
        // SAFETY: see the top of the file.
        let mapped = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_LOCAL) };
        let mapped = mapped.map_err(|error| error.to_string())?;
        // SAFETY: see the top of the file.
        let symbols = unsafe {
            let start = mapped.get::<Start>(b"sealane_native_start");
            let entrypoint = mapped.get::<Entrypoint>(b"entrypoint");
            start.and_then(|start| Ok((*start, *entrypoint?)))
        };
        std::mem::forget(mapped);
        let (start, entrypoint) = symbols.map_err(|error| error.to_string())?;
        // SAFETY: see the top of the file.
        unsafe { start(find, ask) };
        memory.has_program = true;
        Ok(Self {
            elf,
            program,
            entrypoint,
        })
    }

    fn run(&self, call: &MachineCall<'_>) -> Result<(), MachineError> {
        let memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
        let is_aligned = call.program_state().owner != bpf_loader_deprecated::ID;
        buffers::with(|buffers| {
            let input = input::write(call, is_aligned, &mut buffers.input)?;
            let units = call.compute_left();
            charge_heap(call)?;
            let bytes: &[u8] = cast_slice(&buffers.input);
            memory.begin(&bytes[..input.len])?;
            // SAFETY: without regions it needs nothing.
            let mapping = unsafe { MemoryMapping::new(vec![], &untranslated(), SBPFVersion::V0) };
            let mapping = mapping.map_err(|error| MachineError::Machine(error.to_string()))?;
            let heap_bytes = u64::from(call.heap_bytes());
            // SAFETY: it is dropped below, before the call ends; for the memory see the top of the file.
            let mut context =
                unsafe { Context::new(call, mapping, input.places, is_aligned, heap_bytes) };
            let result = self.execute(&mut context, input.data_address);
            let places = context.places;
            call.log_end(units - call.compute_left(), units);
            finish(call, result)?;
            input::take_over(call, is_aligned, &places, memory.input(input.len))?;
            Ok(())
        })
    }

    /// Runs the program on its stack, and its syscalls on this one.
    fn execute(&self, context: &mut Context, data_address: u64) -> ProgramResult {
        let entrypoint = self.entrypoint;
        let mut program =
            Coroutine::with_stack(ProgramStack, move |yielder: &Yielder<u64, _>, _| {
                CURRENT.set(yielder);
                let input = ptr::with_exposed_provenance_mut(MM_INPUT_START as usize);
                let data = ptr::with_exposed_provenance(data_address as usize);
                // SAFETY: the input was written there.
                unsafe { entrypoint(input, data) }
            });
        let mut answer = 0;
        let result = loop {
            let asked = match program.resume(answer) {
                CoroutineResult::Return(status) => break ProgramResult::Ok(status),
                CoroutineResult::Yield(asked) => asked,
            };
            match asked.answer(context) {
                Ok(value) => answer = value,
                Err(error) => {
                    // SAFETY: see the top of the file.
                    unsafe { program.force_reset() };
                    break ProgramResult::Err(EbpfError::SyscallError(error));
                }
            }
        };
        CURRENT.set(ptr::null());
        result
    }
}

impl Machine for NativeMachine {
    fn execute(&self, call: &MachineCall<'_>) -> Result<(), MachineError> {
        let is_busy = !CURRENT.get().is_null();
        if is_busy || *call.program_id() != self.program {
            return self.elf.execute(call);
        }
        self.run(call)
    }

    fn check(&self, elf: &[u8]) -> Result<(), String> {
        self.elf.check(elf)
    }
}

/// A syscall that the program makes.
struct Asked {
    syscall: usize,
    arguments: [u64; 5],
}

impl Asked {
    fn answer(&self, context: &mut Context) -> Result<u64, Error> {
        let [a, b, c, d, e] = self.arguments;
        let function: Option<Function> = syscalls::at(self.syscall);
        let function = function.ok_or("the machine has no such syscall")?;
        function(context, a, b, c, d, e)
    }
}

thread_local! {
    /// The way from the program that runs on this thread to the thread's own stack; null if none runs.
    static CURRENT: Cell<*const Yielder<u64, Asked>> = const { Cell::new(ptr::null()) };
}

/// The number of a syscall; one that none has if there is none of this name.
extern "C" fn find(name: *const u8, len: usize) -> usize {
    // SAFETY: the library gives one of its names.
    let name = unsafe { slice::from_raw_parts(name, len) };
    syscalls::position(name).unwrap_or(usize::MAX)
}

extern "C" fn ask(syscall: usize, a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
    // SAFETY: see the top of the file.
    let current = unsafe { CURRENT.get().as_ref() };
    let current = current.expect("a program makes syscalls while it runs");
    current.suspend(Asked {
        syscall,
        arguments: [a, b, c, d, e],
    })
}

fn untranslated() -> Config {
    Config {
        enable_address_translation: false,
        ..Config::default()
    }
}

/// The memory of the program that runs natively.
struct Memory {
    is_mapped: bool,
    has_program: bool,
}

static MEMORY: Mutex<Memory> = Mutex::new(Memory {
    is_mapped: false,
    has_program: false,
});

impl Memory {
    fn map(&mut self) -> io::Result<()> {
        let guard = MM_STACK_START as usize - GUARD_BYTES;
        map(guard, GUARD_BYTES, libc::PROT_NONE)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        map(MM_STACK_START as usize, STACK_BYTES, access)?;
        map(MM_HEAP_START as usize, buffers::HEAP_BYTES_MAX, access)?;
        map(MM_INPUT_START as usize, INPUT_BYTES_MAX, access)?;
        self.is_mapped = true;
        Ok(())
    }

    /// Zeroes the heap and puts an input in its place.
    fn begin(&self, input: &[u8]) -> Result<(), MachineError> {
        if input.len() > INPUT_BYTES_MAX {
            return Err(MachineError::Machine("the input is too large".to_owned()));
        }
        let heap: *mut u8 = ptr::with_exposed_provenance_mut(MM_HEAP_START as usize);
        let to: *mut u8 = ptr::with_exposed_provenance_mut(MM_INPUT_START as usize);
        // SAFETY: both are mapped, that long, and used by nobody while the program does not run.
        unsafe {
            ptr::write_bytes(heap, 0, buffers::HEAP_BYTES_MAX);
            ptr::copy_nonoverlapping(input.as_ptr(), to, input.len());
        }
        Ok(())
    }

    /// The input as the program left it.
    fn input(&self, len: usize) -> &[u8] {
        let input = ptr::with_exposed_provenance(MM_INPUT_START as usize);
        // SAFETY: mapped, at least that long, and the program has ended.
        unsafe { slice::from_raw_parts(input, len) }
    }
}

/// Maps zeros at an address where nothing is.
fn map(address: usize, len: usize, access: libc::c_int) -> io::Result<()> {
    let flags =
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    let at = ptr::with_exposed_provenance_mut(address);
    // SAFETY: it replaces nothing.
    let mapped = unsafe { libc::mmap(at, len, access, flags, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    assert_eq!(
        mapped.expose_provenance(),
        address,
        "the kernel is newer than 4.17"
    );
    Ok(())
}

/// The program's stack, under the lock of `MEMORY`.
struct ProgramStack;

// SAFETY: it is mapped, for good, and what lies below it may not be touched.
unsafe impl Stack for ProgramStack {
    fn base(&self) -> StackPointer {
        StackPointer::new(MM_STACK_START as usize + STACK_BYTES).expect("it is not 0")
    }

    fn limit(&self) -> StackPointer {
        StackPointer::new(MM_STACK_START as usize - GUARD_BYTES).expect("it is not 0")
    }
}
