//! What may keep the history's index: fjall, redb, or sorted runs of our own, on one load.
//!
//! The load: entries of 500 transactions, 80 to a slot (100,000 a second at 400 ms), each with a random
//! signature and three addresses: a payer and a recipient out of a million, and one that all name. The store
//! makes what it has durable every 262,144 transactions, as the log is there to read the rest from. Then it
//! is opened anew and read: by signature, by the address of a payer, and by the one that all name from a
//! random place back.
//!
//! `cargo run --release -p sealane-benches --features history-stores --bin history-stores -- archive`

mod archive_store;
mod fjall_store;
mod load;
mod redb_store;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use load::{EVERYBODY, Entry, Load, TRANSACTIONS_PER_ENTRY};
use sealane_sdk::Pubkey;
use solana_signature::Signature;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The allocator of the other benchmarks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Transactions after which a store makes durable what it has.
const DURABLE_EVERY: u64 = 1 << 18;

/// Where a transaction lies: file, offset, slot, place in the block.
type Place = (u32, u64, u64, u32);

/// An index under measurement.
trait Store: Sized {
    fn open(folder: &Path) -> Result<Self>;
    fn append(&mut self, entry: &Entry) -> Result<()>;
    fn make_durable(&mut self) -> Result<()>;
    /// Waits for what it does in the background.
    fn settle(&mut self) -> Result<()>;
    fn of_signature(&self, signature: &Signature) -> Result<Option<Place>>;
    fn of_address(
        &self,
        address: &Pubkey,
        before: Option<(u64, u32)>,
        limit: usize,
    ) -> Result<Vec<Place>>;
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Archive,
    Fjall,
    Redb,
}

#[derive(Parser)]
struct Arguments {
    /// Which store
    kind: Kind,
    /// How many transactions
    #[arg(long, default_value_t = 2_000_000)]
    transactions: u64,
    /// How many a second; 0 for as many as go
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Folder to be made, and removed at the end
    #[arg(long, default_value = "history-stores.tmp")]
    folder: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir(&arguments.folder).context("the folder is made by this program")?;
    let result = match arguments.kind {
        Kind::Archive => run::<archive_store::ArchiveStore>(&arguments),
        Kind::Fjall => run::<fjall_store::FjallStore>(&arguments),
        Kind::Redb => run::<redb_store::RedbStore>(&arguments),
    };
    std::fs::remove_dir_all(&arguments.folder)?;
    result
}

fn run<S: Store>(arguments: &Arguments) -> Result<()> {
    let load = Load::new(7);
    let entries = arguments.transactions / TRANSACTIONS_PER_ENTRY;
    let made = cpu_seconds()?;
    (0..entries).for_each(|number| drop(load.entry(number)));
    let making = cpu_seconds()? - made;

    let (started, cpu, written) = (Instant::now(), cpu_seconds()?, bytes_written()?);
    let mut store = S::open(&arguments.folder)?;
    let mut slowest = Duration::ZERO;
    for number in 0..entries {
        let entry = load.entry(number);
        if let Some(due) = (number * TRANSACTIONS_PER_ENTRY * 1_000).checked_div(arguments.rate) {
            let due = started + Duration::from_millis(due);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let began = Instant::now();
        store.append(&entry)?;
        if (number + 1) * TRANSACTIONS_PER_ENTRY % DURABLE_EVERY < TRANSACTIONS_PER_ENTRY {
            store.make_durable()?;
        }
        slowest = slowest.max(began.elapsed());
    }
    let appended = started.elapsed();
    store.settle()?;
    let total = entries * TRANSACTIONS_PER_ENTRY;
    let each = |seconds: f64| seconds * 1e9 / total as f64;
    println!("transactions      {total}");
    println!(
        "rate              {:.0} a second",
        total as f64 / appended.as_secs_f64()
    );
    println!(
        "CPU               {:.0} ns each",
        each(cpu_seconds()? - cpu - making)
    );
    println!("slowest entry     {:.0} ms", slowest.as_secs_f64() * 1e3);
    println!(
        "on disk           {:.1} bytes each",
        bytes_of(&arguments.folder)? as f64 / total as f64
    );
    println!(
        "written           {:.1} bytes each",
        (bytes_written()? - written) as f64 / total as f64
    );
    println!("memory            {} MiB", memory_mib()?);
    drop(store);

    let opening = Instant::now();
    let store = S::open(&arguments.folder)?;
    println!(
        "open              {:.1} ms",
        opening.elapsed().as_secs_f64() * 1e3
    );
    read(&store, &load, total)
}

fn read<S: Store>(store: &S, load: &Load, total: u64) -> Result<()> {
    let mut random = load::Random::new(99);
    let per_second = |count: usize, took: Duration| count as f64 / took.as_secs_f64();
    let numbers: Vec<u64> = (0..20_000).map(|_| random.below(total)).collect();
    let wanted = numbers.iter().map(|number| {
        let mut entry = load.entry(number / TRANSACTIONS_PER_ENTRY);
        entry
            .transactions
            .swap_remove((number % TRANSACTIONS_PER_ENTRY) as usize)
    });
    let wanted: Vec<_> = wanted.collect();
    let began = Instant::now();
    for wanted in &wanted {
        let found = store.of_signature(&wanted.signature)?;
        anyhow::ensure!(
            found.map(|place| place.1) == Some(wanted.offset),
            "it is found"
        );
    }
    println!(
        "by signature      {:.0} a second",
        per_second(wanted.len(), began.elapsed())
    );

    let payers: Vec<Pubkey> = numbers
        .iter()
        .map(|number| load.account(number % 1_000_000))
        .collect();
    let began = Instant::now();
    let mut found = 0;
    for payer in &payers[..5_000] {
        found += store.of_address(payer, None, 1_000)?.len();
    }
    let took = began.elapsed();
    println!(
        "by address        {:.0} a second, of {found} found",
        per_second(5_000, took)
    );

    let began = Instant::now();
    for number in &numbers[..200] {
        let before = load.place(*number);
        let found = store.of_address(&EVERYBODY, Some(before), 1_000)?;
        anyhow::ensure!(
            found.len() as u64 == (*number).min(1_000),
            "a full page of the busy address"
        );
        anyhow::ensure!(
            found.iter().all(|place| (place.2, place.3) < before),
            "all are before"
        );
    }
    println!(
        "1,000 of the busy {:.0} pages a second",
        per_second(200, began.elapsed())
    );
    Ok(())
}

/// A line of a file of /proc, after its name.
fn proc_field(file: &str, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/{file}"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .context("a known field")?;
    let number = line.split_whitespace().next().context("a value")?;
    Ok(number.parse()?)
}

/// Bytes that this process caused to be written to the disk.
fn bytes_written() -> Result<u64> {
    proc_field("io", "write_bytes:")
}

fn memory_mib() -> Result<u64> {
    Ok(sealane_benches::resident_bytes()? >> 20)
}

/// Seconds of processor time, of all threads.
fn cpu_seconds() -> Result<f64> {
    // User and system time, in clock ticks of 10 ms.
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .context("fields")?
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks as f64 / 100.0)
}

fn bytes_of(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            bytes_of(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}
