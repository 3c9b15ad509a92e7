//! A chain with a ledger, for tests that stop it, start it again and look at all that it shows.

use crate::{ConflictGraph, GENESIS_HASH, mixer};
use sealane_runtime::{
    BankingThreads, CheckpointConfig, Disk, MemoryDisk, Pin, Reader, RuntimeConfig,
};
use sealane_sdk::{AccountState, Programs, Pubkey};
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Who takes the fees of a chain of [`chain_config`] and signs its headers.
pub fn chain_signer() -> Arc<Keypair> {
    Arc::new(Keypair::new_from_array([5; 32]))
}

/// A node with the graph's accounts and program, which checks no signatures, on a ledger if there is a disk.
pub fn chain_config(
    graph: &ConflictGraph,
    threads: usize,
    disk: Option<&MemoryDisk>,
) -> RuntimeConfig {
    let mut programs = Programs::builtin();
    programs.add(mixer());
    let signer = chain_signer();
    let mut config = RuntimeConfig::new(Arc::new(programs), GENESIS_HASH, signer.pubkey());
    config.header_signer = Some(signer);
    config.genesis_accounts = graph.genesis.clone();
    config.banking_threads = BankingThreads::Fixed(threads);
    config.check_signatures = false;
    config.entry_interval = Duration::from_micros(300);
    config.ledger = disk.map(|disk| Arc::new(disk.clone()) as Arc<dyn Disk>);
    config
}

/// A checkpoint at each slot's end that can have one.
pub fn checkpoint_at_each_slot() -> CheckpointConfig {
    CheckpointConfig {
        interval: Duration::ZERO,
        idle_interval: Duration::ZERO,
        ..CheckpointConfig::default()
    }
}

/// All accounts that are visible now, each of them once.
pub fn all_accounts(reader: &Reader) -> HashMap<Pubkey, AccountState> {
    accounts_at(&reader.pin().expect("few readers"))
}

/// All accounts at a pinned entry, each of them once.
pub fn accounts_at(pin: &Pin) -> HashMap<Pubkey, AccountState> {
    let mut accounts = HashMap::new();
    pin.all(&mut |key, state| {
        let twice = accounts.insert(*key, state.clone());
        assert!(twice.is_none(), "{key} came twice");
    })
    .expect("the pin is young, and the disk is good");
    accounts
}
