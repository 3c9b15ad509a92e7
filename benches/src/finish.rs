//! The end of a run: what was handed in has settled, and the runtime has stopped.

use anyhow::{Result, ensure};
use sealane_runtime::{Counters, Reader, Runtime};
use std::time::{Duration, Instant};

/// How long each of the two may take.
const FINISH_WITHIN: Duration = Duration::from_secs(120);

/// Waits until the fate of so many is known; the counters then.
pub(crate) fn settled(reader: &Reader, handed_in: u64) -> Result<Counters> {
    let until = Instant::now() + FINISH_WITHIN;
    loop {
        let counters = reader.counters();
        if counters.settled() >= handed_in {
            return Ok(counters);
        }
        ensure!(
            Instant::now() < until,
            "transactions are lost: {counters:?}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Stops it.
pub(crate) fn stop(runtime: Runtime) -> Result<()> {
    ensure!(
        runtime.shutdown(FINISH_WITHIN),
        "the runtime did not stop within {FINISH_WITHIN:?}"
    );
    Ok(())
}
