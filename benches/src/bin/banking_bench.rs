//! Measures the banking pipeline: makes a workload, feeds it as wire bytes, waits until all of it is
//! visible, and holds every account and every result against a serial run. Exits with an error if
//! anything differs.

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use sealane_benches::{
    Measured, Report, RunSettings, SortedState, Verdict, Workload, WorkloadKind, WorkloadOptions,
    configuration, export, measure, replay,
};
use sealane_runtime::{BankingThreads, RealDisk, RuntimeConfig};
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Versions are made by banking threads and freed by the publisher, which this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Slots for which a blockhash is valid, less some for the start.
const SLOTS_MAX: u64 = 140;
/// The rate that even a slow machine reaches, by which the length of a slot is chosen.
const TPS_EXPECTED_MIN: u64 = 20_000;
const UNEQUAL: &str = "a run left something else than the serial run of its order";
/// How long a runtime may take to stop.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(30);

#[derive(Parser)]
#[command(
    version,
    about = "Measures the banking pipeline and checks it against a serial run"
)]
struct Arguments {
    /// Which transactions
    #[arg(long, value_enum, default_value = "transfer")]
    workload: WorkloadKind,
    /// How many of them in a run
    #[arg(long, default_value_t = 1_000_000)]
    transactions: u64,
    /// Accounts resident at genesis
    #[arg(long, default_value_t = 1_000_000)]
    accounts: u64,
    /// `auto` or a number
    #[arg(long, default_value = "auto", value_parser = banking_threads)]
    banking_threads: BankingThreads,
    /// Verify threads; without it, one, or one for each core where signatures are checked
    #[arg(long)]
    verify_threads: Option<usize>,
    /// Make real signatures and check them
    #[arg(long, value_enum, default_value = "off")]
    sigverify: Switch,
    /// Keep the state root and sign a header for each slot, as a node does
    #[arg(long, value_enum, default_value = "off")]
    state_root: Switch,
    /// Runs; figures are of the median one
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Give memory back to the system between runs and count the first run: a node that just started
    #[arg(long)]
    cold: bool,
    /// Seed of the workload
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Length of a slot in milliseconds; by default 400, or longer where 150 slots might not do
    #[arg(long)]
    slot_ms: Option<u64>,
    /// Keep a block log in a new folder of this one, which is deleted after each run: a transaction counts
    /// when it is durable
    #[arg(long, value_name = "DIR")]
    durable: Option<PathBuf>,
    /// Keep so many bytes of accounts in memory, and read the others from the disk; with --durable
    #[arg(long, value_name = "BYTES", requires = "durable")]
    accounts_memory: Option<u64>,
    /// Hand in so many transactions a second, and tell how long they took from there until they were visible
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Replay the ledger of each run on these numbers of banking threads, comparing the root of every slot
    #[arg(long, value_name = "N,N", value_delimiter = ',', requires = "durable")]
    replay_threads: Vec<usize>,
    /// Write the figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write address, lamports, owner and data hash of every account after the last run, sorted
    #[arg(long)]
    dump_accounts: Option<PathBuf>,
    /// Write accounts and transactions for another runtime to run
    #[arg(long)]
    export: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

fn banking_threads(text: &str) -> Result<BankingThreads, String> {
    match (text, text.parse()) {
        ("auto", _) => Ok(BankingThreads::Auto),
        (_, Ok(count @ 1..=64)) => Ok(BankingThreads::Fixed(count)),
        _ => Err("`auto` or a number from 1 to 64".into()),
    }
}

/// Signatures are most of the work where they are checked, so every core helps.
fn verify_threads(arguments: &Arguments) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = if arguments.sigverify == Switch::On {
        cores
    } else {
        1
    };
    arguments.verify_threads.unwrap_or(wanted)
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !arguments.cold {
        keep_memory()?;
    }
    if arguments.runs == 0 || arguments.transactions == 0 {
        bail!("there must be at least one run and one transaction");
    }
    let options = WorkloadOptions {
        kind: arguments.workload,
        transactions: arguments.transactions,
        accounts: arguments.accounts,
        seed: arguments.seed,
        real_signatures: arguments.sigverify == Switch::On,
    };
    let slot_ms = arguments
        .slot_ms
        .unwrap_or_else(|| slot_ms(arguments.transactions, arguments.rate));
    let settings = RunSettings {
        banking_threads: arguments.banking_threads,
        verify_threads: verify_threads(&arguments),
        check_signatures: options.real_signatures,
        slot_duration: Duration::from_millis(slot_ms),
        state_root: arguments.state_root == Switch::On || !arguments.replay_threads.is_empty(),
        accounts_memory: arguments.accounts_memory,
        rate: arguments.rate,
    };

    let start = Instant::now();
    eprintln!(
        "making {} transactions ({}) ...",
        options.transactions,
        options.kind.name()
    );
    let workload = Workload::generate(&options);
    eprintln!("made in {:.1} s", start.elapsed().as_secs_f64());
    if let Some(path) = &arguments.export {
        let mut file = create(path)?;
        export(
            &mut file,
            &workload.blockhash,
            &workload.genesis,
            &workload.transactions,
        )?;
        file.flush()?;
    }

    let ledger = arguments.durable.as_deref();
    if !arguments.cold {
        // Not counted, only checked: it pays the system for memory that the others find.
        let run = Run {
            title: "warm-up",
            ledger,
            replay_threads: &[],
            dump: None,
        };
        let (_, verdict) = run.make(&workload, &settings)?;
        if !verdict.is_equal() {
            bail!(UNEQUAL);
        }
    }
    let mut runs = Vec::new();
    for run in 1..=arguments.runs {
        let title = format!("run {run} of {}", arguments.runs);
        let dump = arguments
            .dump_accounts
            .as_deref()
            .filter(|_| run == arguments.runs);
        let run = Run {
            title: &title,
            ledger,
            replay_threads: &arguments.replay_threads,
            dump,
        };
        runs.push(run.make(&workload, &settings)?);
    }
    let threads = match arguments.banking_threads {
        BankingThreads::Auto => "auto".to_string(),
        BankingThreads::Fixed(count) => count.to_string(),
    };
    let resident = workload.genesis.len() as u64;
    let memory = if arguments.cold { "cold" } else { "warm" };
    let durable = ledger.is_some();
    let report = Report::new(&options, resident, threads, slot_ms, memory, durable, &runs);
    println!("{report}");
    if let Some(path) = &arguments.json {
        let mut file = create(path)?;
        serde_json::to_writer_pretty(&mut file, &report)?;
        writeln!(file)?;
        file.flush()?;
    }
    if runs.iter().any(|(_, verdict)| !verdict.is_equal()) {
        bail!(UNEQUAL);
    }
    Ok(())
}

/// Has the allocator keep what is freed, as long as the process lives. A node that has run for a while
/// allocates from memory that it used before; without this every run would pay the system for fresh pages.
/// The allocator reads its options before `main`, so this program starts itself again.
#[cfg(unix)]
fn keep_memory() -> Result<()> {
    use std::os::unix::process::CommandExt;
    const OPTION: &str = "MIMALLOC_PURGE_DELAY";
    if std::env::var_os(OPTION).is_some() {
        return Ok(());
    }
    let program = std::env::current_exe()?;
    let arguments = std::env::args_os().skip(1);
    Err(Command::new(program)
        .args(arguments)
        .env(OPTION, "-1")
        .exec()
        .into())
}

#[cfg(not(unix))]
fn keep_memory() -> Result<()> {
    Ok(())
}

/// One run, and what is made of what it leaves.
struct Run<'a> {
    title: &'a str,
    /// Where a folder with its ledger is made, and deleted at the end.
    ledger: Option<&'a Path>,
    replay_threads: &'a [usize],
    /// Where the accounts are written.
    dump: Option<&'a Path>,
}

impl Run<'_> {
    /// Measures it and compares it with the serial one.
    fn make(&self, workload: &Workload, settings: &RunSettings) -> Result<(Measured, Verdict)> {
        let mut config = configuration(workload, settings);
        let name = format!("banking-bench-{}", std::process::id());
        let folder = self.ledger.map(|parent| parent.join(name));
        if let Some(folder) = &folder {
            config.ledger = Some(Arc::new(RealDisk::open(folder)?));
        }
        let mut progress = Progress::new(self.title, workload.transactions.len() as u64);
        let show = &mut |done| progress.show(done);
        let (measured, runtime) = measure(workload, config.clone(), settings.rate, show)?;
        progress.finish(&measured);
        if settings.accounts_memory.is_some() {
            let counters = &measured.counters;
            eprintln!(
                "{} cold reads, {} bounces, {} bytes resident",
                counters.cold_reads, counters.bounces, counters.resident_bytes
            );
        }
        let reader = runtime.reader();
        if !runtime.shutdown(SHUTDOWN_DEADLINE) {
            bail!("the runtime did not stop within {SHUTDOWN_DEADLINE:?}");
        }
        let order = reader.take_order();
        let mut accounts = Vec::new();
        reader
            .pin()?
            .all(&mut |key, state| accounts.push((*key, state.clone())))?;
        drop(reader);
        let state = SortedState::new(accounts);
        if let Some(path) = self.dump {
            let mut file = create(path)?;
            state.dump(&mut file)?;
            file.flush()?;
        }
        if let Some(folder) = &folder {
            let replayed = self.replay(&config, measured.counters.visible);
            std::fs::remove_dir_all(folder)
                .with_context(|| format!("cannot delete {}", folder.display()))?;
            replayed?;
        }
        let verdict = Verdict::reach(&config, &order, &state, &measured.counters);
        Ok((measured, verdict))
    }

    fn replay(&self, config: &RuntimeConfig, transactions: u64) -> Result<()> {
        for &threads in self.replay_threads {
            let replayed = replay(config, threads, transactions)?;
            let seconds = replayed.elapsed.as_secs_f64();
            eprintln!(
                "replayed on {threads} threads in {seconds:.1} s, {:.0} a second: {transactions} transactions \
                 came to the logged results, {} slots to the logged headers and state roots",
                transactions as f64 / seconds,
                replayed.headers
            );
        }
        Ok(())
    }
}

/// A slot long enough that a run is over before the blockhash of its transactions is too old.
fn slot_ms(transactions: u64, rate: Option<u64>) -> u64 {
    let slowest = rate.unwrap_or(u64::MAX).min(TPS_EXPECTED_MIN);
    (transactions * 1_000 / slowest / SLOTS_MAX).max(400)
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::new(file))
}

/// A line on the terminal that says how far a run is; silent where there is no terminal.
struct Progress<'a> {
    title: &'a str,
    total: u64,
    on_terminal: bool,
    shown: Instant,
}

impl<'a> Progress<'a> {
    const INTERVAL: Duration = Duration::from_millis(100);
    const BAR_WIDTH: u64 = 30;

    fn new(title: &'a str, total: u64) -> Self {
        Self {
            title,
            total,
            on_terminal: stderr().is_terminal(),
            shown: Instant::now(),
        }
    }

    fn show(&mut self, done: u64) {
        if !self.on_terminal || self.shown.elapsed() < Self::INTERVAL {
            return;
        }
        self.shown = Instant::now();
        let filled = (done * Self::BAR_WIDTH / self.total) as usize;
        let empty = Self::BAR_WIDTH as usize - filled;
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(empty));
        eprint!("\r{} [{bar}] {done} of {}", self.title, self.total);
    }

    fn finish(&self, measured: &Measured) {
        let tps = self.total as f64 / measured.elapsed.as_secs_f64();
        let clear = if self.on_terminal { "\r\x1b[K" } else { "" };
        eprintln!("{clear}{}: {tps:.0} transactions a second", self.title);
    }
}
