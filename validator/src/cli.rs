//! The command line of `sealane-validator`.

use crate::builder::Validator;
use crate::embed::ValidatorHandle;
use crate::genesis::{FAUCET_SOL, LAMPORTS_PER_SOL, MINT_SOL};
use crate::ledger_tools::LedgerArguments;
use crate::program_files::ProgramArguments;
use crate::{ledger_bounds, status_line, wallet};
use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use crossbeam_channel::{Receiver, Sender, bounded};
use sealane_runtime::{
    BankingThreads, LedgerFailure, Limits, Notice, OnLedgerFailure, OnReplay, ReplayProgress,
};
use sealane_sdk::{Program, Programs, Pubkey};
use std::io::{IsTerminal, Write, stderr, stdout};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A local Solana node with native programs.
///
/// It speaks Solana's JSON-RPC and PubSub, so the `solana` command line, web3.js and wallets work with it
/// unchanged: point them at http://127.0.0.1:8899. Without --ledger it starts a new chain each time, keeps it
/// in memory and forgets it at exit; with it, everything that was confirmed is there again at the next
/// start, even after a crash. Your wallet, if `solana` has one, is rich from the start, and anyone may ask for an
/// airdrop. Stop it with Ctrl-C.
#[derive(Debug, Parser)]
#[command(
    name = "sealane-validator",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Port of JSON-RPC over HTTP. PubSub over WebSocket is on the next one (8900 by default, where
    /// clients look for it).
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8899,
        env = "SEALANE_RPC_PORT"
    )]
    rpc_port: u16,

    /// Address to listen on. 0.0.0.0 lets other machines in: there is no password.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind_address: IpAddr,

    /// Wallet that gets 500,000,000 SOL when the chain begins, instead of the one that the `solana` command line
    /// uses (keypair_path in ~/.config/solana/cli/config.yml, or ~/.config/solana/id.json).
    #[arg(long, value_name = "PUBKEY")]
    mint: Option<Pubkey>,

    /// Folder that keeps the chain: genesis, keys, and every confirmed transaction, durable before it is
    /// shown. Made if it is not there; if it holds a chain, that one goes on. One node at a time has it.
    #[arg(long, value_name = "DIR", env = "SEALANE_LEDGER")]
    ledger: Option<PathBuf>,

    /// Memory for accounts, as 512MB or 2GB: those that were not used for longest are read from the ledger's
    /// account files instead. Beside it each account takes some 150 bytes. Without this all are in memory.
    #[arg(long, value_name = "BYTES", requires = "ledger", value_parser = ledger_bounds::bytes)]
    accounts_memory: Option<u64>,

    /// Delete the chain in the ledger's folder, its snapshots too, and start a new one.
    #[arg(long, requires = "ledger")]
    reset: bool,

    /// Keep about so much of the past in the ledger: old transactions and blocks go, once no start needs them.
    /// A size like 500MB or 10GB; a number alone counts Solana's shreds, of 1,228 bytes. Accounts are
    /// never removed, and not counted.
    #[arg(long, value_name = "SIZE", requires = "ledger", value_parser = ledger_bounds::size)]
    limit_ledger_size: Option<u64>,

    /// Keep the past for so long: transactions and blocks that are older go, once no start needs them. An age
    /// like 12h or 7d.
    #[arg(long, value_name = "AGE", requires = "ledger", value_parser = ledger_bounds::age)]
    limit_ledger_age: Option<Duration>,

    /// Begin an empty ledger with a snapshot: a folder that a node made under its ledger's snapshots/, or that
    /// folder itself, of which the newest that can be used is taken. It may have been copied from elsewhere.
    #[arg(long, value_name = "DIR", requires = "ledger")]
    snapshot: Option<PathBuf>,

    /// Make a snapshot so often, under snapshots/ in the ledger's folder, while the node runs. The newest two
    /// are kept. An interval like 30s, 10m or 12h.
    #[arg(long, value_name = "INTERVAL", requires = "ledger", value_parser = ledger_bounds::age)]
    snapshot_interval: Option<Duration>,

    /// Keep the chain in one file, for tests: read at the start, if it is there, and written at a clean stop. If the
    /// node is killed, the folder FILE.ledger is left, and the next start goes on with it.
    #[arg(long, value_name = "FILE", conflicts_with = "ledger")]
    state: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) program_files: ProgramArguments,

    /// What the faucet of a new chain has for airdrops, in SOL.
    #[arg(long, value_name = "SOL", default_value_t = FAUCET_SOL)]
    faucet_sol: u64,

    /// A chain for development: by JSON-RPC, whoever reaches the node may set accounts, move and stop the clock, and
    /// go back to an earlier state (docs/development.md). Any web page that you visit can, too. A ledger remembers
    /// that it is one.
    #[arg(long)]
    dev: bool,

    /// With --dev: keys and all that is random follow from this number, and nothing goes by wall time, so that a run that
    /// sends the same transactions in the same order repeats bit by bit.
    #[arg(long, value_name = "N", requires = "dev")]
    seed: Option<u64>,

    /// Threads that execute transactions: a number, or auto for what suits this machine.
    #[arg(long, value_name = "auto|N", default_value = "auto", value_parser = banking_threads)]
    banking_threads: BankingThreads,

    /// Length of a slot in milliseconds. A blockhash is valid for 150 slots.
    #[arg(long, value_name = "MS", default_value_t = 400,
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    slot_ms: u64,

    /// Let a slot and an account cost no more than on Solana: 100 and 24 million cost units. What is over
    /// a slot's limits competes for the next one's. Without this there is no limit.
    #[arg(long)]
    solana_cost_limits: bool,

    /// Execute every transaction twice and name the program whose effects differ: a program must be pure.
    /// Takes twice the time; for trying programs out.
    #[arg(long)]
    check_purity: bool,

    /// Print nothing but errors.
    #[arg(long, short)]
    quiet: bool,

    /// What to print while it runs.
    #[arg(long, value_enum, default_value_t = Log::Status, value_name = "WHAT")]
    log: Log,
}

/// What is done instead of running a node.
#[derive(Debug, Subcommand)]
enum Command {
    /// Look at the chain that --ledger keeps: is it whole, what is in it, all of it as JSON, the same again.
    Ledger(LedgerArguments),
}

/// What is printed while the node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Log {
    /// One line, drawn in place, if the output is a terminal.
    Status,
    /// Each transaction with its logs.
    Transactions,
    /// Nothing.
    None,
}

impl Arguments {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if self.solana_cost_limits {
            limits = limits.with_solana_cost_limits();
        }
        limits.ledger_bytes_max = self.limit_ledger_size;
        limits.ledger_age_max = self.limit_ledger_age;
        limits
    }
}

pub(crate) fn banking_threads(text: &str) -> Result<BankingThreads, String> {
    if text == "auto" {
        return Ok(BankingThreads::Auto);
    }
    match text.parse() {
        Ok(threads @ 1..=64) => Ok(BankingThreads::Fixed(threads)),
        _ => Err("write auto, or a number from 1 to 64".into()),
    }
}

/// Runs a node with `programs` until it is told to stop: what the binary does, for a binary of your own
/// with programs of your own.
///
/// ```no_run
/// use clap::Parser;
///
/// fn main() -> anyhow::Result<()> {
///     sealane_validator::run(sealane_validator::Arguments::parse(), [])
/// }
/// ```
pub fn run(
    arguments: Arguments,
    programs: impl IntoIterator<Item = Program>,
) -> anyhow::Result<()> {
    if let Some(Command::Ledger(tool)) = arguments.command {
        let mut all = Programs::builtin();
        programs.into_iter().for_each(|program| all.add(program));
        return tool.run(all);
    }
    let Arguments { quiet, log, .. } = arguments;
    let (stop_now, stop) = stop_signal()?;
    let sol = arguments.faucet_sol;
    let faucet_lamports = sol.checked_mul(LAMPORTS_PER_SOL).with_context(|| {
        format!(
            "--faucet-sol {sol} is more than there can be: {} at most",
            u64::MAX / LAMPORTS_PER_SOL
        )
    })?;
    let mut builder = Validator::builder()
        .rpc_port(arguments.rpc_port)
        .bind_address(arguments.bind_address)
        .banking_threads(arguments.banking_threads)
        .slot_duration(Duration::from_millis(arguments.slot_ms))
        .faucet_lamports(faucet_lamports)
        .limits(arguments.limits())
        .check_purity(arguments.check_purity)
        .dev(arguments.dev)
        .on_notice(move |notice| tell(notice, quiet));
    if let Some(mint) = arguments.mint {
        builder = builder.mint(mint);
    }
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    } else if let Some(wallet) = wallet::find() {
        builder = builder.wallet(wallet);
    }
    if let Some(folder) = &arguments.ledger {
        builder = builder
            .ledger(folder)
            .on_ledger_failure(on_ledger_failure(stop_now.clone()));
        if let Some(bytes_max) = arguments.accounts_memory {
            builder = builder.accounts_memory(bytes_max);
        }
        if !quiet && stdout().is_terminal() {
            builder = builder.on_replay(ReplayLine::start());
        }
    }
    if let Some(file) = &arguments.state {
        builder = builder
            .state_file(file)
            .on_ledger_failure(on_ledger_failure(stop_now));
    }
    if let Some(snapshot) = &arguments.snapshot {
        builder = builder.snapshot(snapshot);
    }
    if let Some(interval) = arguments.snapshot_interval {
        builder = builder.snapshot_every(interval);
    }
    if arguments.reset {
        builder = builder.reset_ledger();
    }
    builder = arguments.program_files.add_to(builder)?;
    let node = programs
        .into_iter()
        .fold(builder, |builder, program| builder.add_program(program));
    let node = node.start()?;

    if !quiet {
        if stdout().is_terminal() {
            // The line of the replay.
            say("\r\x1b[2K");
        }
        let place = arguments.ledger.as_deref().or(arguments.state.as_deref());
        say(&start_message(&node, place));
    }
    wait(&node, &stop, if quiet { Log::None } else { log });
    if !quiet {
        say("Stopping.\n");
    }
    let failure = node.ledger_failure();
    let orderly = node.stop();
    if let Some(reason) = failure {
        anyhow::bail!("the ledger failed: {reason}");
    }
    if !orderly {
        anyhow::bail!("a program still ran when the node stopped; its transaction was given up");
    }
    Ok(())
}

/// Prints what was asked for until the signal comes.
fn wait(node: &ValidatorHandle, stop: &Receiver<()>, log: Log) {
    match log {
        Log::Status if stdout().is_terminal() => {
            status_line::run(node.reader(), stop, &mut stdout());
        }
        Log::Transactions => print_transactions(node, stop),
        Log::Status | Log::None => {
            // A closed channel cannot be: its sender lives in the handler.
            let _ = stop.recv();
        }
    }
}

fn print_transactions(node: &ValidatorHandle, stop: &Receiver<()>) {
    let mut events = node.reader().listen();
    loop {
        crossbeam_channel::select! {
            recv(stop) -> _ => return,
            recv(events) -> event => match event {
                Ok(sealane_runtime::Event::Entry { slot, transactions, .. }) => {
                    for published in transactions.iter() {
                        print_transaction(slot, published);
                    }
                }
                Ok(_) => {}
                Err(_) => {
                    say("(some transactions were not printed: too many at once)\n");
                    events = node.reader().listen();
                }
            },
        }
    }
}

fn print_transaction(slot: u64, published: &sealane_runtime::PublishedTransaction) {
    let record = published.record();
    let status = match &record.status {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.to_string(),
    };
    let mut text = format!(
        "slot {slot} {} {status}\n",
        published.transaction().signature()
    );
    for line in &record.logs {
        text.push_str(&format!("    {line}\n"));
    }
    say(&text);
}

/// Prints. That nobody reads, because the terminal or the other end of a pipe is gone, is no reason to
/// stop a node.
fn say(text: &str) {
    let mut out = stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Says what whoever runs the node should know, in a line of its own: the status line, if there is one, is drawn again.
fn tell(notice: &Notice, quiet: bool) {
    let erase = if stdout().is_terminal() {
        "\r\x1b[2K"
    } else {
        ""
    };
    // Nobody may be reading.
    let _ = match notice {
        Notice::ProgramReplaced { .. } if quiet => Ok(()),
        Notice::ProgramReplaced { .. } => writeln!(stderr(), "{erase}{notice}"),
        _ => writeln!(stderr(), "{erase}warning: {notice}"),
    };
}

/// The owner of the process hears at once, whatever else is printed: nothing is confirmed any more. After a
/// failed sync the node stops.
fn on_ledger_failure(stop: Sender<()>) -> OnLedgerFailure {
    Arc::new(move |failure: &LedgerFailure| {
        let stops = matches!(failure, LedgerFailure::Sync(_));
        let next = if stops {
            "Nobody knows what is on the disk now, so the node stops. See to the disk, and start it again."
        } else {
            "Nothing more is confirmed; what was confirmed can still be read. Stop the node, see to the disk, \
             and start it again."
        };
        eprintln!("\nerror: the ledger failed: {failure}\n{next}");
        if stops {
            // A stop that was asked for already does.
            let _ = stop.try_send(());
        }
    })
}

/// A line that says how far the replay at the start has come.
struct ReplayLine;

impl ReplayLine {
    const INTERVAL: Duration = Duration::from_millis(200);

    fn start() -> OnReplay {
        let (started, shown) = (Instant::now(), AtomicU64::new(0));
        Arc::new(move |progress: ReplayProgress| {
            // Relaxed: one thread replays.
            let steps = (started.elapsed().as_millis() / Self::INTERVAL.as_millis()) as u64;
            if shown.swap(steps, Ordering::Relaxed) != steps {
                let ReplayProgress {
                    slot, transactions, ..
                } = progress;
                say(&format!(
                    "\r\x1b[2KReplaying the ledger: slot {slot}, {transactions} transactions\r"
                ));
            }
        })
    }
}

/// What is kept where.
fn place(node: &ValidatorHandle, ledger: Option<&Path>) -> String {
    let Some(folder) = ledger else {
        return "Everything is kept in memory and lost at exit (--ledger DIR keeps it).".to_owned();
    };
    let folder = folder.display();
    match node.reader().transaction_count() {
        0 => format!("The chain is kept in {folder}."),
        count => format!("The chain in {folder} goes on: {count} transactions so far."),
    }
}

fn start_message(node: &ValidatorHandle, ledger: Option<&Path>) -> String {
    let rpc = node.rpc_url().unwrap_or_default();
    let web_socket = node.ws_url().unwrap_or_default();
    let mint = match node.mint_address() {
        Some(wallet) => format!("{wallet} ({} SOL)", grouped_sol(MINT_SOL)),
        None => "none found; name one with --mint PUBKEY".to_owned(),
    };
    let dev = match node.operator() {
        Ok(_) => "  Operator    whoever reaches it: accounts and the clock can be set (--dev)\n",
        Err(_) => "",
    };
    format!(
        "Sealane {} — a local Solana node. {}\n\
         \n  JSON-RPC    {rpc}\n  WebSocket   {web_socket}\n  Wallet      {mint}\n  \
         Faucet      {}\n  Genesis     {}\n{dev}\nTry: solana airdrop 1 --url {rpc}\nStop with Ctrl-C.\n\n",
        env!("CARGO_PKG_VERSION"),
        place(node, ledger),
        node.faucet_address(),
        node.genesis_hash(),
    )
}

fn grouped_sol(sol: u64) -> String {
    format!("{} million", sol / 1_000_000)
}

/// Hears Ctrl-C and SIGTERM: the first asks for an orderly stop, the second ends the process at once.
fn stop_signal() -> anyhow::Result<(Sender<()>, Receiver<()>)> {
    const STATUS_INTERRUPTED: i32 = 130;
    let (sender, receiver) = bounded(1);
    let asks = sender.clone();
    let mut asked = false;
    ctrlc::set_handler(move || {
        if std::mem::replace(&mut asked, true) {
            std::process::exit(STATUS_INTERRUPTED);
        }
        // Nobody listens any more when it stops already.
        let _ = asks.try_send(());
    })
    .context("cannot listen for Ctrl-C")?;
    Ok((sender, receiver))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn solanas_cost_limits_are_a_flag() {
        let costs = |arguments: &[&str]| {
            let arguments = Arguments::parse_from([&["sealane-validator"], arguments].concat());
            let limits = arguments.limits();
            (limits.slot_cost_max, limits.account_cost_max)
        };
        assert_eq!(costs(&[]), (None, None));
        let solana = (Some(100_000_000), Some(24_000_000));
        assert_eq!(costs(&["--solana-cost-limits"]), solana);
    }

    #[test]
    fn how_much_the_ledger_keeps_is_a_size_and_an_age() {
        let limits = |arguments: &[&str]| {
            let program = ["sealane-validator", "--ledger", "folder"];
            let arguments = Arguments::parse_from(program.iter().chain(arguments));
            let limits = arguments.limits();
            (limits.ledger_bytes_max, limits.ledger_age_max)
        };
        assert_eq!(limits(&[]), (None, None));
        let week = Duration::from_secs(7 * 86_400);
        let both = ["--limit-ledger-size", "2GB", "--limit-ledger-age", "7d"];
        assert_eq!(limits(&both), (Some(2_000_000_000), Some(week)));
        let without_ledger = ["sealane-validator", "--limit-ledger-age", "7d"];
        assert!(Arguments::try_parse_from(without_ledger).is_err());
    }

    #[test]
    fn a_seed_is_for_a_chain_for_development() {
        let parse = |arguments: &[&str]| {
            Arguments::try_parse_from([&["sealane-validator"], arguments].concat())
        };
        let seeded = parse(&["--dev", "--seed", "7"]).expect("both are there");
        assert_eq!((seeded.dev, seeded.seed), (true, Some(7)));
        assert_eq!(parse(&["--dev"]).expect("it is a flag").seed, None);
        assert!(parse(&["--seed", "7"]).is_err());
    }

    #[test]
    fn memory_for_accounts_is_a_size_and_needs_a_ledger() {
        let parse = |arguments: &[&str]| {
            Arguments::try_parse_from([&["sealane-validator"], arguments].concat())
        };
        let bounded = ["--accounts-memory", "2GB"];
        let with_ledger = parse(&["--accounts-memory", "2GB", "--ledger", "x"]);
        assert_eq!(with_ledger.unwrap().accounts_memory, Some(2_000_000_000));
        if std::env::var_os("SEALANE_LEDGER").is_none() {
            let Err(error) = parse(&bounded) else {
                panic!("it needs a ledger")
            };
            assert!(error.to_string().contains("--ledger"), "{error}");
        }
    }

    #[test]
    fn banking_threads_are_auto_or_a_number() {
        assert_eq!(banking_threads("auto"), Ok(BankingThreads::Auto));
        assert_eq!(banking_threads("3"), Ok(BankingThreads::Fixed(3)));
        for wrong in ["0", "65", "-1", "many", ""] {
            assert!(banking_threads(wrong).is_err(), "{wrong}");
        }
    }
}
