//! The live line on a terminal: slot, transactions per second, queue.

use crossbeam_channel::{Receiver, RecvTimeoutError};
use sealane_runtime::{Counters, Reader};
use std::io::Write;
use std::time::{Duration, Instant};

/// How often the line is drawn anew.
const INTERVAL: Duration = Duration::from_millis(500);

/// Draws the line in place until `stop` says something or is dropped, then leaves an empty line.
/// `out` must be a terminal.
pub(crate) fn run(reader: &Reader, stop: &Receiver<()>, out: &mut impl Write) {
    let mut before = (Instant::now(), reader.counters());
    while stop.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let now = (Instant::now(), reader.counters());
        let line = text(reader.slot().slot, &before.1, &now.1, now.0 - before.0);
        before = now;
        // Return to the start of the line, erase it, write.
        if write!(out, "\r\x1b[2K{line}")
            .and_then(|()| out.flush())
            .is_err()
        {
            return;
        }
    }
    // The terminal may be gone.
    let _ = write!(out, "\r\x1b[2K").and_then(|()| out.flush());
}

fn text(slot: u64, before: &Counters, now: &Counters, elapsed: Duration) -> String {
    let transactions = now.visible.saturating_sub(before.visible);
    let tps = transactions as f64 / elapsed.as_secs_f64().max(1e-3);
    let mut line = format!(
        "slot {} · {} TPS · queue {} · {} transactions",
        grouped(slot),
        grouped(tps.round() as u64),
        grouped(now.queued),
        grouped(now.visible),
    );
    for (count, what) in [
        (now.failed, "failed"),
        (now.refused, "refused"),
        (now.dropped, "dropped"),
    ] {
        if count > 0 {
            line.push_str(&format!(" · {} {what}", grouped(count)));
        }
    }
    line
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(visible: u64, queued: u64, failed: u64) -> Counters {
        let mut counters = Counters::default();
        (counters.visible, counters.queued, counters.failed) = (visible, queued, failed);
        counters
    }

    #[test]
    fn the_line_shows_rates_and_leaves_out_what_did_not_happen() {
        let before = counters(1_000, 0, 0);
        assert_eq!(
            text(
                1_234,
                &before,
                &counters(2_001_000, 12_345, 0),
                Duration::from_secs(2)
            ),
            "slot 1,234 · 1,000,000 TPS · queue 12,345 · 2,001,000 transactions"
        );
        assert_eq!(
            text(0, &before, &counters(1_000, 0, 3), Duration::from_secs(1)),
            "slot 0 · 0 TPS · queue 0 · 1,000 transactions · 3 failed"
        );
    }
}
