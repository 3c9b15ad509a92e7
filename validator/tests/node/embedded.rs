//! The node as a library: a program of one's own in it, spoken to without a socket.

use sealane_sdk::{AccountInfo, ProgramResult, Pubkey};
use sealane_validator::{Error, Validator, ValidatorHandle};
use serde_json::json;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_message::{AccountMeta, Instruction};
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const ID: Pubkey = Pubkey::new_from_array([42; 32]);

/// Moves one lamport from its first account to its second.
fn give(_: &Pubkey, accounts: &[AccountInfo], _: &[u8]) -> ProgramResult {
    let [from, to, ..] = accounts else {
        return Err(sealane_sdk::ProgramError::NotEnoughAccountKeys);
    };
    from.sub_lamports(1)?;
    to.add_lamports(1)
}

fn call(node: &ValidatorHandle, accounts: Vec<AccountMeta>) -> Transaction {
    let payer = node.faucet();
    let instruction = Instruction {
        program_id: ID,
        accounts,
        data: vec![],
    };
    let message = Message::new_with_blockhash(
        &[instruction],
        Some(&payer.pubkey()),
        &node.latest_blockhash(),
    );
    Transaction::new(&[payer], message, node.latest_blockhash())
}

#[test]
fn a_program_runs_in_a_node_without_sockets() {
    let (from, to) = (Pubkey::new_unique(), Pubkey::new_unique());
    let state = sealane_sdk::AccountState {
        lamports: 10_000_000,
        owner: ID,
        ..Default::default()
    };
    let node = Validator::builder()
        .program(ID, give)
        .account(from, state.clone())
        .account(to, state)
        .no_rpc()
        .start()
        .unwrap();
    assert_eq!((node.rpc_url(), node.ws_url()), (None, None));
    let accounts = vec![AccountMeta::new(from, false), AccountMeta::new(to, false)];
    node.send_and_confirm(&call(&node, accounts)).unwrap();
    assert_eq!(node.balance(&from).unwrap(), 9_999_999);
    assert_eq!(node.account(&to).unwrap().unwrap().lamports, 10_000_001);

    let error = node.send_and_confirm(&call(&node, vec![])).unwrap_err();
    assert!(matches!(error, Error::Failed(_)), "{error}");
    assert!(node.stop());
}

#[test]
fn what_was_never_sent_is_not_confirmed_and_what_is_wrong_is_refused() {
    let node = Validator::builder().no_rpc().start().unwrap();
    let timeout = Duration::from_millis(1);
    let error = node.confirm(&Default::default(), timeout).unwrap_err();
    assert!(matches!(error, Error::NotConfirmed(_)), "{error}");
    let error = node.send_bytes(vec![1, 2, 3].into()).unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
    let wallet = Keypair::new().pubkey();
    node.airdrop(&wallet, 3_000_000).unwrap();
    assert_eq!(node.balance(&wallet).unwrap(), 3_000_000);
}

static RELEASED: AtomicBool = AtomicBool::new(false);
static ENTERED: AtomicBool = AtomicBool::new(false);

fn spin(_: &Pubkey, _: &[AccountInfo], _: &[u8]) -> ProgramResult {
    ENTERED.store(true, Ordering::SeqCst);
    while !RELEASED.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    Ok(())
}

#[test]
fn a_node_stops_within_its_deadline_although_a_program_loops() {
    let node = Validator::builder().program(ID, spin).start().unwrap();
    node.send(&call(&node, vec![])).unwrap();
    while !ENTERED.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    let before = Instant::now();
    assert!(
        !node.stop_within(Duration::from_millis(300)),
        "the program cannot have ended"
    );
    assert!(
        before.elapsed() < Duration::from_secs(3),
        "{:?}",
        before.elapsed()
    );
    RELEASED.store(true, Ordering::SeqCst);
}

#[test]
fn program_files_are_on_board_beside_the_programs_that_clients_expect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program.so");
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(64, 0);
    elf[18] = 247;
    std::fs::write(&path, &elf).unwrap();
    let [fixed, upgradeable] = [1, 2].map(|n| Pubkey::new_from_array([n; 32]));
    let builder = || {
        Validator::builder()
            .no_rpc()
            .ledger(folder.path().join("ledger"))
            .program_file(fixed, &path)
            .upgradeable_program_file(upgradeable, &path, None)
    };
    let node = builder().start().unwrap();
    let account = |key: &Pubkey| node.account(key).unwrap().expect("it is on board");
    let program = account(&fixed);
    assert!(program.executable);
    assert_eq!(program.owner, sealane_sdk::loader::FINAL.id);
    assert_eq!(program.data.as_slice(), elf);
    let program = account(&upgradeable);
    assert!(program.executable);
    assert_eq!(program.owner, sealane_sdk::loader::UPGRADEABLE.id);
    let token = sealane_sdk::pubkey!("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
    assert!(account(&token).executable);
    assert!(node.stop());

    // The chain goes on with what it began with, and another file is refused.
    assert!(builder().start().unwrap().stop());
    elf[63] = 1;
    std::fs::write(&path, &elf).unwrap();
    let error = builder().start().map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::OtherGenesis(_)), "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = builder().start().map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::ProgramFile { .. }), "{error}");
}

#[test]
fn a_request_can_be_made_without_a_socket() {
    let node = crate::support::start();
    let check = |request: &str, expected: serde_json::Value| {
        let answer = node.json_rpc(request).expect("it has RPC");
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer, expected, "{request}");
    };
    check(
        r#"{"jsonrpc":"2.0","id":"a","method":"getHealth"}"#,
        json!({"jsonrpc": "2.0", "id": "a", "result": "ok"}),
    );
    check(
        r#"{"jsonrpc":"2.0","id":7,"method":"getBlock","params":[1000]}"#,
        json!({"jsonrpc": "2.0", "id": 7, "error": {
            "code": -32004, "message": "Block not available for slot 1000"
        }}),
    );
    check(
        "[",
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "Parse error"}}),
    );
    let no_rpc = Validator::builder().no_rpc().start().unwrap();
    assert_eq!(no_rpc.json_rpc("{}"), None);
}
