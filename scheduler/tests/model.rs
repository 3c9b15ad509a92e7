//! Long random runs on 1 to 64 simulated threads, each step judged by the oracle; and the proof that
//! the oracle would notice: the same runs with mutants.

mod oracle;

use std::rc::Rc;

use oracle::{Machine, Oracle, config, read, write};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane_scheduler::{Access, InsertError, Scheduler, TaskId, ThreadIndex};

/// How tasks choose their accounts.
#[derive(Clone, Copy, Debug)]
enum Pattern {
    /// Two writes among many accounts: few conflicts.
    Distinct,
    /// Every task writes account 0.
    Hot,
    /// Two writes and a read, account n with a probability in proportion to 1/n.
    Zipf,
    /// Everyone reads account 0, which is written now and then.
    ReadMostly,
    /// Up to 24 accounts of 40, reads and writes mixed.
    Wide,
    /// No account, or a few of five: nearly everything conflicts.
    Dense,
}

const PATTERNS: [Pattern; 6] = [
    Pattern::Distinct,
    Pattern::Hot,
    Pattern::Zipf,
    Pattern::ReadMostly,
    Pattern::Wide,
    Pattern::Dense,
];

fn zipf(random: &mut SmallRng, accounts: u32) -> u32 {
    // The inverse of the continuous distribution: close enough, and simple.
    let exponent: f64 = random.random();
    (f64::from(accounts).powf(exponent) as u32 - 1).min(accounts - 1)
}

fn accesses(random: &mut SmallRng, pattern: Pattern) -> Rc<[Access]> {
    let mut wanted = Vec::new();
    match pattern {
        Pattern::Distinct => {
            wanted.extend([
                write(random.random_range(0..5000)),
                write(random.random_range(0..5000)),
            ]);
        }
        Pattern::Hot => wanted.extend([write(random.random_range(1..5000)), write(0)]),
        Pattern::Zipf => {
            wanted.extend([write(zipf(random, 2000)), write(zipf(random, 2000))]);
            wanted.push(read(zipf(random, 2000)));
        }
        Pattern::ReadMostly => {
            let hot = Access {
                account: 0,
                write: random.random_ratio(1, 50),
            };
            wanted.extend([
                hot,
                write(random.random_range(1..3000)),
                read(zipf(random, 100)),
            ]);
        }
        Pattern::Wide => {
            for _ in 0..random.random_range(1..24) {
                let account = random.random_range(0..40);
                wanted.push(Access {
                    account,
                    write: random.random_ratio(1, 4),
                });
            }
        }
        Pattern::Dense => {
            for _ in 0..random.random_range(0..4) {
                let account = random.random_range(0..5);
                wanted.push(Access {
                    account,
                    write: random.random(),
                });
            }
        }
    }
    let mut set: Vec<Access> = Vec::new();
    for access in wanted {
        if set.iter().all(|other| other.account != access.account) {
            set.push(access);
        }
    }
    set.into()
}

/// A run: what is inserted, by how many threads it is taken, and how.
#[derive(Clone, Copy, Debug)]
struct Run {
    seed: u64,
    pattern: Pattern,
    threads: usize,
    tasks: u32,
    /// In flight at once, at most.
    tasks_max: usize,
    batch_max: usize,
}

/// Runs to the end, or to the first violation. Gives the oracle at the end.
fn run(machine: &mut impl Machine, run: Run) -> Result<Oracle, String> {
    let mut random = SmallRng::seed_from_u64(run.seed);
    let mut oracle = Oracle::new(run.threads);
    let mut batch = Vec::new();
    let mut inserted = 0;
    let mut active = run.threads;
    while oracle.completed < run.tasks as usize {
        if random.random_ratio(1, 20) {
            active = random.random_range(1..=run.threads);
            machine.set_active_threads(active);
        }
        match random.random_range(0..3) {
            0 if inserted < run.tasks => {
                for _ in 0..random.random_range(1..2 * run.tasks_max) {
                    let accesses = accesses(&mut random, run.pattern);
                    match machine.insert(&accesses, inserted) {
                        Ok(_) => oracle.insert(accesses, inserted),
                        Err(InsertError::Full) => break,
                        Err(error) => return Err(error.to_string()),
                    }
                    inserted += 1;
                    if inserted == run.tasks {
                        break;
                    }
                }
            }
            1 => {
                // Now and then one that is not active: it is not refused.
                let among = if random.random_ratio(1, 10) {
                    run.threads
                } else {
                    active
                };
                let thread = random.random_range(0..among);
                ask(machine, &mut oracle, thread, &mut batch, run.batch_max)?;
            }
            _ => {
                let thread = random.random_range(0..run.threads);
                for _ in 0..random.random_range(0..2 * run.batch_max) {
                    let Some(task) = oracle.complete(thread) else {
                        break;
                    };
                    machine.complete(task);
                }
            }
        }
        if oracle.in_flight() > 0 && oracle.outstanding() == 0 {
            let mut given = 0;
            for thread in 0..active {
                given += ask(machine, &mut oracle, thread, &mut batch, run.batch_max)?;
            }
            if given == 0 {
                return Err(format!("{} tasks are stuck", oracle.in_flight()));
            }
        }
    }
    Ok(oracle)
}

/// Asks for a batch and has it judged; gives its length.
fn ask(
    machine: &mut impl Machine,
    oracle: &mut Oracle,
    thread: ThreadIndex,
    batch: &mut Vec<(TaskId, u32)>,
    batch_max: usize,
) -> Result<usize, String> {
    machine.next_batch(thread, batch);
    if batch.len() > batch_max {
        return Err(format!("a batch of {}", batch.len()));
    }
    oracle.hand_out(thread, batch)?;
    match oracle.ready() {
        Some(task) if batch.is_empty() => Err(format!("{task} is ready and kept from {thread}")),
        _ => Ok(batch.len()),
    }
}

fn scheduler(run: Run) -> Scheduler {
    Scheduler::new(config(
        run.threads,
        run.tasks_max,
        24 * run.tasks_max,
        run.batch_max,
    ))
}

/// Runs of every pattern at several sizes.
fn runs(seed: u64, tasks: u32) -> impl Iterator<Item = Run> {
    let sizes = [
        (1, 50, 64),
        (2, 300, 64),
        (2, 40, 1),
        (3, 200, 8),
        (8, 400, 16),
        (64, 500, 64),
    ];
    let size = move |pattern| {
        sizes.map(move |(threads, tasks_max, batch_max)| Run {
            seed,
            pattern,
            threads,
            tasks,
            tasks_max,
            batch_max,
        })
    };
    PATTERNS.into_iter().flat_map(size)
}

#[test]
fn random_runs_agree_with_the_oracle() {
    for seed in 0..4 {
        for case in runs(seed, 2000) {
            let mut scheduler = scheduler(case);
            let oracle =
                run(&mut scheduler, case).unwrap_or_else(|error| panic!("{case:?}: {error}"));
            assert_eq!(oracle.completed, case.tasks as usize, "{case:?}");
            assert_eq!(
                (scheduler.in_flight(), scheduler.waiting()),
                (0, 0),
                "{case:?}"
            );
            assert!(
                (0..5000).all(|account| scheduler.is_idle(account)),
                "{case:?}: a lock is left"
            );
            if case.threads > 1 && !matches!(case.pattern, Pattern::Hot) {
                assert!(oracle.overlapped > 0, "{case:?}: nothing overlapped");
            }
        }
    }
}

#[test]
fn equal_calls_give_equal_answers() {
    for case in runs(9, 500) {
        let trace = || {
            let mut recorder = Recorder {
                scheduler: scheduler(case),
                trace: Vec::new(),
            };
            run(&mut recorder, case).unwrap_or_else(|error| panic!("{case:?}: {error}"));
            recorder.trace
        };
        assert_eq!(trace(), trace(), "{case:?}");
    }
}

/// Keeps what was handed out to whom.
struct Recorder {
    scheduler: Scheduler,
    trace: Vec<(ThreadIndex, TaskId, u32)>,
}

impl Machine for Recorder {
    fn insert(&mut self, accesses: &[Access], user: u32) -> Result<TaskId, InsertError> {
        self.scheduler.insert(accesses, 1, user)
    }
    fn next_batch(&mut self, thread: ThreadIndex, batch: &mut Vec<(TaskId, u32)>) {
        self.scheduler.next_batch(thread, batch);
        self.trace
            .extend(batch.iter().map(|&(task, user)| (thread, task, user)));
    }
    fn complete(&mut self, task: TaskId) {
        self.scheduler.complete(task);
    }
}

/// A reader that does not wait: its lock is never taken.
struct CarelessReader(Scheduler);

impl Machine for CarelessReader {
    fn insert(&mut self, accesses: &[Access], user: u32) -> Result<TaskId, InsertError> {
        let writes: Vec<Access> = accesses
            .iter()
            .copied()
            .filter(|access| access.write)
            .collect();
        self.0.insert(&writes, 1, user)
    }
    fn next_batch(&mut self, thread: ThreadIndex, batch: &mut Vec<(TaskId, u32)>) {
        self.0.next_batch(thread, batch);
    }
    fn complete(&mut self, task: TaskId) {
        self.0.complete(task);
    }
}

/// Releases a task's locks when it is handed out, not when it is complete. Its id may be given again
/// then, so it takes no task until all that it handed out are complete.
struct EarlyRelease {
    scheduler: Scheduler,
    released: Vec<TaskId>,
}

impl Machine for EarlyRelease {
    fn insert(&mut self, accesses: &[Access], user: u32) -> Result<TaskId, InsertError> {
        if self.released.is_empty() {
            self.scheduler.insert(accesses, 1, user)
        } else {
            Err(InsertError::Full)
        }
    }
    fn next_batch(&mut self, thread: ThreadIndex, batch: &mut Vec<(TaskId, u32)>) {
        self.scheduler.next_batch(thread, batch);
        for &(task, _) in batch.iter() {
            self.scheduler.complete(task);
            self.released.push(task);
        }
    }
    fn complete(&mut self, task: TaskId) {
        self.released.retain(|&released| released != task);
    }
}

/// Inserts a task in the place of the one before it, and the other way round.
struct SwappedInsertion {
    scheduler: Scheduler,
    kept: Option<(Vec<Access>, u32)>,
}

impl Machine for SwappedInsertion {
    fn insert(&mut self, accesses: &[Access], user: u32) -> Result<TaskId, InsertError> {
        match self.kept.take() {
            None => {
                self.kept = Some((accesses.to_vec(), user));
                Ok(TaskId(0))
            }
            Some((earlier, earlier_user)) => {
                let task = self.scheduler.insert(accesses, 1, user)?;
                self.scheduler.insert(&earlier, 1, earlier_user)?;
                Ok(task)
            }
        }
    }
    fn next_batch(&mut self, thread: ThreadIndex, batch: &mut Vec<(TaskId, u32)>) {
        self.scheduler.next_batch(thread, batch);
    }
    fn complete(&mut self, task: TaskId) {
        self.scheduler.complete(task);
    }
}

/// Runs a mutant on every pattern that can show its fault; each must end with a conflict noticed.
fn check_is_caught<M: Machine>(patterns: &[Pattern], mutant: impl Fn(Run) -> M) {
    for &pattern in patterns {
        let case = Run {
            seed: 5,
            pattern,
            threads: 3,
            tasks: 2000,
            tasks_max: 100,
            batch_max: 8,
        };
        println!("{case:?}");
        let error = run(&mut mutant(case), case)
            .map(|_| ())
            .expect_err("the mutant was not noticed");
        assert!(
            error.contains("before"),
            "noticed for another reason: {error}"
        );
    }
}

#[test]
fn the_oracle_catches_a_reader_that_does_not_wait() {
    let patterns = [
        Pattern::Zipf,
        Pattern::ReadMostly,
        Pattern::Wide,
        Pattern::Dense,
    ];
    check_is_caught(&patterns, |case| CarelessReader(scheduler(case)));
}

#[test]
fn the_oracle_catches_an_early_release() {
    let patterns = [Pattern::Hot, Pattern::Zipf, Pattern::Wide, Pattern::Dense];
    check_is_caught(&patterns, |case| EarlyRelease {
        scheduler: scheduler(case),
        released: Vec::new(),
    });
}

#[test]
fn the_oracle_catches_a_swapped_insertion() {
    let patterns = [Pattern::Hot, Pattern::Zipf, Pattern::Wide, Pattern::Dense];
    check_is_caught(&patterns, |case| SwappedInsertion {
        scheduler: scheduler(case),
        kept: None,
    });
}
