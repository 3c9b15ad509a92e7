//! `GET /metrics`: the node's counters in the text format of Prometheus (version 0.0.4).
//! Source of the format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use rustix::time::ClockId;
use sealane_runtime::{Counters, Reader, StageTimes};
use std::fmt::Write;
use std::time::Duration;

/// What the format is called in `Content-Type`.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All counters, now.
pub(crate) fn text(reader: &Reader) -> String {
    let (counters, waits) = (reader.counters(), reader.waits());
    let mut text = Text::default();
    text.gauge("slot", "The open slot.", reader.slot().slot);
    text.gauge(
        "healthy",
        "Whether all threads run and the ledger takes what comes.",
        u64::from(reader.is_healthy()),
    );
    text.counter(
        "transactions",
        "Transactions in the chain.",
        reader.transaction_count(),
    );
    let Counters {
        received,
        refused,
        shed,
        evicted,
        dropped,
        visible,
        failed,
        queued,
        entries,
        resident_bytes,
        cold_reads,
        busy,
        ..
    } = counters;
    for (name, help, value) in [
        ("received", "Transactions handed in.", received),
        ("refused", "Transactions refused at admission.", refused),
        (
            "shed",
            "Of these, refused for their low priority before their signature was checked.",
            shed,
        ),
        (
            "evicted",
            "Transactions displaced by a higher priority.",
            evicted,
        ),
        (
            "dropped",
            "Transactions that the bank did not charge.",
            dropped,
        ),
        ("visible", "Transactions that became visible.", visible),
        ("failed", "Visible transactions that failed.", failed),
        ("entries", "Entries published.", entries),
        ("cold_reads", "Accounts read from the disk.", cold_reads),
    ] {
        text.counter(name, help, value);
    }
    text.gauge(
        "queued",
        "Transactions that wait for a banking thread.",
        queued,
    );
    text.gauge(
        "resident_bytes",
        "Bytes of accounts in memory, where that is bounded.",
        resident_bytes,
    );
    text.busy(&busy);
    for (quantile, share) in [("0.5", 0.5), ("0.99", 0.99)] {
        let seconds = waits.quantile(share).as_secs_f64();
        text.sample(
            &format!("wait_seconds{{quantile=\"{quantile}\"}}"),
            &seconds.to_string(),
        );
    }
    text.process();
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let name = format!("{name}_total");
        self.family(&name, help, "counter");
        self.sample(&name, &value.to_string());
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, help, "gauge");
        self.sample(name, &value.to_string());
    }

    fn busy(&mut self, busy: &StageTimes) {
        let help = "Time that all threads of a stage worked.";
        self.family("stage_busy_seconds_total", help, "counter");
        for (stage, time) in [
            ("verify", busy.verify),
            ("schedule", busy.schedule),
            ("bank", busy.bank),
            ("publish", busy.publish),
        ] {
            let time: Duration = time;
            let name = format!("stage_busy_seconds_total{{stage=\"{stage}\"}}");
            self.sample(&name, &time.as_secs_f64().to_string());
        }
        let help = "How long transactions waited between insertion and their banking thread.";
        self.family("wait_seconds", help, "summary");
    }

    /// What Prometheus' clients call it in every process, so without our prefix.
    fn process(&mut self) {
        let time = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
        let seconds = Duration::try_from(time).unwrap_or_default().as_secs_f64();
        let name = "process_cpu_seconds_total";
        let _ = writeln!(self.0, "# HELP {name} User and system time of the process.");
        let _ = writeln!(self.0, "# TYPE {name} counter");
        let _ = writeln!(self.0, "{name} {seconds}");
    }

    fn family(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP sealane_{name} {help}");
        let _ = writeln!(self.0, "# TYPE sealane_{name} {kind}");
    }

    fn sample(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "sealane_{name} {value}");
    }
}
