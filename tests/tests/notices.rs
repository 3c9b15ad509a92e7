//! What the node says of native programs that misbehave: one that does not return, and those that do not
//! do the same twice.

use bytes::Bytes;
use sealane_runtime::{Effect, Notice, Runtime, RuntimeConfig};
use sealane_sdk::{
    AccountInfo, AccountState, ProcessInstruction, Program, ProgramError, ProgramResult, Pubkey,
    invoke, msg, set_return_data,
};
use sealane_tests::{
    ConflictGraph, GENESIS_HASH, Shape, filler_config, filler_transaction, mixer, wallet,
};
use solana_instruction::{AccountMeta, Instruction};
use solana_message::Message;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, SystemTime};

const PAYER: Pubkey = Pubkey::new_from_array([100; 32]);
const STATE: Pubkey = Pubkey::new_from_array([101; 32]);
const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration with these programs, and what is heard of them.
fn config(programs: impl IntoIterator<Item = Program>) -> (RuntimeConfig, mpsc::Receiver<Notice>) {
    let mut config = filler_config(programs);
    let (hear, heard) = mpsc::channel();
    // The channel is gone when the test is.
    config.on_notice = Arc::new(move |notice: &Notice| drop(hear.send(notice.clone())));
    config.genesis_accounts.push(wallet(PAYER, 1_000_000_000));
    (config, heard)
}

fn id(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

fn call(number: u64, program: Pubkey, accounts: Vec<AccountMeta>, data: &[u8]) -> Bytes {
    let instruction = Instruction::new_with_bytes(program, data, accounts);
    let message = Message::new_with_blockhash(&[instruction], Some(&PAYER), &GENESIS_HASH);
    filler_transaction(message, number)
}

fn settle(runtime: &Runtime, count: u64) {
    let (reader, events) = (runtime.reader(), runtime.reader().listen());
    while reader.counters().settled() < count {
        assert!(runtime.is_healthy());
        let _ = events.recv_timeout(Duration::from_millis(10));
    }
}

/// Whether the blocking program may go on, for each argument.
static RELEASED: (Mutex<[bool; 2]>, Condvar) = (Mutex::new([false; 2]), Condvar::new());

fn block(_: &Pubkey, _: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let mut released = RELEASED.0.lock().expect("nobody panics with it");
    while !released[usize::from(data[0])] {
        released = RELEASED.1.wait(released).expect("nobody panics with it");
    }
    Ok(())
}

fn release(which: usize) {
    RELEASED.0.lock().expect("nobody panics with it")[which] = true;
    RELEASED.1.notify_all();
}

/// Calls its first account as a program, with its own data.
fn call_on(_: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let instruction = Instruction::new_with_bytes(*accounts[0].key, data, Vec::new());
    invoke(&instruction, accounts)
}

#[test]
fn a_program_that_does_not_return_is_named_with_its_transaction_while_it_runs() {
    let (blocking, caller) = (id(80), id(81));
    let (mut config, heard) = config([
        Program::new(blocking, "block", block, 100),
        Program::new(caller, "call on", call_on, 100),
    ]);
    config.limits.program_run_max = Duration::from_millis(40);
    let runtime = Runtime::start(config).expect("the genesis fits");
    let (ingest, reader) = (runtime.ingest(), runtime.reader());

    let accounts = vec![AccountMeta::new_readonly(blocking, false)];
    let blocked = call(1, caller, accounts, &[0]);
    // It comes first in its batch, and one that does not block comes second.
    let transfer = solana_system_interface::instruction::transfer(&PAYER, &PAYER, 1);
    let quick = Message::new_with_blockhash(&[transfer], Some(&PAYER), &GENESIS_HASH);
    ingest
        .submit(vec![blocked.clone(), filler_transaction(quick, 2)])
        .expect("the node runs");
    let blocked = reader.verify(blocked, false).expect("it is well-formed");
    let notice = heard.recv_timeout(PATIENCE).expect("it is named");
    let text = notice.to_string();
    let Notice::Overrun {
        program,
        signature,
        running,
        simulated,
    } = notice
    else {
        panic!("{text}")
    };
    assert_eq!((program.id, program.name), (blocking, "block"));
    assert_eq!(signature, *blocked.signature());
    assert!(running >= Duration::from_millis(40) && !simulated, "{text}");
    assert!(text.starts_with(&format!(
        "program block ({blocking}) has run for 0.0 s in transaction"
    )));
    release(0);
    settle(&runtime, 2);

    // The same in a simulation.
    let simulated = call(3, blocking, Vec::new(), &[1]);
    let simulated = reader.verify(simulated, false).expect("it is well-formed");
    let signature = *simulated.signature();
    let reader = runtime.reader();
    let thread = std::thread::spawn(move || reader.simulate(&simulated, false).map(drop));
    let notice = heard.recv_timeout(PATIENCE).expect("it is named");
    assert!(
        matches!(&notice, Notice::Overrun { program, signature: of, simulated: true, .. }
            if program.id == blocking && *of == signature),
        "{notice}"
    );
    release(1);
    thread
        .join()
        .expect("it does not panic")
        .expect("it can be read");
    assert!(runtime.shutdown(PATIENCE));
    assert_eq!(heard.try_recv().ok(), None, "each is told once");
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

fn count() -> [u8; 8] {
    COUNTER.fetch_add(1, Ordering::SeqCst).to_le_bytes()
}

fn counts_in_its_account(_: &Pubkey, accounts: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    accounts[0].data_mut(0..8)?.copy_from_slice(&count());
    Ok(())
}

fn logs_its_count(_: &Pubkey, _: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    msg!("{:?}", count());
    Ok(())
}

fn returns_its_count(_: &Pubkey, _: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    set_return_data(&count());
    Ok(())
}

fn fails_with_its_count(_: &Pubkey, _: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    Err(ProgramError::Custom(count()[0].into()))
}

fn fails_every_other_time(_: &Pubkey, _: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    static TIMES: AtomicU64 = AtomicU64::new(0);
    if TIMES.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
        return Err(ProgramError::Custom(1));
    }
    Ok(())
}

fn passes_its_count_on(_: &Pubkey, accounts: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    let writable = AccountMeta::new(STATE, false);
    let instruction = Instruction::new_with_bytes(*accounts[1].key, &count(), vec![writable]);
    invoke(&instruction, accounts)
}

fn writes_the_time(_: &Pubkey, accounts: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = now.expect("it is after 1970").as_nanos() as u64;
    accounts[0]
        .data_mut(0..8)?
        .copy_from_slice(&nanoseconds.to_le_bytes());
    Ok(())
}

fn writes_a_maps_order(_: &Pubkey, accounts: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    let map: HashMap<u8, ()> = (0..100).map(|key| (key, ())).collect();
    let first: Vec<u8> = map.into_keys().take(8).collect();
    accounts[0].data_mut(0..8)?.copy_from_slice(&first);
    Ok(())
}

/// Pure: writes what it is given.
fn stores(_: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    accounts[0].data_mut(0..8)?.copy_from_slice(data);
    Ok(())
}

/// What is heard of `process` when it is called twice: over an account that belongs to `stores`, or to
/// itself where it writes.
fn check(process: ProcessInstruction, writes: bool, expected: Effect) {
    let (impure, pure) = (id(82), id(83));
    let (mut config, heard) = config([
        Program::new(impure, "impure", process, 100),
        Program::new(pure, "stores", stores, 100),
    ]);
    config.check_purity = true;
    let state = AccountState {
        lamports: 1_000_000_000,
        owner: if writes { impure } else { pure },
        executable: false,
        data: [0; 8].as_slice().into(),
    };
    config.genesis_accounts.push((STATE, state));
    let runtime = Runtime::start(config).expect("the genesis fits");
    let accounts = || {
        vec![
            AccountMeta::new(STATE, false),
            AccountMeta::new_readonly(pure, false),
        ]
    };
    let ingest = runtime.ingest();
    let calls = (1..3).map(|number| call(number, impure, accounts(), &[]));
    // What is pure is not named, whatever comes before and after it.
    let mut all: Vec<Bytes> = calls.collect();
    if !writes {
        all.insert(1, call(3, pure, accounts(), b"8 bytes."));
    }
    let count = all.len() as u64;
    ingest.submit(all).expect("the node runs");
    settle(&runtime, count);
    assert!(runtime.shutdown(PATIENCE));
    let notices: Vec<Notice> = heard.try_iter().collect();
    assert!(
        matches!(notices[..], [Notice::Impure { program, effect, .. }]
            if program.id == impure && program.name == "impure" && effect == expected),
        "{expected}: {notices:?}"
    );
}

#[test]
fn a_program_that_does_not_do_the_same_twice_is_named_once_with_what_differed() {
    check(counts_in_its_account, true, Effect::Accounts);
    check(writes_the_time, true, Effect::Accounts);
    check(writes_a_maps_order, true, Effect::Accounts);
    check(logs_its_count, false, Effect::Logs);
    check(returns_its_count, false, Effect::ReturnData);
    check(fails_with_its_count, false, Effect::Result);
    check(fails_every_other_time, false, Effect::Result);
    check(passes_its_count_on, false, Effect::Calls);
}

#[test]
fn pure_programs_pass_and_what_is_committed_is_what_a_serial_run_commits() {
    let (mut config, heard) = config([mixer()]);
    let graph = ConflictGraph::random(1, Shape::Zipf, 400, GENESIS_HASH);
    config.genesis_accounts.extend(graph.genesis.clone());
    config.check_purity = true;
    config.record_order = true;
    let runtime = Runtime::start(config.clone()).expect("the genesis fits");
    runtime
        .ingest()
        .submit(graph.transactions)
        .expect("the node runs");
    settle(&runtime, 400);
    let reader = runtime.reader();
    assert!(runtime.shutdown(PATIENCE));
    assert_eq!(heard.try_recv().ok(), None);
    assert_eq!(reader.take_order().run_serially(&config).differences, []);
}
