//! Random transactions of real programs, run by the SDK's executor with the machine of `sealane-vm`, and what Agave
//! made of some of them.
//!
//! The generator looks at the accounts to make transactions that mostly succeed, and then breaks some of them. Who
//! uses it: `tests/differential`, a workspace of its own, which runs them through Agave beside Sealane; and the test of
//! this crate, which compares with what Agave came to there, as it was recorded.

mod actions;
mod names;
mod outcome;
#[path = "../../../vm/tests/support/probe.rs"]
mod probe;
mod recorded;
mod scene;
mod sealane;
mod world;

pub use names::of as name_of;
pub use outcome::{Failure, Outcome, Transaction};
pub use recorded::{Answer, Recorded, Recorder};
pub use scene::{MEMO_1, MEMO_FIRST_LOADER, PROBE, PROBE_FIRST_LOADER};
pub use sealane::Sealane;
pub use world::{FULL_COMPARISON, Mirror, World};

/// The ELF file of the program that does what it is told.
pub fn probe_elf() -> Vec<u8> {
    probe::elf()
}
