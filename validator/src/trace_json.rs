//! A trace as JSON: the field `trace` of a simulation that asked for it, and `ledger replay --trace --json`.

use sealane_sdk::{AccountChange, InstructionError, InstructionTrace, TransactionTrace};
use serde::Serialize;
use solana_pubkey::Pubkey;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TraceJson {
    instructions: Vec<InstructionJson>,
    over_locked: Vec<String>,
    never_read: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstructionJson {
    program_id: String,
    stack_height: usize,
    data_length: usize,
    units_consumed: u64,
    units_consumed_self: u64,
    wall_nanos: u64,
    wall_nanos_self: u64,
    err: Option<InstructionError>,
    logs: Vec<String>,
    caller_logs: usize,
    changes: Vec<ChangeJson>,
    calls: Vec<InstructionJson>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeJson {
    pubkey: String,
    lamports: BeforeAfter<u64>,
    owner: BeforeAfter<String>,
    executable: BeforeAfter<bool>,
    data_length: BeforeAfter<usize>,
    data_ranges: Vec<[usize; 2]>,
    more_data_ranges: bool,
}

#[derive(Clone, Debug, Serialize)]
struct BeforeAfter<T> {
    before: T,
    after: T,
}

impl<T> From<(T, T)> for BeforeAfter<T> {
    fn from((before, after): (T, T)) -> Self {
        Self { before, after }
    }
}

impl From<&TransactionTrace> for TraceJson {
    fn from(trace: &TransactionTrace) -> Self {
        Self {
            instructions: trace.instructions.iter().map(Into::into).collect(),
            over_locked: trace.over_locked().map(Pubkey::to_string).collect(),
            never_read: trace.never_read().map(Pubkey::to_string).collect(),
        }
    }
}

impl From<&InstructionTrace> for InstructionJson {
    fn from(trace: &InstructionTrace) -> Self {
        Self {
            program_id: trace.program.to_string(),
            stack_height: trace.stack_height,
            data_length: trace.data_len,
            units_consumed: trace.compute_units,
            units_consumed_self: trace.own_compute_units(),
            wall_nanos: trace.wall_ns,
            wall_nanos_self: trace.own_wall_ns(),
            err: trace.error.clone(),
            logs: trace.logs.clone(),
            caller_logs: trace.caller_logs,
            changes: trace.changes.iter().map(Into::into).collect(),
            calls: trace.calls.iter().map(Into::into).collect(),
        }
    }
}

impl From<&AccountChange> for ChangeJson {
    fn from(change: &AccountChange) -> Self {
        let (before, after) = change.owner;
        let ranges = change.ranges.iter();
        Self {
            pubkey: change.key.to_string(),
            lamports: change.lamports.into(),
            owner: (before.to_string(), after.to_string()).into(),
            executable: change.executable.into(),
            data_length: change.data_len.into(),
            data_ranges: ranges.map(|range| [range.start, range.end]).collect(),
            more_data_ranges: change.more_ranges,
        }
    }
}
