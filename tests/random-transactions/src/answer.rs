//! What became of a transaction, on either side.

use sealane_sdk::{InnerInstruction, Pubkey};
use solana_transaction_error::TransactionError;

/// All that can be seen of a transaction but the accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It left no trace: it was no transaction, or could not be charged.
    Dropped(TransactionError),
    /// Its fee was taken.
    Charged(Box<Charged>),
}

/// What became of a transaction that was charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    /// Whether it succeeded.
    pub status: Result<(), TransactionError>,
    /// What was taken.
    pub fee: u64,
    /// Compute units that it used.
    pub compute_units: u64,
    /// Its log, line by line.
    pub logs: Vec<String>,
    /// Return data, and the program that set them.
    pub return_data: Option<(Pubkey, Vec<u8>)>,
    /// Calls of programs by programs.
    pub inner: Vec<InnerInstruction>,
}

impl Answer {
    /// The error, dropped or charged.
    pub fn error(&self) -> Option<&TransactionError> {
        match self {
            Self::Dropped(error) => Some(error),
            Self::Charged(charged) => charged.status.as_ref().err(),
        }
    }

    /// What was charged.
    pub fn charged(&self) -> Option<&Charged> {
        match self {
            Self::Dropped(_) => None,
            Self::Charged(charged) => Some(charged),
        }
    }
}
