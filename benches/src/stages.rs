//! Processor time per stage, from the threads' own clocks.
//!
//! The kernel counts for every thread how long it was on a processor (`/proc/self/task/*/schedstat`, in
//! nanoseconds), so nothing is measured by whom it measures, and waiting counts for nobody. A stage is all
//! threads whose names differ only in their number. Elsewhere than on Linux there are no stages.

use std::collections::BTreeMap;
use std::fs;

/// The way of a transaction, by the names of the threads.
const STAGES: [&str; 10] = [
    "feed",
    "fetch",
    "verify",
    "schedule",
    "banking",
    "log",
    "publish",
    "history",
    "headers",
    "checkpoints",
];

/// Nanoseconds on a processor so far, by stage.
#[derive(Clone, Debug, Default)]
pub struct StageTimes(BTreeMap<String, u64>);

impl StageTimes {
    /// The stages of this process, now.
    pub fn now() -> Self {
        let mut times = BTreeMap::new();
        for task in fs::read_dir("/proc/self/task")
            .into_iter()
            .flatten()
            .flatten()
        {
            // A thread that ends between two reads is none of the pipeline's.
            let read = |file| fs::read_to_string(task.path().join(file)).ok();
            let (Some(name), Some(times_of_thread)) = (read("comm"), read("schedstat")) else {
                continue;
            };
            let on_processor = times_of_thread
                .split(' ')
                .next()
                .and_then(|ns| ns.parse().ok());
            *times.entry(stage_of(&name)).or_default() += on_processor.unwrap_or(0_u64);
        }
        Self(times)
    }

    /// What each stage used since `before`, in the order in which a transaction passes them; stages that
    /// used nothing are left out.
    pub fn since(&self, before: &Self) -> Vec<(String, u64)> {
        let used = |(stage, ns): (&String, &u64)| {
            (
                stage.clone(),
                ns.saturating_sub(before.0.get(stage).copied().unwrap_or(0)),
            )
        };
        let mut used: Vec<_> = self.0.iter().map(used).filter(|(_, ns)| *ns > 0).collect();
        used.sort_by_key(|(stage, _)| {
            STAGES
                .iter()
                .position(|name| stage.starts_with(name))
                .unwrap_or(STAGES.len())
        });
        used
    }
}

/// `banking-1` is a thread of `banking`; the process's first thread, named like the program, is the feeder.
fn stage_of(thread: &str) -> String {
    let name = thread
        .trim()
        .trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '_');
    if ["banking-bench", "endurance-bench"].contains(&name) {
        "feed (this program)".into()
    } else {
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_a_stage_are_summed_under_its_name() {
        for (thread, stage) in [
            ("bank-0\n", "bank"),
            ("bank-11\n", "bank"),
            ("schedule\n", "schedule"),
            ("banking-bench\n", "feed (this program)"),
        ] {
            assert_eq!(stage_of(thread), stage);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_busy_thread_shows_in_its_stage() {
        let before = StageTimes::now();
        let busy = || {
            let mut value = 1_u64;
            (0..20_000_000_u64).for_each(|i| value = std::hint::black_box(value ^ i));
            StageTimes::now().since(&before)
        };
        let used = std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().name("stage-test-7".into());
            builder.spawn_scoped(scope, busy).unwrap().join().unwrap()
        });
        let (_, ns) = used
            .into_iter()
            .find(|(stage, _)| stage == "stage-test")
            .unwrap();
        assert!(ns > 1_000_000, "{ns} ns");
    }
}
