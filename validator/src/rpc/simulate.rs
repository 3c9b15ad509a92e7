//! `simulateTransaction`, and the preflight of `sendTransaction`.

use super::account_json::encode_account;
use super::cluster::last_valid_block_height;
use super::errors::{self, Verdict, invalid_params, verdict};
use super::mints::Mints;
use super::parameters::{self, Parameters};
use super::send::decode_transaction;
use super::token_balances::{self, Decimals};
use super::transaction_json::{inner_instructions_parsed, loaded_addresses, return_data};
use super::{Answer, RpcContext, answer_in_slot};
use crate::commitment::{Bank, lenient};
use crate::trace_json::TraceJson;
use bytes::Bytes;
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::{SignatureStatus, Simulation, VerifiedTransaction};
use serde::{Deserialize, Serialize};
use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding};
use solana_commitment_config::CommitmentLevel;
use solana_pubkey::Pubkey;
use solana_transaction_error::TransactionError;
use solana_transaction_status_client_types::{
    UiInnerInstructions, UiLoadedAddresses, UiTransactionEncoding, UiTransactionError,
    UiTransactionReturnData, UiTransactionTokenBalance,
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SimulateConfig {
    sig_verify: bool,
    replace_recent_blockhash: bool,
    inner_instructions: bool,
    encoding: Option<UiTransactionEncoding>,
    #[serde(deserialize_with = "lenient")]
    commitment: Option<CommitmentLevel>,
    accounts: Option<AccountsConfig>,
    min_context_slot: Option<u64>,
    /// Our extension.
    trace: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountsConfig {
    #[serde(default)]
    encoding: Option<UiAccountEncoding>,
    addresses: Vec<String>,
}

/// What a simulation found, as clients read it. What is absent is null; only a trace that was not asked for is
/// left out.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SimulationJson {
    err: Option<UiTransactionError>,
    logs: Option<Vec<String>>,
    accounts: Option<Vec<Option<UiAccount>>>,
    units_consumed: Option<u64>,
    loaded_accounts_data_size: Option<u32>,
    return_data: Option<UiTransactionReturnData>,
    inner_instructions: Option<Vec<UiInnerInstructions>>,
    replacement_blockhash: Option<Blockhash>,
    fee: Option<u64>,
    pre_balances: Option<Vec<u64>>,
    post_balances: Option<Vec<u64>>,
    pre_token_balances: Option<Vec<UiTransactionTokenBalance>>,
    post_token_balances: Option<Vec<UiTransactionTokenBalance>>,
    loaded_addresses: Option<UiLoadedAddresses>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Option<TraceJson>>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Blockhash {
    blockhash: String,
    last_valid_block_height: u64,
}

impl SimulationJson {
    /// A transaction that fails before anything is loaded.
    pub(crate) fn failed(error: TransactionError) -> Self {
        Self {
            err: Some(error.into()),
            logs: Some(Vec::new()),
            units_consumed: Some(0),
            loaded_accounts_data_size: Some(0),
            ..Self::default()
        }
    }
}

pub(crate) fn simulate_transaction(context: &RpcContext, parameters: &Parameters) -> Answer {
    let text: String = parameters.required(0)?;
    let config: SimulateConfig = parameters.optional(1)?;
    if config.sig_verify && config.replace_recent_blockhash {
        return Err(invalid_params(
            "sigVerify may not be used with replaceRecentBlockhash",
        ));
    }
    let bytes = decode_transaction(&text, config.encoding)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let transaction = match bank.verify(bytes.clone(), config.sig_verify) {
        Ok(transaction) => transaction,
        Err(error) => match verdict(error) {
            Verdict::Invalid(error) => return Err(error),
            Verdict::Fails(error) => {
                // Mostly it is the signature that is wrong, and nothing else.
                let unsigned = bank.verify(bytes, false).ok();
                let addresses = unsigned.map(|transaction| loaded_addresses(&transaction));
                let value = SimulationJson {
                    loaded_addresses: Some(addresses.unwrap_or_default()),
                    trace: config.trace.then_some(None),
                    ..SimulationJson::failed(error)
                };
                return answer_in_slot(bank.slot(), value);
            }
        },
    };
    let wanted = config
        .accounts
        .map(|accounts| wanted_accounts(accounts, &transaction));
    let wanted = wanted.transpose()?;
    let replaces = config.replace_recent_blockhash;
    let simulation = bank.simulate(&transaction, replaces, config.trace);
    let mut simulation = simulation.map_err(errors::read)?;
    // With another blockhash it is another transaction. One whose own is too old is told of that.
    if !replaces && simulation.is_charged && is_known(context, &bank, &transaction) {
        simulation = simulation.dropped(TransactionError::AlreadyProcessed);
    }

    let accounts = match wanted {
        Some(wanted) => Some(accounts_after(context, &bank, &simulation, &wanted)?),
        None => None,
    };
    let record = &simulation.record;
    let decimals = Decimals::of(&context.reader);
    let keys: Vec<Pubkey> = simulation.accounts.iter().map(|(key, _)| *key).collect();
    let value = SimulationJson {
        accounts,
        inner_instructions: config
            .inner_instructions
            .then(|| inner_instructions_parsed(&record.inner_instructions, &keys)),
        replacement_blockhash: config.replace_recent_blockhash.then(|| {
            let (blockhash, made_in) = bank.context().blockhashes[0];
            Blockhash {
                blockhash: blockhash.to_string(),
                last_valid_block_height: last_valid_block_height(made_in),
            }
        }),
        pre_balances: Some(record.pre_balances.clone()),
        post_balances: Some(record.post_balances.clone()),
        pre_token_balances: Some(token_balances::encode(
            &record.pre_token_balances,
            &decimals,
        )),
        post_token_balances: Some(token_balances::encode(
            &record.post_token_balances,
            &decimals,
        )),
        loaded_addresses: Some(loaded_addresses(&transaction)),
        trace: config
            .trace
            .then(|| simulation.trace.as_ref().map(TraceJson::from)),
        ..outcome(&simulation)
    };
    answer_in_slot(simulation.slot, value)
}

/// Simulates what is about to be sent. `Ok`: it would succeed. Signatures are checked.
pub(crate) fn preflight(
    context: &RpcContext,
    bytes: Bytes,
    level: Option<CommitmentLevel>,
    min_context_slot: Option<u64>,
) -> Result<(), ErrorObjectOwned> {
    let bank = context.bank(level, min_context_slot)?;
    let transaction = match bank.verify(bytes, true) {
        Ok(transaction) => transaction,
        Err(error) => {
            return Err(match verdict(error) {
                Verdict::Invalid(error) => error,
                Verdict::Fails(error) => {
                    errors::preflight_failure(&error, SimulationJson::failed(error.clone()))
                }
            });
        }
    };
    if is_known(context, &bank, &transaction) {
        let error = TransactionError::AlreadyProcessed;
        return Err(errors::preflight_failure(
            &error,
            SimulationJson::failed(error.clone()),
        ));
    }
    let simulation = bank.simulate(&transaction, false, false);
    let simulation = simulation.map_err(errors::read)?;
    match &simulation.record.status {
        Ok(()) => Ok(()),
        Err(error) => Err(errors::preflight_failure(error, outcome(&simulation))),
    }
}

/// Whether the transaction was processed already, as far as the level shows.
fn is_known(context: &RpcContext, bank: &Bank, transaction: &VerifiedTransaction) -> bool {
    // If the disk fails, admission finds it out.
    let first_slot = context.first_recent_slot();
    let status = context
        .reader
        .status_since(transaction.signature(), first_slot);
    let is_known = |status: Option<SignatureStatus>| status.is_some_and(|it| bank.has(it.slot));
    status.is_ok_and(is_known)
}

/// What every answer about a simulation says.
fn outcome(simulation: &Simulation) -> SimulationJson {
    let record = &simulation.record;
    SimulationJson {
        err: record.status.clone().err().map(Into::into),
        logs: Some(record.logs.clone()),
        units_consumed: Some(record.compute_units),
        loaded_accounts_data_size: Some(simulation.loaded_bytes),
        return_data: return_data(record.return_data.clone()),
        fee: simulation.is_charged.then_some(record.fee),
        ..SimulationJson::default()
    }
}

struct WantedAccounts {
    encoding: UiAccountEncoding,
    keys: Vec<Pubkey>,
}

fn wanted_accounts(
    config: AccountsConfig,
    transaction: &VerifiedTransaction,
) -> Result<WantedAccounts, ErrorObjectOwned> {
    let encoding = config.encoding.unwrap_or(UiAccountEncoding::Base64);
    if matches!(
        encoding,
        UiAccountEncoding::Binary | UiAccountEncoding::Base58
    ) {
        return Err(invalid_params("base58 encoding not supported"));
    }
    let max = transaction.account_count();
    if config.addresses.len() > max {
        return Err(invalid_params(format!(
            "Too many accounts provided; max {max}"
        )));
    }
    let keys = config
        .addresses
        .iter()
        .map(|address| parameters::pubkey(address));
    Ok(WantedAccounts {
        encoding,
        keys: keys.collect::<Result<_, _>>()?,
    })
}

/// The wanted accounts as the simulation left them; none of them if it failed.
fn accounts_after(
    context: &RpcContext,
    bank: &Bank,
    simulation: &Simulation,
    wanted: &WantedAccounts,
) -> Result<Vec<Option<UiAccount>>, ErrorObjectOwned> {
    if simulation.record.status.is_err() {
        return Ok(vec![None; wanted.keys.len()]);
    }
    let state = bank.state().map_err(errors::read)?;
    let after = |key: &Pubkey| {
        let mut accounts = simulation.accounts.iter();
        match accounts.find(|(candidate, _)| candidate == key) {
            Some((_, account)) => Ok((!account.is_absent()).then(|| account.clone())),
            None => bank.account(&state, key),
        }
    };
    let accounts = wanted.keys.iter().map(after).collect::<Result<Vec<_>, _>>();
    let accounts = accounts.map_err(errors::read)?;
    let mints =
        Mints::of(accounts.iter().flatten(), bank.context(), after).map_err(errors::read)?;
    let mut bytes = context.answers_bytes.begin();
    let mut encoded = Vec::with_capacity(wanted.keys.len());
    for (key, account) in wanted.keys.iter().zip(accounts) {
        let account =
            account.map(|account| encode_account(key, &account, wanted.encoding, None, &mints));
        let account = account.transpose()?;
        if let Some(account) = &account {
            bytes.add(account)?;
        }
        encoded.push(account);
    }
    Ok(encoded)
}
