//! How far ahead of the banking threads transactions are inserted, and how many of these threads are used.
//!
//! Both only decide when a task is inserted and who runs it. The serial order and every result are the
//! same whatever they say, so they may go by measured time.

use crate::Limits;

/// How many tasks may be in flight for now.
///
/// What is in flight travels through the caches from stage to stage if it fits there, and through memory if
/// it does not. So no more is inserted than keeps the banking threads busy, unless one of them idles for
/// the conflicts of those in flight, and looking further ahead finds tasks that are free of them.
pub(super) struct LookAhead {
    now: usize,
    min: usize,
    max: usize,
    /// Tasks that had been inserted, and those that were free then, when `now` last grew.
    inserted: u64,
    inserted_free: u64,
}

/// Of so many tasks one must have been free when it was inserted, or it is not worth looking further.
const FREE_SHARE: u64 = 16;

impl LookAhead {
    pub(super) fn new(limits: &Limits, threads: usize) -> Self {
        // As much in the lock table as in the banking threads' queues.
        let queued = threads * limits.bank_queue_batches_max * limits.bank_batch_max;
        let min = (2 * queued).clamp(1, limits.in_flight_max.max(1));
        Self {
            now: min,
            min,
            max: limits.in_flight_max,
            inserted: 0,
            inserted_free: 0,
        }
    }

    /// Tasks in flight, at most, for now.
    #[inline]
    pub(super) fn tasks(&self) -> usize {
        self.now
    }

    /// Tasks have been handed out. `starved`: and yet a thread idles and tasks wait. `inserted` and
    /// `inserted_free` count tasks since the beginning.
    pub(super) fn adapt(
        &mut self,
        starved: bool,
        in_flight: usize,
        inserted: u64,
        inserted_free: u64,
    ) {
        if !starved {
            self.now = self.min.max(self.now - self.now / 64);
        } else if in_flight >= self.now {
            let free = inserted_free - self.inserted_free;
            if free * FREE_SHARE >= inserted - self.inserted {
                self.now = (2 * self.now).min(self.max);
            }
            (self.inserted, self.inserted_free) = (inserted, inserted_free);
        }
    }
}

/// How many banking threads are asked for.
///
/// Where most transactions wait for one that another thread has, each thread gets a few at a time, and the
/// threads spend more on handing over and on waiting for each other than a second one is worth; one thread
/// that gets them all runs them in large batches. Whether that is so depends on the conflicts, on what the
/// programs cost and on the machine. So it is tried: where batches are small and many though others wait, half of
/// the threads are left alone for some tasks, and what was faster is kept for a while; and then the other
/// is tried again.
pub(super) struct Width {
    threads: usize,
    batch_max: usize,
    active: usize,
    /// What it was before this trial, and how long a task took then.
    before: Option<(usize, f64)>,
    /// The last trial was of fewer threads.
    tried_fewer: bool,
    /// Tasks until the next trial, and how many that were when it was set.
    rest: usize,
    hold: usize,
    measured: Measured,
}

/// What is measured at one width.
#[derive(Default)]
struct Measured {
    since_ns: Option<u64>,
    tasks: usize,
    batches: usize,
}

/// Tasks whose time is measured.
const TRIAL_TASKS: usize = 2_048;
/// Tasks until another trial, at first; and at most, when one after the other changes nothing.
const HOLD_MIN: usize = 16_384;
const HOLD_MAX: usize = 262_144;
/// Handing a batch over costs some microseconds: where they come back further apart than this, that is next to nothing.
const CLOSE_BATCHES_NS: f64 = 100_000.0;

impl Width {
    pub(super) fn new(limits: &Limits, threads: usize) -> Self {
        Self {
            threads,
            batch_max: limits.bank_batch_max,
            active: threads,
            before: None,
            tried_fewer: false,
            rest: 0,
            hold: HOLD_MIN,
            measured: Measured::default(),
        }
    }

    /// The threads below this are used.
    #[inline]
    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// A batch of so many tasks came back. `others_wait`: there is more to hand out. Returns whether
    /// `active` is another now.
    pub(super) fn note(&mut self, tasks: usize, now_ns: u64, others_wait: bool) -> bool {
        if self.threads == 1 {
            return false;
        }
        self.rest = self.rest.saturating_sub(tasks);
        if !others_wait {
            // Then nothing that was measured says anything.
            self.measured = Measured::default();
            return false;
        }
        if self.rest > 0 {
            return false;
        }
        let measured = &mut self.measured;
        let Some(since_ns) = measured.since_ns else {
            measured.since_ns = Some(now_ns);
            return false;
        };
        measured.tasks += tasks;
        measured.batches += 1;
        if measured.tasks < TRIAL_TASKS {
            return false;
        }
        let task_ns = now_ns.saturating_sub(since_ns) as f64 / measured.tasks as f64;
        let apart_ns = task_ns * measured.tasks as f64 / measured.batches as f64;
        let are_small =
            measured.tasks < self.batch_max / 2 * measured.batches && apart_ns < CLOSE_BATCHES_NS;
        self.measured = Measured::default();
        match self.before.take() {
            Some((before, before_ns)) => self.judge(before, task_ns < before_ns),
            None => self.start_trial(are_small, task_ns),
        }
    }

    /// A trial is over.
    fn judge(&mut self, before: usize, is_better: bool) -> bool {
        // More threads again are no news where fewer were better before, nor the other way round.
        self.hold = if is_better {
            HOLD_MIN
        } else {
            (2 * self.hold).min(HOLD_MAX)
        };
        self.rest = self.hold;
        !is_better && self.change(before)
    }

    fn start_trial(&mut self, are_small: bool, task_ns: f64) -> bool {
        let fewer = (are_small && self.active > 1).then_some(self.active / 2);
        let more = (self.active < self.threads).then_some((2 * self.active).min(self.threads));
        let next = if self.tried_fewer {
            more.or(fewer)
        } else {
            fewer.or(more)
        };
        let Some(next) = next else {
            return false;
        };
        self.tried_fewer = next < self.active;
        self.before = Some((self.active, task_ns));
        // What is under way was handed out otherwise.
        self.rest = TRIAL_TASKS / 2;
        self.change(next)
    }

    fn change(&mut self, active: usize) -> bool {
        self.active = active;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn looks_further_ahead_where_that_finds_free_tasks_and_back_again() {
        let limits = Limits::default();
        let mut ahead = LookAhead::new(&limits, 2);
        assert_eq!(ahead.tasks(), 1024);
        // One chain: nothing is gained.
        for inserted in (1..10).map(|n| n * 1000) {
            ahead.adapt(true, ahead.tasks(), inserted, 1);
        }
        assert_eq!(ahead.tasks(), 1024);
        // Not all that may be in flight is.
        ahead.adapt(true, 500, 10_000, 500);
        assert_eq!(ahead.tasks(), 1024);
        for n in 1..10 {
            ahead.adapt(true, ahead.tasks(), 10_000 + 1000 * n, 500 * n);
        }
        assert_eq!(ahead.tasks(), limits.in_flight_max);
        for _ in 0..1000 {
            ahead.adapt(false, 1000, 30_000, 10_000);
        }
        assert_eq!(ahead.tasks(), 1024);
    }

    #[test]
    fn never_looks_further_than_the_limit() {
        let limits = Limits {
            in_flight_max: 3,
            ..Limits::default()
        };
        assert_eq!(LookAhead::new(&limits, 64).tasks(), 3);
    }

    /// Runs `total` tasks on a machine where a task takes so long on so many threads, in batches of so many.
    /// Gives how many ran at each width.
    fn run(
        width: &mut Width,
        total: usize,
        machine: impl Fn(usize) -> (u64, usize),
    ) -> BTreeMap<usize, usize> {
        let (mut now_ns, mut done) = (0, 0);
        let mut ran: BTreeMap<usize, usize> = BTreeMap::new();
        while done < total {
            let active = width.active();
            let (task_ns, batch) = machine(active);
            now_ns += task_ns * batch as u64;
            done += batch;
            *ran.entry(active).or_default() += batch;
            let changed = width.note(batch, now_ns, true);
            assert_eq!(changed, width.active() != active);
        }
        ran
    }

    #[test]
    fn uses_one_thread_where_two_hinder_each_other_and_two_where_they_do_not() {
        let mut width = Width::new(&Limits::default(), 2);
        let ran = run(&mut width, 1_000_000, |active| {
            [(800, 64), (1_300, 5)][active - 1]
        });
        assert!(ran[&1] > 950_000, "{ran:?}");
        // The conflicts end.
        let ran = run(&mut width, 1_000_000, |active| {
            [(800, 64), (500, 64)][active - 1]
        });
        assert!(ran[&2] > 700_000, "{ran:?}");
        let ran = run(&mut width, 1_000_000, |active| {
            [(800, 64), (500, 64)][active - 1]
        });
        assert_eq!(ran.get(&1), None, "large batches give no reason to try");
    }

    #[test]
    fn keeps_two_threads_where_tasks_are_long_however_small_the_batches() {
        let mut width = Width::new(&Limits::default(), 2);
        let ran = run(&mut width, 1_000_000, |active| {
            [(11_000, 64), (7_000, 5)][active - 1]
        });
        assert!(ran[&2] > 950_000, "{ran:?}");
    }

    #[test]
    fn rare_batches_give_no_reason_to_try_however_few_tasks_are_in_them() {
        let mut width = Width::new(&Limits::default(), 2);
        let ran = run(&mut width, 1_000_000, |active| {
            [(200_000, 5), (100_000, 5)][active - 1]
        });
        assert_eq!(ran.get(&1), None, "{ran:?}");
    }

    #[test]
    fn finds_the_best_of_many_widths() {
        let mut width = Width::new(&Limits::default(), 16);
        let ran = run(&mut width, 2_000_000, |active| {
            (1_000 + 100 * active.abs_diff(2) as u64, 8)
        });
        assert!(ran[&2] > 1_200_000, "{ran:?}");
    }

    #[test]
    fn small_batches_say_nothing_where_nothing_waits() {
        let mut width = Width::new(&Limits::default(), 2);
        (0..10_000).for_each(|n| assert!(!width.note(1, n * 500, false)));
        assert_eq!(width.active(), 2);
    }
}
