//! Compute units of what programs ask of the machine: those of Agave's `SVMTransactionExecutionCost`.

/// Base of most syscalls.
pub(crate) const SYSCALL_BASE: u64 = 100;
/// `sol_log_64_`.
pub(crate) const LOG_64: u64 = 100;
/// `sol_log_pubkey`.
pub(crate) const LOG_PUBKEY: u64 = 100;
/// A program address, each time one is tried.
pub(crate) const CREATE_PROGRAM_ADDRESS: u64 = 1_500;
/// A cross-program invocation (SIMD-0339).
pub(crate) const INVOKE: u64 = 946;
/// Bytes that are copied for a compute unit.
pub(crate) const BYTES_PER_UNIT: u64 = 250;
/// An operation on memory, at least.
pub(crate) const MEMORY_OP: u64 = 10;
/// A sysvar, beside its bytes.
pub(crate) const SYSVAR_BASE: u64 = 100;
/// A hash.
pub(crate) const HASH_BASE: u64 = 85;
/// Each byte of what is hashed; halved.
pub(crate) const HASH_BYTE: u64 = 1;
/// Slices that are hashed at once, at most.
pub(crate) const HASH_SLICES_MAX: u64 = 20_000;
/// Each 32 KiB of heap beyond the first.
pub(crate) const HEAP_PAGE: u64 = 8;
