//! Inflation, stake, prioritization fees and how fast the chain is. Nothing is inflated, staked or rewarded.
//! Source of the shapes and errors: `rpc/src/rpc.rs` of agave 4.2.

use super::blocks::{check_commitment, no_block};
use super::errors::{block_not_available, invalid_params};
use super::parameters::{self, ContextConfig, Parameters};
use super::{Answer, RpcContext, answer, answer_in_slot};
use crate::commitment::lenient;
use sealane_runtime::{NoBlock, PublishedBlock, PublishedTransaction, VerifiedTransaction};
use serde::Deserialize;
use solana_commitment_config::CommitmentLevel;
use solana_pubkey::Pubkey;
use solana_rpc_client_types::response::{
    RpcInflationGovernor, RpcInflationRate, RpcInflationReward, RpcPrioritizationFee,
};

/// Slots in an answer to `getRecentPrioritizationFees`.
const PRIORITIZATION_FEE_SLOTS: u64 = 150;
/// Addresses that it may be asked about.
const PRIORITIZATION_FEE_ADDRESSES_MAX: usize = 128;

/// What a stake must have at least on Solana, with `stake_raise_minimum_delegation_to_1_sol`.
const STAKE_MINIMUM_LAMPORTS: u64 = 1_000_000_000;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EpochConfig {
    epoch: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    commitment: Option<CommitmentLevel>,
    min_context_slot: Option<u64>,
}

pub(crate) fn get_inflation_governor(_: &RpcContext, _: &Parameters) -> Answer {
    // What `Inflation::new_disabled` has.
    answer(&RpcInflationGovernor {
        initial: 0.0,
        terminal: 0.0,
        taper: 1.0,
        foundation: 0.0,
        foundation_term: 0.0,
    })
}

pub(crate) fn get_inflation_rate(context: &RpcContext, _: &Parameters) -> Answer {
    answer(&RpcInflationRate {
        total: 0.0,
        validator: 0.0,
        foundation: 0.0,
        // As on Agave it is that of what is final.
        epoch: context.bank(None, None)?.context().sysvars.clock.epoch,
    })
}

/// What was rewarded in an epoch: nothing. What Agave looks for first must be there all the same.
pub(crate) fn get_inflation_reward(context: &RpcContext, parameters: &Parameters) -> Answer {
    let addresses: Vec<String> = parameters.required(0)?;
    let config: EpochConfig = parameters.optional(1)?;
    for address in &addresses {
        parameters::pubkey(address)?;
    }
    check_commitment(config.commitment)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let schedule = &bank.context().sysvars.epoch_schedule;
    let current = bank.context().sysvars.clock.epoch;
    let epoch = config.epoch.unwrap_or(current.saturating_sub(1));
    // The rewards of an epoch are in the first block of the next.
    let rewarded_in = schedule.get_first_slot_in_epoch(epoch.saturating_add(1));
    if rewarded_in > bank.named_slot() {
        return Err(block_not_available(rewarded_in));
    }
    let first_available = context.reader.first_available_block();
    if rewarded_in < first_available {
        let why = NoBlock::CleanedUp { first_available };
        return Err(no_block(rewarded_in, why));
    }
    answer(&vec![None::<RpcInflationReward>; addresses.len()])
}

pub(crate) fn get_stake_minimum_delegation(
    context: &RpcContext,
    parameters: &Parameters,
) -> Answer {
    let config: ContextConfig = parameters.optional(0)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    answer_in_slot(bank.slot(), STAKE_MINIMUM_LAMPORTS)
}

pub(crate) fn get_recent_performance_samples(
    context: &RpcContext,
    parameters: &Parameters,
) -> Answer {
    let max = context.performance.samples_max();
    let limit: Option<usize> = parameters.optional(0)?;
    let limit = limit.unwrap_or(max);
    if limit > max {
        return Err(invalid_params(format!("Invalid limit; max {max}")));
    }
    answer(&context.performance.newest(limit))
}

/// The lowest price per compute unit that got a transaction into each of the newest slots, and, of those that write one
/// of the addresses, the highest of the lowest for each.
pub(crate) fn get_recent_prioritization_fees(
    context: &RpcContext,
    parameters: &Parameters,
) -> Answer {
    let addresses: Option<Vec<String>> = parameters.optional(0)?;
    let addresses = addresses.unwrap_or_default();
    let addresses = parameters::pubkeys(&addresses, PRIORITIZATION_FEE_ADDRESSES_MAX)?;
    let open = context.reader.slot().slot;
    let first = open.saturating_sub(PRIORITIZATION_FEE_SLOTS);
    let mut left = context.limits.prioritization_fee_transactions_max;
    let mut fees = Vec::new();
    // The newest first, so that what is looked at in vain is the oldest.
    for slot in (first..open).rev() {
        match context.reader.block(slot) {
            Ok(block) => {
                let Some(fee) = prioritization_fee(&block, &addresses, &mut left) else {
                    break;
                };
                fees.push(RpcPrioritizationFee {
                    slot,
                    prioritization_fee: fee,
                });
            }
            // Before the chain, or no longer kept.
            Err(NoBlock::CleanedUp { .. } | NoBlock::NotYet | NoBlock::Skipped) => {}
            Err(why) => return Err(no_block(slot, why)),
        }
    }
    fees.reverse();
    answer(&fees)
}

/// What a transaction paid for each compute unit, in micro-lamports, as Agave derives it from the fee, which has been
/// rounded up. `None`: it asked for no units, so that its fee says nothing.
fn price_paid(transaction: &VerifiedTransaction) -> Option<u64> {
    let priority_fee = transaction.fee(0);
    let micro_lamports = u128::from(priority_fee) * 1_000_000;
    let price = micro_lamports.checked_div(transaction.budget().unit_limit.into())?;
    // Of a price that has no room Agave makes none.
    Some(u64::try_from(price).unwrap_or(0))
}

/// `None`: the block has more transactions than are `left` to be looked at, or they cannot be read.
fn prioritization_fee(
    block: &PublishedBlock,
    addresses: &[Pubkey],
    left: &mut usize,
) -> Option<u64> {
    let mut lowest = None::<u64>;
    let mut lowest_of = vec![None::<u64>; addresses.len()];
    for transaction in block.transactions() {
        *left = left.checked_sub(1)?;
        let transaction: PublishedTransaction = transaction.ok()?;
        let transaction = transaction.transaction();
        let Some(price) = price_paid(transaction) else {
            continue;
        };
        let lower = |lowest: Option<u64>| Some(lowest.map_or(price, |it| it.min(price)));
        lowest = lower(lowest);
        for (address, lowest) in addresses.iter().zip(&mut lowest_of) {
            let mut accounts = 0..transaction.account_count();
            if accounts.any(|i| transaction.key(i) == address && transaction.is_writable(i)) {
                *lowest = lower(*lowest);
            }
        }
    }
    let of_addresses = lowest_of.into_iter().flatten().max();
    Some(lowest.unwrap_or(0).max(of_addresses.unwrap_or(0)))
}
