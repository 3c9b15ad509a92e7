//! The errors of Solana's JSON-RPC, with the codes and words that Agave uses, because clients match
//! on both. Source: `rpc-client-api/src/custom_error.rs` of agave 4.2.

use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::types::error::{
    INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE, INVALID_REQUEST_CODE, OVERSIZED_RESPONSE_CODE,
    OVERSIZED_RESPONSE_MSG,
};
use sealane_runtime::{NoProof, ReadError, Refusal, Unreadable, VerifyError};
use serde::Serialize;
use serde_json::json;
use solana_transaction_error::TransactionError;

const BLOCK_CLEANED_UP: i32 = -32001;
const PREFLIGHT_FAILURE: i32 = -32002;
const SIGNATURE_VERIFICATION_FAILURE: i32 = -32003;
const BLOCK_NOT_AVAILABLE: i32 = -32004;
const NODE_UNHEALTHY: i32 = -32005;
const SLOT_SKIPPED: i32 = -32007;
const NO_SNAPSHOT: i32 = -32008;
const SCAN_ERROR: i32 = -32012;
const UNSUPPORTED_TRANSACTION_VERSION: i32 = -32015;
const MIN_CONTEXT_SLOT_NOT_REACHED: i32 = -32016;

/// What Agave calls the type it could not deserialize.
const TRANSACTION_TYPE: &str = "solana_transaction::versioned::VersionedTransaction";

fn plain(code: i32, message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message, None::<()>)
}

pub(crate) fn invalid_params(message: impl Into<String>) -> ErrorObjectOwned {
    plain(INVALID_PARAMS_CODE, message)
}

pub(crate) fn invalid_request(message: impl Into<String>) -> ErrorObjectOwned {
    plain(INVALID_REQUEST_CODE, message)
}

pub(crate) fn internal(message: impl Into<String>) -> ErrorObjectOwned {
    plain(INTERNAL_ERROR_CODE, message)
}

/// A preflight that failed; `simulation` is what it found.
pub(crate) fn preflight_failure(
    error: &TransactionError,
    simulation: impl Serialize,
) -> ErrorObjectOwned {
    let message = format!("Transaction simulation failed: {error}");
    ErrorObjectOwned::owned(PREFLIGHT_FAILURE, message, Some(simulation))
}

/// A transaction that was not let in although nobody asked for a preflight.
pub(crate) fn refused(error: &TransactionError, simulation: impl Serialize) -> ErrorObjectOwned {
    if *error == TransactionError::SignatureFailure {
        return signature_verification_failure();
    }
    let message = format!("Transaction refused: {error}");
    ErrorObjectOwned::owned(PREFLIGHT_FAILURE, message, Some(simulation))
}

fn signature_verification_failure() -> ErrorObjectOwned {
    plain(
        SIGNATURE_VERIFICATION_FAILURE,
        "Transaction signature verification failure",
    )
}

fn unsupported_transaction_version(version: u8) -> ErrorObjectOwned {
    plain(
        UNSUPPORTED_TRANSACTION_VERSION,
        format!(
            "Transaction version ({version}) is not supported by the requesting client. Please \
             try the request again with the following configuration parameter: \
             \"maxSupportedTransactionVersion\": {version}"
        ),
    )
}

/// Why a transaction or a block is not shown.
#[derive(Debug)]
pub(crate) enum NotShown {
    /// The client did not say that it knows this version.
    Version(u8),
    /// Anything else.
    Error(ErrorObjectOwned),
}

impl From<ErrorObjectOwned> for NotShown {
    fn from(error: ErrorObjectOwned) -> Self {
        Self::Error(error)
    }
}

impl From<NotShown> for ErrorObjectOwned {
    fn from(why: NotShown) -> Self {
        match why {
            NotShown::Version(version) => unsupported_transaction_version(version),
            NotShown::Error(error) => error,
        }
    }
}

pub(crate) fn block_not_available(slot: u64) -> ErrorObjectOwned {
    let message = format!("Block not available for slot {slot}");
    plain(BLOCK_NOT_AVAILABLE, message)
}

pub(crate) fn block_cleaned_up(slot: u64, first_available: u64) -> ErrorObjectOwned {
    let message = format!(
        "Block {slot} cleaned up, does not exist on node. First available block: {first_available}"
    );
    plain(BLOCK_CLEANED_UP, message)
}

pub(crate) fn slot_skipped(slot: u64) -> ErrorObjectOwned {
    let message =
        format!("Slot {slot} was skipped, or missing due to ledger jump to recent snapshot");
    plain(SLOT_SKIPPED, message)
}

pub(crate) fn no_snapshot() -> ErrorObjectOwned {
    plain(NO_SNAPSHOT, "No snapshot")
}

pub(crate) fn min_context_slot_not_reached(context_slot: u64) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(
        MIN_CONTEXT_SLOT_NOT_REACHED,
        "Minimum context slot has not been reached",
        Some(json!({ "contextSlot": context_slot })),
    )
}

/// A read of pinned state that could not be finished: transient.
pub(crate) fn read(error: ReadError) -> ErrorObjectOwned {
    plain(SCAN_ERROR, error.to_string())
}

/// An answer that would be larger than a response may be, in the words that jsonrpsee has for it.
pub(crate) fn response_too_large(max: usize) -> ErrorObjectOwned {
    let data = format!("Exceeded max limit of {max}");
    ErrorObjectOwned::owned(OVERSIZED_RESPONSE_CODE, OVERSIZED_RESPONSE_MSG, Some(data))
}

/// Too much is being answered at this moment: transient.
pub(crate) fn responses_too_large() -> ErrorObjectOwned {
    unavailable(&Refusal::Busy)
}

/// Something is in the ledger, and damaged or not to be read.
pub(crate) fn unreadable(reason: &Unreadable) -> ErrorObjectOwned {
    internal(reason.to_string())
}

/// There is no proof; whether it comes later is in the code.
pub(crate) fn no_proof(reason: NoProof) -> ErrorObjectOwned {
    match reason {
        NoProof::NotYet { slot } => plain(
            BLOCK_NOT_AVAILABLE,
            format!("Block not available for slot {slot}"),
        ),
        NoProof::TooOld { .. } => plain(BLOCK_CLEANED_UP, reason.to_string()),
        NoProof::Unreadable => internal(reason.to_string()),
        _ => invalid_request(reason.to_string()),
    }
}

/// A thread of the node has ended: it answers what it has, and does nothing more.
pub(crate) fn unhealthy() -> ErrorObjectOwned {
    ErrorObjectOwned::owned(NODE_UNHEALTHY, "Node is unhealthy", None::<()>)
}

/// The node is too busy or about to stop: transient, so it has the code that clients retry on.
pub(crate) fn unavailable(refusal: &Refusal) -> ErrorObjectOwned {
    let data = json!({ "numSlotsBehind": null });
    ErrorObjectOwned::owned(NODE_UNHEALTHY, refusal.to_string(), Some(data))
}

/// What verify's verdict is to a client of JSON-RPC.
pub(crate) enum Verdict {
    /// The request is at fault: nothing was or will be simulated.
    Invalid(ErrorObjectOwned),
    /// The transaction is well-formed and would fail with this.
    Fails(TransactionError),
}

/// Sorts verify's errors into those that Agave reports while it parses and those that its simulation
/// finds.
pub(crate) fn verdict(error: VerifyError) -> Verdict {
    match error {
        VerifyError::Transaction(
            error @ (TransactionError::SanitizeFailure
            | TransactionError::AddressLookupTableNotFound
            | TransactionError::InvalidAddressLookupTableOwner
            | TransactionError::InvalidAddressLookupTableData
            | TransactionError::InvalidAddressLookupTableIndex),
        ) => Verdict::Invalid(invalid_params(format!("invalid transaction: {error}"))),
        VerifyError::Transaction(error) => Verdict::Fails(error),
        VerifyError::TooLarge { bytes, max } => Verdict::Invalid(invalid_params(format!(
            "decoded {TRANSACTION_TYPE} too large: {bytes} bytes (max: {max} bytes)"
        ))),
        VerifyError::Malformed(reason) => Verdict::Invalid(invalid_params(format!(
            "failed to deserialize {TRANSACTION_TYPE}: {reason}"
        ))),
        other => Verdict::Invalid(invalid_params(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: VerifyError, code: i32, message: &str) {
        let Verdict::Invalid(error) = verdict(error) else {
            panic!("expected a refusal")
        };
        assert_eq!((error.code(), error.message()), (code, message));
    }

    #[test]
    fn verify_errors_have_agaves_codes_and_words() {
        check(
            VerifyError::Transaction(TransactionError::SanitizeFailure),
            -32602,
            "invalid transaction: Transaction failed to sanitize accounts offsets correctly",
        );
        check(
            VerifyError::TooLarge {
                bytes: 1233,
                max: 1232,
            },
            -32602,
            "decoded solana_transaction::versioned::VersionedTransaction too large: 1233 bytes \
             (max: 1232 bytes)",
        );
        check(
            VerifyError::Malformed("trailing bytes"),
            -32602,
            "failed to deserialize solana_transaction::versioned::VersionedTransaction: \
             trailing bytes",
        );
        assert!(matches!(
            verdict(VerifyError::Transaction(
                TransactionError::BlockhashNotFound
            )),
            Verdict::Fails(TransactionError::BlockhashNotFound)
        ));
    }

    #[test]
    fn a_failed_preflight_names_the_instruction_and_its_custom_error() {
        let error = TransactionError::InstructionError(0, solana_transaction_error_custom(1));
        let object = preflight_failure(&error, json!({ "err": null }));
        assert_eq!(object.code(), -32002);
        assert_eq!(
            object.message(),
            "Transaction simulation failed: Error processing Instruction 0: custom program error: \
             0x1"
        );
    }

    fn solana_transaction_error_custom(code: u32) -> sealane_sdk::InstructionError {
        sealane_sdk::InstructionError::Custom(code)
    }
}
