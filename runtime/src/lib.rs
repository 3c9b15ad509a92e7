//! From wire bytes to committed accounts: verify, schedule, bank, entry, slot.
//!
//! `docs/architecture.md` draws the way of a transaction. This crate knows no network and no JSON.

mod bank;
mod limits;
mod node;
mod record;
mod slot;
mod verified;
mod verify;

pub use bank::{Bank, Processed};
pub use limits::Limits;
pub use node::{
    BankingThreads, Counters, Event, Ingest, OnAdmission, PublishedTransaction, Reader, Refusal, Runtime,
    RuntimeConfig, SignatureStatus, Simulation,
};
pub use record::TransactionRecord;
pub use slot::{SlotContext, SlotWatch};
pub use verified::{ComputeBudget, Instruction, MessageId, VerifiedTransaction};
pub use verify::{Verifier, VerifyError};
