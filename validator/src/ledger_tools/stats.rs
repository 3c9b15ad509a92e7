//! What is in a ledger, in numbers.

use super::sizes::{self, Sizes};
use super::{genesis, log_of};
use sealane_runtime::{ChainItem, ChainStep, ChainWalk, Disk, SlotOpened, read_checkpoints};
use serde::Serialize;
use solana_signer::Signer;
use std::fmt;
use std::sync::Arc;

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stats {
    genesis_hash: String,
    identity: String,
    /// The oldest slot that is kept and the last.
    first_slot: Option<Slot>,
    last_slot: Option<Slot>,
    slots: u64,
    entries: u64,
    transactions: u64,
    failed: u64,
    fees_lamports: u64,
    headers: u64,
    records: u64,
    stopped_cleanly: bool,
    bytes: Sizes,
    bytes_total: u64,
    /// Bytes of the block log for each transaction.
    bytes_per_transaction: Option<f64>,
    checkpoints: Vec<CheckpointStats>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Slot {
    slot: u64,
    time_ms: i64,
    /// The same for people.
    time: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckpointStats {
    number: u64,
    slot: u64,
    accounts: u64,
    state_root: String,
    /// Bytes of the segments that it names.
    bytes: u64,
    /// The record of the block log that a start goes on with.
    record: u64,
}

/// Goes through all of a ledger. `Err` says what is wrong with it: `verify` says more.
pub(super) fn gather(disk: &Arc<dyn Disk>) -> anyhow::Result<Stats> {
    let genesis = genesis(&**disk)?;
    let checkpoints = read_checkpoints(&**disk, &genesis.hash, "accounts")?;
    let checkpoints = checkpoints.iter().map(|checkpoint| CheckpointStats {
        number: checkpoint.number,
        slot: checkpoint.state.slot,
        accounts: checkpoint.account_count,
        state_root: checkpoint.state.state_root.to_string(),
        bytes: checkpoint.segment_bytes(),
        record: checkpoint.state.log.record,
    });
    let bytes = sizes::of(&**disk)?;
    let (log, origin) = log_of(disk, &genesis)?;
    let mut stats = Stats {
        genesis_hash: genesis.hash.to_string(),
        identity: genesis.identity.pubkey().to_string(),
        first_slot: None,
        last_slot: None,
        slots: 0,
        entries: 0,
        transactions: 0,
        failed: 0,
        fees_lamports: 0,
        headers: 0,
        records: 0,
        stopped_cleanly: false,
        bytes,
        bytes_total: bytes.total(),
        bytes_per_transaction: None,
        checkpoints: checkpoints.collect(),
    };
    let mut walk = ChainWalk::new(&log, &origin, &[])?;
    for step in walk.by_ref() {
        stats.add(&step?);
    }
    let end = walk.end().expect("all was taken");
    stats.records = (end.record + 1).saturating_sub(log.first_record());
    stats.stopped_cleanly = end.is_closed;
    if stats.transactions > 0 {
        let exact = bytes.blocks as f64 / stats.transactions as f64;
        stats.bytes_per_transaction = Some((exact * 10.0).round() / 10.0);
    }
    Ok(stats)
}

impl Stats {
    fn add(&mut self, step: &ChainStep) {
        for opened in &step.opened {
            let slot = Slot::from(opened);
            self.first_slot.get_or_insert_with(|| slot.clone());
            self.last_slot = Some(slot);
            self.slots += 1;
        }
        self.entries += u64::from(step.entry.is_some());
        self.headers += u64::from(step.header.is_some());
        for item in &step.items {
            if let ChainItem::Transaction(logged) = item {
                self.transactions += 1;
                self.failed += u64::from(logged.record.status.is_err());
                self.fees_lamports += logged.record.fee;
            }
        }
    }
}

impl From<&SlotOpened> for Slot {
    fn from(opened: &SlotOpened) -> Self {
        Self {
            slot: opened.slot,
            time_ms: opened.time_ms,
            time: in_utc(opened.time_ms),
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Genesis       {}", self.genesis_hash)?;
        writeln!(f, "Identity      {}", self.identity)?;
        if let (Some(first), Some(last)) = (&self.first_slot, &self.last_slot) {
            let (slots, from, to) = (self.slots, first.slot, last.slot);
            writeln!(f, "Slots         {slots}, from {from} to {to}")?;
            writeln!(f, "Time          {} to {}", first.time, last.time)?;
        }
        let ok = self.transactions - self.failed;
        writeln!(f, "Transactions  {ok} succeeded, {} failed", self.failed)?;
        writeln!(f, "Fees          {} lamports", self.fees_lamports)?;
        let (entries, headers) = (self.entries, self.headers);
        let records = self.records;
        writeln!(
            f,
            "Block log     {records} records, {entries} entries, {headers} headers"
        )?;
        let Sizes {
            blocks,
            segments,
            checkpoints,
            history,
            other,
        } = self.bytes;
        let total = self.bytes_total;
        writeln!(
            f,
            "Bytes         {total}: block log {blocks}, account segments {segments}, checkpoints {checkpoints}, \
             history {history}, other {other}"
        )?;
        if let Some(bytes) = self.bytes_per_transaction {
            writeln!(
                f,
                "              {bytes} of the block log for each transaction"
            )?;
        }
        for checkpoint in &self.checkpoints {
            let CheckpointStats {
                number,
                slot,
                accounts,
                state_root,
                ..
            } = checkpoint;
            writeln!(
                f,
                "Checkpoint    {number}: slot {slot}, {accounts} accounts, state root {state_root}"
            )?;
        }
        let stopped = if self.stopped_cleanly {
            "cleanly"
        } else {
            "not cleanly"
        };
        writeln!(f, "Stopped       {stopped}")
    }
}

/// Unix milliseconds as RFC 3339 has them. The date is found as in Howard Hinnant's `civil_from_days`: years
/// begin in March, so that the day that leap years add is their last.
fn in_utc(unix_ms: i64) -> String {
    const DAY_MS: i64 = 86_400_000;
    const ERA_DAYS: i64 = 146_097;
    let days = unix_ms.div_euclid(DAY_MS) + 719_468;
    let (era, day) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let ms = unix_ms.rem_euclid(DAY_MS);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    let ms = ms % 1_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_write_them() {
        let check = |unix_ms, expected: &str| assert_eq!(in_utc(unix_ms), expected);
        check(0, "1970-01-01T00:00:00.000Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(951_868_800_123, "2000-03-01T00:00:00.123Z");
        check(1_767_225_599_999, "2025-12-31T23:59:59.999Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
    }
}
