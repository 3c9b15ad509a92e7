//! How much memory this process has.

use anyhow::{Context, Result};
use std::fs;

/// Bytes of memory that this process has, by the kernel; Linux only.
pub fn resident_bytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("this system does not say")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib.context("no VmRSS")?.trim().parse()?;
    Ok(kib * 1024)
}
