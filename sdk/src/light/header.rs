//! The header of a slot's block.

use crate::Hash;

/// What a slot's signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotHeader {
    /// The slot.
    pub slot: u64,
    /// Hash of the header of the slot before it; for slot 0 the genesis hash.
    pub parent: Hash,
    /// Its nominal time: Unix seconds.
    pub unix_timestamp: i64,
    /// Its blockhash.
    pub blockhash: Hash,
    /// Root of its transactions: signatures and results, in order.
    pub transactions_root: Hash,
    /// Charged transactions in it.
    pub transaction_count: u64,
    /// Root of all accounts at its end.
    pub state_root: Hash,
}
