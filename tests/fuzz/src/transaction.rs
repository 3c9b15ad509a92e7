//! Any bytes as a transaction: verify takes what Agave takes and nothing else, and what it takes can be run.
#![no_main]

use agave_transaction_view::sanitize::SanitizeConfig;
use agave_transaction_view::transaction_version::TransactionVersion;
use agave_transaction_view::transaction_view::TransactionView;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sealane_fuzz::{BYTES_MAX, World, write_seeds};
use sealane_runtime::{Reader, Runtime, RuntimeConfig, VerifyError};
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use solana_transaction_error::TransactionError;
use std::sync::{Arc, LazyLock};

/// What Agave passes to agave-transaction-view with all features active.
const SANITIZE: SanitizeConfig = SanitizeConfig {
    min_requested_heap_size: 32 * 1024,
    max_requested_heap_size: 256 * 1024,
    max_instructions: 64,
    max_accounts_per_instruction: Some(255),
};

/// A node with the accounts that the seeds' transactions are about; the seeds are those that led there.
static NODE: LazyLock<(Runtime, Reader)> = LazyLock::new(|| {
    let world = World::new();
    let bytes = world.transactions.iter().map(|made| &made.bytes[..]);
    write_seeds("transaction", bytes);
    let config = RuntimeConfig {
        genesis_accounts: world.accounts,
        ..RuntimeConfig::new(
            Arc::new(world.programs),
            Hash::new_from_array([7; 32]),
            Pubkey::new_from_array([8; 32]),
        )
    };
    let runtime = Runtime::start(config).expect("the genesis fits");
    let reader = runtime.reader();
    (runtime, reader)
});

fuzz_target!(init: { LazyLock::force(&NODE); }, |bytes: &[u8]| {
    let reader = &NODE.1;
    let ours = reader.verify(Bytes::copy_from_slice(bytes), false);
    let is_refused = matches!(
        ours,
        Err(VerifyError::Malformed(_)
            | VerifyError::TooLarge { .. }
            | VerifyError::Transaction(TransactionError::SanitizeFailure))
    );
    let agave = TransactionView::try_new_sanitized(bytes, &SANITIZE);
    // Of version 1 the parser leaves a key that is there twice to others, who refuse it as this.
    let refuses = agave.as_ref().map_or(true, |view| {
        let keys = view.static_account_keys();
        let is_twice = |(i, key)| keys[..i].contains(key);
        matches!(view.version(), TransactionVersion::V1) && keys.iter().enumerate().any(is_twice)
    });
    // How many bytes others than version 1 may have is no concern of the parser.
    if bytes.len() <= BYTES_MAX {
        assert_eq!(is_refused, refuses, "{ours:?} {agave:?}");
    }
    if let Ok(transaction) = &ours {
        let simulated = reader.simulate(transaction, true);
        simulated.expect("everything is in memory");
    }
    // Whether it is well signed changes nothing about its form.
    let checked = reader.verify(Bytes::copy_from_slice(bytes), true);
    match (ours, checked) {
        (Ok(_), Err(VerifyError::Transaction(TransactionError::SignatureFailure)) | Ok(_)) => {}
        (Err(ours), Err(checked)) => assert_eq!(ours, checked),
        (ours, checked) => panic!("{ours:?} {checked:?}"),
    }
});
