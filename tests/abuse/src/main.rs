//! What a node's RPC does under abuse, and what that costs banking.
//!
//! `answers` lets a generator, a process of its own, do to a node what no client does: ten thousand connections, of
//! which most say nothing, half a request, or never read what they asked for, and some ask garbage as fast as they are
//! answered. It tells what was answered and whether the node's memory stayed flat.
//!
//! `banking` compares, in turn, how much a node executes while it is left alone, while the generator has an empty HTTP
//! server in the same process, and while it has the node.

mod attack;
mod banking;
mod empty_server;
mod memory;
mod node;
mod requests;
mod stream;
mod tally;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    version,
    about = "What a node's RPC does under abuse, and what that costs banking"
)]
struct Arguments {
    #[command(subcommand)]
    command: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// Whether every answer is an error or a result, and memory stays flat
    Answers {
        /// How long
        #[arg(long, default_value_t = 300)]
        seconds: u64,
        #[command(flatten)]
        attack: attack::Options,
    },
    /// How much less is executed meanwhile
    Banking {
        /// How long each part of a round takes
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Rounds, whose medians count
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// How long the program of a transaction takes, in microseconds
        #[arg(long, default_value_t = 50)]
        program_us: u64,
        #[command(flatten)]
        attack: attack::Options,
    },
    /// Only the generator, against any server; prints what it heard as JSON
    Attack {
        /// Address of JSON-RPC over HTTP
        address: SocketAddr,
        /// How long
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        #[command(flatten)]
        attack: attack::Options,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Subject::Answers { seconds, attack } => answers(Duration::from_secs(seconds), &attack),
        Subject::Banking {
            seconds,
            rounds,
            program_us,
            attack,
        } => banking::compare(
            Duration::from_secs(seconds),
            rounds,
            Duration::from_micros(program_us),
            &attack,
        ),
        Subject::Attack {
            address,
            seconds,
            attack,
        } => {
            let tally = attack::run(address, Duration::from_secs(seconds), &attack)?;
            println!("{}", serde_json::to_string(&tally)?);
            Ok(())
        }
    }
}

fn answers(length: Duration, attack: &attack::Options) -> Result<()> {
    let node = node::start(None)?;
    let address = node::address(&node)?;
    let generator = Generator::start(address, length, attack)?;
    let samples = memory::watch(length)?;
    let tally = generator.finish()?;
    println!("{tally}");
    println!("memory      {samples}");
    println!("open slot   {}", node.reader().slot().slot);
    ensure!(node.reader().is_healthy(), "the node is no longer healthy");
    ensure!(node.stop(), "the node did not stop");
    ensure!(tally.unclear == 0, "{} answers are neither", tally.unclear);
    Ok(())
}

/// The generator's process.
struct Generator(std::process::Child);

impl Generator {
    fn start(address: SocketAddr, length: Duration, attack: &attack::Options) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("attack")
            .arg(address.to_string())
            .args(["--seconds", &length.as_secs().to_string()])
            .args(attack.arguments())
            .stdout(Stdio::piped());
        Ok(Self(
            command.spawn().context("the generator did not start")?,
        ))
    }

    fn finish(self) -> Result<tally::Tally> {
        let output = self.0.wait_with_output()?;
        ensure!(output.status.success(), "the generator failed");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
