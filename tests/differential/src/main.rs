//! Sealane's executor against Agave's: the same random transactions, of real programs, through both.
//!
//! Agave's side is LiteSVM, which is Agave's program runtime without a bank around it. Sealane's is the SDK's
//! executor with the machine of `sealane-vm`. Both have the same files of the same programs at the same addresses,
//! the same sysvars and the same accounts, and go on with what they made of them; so programs get deep into their
//! states. With odd seeds the programs are those that Sealane has on board, with even ones LiteSVM's own. After each
//! transaction everything that a client can see of it must be equal: the error and its place, logs line by line, compute units, return data, inner instructions, and each account that it could write. At
//! intervals, and at the end, all accounts of both are compared.
//!
//! The generator looks at the accounts to make transactions that mostly succeed, and then breaks some of them. The
//! first difference ends the run, with all that is needed to see it.
//!
//! Not compared is what LiteSVM does in the bank's place: fees (ours is told what LiteSVM took), rent states (what
//! LiteSVM refuses for them is not committed on our side either), and transactions that do not run. With `--whole` that is
//! what is compared: see `whole`.

mod agave;
mod compare;
mod coverage;
mod whole;

use agave::Agave;
use agave_reserved_account_keys::ReservedAccountKeys;
use anyhow::{Context, Result};
use clap::Parser;
use coverage::Coverage;
use sealane_random_programs::{Answer, FULL_COMPARISON, Failure, Recorder, Sealane, World};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

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
    /// Whole transactions, through verify and bank, instead of instructions through the executor
    #[arg(long)]
    whole: bool,
    /// Write what Agave answered to a file, for the test of `tests/random-programs` (an odd seed) or, with `--whole`,
    /// of `tests/random-transactions`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.whole {
        return whole::run(&arguments);
    }
    let start = Instant::now();
    let reserved = ReservedAccountKeys::new_all_activated().active;
    let mut world = World::new(arguments.seed, reserved.iter().copied());
    let mut agave = Agave::new(arguments.seed % 2 == 1)?;
    let mut sealane = Sealane::new(agave.accounts());
    let by = "Agave 4.3.2, by LiteSVM 0.17.0";
    let mut recorder = Recorder::new(by, arguments.seed, reserved, sealane.accounts());
    let mut coverage = Coverage::default();
    let mut found = 0;
    for number in 0..arguments.transactions {
        let transaction = world.next(&mut sealane, &mut agave);
        let (theirs, fee) = agave.run(&transaction);
        let refusal = theirs.result.as_ref().err();
        let refusal = refusal.filter(|failure| !matches!(failure, Failure::Instruction(..)));
        let ours = sealane.run(&transaction, fee, refusal);
        let account = |key: &_| agave.account(key);
        recorder.add(Answer::new(&transaction, &theirs, fee, account));
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
    if let Some(path) = &arguments.record {
        let written = std::fs::write(path, recorder.bytes());
        written.with_context(|| format!("cannot write {}", path.display()))?;
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
