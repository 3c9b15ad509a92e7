//! How much memory this process has.

use anyhow::{Context, Result};
use std::fmt;
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(1);

/// Resident bytes over time.
pub(crate) struct Samples(Vec<u64>);

/// Samples for so long.
pub(crate) fn watch(length: Duration) -> Result<Samples> {
    let (started, mut samples) = (Instant::now(), Vec::new());
    while started.elapsed() < length {
        std::thread::sleep(INTERVAL);
        samples.push(resident_bytes()?);
    }
    Ok(Samples(samples))
}

fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("the system does not say")?;
    let kilobytes = line.trim().split(' ').next().unwrap_or_default();
    Ok(kilobytes.parse::<u64>()? << 10)
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quarter = self.0.len().div_ceil(4).max(1);
        write!(f, "at most, by quarters of the time:")?;
        for part in self.0.chunks(quarter) {
            let most = part.iter().max().copied().unwrap_or_default();
            write!(f, " {} MB", most >> 20)?;
        }
        Ok(())
    }
}
