//! Which bytes are a transaction: by Agave's parser, and by verify. The fuzz target of transactions reads this file too.

use super::VerifyError;
use agave_transaction_view::sanitize::SanitizeConfig;
use agave_transaction_view::transaction_version::TransactionVersion;
use agave_transaction_view::transaction_view::TransactionView;
use solana_transaction_error::TransactionError;
use std::collections::HashSet;

/// What Agave 4.2 passes to agave-transaction-view with all features active.
const SANITIZE: SanitizeConfig = SanitizeConfig {
    min_requested_heap_size: 32 * 1024,
    max_requested_heap_size: 256 * 1024,
    max_instructions: 64,
    max_accounts_per_instruction: Some(255),
};

/// Why the bytes are no transaction for Agave, if they are none.
pub(super) fn agave_refuses(bytes: &[u8]) -> Option<String> {
    match TransactionView::try_new_sanitized(bytes, &SANITIZE) {
        Err(error) => Some(format!("{error:?}")),
        Ok(view) => {
            // Of version 1 the parser leaves a key that is there twice to others, who refuse it as this.
            let keys = view.static_account_keys();
            let unique: HashSet<_> = keys.iter().collect();
            let is_twice = unique.len() < keys.len();
            (matches!(view.version(), TransactionVersion::V1) && is_twice)
                .then(|| "a key is there twice".into())
        }
    }
}

/// Whether verify refused bytes for their form.
pub(super) fn is_refused<T>(verified: &Result<T, VerifyError>) -> bool {
    matches!(
        verified,
        Err(VerifyError::Malformed(_)
            | VerifyError::TooLarge { .. }
            | VerifyError::Transaction(TransactionError::SanitizeFailure))
    )
}
