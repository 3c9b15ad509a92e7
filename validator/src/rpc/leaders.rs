//! Who leads when, and what the network is: it has one node, which leads always.
//! Source of the shapes and errors: `rpc/src/rpc.rs` of agave 4.2.

use super::errors::{invalid_params, no_snapshot};
use super::parameters::{self, ContextConfig, Parameters};
use super::{AGAVE_VERSION, Answer, RpcContext, answer, answer_in_slot};
use crate::commitment::lenient;
use serde::Deserialize;
use serde_json::json;
use solana_commitment_config::CommitmentLevel;
use solana_rpc_client_types::response::{
    RpcBlockCommitment, RpcBlockProduction, RpcBlockProductionRange, RpcContactInfo,
    RpcSnapshotSlotInfo, RpcVoteAccountStatus,
};
use solana_signer::Signer;
use std::collections::HashMap;

/// Slots in an answer to `getSlotLeaders`.
const SLOT_LEADERS_MAX: u64 = 5_000;

/// Votes of one depth: what `getBlockCommitment` counts.
type BlockCommitmentArray = [u64; 32];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LeaderScheduleConfig {
    identity: Option<String>,
    #[serde(deserialize_with = "lenient")]
    commitment: Option<CommitmentLevel>,
}

/// The slot of an epoch, which may be left out: then the configuration has its place.
#[derive(Deserialize)]
#[serde(untagged)]
enum SlotOrConfig {
    Slot(u64),
    Config(LeaderScheduleConfig),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BlockProductionConfig {
    identity: Option<String>,
    #[serde(deserialize_with = "lenient")]
    commitment: Option<CommitmentLevel>,
    range: Option<BlockProductionRange>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockProductionRange {
    first_slot: u64,
    last_slot: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct VoteAccountsConfig {
    vote_pubkey: Option<String>,
}

impl RpcContext {
    fn identity(&self) -> String {
        self.genesis.identity.pubkey().to_string()
    }
}

pub(crate) fn get_slot_leader(context: &RpcContext, parameters: &Parameters) -> Answer {
    let config: ContextConfig = parameters.optional(0)?;
    context.bank(config.commitment, config.min_context_slot)?;
    answer(&context.identity())
}

pub(crate) fn get_slot_leaders(context: &RpcContext, parameters: &Parameters) -> Answer {
    let first: u64 = parameters.required(0)?;
    let limit: u64 = parameters.required(1)?;
    if limit > SLOT_LEADERS_MAX {
        return Err(invalid_params(format!(
            "Invalid limit; max {SLOT_LEADERS_MAX}"
        )));
    }
    let open = context.reader.slot();
    let schedule = &open.sysvars.epoch_schedule;
    // As far as a schedule is known on Solana: to the end of the next epoch.
    let known = schedule.get_epoch(open.slot) + 1;
    let last = first.saturating_add(limit.saturating_sub(1));
    let epoch = schedule.get_epoch(last);
    if epoch > known {
        return Err(invalid_params(format!(
            "Invalid slot range: leader schedule for epoch {epoch} is unavailable"
        )));
    }
    answer(&vec![context.identity(); limit as usize])
}

pub(crate) fn get_leader_schedule(context: &RpcContext, parameters: &Parameters) -> Answer {
    let (slot, config): (_, LeaderScheduleConfig) = match parameters.optional(0)? {
        Some(SlotOrConfig::Config(config)) => (None, config),
        Some(SlotOrConfig::Slot(slot)) => (Some(slot), parameters.optional(1)?),
        None => (None, parameters.optional(1)?),
    };
    let bank = context.bank(config.commitment, None)?;
    let slot = slot.unwrap_or(bank.slot());
    if let Some(identity) = &config.identity {
        parameters::pubkey(identity)?;
    }
    let schedule = &bank.context().sysvars.epoch_schedule;
    let epoch = schedule.get_epoch(slot);
    if epoch > schedule.get_epoch(bank.slot()) + 1 {
        return answer(&None::<()>);
    }
    let own = context.identity();
    if config.identity.is_some_and(|identity| identity != own) {
        return answer(&json!({}));
    }
    let slots: Vec<u64> = (0..schedule.get_slots_in_epoch(epoch)).collect();
    answer(&HashMap::from([(own, slots)]))
}

pub(crate) fn get_block_production(context: &RpcContext, parameters: &Parameters) -> Answer {
    let config: BlockProductionConfig = parameters.optional(0)?;
    if let Some(identity) = &config.identity {
        parameters::pubkey(identity)?;
    }
    let bank = context.bank(config.commitment, None)?;
    let newest = bank.named_slot();
    let schedule = &bank.context().sysvars.epoch_schedule;
    let range = config.range.unwrap_or_else(|| BlockProductionRange {
        first_slot: schedule.get_first_slot_in_epoch(schedule.get_epoch(newest)),
        last_slot: None,
    });
    let (first_slot, last_slot) = (range.first_slot, range.last_slot.unwrap_or(newest));
    if last_slot < first_slot {
        return Err(invalid_params(format!(
            "lastSlot, {last_slot}, cannot be less than firstSlot, {first_slot}"
        )));
    }
    if last_slot > newest {
        return Err(invalid_params(format!(
            "lastSlot, {last_slot}, is too large; max {newest}"
        )));
    }
    let own = context.identity();
    let is_wanted = config.identity.is_none_or(|identity| identity == own);
    let slots = usize::try_from(last_slot - first_slot + 1).unwrap_or(usize::MAX);
    let production = RpcBlockProduction {
        // Each of its slots has a block.
        by_identity: is_wanted
            .then_some((own, (slots, slots)))
            .into_iter()
            .collect(),
        range: RpcBlockProductionRange {
            first_slot,
            last_slot,
        },
    };
    answer_in_slot(bank.slot(), production)
}

/// Nobody votes, so nothing is known of votes on a block.
pub(crate) fn get_block_commitment(_: &RpcContext, parameters: &Parameters) -> Answer {
    let _block: u64 = parameters.required(0)?;
    answer(&RpcBlockCommitment::<BlockCommitmentArray> {
        commitment: None,
        total_stake: 0,
    })
}

/// Alpenglow's first certificate: there is no such consensus.
pub(crate) fn get_ag_genesis_cert(_: &RpcContext, _: &Parameters) -> Answer {
    answer(&None::<()>)
}

pub(crate) fn get_vote_accounts(_: &RpcContext, parameters: &Parameters) -> Answer {
    let config: VoteAccountsConfig = parameters.optional(0)?;
    if let Some(key) = &config.vote_pubkey {
        parameters::pubkey(key)?;
    }
    answer(&RpcVoteAccountStatus {
        current: Vec::new(),
        delinquent: Vec::new(),
    })
}

pub(crate) fn get_cluster_nodes(context: &RpcContext, _: &Parameters) -> Answer {
    let (rpc, pubsub) = context.addresses.unzip();
    let ingest = context.ingest_addresses;
    answer(&[RpcContactInfo {
        pubkey: context.identity(),
        gossip: None,
        tvu: None,
        tpu: ingest.and_then(|it| it.udp),
        tpu_quic: ingest.map(|it| it.quic),
        tpu_forwards: None,
        tpu_forwards_quic: None,
        tpu_vote: None,
        serve_repair: None,
        rpc,
        pubsub,
        version: Some(AGAVE_VERSION.to_owned()),
        client_id: Some("Sealane".to_owned()),
        feature_set: Some(0),
        shred_version: Some(shred_version(context.reader.genesis_hash().as_ref())),
    }])
}

/// What tells chains apart in 16 bits: `shred_version.rs` of agave 4.2, of a chain that was never restarted.
fn shred_version(genesis_hash: &[u8]) -> u16 {
    let pairs = genesis_hash.chunks_exact(2);
    let folded = pairs.fold(0, |all, pair| all ^ u16::from_be_bytes([pair[0], pair[1]]));
    folded.saturating_add(1)
}

/// The newest slot that shreds of were seen of: that of the open slot, as there are none.
pub(crate) fn get_max_shred_slot(context: &RpcContext, _: &Parameters) -> Answer {
    answer(&context.reader.slot().slot)
}

pub(crate) fn get_highest_snapshot_slot(context: &RpcContext, _: &Parameters) -> Answer {
    let newest = context.snapshot_folder.as_deref();
    let newest = newest.and_then(crate::snapshots::newest_slot_in);
    let full = newest.ok_or_else(no_snapshot)?;
    answer(&RpcSnapshotSlotInfo {
        full,
        incremental: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shred_version_is_never_zero() {
        assert_eq!(shred_version(&[0; 32]), 1);
        let mut hash = [0; 32];
        (hash[0], hash[31]) = (0x12, 0x34);
        assert_eq!(shred_version(&hash), 0x1235);
    }
}
