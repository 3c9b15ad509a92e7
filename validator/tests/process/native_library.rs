//! Native programs from shared libraries: called, replaced while a node runs, refused, and what happens to a node
//! whose program breaks it.

use crate::client::Client;
use crate::node::{BINARY, Node, PATIENCE, arguments};
use sealane_sdk::{AccountMeta, AccountState, Instruction, InstructionError, Pubkey};
use sealane_validator::{Error, LAMPORTS_PER_SOL, Validator, ValidatorBuilder, ValidatorHandle};
use serde_json::{Value, json};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs};

/// As `examples/library` declares it.
const ID: Pubkey = sealane_sdk::pubkey!("Librarytest11111111111111111111111111111111");

/// The two versions of the library, built as this test was.
fn library(version: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let test = env::current_exe().expect("a test is a file");
        let built = test.parent().and_then(Path::parent);
        let built = built.expect("tests are built into deps/ of a profile's folder");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        // What cargo says of this package would be news to build scripts that look at it: all that stands on them would
        // be built again, now and after.
        const TOLD: [&str; 4] = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_CRATE_",
            "CARGO_BIN_",
        ];
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if TOLD.iter().any(|prefix| text.starts_with(prefix)) {
                cargo.env_remove(&name);
            }
        }
        // The whole workspace, as its tests are built, so that all have the same features.
        cargo.args(["build", "--quiet", "--workspace", "--locked"]);
        cargo.args(["--example", "library_first", "--example", "library_second"]);
        cargo
            .arg("--target-dir")
            .arg(built.parent().expect("that of cargo"));
        if built.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success());
        built.join("examples")
    });
    let name = format!(
        "{}library_{version}{}",
        env::consts::DLL_PREFIX,
        env::consts::DLL_SUFFIX
    );
    folder.join(name)
}

fn builder(path: impl Into<PathBuf>) -> ValidatorBuilder {
    Validator::builder()
        .no_rpc()
        .nothing_on_board()
        .slot_duration(Duration::from_millis(20))
        .native_program_file(ID, path)
}

fn counter() -> (Pubkey, AccountState) {
    let state = AccountState {
        lamports: LAMPORTS_PER_SOL,
        owner: ID,
        data: vec![0; 8].into(),
        ..Default::default()
    };
    (Pubkey::new_from_array([77; 32]), state)
}

/// A transaction that asks the program for something. Its number makes it another one than those before.
fn ask(
    payer: &Keypair,
    what: &[u8],
    accounts: Vec<AccountMeta>,
    blockhash: Hash,
    number: u32,
) -> Transaction {
    let limit = solana_compute_budget_interface::ComputeBudgetInstruction::set_compute_unit_limit(
        100_000 + number,
    );
    let instruction = Instruction {
        program_id: ID,
        accounts,
        data: what.to_vec(),
    };
    Transaction::new_signed_with_payer(
        &[limit, instruction],
        Some(&payer.pubkey()),
        &[payer],
        blockhash,
    )
}

/// Asks through the handle, and waits.
fn ask_node(
    node: &ValidatorHandle,
    what: &[u8],
    accounts: Vec<AccountMeta>,
    number: u32,
) -> Result<(), Error> {
    let transaction = ask(
        node.faucet(),
        what,
        accounts,
        node.latest_blockhash(),
        number,
    );
    node.send_and_confirm(&transaction).map(|_| ())
}

fn number_of(node: &ValidatorHandle, key: &Pubkey) -> u64 {
    let state = node.account(key).unwrap().expect("it is there");
    u64::from_le_bytes(state.data.as_slice()[..8].try_into().unwrap())
}

#[test]
fn a_library_runs_as_any_other_program() {
    let (key, state) = counter();
    let node = builder(library("first"))
        .account(key, state)
        .start()
        .unwrap();
    let own = || vec![AccountMeta::new(key, false)];
    for number in 1..=3 {
        ask_node(&node, b"count", own(), number).unwrap();
        assert_eq!(number_of(&node, &key), u64::from(number));
    }
    for number in 1..=5 {
        ask_node(&node, b"grow", own(), number).unwrap();
    }
    let grown = node.account(&key).unwrap().unwrap();
    assert_eq!(grown.data.len(), 50_008);
    assert!(grown.data.as_slice()[8..].iter().all(|byte| *byte == 1));

    let to = Pubkey::new_unique();
    node.airdrop(&to, LAMPORTS_PER_SOL).unwrap();
    let pay = |to| {
        vec![
            AccountMeta::new(node.faucet_address(), true),
            AccountMeta::new(to, false),
            AccountMeta::new_readonly(sealane_sdk::system_program::ID, false),
        ]
    };
    ask_node(&node, b"pay", pay(to), 0).unwrap();
    assert_eq!(node.balance(&to).unwrap(), LAMPORTS_PER_SOL + 1);

    // What is refused there fails as it does elsewhere, and changes nothing.
    let failed = |what: &[u8], accounts| match ask_node(&node, what, accounts, 9) {
        Err(Error::Failed(TransactionError::InstructionError(1, error))) => error,
        other => panic!("{other:?}"),
    };
    let read_only = vec![AccountMeta::new_readonly(key, false)];
    assert_eq!(
        failed(b"count", read_only),
        InstructionError::ReadonlyDataModified
    );
    assert_eq!(
        failed(b"?", vec![]),
        InstructionError::InvalidInstructionData
    );
    assert_eq!(
        failed(b"panic", own()),
        InstructionError::ProgramFailedToComplete
    );
    assert_eq!(number_of(&node, &key), 3);
    assert!(node.stop());
}

#[test]
fn a_panic_in_a_library_is_told_in_the_log_of_its_transaction() {
    let node = builder(library("first")).start().unwrap();
    let transaction = ask(node.faucet(), b"panic", vec![], node.latest_blockhash(), 0);
    node.send_and_confirm(&transaction).unwrap_err();
    let signature = transaction.signatures[0];
    let found = node
        .reader()
        .transaction(&signature)
        .unwrap()
        .expect("it is in the block");
    let logs = found.record().logs.join("\n");
    assert!(logs.contains("as it was asked to, in version 1"), "{logs}");
    assert!(
        logs.contains(&format!("Program {ID} failed: Program failed to complete")),
        "{logs}"
    );
}

/// Puts another file in place, as a linker does that begins by removing it; `age`, lest it look like one that was
/// written in the same instant.
fn put(file: &Path, from: &Path, age: Duration) {
    let _ = fs::remove_file(file);
    fs::copy(from, file).unwrap();
    let opened = fs::File::options().write(true).open(file).unwrap();
    opened.set_modified(SystemTime::now() - age).unwrap();
}

#[test]
fn a_library_is_replaced_between_two_slots_when_its_file_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.so");
    fs::copy(library("first"), &file).unwrap();
    let notices = Arc::new(Mutex::new(Vec::new()));
    let hear = notices.clone();
    let (key, state) = counter();
    let node = builder(&file)
        .account(key, state)
        .watch_native_programs(true)
        .on_notice(move |notice| hear.lock().unwrap().push(notice.to_string()))
        .start()
        .unwrap();
    let own = || vec![AccountMeta::new(key, false)];
    let mut number = 0;
    let mut expected = 0;
    let mut count_until = |told: &str, steps: [u64; 2]| {
        // It goes on meanwhile: each transaction runs in one version or the other.
        let began = Instant::now();
        let mut last = 0;
        loop {
            number += 1;
            let is_told = notices
                .lock()
                .unwrap()
                .iter()
                .any(|notice: &String| notice.contains(told));
            ask_node(&node, b"count", own(), number).unwrap();
            let now = number_of(&node, &key);
            let step = now - expected;
            assert!(steps.contains(&step) && step >= last, "{step} after {last}");
            (expected, last) = (now, step);
            if is_told && step == steps[1] {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{told}: {:?}",
                notices.lock().unwrap()
            );
        }
    };
    put(&file, &library("second"), Duration::from_secs(20));
    count_until("was replaced by what", [1, 100]);

    // What cannot be used changes nothing, and the next file is taken again.
    notices.lock().unwrap().clear();
    fs::write(&file, b"\x7fELF of no kind").unwrap();
    count_until("stays as it was", [100, 100]);
    notices.lock().unwrap().clear();
    put(&file, &library("second"), Duration::from_secs(10));
    count_until("was replaced by what", [100, 100]);
    assert!(node.stop());
}

#[test]
fn what_is_no_native_program_is_refused_and_it_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program.so");
    let refusal =
        |builder: ValidatorBuilder| builder.start().err().expect("it is refused").to_string();
    let told = refusal(builder(&path));
    assert!(told.contains("No such file"), "{told}");
    fs::write(&path, b"no library").unwrap();
    let told = refusal(builder(&path));
    assert!(told.contains("no shared library"), "{told}");

    let other = Pubkey::new_unique();
    let told = refusal(
        Validator::builder()
            .no_rpc()
            .native_program_file(other, library("first")),
    );
    assert!(
        told.contains("declare_id!") && told.contains(&other.to_string()),
        "{told}"
    );

    let twice = builder(library("first")).native_program_file(ID, library("second"));
    assert!(refusal(twice).contains("each program needs one of its own"));

    let mut bytes = fs::read(library("first")).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&path, &bytes).unwrap();
    let told = refusal(builder(&path));
    assert!(told.contains("cut short"), "{told}");

    // A library that was built otherwise: its digest, behind the magic, is another.
    let mut bytes = fs::read(library("first")).unwrap();
    let magic = b"SEALANE\x01";
    let places: Vec<usize> = (0..bytes.len() - 8)
        .filter(|at| &bytes[*at..at + 8] == magic)
        .collect();
    assert!(!places.is_empty());
    for at in &places {
        bytes[at + 8] ^= 1;
    }
    fs::write(&path, &bytes).unwrap();
    let told = refusal(builder(&path));
    assert!(told.contains("other sources of sealane-sdk"), "{told}");

    // One that exports nothing of the kind: any other library.
    let mut source = folder.path().join("other.c");
    fs::write(&source, "int nothing(void) { return 0; }").unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&path)
        .arg(&source)
        .status();
    assert!(
        built
            .expect("a C compiler is needed to build this at all")
            .success()
    );
    source.pop();
    let told = refusal(builder(&path));
    assert!(told.contains("sealane_sdk::library!"), "{told}");
}

/// No program can be stopped from outside, and none can be kept from using up its stack. Then the process ends, which
/// says why; and nothing is lost that was confirmed.
#[test]
fn a_program_that_overflows_its_stack_ends_the_node_which_says_so_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    let payer = Keypair::new();
    let command = || {
        let mut command = Command::new(BINARY);
        command.args(arguments(&ledger, &payer.pubkey(), 400));
        command
            .args(["--native-program", &ID.to_string()])
            .arg(library("first"));
        command
    };
    let mut told = folder.path().to_owned();
    told.push("told");
    let mut first = command();
    first.stderr(Stdio::from(fs::File::create(&told).unwrap()));
    let mut node = Node::run(first);
    let addresses = node.ready_within(PATIENCE).expect("it starts");
    let mut client = Client::connect(&addresses.http).unwrap();
    let kept = send(&mut client, &payer, b"pay", 1).unwrap();
    wait_for(&mut client, &kept);
    // The node is gone before it answers, or right after.
    let lost = send(&mut client, &payer, b"overflow", 2);
    let status = node.ended();
    assert_eq!(status.signal(), Some(6), "it aborts: {status}");
    let mut words = String::new();
    fs::File::open(&told)
        .unwrap()
        .read_to_string(&mut words)
        .unwrap();
    assert!(words.contains("has overflowed its stack"), "{words}");

    let mut node = Node::run(command());
    let addresses = node.ready_within(PATIENCE).expect("it starts again");
    let mut client = Client::connect(&addresses.http).unwrap();
    assert!(is_confirmed(&mut client, &kept));
    assert!(lost.is_none_or(|lost| !is_confirmed(&mut client, &lost)));
    let again = send(&mut client, &payer, b"pay", 3).unwrap();
    wait_for(&mut client, &again);
    node.ask_to_stop();
    assert!(node.ended().success());
}

/// Without a preflight, so that it is the bank that runs it. `None`: the node is gone.
fn send(client: &mut Client, payer: &Keypair, what: &[u8], number: u32) -> Option<Value> {
    let latest = client.call("getLatestBlockhash", json!([])).ok()?;
    let blockhash: Hash = latest["value"]["blockhash"].as_str()?.parse().unwrap();
    let to = Pubkey::new_from_array([99; 32]);
    let accounts = vec![
        AccountMeta::new(payer.pubkey(), true),
        AccountMeta::new(to, false),
        AccountMeta::new_readonly(sealane_sdk::system_program::ID, false),
    ];
    let accounts = if what == b"pay" { accounts } else { vec![] };
    let transaction = ask(payer, what, accounts, blockhash, number);
    let bytes = bincode::serialize(&transaction).unwrap();
    let text = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
    let config = json!({"encoding": "base64", "skipPreflight": true});
    client.call("sendTransaction", json!([text, config])).ok()
}

fn wait_for(client: &mut Client, signature: &Value) {
    let began = Instant::now();
    while !is_confirmed(client, signature) {
        assert!(began.elapsed() < PATIENCE, "{signature} is not confirmed");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_confirmed(client: &mut Client, signature: &Value) -> bool {
    let asked = json!([[signature], {"searchTransactionHistory": true}]);
    let statuses = client.call("getSignatureStatuses", asked).unwrap();
    !statuses["value"][0].is_null()
}
