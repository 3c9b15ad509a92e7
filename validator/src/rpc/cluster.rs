//! Slots, blockhashes, epochs, versions: what concerns the chain and not one account.

use super::errors::{Verdict, invalid_params, unhealthy, verdict};
use super::parameters::{ContextConfig, Parameters};
use super::{AGAVE_VERSION, Answer, RpcContext, answer, answer_in_slot};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_runtime::BLOCKHASH_AGE_MAX;
use serde_json::json;
use solana_epoch_info::EpochInfo;
use solana_hash::Hash;
use solana_signature::SIGNATURE_BYTES;
use solana_signer::Signer;
use solana_transaction_error::TransactionError;
use std::str::FromStr;

pub(crate) fn get_slot(context: &RpcContext, parameters: &Parameters) -> Answer {
    let config: ContextConfig = parameters.optional(0)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    answer(&bank.named_slot())
}

/// No slot is ever skipped, so a block's height is its slot.
pub(crate) fn get_block_height(context: &RpcContext, parameters: &Parameters) -> Answer {
    get_slot(context, parameters)
}

pub(crate) fn get_epoch_info(context: &RpcContext, parameters: &Parameters) -> Answer {
    let config: ContextConfig = parameters.optional(0)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let slot = bank.named_slot();
    let schedule = &bank.context().sysvars.epoch_schedule;
    let (epoch, slot_index) = schedule.get_epoch_and_slot_index(slot);
    answer(&EpochInfo {
        epoch,
        slot_index,
        slots_in_epoch: schedule.get_slots_in_epoch(epoch),
        absolute_slot: slot,
        block_height: slot,
        transaction_count: Some(bank.transaction_count()),
    })
}

pub(crate) fn get_epoch_schedule(context: &RpcContext, _: &Parameters) -> Answer {
    answer(&context.reader.slot().sysvars.epoch_schedule)
}

pub(crate) fn get_latest_blockhash(context: &RpcContext, parameters: &Parameters) -> Answer {
    let config: ContextConfig = parameters.optional(0)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let (blockhash, slot) = bank.context().blockhashes[0];
    let value = json!({
        "blockhash": blockhash.to_string(),
        "lastValidBlockHeight": last_valid_block_height(slot),
    });
    answer_in_slot(bank.slot(), value)
}

/// The last block height (see `get_block_height`) at which a transaction with the blockhash that
/// `slot` made may still be sent.
pub(crate) fn last_valid_block_height(slot: u64) -> u64 {
    slot + BLOCKHASH_AGE_MAX
}

pub(crate) fn is_blockhash_valid(context: &RpcContext, parameters: &Parameters) -> Answer {
    let blockhash: String = parameters.required(0)?;
    let blockhash =
        Hash::from_str(&blockhash).map_err(|error| invalid_params(format!("{error:?}")))?;
    let config: ContextConfig = parameters.optional(1)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let is_known = bank.context().blockhash_slot(&blockhash).is_some();
    answer_in_slot(bank.slot(), is_known)
}

/// The fee of a message, null if its blockhash is not known. The message is checked like a transaction
/// whose signatures nobody has made yet.
pub(crate) fn get_fee_for_message(context: &RpcContext, parameters: &Parameters) -> Answer {
    let message: String = parameters.required(0)?;
    let message = BASE64_STANDARD
        .decode(message)
        .map_err(|error| invalid_params(format!("invalid base64 encoding: {error:?}")))?;
    let config: ContextConfig = parameters.optional(1)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    let slot = bank.context();

    match bank.verify(unsigned(message).into(), false) {
        Ok(transaction) => {
            let known = transaction.nonce_account().is_some()
                || slot
                    .blockhash_slot(transaction.recent_blockhash())
                    .is_some();
            let fee = known.then(|| transaction.fee(slot.lamports_per_signature));
            answer_in_slot(slot.slot, fee)
        }
        Err(error) => match verdict(error) {
            Verdict::Fails(TransactionError::BlockhashNotFound) => {
                answer_in_slot(slot.slot, None::<u64>)
            }
            Verdict::Fails(error) => Err(invalid_params(format!(
                "invalid transaction message: {error}"
            ))),
            Verdict::Invalid(error) => Err(error),
        },
    }
}

/// The message as a transaction that nobody has signed yet. Version 1 has the signatures behind its message.
fn unsigned(message: Vec<u8>) -> Vec<u8> {
    const VERSION_1: u8 = 0x81;
    let count = required_signatures(&message).unwrap_or(0);
    let signatures = vec![0; usize::from(count) * SIGNATURE_BYTES];
    if message.first() == Some(&VERSION_1) {
        [message, signatures].concat()
    } else {
        [vec![count], signatures, message].concat()
    }
}

/// How many signatures a message asks for: its first byte, or the second where the first says which
/// version it is. `None` for what is no message, or would need more than a transaction has room for.
fn required_signatures(message: &[u8]) -> Option<u8> {
    const VERSIONED: u8 = 0x80;
    let first = *message.first()?;
    let count = if first & VERSIONED != 0 {
        *message.get(1)?
    } else {
        first
    };
    (count & VERSIONED == 0).then_some(count)
}

pub(crate) fn get_version(_: &RpcContext, _: &Parameters) -> Answer {
    answer(&json!({ "solana-core": AGAVE_VERSION, "feature-set": 0 }))
}

pub(crate) fn get_health(context: &RpcContext, _: &Parameters) -> Answer {
    if !context.reader.is_healthy() {
        return Err(unhealthy());
    }
    answer(&"ok")
}

pub(crate) fn get_genesis_hash(context: &RpcContext, _: &Parameters) -> Answer {
    answer(&context.reader.genesis_hash().to_string())
}

pub(crate) fn get_identity(context: &RpcContext, _: &Parameters) -> Answer {
    answer(&json!({ "identity": context.genesis.identity.pubkey().to_string() }))
}

pub(crate) fn get_transaction_count(context: &RpcContext, parameters: &Parameters) -> Answer {
    let config: ContextConfig = parameters.optional(0)?;
    let bank = context.bank(config.commitment, config.min_context_slot)?;
    answer(&bank.transaction_count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_count_is_read_from_legacy_and_versioned_messages() {
        assert_eq!(required_signatures(&[2, 0, 1]), Some(2));
        assert_eq!(required_signatures(&[0x80, 3, 0]), Some(3));
        assert_eq!(required_signatures(&[0x81, 3, 0]), Some(3));
        assert_eq!(required_signatures(&[0x80]), None);
        assert_eq!(required_signatures(&[0x80, 0x80]), None);
        assert_eq!(required_signatures(&[]), None);
    }

    #[test]
    fn signatures_stand_where_the_version_has_them() {
        let none = [0; SIGNATURE_BYTES];
        for (message, before, behind) in [
            (&[1, 0, 0][..], &[&[1][..], &none].concat()[..], &[][..]),
            (&[0x80, 1, 0], &[&[1][..], &none].concat(), &[]),
            (&[0x81, 1, 0], &[], &none),
            (&[], &[0], &[]),
        ] {
            assert_eq!(
                unsigned(message.to_vec()),
                [before, message, behind].concat()
            );
        }
    }
}
