//! Making a workload on all cores: plain scoped threads over ranges of indices.

use std::ops::Range;

/// Splits `0..count` into one range per core, runs `make` on each and gives the results in order.
pub(crate) fn in_ranges<T: Send>(count: u64, make: impl Fn(Range<u64>) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let share = count.div_ceil(cores).max(1);
    let make = &make;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| (core * share).min(count)..((core + 1) * share).min(count))
            .map(|range| scope.spawn(move || make(range)))
            .collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, T>| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    })
}
