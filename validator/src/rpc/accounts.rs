//! Accounts by address and by owner.

use super::account_json::{encode_account, encode_account_always};
use super::errors::{self, invalid_params};
use super::filters::{self, FilterRequest};
use super::parameters::{self, Parameters};
use super::{Answer, RpcContext, answer, answer_in_slot};
use jsonrpsee::types::ErrorObjectOwned;
use sealane_sdk::AccountState;
use serde::{Deserialize, Serialize};
use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding, UiDataSliceConfig};
use solana_pubkey::Pubkey;
use std::sync::Arc;

/// How an account is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AccountConfig {
    pub(crate) encoding: Option<UiAccountEncoding>,
    pub(crate) data_slice: Option<UiDataSliceConfig>,
    pub(crate) min_context_slot: Option<u64>,
}

impl AccountConfig {
    /// Encodes an account as wanted; by default as the plain base58 string of old.
    pub(crate) fn encode(&self, account: &AccountState) -> Result<UiAccount, ErrorObjectOwned> {
        encode_account(account, self.encoding(), self.data_slice)
    }

    /// The same for a notification, which has no room for an error.
    pub(crate) fn encode_always(&self, account: &AccountState) -> UiAccount {
        encode_account_always(account, self.encoding(), self.data_slice)
    }

    fn encoding(&self) -> UiAccountEncoding {
        self.encoding.unwrap_or(UiAccountEncoding::Binary)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProgramAccountsConfig {
    filters: Option<Vec<FilterRequest>>,
    with_context: Option<bool>,
    sort_results: Option<bool>,
    #[serde(flatten)]
    account: AccountConfig,
}

#[derive(Serialize)]
pub(crate) struct KeyedAccount {
    pub(crate) pubkey: String,
    pub(crate) account: UiAccount,
}

/// Reading copies nothing, encoding does: a large account is encoded where that keeps nobody waiting.
pub(crate) async fn get_account_info(context: Arc<RpcContext>, parameters: &Parameters) -> Answer {
    let key = parameters.pubkey(0)?;
    let config: AccountConfig = parameters.optional(1)?;
    let slot = context.slot_at_least(config.min_context_slot)?;
    let pin = context.reader.pin().map_err(errors::read)?;
    let account = slot.account(&pin, &key).map_err(errors::read)?;
    drop(pin);
    let is_large =
        |account: &AccountState| account.data.len() > context.limits.quick_account_bytes_max;
    if !account.as_ref().is_some_and(is_large) {
        return account_info(&context, slot.slot, config, account);
    }
    let context = Arc::clone(&context);
    tokio::task::spawn_blocking(move || account_info(&context, slot.slot, config, account))
        .await
        .map_err(|error| errors::internal(format!("the account was not encoded: {error}")))?
}

fn account_info(
    context: &RpcContext,
    slot: u64,
    config: AccountConfig,
    account: Option<AccountState>,
) -> Answer {
    let mut bytes = context.answers_bytes.begin();
    let account = account.map(|account| config.encode(&account)).transpose()?;
    if let Some(account) = &account {
        bytes.add(account)?;
    }
    answer_in_slot(slot, account)
}

pub(crate) fn get_balance(context: &RpcContext, parameters: &Parameters) -> Answer {
    let key = parameters.pubkey(0)?;
    let config: AccountConfig = parameters.optional(1)?;
    let slot = context.slot_at_least(config.min_context_slot)?;
    let pin = context.reader.pin().map_err(errors::read)?;
    let account = slot.account(&pin, &key).map_err(errors::read)?;
    answer_in_slot(slot.slot, account.map_or(0, |account| account.lamports))
}

pub(crate) fn get_multiple_accounts(context: &RpcContext, parameters: &Parameters) -> Answer {
    let keys: Vec<String> = parameters.required(0)?;
    let config: AccountConfig = parameters.optional(1)?;
    let max = context.limits.multiple_accounts_max;
    if keys.len() > max {
        return Err(invalid_params(format!(
            "Too many inputs provided; max {max}"
        )));
    }
    let keys: Vec<Pubkey> = keys
        .iter()
        .map(|key| parameters::pubkey(key))
        .collect::<Result<_, _>>()?;
    let encoding = config.encoding.unwrap_or(UiAccountEncoding::Base64);
    let slot = context.slot_at_least(config.min_context_slot)?;
    let pin = context.reader.pin().map_err(errors::read)?;
    let states = keys
        .iter()
        .map(|key| slot.account(&pin, key).map_err(errors::read));
    let states: Vec<Option<AccountState>> = states.collect::<Result<_, _>>()?;
    drop(pin);
    let mut bytes = context.answers_bytes.begin();
    let mut accounts = Vec::with_capacity(keys.len());
    for state in states {
        let encoded = state.map(|state| encode_account(&state, encoding, config.data_slice));
        let encoded = encoded.transpose()?;
        if let Some(account) = &encoded {
            bytes.add(account)?;
        }
        accounts.push(encoded);
    }
    answer_in_slot(slot.slot, accounts)
}

pub(crate) fn get_program_accounts(context: &RpcContext, parameters: &Parameters) -> Answer {
    let program = parameters.pubkey(0)?;
    let config: ProgramAccountsConfig = parameters.optional(1)?;
    let filters = filters::decode(
        config.filters.unwrap_or_default(),
        context.limits.filters_max,
    )?;
    let slot = context.slot_at_least(config.account.min_context_slot)?;
    let pin = context.reader.pin().map_err(errors::read)?;

    // The pin may expire in the middle of a scan, so states are only gathered (which copies no data)
    // while it is held, and encoded afterwards.
    let mut bytes = context.answers_bytes.begin();
    let mut fits = Ok(());
    let mut found: Vec<(Pubkey, AccountState)> = Vec::new();
    pin.owned_by(&program, &mut |key, account| {
        if fits.is_ok() && filters.iter().all(|filter| filter.allows(account)) {
            found.push((*key, account.clone()));
            fits = bytes.check_count(found.len());
        }
    })
    .map_err(errors::read)?;
    drop(pin);
    fits?;
    if config.sort_results.unwrap_or(true) {
        found.sort_unstable_by_key(|(key, _)| *key);
    }
    let accounts: Vec<KeyedAccount> = found
        .iter()
        .map(|(key, account)| {
            let account = config.account.encode(account)?;
            bytes.add(&account)?;
            Ok(KeyedAccount {
                pubkey: key.to_string(),
                account,
            })
        })
        .collect::<Result<_, ErrorObjectOwned>>()?;
    match config.with_context {
        Some(true) => answer_in_slot(slot.slot, accounts),
        _ => answer(&accounts),
    }
}

pub(crate) fn get_minimum_balance_for_rent_exemption(
    context: &RpcContext,
    parameters: &Parameters,
) -> Answer {
    /// The largest account that Solana allows.
    const DATA_BYTES_MAX: usize = 10 * 1024 * 1024;
    let length: usize = parameters.required(0)?;
    if length > DATA_BYTES_MAX {
        return Err(invalid_params(format!(
            "Data size exceeds maximum permitted size of {DATA_BYTES_MAX} bytes"
        )));
    }
    answer(&context.reader.slot().sysvars.rent.minimum_balance(length))
}
