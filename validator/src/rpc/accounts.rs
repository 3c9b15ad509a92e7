//! Accounts by address and by owner.

use super::account_json::{encode_account, encode_account_always};
use super::errors::{self, invalid_params};
use super::filters::{self, FilterRequest};
use super::parameters::{self, Parameters};
use super::{Answer, RpcContext, answer, answer_in_slot};
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::SlotContext;
use sealane_runtime::{Pin, ReadError};
use sealane_sdk::AccountState;
use serde::{Deserialize, Serialize};
use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding, UiDataSliceConfig};
use solana_pubkey::Pubkey;

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

/// The account at the pinned entry, sysvars and builtin programs of the slot included.
pub(crate) fn read_account(
    slot: &SlotContext,
    pin: &Pin,
    key: &Pubkey,
) -> Result<Option<AccountState>, ReadError> {
    match slot.virtual_account(key) {
        Some(account) => Ok((!account.is_absent()).then(|| account.clone())),
        None => pin.get(key),
    }
}

pub(crate) fn get_account_info(context: &RpcContext, parameters: &Parameters) -> Answer {
    let key = parameters.pubkey(0)?;
    let config: AccountConfig = parameters.optional(1)?;
    let slot = context.slot_at_least(config.min_context_slot)?;
    let pin = context.reader.pin().map_err(errors::read)?;
    let account = read_account(&slot, &pin, &key).map_err(errors::read)?;
    let account = account.map(|account| config.encode(&account)).transpose()?;
    answer_in_slot(slot.slot, account)
}

pub(crate) fn get_balance(context: &RpcContext, parameters: &Parameters) -> Answer {
    let key = parameters.pubkey(0)?;
    let config: AccountConfig = parameters.optional(1)?;
    let slot = context.slot_at_least(config.min_context_slot)?;
    let pin = context.reader.pin().map_err(errors::read)?;
    let account = read_account(&slot, &pin, &key).map_err(errors::read)?;
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
    let mut accounts = Vec::with_capacity(keys.len());
    for key in &keys {
        let account = read_account(&slot, &pin, key).map_err(errors::read)?;
        let encoded = account.map(|account| encode_account(&account, encoding, config.data_slice));
        accounts.push(encoded.transpose()?);
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
    let mut found: Vec<(Pubkey, AccountState)> = Vec::new();
    pin.owned_by(&program, &mut |key, account| {
        if filters.iter().all(|filter| filter.allows(account)) {
            found.push((*key, account.clone()));
        }
    })
    .map_err(errors::read)?;
    drop(pin);
    if config.sort_results.unwrap_or(true) {
        found.sort_unstable_by_key(|(key, _)| *key);
    }
    let accounts: Vec<KeyedAccount> = found
        .iter()
        .map(|(key, account)| {
            Ok(KeyedAccount {
                pubkey: key.to_string(),
                account: config.account.encode(account)?,
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
