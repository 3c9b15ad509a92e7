//! What `banking-bench` prints and writes.

use crate::measure::Measured;
use crate::pace::Latencies;
use crate::verdict::Verdict;
use crate::workload::WorkloadOptions;
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// The figures of all runs.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the workload.
    pub workload: &'static str,
    /// Transactions of a run.
    pub transactions: u64,
    /// Accounts resident at genesis.
    pub accounts: u64,
    /// `auto` or their number.
    pub banking_threads: String,
    /// Whether signatures were checked: `on` or `off`.
    pub sigverify: &'static str,
    /// Seed of the workload.
    pub seed: u64,
    /// Runs.
    pub runs: usize,
    /// Length of a slot, in milliseconds.
    pub slot_ms: u64,
    /// `warm`: a run before the first one that counts, and the allocator keeps its memory; or `cold`.
    pub memory: &'static str,
    /// Whether a transaction counted only once the block log had it on disk.
    pub durable: bool,
    /// Transactions a second: median of the runs.
    pub tps_median: f64,
    /// Slowest run.
    pub tps_min: f64,
    /// Fastest run.
    pub tps_max: f64,
    /// Wall time of a transaction in the median run.
    pub ns_per_transaction: f64,
    /// Processor time of a transaction by stage, in the median run; stages run side by side.
    #[serde(serialize_with = "as_map")]
    pub stage_ns_per_transaction: Vec<(String, f64)>,
    /// Wait between insertion and banking thread that half of the transactions did not exceed, in the
    /// median run.
    pub wait_us_p50: f64,
    /// The same for 99 in 100.
    pub wait_us_p99: f64,
    /// Transactions a second that were handed in, if not as fast as they were taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
    /// At that rate, from bytes in to visible: what half of the transactions did not exceed, in the median run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us_p50: Option<f64>,
    /// The same for 99 in 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us_p99: Option<f64>,
    /// The longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us_max: Option<f64>,
    /// Transactions in the longest chain of conflicts, in the last run.
    pub longest_chain: u64,
    /// Visible transactions that failed, in the last run.
    pub failed: u64,
    /// Transactions that were refused, evicted or dropped, in the last run.
    pub not_run: u64,
    /// Hash of the state that the last run left.
    pub state_hash: String,
    /// Hash of the state that a serial run of its order left.
    pub serial_state_hash: String,
    /// What differs from the serial run, over all runs.
    pub differences: Vec<String>,
}

impl Report {
    /// Sums up. `runs` is not empty.
    pub fn new(
        options: &WorkloadOptions,
        accounts: u64,
        banking_threads: String,
        slot_ms: u64,
        memory: &'static str,
        durable: bool,
        runs: &[(Measured, Verdict)],
    ) -> Self {
        let mut by_time: Vec<&Measured> = runs.iter().map(|(measured, _)| measured).collect();
        by_time.sort_by_key(|measured| measured.elapsed);
        let transactions = options.transactions;
        let tps = |measured: &Measured| transactions as f64 / measured.elapsed.as_secs_f64();
        let (fastest, median) = (by_time[0], by_time[by_time.len() / 2]);
        let slowest = by_time[by_time.len() - 1];
        let (last, verdict) = &runs[runs.len() - 1];
        let each = |ns: u64| ns as f64 / transactions as f64;
        let counters = last.counters;
        let latency_us = |of: fn(&Latencies) -> Duration| {
            let latencies = median.latencies.as_ref();
            latencies.map(|latencies| of(latencies).as_secs_f64() * 1e6)
        };
        let wait_us = |quantile| median.waits.quantile(quantile).as_secs_f64() * 1e6;
        Self {
            workload: options.kind.name(),
            transactions,
            accounts,
            banking_threads,
            sigverify: if options.real_signatures { "on" } else { "off" },
            seed: options.seed,
            runs: runs.len(),
            slot_ms,
            memory,
            durable,
            tps_median: tps(median),
            tps_min: tps(slowest),
            tps_max: tps(fastest),
            ns_per_transaction: each(median.elapsed.as_nanos() as u64),
            stage_ns_per_transaction: median
                .stages
                .iter()
                .map(|(stage, ns)| (stage.clone(), each(*ns)))
                .collect(),
            wait_us_p50: wait_us(0.5),
            wait_us_p99: wait_us(0.99),
            rate: median.latencies.map(|latencies| latencies.rate),
            latency_us_p50: latency_us(|latencies| latencies.p50),
            latency_us_p99: latency_us(|latencies| latencies.p99),
            latency_us_max: latency_us(|latencies| latencies.max),
            longest_chain: verdict.longest_chain,
            failed: counters.failed,
            not_run: counters.refused + counters.evicted + counters.dropped,
            state_hash: verdict.state_hash.to_string(),
            serial_state_hash: verdict.serial_state_hash.to_string(),
            differences: runs
                .iter()
                .flat_map(|(_, verdict)| verdict.differences.clone())
                .collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(
            f,
            "workload",
            &format_args!("{}, seed {}", self.workload, self.seed),
        )?;
        row(f, "transactions", &thousands(self.transactions as f64))?;
        row(f, "accounts resident", &thousands(self.accounts as f64))?;
        row(f, "banking threads", &self.banking_threads)?;
        let signatures = match self.sigverify {
            "on" => "checked",
            _ => "NOT checked (--sigverify off): unique filler, no valid signatures",
        };
        row(f, "signatures", &signatures)?;
        let log = if self.durable {
            "block log on disk; no network, no RPC"
        } else {
            "none: in memory, in process"
        };
        row(f, "block log, network, RPC", &log)?;
        row(f, "slot", &format_args!("{} ms", self.slot_ms))?;
        let memory = match self.memory {
            "warm" => "warm: after a run that is not counted",
            _ => "cold: fresh from the system in every run",
        };
        row(f, "memory", &memory)?;
        row(f, "runs", &self.runs)?;
        writeln!(f)?;
        row(
            f,
            "transactions a second",
            &format_args!("{} (median)", thousands(self.tps_median)),
        )?;
        let (min, max) = (thousands(self.tps_min), thousands(self.tps_max));
        row(f, "", &format_args!("{min} to {max}"))?;
        row(
            f,
            "ns per transaction",
            &format_args!("{:.0} of wall time", self.ns_per_transaction),
        )?;
        for (stage, ns) in &self.stage_ns_per_transaction {
            row(f, "", &format_args!("{ns:.0} of processor time in {stage}"))?;
        }
        let wait = |us: f64| thousands(us);
        row(
            f,
            "wait for locks and turn",
            &format_args!("{} µs (p50)", wait(self.wait_us_p50)),
        )?;
        row(f, "", &format_args!("{} µs (p99)", wait(self.wait_us_p99)))?;
        if let (Some(rate), Some(p50), Some(p99), Some(max)) = (
            self.rate,
            self.latency_us_p50,
            self.latency_us_p99,
            self.latency_us_max,
        ) {
            let at = format_args!("at {} a second", thousands(rate as f64));
            row(f, "bytes in to visible", &at)?;
            let (p50, p99, max) = (wait(p50), wait(p99), wait(max));
            row(
                f,
                "",
                &format_args!("{p50} µs (p50), {p99} µs (p99), {max} µs at most"),
            )?;
        }
        row(
            f,
            "longest conflict chain",
            &thousands(self.longest_chain as f64),
        )?;
        row(
            f,
            "failed, not run",
            &format_args!("{}, {}", self.failed, self.not_run),
        )?;
        row(f, "state hash", &self.state_hash)?;
        row(f, "serial state hash", &self.serial_state_hash)?;
        if self.differences.is_empty() {
            return row(
                f,
                "",
                &"every account and every result equals the serial run",
            );
        }
        row(f, "", &"DIFFERS from the serial run:")?;
        self.differences
            .iter()
            .try_for_each(|difference| row(f, "", difference))
    }
}

fn as_map<S: Serializer>(stages: &[(String, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(stages.iter().map(|(stage, ns)| (stage, ns)))
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display) -> fmt::Result {
    writeln!(f, "  {name:<24}{value}")
}

/// A whole number with commas.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (value, expected) in [
            (0.0, "0"),
            (999.4, "999"),
            (1_000.0, "1,000"),
            (1e7, "10,000,000"),
        ] {
            assert_eq!(thousands(value), expected);
        }
    }
}
