//! Solana's syscalls as functions of a shared library, which the process that loads it answers
//! (`sealane_vm::NativeMachine`), and the end of a panic, as Solana's standard library has it.
//!
//! A program's crate and this one make such a library together: `extern crate` of both is all that it takes.
//!
//! # Why the unsafe code here is sound
//!
//! `sealane_native_start` is called once, before the program is. The names of the syscalls are Solana's, and so are
//! their signatures but for types: up to five integers or addresses, each in a register of 64 bits, and one back.

use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;

/// The number of a syscall; and its answer to five numbers.
type Find = extern "C" fn(*const u8, usize) -> usize;
type Ask = extern "C" fn(usize, u64, u64, u64, u64, u64) -> u64;

struct Host {
    numbers: [usize; NAMES.len()],
    ask: Ask,
}

static HOST: OnceLock<Host> = OnceLock::new();

/// Called by the process that loads the library.
#[unsafe(no_mangle)]
pub extern "C" fn sealane_native_start(find: Find, ask: Ask) {
    HOST.get_or_init(|| Host {
        numbers: NAMES.map(|name| find(name.as_ptr(), name.len())),
        ask,
    });
    panic::set_hook(Box::new(end_of_panic));
}

macro_rules! syscalls {
    ($($name:ident)+) => {
        const NAMES: [&str; [$(stringify!($name)),+].len()] = [$(stringify!($name)),+];

        #[allow(non_camel_case_types)]
        enum Place { $($name),+ }

        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name(a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
                let host = HOST.get().expect("the library is loaded by a machine");
                (host.ask)(host.numbers[Place::$name as usize], a, b, c, d, e)
            }
        )+
    };
}

// `abort` is what `std::process::abort` calls, which ends a program that is out of memory.
syscalls! {
    abort
    sol_alt_bn128_compression
    sol_alt_bn128_group_op
    sol_big_mod_exp
    sol_blake3
    sol_create_program_address
    sol_curve_decompress
    sol_curve_group_op
    sol_curve_multiscalar_mul
    sol_curve_pairing_map
    sol_curve_validate_point
    sol_get_clock_sysvar
    sol_get_epoch_rewards_sysvar
    sol_get_epoch_schedule_sysvar
    sol_get_epoch_stake
    sol_get_last_restart_slot
    sol_get_processed_sibling_instruction
    sol_get_rent_sysvar
    sol_get_return_data
    sol_get_stack_height
    sol_get_sysvar
    sol_invoke_signed_c
    sol_invoke_signed_rust
    sol_keccak256
    sol_log_
    sol_log_64_
    sol_log_compute_units_
    sol_log_data
    sol_log_pubkey
    sol_memcmp_
    sol_memcpy_
    sol_memmove_
    sol_memset_
    sol_panic_
    sol_poseidon
    sol_remaining_compute_units
    sol_secp256k1_recover
    sol_set_return_data
    sol_sha256
    sol_sha512
    sol_try_find_program_address
}

/// Ends the program as `custom_panic` of `solana-program-entrypoint` does. A program cannot define the hook of the
/// host's standard library, and what it defines for Solana's takes a value that only that can make.
fn end_of_panic(info: &PanicHookInfo<'_>) {
    // Nobody comes back to end this panic. The standard library counts it, and would take the next one for a panic
    // within a panic; ending another one here, which is not counted, makes up for it.
    let _ = panic::catch_unwind(|| panic::resume_unwind(Box::new(())));
    if let Some(text) = info.payload().downcast_ref::<&'static str>() {
        sol_log_(text.as_ptr().addr() as u64, text.len() as u64, 0, 0, 0);
    }
    if let Some(location) = info.location() {
        let file = location.file();
        let (line, column) = (location.line().into(), location.column().into());
        sol_panic_(
            file.as_ptr().addr() as u64,
            file.len() as u64,
            line,
            column,
            0,
        );
    }
    abort(0, 0, 0, 0, 0);
}
