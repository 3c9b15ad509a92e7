//! Sealane's executor against Agave's: the same random transactions, of real programs, through both.
//!
//! Agave's side is LiteSVM, which is Agave's program runtime without a bank around it. Sealane's is the SDK's
//! executor with the machine of `sealane-vm`. Both have the same files of the same programs at the same addresses,
//! the same sysvars and the same accounts, and go on with what they made of them; so programs get deep into their
//! states. With odd seeds the programs are those that Sealane has on board, with even ones LiteSVM's own. After each transaction everything that a client can see of it must be equal: the error and its place,
//! logs line by line, compute units, return data, inner instructions, and each account that it could write. At
//! intervals, and at the end, all accounts of both are compared.
//!
//! The generator looks at the accounts to make transactions that mostly succeed, and then breaks some of them. The
//! first difference ends the run, with all that is needed to see it.
//!
//! Not compared is what LiteSVM does in the bank's place: fees (ours is told what LiteSVM took), rent states (what
//! LiteSVM refuses for them is not committed on our side either), and transactions that do not run.

mod actions;
mod agave;
mod compare;
mod coverage;
mod names;
mod outcome;
#[path = "../../../vm/tests/support/probe.rs"]
mod probe;
mod scene;
mod sealane;
mod world;

use agave::Agave;
use anyhow::Result;
use clap::Parser;
use coverage::Coverage;
use sealane::Sealane;
use std::process::ExitCode;
use std::time::Instant;
use world::World;

#[derive(Parser)]
#[command(version, about = "Runs random transactions through Sealane and Agave")]
struct Arguments {
    /// Transactions to run
    #[arg(long, default_value_t = 20_000)]
    transactions: u64,
    /// Seed of all that is random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Differences after which it ends; after each, ours goes on with Agave's accounts
    #[arg(long, default_value_t = 1)]
    differences: u64,
    /// Which instructions were covered, at the end
    #[arg(long)]
    coverage: bool,
}

/// Transactions after which the accounts are new ones.
const GENERATION: u64 = 2_000;
/// Transactions after which all accounts are compared.
const FULL_COMPARISON: u64 = 1_000;
/// Transactions after which a slot ends.
const SLOT: u64 = 50;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let start = Instant::now();
    let mut world = World::new(arguments.seed);
    let mut agave = Agave::new(arguments.seed % 2 == 1)?;
    let mut sealane = Sealane::new(agave.accounts());
    let mut coverage = Coverage::default();
    let mut found = 0;
    for number in 0..arguments.transactions {
        if number % GENERATION == 0 {
            world.begin_generation(number / GENERATION, &mut sealane, &mut agave)?;
        }
        if number % SLOT == 0 {
            world.turn_slot(&mut sealane, &mut agave)?;
        }
        world.fill_wallets(&mut sealane, &mut agave)?;
        let transaction = world.transaction(&sealane);
        let (theirs, fee) = agave.run(&transaction);
        let ours = sealane.run(&transaction, fee, &theirs);
        coverage.note(&transaction, &theirs);
        let mut differences = compare::outcomes(&ours, &theirs);
        differences.extend(compare::written(&transaction, &sealane, &agave));
        if number % FULL_COMPARISON == FULL_COMPARISON - 1 || number + 1 == arguments.transactions {
            differences.extend(compare::all(&sealane, &agave));
        }
        if differences.is_empty() {
            continue;
        }
        let seed = arguments.seed;
        println!("difference at seed {seed}, transaction {number}");
        println!("{transaction}");
        println!("Sealane: {ours}");
        println!("Agave: {theirs}");
        for difference in &differences {
            println!("{difference}");
        }
        println!();
        for key in &transaction.message.account_keys {
            sealane.set(*key, agave.account(key));
        }
        found += 1;
        if found == arguments.differences {
            break;
        }
    }
    if arguments.coverage {
        println!("{coverage}");
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "seed {}: {} in {seconds:.1} s; {found} differences",
        arguments.seed,
        coverage.summary()
    );
    Ok(ExitCode::from(u8::from(found > 0)))
}
