//! `surfnet_timeTravel`, `surfnet_pauseClock` and `surfnet_resumeClock`.

use super::{failed, operator};
use crate::rpc::{Answer, Parameters, RpcContext, answer};
use sealane_runtime::{SlotContext, TimeTravel};
use serde::Deserialize;
use solana_epoch_info::EpochInfo;

/// How far time goes where nobody says: an hour.
const DEFAULT_MS: i64 = 3_600_000;

/// Where to; one of them.
#[derive(Clone, Copy, Deserialize)]
enum TimeTravelConfig {
    #[serde(rename = "absoluteEpoch")]
    Epoch(u64),
    #[serde(rename = "absoluteSlot")]
    Slot(u64),
    /// Unix milliseconds.
    #[serde(rename = "absoluteTimestamp")]
    Timestamp(u64),
}

pub(super) fn time_travel(context: &RpcContext, parameters: &Parameters) -> Answer {
    let config: Option<TimeTravelConfig> = parameters.optional(0)?;
    let to = match config {
        Some(TimeTravelConfig::Epoch(epoch)) => TimeTravel::Epoch(epoch),
        Some(TimeTravelConfig::Slot(slot)) => TimeTravel::Slot(slot),
        Some(TimeTravelConfig::Timestamp(time_ms)) => TimeTravel::Time(time_ms),
        None => {
            let time_ms = context.reader.slot().time_ms.saturating_add(DEFAULT_MS);
            TimeTravel::Time(u64::try_from(time_ms).unwrap_or(0))
        }
    };
    let open = operator(context)?.time_travel(to).map_err(failed)?;
    answer(&epoch_info(context, &open))
}

pub(super) fn pause_clock(context: &RpcContext, _: &Parameters) -> Answer {
    let open = operator(context)?.pause_clock().map_err(failed)?;
    answer(&epoch_info(context, &open))
}

pub(super) fn resume_clock(context: &RpcContext, _: &Parameters) -> Answer {
    let open = operator(context)?.resume_clock().map_err(failed)?;
    answer(&epoch_info(context, &open))
}

/// Where the chain is: its open slot, which is what programs see. `getEpochInfo` names the newest sealed one.
fn epoch_info(context: &RpcContext, open: &SlotContext) -> EpochInfo {
    let schedule = &open.sysvars.epoch_schedule;
    let (epoch, slot_index) = schedule.get_epoch_and_slot_index(open.slot);
    EpochInfo {
        epoch,
        slot_index,
        slots_in_epoch: schedule.get_slots_in_epoch(epoch),
        absolute_slot: open.slot,
        block_height: open.slot,
        transaction_count: Some(context.reader.transaction_count()),
    }
}
