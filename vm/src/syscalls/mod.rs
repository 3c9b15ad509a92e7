//! What programs ask of the machine, under the names that Solana gives it.
//!
//! A syscall takes the context and five numbers, and gives one back. Costs, checks and their order are Agave's
//! (`syscalls/src`, 4.3).

mod address;
mod alt_bn128;
mod big_mod_exp;
mod curve;
mod data;
mod hash;
mod log;
mod memory;
mod poseidon;
mod secp256k1;
mod sysvar;

use crate::context::Context;
use crate::error::{Error, VmError};
use crate::invoke;
use solana_sbpf::elf::ElfError;
use solana_sbpf::program::{BuiltinFunctionDefinition, BuiltinProgram};
use std::panic::{self, AssertUnwindSafe};

/// Makes a function the machine can call of a Rust one.
macro_rules! syscalls {
    ($register:ident, $table:ident: $($name:literal => $type:ident = $function:path;)+) => {
        $(
            struct $type;

            impl BuiltinFunctionDefinition<Context> for $type {
                type Error = Error;

                fn rust(
                    context: &mut Context,
                    a: u64,
                    b: u64,
                    c: u64,
                    d: u64,
                    e: u64,
                ) -> Result<u64, Error> {
                    contained(|| $function(context, [a, b, c, d, e]))
                }
            }
        )+

        fn $register(machine: &mut BuiltinProgram<Context>) -> Result<(), ElfError> {
            $($type::register(machine, $name)?;)+
            Ok(())
        }

        /// The same, by name.
        #[cfg(feature = "native")]
        const $table: &[(&str, Function)] = &[$(($name, $type::rust)),+];
    };
}

/// A syscall as a function.
#[cfg(feature = "native")]
pub(crate) type Function = fn(&mut Context, u64, u64, u64, u64, u64) -> Result<u64, Error>;

/// Which syscalls a machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syscalls {
    /// Those that are active on mainnet.
    #[default]
    Mainnet,
    /// Beside these, those that Agave has and mainnet has not activated.
    All,
}

syscalls! { register_active, ACTIVE:
    "abort" => Abort = log::abort;
    "sol_panic_" => Panic = log::panic;
    "sol_log_" => Log = log::log;
    "sol_log_64_" => Log64 = log::log_64;
    "sol_log_pubkey" => LogPubkey = log::log_pubkey;
    "sol_log_compute_units_" => LogComputeUnits = log::log_compute_units;
    "sol_log_data" => LogData = log::log_data;
    "sol_create_program_address" => CreateProgramAddress = address::create_program_address;
    "sol_try_find_program_address" => TryFindProgramAddress = address::try_find_program_address;
    "sol_sha256" => Sha256 = hash::sha256;
    "sol_keccak256" => Keccak256 = hash::keccak256;
    "sol_secp256k1_recover" => Secp256k1Recover = secp256k1::recover;
    "sol_poseidon" => Poseidon = poseidon::poseidon;
    "sol_curve_validate_point" => CurveValidatePoint = curve::validate_point;
    "sol_curve_group_op" => CurveGroupOp = curve::group_op;
    "sol_curve_multiscalar_mul" => CurveMultiscalarMul = curve::multiscalar_mul;
    "sol_curve_decompress" => CurveDecompress = curve::decompress;
    "sol_curve_pairing_map" => CurvePairingMap = curve::pairing_map;
    "sol_alt_bn128_group_op" => AltBn128GroupOp = alt_bn128::group_op;
    "sol_alt_bn128_compression" => AltBn128Compression = alt_bn128::compression;
    "sol_get_clock_sysvar" => GetClock = sysvar::clock;
    "sol_get_epoch_schedule_sysvar" => GetEpochSchedule = sysvar::epoch_schedule;
    "sol_get_rent_sysvar" => GetRent = sysvar::rent;
    "sol_get_last_restart_slot" => GetLastRestartSlot = sysvar::last_restart_slot;
    "sol_get_epoch_rewards_sysvar" => GetEpochRewards = sysvar::epoch_rewards;
    "sol_get_sysvar" => GetSysvar = sysvar::any;
    "sol_get_epoch_stake" => GetEpochStake = sysvar::epoch_stake;
    "sol_memcpy_" => Memcpy = memory::memcpy;
    "sol_memmove_" => Memmove = memory::memmove;
    "sol_memset_" => Memset = memory::memset;
    "sol_memcmp_" => Memcmp = memory::memcmp;
    "sol_get_processed_sibling_instruction" => ProcessedSibling = data::processed_sibling;
    "sol_get_stack_height" => StackHeight = data::stack_height;
    "sol_set_return_data" => SetReturnData = data::set_return_data;
    "sol_get_return_data" => GetReturnData = data::get_return_data_of;
    "sol_invoke_signed_c" => InvokeSignedC = invoke::invoke_signed::<invoke::C>;
    "sol_invoke_signed_rust" => InvokeSignedRust = invoke::invoke_signed::<invoke::Rust>;
}

syscalls! { register_inactive, INACTIVE:
    "sol_blake3" => Blake3 = hash::blake3;
    "sol_sha512" => Sha512 = hash::sha512;
    "sol_big_mod_exp" => BigModExp = big_mod_exp::power;
    "sol_remaining_compute_units" => RemainingComputeUnits = log::remaining_compute_units;
}

/// Whether the results of a syscall may be written: each one of them, and then whether they are apart. What is empty
/// lies nowhere.
fn check_results(context: &Context, ranges: &[(u64, u64)]) -> Result<(), Error> {
    for (address, len) in ranges {
        context.check_writable(*address, *len)?;
    }
    let are_apart = |(a, a_len): (u64, u64), (b, b_len): (u64, u64)| {
        let is_empty = a_len == 0 || b_len == 0;
        is_empty
            || if a > b {
                a - b >= b_len
            } else {
                b - a >= a_len
            }
    };
    for (i, range) in ranges.iter().enumerate() {
        if !ranges[i + 1..]
            .iter()
            .all(|later| are_apart(*range, *later))
        {
            return Err(VmError::CopyOverlapping.into());
        }
    }
    Ok(())
}

/// For programs that were deployed long ago: what may not be deployed any more.
struct AllocFree;

impl BuiltinFunctionDefinition<Context> for AllocFree {
    type Error = Error;

    fn rust(context: &mut Context, a: u64, b: u64, _: u64, _: u64, _: u64) -> Result<u64, Error> {
        contained(|| memory::alloc_free(context, a, b))
    }
}

/// Runs a syscall. Nothing can unwind through a program's compiled code: a panic that went on into it, say out of
/// arithmetic that met what it does not expect, would end the process, and not only the program.
fn contained(syscall: impl FnOnce() -> Result<u64, Error>) -> Result<u64, Error> {
    panic::catch_unwind(AssertUnwindSafe(syscall))
        .unwrap_or_else(|_| Err(VmError::SyscallPanicked.into()))
}

/// All syscalls in an order, whether mainnet has them or not.
#[cfg(feature = "native")]
fn all() -> impl Iterator<Item = (&'static str, Function)> {
    ACTIVE.iter().chain(INACTIVE).copied()
}

/// The number of a syscall.
#[cfg(feature = "native")]
pub(crate) fn position(name: &[u8]) -> Option<usize> {
    all().position(|(known, _)| known.as_bytes() == name)
}

/// The syscall of a number.
#[cfg(feature = "native")]
pub(crate) fn at(number: usize) -> Option<Function> {
    all().nth(number).map(|(_, function)| function)
}

/// Registers syscalls; `to_deploy`: those that a new program may use.
pub(crate) fn register(
    machine: &mut BuiltinProgram<Context>,
    syscalls: Syscalls,
    to_deploy: bool,
) -> Result<(), ElfError> {
    register_active(machine)?;
    if syscalls == Syscalls::All {
        register_inactive(machine)?;
    }
    if !to_deploy {
        AllocFree::register(machine, "sol_alloc_free_")?;
    }
    Ok(())
}
