//! PubSub as frames on a socket: blocks, what happens to slots, and votes.

use crate::support::WebSocket;
use crate::transfers::transfer;
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use std::time::Duration;

fn start() -> (ValidatorHandle, WebSocket) {
    let slot = Duration::from_millis(50);
    let node = Validator::builder().slot_duration(slot).start().unwrap();
    let client = WebSocket::connect(&node.ws_url().unwrap());
    (node, client)
}

#[test]
fn a_block_subscription_hears_every_block_in_order() {
    let (_node, mut client) = start();
    let config = json!({"transactionDetails": "signatures", "commitment": "confirmed"});
    let number = client.subscribe("blockSubscribe", json!(["all", config]));
    let mut blocks = (0..3).map(|_| client.notified_value("blockNotification", number));
    let first = blocks.next().unwrap();
    assert_eq!(first["err"], Value::Null);
    let block = &first["block"];
    assert_eq!(block["blockHeight"], first["slot"]);
    assert!(block["signatures"].is_array(), "{block}");
    assert!(block.get("rewards").is_none(), "{block}");
    let (mut slot, mut blockhash) = (first["slot"].as_u64().unwrap(), block["blockhash"].clone());
    for next in blocks {
        assert_eq!(next["slot"], json!(slot + 1));
        assert_eq!(next["block"]["previousBlockhash"], blockhash);
        (slot, blockhash) = (slot + 1, next["block"]["blockhash"].clone());
    }
}

#[test]
fn a_block_subscription_to_an_address_hears_of_its_transactions_alone() {
    let (node, mut client) = start();
    let (payer, to) = (Keypair::new(), Pubkey::new_unique());
    let filter = json!({"mentionsAccountOrProgram": to.to_string()});
    let config = json!({"encoding": "json", "maxSupportedTransactionVersion": 0});
    let number = client.subscribe("blockSubscribe", json!([filter, config]));
    node.airdrop(&payer.pubkey(), 1_000_000_000).unwrap();
    let transaction = transfer(&payer, &to, 1_000_000, node.latest_blockhash());
    node.send_and_confirm(&transaction).unwrap();
    let update = client.notified_value("blockNotification", number);
    let transactions = update["block"]["transactions"].as_array().unwrap();
    let signatures: Vec<&Value> = transactions
        .iter()
        .map(|it| &it["transaction"]["signatures"][0])
        .collect();
    assert_eq!(signatures, [&json!(transaction.signatures[0].to_string())]);
}

#[test]
fn what_is_wrong_with_a_block_subscription_is_said() {
    let (_node, mut client) = start();
    for (params, message) in [
        (
            json!(["all", {"commitment": "processed"}]),
            "Method does not support commitment below `confirmed`",
        ),
        (
            json!([{"mentionsAccountOrProgram": "x"}]),
            "Invalid Request: Invalid mentions_account_or_program provided",
        ),
    ] {
        let answer = client.call("blockSubscribe", params);
        let error = &answer["error"];
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!(-32602), &json!(message))
        );
    }
}

#[test]
fn slots_updates_tell_the_life_of_a_slot() {
    let (_node, mut client) = start();
    let number = client.subscribe("slotsUpdatesSubscribe", json!([]));
    let mut next = || client.notification("slotsUpdatesNotification", number);
    // The first slot was not heard from its beginning, and is not counted.
    while next()["type"] != "createdBank" {}
    let updates: Vec<Value> = (0..5).map(|_| next()).collect();
    let kinds: Vec<&str> = updates
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "completed",
            "frozen",
            "optimisticConfirmation",
            "root",
            "createdBank"
        ]
    );
    let slot = updates[0]["slot"].as_u64().unwrap();
    assert_eq!(updates[4]["slot"], json!(slot + 1));
    assert_eq!(updates[4]["parent"], json!(slot));
    assert_eq!(
        updates[1]["stats"],
        json!({
            "maxTransactionsPerEntry": 0,
            "numFailedTransactions": 0,
            "numSuccessfulTransactions": 0,
            "numTransactionEntries": 0,
        })
    );
}

#[test]
fn votes_can_be_subscribed_to_and_never_come() {
    let (_node, mut client) = start();
    let votes = client.subscribe("voteSubscribe", json!([]));
    let slots = client.subscribe("slotSubscribe", json!([]));
    for _ in 0..3 {
        client.notification("slotNotification", slots);
    }
    assert_eq!(
        client.call("voteUnsubscribe", json!([votes]))["result"],
        json!(true)
    );
}
