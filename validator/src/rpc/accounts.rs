//! Accounts by address and by owner.

use super::account_json::{encode_account, encode_account_always};
use super::answer_bytes::AnswerBytes;
use super::errors;
use super::filters::{self, Filter, FilterRequest};
use super::mints::{self, Mints};
use super::parameters::{self, Parameters};
use super::{Answer, RpcContext, answer, answer_in_slot};
use crate::commitment::{Bank, State, lenient};
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::{Pin, ReadError, SlotContext};
use sealane_sdk::{AccountState, MAX_ACCOUNT_DATA_LEN};
use serde::{Deserialize, Serialize};
use solana_account_decoder_client_types::{
    UiAccount, UiAccountData, UiAccountEncoding, UiDataSliceConfig,
};
use solana_commitment_config::CommitmentLevel;
use solana_pubkey::Pubkey;
use std::sync::Arc;

/// How an account is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AccountConfig {
    pub(crate) encoding: Option<UiAccountEncoding>,
    pub(crate) data_slice: Option<UiDataSliceConfig>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) commitment: Option<CommitmentLevel>,
    pub(crate) min_context_slot: Option<u64>,
}

impl AccountConfig {
    /// Encodes an account as wanted; by default as the plain base58 string of old.
    pub(crate) fn encode(
        &self,
        key: &Pubkey,
        account: &AccountState,
        mints: &Mints,
    ) -> Result<UiAccount, ErrorObjectOwned> {
        encode_account(key, account, self.encoding(), self.data_slice, mints)
    }

    /// The same for a notification, which has no room for an error.
    pub(crate) fn encode_always(
        &self,
        key: &Pubkey,
        account: &AccountState,
        mints: &Mints,
    ) -> UiAccount {
        encode_account_always(key, account, self.encoding(), self.data_slice, mints)
    }

    /// What encoding these accounts as wanted needs to know of others.
    pub(crate) fn mints<'a>(
        &self,
        accounts: impl IntoIterator<Item = &'a AccountState>,
        slot: &SlotContext,
        pin: &Pin,
    ) -> Result<Mints, ReadError> {
        match self.encoding() {
            UiAccountEncoding::JsonParsed => Mints::at(accounts, slot, pin),
            _ => Ok(Mints::default()),
        }
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
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let (account, mints) = account_and_mints(&bank, config, &key).map_err(errors::read)?;
    let slot = bank.slot();
    let is_large =
        |account: &AccountState| account.data.len() > context.limits.quick_account_bytes_max;
    if !account.as_ref().is_some_and(is_large) {
        return account_info(&context, slot, config, &key, account, &mints);
    }
    let context = Arc::clone(&context);
    let encode = move || account_info(&context, slot, config, &key, account, &mints);
    tokio::task::spawn_blocking(encode)
        .await
        .map_err(|error| errors::internal(format!("the account was not encoded: {error}")))?
}

fn account_and_mints(
    bank: &Bank,
    config: AccountConfig,
    key: &Pubkey,
) -> Result<(Option<AccountState>, Mints), ReadError> {
    let state = bank.state()?;
    let account = bank.account(&state, key)?;
    let mints = config.mints(&account, bank.context(), &state)?;
    Ok((account, mints))
}

fn account_info(
    context: &RpcContext,
    slot: u64,
    config: AccountConfig,
    key: &Pubkey,
    account: Option<AccountState>,
    mints: &Mints,
) -> Answer {
    let mut bytes = context.answers_bytes.begin();
    let account = account.map(|account| config.encode(key, &account, mints));
    let account = account.transpose()?;
    if let Some(account) = &account {
        bytes.add(account)?;
    }
    answer_in_slot(slot, account)
}

pub(crate) fn get_balance(context: &RpcContext, parameters: &Parameters) -> Answer {
    let key = parameters.pubkey(0)?;
    let config: AccountConfig = parameters.optional(1)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let state = bank.state().map_err(errors::read)?;
    let account = bank.account(&state, &key).map_err(errors::read)?;
    answer_in_slot(bank.slot(), account.map_or(0, |account| account.lamports))
}

pub(crate) fn get_multiple_accounts(context: &RpcContext, parameters: &Parameters) -> Answer {
    let keys: Vec<String> = parameters.required(0)?;
    let config: AccountConfig = parameters.optional(1)?;
    let keys = parameters::pubkeys(&keys, context.limits.multiple_accounts_max)?;
    let config = AccountConfig {
        encoding: config.encoding.or(Some(UiAccountEncoding::Base64)),
        ..config
    };
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let state = bank.state().map_err(errors::read)?;
    let states = keys
        .iter()
        .map(|key| bank.account(&state, key).map_err(errors::read));
    let states: Vec<Option<AccountState>> = states.collect::<Result<_, _>>()?;
    let mints = config.mints(states.iter().flatten(), bank.context(), &state);
    let mints = mints.map_err(errors::read)?;
    drop(state);
    let mut bytes = context.answers_bytes.begin();
    let mut accounts = Vec::with_capacity(keys.len());
    for (key, state) in keys.iter().zip(states) {
        let encoded = state.map(|state| config.encode(key, &state, &mints));
        let encoded = encoded.transpose()?;
        if let Some(account) = &encoded {
            bytes.add(account)?;
        }
        accounts.push(encoded);
    }
    answer_in_slot(bank.slot(), accounts)
}

pub(crate) fn get_program_accounts(context: &RpcContext, parameters: &Parameters) -> Answer {
    let program = parameters.pubkey(0)?;
    let config: ProgramAccountsConfig = parameters.optional(1)?;
    let filters = filters::decode(
        config.filters.unwrap_or_default(),
        context.limits.filters_max,
    )?;
    let bank = context.bank(config.account.commitment, config.account.min_context_slot)?;
    let state = bank.state().map_err(errors::read)?;

    let sorted = config.sort_results.unwrap_or(true);
    let slot = bank.context();
    let (accounts, _bytes) =
        context.keyed_accounts(state, slot, &program, &filters, sorted, &config.account)?;
    match config.with_context {
        Some(true) => answer_in_slot(bank.slot(), accounts),
        _ => answer(&accounts),
    }
}

impl RpcContext {
    /// The accounts of a program that pass the filters, with their addresses, as wanted. Of a token program, what
    /// cannot be shown parsed where that is wanted is left out, as on Agave. What comes with them counts their bytes until
    /// they are answered.
    pub(super) fn keyed_accounts(
        &self,
        state: State<'_>,
        slot: &SlotContext,
        program: &Pubkey,
        filters: &[Filter],
        sorted: bool,
        config: &AccountConfig,
    ) -> Result<(Vec<KeyedAccount>, AnswerBytes<'_>), ErrorObjectOwned> {
        let mut bytes = self.answers_bytes.begin();
        let mut found = self.owned_by(&state, program, filters, &bytes)?;
        let states = found.iter().map(|(_, account)| account);
        let mints = config.mints(states, slot, &state).map_err(errors::read)?;
        drop(state);
        if sorted {
            found.sort_unstable_by_key(|(key, _)| *key);
        }
        let only_parsed = config.encoding == Some(UiAccountEncoding::JsonParsed)
            && mints::is_token_program(program);
        let mut accounts = Vec::with_capacity(found.len());
        for (key, account) in &found {
            let account = config.encode(key, account, &mints)?;
            bytes.add(&account)?;
            if only_parsed && !matches!(account.data, UiAccountData::Json(_)) {
                continue;
            }
            let pubkey = key.to_string();
            accounts.push(KeyedAccount { pubkey, account });
        }
        Ok((accounts, bytes))
    }

    /// The accounts of a program that pass the filters, in no particular order. States are only gathered, which
    /// copies no data, as the pin may expire in the middle of a scan.
    pub(super) fn owned_by(
        &self,
        pin: &Pin,
        program: &Pubkey,
        filters: &[Filter],
        bytes: &AnswerBytes<'_>,
    ) -> Result<Vec<(Pubkey, AccountState)>, ErrorObjectOwned> {
        let mut fits = Ok(());
        let mut found: Vec<(Pubkey, AccountState)> = Vec::new();
        pin.owned_by(program, &mut |key, account| {
            if fits.is_ok() && filters.iter().all(|filter| filter.allows(account)) {
                found.push((*key, account.clone()));
                fits = bytes.check_count(found.len());
            }
        })
        .map_err(errors::read)?;
        fits.map(|()| found)
    }
}

pub(crate) fn get_minimum_balance_for_rent_exemption(
    context: &RpcContext,
    parameters: &Parameters,
) -> Answer {
    let length: usize = parameters.required(0)?;
    if length > MAX_ACCOUNT_DATA_LEN {
        return Err(errors::invalid_request("Invalid request"));
    }
    answer(&context.reader.slot().sysvars.rent.minimum_balance(length))
}
