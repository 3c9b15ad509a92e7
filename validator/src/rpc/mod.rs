//! JSON-RPC over HTTP (and WebSocket): the methods that clients call.
//!
//! Each method is a plain function from context and parameters to JSON, listed in a table below. Those
//! that may take long (scans, simulations, many or large accounts, reads of the disk) run on threads of their own, so that a
//! request never waits behind them. What a level of commitment shows is a `Bank`, from which the methods read.

mod account_json;
mod accounts;
mod answer_bytes;
mod blocks;
mod cluster;
mod dev;
mod economy;
mod errors;
mod filters;
mod history;
mod leaders;
pub(crate) mod mints;
mod parameters;
mod proofs;
mod send;
mod simulate;
mod supply;
pub(crate) mod token_balances;
mod tokens;
pub(crate) mod transaction_json;

pub(crate) use accounts::AccountConfig;
pub(crate) use answer_bytes::AnswersBytes;
pub(crate) use blocks::{BlockConfig, encode_block};
pub(crate) use errors::{NotShown, invalid_params};
pub(crate) use filters::{Filter, FilterRequest, decode as decode_filters};
pub(crate) use parameters::Parameters;

use crate::airdrop::Airdrops;
use crate::commitment::Bank;
use crate::genesis::Genesis;
use crate::ingest::IngestAddresses;
use crate::limits::RpcLimits;
use crate::niceness;
use crate::performance::Performance;
use crate::pubsub::Hub;
use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::{Ingest, Operator, Reader};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use solana_commitment_config::CommitmentLevel;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The version of Agave whose JSON-RPC this is: what `getVersion` and `apiVersion` say, because clients
/// choose their behaviour by it.
pub(crate) const AGAVE_VERSION: &str = "4.2.2";

/// What the methods work with.
pub(crate) struct RpcContext {
    pub(crate) ingest: Ingest,
    pub(crate) reader: Reader,
    /// In a chain for development.
    pub(crate) operator: Option<Operator>,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) hub: Hub,
    pub(crate) limits: RpcLimits,
    pub(crate) airdrops: Airdrops,
    pub(crate) answers_bytes: Arc<AnswersBytes>,
    pub(crate) performance: Performance,
    /// Of HTTP and WebSocket, if there are sockets.
    pub(crate) addresses: Option<(SocketAddr, SocketAddr)>,
    /// Where transactions come in beside them.
    pub(crate) ingest_addresses: Option<IngestAddresses>,
    /// Where snapshots are, if the ledger is a folder.
    pub(crate) snapshot_folder: Option<PathBuf>,
}

/// A method's answer: JSON, serialised once.
pub(crate) type Answer = Result<Box<RawValue>, ErrorObjectOwned>;

type Method = fn(&RpcContext, &Parameters) -> Answer;

/// Slots whose transactions `getSignatureStatuses` finds without a search of the history: as many as Agave's
/// status cache has.
const RECENT_SLOTS: u64 = 300;

/// Methods that answer at once.
const QUICK: &[(&str, Method)] = &[
    ("getBalance", accounts::get_balance),
    (
        "getMinimumBalanceForRentExemption",
        accounts::get_minimum_balance_for_rent_exemption,
    ),
    ("getSlot", cluster::get_slot),
    ("getBlockHeight", cluster::get_block_height),
    ("getEpochInfo", cluster::get_epoch_info),
    ("getEpochSchedule", cluster::get_epoch_schedule),
    ("getLatestBlockhash", cluster::get_latest_blockhash),
    ("isBlockhashValid", cluster::is_blockhash_valid),
    ("getFeeForMessage", cluster::get_fee_for_message),
    ("getVersion", cluster::get_version),
    ("getHealth", cluster::get_health),
    ("getSlotLeader", leaders::get_slot_leader),
    ("getSlotLeaders", leaders::get_slot_leaders),
    ("getBlockProduction", leaders::get_block_production),
    ("getBlockCommitment", leaders::get_block_commitment),
    ("getVoteAccounts", leaders::get_vote_accounts),
    ("getAgGenesisCert", leaders::get_ag_genesis_cert),
    ("getClusterNodes", leaders::get_cluster_nodes),
    ("getMaxRetransmitSlot", leaders::get_max_shred_slot),
    ("getMaxShredInsertSlot", leaders::get_max_shred_slot),
    ("getInflationGovernor", economy::get_inflation_governor),
    ("getInflationRate", economy::get_inflation_rate),
    ("getInflationReward", economy::get_inflation_reward),
    (
        "getStakeMinimumDelegation",
        economy::get_stake_minimum_delegation,
    ),
    (
        "getRecentPerformanceSamples",
        economy::get_recent_performance_samples,
    ),
    ("getTokenAccountBalance", tokens::get_token_account_balance),
    ("getTokenSupply", tokens::get_token_supply),
    ("getGenesisHash", cluster::get_genesis_hash),
    ("getIdentity", cluster::get_identity),
    ("getTransactionCount", cluster::get_transaction_count),
    ("getFirstAvailableBlock", blocks::get_first_available_block),
    ("minimumLedgerSlot", blocks::minimum_ledger_slot),
];

/// Methods that may keep a thread busy, or read the disk.
const SLOW: &[(&str, Method)] = &[
    ("getMultipleAccounts", accounts::get_multiple_accounts),
    ("getLeaderSchedule", leaders::get_leader_schedule),
    ("getHighestSnapshotSlot", leaders::get_highest_snapshot_slot),
    (
        "getRecentPrioritizationFees",
        economy::get_recent_prioritization_fees,
    ),
    ("simulateTransaction", simulate::simulate_transaction),
    ("getAccountProof", proofs::get_account_proof),
    ("getTransactionProof", proofs::get_transaction_proof),
    ("getBlock", blocks::get_block),
    ("getBlockTime", blocks::get_block_time),
    ("getBlocks", blocks::get_blocks),
    ("getBlocksWithLimit", blocks::get_blocks_with_limit),
    (
        "getSignaturesForAddress",
        history::get_signatures_for_address,
    ),
];

/// Methods that look at as many accounts as there are: the same, but few at a time.
const SCANS: &[(&str, Method)] = &[
    ("getProgramAccounts", accounts::get_program_accounts),
    (
        "getTokenAccountsByOwner",
        tokens::get_token_accounts_by_owner,
    ),
    (
        "getTokenAccountsByDelegate",
        tokens::get_token_accounts_by_delegate,
    ),
    (
        "getTokenLargestAccounts",
        tokens::get_token_largest_accounts,
    ),
    ("getLargestAccounts", supply::get_largest_accounts),
    ("getSupply", supply::get_supply),
];

/// All methods of JSON-RPC.
pub(crate) fn module(
    context: Arc<RpcContext>,
) -> Result<RpcModule<Arc<RpcContext>>, RegisterMethodError> {
    let mut module = RpcModule::new(Arc::clone(&context));
    dev::register(&mut module, &context)?;
    for &(name, method) in QUICK {
        module.register_method(name, move |params, context, _| {
            method(context, &Parameters::parse(&params)?)
        })?;
    }
    for &(name, method) in SLOW {
        module.register_blocking_method(name, move |params, context, _| {
            niceness::at_least(niceness::KEPT_BUSY);
            method(&context, &Parameters::parse(&params)?)
        })?;
    }
    let room = Arc::new(Semaphore::new(context.limits.scans_max));
    for &(name, method) in SCANS {
        let room = Arc::clone(&room);
        module.register_async_method(name, move |params, context, _| {
            let room = Arc::clone(&room);
            async move {
                let parameters = Parameters::parse(&params)?;
                let place = room
                    .acquire_owned()
                    .await
                    .map_err(|error| errors::internal(error.to_string()))?;
                // A scan goes on when its client has gone, and so it keeps its place.
                answer_from_disk(move || {
                    let _place = place;
                    method(&context, &parameters)
                })
                .await
            }
        })?;
    }
    module.register_async_method("getAccountInfo", |params, context, _| async move {
        let parameters = Parameters::parse(&params)?;
        accounts::get_account_info(Arc::clone(&context), &parameters).await
    })?;
    module.register_async_method("getSignatureStatuses", |params, context, _| async move {
        let parameters = Parameters::parse(&params)?;
        history::get_signature_statuses(Arc::clone(&context), &parameters).await
    })?;
    module.register_async_method("getTransaction", |params, context, _| async move {
        let parameters = Parameters::parse(&params)?;
        history::get_transaction(Arc::clone(&context), &parameters).await
    })?;
    module.register_async_method("sendTransaction", |params, context, _| async move {
        let parameters = Parameters::parse(&params)?;
        send::send_transaction(Arc::clone(&context), &parameters).await
    })?;
    module.register_async_method("requestAirdrop", |params, context, _| async move {
        let parameters = Parameters::parse(&params)?;
        send::request_airdrop(&context, &parameters).await
    })?;
    Ok(module)
}

/// An answer that may read the disk, made where that keeps nobody waiting.
async fn answer_from_disk(make: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let make = || {
        niceness::at_least(niceness::KEPT_BUSY);
        make()
    };
    tokio::task::spawn_blocking(make)
        .await
        .map_err(|error| errors::internal(format!("the answer was not made: {error}")))?
}

/// The answer that is this value.
pub(crate) fn answer(value: &impl Serialize) -> Answer {
    to_raw_value(value).map_err(|error| errors::internal(error.to_string()))
}

/// The answer that is this value as of a slot.
pub(crate) fn answer_in_slot(slot: u64, value: impl Serialize) -> Answer {
    let context = ResponseContext {
        slot,
        api_version: AGAVE_VERSION,
    };
    answer(&Response { context, value })
}

#[derive(Serialize)]
struct Response<T> {
    context: ResponseContext,
    value: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    slot: u64,
    api_version: &'static str,
}

impl RpcContext {
    /// The first slot that is recent.
    pub(crate) fn first_recent_slot(&self) -> u64 {
        self.reader.slot().slot.saturating_sub(RECENT_SLOTS)
    }

    /// What a level of commitment shows, `finalized` where the client names none, if it has reached the slot that the
    /// client has already seen elsewhere.
    pub(crate) fn bank(
        &self,
        level: Option<CommitmentLevel>,
        min_context_slot: Option<u64>,
    ) -> Result<Bank, ErrorObjectOwned> {
        let bank = Bank::new(&self.reader, level.unwrap_or_default());
        match min_context_slot {
            Some(least) if bank.slot() < least => {
                Err(errors::min_context_slot_not_reached(bank.slot()))
            }
            _ => Ok(bank),
        }
    }
}
