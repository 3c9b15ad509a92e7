//! The command line of `sealane-validator`.

mod output;
mod values;

pub(crate) use values::banking_threads;

use crate::builder::{Validator, ValidatorBuilder};
use crate::chain_parameters::ChainParameters;
use crate::clone::CloneArguments;
use crate::embed::ValidatorHandle;
use crate::genesis::{FAUCET_SOL, LAMPORTS_PER_SOL, MINT_SOL};
use crate::genesis_files::AccountFileArguments;
use crate::ledger_tools::LedgerArguments;
use crate::program_files::ProgramArguments;
use crate::test_validator::TestValidatorArguments;
use crate::{config_file, ledger_bounds, status_line, wallet};
use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use crossbeam_channel::{Receiver, Sender, bounded};
use output::{
    ReplayLine, on_ledger_failure, print_transactions, ready_json, say, start_message, tell,
};
use sealane_runtime::{BankingThreads, Limits};
use sealane_sdk::{Program, Pubkey};
use std::io::{IsTerminal, stdout};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use values::{host, lamports};

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
    args_conflicts_with_subcommands = true,
    args_override_self = true
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Port of JSON-RPC over HTTP. PubSub over WebSocket is on the next one (8900 by default, where
    /// clients look for it).
    /// 0 takes two that are free, which the first words and --ready-json tell.
    #[arg(
        long,
        visible_alias = "port",
        value_name = "N",
        default_value_t = 8899,
        env = "SEALANE_RPC_PORT"
    )]
    rpc_port: u16,

    /// Address to listen on. 0.0.0.0 lets other machines in: there is no password.
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1", value_parser = host)]
    bind_address: IpAddr,

    /// Wallet that gets 500,000,000 SOL when the chain begins, instead of the one that the `solana` command line
    /// uses (keypair_path in ~/.config/solana/cli/config.yml, or ~/.config/solana/id.json).
    #[arg(long, value_name = "PUBKEY")]
    mint: Option<Pubkey>,

    /// Folder that keeps the chain: genesis, keys, and every confirmed transaction, durable before it is
    /// shown. Made if it is not there; if it holds a chain, that one goes on. One node at a time has it.
    #[arg(long, short, value_name = "DIR", env = "SEALANE_LEDGER")]
    ledger: Option<PathBuf>,

    /// Memory for accounts, as 512MB or 2GB: those that were not used for longest are read from the ledger's
    /// account files instead. Beside it each account takes some 150 bytes. Without this all are in memory.
    #[arg(long, value_name = "BYTES", requires = "ledger", value_parser = ledger_bounds::bytes)]
    accounts_memory: Option<u64>,

    /// Delete the chain in the ledger's folder, its snapshots too, and start a new one. Without --ledger every start
    /// is a new chain.
    #[arg(long, short, conflicts_with = "state")]
    reset: bool,

    /// Keep about so much of the past in the ledger: old transactions and blocks go, once no start needs them.
    /// A size like 500MB or 10GB; a number alone counts Solana's shreds, of 1,228 bytes. Accounts are
    /// never removed, and not counted. Without --ledger it has no effect: what is kept in memory has bounds of its own.
    #[arg(long, value_name = "SIZE", conflicts_with = "state", value_parser = ledger_bounds::size)]
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

    #[command(flatten)]
    account_files: AccountFileArguments,

    #[command(flatten)]
    clones: CloneArguments,

    /// Let a new chain pass all slots up to this one at once; without a number, up to the slot that the chain at --url
    /// is in.
    #[arg(long, short, value_name = "SLOT", num_args = 0..=1)]
    warp_slot: Option<Option<u64>>,

    /// Slots in an epoch of a new chain.
    #[arg(long, value_name = "SLOTS", value_parser = clap::value_parser!(u64).range(32..))]
    slots_per_epoch: Option<u64>,

    /// Compute units that each transaction of a new chain has, whatever it asks for.
    #[arg(long, alias = "max-compute-units", value_name = "UNITS")]
    compute_unit_limit: Option<u64>,

    /// Bytes of a transaction's logs, beyond which they are cut off, on a new chain. 10,000 without this.
    #[arg(long, value_name = "BYTES")]
    log_messages_bytes_limit: Option<u64>,

    /// Accounts that a transaction of a new chain may lock: 64 without this, and at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=64))]
    transaction_account_lock_limit: Option<u64>,

    #[command(flatten)]
    test_validator: TestValidatorArguments,

    /// A TOML file with flags by their names, such as rpc-port = 7000; what stands on the command line comes on top. A
    /// .yml file is the `solana` command line's configuration, which names the wallet.
    #[arg(long, short = 'C', value_name = "FILE")]
    config: Option<PathBuf>,

    /// What the faucet of a new chain has for airdrops, in SOL. 1,000,000 without this.
    #[arg(long = "faucet-sol", value_name = "SOL", value_parser = lamports)]
    faucet_lamports: Option<u64>,

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

    /// Length of a slot in Solana's ticks, of which there are 160 a second: 64 are 400 ms.
    #[arg(long, value_name = "TICKS", conflicts_with = "slot_ms",
          value_parser = clap::value_parser!(u64).range(2..=9_600))]
    ticks_per_slot: Option<u64>,

    /// Let confirmed and finalized trail, to try a client against what happens on Solana: processed is what is
    /// visible now, confirmed the state at the end of the newest sealed slot, and finalized that of the slot so many
    /// before it, 1 to 150. Solana's are 32. Without this all show the same, as nothing is ever rolled back.
    #[arg(long, value_name = "SLOTS", value_parser = clap::value_parser!(u64).range(1..=150))]
    finality_lag: Option<u64>,

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

    /// What to print while it runs. Without a word: transactions.
    #[arg(long, value_enum, default_value_t = Log::Status, value_name = "WHAT",
          num_args = 0..=1, default_missing_value = "transactions")]
    log: Log,

    /// Print one line of JSON when the node answers, with its addresses, and nothing else: for scripts.
    #[arg(long)]
    ready_json: bool,
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
    /// Those of this process, and of the file that --config names. Prints help and errors, and ends the process, as
    /// `parse` does.
    pub fn of_process() -> anyhow::Result<Self> {
        let arguments = config_file::expand(std::env::args_os())?;
        Ok(Self::parse_from(arguments))
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if self.solana_cost_limits {
            limits = limits.with_solana_cost_limits();
        }
        limits.ledger_bytes_max = self.limit_ledger_size;
        limits.ledger_age_max = self.limit_ledger_age;
        limits
    }

    fn slot_duration(&self) -> Duration {
        const TICKS_PER_SECOND: u64 = 160;
        match self.ticks_per_slot {
            Some(ticks) => Duration::from_micros(ticks * 1_000_000 / TICKS_PER_SECOND),
            None => Duration::from_millis(self.slot_ms),
        }
    }

    /// The builder, with what a new chain begins with beside programs.
    fn add_chain_to(&self, mut builder: ValidatorBuilder) -> anyhow::Result<ValidatorBuilder> {
        builder.parameters = ChainParameters {
            slots_per_epoch: self.slots_per_epoch,
            compute_unit_limit: self.compute_unit_limit,
            log_bytes_max: self.log_messages_bytes_limit,
            account_locks_max: self.transaction_account_lock_limit,
        };
        builder.ingest_ports = self.test_validator.ingest_ports();
        builder = builder.deactivate_features(self.test_validator.deactivate_feature.clone());
        match self.warp_slot {
            Some(Some(slot)) => builder = builder.warp_slot(slot),
            Some(None) => builder = builder.warp_slot(self.clones.slot()?),
            None => {}
        }
        if self.account_files.is_empty() && self.clones.is_empty() {
            return Ok(builder);
        }
        let (files, clones) = (self.account_files.clone(), self.clones.clone());
        Ok(builder.genesis_accounts(Box::new(move || {
            // What a file says wins, so that a copied account can be changed.
            let mut accounts = clones.fetch()?;
            accounts.extend(files.read()?);
            Ok(accounts)
        })))
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
        let mut all = crate::builder::built_in();
        programs.into_iter().for_each(|program| all.add(program));
        return tool.run(all);
    }
    crate::open_files::raise_limit();
    let quiet = arguments.quiet || arguments.ready_json;
    for warning in arguments.test_validator.warnings()? {
        eprintln!("warning: {warning}");
    }
    let log = if quiet { Log::None } else { arguments.log };
    let (stop_now, stop) = stop_signal()?;
    let faucet_lamports = arguments.faucet_lamports;
    let faucet_lamports = faucet_lamports.unwrap_or(FAUCET_SOL * LAMPORTS_PER_SOL);
    let mut builder = Validator::builder()
        .rpc_port(arguments.rpc_port)
        .bind_address(arguments.bind_address)
        .banking_threads(arguments.banking_threads)
        .slot_duration(arguments.slot_duration())
        .finality_lag(arguments.finality_lag.unwrap_or(0))
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
    } else if let Some(wallet) = wallet::find(arguments.config.as_deref()) {
        builder = builder.wallet(wallet);
    }
    builder = arguments.add_chain_to(builder)?;
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
    if arguments.reset && arguments.ledger.is_some() {
        builder = builder.reset_ledger();
    }
    builder = arguments.program_files.add_to(builder)?;
    let node = programs
        .into_iter()
        .fold(builder, |builder, program| builder.add_program(program));
    let node = node.start()?;
    crate::freed_memory::give_back();

    if arguments.ready_json {
        say(&ready_json(&node));
    } else if !quiet {
        if stdout().is_terminal() {
            // The line of the replay.
            say("\r\x1b[2K");
        }
        let place = arguments.ledger.as_deref().or(arguments.state.as_deref());
        say(&start_message(&node, place));
    }
    wait(&node, &stop, log);
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
    fn finality_lags_by_1_to_150_slots_where_it_does() {
        let lag = |arguments: &[&str]| {
            let arguments = [&["sealane-validator"], arguments].concat();
            Arguments::try_parse_from(arguments).map(|it| it.finality_lag)
        };
        assert_eq!(lag(&[]).unwrap(), None);
        assert_eq!(lag(&["--finality-lag", "32"]).unwrap(), Some(32));
        for wrong in ["0", "151", "-1", "many"] {
            assert!(lag(&["--finality-lag", wrong]).is_err(), "{wrong}");
        }
        let most = Limits::default().finality_lag_max.to_string();
        assert!(lag(&["--finality-lag", &most]).is_ok());
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
    fn what_is_said_to_solana_test_validator_is_understood() {
        let parse = |words: &str| {
            let program = ["solana-test-validator"].into_iter();
            Arguments::try_parse_from(program.chain(words.split_whitespace()))
        };
        let key = "So11111111111111111111111111111111111111112";
        for words in [
            "-r",
            "-r -q",
            "--limit-ledger-size 50000000",
            "--bind-address localhost",
            "--faucet-sol 0.5",
            "--account-dir one two",
        ] {
            assert!(parse(words).is_ok(), "{words}");
        }
        let two = format!("--deactivate-feature {key} {key} --reset");
        assert!(parse(&two).is_ok_and(|it| it.reset));
        let two = format!("--url localhost --clone {key} {key} --maybe-clone {key} {key}");
        assert!(parse(&two).is_ok());
        assert!(parse("--reset --state file").is_err());
    }
}
