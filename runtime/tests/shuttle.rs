//! The whole pipeline under shuttle: the real stages, with every thread, queue and lock the model's.
//!
//! Checked in each of many random schedules: every transaction handed in is settled once; none is lost
//! and none runs twice; the results and accounts are those of the serial run; no lock is left over (the
//! schedule stage asserts it when it ends); a shutdown in mid-flight ends all threads.
//!
//! `tests/model-check` runs it.
#![cfg(feature = "shuttle")]

use bytes::Bytes;
use sealane_runtime::{BankingThreads, Reader, Runtime, RuntimeConfig};
use sealane_sdk::{
    AccountInfo, AccountMeta, AccountState, Hash, Instruction, Program, ProgramError,
    ProgramResult, Programs, Pubkey,
};
use solana_message::{Message, VersionedMessage};
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const SCHEDULES: usize = 300;
const PROGRAM: Pubkey = Pubkey::new_from_array([70; 32]);
const BLOCKHASH: Hash = Hash::new_from_array([9; 32]);

/// Appends its argument to the first account's history: a hash chain that any reordering changes.
fn chain(_: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let account = accounts.first().ok_or(ProgramError::NotEnoughAccountKeys)?;
    let mut parts = vec![data.to_vec()];
    for account in accounts {
        parts.push(account.try_borrow_data()?.to_vec());
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let hash = solana_sha256_hasher::hashv(&parts);
    if account.is_writable {
        account.data_mut(0..32)?.copy_from_slice(hash.as_ref());
    }
    match data {
        [b'p', ..] => panic!("asked to"),
        [b'f', ..] => Err(ProgramError::Custom(7)),
        _ => Ok(()),
    }
}

fn account(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

/// A transaction of payer `payer` that runs `data` over `accounts`; `true` means writable.
fn transaction(number: u8, payer: u8, accounts: &[(u8, bool)], data: &[u8]) -> Bytes {
    let metas = accounts.iter().map(|&(n, is_writable)| AccountMeta {
        pubkey: account(n),
        is_signer: false,
        is_writable,
    });
    let data = [data, &[number]].concat();
    let instruction = Instruction {
        program_id: PROGRAM,
        accounts: metas.collect(),
        data,
    };
    let payer = account(payer);
    let message = Message::new_with_blockhash(&[instruction], Some(&payer), &BLOCKHASH);
    let transaction = VersionedTransaction {
        signatures: vec![Signature::from([number; 64])],
        message: VersionedMessage::Legacy(message),
    };
    bincode::serialize(&transaction)
        .expect("a transaction can be serialised")
        .into()
}

fn config(threads: usize) -> RuntimeConfig {
    let mut programs = Programs::builtin();
    programs.add(Program::new(PROGRAM, "chain", chain, 100));
    let mut config = RuntimeConfig::new(Arc::new(programs), BLOCKHASH, account(5));
    for payer in 100..110 {
        let state = AccountState {
            lamports: 1_000_000_000,
            ..AccountState::default()
        };
        config.genesis_accounts.push((account(payer), state));
    }
    for n in 10..14 {
        let data = [0; 32].as_slice().into();
        let (lamports, owner, executable) = (1_000_000_000, PROGRAM, false);
        let state = AccountState {
            lamports,
            owner,
            executable,
            data,
        };
        config.genesis_accounts.push((account(n), state));
    }
    config.banking_threads = BankingThreads::Fixed(threads);
    config.check_signatures = false;
    config.record_order = true;
    // Time is not modelled: the slot stays open, and every entry closes at once.
    config.slot_duration = Duration::from_secs(3_600);
    config.entry_interval = Duration::ZERO;
    config.limits.accounts_max = 64;
    config.limits.status_cache_max = 64;
    config.limits.priority_buffer_max = 8;
    config.limits.in_flight_max = 4;
    config.limits.pins_max = 4;
    config
}

/// Conflicting chains, readers, a failure, a panic, a payer that cannot pay.
fn transactions() -> Vec<Bytes> {
    vec![
        transaction(1, 100, &[(10, true)], b"a"),
        transaction(2, 101, &[(10, true), (11, true)], b"p"),
        transaction(3, 102, &[(11, true), (10, false)], b"b"),
        transaction(4, 103, &[(10, true)], b"f"),
        transaction(5, 99, &[(11, true)], b"c"),
        transaction(6, 104, &[(12, true), (11, false)], b"d"),
        transaction(7, 100, &[(10, true), (12, false)], b"e"),
    ]
}

/// Runs to the end and holds results and accounts against the serial run.
fn run_whole(config: RuntimeConfig) {
    let runtime = Runtime::start(config.clone()).expect("the genesis fits");
    let reader = runtime.reader();
    let transactions = transactions();
    let count = transactions.len() as u64;
    for transaction in transactions {
        runtime
            .ingest()
            .submit(vec![transaction])
            .expect("the node runs");
    }
    while reader.counters().settled() < count {
        shuttle::thread::yield_now();
    }
    assert!(runtime.shutdown(Duration::from_secs(3_600)));
    check_against_serial(&config, &reader, count);
}

fn check_against_serial(config: &RuntimeConfig, reader: &Reader, count: u64) {
    let counters = reader.counters();
    assert_eq!(counters.settled(), count, "{counters:?}");
    let order = reader.take_order();
    let mut seen: Vec<Signature> = order
        .transactions()
        .map(|transaction| *transaction.signature())
        .collect();
    let executed = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), executed, "none runs twice");
    assert_eq!(
        counters.visible + counters.dropped,
        executed as u64,
        "none is lost"
    );
    let serial = order.run_serially(config);
    assert_eq!(serial.differences, []);
    let mut accounts = HashMap::new();
    let pin = reader.pin().expect("one reader");
    pin.all(&mut |key, state| {
        accounts.insert(*key, state.clone());
    })
    .expect("the pin is young");
    assert_eq!(accounts, serial.accounts);
}

#[test]
fn conflicting_tasks_and_a_panicking_program_leave_what_a_serial_run_leaves() {
    shuttle::check_random(|| run_whole(config(2)), SCHEDULES);
}

#[test]
fn full_queues_everywhere_lose_nothing() {
    let small = || {
        let mut config = config(2);
        config.limits.ingest_batches_max = 1;
        config.limits.verified_batches_max = 1;
        config.limits.bank_queue_batches_max = 1;
        config.limits.bank_batch_max = 1;
        config.limits.priority_buffer_max = 1;
        config.limits.in_flight_max = 2;
        run_whole(config);
    };
    shuttle::check_random(small, SCHEDULES);
}

#[test]
fn a_shutdown_in_mid_flight_ends_with_everything_settled() {
    let interrupted = || {
        let config = config(2);
        let runtime = Runtime::start(config.clone()).expect("the genesis fits");
        let reader = runtime.reader();
        let ingest = runtime.ingest();
        let feeder = shuttle::thread::spawn(move || {
            let mut taken = 0;
            for transaction in transactions() {
                taken += u64::from(ingest.submit(vec![transaction]).is_ok());
            }
            taken
        });
        assert!(runtime.shutdown(Duration::from_secs(3_600)));
        let taken = feeder.join().expect("the feeder does not panic");
        let counters = reader.counters();
        assert!(counters.settled() <= taken, "{counters:?} of {taken}");
        check_against_serial(&config, &reader, counters.settled());
    };
    shuttle::check_random(interrupted, SCHEDULES);
}

#[test]
fn in_order_on_one_thread_leaves_what_a_serial_run_leaves() {
    shuttle::check_random(|| run_whole(config(1)), SCHEDULES / 3);
}
