//! The watchdog: notices native programs that run too long. They cannot be stopped, only named.
//!
//! Each thread that runs programs has a [`Post`]. It puts the batch that it runs there, and then costs a
//! relaxed store per transaction and two per instruction; the watchdog looks from time to time, and where
//! a transaction has been the same for `Limits::program_run_max`, it says so, once. It takes no lock that
//! a banking thread could wait on for longer than it takes to copy a signature and an address.

use crate::notice::{NamedProgram, Notice, OnNotice};
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering, RwLock, park_timeout};
use crate::task::{Task, Work};
use crate::{Bank, RuntimeConfig, VerifiedTransaction};
use sealane_sdk::{Programs, Pubkey, RunningProgram};
use solana_signature::Signature;
use std::ops::Deref;
use std::time::{Duration, Instant};

/// Looks within the time that a program may run.
const LOOKS: u32 = 4;

/// What a thread runs now.
enum Running {
    Nothing,
    /// The tasks of a batch, the first of which is the thread's `first`-th.
    Tasks {
        tasks: Vec<Task>,
        first: u64,
    },
    /// A transaction of which nothing will be committed.
    Simulation {
        signature: Signature,
        keys: Vec<Pubkey>,
    },
}

/// Where one thread notes what it runs.
pub(crate) struct Post {
    /// Written between batches by the thread, which holds it for reading while the batch runs: so the
    /// watchdog can read it meanwhile.
    running: RwLock<Running>,
    /// Transactions that the thread has begun.
    begun: AtomicU64,
    /// The executor's word on which program runs.
    program: RunningProgram,
}

/// The tasks that a thread has put to its post.
pub(crate) struct PostedTasks<'p>(PostGuard<'p>);

#[cfg(not(feature = "shuttle"))]
type PostGuard<'p> = std::sync::RwLockReadGuard<'p, Running>;
#[cfg(feature = "shuttle")]
type PostGuard<'p> = shuttle::sync::RwLockReadGuard<'p, Running>;

impl Deref for PostedTasks<'_> {
    type Target = [Task];

    fn deref(&self) -> &[Task] {
        match &*self.0 {
            Running::Tasks { tasks, .. } => tasks,
            _ => &[],
        }
    }
}

impl Post {
    /// The thread begins a batch.
    pub(crate) fn put(&self, tasks: Vec<Task>) -> PostedTasks<'_> {
        let first = self.begun.load(Ordering::Relaxed) + 1;
        self.set(Running::Tasks { tasks, first });
        PostedTasks(self.running.read().expect("no holder of this lock panics"))
    }

    /// The thread begins the next transaction. Relaxed: a number that the watchdog compares with itself.
    #[inline]
    pub(crate) fn begin(&self) {
        let begun = self.begun.load(Ordering::Relaxed);
        self.begun.store(begun + 1, Ordering::Relaxed);
    }

    /// The thread has run the batch.
    pub(crate) fn take(&self) -> Vec<Task> {
        match self.set(Running::Nothing) {
            Running::Tasks { tasks, .. } => tasks,
            _ => Vec::new(),
        }
    }

    /// Runs a simulation in view of the watchdog.
    pub(crate) fn simulate<R>(
        &self,
        transaction: &VerifiedTransaction,
        run: impl FnOnce() -> R,
    ) -> R {
        let keys = (0..transaction.account_count()).map(|i| *transaction.key(i));
        self.set(Running::Simulation {
            signature: *transaction.signature(),
            keys: keys.collect(),
        });
        self.begin();
        let result = run();
        self.set(Running::Nothing);
        result
    }

    fn set(&self, running: Running) -> Running {
        let mut now = self.running.write().expect("no holder of this lock panics");
        std::mem::replace(&mut now, running)
    }

    /// The transaction that runs and the address of its program, if the thread is where it was when it
    /// had begun `begun`.
    fn look(&self, begun: u64) -> Option<(Signature, Option<Pubkey>, bool)> {
        let program = self.program.account().map(usize::from);
        let running = self.running.try_read().ok()?;
        let found = match &*running {
            Running::Nothing => None,
            Running::Tasks { tasks, first } => {
                let at = begun.checked_sub(*first)? as usize;
                match &tasks.get(at)?.work {
                    Work::Transaction(transaction) => Some((
                        *transaction.signature(),
                        program.map(|program| *transaction.key(program)),
                        false,
                    )),
                    Work::FeeReward { .. } | Work::SetAccount(_) => None,
                }
            }
            Running::Simulation { signature, keys } => {
                let key = program.and_then(|program| keys.get(program));
                Some((*signature, key.copied(), true))
            }
        };
        // What was read is of the transaction that it was about.
        found.filter(|_| self.begun.load(Ordering::Relaxed) == begun)
    }
}

/// All posts of a node.
#[derive(Clone, Default)]
pub(crate) struct Posts(Arc<Mutex<Vec<Arc<Post>>>>);

impl Posts {
    /// A post for the thread that has this bank. It stays as long as the node.
    pub(crate) fn add(&self, bank: &Bank) -> Arc<Post> {
        let post = Arc::new(Post {
            running: RwLock::new(Running::Nothing),
            begun: AtomicU64::new(0),
            program: bank.running_program(),
        });
        self.lock().push(post.clone());
        post
    }

    fn get(&self, at: usize) -> Option<Arc<Post>> {
        self.lock().get(at).cloned()
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = Vec<Arc<Post>>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

/// What the watchdog knows of one post.
#[derive(Default)]
struct Watched {
    begun: u64,
    /// How long it has been there.
    running: Duration,
    told: bool,
}

/// What the watchdog's thread owns.
pub(crate) struct Watchdog {
    pub(crate) posts: Posts,
    pub(crate) programs: Arc<Programs>,
    pub(crate) program_run_max: Duration,
    pub(crate) on_notice: OnNotice,
    pub(crate) stopping: Arc<AtomicBool>,
}

impl Watchdog {
    pub(crate) fn new(config: &RuntimeConfig, posts: Posts) -> Self {
        Self {
            posts,
            programs: config.programs.clone(),
            program_run_max: config.limits.program_run_max,
            on_notice: config.on_notice.clone(),
            stopping: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Looks until the node has stopped.
    pub(crate) fn run(self) {
        let interval = self.program_run_max / LOOKS;
        let (mut watched, mut before) = (Vec::new(), Instant::now());
        // Acquire: pairs with the release in `Runtime`'s drop.
        while !self.stopping.load(Ordering::Acquire) {
            park_timeout(interval);
            let now = Instant::now();
            // Where the whole process stood still, no program ran.
            self.look(&mut watched, (now - before).min(interval * 2));
            before = now;
        }
    }

    fn look(&self, watched: &mut Vec<Watched>, elapsed: Duration) {
        let mut at = 0;
        while let Some(post) = self.posts.get(at) {
            if at == watched.len() {
                watched.push(Watched::default());
            }
            self.look_at(&post, &mut watched[at], elapsed);
            at += 1;
        }
    }

    fn look_at(&self, post: &Post, watched: &mut Watched, elapsed: Duration) {
        let begun = post.begun.load(Ordering::Relaxed);
        let found = post.look(begun);
        if begun != watched.begun || found.is_none() {
            *watched = Watched {
                begun,
                ..Watched::default()
            };
            return;
        }
        watched.running += elapsed;
        if watched.told || watched.running < self.program_run_max {
            return;
        }
        // Between two instructions there is none for a moment.
        if let Some((signature, Some(id), simulated)) = found {
            watched.told = true;
            let name = self.programs.get(&id).map_or("", |program| program.name);
            (self.on_notice)(&Notice::Overrun {
                program: NamedProgram { id, name },
                signature,
                running: watched.running,
                simulated,
            });
        }
    }
}
