//! Transactions that were published: their statuses and their contents.

use super::errors::invalid_params;
use super::parameters::{self, Parameters};
use super::{Answer, RpcContext, answer, answer_in_slot, transaction_json};
use serde::Deserialize;
use solana_transaction_status_client_types::{
    TransactionConfirmationStatus, TransactionStatus, UiTransactionEncoding,
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TransactionConfig {
    encoding: Option<UiTransactionEncoding>,
    max_supported_transaction_version: Option<u8>,
}

/// Old clients write the encoding alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum TransactionConfigOrEncoding {
    Encoding(UiTransactionEncoding),
    Config(TransactionConfig),
}

impl Default for TransactionConfigOrEncoding {
    fn default() -> Self {
        Self::Config(TransactionConfig::default())
    }
}

pub(crate) fn get_signature_statuses(context: &RpcContext, parameters: &Parameters) -> Answer {
    let signatures: Vec<String> = parameters.required(0)?;
    let max = context.limits.signature_statuses_max;
    if signatures.len() > max {
        return Err(invalid_params(format!(
            "Too many inputs provided; max {max}"
        )));
    }
    let slot = context.reader.slot().slot;
    let mut statuses = Vec::with_capacity(signatures.len());
    for signature in &signatures {
        let status = context.reader.status(&parameters::signature(signature)?);
        statuses.push(status.map(|found| TransactionStatus {
            slot: found.slot,
            // What is visible is durable, so it is rooted: Agave says that with null.
            confirmations: None,
            err: found.status.clone().err(),
            status: found.status,
            confirmation_status: Some(TransactionConfirmationStatus::Finalized),
        }));
    }
    answer_in_slot(slot, statuses)
}

pub(crate) fn get_transaction(context: &RpcContext, parameters: &Parameters) -> Answer {
    let signature = parameters.signature(0)?;
    let config = match parameters.optional(1)? {
        TransactionConfigOrEncoding::Config(config) => config,
        TransactionConfigOrEncoding::Encoding(encoding) => TransactionConfig {
            encoding: Some(encoding),
            ..TransactionConfig::default()
        },
    };
    let Some(transaction) = context.reader.transaction(&signature) else {
        return answer(&None::<()>);
    };
    let encoding = config.encoding.unwrap_or(UiTransactionEncoding::Json);
    answer(&transaction_json::encode(
        &transaction,
        encoding,
        config.max_supported_transaction_version,
    )?)
}
