//! `surfnet_setAccount`, and who hears of it.

use super::{start, start_on};
use crate::support::{WebSocket, error, result, value};
use crate::transfers::{SYSTEM, transfer};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_sdk::AccountState;
use sealane_validator::{Error, Validator};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

fn account(node: &sealane_validator::ValidatorHandle, key: &str) -> Value {
    value(node, "getAccountInfo", json!([key, {"encoding": "base64"}]))
}

#[test]
fn an_account_is_set_as_far_as_the_update_says() {
    let node = start();
    let (key, owner) = (
        Pubkey::new_unique().to_string(),
        Pubkey::new_unique().to_string(),
    );
    let set = |update: Value| {
        assert_eq!(
            value(&node, "surfnet_setAccount", json!([key, update])),
            Value::Null
        );
        account(&node, &key)
    };
    // It did not exist: it gets what keeps it.
    let begun = set(json!({"owner": owner, "data": "00ffA5"}));
    let expected = |lamports: u64, owner: &str, executable: bool, data: &[u8]| {
        json!({
            "data": [BASE64_STANDARD.encode(data), "base64"],
            "executable": executable,
            "lamports": lamports,
            "owner": owner,
            "rentEpoch": u64::MAX,
            "space": data.len(),
        })
    };
    assert_eq!(begun, expected(911_760, &owner, false, &[0, 255, 0xa5]));
    let richer = set(json!({"lamports": 5, "rentEpoch": 7}));
    assert_eq!(richer, expected(5, &owner, false, &[0, 255, 0xa5]));
    let other = set(json!({"owner": SYSTEM, "executable": true, "data": ""}));
    assert_eq!(other, expected(5, SYSTEM, true, &[]));
    assert_eq!(set(json!({"lamports": 0})), Value::Null, "it is gone");
}

#[test]
fn what_was_set_is_what_the_next_transaction_finds() {
    let (node, payer) = (start(), Keypair::new());
    let key = payer.pubkey().to_string();
    value(
        &node,
        "surfnet_setAccount",
        json!([key, {"lamports": 1_000_000_000}]),
    );
    let to = Pubkey::new_unique();
    let paid = transfer(&payer, &to, 400_000_000, node.latest_blockhash());
    let signature = node.send_and_confirm(&paid).unwrap();
    assert_eq!(node.balance(&payer.pubkey()).unwrap(), 599_995_000);
    // Nobody's transaction set it: the account's history is that of transactions.
    let history = result(&node, "getSignaturesForAddress", json!([key]));
    assert_eq!(history.as_array().unwrap().len(), 1);
    assert_eq!(history[0]["signature"], json!(signature.to_string()));
    assert_eq!(result(&node, "getTransactionCount", json!([])), json!(1));
}

#[test]
fn the_handle_sets_accounts_too() {
    let node = Validator::builder().dev(true).no_rpc().start().unwrap();
    let key = Pubkey::new_unique();
    let state = AccountState {
        lamports: 7,
        data: vec![1; 20_000].into(),
        ..AccountState::default()
    };
    node.set_account(&key, state.clone()).unwrap();
    assert_eq!(node.account(&key).unwrap(), Some(state));
    let production = Validator::builder().no_rpc().start().unwrap();
    let error = production.set_account(&key, AccountState::default());
    assert!(matches!(error, Err(Error::NoOperator)), "{error:?}");
}

#[test]
fn who_watches_an_account_or_its_program_hears() {
    let node = start();
    let (key, owner) = (
        Pubkey::new_unique().to_string(),
        Pubkey::new_unique().to_string(),
    );
    let mut socket = WebSocket::connect(&node.ws_url().unwrap());
    let account = socket.subscribe("accountSubscribe", json!([key, {"encoding": "base64"}]));
    let program = socket.subscribe("programSubscribe", json!([owner, {"encoding": "base64"}]));
    value(
        &node,
        "surfnet_setAccount",
        json!([key, {"lamports": 9, "owner": owner, "data": "07"}]),
    );
    let told = socket.notified_value("accountNotification", account);
    assert_eq!(
        (&told["lamports"], &told["data"][0]),
        (&json!(9), &json!("Bw=="))
    );
    let told = socket.notified_value("programNotification", program);
    assert_eq!(
        (&told["pubkey"], &told["account"]["owner"]),
        (&json!(key), &json!(owner))
    );
}

#[test]
fn what_cannot_be_set_is_an_error_with_a_reason() {
    let node = start();
    let key = Pubkey::new_unique().to_string();
    let check = |params: Value, reason: &str| {
        let (code, message) = error(&node, "surfnet_setAccount", params);
        assert_eq!(code, -32602, "{message}");
        assert!(message.contains(reason), "{message}");
    };
    check(json!([]), "at least 1 argument");
    check(json!([key]), "at least 2 argument");
    check(json!(["x", {}]), "Invalid param: WrongSize");
    check(json!([key, {"owner": "x"}]), "Invalid param: WrongSize");
    check(
        json!([key, {"data": "abc"}]),
        "Invalid hex data provided: Odd number",
    );
    check(json!([key, {"data": "0g"}]), "Invalid character 'g'");
    check(json!([key, {"lamport": 5}]), "unknown field `lamport`");
    check(json!([SYSTEM, {"lamports": 5}]), "each slot makes it");
    let clock = "SysvarC1ock11111111111111111111111111111111";
    check(json!([clock, {"lamports": 5}]), "each slot makes it");
}

#[test]
fn what_was_set_is_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let start = || start_on(folder.path());
    let (node, key) = (start(), Pubkey::new_unique());
    let state = AccountState {
        lamports: 123_456_789,
        data: b"kept"[..].into(),
        ..AccountState::default()
    };
    node.set_account(&key, state.clone()).unwrap();
    assert!(node.stop());
    // Replayed whole, as the account files are not there.
    std::fs::remove_dir_all(folder.path().join("accounts")).unwrap();
    for _ in 0..2 {
        let node = start();
        assert_eq!(node.account(&key).unwrap(), Some(state.clone()));
        assert!(node.stop());
    }
}
