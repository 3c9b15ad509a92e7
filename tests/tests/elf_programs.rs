//! Programs that are ELF files in the pipeline: the same accounts and results as the serial run, on any number of
//! banking threads.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sealane_on_board::token;
use sealane_runtime::{BankingThreads, Event, Runtime, RuntimeConfig};
use sealane_sdk::{AccountMeta, AccountState, Instruction, InstructionError, Pubkey};
use sealane_tests::{GENESIS_HASH, filler_config, filler_transaction, wallet};
use solana_message::Message;
use solana_sdk_ids::{bpf_loader_upgradeable, system_program, sysvar};
use solana_transaction_error::TransactionError;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);

fn key(kind: u8, number: usize) -> Pubkey {
    let mut bytes = [kind; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    Pubkey::new_from_array(bytes)
}

/// A transfer of Token's, by its owner.
fn transfer(from: usize, to: usize, amount: u64) -> Instruction {
    token::transfer(key(2, from), key(2, to), key(1, from), amount)
}

#[test]
fn token_transfers_on_any_number_of_threads_are_as_one_by_one() {
    const HOLDERS: usize = 40;
    const TRANSFERS: u64 = 3_000;
    for threads in [1, 2, 3] {
        let mut random = StdRng::seed_from_u64(threads as u64);
        let mut config = filler_config([]);
        config.genesis_accounts = sealane_on_board::programs();
        let the_mint = key(3, 0);
        config
            .genesis_accounts
            .push((the_mint, token::mint(&key(1, 0), 1_000 * HOLDERS as u64)));
        for holder in 0..HOLDERS {
            let owner = key(1, holder);
            config.genesis_accounts.push(wallet(owner, 10_000_000_000));
            let account = token::account(&the_mint, &owner, 1_000);
            config.genesis_accounts.push((key(2, holder), account));
        }
        config.banking_threads = BankingThreads::Fixed(threads);
        config.slot_duration = Duration::from_millis(40);
        config.record_order = true;
        let runtime = Runtime::start(config.clone()).expect("it starts");
        let reader = runtime.reader();
        let transactions: Vec<_> = (0..TRANSFERS)
            .map(|number| {
                let (from, to) = (
                    random.random_range(0..HOLDERS),
                    random.random_range(0..HOLDERS),
                );
                // Some have not got so much.
                let instruction = transfer(from, to, random.random_range(1..400));
                let message =
                    Message::new_with_blockhash(&[instruction], Some(&key(1, from)), &GENESIS_HASH);
                filler_transaction(message, number)
            })
            .collect();
        for batch in transactions.chunks(64) {
            runtime.ingest().submit(batch.to_vec()).expect("it runs");
        }
        while reader.counters().settled() < TRANSFERS {
            assert!(reader.is_healthy());
            std::thread::yield_now();
        }
        let counters = reader.counters();
        assert!(runtime.shutdown(DEADLINE));
        println!(
            "{threads} threads: {} failed of {}",
            counters.failed, counters.visible
        );
        assert!(counters.failed > 0 && counters.failed < counters.visible / 2);

        let serial = reader.take_order().run_serially(&config);
        assert_eq!(serial.differences, []);
        let mut amounts = 0;
        reader
            .pin()
            .expect("nobody else reads")
            .all(&mut |key, state| {
                assert_eq!(serial.accounts.get(key), Some(state), "{key}");
                if state.owner == token::ID && state.data.len() == 165 {
                    let amount = state.data.as_slice()[64..72].first_chunk();
                    amounts += u64::from_le_bytes(*amount.expect("eight bytes"));
                }
            })
            .expect("all are in memory");
        assert_eq!(amounts, 1_000 * HOLDERS as u64, "no token came or went");
    }
}

/// The smallest program on board.
fn memo_file() -> Vec<u8> {
    let is_memo = |state: &AccountState| {
        state.owner == bpf_loader_upgradeable::ID && (2_000..3_000).contains(&state.data.len())
    };
    let found = sealane_on_board::programs()
        .into_iter()
        .find(|(_, state)| is_memo(state));
    let (_, programdata) = found.expect("the fourth Memo is small");
    programdata.data.as_slice()[PROGRAMDATA_HEAD..].to_vec()
}

const PROGRAMDATA_HEAD: usize = 45;

/// Kinds of keys.
const OWNER: u8 = 1;
const PROGRAM: u8 = 4;
const BUFFER: u8 = 5;

fn programdata(number: usize) -> Pubkey {
    let program = key(PROGRAM, number);
    Pubkey::find_program_address(&[program.as_ref()], &bpf_loader_upgradeable::ID).0
}

fn loader_account(data: Vec<u8>) -> AccountState {
    AccountState {
        lamports: 1_000_000_000,
        owner: bpf_loader_upgradeable::ID,
        executable: false,
        data: data.into(),
    }
}

/// A file that waits to be deployed, of an authority.
fn buffer(authority: &Pubkey, file: &[u8]) -> AccountState {
    loader_account([&[1, 0, 0, 0, 1][..], authority.as_array(), file].concat())
}

/// What may be done with a program.
const DEPLOY: usize = 0;
const UPGRADE: usize = 1;
const CLOSE: usize = 2;
const DEPLOY_AGAIN: usize = 3;
const CALL: usize = 4;

/// What may be done with program `number`, by its owner.
fn deployment(step: usize, number: usize, file_len: usize) -> Instruction {
    let (owner, program) = (key(OWNER, number), key(PROGRAM, number));
    let (writable, readonly) = (
        |key| AccountMeta::new(key, false),
        |key| AccountMeta::new_readonly(key, false),
    );
    let (data_account, rent, clock) = (programdata(number), sysvar::rent::ID, sysvar::clock::ID);
    let (data, accounts) = match step {
        // DeployWithMaxDataLen, of the one buffer or the other.
        DEPLOY | DEPLOY_AGAIN => (
            [&[2, 0, 0, 0][..], &(file_len as u64).to_le_bytes()].concat(),
            vec![
                AccountMeta::new(owner, true),
                writable(data_account),
                writable(program),
                writable(key(BUFFER, 2 * number + usize::from(step == DEPLOY_AGAIN))),
                readonly(rent),
                readonly(clock),
                readonly(system_program::ID),
                AccountMeta::new_readonly(owner, true),
            ],
        ),
        UPGRADE => (
            vec![3, 0, 0, 0],
            vec![
                writable(data_account),
                writable(program),
                writable(key(BUFFER, 2 * number + 1)),
                AccountMeta::new(owner, true),
                readonly(rent),
                readonly(clock),
                AccountMeta::new_readonly(owner, true),
            ],
        ),
        CLOSE => (
            vec![5, 0, 0, 0],
            vec![
                writable(data_account),
                AccountMeta::new(owner, true),
                AccountMeta::new_readonly(owner, true),
                writable(program),
            ],
        ),
        _ => {
            return Instruction::new_with_bytes(program, b"hello", vec![]);
        }
    };
    Instruction {
        program_id: bpf_loader_upgradeable::ID,
        accounts,
        data,
    }
}

/// As many programs as `programs`, with each of which is done what `plan` says, in turn, and which are called in
/// between by each other's owners.
fn deployments(
    threads: usize,
    seed: u64,
    programs: usize,
    plan: &[usize],
) -> (RuntimeConfig, Vec<bytes::Bytes>) {
    let file = memo_file();
    let mut config = filler_config([]);
    config.genesis_accounts = sealane_on_board::programs();
    for number in 0..programs {
        let owner = key(OWNER, number);
        config.genesis_accounts.push(wallet(owner, 100_000_000_000));
        let program = (key(PROGRAM, number), loader_account(vec![0; 36]));
        config.genesis_accounts.push(program);
        for which in 0..2 {
            let waiting = buffer(&owner, &file);
            config
                .genesis_accounts
                .push((key(BUFFER, 2 * number + which), waiting));
        }
    }
    config.banking_threads = BankingThreads::Fixed(threads);
    config.record_order = true;
    // Programs go and come back all the time.
    config.elf_programs.programs_max = programs / 3;
    let mut random = StdRng::seed_from_u64(seed);
    let mut transactions = Vec::new();
    let mut steps = vec![0; programs];
    while steps.iter().any(|step| *step < plan.len()) {
        let number = random.random_range(0..programs);
        let calls = random.random_range(0..10);
        let payer = key(OWNER, number);
        let mut send = |instruction, payer: &Pubkey| {
            let message = Message::new_with_blockhash(&[instruction], Some(payer), &GENESIS_HASH);
            let number = transactions.len() as u64;
            transactions.push(filler_transaction(message, number));
        };
        if let Some(step) = plan.get(steps[number]) {
            send(deployment(*step, number, file.len()), &payer);
            steps[number] += 1;
        }
        for _ in 0..calls {
            let caller = key(OWNER, random.random_range(0..programs));
            let called = random.random_range(0..programs);
            send(deployment(CALL, called, 0), &caller);
        }
    }
    (config, transactions)
}

#[test]
fn programs_that_come_and_go_are_called_as_one_by_one() {
    for counts in check(&[DEPLOY, UPGRADE, CLOSE]) {
        assert!(counts.succeeded > 3 * PROGRAMS && counts.not_deployed > 0);
    }
}

/// What stopped Solana in February 2024: a program that was deployed, closed and deployed again while it was called,
/// which the cache of programs answered by compiling it without end. An address that had a program has it for good, so
/// each second deployment is refused; whoever calls meanwhile is answered.
#[test]
fn a_program_that_is_deployed_closed_and_deployed_again_stops_nobody() {
    for counts in check(&[DEPLOY, CLOSE, DEPLOY_AGAIN]) {
        assert!(counts.succeeded > PROGRAMS && counts.not_deployed > 0);
        assert_eq!(counts.deployed_twice, PROGRAMS);
    }
}

/// Programs in a run.
const PROGRAMS: usize = 30;

/// What became of the transactions of a run.
#[derive(Debug, Default)]
struct Counts {
    succeeded: usize,
    not_deployed: usize,
    deployed_twice: usize,
}

/// Runs them on several numbers of threads beside the serial run.
fn check(plan: &[usize]) -> Vec<Counts> {
    let mut runs = Vec::new();
    for (threads, seed) in [(1, 1), (2, 2), (3, 3), (2, 4)] {
        let (mut config, transactions) = deployments(threads, seed, PROGRAMS, plan);
        config.slot_duration = Duration::from_millis(20);
        let runtime = Runtime::start(config.clone()).expect("it starts");
        let reader = runtime.reader();
        let events = reader.listen();
        for batch in transactions.chunks(8) {
            runtime.ingest().submit(batch.to_vec()).expect("it runs");
            // So that many slots see them.
            std::thread::sleep(Duration::from_millis(3));
        }
        while reader.counters().settled() < transactions.len() as u64 {
            assert!(reader.is_healthy());
            std::thread::yield_now();
        }
        assert!(runtime.shutdown(DEADLINE));
        let serial = reader.take_order().run_serially(&config);
        assert_eq!(serial.differences, []);
        reader
            .pin()
            .expect("nobody else reads")
            .all(&mut |key, state| assert_eq!(serial.accounts.get(key), Some(state), "{key}"))
            .expect("all are in memory");

        let mut counts = Counts::default();
        for event in events.try_iter() {
            let Event::Entry { transactions, .. } = event else {
                continue;
            };
            for transaction in transactions.iter() {
                use InstructionError::{AccountAlreadyInitialized, UnsupportedProgramId};
                match transaction.record().status {
                    Ok(()) => counts.succeeded += 1,
                    Err(TransactionError::InstructionError(0, UnsupportedProgramId)) => {
                        counts.not_deployed += 1;
                    }
                    Err(TransactionError::InstructionError(0, AccountAlreadyInitialized)) => {
                        counts.deployed_twice += 1;
                    }
                    Err(_) => {}
                }
            }
        }
        println!("{threads} threads: {counts:?}");
        runs.push(counts);
    }
    runs
}
