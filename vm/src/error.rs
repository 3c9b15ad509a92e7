//! What can go wrong in a machine, in Agave's words: they stand in the logs.

use sealane_sdk::InstructionError;
use sealane_sdk::{MachineError, Pubkey, PubkeyError};
use solana_sbpf::ebpf::MM_HEAP_START;
use solana_sbpf::error::EbpfError;
use std::str::Utf8Error;
use thiserror::Error;

/// An error of a syscall: `VmError`, `InstructionError` or `EbpfError`.
pub(crate) type Error = Box<dyn std::error::Error>;

/// Errors of syscalls (Agave's `SyscallError` and `CpiError`).
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum VmError {
    #[error("{0}: {1:?}")]
    InvalidString(Utf8Error, Vec<u8>),
    #[error("SBF program panicked")]
    Abort,
    #[error("SBF program Panicked in {0} at {1}:{2}")]
    Panic(String, u64, u64),
    #[error("Could not create program address with signer seeds: {0}")]
    BadSeeds(PubkeyError),
    #[error("Program {0} not supported by inner instructions")]
    ProgramNotSupported(Pubkey),
    #[error("Unaligned pointer")]
    UnalignedPointer,
    #[error("Too many signers")]
    TooManySigners,
    #[error("Overlapping copy")]
    CopyOverlapping,
    #[error("Return data too large ({0} > {1})")]
    ReturnDataTooLarge(u64, u64),
    #[error("Hashing too many sequences")]
    TooManySlices,
    #[error("InvalidLength")]
    InvalidLength,
    #[error("Invoked an instruction with data that is too large ({0} > {1})")]
    InstructionDataTooLarge(u64, u64),
    #[error("Invoked an instruction with too many accounts ({0} > {1})")]
    TooManyInstructionAccounts(u64, u64),
    #[error("Invoked an instruction with too many account info's ({0} > {1})")]
    TooManyAccountInfos(u64, u64),
    #[error("InvalidAttribute")]
    InvalidAttribute,
    #[error("Invalid pointer")]
    InvalidPointer,
    /// A bug of ours, or of a crate that computes for us.
    #[error("Syscall panicked")]
    SyscallPanicked,
}

/// An access that began in the heap and was none of its bytes: the machine does not know the part of the heap that
/// the program has not touched yet, and says that it is nowhere.
pub(crate) fn name_heap(error: EbpfError, heap_bytes: u32) -> EbpfError {
    match error {
        EbpfError::AccessViolation(access, address, len, _)
            if (MM_HEAP_START..MM_HEAP_START + u64::from(heap_bytes)).contains(&address) =>
        {
            EbpfError::AccessViolation(access, address, len, "heap")
        }
        EbpfError::SyscallError(error) => {
            EbpfError::SyscallError(match error.downcast::<EbpfError>() {
                Ok(error) => Box::new(name_heap(*error, heap_bytes)),
                Err(error) => error,
            })
        }
        other => other,
    }
}

/// How an instruction fails whose program ended with `error`.
pub(crate) fn machine_error(error: EbpfError) -> MachineError {
    let EbpfError::SyscallError(error) = error else {
        return MachineError::Machine(error.to_string());
    };
    match error.downcast::<InstructionError>() {
        Ok(error) => MachineError::Instruction(*error),
        Err(error) => MachineError::Machine(error.to_string()),
    }
}
