//! A transaction that verify let through. Only verify can make one.

use bytes::Bytes;
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use solana_signature::Signature;

/// Identifies a message (not its signatures) for replay protection: a 128-bit hash keyed per node.
pub type MessageId = u128;

/// What the Compute Budget instructions of a transaction ask for, after defaults and caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputeBudget {
    /// Compute units the transaction may consume.
    pub unit_limit: u32,
    /// Micro-lamports per compute unit.
    pub unit_price: u64,
    /// Bytes of account data it may load.
    pub loaded_data_bytes_max: u32,
}

/// One top-level instruction, in place.
#[derive(Clone, Copy, Debug)]
pub struct Instruction<'a> {
    /// Index of the program.
    pub program: u8,
    /// Indices of its accounts.
    pub accounts: &'a [u8],
    /// Data.
    pub data: &'a [u8],
}

/// A parsed, sanitised, signature-checked transaction with its lookup tables resolved.
pub struct VerifiedTransaction(());

impl VerifiedTransaction {
    /// The wire bytes.
    pub fn bytes(&self) -> &Bytes {
        todo!()
    }
    /// The first signature: the transaction's name.
    pub fn signature(&self) -> &Signature {
        todo!()
    }
    /// All signatures.
    pub fn signatures(&self) -> &[Signature] {
        todo!()
    }
    /// The message's id.
    pub fn id(&self) -> MessageId {
        todo!()
    }
    /// `None` for legacy, `Some(0)` for v0.
    pub fn version(&self) -> Option<u8> {
        todo!()
    }
    /// The recent blockhash (or durable nonce).
    pub fn recent_blockhash(&self) -> &Hash {
        todo!()
    }
    /// Accounts, static and looked up.
    pub fn account_count(&self) -> usize {
        todo!()
    }
    /// Address of account `i`: static keys, then writable lookups, then read-only lookups.
    pub fn key(&self, _i: usize) -> &Pubkey {
        todo!()
    }
    /// Keyed hash of `key(i)`, computed once.
    pub fn key_hash(&self, _i: usize) -> u64 {
        todo!()
    }
    /// Whether the transaction signs for account `i`.
    pub fn is_signer(&self, _i: usize) -> bool {
        todo!()
    }
    /// Whether account `i` may be written: declared writable, not a reserved key, not a called program.
    pub fn is_writable(&self, _i: usize) -> bool {
        todo!()
    }
    /// Addresses that came from lookup tables: (writable, read-only).
    pub fn loaded_addresses(&self) -> (&[Pubkey], &[Pubkey]) {
        todo!()
    }
    /// Lookup tables it names (each counts 8,248 bytes towards the loaded data limit).
    pub fn lookup_table_count(&self) -> usize {
        todo!()
    }
    /// The top-level instructions.
    pub fn instructions(&self) -> impl Iterator<Item = Instruction<'_>> {
        std::iter::empty()
    }
    /// Compute budget.
    pub fn budget(&self) -> ComputeBudget {
        todo!()
    }
    /// Fee in lamports: signatures and priority.
    pub fn fee(&self, _lamports_per_signature: u64) -> u64 {
        todo!()
    }
    /// Declared cost in Solana's cost units: signatures, write locks, data bytes, compute limit.
    pub fn cost(&self) -> u64 {
        todo!()
    }
    /// Index of the nonce account, if the first instruction is AdvanceNonceAccount on a writable one.
    pub fn nonce_account(&self) -> Option<usize> {
        todo!()
    }
}
