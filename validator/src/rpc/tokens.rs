//! SPL tokens: balances, supplies, accounts by owner and by delegate, the largest of a mint.
//! Source of the behaviour: `rpc/src/rpc.rs` of agave 4.2.

use super::accounts::AccountConfig;
use super::errors::{self, invalid_params};
use super::filters::Filter;
use super::mints::{self, is_token_program};
use super::parameters::{self, ContextConfig, Parameters};
use super::{Answer, RpcContext, answer_in_slot};
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::{Pin, SlotContext};
use serde::Deserialize;
use solana_account_decoder::parse_account_data::SplTokenAdditionalDataV2;
use solana_account_decoder::parse_token::token_amount_to_ui_amount_v3;
use solana_pubkey::Pubkey;
use solana_rpc_client_types::response::RpcTokenAccountBalance;
use spl_generic_token::generic_token;
use spl_token_2022_interface::extension::StateWithExtensions;
use spl_token_2022_interface::state::{Account, Mint};

/// Accounts in an answer to `getTokenLargestAccounts`.
const LARGEST_MAX: usize = 20;

/// Where a token account has its mint, its owner and its delegate (a tag, then the address).
const MINT_OFFSET: usize = 0;
const OWNER_OFFSET: usize = 32;
const DELEGATE_OFFSET: usize = 72;

/// Which token accounts are wanted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum TokenAccountsFilter {
    Mint(String),
    ProgramId(String),
}

pub(crate) fn get_token_account_balance(context: &RpcContext, parameters: &Parameters) -> Answer {
    let key = parameters.pubkey(0)?;
    let config: ContextConfig = parameters.optional(1)?;
    let bank = context.bank(config.commitment, None)?;
    let state = bank.state().map_err(errors::read)?;
    let account = bank.account(&state, &key).map_err(errors::read)?;
    let account = account.ok_or_else(|| invalid_params("Invalid param: could not find account"))?;
    let token_account = is_token_program(&account.owner)
        .then(|| StateWithExtensions::<Account>::unpack(account.data.as_slice()).ok());
    let token_account = token_account
        .flatten()
        .ok_or_else(|| invalid_params("Invalid param: not a Token account"))?;
    let mint = token_account.base.mint.to_bytes().into();
    let (_, shown) = mints::mint(&state, bank.context(), &mint)?;
    let balance = token_amount_to_ui_amount_v3(token_account.base.amount, &shown);
    answer_in_slot(bank.slot(), balance)
}

pub(crate) fn get_token_supply(context: &RpcContext, parameters: &Parameters) -> Answer {
    let key = parameters.pubkey(0)?;
    let config: ContextConfig = parameters.optional(1)?;
    let bank = context.bank(config.commitment, None)?;
    let state = bank.state().map_err(errors::read)?;
    let account = bank.account(&state, &key).map_err(errors::read)?;
    let account = account.ok_or_else(|| invalid_params("Invalid param: could not find account"))?;
    if !is_token_program(&account.owner) {
        return Err(invalid_params("Invalid param: not a Token mint"));
    }
    let mint = StateWithExtensions::<Mint>::unpack(account.data.as_slice())
        .map_err(|_| invalid_params("Invalid param: mint could not be unpacked"))?;
    let shown = mints::shown(&mint, bank.context());
    let supply = token_amount_to_ui_amount_v3(mint.base.supply, &shown);
    answer_in_slot(bank.slot(), supply)
}

pub(crate) fn get_token_largest_accounts(context: &RpcContext, parameters: &Parameters) -> Answer {
    let key = parameters.pubkey(0)?;
    let config: ContextConfig = parameters.optional(1)?;
    let bank = context.bank(config.commitment, None)?;
    let state = bank.state().map_err(errors::read)?;
    let (program, shown) = token_mint(&state, bank.context(), &key)?;
    let filters = [Filter::TokenAccountState, holds(MINT_OFFSET, &key)];
    let bytes = context.answers_bytes.begin();
    let accounts = context.owned_by(&state, &program, &filters, &bytes)?;
    let amounts = accounts.iter().filter_map(|(key, account)| {
        let program = program.to_bytes().into();
        let account = generic_token::Account::unpack(account.data.as_slice(), &program)?;
        Some((account.amount, *key))
    });
    let largest: Vec<RpcTokenAccountBalance> = largest(amounts.collect(), LARGEST_MAX)
        .into_iter()
        .map(|(amount, key)| RpcTokenAccountBalance {
            address: key.to_string(),
            amount: token_amount_to_ui_amount_v3(amount, &shown),
        })
        .collect();
    answer_in_slot(bank.slot(), largest)
}

/// The largest amounts and whose they are, the largest first.
pub(super) fn largest(mut amounts: Vec<(u64, Pubkey)>, max: usize) -> Vec<(u64, Pubkey)> {
    amounts.sort_unstable_by(|a, b| b.cmp(a));
    amounts.truncate(max);
    amounts
}

pub(crate) fn get_token_accounts_by_owner(context: &RpcContext, parameters: &Parameters) -> Answer {
    let owner = parameters.pubkey(0)?;
    token_accounts(context, parameters, vec![holds(OWNER_OFFSET, &owner)])
}

pub(crate) fn get_token_accounts_by_delegate(
    context: &RpcContext,
    parameters: &Parameters,
) -> Answer {
    let delegate = parameters.pubkey(0)?;
    let mut bytes = 1u32.to_le_bytes().to_vec();
    bytes.extend_from_slice(delegate.as_array());
    let offset = DELEGATE_OFFSET;
    token_accounts(context, parameters, vec![Filter::Memcmp { offset, bytes }])
}

/// The token accounts that pass the filters and what the second parameter asks for.
fn token_accounts(
    context: &RpcContext,
    parameters: &Parameters,
    mut filters: Vec<Filter>,
) -> Answer {
    let wanted: TokenAccountsFilter = parameters.required(1)?;
    let config: AccountConfig = parameters.optional(2)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let state = bank.state().map_err(errors::read)?;
    let program = match wanted {
        TokenAccountsFilter::Mint(text) => {
            let mint = parameters::pubkey(&text)?;
            filters.push(holds(MINT_OFFSET, &mint));
            token_mint(&state, bank.context(), &mint)?.0
        }
        TokenAccountsFilter::ProgramId(text) => {
            let program = parameters::pubkey(&text)?;
            if !is_token_program(&program) {
                return Err(invalid_params(
                    "Invalid param: unrecognized Token program id",
                ));
            }
            program
        }
    };
    filters.push(Filter::TokenAccountState);
    let (accounts, _bytes) =
        context.keyed_accounts(state, bank.context(), &program, &filters, true, &config)?;
    answer_in_slot(bank.slot(), accounts)
}

/// Those that have this key there.
fn holds(offset: usize, key: &Pubkey) -> Filter {
    Filter::Memcmp {
        offset,
        bytes: key.to_bytes().to_vec(),
    }
}

/// The token program of a mint, and how its amounts are shown.
fn token_mint(
    pin: &Pin,
    slot: &SlotContext,
    key: &Pubkey,
) -> Result<(Pubkey, SplTokenAdditionalDataV2), ErrorObjectOwned> {
    let (program, shown) = mints::mint(pin, slot, key)?;
    if !is_token_program(&program) {
        return Err(invalid_params("Invalid param: not a Token mint"));
    }
    Ok((program, shown))
}
