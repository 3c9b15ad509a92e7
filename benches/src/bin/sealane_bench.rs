//! Benchmarks of a running node, from outside.

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sealane_benches::{LoadOptions, LoadProgress, Transport, load};
use std::path::PathBuf;

#[derive(Parser)]
#[command(version, about = "Benchmarks of a running node, from outside")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sends signed transfers to a running node over QUIC or UDP, and tells what became of them
    Load(Load),
}

#[derive(Args)]
struct Load {
    /// The node's JSON-RPC; its WebSocket is at the next port
    #[arg(long, default_value = "http://127.0.0.1:8899")]
    url: String,
    /// What carries the transactions. UDP only where the node takes it: on loopback
    #[arg(long, value_enum, default_value = "quic")]
    transport: Transport,
    /// How many are sent. They are signed beforehand, and must be sent within 50 s, before their blockhash is too old
    /// (150 slots of 400 ms)
    #[arg(long, default_value_t = 500_000)]
    transactions: u64,
    /// How many are sent a second; without it, as fast as they can be. UDP needs it: nothing slows it down
    #[arg(long, required_if_eq("transport", "udp"), value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// How many accounts pay, in turn, each another one
    #[arg(long, default_value_t = 10_000)]
    payers: u64,
    /// All pay the same account
    #[arg(long)]
    hot: bool,
    /// QUIC connections
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Transactions whose confirmation is awaited over the WebSocket, for the latency
    #[arg(long, default_value_t = 1_000)]
    watched: u64,
    /// Who pays the payers; without it, the node's faucet does
    #[arg(long, value_name = "KEYPAIR")]
    keypair: Option<PathBuf>,
    /// What `banking-bench --sigverify on` executes a second on this machine: tells which share of it is left here
    #[arg(long, value_name = "RATE", value_parser = clap::value_parser!(u64).range(1..))]
    in_process: Option<u64>,
    /// Seed of the keys: with the same as in a run before, only what was spent is paid again
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes all figures to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> Result<()> {
    let Command::Load(arguments) = Arguments::parse().command;
    let options = LoadOptions {
        url: arguments.url,
        transport: arguments.transport,
        transactions: arguments.transactions,
        rate: arguments.rate,
        payers: arguments.payers,
        hot: arguments.hot,
        connections: arguments.connections,
        watched: arguments.watched,
        funder: arguments.keypair,
        seed: arguments.seed,
    };
    let bar = bar(options.transactions);
    let outcome = load(&options, &|progress| match progress {
        LoadProgress::Step(what) => bar.suspend(|| eprintln!("{what}")),
        LoadProgress::Sent { sent, confirmed } => {
            bar.set_position(confirmed);
            bar.set_message(format!("{sent} sent"));
        }
    });
    bar.finish_and_clear();
    let outcome = outcome?;
    println!("{outcome}");
    if let Some(rate) = arguments.in_process {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let (allowed, share) = outcome.share_of(rate as f64, cores);
        println!(
            "share       {:>9.1}% of the {allowed:.0} a second that would be executed in process on the rest of {cores} cores",
            100.0 * share
        );
    }
    if let Some(path) = arguments.json {
        let text = serde_json::to_string_pretty(&outcome.json())?;
        std::fs::write(&path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// How many are confirmed; nothing where there is no terminal.
fn bar(transactions: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(transactions), ProgressDrawTarget::stderr());
    let template = "{bar:40} {pos} of {len} confirmed, {msg}, {per_sec}";
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    bar.with_style(style)
}
