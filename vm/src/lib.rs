//! Runs programs that are ELF files, as Solana's loaders do: in `solana-sbpf`'s virtual machine, compiled where it
//! can (x86-64), against the accounts, calls and logs of the SDK's executor.
//!
//! The machine is the crate's; ours is what lies between: the layout of an instruction (`input`) in a program's
//! memory, `syscalls`, calls of other programs (`invoke`), and the programs that are kept loaded.

mod buffers;
mod context;
mod cost;
mod environment;
mod error;
mod input;
mod invoke;
#[cfg(feature = "native")]
mod native;
mod programs;
mod run;
mod syscalls;

#[cfg(feature = "native")]
pub use native::NativeMachine;
pub use programs::{ElfMachine, ProgramSource, ProgramsConfig};
pub use syscalls::Syscalls;
