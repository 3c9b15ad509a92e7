//! The block log: what a ledger's truth consists of.

mod record;

pub use record::{BlockRecord, LoggedEntry, LoggedItem, SlotOpened};
