//! Checking what a node says, from a block header alone.
//!
//! A node signs one [`SlotHeader`] per slot. Who knows the node's identity checks the signature with
//! [`verify_header`], and then, against the roots in the header, what the node says of an account
//! ([`AccountProof`]: its contents, or that it does not exist) and of a transaction
//! ([`TransactionProof`]: that it is in the slot, where, and what came of it).
//!
//! Everything that checks is a total function of its arguments: any bytes give `Ok` or `Err`, in time
//! and memory bounded by their length, and nothing is allocated. So a program can check a proof that
//! comes as instruction data. `docs/formats.md` has every byte.
//!
//! What a proof rests on: that nobody finds two inputs of BLAKE3 with the same hash, and that whoever
//! signed the header computed its roots from the state. The first is mathematics; the second anybody
//! can check who replays the block log.

mod account;
mod account_proof;
mod domain;
mod error;
mod header;
mod short;
mod transaction_proof;
mod transactions_root;

pub use account::{AccountContents, EMPTY_DATA_HASH};
pub use account_proof::{AccountProof, EMPTY_STATE_ROOT, Found, Step, account_path};
pub use domain::Domain;
pub use error::ProofError;
pub use header::{SLOT_HEADER_BYTES, SlotHeader, verify_header};
pub use transaction_proof::{ProvenTransaction, TransactionProof};
pub use transactions_root::{
    EMPTY_TRANSACTIONS_ROOT, ExecutedTransaction, TransactionLeaf, TransactionsRoot,
};
