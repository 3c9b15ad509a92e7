//! Nodes and transactions for tests that need no real signatures: what stands in their place says which
//! transaction it is.

use crate::wire::wire;
use bytes::Bytes;
use sealane_runtime::RuntimeConfig;
use sealane_sdk::{AccountState, Program, Programs, Pubkey};
use solana_hash::Hash;
use solana_message::{Message, VersionedMessage};
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use std::sync::Arc;
use std::time::Duration;

/// First blockhash of `filler_config`.
pub const GENESIS_HASH: Hash = Hash::new_from_array([9; 32]);

/// A node that checks no signatures and stays in its first slot, with these programs beside the builtin ones.
pub fn filler_config(programs: impl IntoIterator<Item = Program>) -> RuntimeConfig {
    const IDENTITY: Pubkey = Pubkey::new_from_array([5; 32]);
    let mut all = Programs::builtin();
    programs.into_iter().for_each(|program| all.add(program));
    let mut config = RuntimeConfig::new(Arc::new(all), GENESIS_HASH, IDENTITY);
    config.check_signatures = false;
    config.slot_duration = Duration::from_secs(3_600);
    config
}

/// An account that has only lamports.
pub fn wallet(key: Pubkey, lamports: u64) -> (Pubkey, AccountState) {
    let state = AccountState {
        lamports,
        ..AccountState::default()
    };
    (key, state)
}

/// The signature of transaction `number`.
pub fn filler_signature(number: u64) -> Signature {
    let mut signature = [7; 64];
    signature[..8].copy_from_slice(&number.to_le_bytes());
    Signature::from(signature)
}

/// The wire bytes of `message`, which one key has to sign, as transaction `number`.
pub fn filler_transaction(message: Message, number: u64) -> Bytes {
    filler_versioned(VersionedMessage::Legacy(message), number)
}

/// The same of a message of any version.
pub fn filler_versioned(message: VersionedMessage, number: u64) -> Bytes {
    let transaction = VersionedTransaction {
        signatures: vec![filler_signature(number)],
        message,
    };
    wire(&transaction).into()
}
