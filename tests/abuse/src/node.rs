//! The node that is abused.

use crate::requests::SCANNED;
use anyhow::{Context, Result};
use sealane_sdk::{AccountState, Program, Pubkey};
use sealane_validator::{BankingThreads, Limits, Validator, ValidatorHandle};
use std::net::SocketAddr;
use std::time::Duration;

/// Accounts that a scan finds: some megabytes of JSON.
const SCANNED_ACCOUNTS: u16 = 5_000;
/// Memory for past transactions, so that it is full before anything is measured.
const HISTORY_BYTES: usize = 16 << 20;

/// Starts it; with transactions to run: their program and accounts.
pub(crate) fn start(
    work: Option<(Program, Vec<(Pubkey, AccountState)>)>,
) -> Result<ValidatorHandle> {
    let mut limits = Limits::default();
    limits.history_bytes_max = HISTORY_BYTES;
    let mut builder = Validator::builder()
        .limits(limits)
        .banking_threads(BankingThreads::Fixed(2));
    for i in 0..SCANNED_ACCOUNTS {
        let mut key = [9; 32];
        key[..2].copy_from_slice(&i.to_le_bytes());
        let state = AccountState {
            lamports: 10_000_000_000,
            owner: Pubkey::new_from_array(SCANNED),
            data: [7; 165].as_slice().into(),
            ..AccountState::default()
        };
        builder = builder.account(Pubkey::new_from_array(key), state);
    }
    if let Some((program, accounts)) = work {
        // So long that no blockhash is too old before all is over.
        builder = builder
            .add_program(program)
            .slot_duration(Duration::from_secs(10));
        for (key, state) in accounts {
            builder = builder.account(key, state);
        }
    }
    builder.start().context("the node did not start")
}

/// Where it takes requests.
pub(crate) fn address(node: &ValidatorHandle) -> Result<SocketAddr> {
    let url = node.rpc_url().context("it has no RPC")?;
    Ok(url.trim_start_matches("http://").parse()?)
}
