//! What this process takes of the machine, by the kernel.

use anyhow::{Context, Result};
use rustix::time::ClockId;
use std::fs;
use std::time::Duration;

/// Bytes of memory that this process has; Linux only.
pub fn resident_bytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("this system does not say")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib.context("no VmRSS")?.trim().parse()?;
    Ok(kib * 1024)
}

/// How long this process, or this thread of it, was on a processor.
pub(crate) fn processor_time(clock: ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    Duration::try_from(time).unwrap_or_default()
}
