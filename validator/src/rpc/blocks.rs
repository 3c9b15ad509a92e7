//! Blocks: `getBlock`, `getBlocks`, `getBlocksWithLimit`, `getBlockTime`, `getFirstAvailableBlock`,
//! `minimumLedgerSlot`. Source of the behaviour: `rpc/src/rpc.rs` of agave 4.2.

use super::errors::{
    NotShown, block_cleaned_up, block_not_available, invalid_params, slot_skipped, unreadable,
};
use super::parameters::Parameters;
use super::token_balances::Decimals;
use super::{Answer, AnswersBytes, RpcContext, answer, transaction_json};
use crate::commitment::lenient;
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::{NoBlock, PublishedBlock, Reader};
use serde::Deserialize;
use solana_commitment_config::CommitmentLevel;
use solana_pubkey::Pubkey;
use solana_transaction_status_client_types::{
    TransactionDetails, UiConfirmedBlock, UiTransactionEncoding,
};

/// About what a transaction takes in JSON beside three times its wire bytes.
const FULL_BYTES: usize = 1_000;
/// About what each account of a transaction takes where only accounts are asked for.
const ACCOUNTS_BYTES: usize = 200;
/// What a signature takes, with quotes and a comma.
const SIGNATURE_BYTES: usize = 91;

/// How a block is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BlockConfig {
    pub(crate) encoding: Option<UiTransactionEncoding>,
    pub(crate) transaction_details: Option<TransactionDetails>,
    /// In `blockSubscribe` it has the second name.
    #[serde(alias = "showRewards")]
    pub(crate) rewards: Option<bool>,
    pub(crate) max_supported_transaction_version: Option<u8>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) commitment: Option<CommitmentLevel>,
}

impl BlockConfig {
    /// A block that is not sealed yet is none.
    pub(crate) fn check(&self) -> Result<(), ErrorObjectOwned> {
        check_commitment(self.commitment)
    }
}

/// Solana has some methods that tell nothing of what is only processed.
pub(crate) fn check_commitment(
    commitment: Option<CommitmentLevel>,
) -> Result<(), ErrorObjectOwned> {
    match commitment {
        Some(CommitmentLevel::Processed) => Err(invalid_params(
            "Method does not support commitment below `confirmed`",
        )),
        _ => Ok(()),
    }
}

/// Old clients write the encoding alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum BlockConfigOrEncoding {
    Encoding(UiTransactionEncoding),
    Config(BlockConfig),
}

impl Default for BlockConfigOrEncoding {
    fn default() -> Self {
        Self::Config(BlockConfig::default())
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RangeConfig {
    min_context_slot: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    commitment: Option<CommitmentLevel>,
}

/// The last slot of a range, which may be left out: then the configuration has its place.
#[derive(Deserialize)]
#[serde(untagged)]
enum LastSlotOrConfig {
    LastSlot(u64),
    Config(RangeConfig),
}

pub(super) fn no_block(slot: u64, why: NoBlock) -> ErrorObjectOwned {
    match why {
        NoBlock::NotYet => block_not_available(slot),
        NoBlock::CleanedUp { first_available } => block_cleaned_up(slot, first_available),
        NoBlock::Skipped => slot_skipped(slot),
        NoBlock::Unreadable(reason) => unreadable(&reason),
    }
}

pub(crate) fn get_block(context: &RpcContext, parameters: &Parameters) -> Answer {
    let slot: u64 = parameters.required(0)?;
    let config = match parameters.optional(1)? {
        BlockConfigOrEncoding::Config(config) => config,
        BlockConfigOrEncoding::Encoding(encoding) => BlockConfig {
            encoding: Some(encoding),
            ..BlockConfig::default()
        },
    };
    config.check()?;
    if !context.bank(config.commitment, None)?.has(slot) {
        return Err(block_not_available(slot));
    }
    let block = context.reader.block(slot);
    let block = block.map_err(|why| no_block(slot, why))?;
    let (reader, bytes) = (&context.reader, &context.answers_bytes);
    answer(&encode_block(reader, bytes, &block, &config, None)?)
}

/// A block as it is wanted. With `mentions`, only its transactions that name this address; `None` if none does.
pub(crate) fn encode_block(
    reader: &Reader,
    answers_bytes: &AnswersBytes,
    block: &PublishedBlock,
    config: &BlockConfig,
    mentions: Option<&Pubkey>,
) -> Result<Option<UiConfirmedBlock>, NotShown> {
    let shows_rewards = config.rewards.unwrap_or(true);
    let version_max = config.max_supported_transaction_version;
    let encoding = config.encoding.unwrap_or(UiTransactionEncoding::Json);
    let details = config.transaction_details.unwrap_or_default();
    let (mut transactions, mut signatures) = (Vec::new(), Vec::new());
    let mut bytes = answers_bytes.begin();
    let decimals = Decimals::of(reader);
    let mut is_empty = true;
    for transaction in block.transactions() {
        let transaction = transaction.map_err(|why| no_block(block.slot, why))?;
        if mentions.is_some_and(|address| !transaction.names(address)) {
            continue;
        }
        is_empty = false;
        match details {
            TransactionDetails::Full => {
                bytes.take(FULL_BYTES + 3 * transaction.transaction().bytes().len())?;
                transactions.push(transaction_json::encode_in_block(
                    &transaction,
                    encoding,
                    version_max,
                    shows_rewards,
                    &decimals,
                )?);
            }
            TransactionDetails::Accounts => {
                bytes.take(ACCOUNTS_BYTES * (1 + transaction.transaction().account_count()))?;
                transactions.push(transaction_json::encode_accounts(
                    &transaction,
                    version_max,
                    shows_rewards,
                    &decimals,
                )?);
            }
            TransactionDetails::Signatures => {
                bytes.take(SIGNATURE_BYTES)?;
                signatures.push(transaction.transaction().signature().to_string());
            }
            TransactionDetails::None => break,
        }
    }
    if is_empty && mentions.is_some() {
        return Ok(None);
    }
    let has_transactions = matches!(
        details,
        TransactionDetails::Full | TransactionDetails::Accounts
    );
    let has_signatures = matches!(details, TransactionDetails::Signatures);
    Ok(Some(UiConfirmedBlock {
        previous_blockhash: block.previous_blockhash.to_string(),
        blockhash: block.blockhash.to_string(),
        parent_slot: block.parent_slot(),
        transactions: has_transactions.then_some(transactions),
        signatures: has_signatures.then_some(signatures),
        // Nothing is rewarded that Solana would list here: no votes, no stake.
        rewards: shows_rewards.then(Vec::new),
        num_reward_partitions: None,
        block_time: Some(block.block_time),
        // No slot is ever skipped.
        block_height: Some(block.slot),
    }))
}

pub(crate) fn get_blocks(context: &RpcContext, parameters: &Parameters) -> Answer {
    let first: u64 = parameters.required(0)?;
    let (last, first_config) = match parameters.optional(1)? {
        Some(LastSlotOrConfig::LastSlot(last)) => (Some(last), None),
        Some(LastSlotOrConfig::Config(config)) => (None, Some(config)),
        None => (None, None),
    };
    let config: Option<RangeConfig> = parameters.optional(2)?;
    let config = config.or(first_config).unwrap_or_default();
    check_commitment(config.commitment)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let max = context.limits.blocks_max;
    let last = last.unwrap_or(first.saturating_add(max));
    let Some(newest) = bank.newest_block() else {
        return answer(&[0_u64; 0]);
    };
    let last = last.min(newest);
    if last.checked_sub(first).is_some_and(|range| range > max) {
        return Err(invalid_params(format!("Slot range too large; max {max}")));
    }
    answer(&context.reader.blocks(first, last, usize::MAX))
}

pub(crate) fn get_blocks_with_limit(context: &RpcContext, parameters: &Parameters) -> Answer {
    let first: u64 = parameters.required(0)?;
    let limit: usize = parameters.required(1)?;
    let config: RangeConfig = parameters.optional(2)?;
    check_commitment(config.commitment)?;
    let max = context.limits.blocks_max;
    if limit as u64 > max {
        return Err(invalid_params(format!("Limit too large; max {max}")));
    }
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let newest = bank.newest_block();
    answer(&newest.map_or_else(Vec::new, |newest| {
        context.reader.blocks(first, newest, limit)
    }))
}

pub(crate) fn get_block_time(context: &RpcContext, parameters: &Parameters) -> Answer {
    let slot: u64 = parameters.required(0)?;
    if slot == 0 {
        return answer(&context.genesis.time);
    }
    let time = context.reader.block_time(slot);
    answer(&time.map_err(|why| no_block(slot, why))?)
}

pub(crate) fn get_first_available_block(context: &RpcContext, _: &Parameters) -> Answer {
    answer(&context.reader.first_available_block())
}

/// The lowest slot of which anything is kept.
pub(crate) fn minimum_ledger_slot(context: &RpcContext, _: &Parameters) -> Answer {
    answer(&context.reader.first_available_block())
}
