//! Any bytes as a transaction: verify takes what Agave takes and nothing else, and what it takes can be run.
#![no_main]

#[path = "../../../runtime/src/verify/tests/form.rs"]
mod form;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sealane_fuzz::{BYTES_MAX, World, write_seeds};
use sealane_runtime::{Reader, Runtime, RuntimeConfig, VerifyError};
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use solana_transaction_error::TransactionError;
use std::sync::{Arc, LazyLock};

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
    // How many bytes others than version 1 may have is no concern of the parser.
    if bytes.len() <= BYTES_MAX {
        let agave = form::agave_refuses(bytes);
        assert_eq!(form::is_refused(&ours), agave.is_some(), "{ours:?} {agave:?}");
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
