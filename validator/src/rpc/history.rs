//! Transactions that were published: their statuses and their contents.

use super::blocks::check_commitment;
use super::errors::{invalid_params, unreadable};
use super::parameters::{self, Parameters};
use super::token_balances::Decimals;
use super::{Answer, RpcContext, answer, answer_from_disk, answer_in_slot, transaction_json};
use crate::commitment::{Levels, lenient};
use sealane_runtime::{PublishedTransaction, SignatureStatus, VerifiedTransaction};
use serde::{Deserialize, Serialize};
use solana_commitment_config::CommitmentLevel;
use solana_pubkey::{Pubkey, pubkey};
use solana_signature::Signature;
use solana_transaction_status_client_types::{
    TransactionConfirmationStatus, TransactionStatus, UiTransactionEncoding, UiTransactionError,
};
use std::sync::Arc;

/// The programs whose instructions are text for people: the versions of SPL Memo.
const MEMO_PROGRAMS: [Pubkey; 2] = [
    pubkey!("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo"),
    pubkey!("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"),
];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TransactionConfig {
    encoding: Option<UiTransactionEncoding>,
    max_supported_transaction_version: Option<u8>,
    #[serde(deserialize_with = "lenient")]
    commitment: Option<CommitmentLevel>,
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

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StatusesConfig {
    search_transaction_history: bool,
}

/// Statuses are in memory where clients wait for them; only for others the disk is asked.
pub(crate) async fn get_signature_statuses(
    context: Arc<RpcContext>,
    parameters: &Parameters,
) -> Answer {
    let signatures: Vec<String> = parameters.required(0)?;
    let config: StatusesConfig = parameters.optional(1)?;
    parameters::check_count(signatures.len(), context.limits.signature_statuses_max)?;
    let signatures: Vec<Signature> = signatures
        .iter()
        .map(|text| parameters::signature(text))
        .collect::<Result<_, _>>()?;
    let slot = context.reader.slot().slot;
    let recent: Vec<Option<SignatureStatus>> = signatures
        .iter()
        .map(|signature| context.reader.recent_status(signature))
        .collect();
    if !context.reader.has_archive() || recent.iter().all(Option::is_some) {
        return statuses(&context, slot, recent);
    }
    answer_from_disk(move || {
        let first_slot = match config.search_transaction_history {
            true => 0,
            false => context.first_recent_slot(),
        };
        let found = signatures.iter().zip(recent).map(|(signature, recent)| {
            let search = || context.reader.status_since(signature, first_slot);
            recent.map_or_else(search, |recent| Ok(Some(recent)))
        });
        let found = found.collect::<Result<_, _>>();
        let found = found.map_err(|reason| unreadable(&reason))?;
        statuses(&context, slot, found)
    })
    .await
}

fn statuses(context: &RpcContext, slot: u64, found: Vec<Option<SignatureStatus>>) -> Answer {
    let levels = Levels::of(&context.reader);
    let statuses = found.into_iter().map(|status| {
        status.map(|found| {
            let (confirmation_status, confirmations) = levels.standing(found.slot);
            TransactionStatus {
                slot: found.slot,
                confirmations,
                err: found.status.clone().err(),
                status: found.status,
                confirmation_status: Some(confirmation_status),
            }
        })
    });
    answer_in_slot(slot, statuses.collect::<Vec<_>>())
}

/// The disk is asked only for what is not in memory any more.
pub(crate) async fn get_transaction(context: Arc<RpcContext>, parameters: &Parameters) -> Answer {
    let signature = parameters.signature(0)?;
    let config = match parameters.optional(1)? {
        TransactionConfigOrEncoding::Config(config) => config,
        TransactionConfigOrEncoding::Encoding(encoding) => TransactionConfig {
            encoding: Some(encoding),
            ..TransactionConfig::default()
        },
    };
    check_commitment(config.commitment)?;
    let recent = context.reader.recent_transaction(&signature);
    if recent.is_some() || !context.reader.has_archive() {
        return encoded(&context, recent, &config);
    }
    answer_from_disk(move || {
        let found = context.reader.transaction(&signature);
        let found = found.map_err(|reason| unreadable(&reason))?;
        encoded(&context, found, &config)
    })
    .await
}

fn encoded(
    context: &RpcContext,
    found: Option<PublishedTransaction>,
    config: &TransactionConfig,
) -> Answer {
    let bank = context.bank(config.commitment, None)?;
    let Some(transaction) = found.filter(|found| bank.has(found.slot())) else {
        return answer(&None::<()>);
    };
    let encoding = config.encoding.unwrap_or(UiTransactionEncoding::Json);
    answer(&transaction_json::encode(
        &transaction,
        encoding,
        config.max_supported_transaction_version,
        &Decimals::of(&context.reader),
    )?)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SignaturesConfig {
    before: Option<String>,
    until: Option<String>,
    limit: Option<usize>,
    #[serde(deserialize_with = "lenient")]
    commitment: Option<CommitmentLevel>,
    min_context_slot: Option<u64>,
}

/// `RpcConfirmedTransactionStatusWithSignature` of agave's client types.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignatureOfAddress {
    signature: String,
    slot: u64,
    err: Option<UiTransactionError>,
    memo: Option<String>,
    block_time: Option<i64>,
    confirmation_status: Option<TransactionConfirmationStatus>,
    transaction_index: Option<u32>,
}

impl SignatureOfAddress {
    fn new(published: &PublishedTransaction, levels: &Levels) -> Self {
        let transaction = published.transaction();
        let failure = published.failed().then(|| published.record().status.err());
        Self {
            signature: transaction.signature().to_string(),
            slot: published.slot(),
            err: failure.flatten().map(Into::into),
            memo: memo(transaction),
            block_time: Some(published.block_time()),
            confirmation_status: Some(levels.standing(published.slot()).0),
            transaction_index: Some(published.index()),
        }
    }
}

pub(crate) fn get_signatures_for_address(context: &RpcContext, parameters: &Parameters) -> Answer {
    let address = parameters.pubkey(0)?;
    let config: SignaturesConfig = parameters.optional(1)?;
    let parse = |text: Option<String>| text.map(|text| parameters::signature(&text)).transpose();
    let (before, until) = (parse(config.before)?, parse(config.until)?);
    let max = context.limits.signatures_for_address_max;
    let limit = config.limit.unwrap_or(max);
    if limit == 0 || limit > max {
        return Err(invalid_params(format!("Invalid limit; max {max}")));
    }
    check_commitment(config.commitment)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let is_shown = |slot| bank.has(slot);
    let (before, until) = (before.as_ref(), until.as_ref());
    let found = context
        .reader
        .transactions_of_slots(&address, before, until, limit, is_shown)
        .map_err(|reason| unreadable(&reason))?;
    let levels = Levels::of(&context.reader);
    let found = found.iter().map(|it| SignatureOfAddress::new(it, &levels));
    answer(&found.collect::<Vec<_>>())
}

/// What a transaction says to people, as Agave writes it: each memo behind its length in bytes.
fn memo(transaction: &VerifiedTransaction) -> Option<String> {
    let instructions = transaction.instructions();
    let memos = instructions.filter(|instruction| {
        MEMO_PROGRAMS.contains(transaction.key(usize::from(instruction.program)))
    });
    let texts = memos.map(|instruction| {
        let text = std::str::from_utf8(instruction.data).unwrap_or("(unparseable)");
        format!("[{}] {text}", instruction.data.len())
    });
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}
