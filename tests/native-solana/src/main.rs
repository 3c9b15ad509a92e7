//! Runs a program for Solana that was compiled for the host, and the ELF file of the same program, on the same random
//! transactions. Errors, logs, return data, calls and accounts must be equal. Compute units are not: natively only
//! syscalls cost some, so what logs say of units is not compared.

mod associated;
mod ends;
mod memo;
mod token;
mod world;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Parser, ValueEnum};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sealane_sdk::testing::{Harness, Outcome};
use sealane_sdk::{AccountState, Machine, Pubkey, Rent};
use sealane_vm::{ElfMachine, NativeMachine, ProgramsConfig};
use solana_account::ReadableAccount;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use world::World;

#[derive(Parser)]
struct Arguments {
    /// The program.
    program: Program,
    /// The shared library that it was compiled to.
    library: PathBuf,
    /// How many transactions.
    #[arg(long, default_value_t = 2_000)]
    transactions: u64,
    /// Seed of all choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Program {
    /// One that only ends, in Memo's place, beside nothing.
    Ends,
    Memo,
    AssociatedTokenAccount,
    #[value(name = "token-2022")]
    Token2022,
}

impl Program {
    fn id(self) -> Pubkey {
        match self {
            Self::Ends | Self::Memo => world::MEMO,
            Self::AssociatedTokenAccount => world::ASSOCIATED,
            Self::Token2022 => world::TOKEN_2022,
        }
    }
}

/// The programs that are on board of a new chain.
fn on_board() -> HashMap<Pubkey, AccountState> {
    let rent = Rent::default();
    let spl = solana_program_binaries::spl_programs(&rent);
    let accounts = spl.into_iter().map(|(key, account)| {
        let state = AccountState {
            lamports: account.lamports(),
            owner: *account.owner(),
            executable: account.executable(),
            data: account.data().into(),
        };
        (key, state)
    });
    accounts.collect()
}

fn elf_machine() -> ElfMachine {
    ElfMachine::new(Arc::new(on_board()), ProgramsConfig::default())
}

fn harness(machine: Box<dyn Machine>) -> Harness {
    let harness = Harness::new().with_machine(machine);
    on_board()
        .into_iter()
        .fold(harness, |harness, (key, state)| {
            harness.with_account(key, state)
        })
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let library = arguments.library.canonicalize();
    let library = library.with_context(|| arguments.library.display().to_string())?;
    let native = NativeMachine::new(elf_machine(), arguments.program.id(), &library);
    let native = native.map_err(|error| anyhow!("{}: {error}", library.display()))?;
    let mut native = harness(Box::new(native));
    if matches!(arguments.program, Program::Ends) {
        return ends::check(&mut native);
    }
    let mut elf = harness(Box::new(elf_machine()));
    let mut world = World::new(StdRng::seed_from_u64(arguments.seed));
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    for number in 0..arguments.transactions {
        if number % 200 == 0 {
            for (key, state) in world.begin() {
                native.set_account(key, state.clone());
                elf.set_account(key, state);
            }
        }
        let mut instruction = match arguments.program {
            Program::Ends | Program::Memo => memo::some(&mut world),
            Program::AssociatedTokenAccount => associated::some(&mut world, &elf),
            Program::Token2022 => token::some(&mut world, &elf),
        };
        while world.once_in(4) {
            world.break_one(&mut instruction);
        }
        let theirs = elf.process_instruction(&instruction);
        let ours = native.process_instruction(&instruction);
        if let Some(difference) = difference(&ours, &theirs) {
            bail!(
                "transaction {number} of seed {}: {difference}\n{instruction:?}",
                arguments.seed
            );
        }
        let end = match theirs.error() {
            None => "succeeded".to_owned(),
            Some(error) => format!("{error:?}"),
        };
        *ends.entry(end).or_default() += 1;
    }
    println!("{} transactions, no difference:", arguments.transactions);
    for (end, count) in ends {
        println!("{count:8} {end}");
    }
    Ok(())
}

fn difference(ours: &Outcome, theirs: &Outcome) -> Option<String> {
    let (our_logs, their_logs) = (logs(ours), logs(theirs));
    let pairs = [
        (
            "result",
            format!("{:?}", ours.result),
            format!("{:?}", theirs.result),
        ),
        ("logs", our_logs, their_logs),
        (
            "return data",
            format!("{:?}", ours.return_data),
            format!("{:?}", theirs.return_data),
        ),
        (
            "calls",
            format!("{:?}", ours.inner_instructions),
            format!("{:?}", theirs.inner_instructions),
        ),
        (
            "accounts",
            format!("{:?}", ours.accounts),
            format!("{:?}", theirs.accounts),
        ),
    ];
    let differing = pairs.into_iter().find(|(_, ours, theirs)| ours != theirs);
    differing.map(|(what, native, elf)| {
        format!(
            "{what} differ\nnative: {native}\nELF: {elf}\nlogs, native: {}\nELF: {}",
            logs(ours),
            logs(theirs)
        )
    })
}

/// Logs but for what the compilers and folders are to blame for, and what they say of compute units.
fn logs(outcome: &Outcome) -> String {
    let lines = outcome.logs.iter();
    let lines = lines.filter(|line| !line.ends_with("compute units"));
    lines.map(|line| comparable(line)).collect()
}

fn comparable(line: &str) -> String {
    // The text of a memo is quoted, and which letters are printable is known to the standard library.
    let memo = line.strip_prefix("Program log: Memo (len ");
    if let Some((len, _)) = memo.and_then(|rest| rest.split_once(')')) {
        return format!("memo of {len} bytes\n");
    }
    let panicked = line.split_once("Panicked in ");
    match (panicked, line.rsplit_once("/src/")) {
        (Some((head, _)), Some((_, file))) => format!("{head}Panicked in {file}\n"),
        _ => format!("{line}\n"),
    }
}
