//! All lamports: how many there are, and who has most of them.
//! Source of the shapes: `rpc/src/rpc.rs` of agave 4.2.

use super::parameters::{ContextConfig, Parameters};
use super::tokens::largest;
use super::{Answer, RpcContext, answer_in_slot, errors};
use crate::commitment::lenient;
use serde::Deserialize;
use solana_commitment_config::CommitmentLevel;
use solana_pubkey::Pubkey;
use solana_rpc_client_types::response::{RpcAccountBalance, RpcSupply};

/// Accounts in an answer to `getLargestAccounts`.
const LARGEST_MAX: usize = 20;
/// So many are gathered before all but the largest are forgotten.
const GATHERED_MAX: usize = 4_096;

/// Which accounts are wanted. Nothing is kept from circulating here, so one kind has all and the other none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum LargestAccountsFilter {
    Circulating,
    NonCirculating,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LargestAccountsConfig {
    #[serde(deserialize_with = "lenient")]
    commitment: Option<CommitmentLevel>,
    filter: Option<LargestAccountsFilter>,
}

pub(crate) fn get_largest_accounts(context: &RpcContext, parameters: &Parameters) -> Answer {
    let config: LargestAccountsConfig = parameters.optional(0)?;
    let bank = context.bank(config.commitment, None)?;
    let mut found: Vec<(u64, Pubkey)> = Vec::new();
    if config.filter != Some(LargestAccountsFilter::NonCirculating) {
        let state = bank.state().map_err(errors::read)?;
        state
            .all(&mut |key, account| {
                if found.len() == GATHERED_MAX {
                    found = largest(std::mem::take(&mut found), LARGEST_MAX);
                }
                found.push((account.lamports, *key));
            })
            .map_err(errors::read)?;
    }
    let largest = largest(found, LARGEST_MAX).into_iter();
    let largest: Vec<RpcAccountBalance> = largest
        .map(|(lamports, key)| RpcAccountBalance {
            address: key.to_string(),
            lamports,
        })
        .collect();
    answer_in_slot(bank.slot(), largest)
}

pub(crate) fn get_supply(context: &RpcContext, parameters: &Parameters) -> Answer {
    let config: ContextConfig = parameters.optional(0)?;
    let bank = context.bank(config.commitment, None)?;
    let state = bank.state().map_err(errors::read)?;
    let mut total = 0u64;
    state
        .all(&mut |_, account| total = total.saturating_add(account.lamports))
        .map_err(errors::read)?;
    let supply = RpcSupply {
        total,
        circulating: total,
        non_circulating: 0,
        non_circulating_accounts: Vec::new(),
    };
    answer_in_slot(bank.slot(), supply)
}
