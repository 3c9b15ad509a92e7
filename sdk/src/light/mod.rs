//! Checking what a node says, from a block header alone.

mod header;

pub use header::SlotHeader;
