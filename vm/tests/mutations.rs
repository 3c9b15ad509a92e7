//! Files of real programs with some of their bits changed: what of them still loads, runs, and whatever it does
//! is an error at most.
//!
//! `SEALANE_MUTATIONS=1000000 cargo test -p sealane-vm --release --test mutations` is the long run; the seed is
//! printed, and `SEALANE_SEED` sets it.

mod support;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sealane_sdk::testing::Harness;
use sealane_sdk::{
    AccountMeta, AccountState, ExecutionLimits, Instruction, InstructionError, Machine, Pubkey,
};
use sealane_vm::{ElfMachine, ProgramsConfig, Syscalls};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;
use support::elf::program;

const PROGRAM: Pubkey = Pubkey::new_from_array([7; 32]);
const ACCOUNTS: [Pubkey; 3] = [
    Pubkey::new_from_array([1; 32]),
    Pubkey::new_from_array([2; 32]),
    Pubkey::new_from_array([3; 32]),
];

/// Bytes before the file in an account of the upgradeable loader.
const PROGRAMDATA_HEAD: usize = 45;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

/// The files of all programs that are on board, the small ones first.
fn files() -> Vec<Vec<u8>> {
    let file = |state: AccountState| {
        let data = state.data.as_slice();
        let starts = [0, PROGRAMDATA_HEAD];
        let start = starts.into_iter().find(|start| {
            data.get(*start..)
                .is_some_and(|file| file.starts_with(b"\x7fELF"))
        })?;
        Some(data[start..].to_vec())
    };
    let mut files: Vec<Vec<u8>> = support::on_board().into_values().filter_map(file).collect();
    files.sort();
    files.sort_by_key(Vec::len);
    assert!(files.len() > 4);
    files
}

/// Changes a file in some places.
fn mutate(file: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut file = file.to_vec();
    // Most change only what lies in the middle, which is mostly code: else few would load.
    let in_code = random.random_ratio(3, 4);
    for _ in 0..random.random_range(1..=if in_code { 3 } else { 6 }) {
        let len = file.len();
        let at = match random.random_range(0..4) {
            _ if in_code => random.random_range(len / 16..len * 2 / 3),
            // The head of the file, the tables at its end, or anywhere.
            0 => random.random_range(0..len.min(512)),
            1 => random.random_range(len - len.min(4_096)..len),
            _ => random.random_range(0..len),
        };
        match random.random_range(0..8) {
            0 | 1 => file[at] ^= 1 << random.random_range(0..8),
            2 => file[at] = random.random(),
            3 => {
                // A word, often one at a limit.
                let words = [
                    0,
                    1,
                    u64::MAX,
                    1 << 32,
                    1 << 63,
                    len as u64,
                    random.random(),
                ];
                let word = words.choose(random).unwrap().to_le_bytes();
                let size = *[2, 4, 8].choose(random).unwrap();
                let end = (at + size).min(len);
                file[at..end].copy_from_slice(&word[..end - at]);
            }
            4 => {
                // An instruction's operation, registers or number.
                let at = at & !7;
                let part = random.random_range(0..8);
                if let Some(byte) = file.get_mut(at + part) {
                    *byte = random.random();
                }
            }
            5 if !in_code => {
                // A part over another.
                let size = random.random_range(1..256).min(len);
                let from = random.random_range(0..=len - size);
                let to = random.random_range(0..=len - size);
                file.copy_within(from..from + size, to);
            }
            6 if !in_code => file.truncate(random.random_range(len / 2..len).max(1)),
            _ => {
                // A whole instruction that may be one.
                let at = at & !7;
                let operations: [u8; 11] = [
                    0x07, 0x0f, 0x18, 0x3f, 0x5d, 0x7b, 0x79, 0x85, 0x8d, 0x95, 0xb7,
                ];
                let word = u64::from(*operations.choose(random).unwrap())
                    | u64::from(random.random_range(0..=10u8)) << 8
                    | u64::from(random.random_range(0..=10u8)) << 12
                    | u64::from(random.random_range(-64..64i16) as u16) << 16
                    | u64::from(random.random_range(-999..999i32) as u32) << 32;
                if let Some(place) = file.get_mut(at..at + 8) {
                    place.copy_from_slice(&word.to_le_bytes());
                }
            }
        }
    }
    // Now and then of another version.
    if random.random_ratio(1, 16) && file.len() > 52 {
        file[48] = random.random_range(0..6);
    }
    file
}

/// Runs a file as a program, on accounts of its own and of others.
fn run(file: Vec<u8>, random: &mut StdRng) -> Result<(), InstructionError> {
    let source = Arc::new(HashMap::<Pubkey, AccountState>::new());
    let config = ProgramsConfig {
        syscalls: Syscalls::All,
        ..ProgramsConfig::default()
    };
    let machine = ElfMachine::new(source, config);
    let _ = machine.check(&file);
    let limits = ExecutionLimits {
        compute_units: 20_000,
        ..ExecutionLimits::default()
    };
    let mut harness = Harness::new()
        .with_machine(Box::new(machine))
        .with_limits(limits)
        .with_account(PROGRAM, program(file));
    for (at, key) in ACCOUNTS.into_iter().enumerate() {
        let owner = if at < 2 { PROGRAM } else { Pubkey::default() };
        let state = AccountState {
            lamports: 1_000_000,
            owner,
            executable: false,
            data: vec![at as u8; random.random_range(0..300)].into(),
        };
        harness.set_account(key, state);
    }
    let metas = ACCOUNTS.iter().map(|key| AccountMeta {
        pubkey: *key,
        is_signer: random.random(),
        is_writable: random.random(),
    });
    let metas: Vec<AccountMeta> = metas.collect();
    let mut data = vec![0; random.random_range(0..64)];
    random.fill(&mut data[..]);
    if let Some(first) = data.first_mut() {
        *first %= 32;
    }
    let instruction = Instruction::new_with_bytes(PROGRAM, &data, metas);
    let outcome = harness.process_instruction(&instruction);
    assert!(outcome.compute_units <= limits.compute_units);
    for message in &outcome.logs {
        // How a panic of a syscall and one of the machine end; no program ends so by itself.
        let panics = ["Syscall panicked", "Program failed to complete"];
        let panicked = panics.iter().any(|words| message.ends_with(words));
        assert!(!panicked, "{:#?}", outcome.logs);
    }
    let lamports: u64 = ACCOUNTS
        .iter()
        .map(|key| harness.account(key).lamports)
        .sum();
    assert_eq!(lamports, 3_000_000);
    outcome.result.map_err(|(_, error)| error)
}

#[test]
fn mutated_programs_fail_at_most() {
    let (count, seed) = (
        setting("SEALANE_MUTATIONS", 3_000),
        setting("SEALANE_SEED", 1),
    );
    println!("{count} mutations, SEALANE_SEED={seed}");
    let files = files();
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    let start = Instant::now();
    for number in 0..count {
        // Each has a seed of its own, so that it is found again.
        let mut random = StdRng::seed_from_u64(seed ^ number << 20);
        // The small files more often: the large take long to compile.
        let most = random.random_range(0..files.len());
        let file = &files[random.random_range(0..=most)];
        let mutated = mutate(file, &mut random);
        let result =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(mutated, &mut random)));
        let result = result.unwrap_or_else(|_| panic!("mutation {number}, SEALANE_SEED={seed}"));
        let outcome = match result {
            Ok(()) => "success".to_owned(),
            Err(InstructionError::Custom(_)) => "an error of its own".to_owned(),
            Err(error) => format!("{error:?}"),
        };
        *outcomes.entry(outcome).or_default() += 1;
        if (number + 1).is_multiple_of(50_000) {
            println!("{} in {:?}: {outcomes:#?}", number + 1, start.elapsed());
        }
    }
    println!("{count} in {:?}: {outcomes:#?}", start.elapsed());
    // Enough of them ran for this to say something.
    let not_loaded = outcomes.get("UnsupportedProgramId").copied().unwrap_or(0);
    assert!(not_loaded < count, "{outcomes:#?}");
}
